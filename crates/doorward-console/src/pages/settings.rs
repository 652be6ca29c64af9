//! The form of an upstream's or identity provider's settings: for one that is added, and for one
//! that changes, with the difference before it takes effect.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use doorward_accounts::Authority;
use doorward_admin::{
    Edit, Effect, Family, Group, Input, Proposal, Reach, Refusal, Setting, SettingDifference,
    SettingsPatch,
};
use doorward_federation::{ProviderChangeError, kinds};
use doorward_gateway::{UpstreamChangeError, UpstreamConfig, upstreams};
use doorward_language::{Message, text};
use doorward_model::{id::etag, routes};
use doorward_transport::{Params, answer};
use doorward_web::{Frame, SignInTarget};
use serde_json::{Map, Value};

use crate::{
    Console,
    pages::{
        Administrator,
        applies::{self, With},
        draw, hints, pasted,
        typed_settings::{self, FIELD, route},
    },
    refusals::{Alert, alert},
};

/// The use of the form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Show what would change.
    Show,
    /// Put the change in effect.
    Apply,
    /// Add a new one.
    Add,
}

#[derive(Template)]
#[template(path = "admin_settings.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    action: &'static str,
    title: Message,
    /// The title of the list.
    list_title: Message,
    /// The name of the one that changes; `None` for a new one.
    name: Option<String>,
    /// The name of a new one, as it was typed.
    typed: String,
    seen: String,
    /// The digest of the change that is shown, so that no other one takes effect.
    shown: String,
    /// The form takes what MCP clients write about a server.
    pastes: bool,
    /// The settings that change.
    differences: Option<Vec<Differs>>,
    ends_access: bool,
    groups: Vec<Fieldset>,
}

/// A setting that changes, as a page shows it.
pub(super) struct Differs {
    pub(super) key: String,
    pub(super) before: String,
    pub(super) after: String,
}

struct Fieldset {
    title: Message,
    /// It is shown at once.
    open: bool,
    fields: Vec<Field>,
}

struct Field {
    name: &'static str,
    input: Input,
    value: String,
    /// A secret has a value, which is not shown.
    held: bool,
    choices: Vec<&'static str>,
    hint: Option<Message>,
    /// The kinds and credentials with which an empty field is shown.
    with: With,
}

/// The settings as they are before a change.
#[derive(Default)]
struct Held {
    settings: Map<String, Value>,
    etag: String,
}

fn group_title(group: Group) -> Message {
    match group {
        Group::Basics => text::settings_basics(),
        Group::SignIn => text::settings_sign_in(),
        Group::Offer => text::settings_offer(),
        Group::Authorization => text::settings_authorization(),
        Group::Claims => text::settings_claims(),
        Group::Limits => text::settings_limits(),
    }
}

/// The values of a setting that has a few, the default first where it is the empty text.
fn choices(family: Family, setting: &Setting) -> Vec<&'static str> {
    match (family, setting.name) {
        (Family::Upstream, "kind") => {
            let kinds = upstreams::KINDS.iter().filter(|kind| !kind.is_process);
            kinds.map(|kind| kind.name).collect()
        }
        (Family::Provider, "kind") => kinds::KINDS.iter().map(|kind| kind.name).collect(),
        (Family::Upstream, "auth") => UpstreamConfig::AUTH.to_vec(),
        (Family::Upstream, "approve") => vec!["auto", "manual"],
        (Family::Upstream | Family::Provider, "token_auth_method") => {
            vec!["", "client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
        }
        (Family::Provider, "sign_up") => vec!["", "open", "invited"],
        (Family::Provider, "second_factor") => vec!["never", "enrolled", "required"],
        (Family::Provider, "response_mode") => vec!["query", "form_post"],
        _ => Vec::new(),
    }
}

