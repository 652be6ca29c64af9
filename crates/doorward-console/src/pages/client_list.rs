//! The administrators' list of clients: search, actions on several of them, and the forms for more.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{
    ClientDecision, ClientList, ClientQuota, Kind, Listed, NewClient, NewService, Refusal,
};
use doorward_language::{Message, text};
use doorward_model::{Client, ClientRules, ClientSource, routes};
use doorward_transport::Params;
use doorward_web::table::{self, Cell, Column, Filter, Target};
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, filters, form};

use crate::{
    Console,
    pages::{
        Administrator,
        clients::{Row, row},
        draw,
        list::{self, Feedback, ListView, Parts, Rows},
        relying::{OpenIdForm, typed_rules},
        scopes::service_scopes,
        sure::{self, Question},
    },
    refusals::{Alert, alert, oops},
};

#[derive(Template)]
#[template(path = "admin_clients.html")]
struct ListPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    parts: Parts,
    added: Option<Added>,
    registered: u64,
    quota: ClientQuota,
}

/// The forms for another client.
#[derive(Template)]
#[template(path = "admin_client_add.html")]
struct AddPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    service_scopes: Vec<String>,
    typed: Typed,
}

/// The contents of the forms as they were typed.
#[expect(clippy::struct_excessive_bools, reason = "each is a check box")]
struct Typed {
    /// The form for a service was sent.
    service_form: bool,
    name: String,
    redirect_uris: String,
    confidential: bool,
    admin: bool,
    openid: bool,
    party: OpenIdForm,
    rules: ClientRules,
    service: String,
    jwks: String,
}

/// A client that was added.
struct Added {
    id: String,
    /// Its secret, shown once.
    secret: Option<String>,
}

/// The clients.
struct ClientRows {
    /// Clients must be approved.
    approval: bool,
}

/// The source of clients, in a word.
fn source(source: ClientSource) -> Message {
    match source {
        ClientSource::Administrator => text::console_source_administrator(),
        ClientSource::MetadataDocument => text::console_source_document(),
        ClientSource::Registration => text::console_source_registration(),
    }
}

impl Rows for ClientRows {
    type Query = ClientList;
    type Row = Client;

    const TAB: &'static str = "clients";
    const NAME: &'static str = "clients";
    const FILTERS: &'static [&'static str] = &["source", "state"];

    fn path(&self) -> String {
        routes::ADMIN_CLIENTS.to_owned()
    }

    fn title(&self) -> Message {
        text::admin_clients()
    }

    fn add(&self) -> Option<Message> {
        Some(text::admin_client_add())
    }

    fn none(&self) -> Message {
        text::console_clients_none()
    }

    fn search(&self) -> Option<Message> {
        Some(text::admin_client_search())
    }

    fn filters(&self) -> Vec<Filter> {
        let sources = vec![
            ("administrator", source(ClientSource::Administrator)),
            ("metadata_document", source(ClientSource::MetadataDocument)),
            ("registration", source(ClientSource::Registration)),
        ];
        let states = vec![
            ("blocked", text::admin_client_state_blocked()),
            ("unapproved", text::console_clients_unapproved()),
            ("unused", text::console_clients_unused()),
        ];
        vec![
            Filter::choice("source", text::console_any_source(), sources),
            Filter::choice("state", text::console_any_state(), states),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::plain(text::console_client_id()),
            Column::plain(text::admin_client_source()),
            Column::sorted(text::common_since(), "created"),
            Column::plain(text::admin_client_first_allowed()),
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, client: &Client) -> table::Row {
        let Row { id, link, name, since, authorized, states, .. } = row(client, self.approval);
        let path = format!("{}?client_id={link}", routes::ADMIN_CLIENT);
        let cells = [
            Cell::Id(id.clone()),
            Cell::Text(source(client.source).to_string()),
            Cell::Time(since),
            Cell::Time(authorized),
            Cell::Badges(states),
        ];
        table::Row::linked(id, name, Target::page(path), cells)
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        let approve = self.approval.then(|| ("approve", text::admin_client_approve()));
        let others =
            [("block", text::admin_client_block()), ("unblock", text::admin_client_unblock())];
        approve.into_iter().chain(others).collect()
    }

    async fn part(&self, console: &Console, asked: ClientList) -> Result<Listed<Client>, Refusal> {
        console.admin.clients.list(&asked).await
    }
}

