//! Administration of trust rules, by which workloads act as services.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{Effect, Listed, NewTrust, Proposal, Refusal, TrustChange};
use doorward_language::{Message, text};
use doorward_model::{Client, routes};
use doorward_transport::Params;
use doorward_web::table::{Badge, Cell, Column, Row, Target};
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, form};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        scopes::SERVICE_SCOPES,
        sure::{self, Question},
    },
    refusals::{Alert, oops},
};

/// The form for another rule, or the page of a rule with the form that changes it.
#[derive(Template)]
#[template(path = "admin_trust_rule.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    /// The rule that the form changes; `None` for a new one.
    changed: Option<Changed>,
    fields: Fields,
    public_url: String,
}

/// The rule that a form changes.
struct Changed {
    id: String,
    /// The path of its client.
    client: String,
    name: String,
    seen: String,
    issuer: String,
    blocked: bool,
}

/// The fields of the form.
#[derive(Default)]
struct Fields {
    name: String,
    service: String,
    issuer: String,
    audience: String,
    subject: String,
    claims: String,
    jwks_uri: String,
    jwks: String,
    reusable: bool,
    scopes: Vec<(String, bool)>,
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn claim_lines(claims: &BTreeMap<String, String>) -> Vec<String> {
    claims.iter().map(|(name, pattern)| format!("{name}={pattern}")).collect()
}

impl Fields {
    fn empty() -> Self {
        let scopes = SERVICE_SCOPES.iter().enumerate();
        let scopes = scopes.map(|(at, scope)| ((*scope).to_owned(), at == 0)).collect();
        Self { scopes, ..Self::default() }
    }

    /// The fields of a rule. Its scopes besides those that the form offers are offered too.
    fn of(client: &Client) -> Option<Self> {
        let rule = client.trust.as_ref()?;
        let held: Vec<String> =
            client.scopes.iter().map(|scope| scope.name().to_string()).collect();
        let offered = SERVICE_SCOPES.iter().map(|scope| (*scope).to_owned());
        let others = held.iter().filter(|name| !SERVICE_SCOPES.contains(&name.as_str())).cloned();
        let scopes =
            offered.chain(others).map(|name| (name.clone(), held.contains(&name))).collect();
        Some(Self {
            name: client.name.clone(),
            service: String::new(),
            issuer: rule.issuer.issuer.clone(),
            audience: rule.audience.clone(),
            subject: rule.subject.clone(),
            claims: claim_lines(&rule.claims).join("\n"),
            jwks_uri: rule.issuer.jwks_uri.clone().unwrap_or_default(),
            jwks: rule.issuer.jwks.clone().unwrap_or_default(),
            reusable: rule.reusable,
            scopes,
        })
    }

    /// The fields as they were sent.
    fn sent(params: &Params, before: Self) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        let is_set = |name: &str| params.get(&format!("scope-{name}")).is_some();
        Self {
            name: text("name"),
            service: text("service"),
            issuer: text("issuer"),
            audience: text("audience"),
            subject: text("subject"),
            claims: text("claims"),
            jwks_uri: text("jwks_uri"),
            jwks: text("jwks"),
            reusable: params.get("reusable").is_some(),
            scopes: before
                .scopes
                .into_iter()
                .map(|(name, _)| (name.clone(), is_set(&name)))
                .collect(),
        }
    }

    fn chosen(&self) -> Vec<String> {
        self.scopes.iter().filter(|(_, set)| *set).map(|(name, _)| name.clone()).collect()
    }