/// The fields of the form, filled with what was typed, or else with the values before.
fn fieldsets(
    family: Family,
    before: &Map<String, Value>,
    params: Option<&Params>,
) -> Vec<Fieldset> {
    let field = |setting: Setting| {
        let value = before.get(setting.name).unwrap_or(&setting.default);
        let typed = params.and_then(|params| params.get(&format!("{FIELD}{}", setting.name)));
        let held = setting.input == Input::Secret && *value != setting.default;
        let value = typed.map_or_else(|| setting.write(value), ToOwned::to_owned);
        let is_set = held || !value.is_empty();
        Field {
            with: if is_set { With::default() } else { applies::with(family, setting.name) },
            value,
            held,
            choices: choices(family, &setting),
            hint: hints::of(family, setting.name),
            name: setting.name,
            input: setting.input,
        }
    };
    let set = |(group, settings): (Group, Vec<Setting>)| Fieldset {
        title: group_title(group),
        open: group == Group::Basics,
        fields: settings.into_iter().map(field).collect(),
    };
    family.settings().into_iter().map(set).collect()
}

/// The settings that change, as a page shows them.
pub(super) fn differs(edit: &Edit) -> Vec<Differs> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let one = |one: &SettingDifference| Differs {
        key: one.key.clone(),
        before: text(&one.before),
        after: text(&one.after),
    };
    edit.differences.iter().map(one).collect()
}

/// The name of the form, for its token.
fn purpose(family: Family) -> &'static str {
    match family {
        Family::Upstream => "tools",
        Family::Provider => "providers",
    }
}

/// The etag of the settings in effect of one that was added.
async fn etag_of(console: &Console, family: Family, name: &str) -> Result<Option<String>, Refusal> {
    match family {
        Family::Upstream => {
            let upstream = console.admin.upstreams.named(name).await?;
            console.admin.upstreams.etag(&upstream).await
        }
        Family::Provider => {
            let provider = console.admin.providers.named(name).await?;
            console.admin.providers.etag(&provider).await
        }
    }
}

/// The path of the page of an upstream or identity provider.
pub(super) fn page_of(family: Family, name: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    match family {
        Family::Upstream => routes::ADMIN_UPSTREAM.replace("{upstream}", &name),
        Family::Provider => format!("{}?provider={name}", routes::ADMIN_PROVIDERS),
    }
}

/// The path of the page that confirms saved settings. It names their state, so that the page
/// confirms only settings that are still in effect.
async fn saved_page(console: &Console, family: Family, name: &str) -> String {
    let path = page_of(family, name);
    let separator = if path.contains('?') { '&' } else { '?' };
    match etag_of(console, family, name).await {
        Ok(Some(etag)) => format!("{path}{separator}saved={etag}"),
        Ok(None) | Err(_) => path,
    }
}

/// The message that the settings which a page was asked for are in effect.
pub(super) async fn saved(
    console: &Console,
    family: Family,
    name: &str,
    params: &Params,
) -> Option<Message> {
    let saved = params.get("saved")?;
    let etag = etag_of(console, family, name).await.ok()??;
    (etag == saved).then(text::settings_saved)
}

async fn held(console: &Console, family: Family, name: &str) -> Result<Held, Refusal> {
    let (settings, etag) = match family {
        Family::Upstream => {
            let upstream = console.admin.upstreams.named(name).await?;
            let etag = console.admin.upstreams.etag(&upstream).await?;
            (serde_json::to_value(upstream.public_config()), etag)
        }
        Family::Provider => {
            let provider = console.admin.providers.named(name).await?;
            let etag = console.admin.providers.etag(&provider).await?;
            (serde_json::to_value(provider.settings()), etag)
        }
    };
    // One of the configuration file has no state that could be changed here.
    let etag = etag.ok_or_else(|| match family {
        Family::Upstream => Refusal::Upstream(UpstreamChangeError::InFile(name.to_owned())),
        Family::Provider => Refusal::Provider(ProviderChangeError::InFile(name.to_owned())),
    })?;
    match settings {
        Ok(Value::Object(settings)) => Ok(Held { settings, etag }),
        Ok(_) => Ok(Held { settings: Map::new(), etag }),
        Err(_) => Err(Refusal::Settings("the settings cannot be written".to_owned())),
    }
}