/// Shows the list that `params` ask for.
async fn show_list(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
    added: Option<Added>,
) -> Response {
    let quota = console.admin.clients.quota();
    let rows = ClientRows { approval: quota.approval };
    let shown = list::parts(console, administrator, &rows, params, feedback).await;
    let ListView { status, parts, rows: _ } = match shown {
        Ok(shown) => shown,
        Err(response) => return response,
    };
    let registered = match console.store.count_clients(ClientSource::Registration).await {
        Ok(registered) => registered,
        Err(error) => return ErrorPage::unavailable(&error).draw(&console.web),
    };
    let page = ListPage {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "clients",
        csrf: console.web.csrf(&administrator.0.browser, "clients"),
        parts,
        added,
        registered,
        quota,
    };
    draw(status, &page)
}

/// The fields of the forms for another client, which are kept over a sign-in.
const FIELDS: &[&str] = &[
    "do",
    "name",
    "redirect_uris",
    "confidential",
    "admin",
    "openid",
    "pairwise",
    "signed_userinfo",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "service",
    "jwks",
];

/// Shows the forms for another client, with the values as they were typed.
async fn show_add(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    error: Option<Alert>,
) -> Response {
    let external = match console.store.external_resources().await {
        Ok(external) => external,
        Err(error) => return ErrorPage::unavailable(&error).draw(&console.web),
    };
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let status = error.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let page = AddPage {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "clients",
        csrf: console.web.csrf(&administrator.0.browser, "clients"),
        error,
        service_scopes: service_scopes(&external),
        typed: Typed {
            service_form: params.get("do") == Some("add-service"),
            name: text("name"),
            redirect_uris: text("redirect_uris"),
            confidential: params.get("confidential").is_some(),
            admin: params.get("admin").is_some(),
            openid: params.get("openid").is_some(),
            party: OpenIdForm::fields(params),
            rules: typed_rules(params),
            service: text("service"),
            jwks: text("jwks"),
        },
    };
    draw(status, &page)
}