    /// The parts of a rule that they name.
    fn change(&self) -> Result<TrustChange, Refusal> {
        let mut claims = BTreeMap::new();
        for line in self.claims.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, pattern) = line
                .split_once('=')
                .ok_or_else(|| Refusal::Settings(format!("claims: {line}: NAME=PATTERN")))?;
            claims.insert(name.trim().to_owned(), pattern.trim().to_owned());
        }
        let jwks = (!self.jwks.is_empty())
            .then(|| serde_json::from_str(&self.jwks).map_err(|_| Refusal::Keys))
            .transpose()?;
        Ok(TrustChange {
            name: Some(self.name.clone()),
            scopes: Some(self.chosen()),
            jwks_uri: Some(self.jwks_uri.clone()),
            jwks,
            audience: Some(self.audience.clone()).filter(|text| !text.is_empty()),
            subject: Some(self.subject.clone()),
            claims: Some(claims),
            reusable: Some(self.reusable),
        })
    }
}

/// The rules, each with its client.
struct TrustRows;

/// The orders of the list.
const ORDER: [SortKey<Client>; 2] =
    [by("name", |client| client.name.clone()), by("issuer", issuer)];

fn issuer(client: &Client) -> String {
    client.trust.as_ref().map(|rule| rule.issuer.issuer.clone()).unwrap_or_default()
}

fn subject(client: &Client) -> String {
    client.trust.as_ref().map(|rule| rule.subject.clone()).unwrap_or_default()
}

/// The fields that the form for another rule keeps.
const TYPED: [&str; 9] =
    ["add", "name", "service", "issuer", "audience", "subject", "claims", "jwks_uri", "scope-*"];

/// The path of the page of a rule.
fn page_of(id: &str) -> String {
    format!("{}?rule={}", routes::ADMIN_TRUST, encoded(id))
}

impl Rows for TrustRows {
    type Query = InMemory;
    type Row = Client;

    const TAB: &'static str = "trust";
    const NAME: &'static str = "trust";

    fn path(&self) -> String {
        routes::ADMIN_TRUST.to_owned()
    }

    fn title(&self) -> Message {
        text::admin_trust()
    }

    fn add(&self) -> Option<Message> {
        Some(text::admin_trust_add())
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_trust())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::console_issuer(), "issuer"),
            Column::plain(text::console_subject()),
            Column::plain(text::admin_client_scopes()),
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, client: &Client) -> Row {
        let blocked = client.disabled_at.is_some();
        let state = if blocked { text::admin_client_state_blocked() } else { text::common_on() };
        let cells = [
            Cell::Text(issuer(client)),
            Cell::Text(subject(client)),
            Cell::Text(client.scopes.to_string()),
            Cell::Badges(vec![Badge::new(state, !blocked)]),
        ];
        let id = client.id.to_string();
        Row::linked(id.clone(), client.name.clone(), Target::page(page_of(&id)), cells)
    }

    fn none(&self) -> Message {
        text::admin_trust_none()
    }

    async fn part(&self, console: &Console, asked: InMemory) -> Result<Listed<Client>, Refusal> {
        let mut rows = console.admin.trusts.all().await?;
        rows.retain(|client| {
            client.trust.is_some()
                && asked.finds(&[&client.name, &issuer(client), &subject(client)])
        });
        asked.part(rows, &ORDER, |client| client.id.to_string())
    }
}

async fn show_list(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    list::show(console, administrator, &TrustRows, params, feedback).await
}

/// The form for a rule.
struct Form {
    /// The rule that it changes; `None` for another one.
    changed: Option<Changed>,
    fields: Fields,
}

impl Form {
    /// The form for another rule.
    fn added(fields: Fields) -> Self {
        Self { changed: None, fields }
    }
}

/// Shows the form for a rule, as it was filled in.
fn show_form(
    console: &Console,
    administrator: &Administrator,
    Form { changed, fields }: Form,
    Feedback { status, message, error, .. }: Feedback,
) -> Response {
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "trust",
        csrf: console.web.csrf(&administrator.0.browser, "trust"),
        message,
        error,
        changed,
        fields,
        public_url: console.web.at(""),
    };
    draw(status, &page)
}