/// A form that was sent.
struct Sent<'a> {
    family: Family,
    authority: &'a Authority,
    name: &'a str,
    patch: Map<String, Value>,
}

impl Sent<'_> {
    /// The digest of a change that is shown.
    fn digest(&self, seen: &str) -> String {
        let patch = Value::Object(self.patch.clone()).to_string();
        etag(&[self.name, seen, &patch])
    }

    async fn edit(&self, console: &Console, seen: &str, effect: Effect) -> Result<Edit, Refusal> {
        let change = SettingsPatch { settings: self.patch.clone(), reach: Reach::Administered };
        let proposal = Proposal { of: self.name, change: &change, seen: Some(seen), effect };
        match self.family {
            Family::Upstream => console.admin.upstreams.edit(proposal).await,
            Family::Provider => console.admin.providers.edit(self.authority, proposal).await,
        }
    }

    async fn add(self, console: &Console) -> Result<(), Refusal> {
        match self.family {
            Family::Upstream => {
                let upstreams = &console.admin.upstreams;
                upstreams.add(self.name, self.patch, Reach::Administered).await.map(drop)
            }
            Family::Provider => {
                let providers = &console.admin.providers;
                providers.add(self.authority, self.name, self.patch, Reach::Administered).await?;
                Ok(())
            }
        }
    }
}

/// The answer to a form, with its contents.
#[derive(Default)]
struct Feedback<'a> {
    status: StatusCode,
    error: Option<Alert>,
    params: Option<&'a Params>,
    edit: Option<Edit>,
    digest: String,
}

/// The object of a form; without a name for a new one.
#[derive(Clone, Copy)]
struct Target<'a> {
    family: Family,
    name: Option<&'a str>,
}

fn show(
    console: &Console,
    administrator: &Administrator,
    Target { family, name }: Target<'_>,
    held: &Held,
    feedback: Feedback<'_>,
) -> Response {
    let title = match (family, name) {
        (_, Some(name)) => text::settings_of(name),
        (Family::Upstream, None) => text::settings_add_upstream(),
        (Family::Provider, None) => text::admin_provider_add(),
    };
    let browser = &administrator.0.browser;
    let page = Page {
        frame: console.web.frame(Some(browser)),
        tab: match family {
            Family::Upstream => "upstreams",
            Family::Provider => "providers",
        },
        csrf: console.web.csrf(browser, purpose(family)),
        error: feedback.error,
        action: route(family),
        title,
        list_title: match family {
            Family::Upstream => text::console_services(),
            Family::Provider => text::common_identity_providers(),
        },
        name: name.map(ToOwned::to_owned),
        typed: feedback.params.and_then(|params| params.get("name")).unwrap_or_default().to_owned(),
        seen: held.etag.clone(),
        shown: feedback.digest,
        ends_access: feedback.edit.as_ref().is_some_and(|edit| edit.ends_access),
        pastes: family == Family::Upstream && name.is_none(),
        differences: feedback.edit.as_ref().map(differs),
        groups: fieldsets(family, &held.settings, feedback.params),
    };
    draw(feedback.status, &page)
}

/// The page to show, or the alert of a refusal that is about no form.
pub(super) type Drawn = Result<Response, Alert>;

fn refused(console: &Console, refusal: &Refusal) -> Drawn {
    match alert(console, refusal) {
        Ok(alert) => Err(alert),
        Err(response) => Ok(response),
    }
}

/// The form as it was typed before a sign-in, to which the browser returns.
fn typed(family: Family, params: &Params) -> Feedback<'_> {
    Feedback { params: typed_settings::plain(family, params), ..Feedback::default() }
}

/// The form that a query asks for: `add`, or `edit` with a name. `None` if it asks for none.
pub(super) async fn asked(
    console: &Console,
    administrator: &Administrator,
    family: Family,
    params: &Params,
) -> Option<Drawn> {
    if params.get("add").is_some() {
        let (target, feedback) = (Target { family, name: None }, typed(family, params));
        return Some(Ok(show(console, administrator, target, &Held::default(), feedback)));
    }
    let name = params.get("edit")?;
    Some(match held(console, family, name).await {
        Ok(held) => {
            let target = Target { family, name: Some(name) };
            Ok(show(console, administrator, target, &held, typed(family, params)))
        }
        Err(refusal) => refused(console, &refusal),
    })
}

