//! Administration of trust rules, by which workloads act as services.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{Effect, NewTrust, Proposal, Refusal, TrustChange};
use doorward_language::{Message, text};
use doorward_model::{Client, routes};
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, SignInTarget, form};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        scopes::SERVICE_SCOPES,
        sure::{self, Question},
    },
    refusals::{Alert, alert, oops},
};

#[derive(Template)]
#[template(path = "admin_trust.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    rules: Vec<Row>,
    /// The rule that the form changes; `None` for a new one.
    changed: Option<Changed>,
    fields: Fields,
    public_url: String,
}

struct Row {
    id: String,
    link: String,
    name: String,
    issuer: String,
    audience: String,
    subject: String,
    claims: Vec<String>,
    reusable: bool,
    blocked: bool,
    scopes: String,
    etag: String,
}

/// The rule that a form changes.
struct Changed {
    id: String,
    seen: String,
    issuer: String,
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

fn row(client: &Client) -> Option<Row> {
    let rule = client.trust.as_ref()?;
    Some(Row {
        id: client.id.to_string(),
        link: encoded(client.id.as_str()),
        name: client.name.clone(),
        issuer: rule.issuer.issuer.clone(),
        audience: rule.audience.clone(),
        subject: rule.subject.clone(),
        claims: claim_lines(&rule.claims),
        reusable: rule.reusable,
        blocked: client.disabled_at.is_some(),
        scopes: client.scopes.to_string(),
        etag: client.etag(),
    })
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

#[derive(Default)]
struct Say {
    status: StatusCode,
    message: Option<Message>,
    error: Option<Alert>,
    /// The form as it was sent.
    form: Option<(Option<Changed>, Fields)>,
}

async fn show(console: &Console, administrator: &Administrator, say: Say) -> Response {
    let clients = match console.admin.trusts.all().await {
        Ok(clients) => clients,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let (changed, fields) = say.form.unwrap_or_else(|| (None, Fields::empty()));
    // Beside the form that changes a rule, that rule alone.
    let shown = changed.as_ref().map(|changed: &Changed| changed.id.clone());
    let is_listed = |client: &Client| shown.as_ref().is_none_or(|id| client.id.as_str() == id);
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "trust",
        csrf: console.web.csrf(&administrator.0.browser, "trust"),
        message: say.message,
        error: say.error,
        rules: clients.iter().filter(|client| is_listed(client)).filter_map(row).collect(),
        changed,
        fields,
        public_url: console.web.at(""),
    };
    draw(say.status, &page)
}

/// The form that changes a rule.
async fn form_of(console: &Console, id: &str) -> Result<(Option<Changed>, Fields), Refusal> {
    let client = console.admin.trusts.with_id(id).await?;
    let fields = Fields::of(&client).unwrap_or_else(Fields::empty);
    let changed =
        Changed { id: client.id.to_string(), seen: client.etag(), issuer: fields.issuer.clone() };
    Ok((Some(changed), fields))
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let say = match params.get("rule") {
        None => Say::default(),
        Some(id) => match form_of(&console, id).await {
            Ok(form) => Say { form: Some(form), ..Say::default() },
            Err(refusal) => return oops(&refusal).draw(&console.web),
        },
    };
    show(&console, &administrator, say).await
}

async fn add(console: &Console, authority: &Authority, fields: &Fields) -> Result<Say, Refusal> {
    let new = NewTrust {
        name: fields.name.clone(),
        service: fields.service.clone(),
        scopes: fields.chosen(),
        issuer: fields.issuer.clone(),
        more: fields.change()?,
    };
    console.admin.trusts.add(authority, new).await?;
    Ok(Say { message: Some(text::admin_trust_added()), ..Say::default() })
}

async fn save(
    console: &Console,
    authority: &Authority,
    (id, seen): (&str, &str),
    fields: &Fields,
) -> Result<Say, Refusal> {
    let change = fields.change()?;
    let proposal = Proposal { of: id, change: &change, seen: Some(seen), effect: Effect::Apply };
    console.admin.trusts.edit(authority, proposal).await?;
    Ok(Say { message: Some(text::admin_trust_changed()), ..Say::default() })
}

async fn delete(console: &Console, id: &str, seen: &str) -> Result<Say, Refusal> {
    console.admin.trusts.delete(id, Some(seen)).await?;
    Ok(Say { message: Some(text::admin_trust_deleted()), ..Say::default() })
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
    let authority = match console
        .web
        .authority(&administrator.0.visitor, &SignInTarget::page(routes::ADMIN_TRUST))
        .await
    {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let (id, seen) =
        (params.get("rule").unwrap_or_default(), params.get("seen").unwrap_or_default());
    let (done, form) = match params.get("do") {
        Some("add") => {
            let fields = Fields::sent(&params, Fields::empty());
            (add(&console, &authority, &fields).await, Some((None, fields)))
        }
        Some("save") => {
            let (changed, before) = match form_of(&console, id).await {
                Ok(form) => form,
                Err(refusal) => return oops(&refusal).draw(&console.web),
            };
            let fields = Fields::sent(&params, before);
            (save(&console, &authority, (id, seen), &fields).await, Some((changed, fields)))
        }
        Some("delete") if params.get("sure").is_some() => (delete(&console, id, seen).await, None),
        Some("delete") => {
            let question = Question {
                tab: "trust",
                title: text::console_delete_trust(),
                effects: vec![text::admin_trust_delete_sure()],
                objects: vec![id.to_owned()],
                button: text::common_delete(),
                action: routes::ADMIN_TRUST.to_owned(),
                back: routes::ADMIN_TRUST.to_owned(),
            };
            return sure::ask(&console, &administrator, &params, question);
        }
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    match done.map_err(|refusal| alert(&console, &refusal)) {
        Ok(say) => show(&console, &administrator, say).await,
        Err(Ok((status, alert))) => {
            let say = Say { status, error: Some(alert), form, ..Say::default() };
            show(&console, &administrator, say).await
        }
        Err(Err(response)) => response,
    }
}