/// The form that changes a rule.
async fn form_of(console: &Console, id: &str) -> Result<Form, Refusal> {
    let client = console.admin.trusts.with_id(id).await?;
    let fields = Fields::of(&client).unwrap_or_else(Fields::empty);
    let changed = Changed {
        id: client.id.to_string(),
        client: format!("{}?client_id={}", routes::ADMIN_CLIENT, encoded(client.id.as_str())),
        name: client.name.clone(),
        seen: client.etag(),
        issuer: fields.issuer.clone(),
        blocked: client.disabled_at.is_some(),
    };
    Ok(Form { changed: Some(changed), fields })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let form = match params.get("rule") {
        Some(id) => match form_of(&console, id).await {
            Ok(form) => Some(form),
            Err(refusal) => return oops(&refusal).draw(&console.web),
        },
        None if params.get("name").is_some() => {
            Some(Form::added(Fields::sent(&params, Fields::empty())))
        }
        None => params.get("add").map(|_| Form::added(Fields::empty())),
    };
    match form {
        Some(form) => show_form(&console, &administrator, form, Feedback::default()),
        None => show_list(&console, &administrator, &params, Feedback::default()).await,
    }
}

async fn add(
    console: &Console,
    authority: &Authority,
    fields: &Fields,
) -> Result<(String, Message), Refusal> {
    let new = NewTrust {
        name: fields.name.clone(),
        service: fields.service.clone(),
        scopes: fields.chosen(),
        issuer: fields.issuer.clone(),
        more: fields.change()?,
    };
    let added = console.admin.trusts.add(authority, new).await?;
    Ok((added.id.to_string(), text::admin_trust_added()))
}

async fn save(
    console: &Console,
    authority: &Authority,
    id: &str,
    seen: &str,
    fields: &Fields,
) -> Result<(String, Message), Refusal> {
    let change = fields.change()?;
    let proposal = Proposal { of: id, change: &change, seen: Some(seen), effect: Effect::Apply };
    console.admin.trusts.edit(authority, proposal).await?;
    Ok((id.to_owned(), text::admin_trust_changed()))
}

/// Deletes a rule once the administrator confirmed it.
async fn delete(
    console: &Console,
    administrator: &Administrator,
    id: &str,
    seen: &str,
    params: &Params,
) -> Response {
    if !sure::is_sure(params) {
        let effects = vec![text::admin_trust_delete_sure()];
        let (title, rules) = (text::console_delete_trust(), vec![id.to_owned()]);
        let question = Question::deletion("trust", routes::ADMIN_TRUST, title, effects, rules);
        return sure::ask(console, administrator, params, question);
    }
    let deleted = console.admin.trusts.delete(id, Some(seen)).await;
    match Feedback::of(console, deleted.map(|()| text::admin_trust_deleted())) {
        Ok(feedback) => show_list(console, administrator, &Params::default(), feedback).await,
        Err(response) => response,
    }
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "trust", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    // The fields are kept over the sign-in, apart from keys, which are too long for a URL.
    let next = filled(routes::ADMIN_TRUST, &params, &TYPED);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let (id, seen) =
        (params.get("rule").unwrap_or_default(), params.get("seen").unwrap_or_default());
    let (done, form) = match params.get("do") {
        Some("add") => {
            let fields = Fields::sent(&params, Fields::empty());
            (add(&console, &authority, &fields).await, Form::added(fields))
        }
        Some("save") => {
            let Form { changed, fields: before } = match form_of(&console, id).await {
                Ok(form) => form,
                Err(refusal) => return oops(&refusal).draw(&console.web),
            };
            let fields = Fields::sent(&params, before);
            (save(&console, &authority, id, seen, &fields).await, Form { changed, fields })
        }
        Some("delete") => return delete(&console, &administrator, id, seen, &params).await,
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    match done {
        Ok((id, told)) => {
            let feedback = Feedback::done(told).about(vec![id]);
            show_list(&console, &administrator, &Params::default(), feedback).await
        }
        Err(refusal) => match Feedback::of(&console, Err(refusal)) {
            Ok(feedback) => show_form(&console, &administrator, form, feedback),
            Err(response) => response,
        },
    }
}