/// Shows the form for a new one, filled from what MCP clients write about a server.
fn filled_in(
    console: &Console,
    administrator: &Administrator,
    family: Family,
    params: &Params,
) -> Response {
    let (fields, error) = match pasted::fields(params.get("pasted").unwrap_or_default()) {
        Ok(fields) => (fields, None),
        Err(told) => (Vec::new(), Some(Alert::incomplete(told))),
    };
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let typed = Params::from_query(Some(&query)).unwrap_or_default();
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let feedback = Feedback { status, error, params: Some(&typed), ..Feedback::default() };
    show(console, administrator, Target { family, name: None }, &Held::default(), feedback)
}

/// Takes the form. `None` if another one was sent.
pub(super) async fn sent(
    console: &Console,
    administrator: &Administrator,
    family: Family,
    params: &Params,
) -> Option<Drawn> {
    if family == Family::Upstream && params.get("do") == Some("paste") {
        return Some(Ok(filled_in(console, administrator, family, params)));
    }
    let step = match params.get("do")? {
        "show" => Step::Show,
        "apply" => Step::Apply,
        "create" => Step::Add,
        _ => return None,
    };
    let name = params.get("name").unwrap_or_default().trim();
    let before = match step {
        Step::Add => Ok(Held::default()),
        Step::Show | Step::Apply => held(console, family, name).await,
    };
    let before = match before {
        Ok(before) => before,
        Err(refusal) => return Some(refused(console, &refusal)),
    };
    let target = Target { family, name: (step != Step::Add).then_some(name) };
    let page = typed_settings::page(family, target.name, &before.settings, params);
    let page = SignInTarget::page(&page);
    let authority = match console.web.authority(&administrator.0.visitor, &page).await {
        Ok(authority) => authority,
        Err(response) => return Some(Ok(response)),
    };
    let form = |key: &str| params.get(&format!("{FIELD}{key}"));
    let taken = match family.changed(&before.settings, form) {
        Ok(patch) => {
            let sent = Sent { family, authority: &authority, name, patch };
            take(console, sent, step, params).await
        }
        Err(refusal) => Err(refusal),
    };
    let feedback = match taken {
        Ok(None) => {
            let page = saved_page(console, family, name).await;
            return Some(Ok(answer::see_other(&console.web.at(&page))));
        }
        Ok(Some((edit, digest))) => {
            Feedback { edit: Some(edit), digest, params: Some(params), ..Feedback::default() }
        }
        Err(refusal) => match alert(console, &refusal) {
            Ok(alert) => Feedback {
                status: alert.status,
                error: Some(alert),
                params: Some(params),
                ..Feedback::default()
            },
            Err(response) => return Some(Ok(response)),
        },
    };
    // A change that is shown again is about the state that was seen, until it is refused.
    let seen = params.get("seen").filter(|_| feedback.error.is_none());
    let before = Held { etag: seen.map_or(before.etag, ToOwned::to_owned), ..before };
    Some(Ok(show(console, administrator, target, &before, feedback)))
}

/// Adds, changes, or answers the change to show with its digest. A change takes effect only if it is
/// the one that was shown.
async fn take(
    console: &Console,
    sent: Sent<'_>,
    step: Step,
    params: &Params,
) -> Result<Option<(Edit, String)>, Refusal> {
    let seen = params.get("seen").unwrap_or_default();
    let digest = sent.digest(seen);
    match step {
        Step::Add => sent.add(console).await.map(|()| None),
        Step::Apply if params.get("shown") == Some(digest.as_str()) => {
            sent.edit(console, seen, Effect::Apply).await.map(|_| None)
        }
        Step::Show | Step::Apply => {
            let edit = sent.edit(console, seen, Effect::Show).await?;
            Ok(Some((edit, digest)))
        }
    }
}
