//! The administrators' page of a client.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{ClientDecision, ClientEdit, Effect, Proposal, Refusal};
use doorward_language::{Message, text};
use doorward_model::{Client, ClientRules, ClientSource, RedirectUri, id::etag, routes};
use doorward_transport::{Params, answer};
use doorward_web::table::Badge;
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, filters, form, moment};

use crate::{
    Console,
    pages::{
        Administrator, draw, exchange,
        relying::{OpenIdForm, edited_rules},
        scopes::service_scopes,
        settings::{Differs, differs},
        sure::{self, Question},
    },
    refusals::{Alert, alert, oops},
};

/// A client as pages show one.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) link: String,
    pub(super) name: String,
    pub(super) source: Message,
    pub(super) since: String,
    pub(super) authorized: String,
    pub(super) states: Vec<Badge>,
}

pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn source(client: &Client) -> Message {
    match client.source {
        ClientSource::Administrator => text::admin_client_by_hand(),
        ClientSource::MetadataDocument => match client.id.vendor() {
            Some(vendor) => text::admin_client_document_of(vendor),
            None => text::admin_client_document(),
        },
        ClientSource::Registration => text::admin_client_registered(),
    }
}

pub(super) fn row(client: &Client, approval: bool) -> Row {
    let mut states = Vec::new();
    if client.disabled_at.is_some() {
        states.push(Badge::new(text::admin_client_state_blocked(), false));
    }
    if approval && client.source != ClientSource::Administrator {
        states.push(if client.approved_at.is_some() {
            Badge::new(text::admin_client_state_approved(), true)
        } else {
            Badge::new(text::admin_client_state_waiting(), false)
        });
    }
    if client.pinned_at.is_some() {
        states.push(Badge::new(text::admin_client_state_pinned(), true));
    }
    Row {
        id: client.id.to_string(),
        link: encoded(client.id.as_str()),
        name: client.name.clone(),
        source: source(client),
        since: moment(client.created_at),
        authorized: client.authorized_at.map_or_else(|| text::common_never().to_string(), moment),
        states,
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each states whether one button is shown")]
#[derive(Template)]
#[template(path = "admin_client.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    seen: String,
    error: Option<Alert>,
    client: Row,
    uris: Vec<String>,
    method: &'static str,
    /// The account of the service, for a client that acts as one.
    service: Option<String>,
    /// The form about exchanging tokens, for a client that may be permitted to.
    exchange: Option<exchange::Form>,
    scopes: String,
    uri: String,
    document: bool,
    blocked: bool,
    approved: bool,
    pinned: bool,
    approval: bool,
    by_hand: bool,
    /// The fields of the form that changes it.
    name: String,
    typed_uris: String,
    /// The same as a relying party, if users sign in to another application through it.
    openid: Option<OpenIdForm>,
    rules: ClientRules,
    /// The digest of the change that is shown.
    shown: String,
    differences: Option<Vec<Differs>>,
}

/// A change of a client as it was typed, and as it is shown before it takes effect.
struct Change {
    name: String,
    uris: Vec<String>,
    openid: Option<OpenIdForm>,
    rules: ClientRules,
    shown: String,
    differences: Option<Vec<Differs>>,
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    id: &str,
    error: Option<Alert>,
    change: Option<Change>,
) -> Response {
    let client = match console.admin.clients.with_id(id).await {
        Ok(client) => client,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let approval = console.admin.clients.quota().approval;
    let service = match client.service.as_ref() {
        None => None,
        Some(account) => match console.store.user(account).await {
            // Without its account the client gets nothing; the page then shows the id.
            Ok(account_now) => Some(
                account_now.map_or_else(|| account.to_string(), |found| found.name.to_string()),
            ),
            Err(error) => return ErrorPage::unavailable(&error).draw(&console.web),
        },
    };
    let exchange = match console.store.external_resources().await {
        Ok(external) => exchange::form(&client, &service_scopes(&external)),
        Err(error) => return ErrorPage::unavailable(&error).draw(&console.web),
    };
    let uris: Vec<String> =
        client.redirect_uris.iter().map(RedirectUri::as_str).map(ToOwned::to_owned).collect();
    let change = change.unwrap_or_else(|| Change {
        name: client.name.clone(),
        uris: uris.clone(),
        openid: client.openid.as_ref().map(OpenIdForm::of),
        rules: client.rules,
        shown: String::new(),
        differences: None,
    });
    let status = error.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let page = One {
        name: change.name,
        typed_uris: change.uris.join("\n"),
        openid: change.openid,
        rules: change.rules,
        shown: change.shown,
        differences: change.differences,
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "clients",
        csrf: console.web.csrf(&administrator.0.browser, "client"),
        seen: client.etag(),
        error,
        client: row(&client, approval),
        uris,
        method: client.auth_method.as_str(),
        service,
        exchange,
        scopes: client.scopes.to_string(),
        uri: client.client_uri.clone().unwrap_or_default(),
        document: client.id.is_metadata_document(),
        blocked: client.disabled_at.is_some(),
        approved: client.approved_at.is_some(),
        pinned: client.pinned_at.is_some(),
        approval,
        by_hand: client.source == ClientSource::Administrator,
    };
    draw(status, &page)
}

pub(crate) async fn one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let Some(id) = params.get("client_id") else {
        return ErrorPage::not_found().draw(&console.web);
    };
    // A form that was typed before a sign-in, to which the browser returns.
    let typed = params.get("name").map(|name| Change {
        name: name.to_owned(),
        uris: words(params.get("redirect_uris").unwrap_or_default()),
        openid: OpenIdForm::typed(&params),
        rules: edited_rules(&params).of(ClientRules::default()),
        shown: String::new(),
        differences: None,
    });
    show(&console, &administrator, id, None, typed).await
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// The path of the page of a client.
fn page_of(id: &str) -> String {
    format!("{}?client_id={}", routes::ADMIN_CLIENT, encoded(id))
}

/// The fields of the form that changes a client, which are kept over a sign-in.
const FIELDS: &[&str] = &[
    "name",
    "redirect_uris",
    "openid",
    "pairwise",
    "signed_userinfo",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "rules",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
];

/// Shows what a change of a client is, or puts it in effect if it is the one that was shown.
async fn edit(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    wanted: Effect,
) -> Response {
    let (Some(id), Some(seen), Some(name)) =
        (params.get("client_id"), params.get("seen"), params.get("name"))
    else {
        return ErrorPage::incomplete("name").draw(&console.web);
    };
    let form = filled(&page_of(id), params, FIELDS);
    let page = SignInTarget::page(&form);
    let authority = match console.web.authority(&administrator.0.visitor, &page).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let redirect_uris = params.get("redirect_uris").map(words);
    let uris = redirect_uris.clone().unwrap_or_default();
    let openid = OpenIdForm::typed(params);
    let openid_text = openid.as_ref().map(|form| format!("{form:?}")).unwrap_or_default();
    let rules = edited_rules(params);
    let rules_text = format!("{rules:?}");
    let shown = etag(&[id, seen, name, &uris.join(" "), &openid_text, &rules_text]);
    let was_shown = params.get("shown") == Some(shown.as_str());
    let effect = if was_shown { wanted } else { Effect::Show };
    let edit = ClientEdit {
        name: Some(name.trim().to_owned()),
        redirect_uris,
        openid: openid.as_ref().map(OpenIdForm::edit),
        rules,
    };
    let proposal = Proposal { of: id, change: &edit, seen: Some(seen), effect };
    let done = console.admin.clients.edit(&authority, proposal).await;
    let rules = rules.of(ClientRules::default());
    let change =
        |differences| Change { name: name.to_owned(), uris, openid, rules, shown, differences };
    match done {
        Ok(_) if effect == Effect::Apply => answer::see_other(&console.web.at(&page_of(id))),
        Ok(done) => {
            let change = change(Some(differs(&done)));
            show(console, administrator, id, None, Some(change)).await
        }
        Err(refusal) => match alert(console, &refusal) {
            Ok(alert) => show(console, administrator, id, Some(alert), Some(change(None))).await,
            Err(response) => response,
        },
    }
}

/// The question before a decision that ends the access of a client.
async fn question(
    console: &Console,
    id: &str,
    decision: ClientDecision,
) -> Result<Option<Question>, Refusal> {
    let client = console.admin.clients.with_id(id).await?;
    let (title, effect, button) = match decision {
        ClientDecision::Block => (
            text::console_block_clients(1_i64),
            text::console_block_clients_effect(),
            text::admin_client_block(),
        ),
        ClientDecision::Delete => (
            text::console_delete_client(client.name.as_str()),
            text::admin_client_delete_sure(),
            text::common_delete(),
        ),
        ClientDecision::Approve
        | ClientDecision::Deny
        | ClientDecision::Unblock
        | ClientDecision::Pin
        | ClientDecision::Unpin => return Ok(None),
    };
    let grants = console.store.count_client_grants(&client.id, console.clock.now()).await?;
    Ok(Some(Question {
        tab: "clients",
        title,
        effects: vec![effect, text::console_client_ends(grants.to_string())],
        objects: vec![client.name.clone()],
        button,
        action: routes::ADMIN_CLIENT.to_owned(),
        back: page_of(id),
    }))
}

pub(crate) async fn decide(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "client", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match params.get("do") {
        Some("show") => return edit(&console, &administrator, &params, Effect::Show).await,
        Some("apply") => return edit(&console, &administrator, &params, Effect::Apply).await,
        _ => {}
    }
    if let Some("exchange" | "no-exchange") = params.get("do") {
        let (Some(id), Some(seen)) = (params.get("client_id"), params.get("seen")) else {
            return ErrorPage::incomplete("client_id").draw(&console.web);
        };
        return match exchange::set(&console, &administrator, &params, id, seen).await {
            Ok(done) => changed(&console, &administrator, id, done).await,
            Err(response) => response,
        };
    }
    let decision = params.get("decision").and_then(ClientDecision::parse);
    let (Some(id), Some(decision), Some(seen)) =
        (params.get("client_id"), decision, params.get("seen"))
    else {
        return ErrorPage::incomplete("decision").draw(&console.web);
    };
    if !sure::is_sure(&params) {
        match question(&console, id, decision).await {
            Ok(None) => {}
            Ok(Some(question)) => return sure::ask(&console, &administrator, &params, question),
            Err(refusal) => return oops(&refusal).draw(&console.web),
        }
    }
    match console.admin.clients.decide(id, decision, Some(seen)).await {
        Ok(None) => answer::see_other(&console.web.at(routes::ADMIN_CLIENTS)),
        Ok(Some(_)) => changed(&console, &administrator, id, Ok(())).await,
        Err(refusal) => changed(&console, &administrator, id, Err(refusal)).await,
    }
}

/// Shows a client after a change of it, or why there is none.
async fn changed(
    console: &Console,
    administrator: &Administrator,
    id: &str,
    done: Result<(), Refusal>,
) -> Response {
    let Err(refusal) = done else {
        let page = page_of(id);
        return answer::see_other(&console.web.at(&page));
    };
    match alert(console, &refusal) {
        Ok(alert) => show(console, administrator, id, Some(alert), None).await,
        Err(response) => response,
    }
}