/// Carries a decision out on the selected clients, one after another, and says how many it was done
/// to and the first refusal.
async fn decide_selected(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    decision: ClientDecision,
) -> Response {
    let keys = table::selected(params);
    if decision == ClientDecision::Block && !keys.is_empty() && !sure::is_sure(params) {
        let mut objects = Vec::new();
        for key in &keys {
            match console.admin.clients.with_id(key).await {
                Ok(client) => objects.push(client.name.clone()),
                Err(refusal) if refusal.kind() == Kind::Missing => {}
                Err(refusal) => return oops(&refusal).draw(&console.web),
            }
        }
        let question = Question {
            tab: "clients",
            title: text::console_block_clients(objects.len()),
            effects: vec![text::console_block_clients_effect()],
            objects,
            button: text::admin_client_block(),
            action: routes::ADMIN_CLIENTS.to_owned(),
            back: routes::ADMIN_CLIENTS.to_owned(),
        };
        return sure::ask(console, administrator, params, question);
    }
    let (mut changed, mut refused) = (Vec::new(), None);
    for key in keys {
        match console.admin.clients.decide(&key, decision, None).await {
            Ok(_) => changed.push(key),
            Err(refusal) if refusal.kind() == Kind::Missing => {}
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match Feedback::of_several(console, text::console_clients_changed(changed.len()), refused) {
        Ok(feedback) => {
            let (returned, feedback) = (table::returned(params), feedback.about(changed));
            show_list(console, administrator, &returned, feedback, None).await
        }
        Err(response) => response,
    }
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if params.get("add").is_some() {
        return show_add(&console, &administrator, &params, None).await;
    }
    show_list(&console, &administrator, &params, Feedback::default(), None).await
}

/// A client of the code flow, as the form names it.
fn new_client(params: &Params) -> NewClient {
    let uris = params.get("redirect_uris").unwrap_or_default();
    NewClient {
        name: params.get("name").unwrap_or_default().to_owned(),
        redirect_uris: uris.split_whitespace().map(ToOwned::to_owned).collect(),
        auth_method: params.get("confidential").map(|_| "client_secret_basic".to_owned()),
        admin: params.get("admin").is_some(),
        openid: OpenIdForm::typed(params).map(|form| form.wanted()),
        rules: typed_rules(params),
    }
}

/// A client of a service, as the form names it. With keys it proves itself by them.
fn new_service(params: &Params) -> Result<NewService, Refusal> {
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let keys = text("jwks");
    let jwks = (!keys.is_empty())
        .then(|| serde_json::from_str(&keys).map_err(|_| Refusal::Keys))
        .transpose()?;
    Ok(NewService {
        name: text("name"),
        service: text("service"),
        scopes: params
            .names()
            .filter_map(|name| name.strip_prefix("scope-"))
            .map(ToOwned::to_owned)
            .collect(),
        auth_method: jwks.is_some().then(|| "private_key_jwt".to_owned()),
        jwks,
        jwks_uri: None,
        rules: typed_rules(params),
    })
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "clients", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let empty = Params::default();
    let done = match params.get("do") {
        Some(kind @ ("add" | "add-service")) => {
            let add = format!("{}?add=1", routes::ADMIN_CLIENTS);
            let form = filled(&add, &params, FIELDS);
            let page = SignInTarget::page(&form);
            let authority = match console.web.authority(&administrator.0.visitor, &page).await {
                Ok(authority) => authority,
                Err(response) => return response,
            };
            let clients = &console.admin.clients;
            let added = if kind == "add" {
                clients.add(&authority, new_client(&params)).await
            } else {
                match new_service(&params) {
                    Ok(new) => clients.add_service(&authority, new).await,
                    Err(refusal) => Err(refusal),
                }
            };
            added.map(|added| {
                let secret = added.secret.map(|secret| secret.reveal().to_owned());
                let added = Added { id: added.client.id.to_string(), secret };
                let changed = vec![added.id.clone()];
                (Feedback::default().about(changed), Some(added))
            })
        }
        Some("clean-up") => {
            let days = params.get("days").and_then(|days| days.parse().ok()).unwrap_or(30);
            let cleaned = console.admin.clients.clean_up(days).await;
            cleaned.map(|gone| (Feedback::done(text::admin_client_cleaned_up(gone)), None))
        }
        other => match other.and_then(ClientDecision::parse) {
            Some(
                decision @ (ClientDecision::Approve
                | ClientDecision::Block
                | ClientDecision::Unblock),
            ) => return decide_selected(&console, &administrator, &params, decision).await,
            Some(
                ClientDecision::Deny
                | ClientDecision::Pin
                | ClientDecision::Unpin
                | ClientDecision::Delete,
            )
            | None => return ErrorPage::incomplete("do").draw(&console.web),
        },
    };
    match done {
        Ok((feedback, added)) => show_list(&console, &administrator, &empty, feedback, added).await,
        Err(refusal) => match alert(&console, &refusal) {
            Ok(alert) if matches!(params.get("do"), Some("add" | "add-service")) => {
                show_add(&console, &administrator, &params, Some(alert)).await
            }
            Ok(alert) => {
                let feedback = Feedback::refused(alert);
                show_list(&console, &administrator, &empty, feedback, None).await
            }
            Err(response) => response,
        },
    }
}
