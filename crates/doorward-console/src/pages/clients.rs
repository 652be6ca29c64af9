//! Administrators look after clients: where each came from, and whether it may be used.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::{Client, ClientId, ClientSource, RedirectUri, routes};
use doorward_store::{ClientFilter, page_of};
use doorward_transport::{Params, answer};

use super::error::Oops;
use crate::{
    AddedClient, ClientQuota, ClientToAdd, Told, Web,
    entrance::Onward,
    frame::{Frame, draw_copying, moment},
    language::filters,
    visitor::{Administrator, form},
};

/// How many clients a page lists.
const LISTED: u64 = 100;

#[derive(Template)]
#[template(path = "admin_clients.html")]
struct List {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<String>,
    error: Option<String>,
    added: Option<AddedClient>,
    search: String,
    search_link: String,
    source: String,
    clients: Vec<Row>,
    next: Option<String>,
    registered: u64,
    quota: ClientQuota,
}

struct Row {
    id: String,
    link: String,
    name: String,
    source: &'static str,
    since: String,
    authorized: String,
    states: Vec<(&'static str, bool)>,
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn source(client: &Client) -> &'static str {
    match client.source {
        ClientSource::Administrator => "added by hand",
        ClientSource::MetadataDocument => "metadata document",
        ClientSource::Registration => "registered itself",
    }
}

fn row(client: &Client, approval: bool) -> Row {
    let mut states = Vec::new();
    if client.disabled_at.is_some() {
        states.push(("blocked", false));
    }
    if approval && client.source != ClientSource::Administrator {
        states.push(if client.approved_at.is_some() {
            ("approved", true)
        } else {
            ("waits for approval", false)
        });
    }
    if client.pinned_at.is_some() {
        states.push(("pinned", true));
    }
    Row {
        id: client.id.to_string(),
        link: encoded(client.id.as_str()),
        name: client.name.clone(),
        source: source(client),
        since: moment(client.created_at),
        authorized: client.authorized_at.map_or_else(|| "never".to_owned(), moment),
        states,
    }
}

#[derive(Default)]
struct Say {
    status: StatusCode,
    message: Option<String>,
    error: Option<String>,
    added: Option<AddedClient>,
}

async fn show_list(
    web: &Web,
    administrator: &Administrator,
    params: &Params,
    say: Say,
) -> Response {
    let text =
        |name: &str| params.get(name).unwrap_or_default().chars().take(200).collect::<String>();
    let (search, source) = (text("search"), text("source"));
    let after = params
        .get("after")
        .and_then(|text| text.split_once(' '))
        .and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    let filter =
        ClientFilter { source: ClientSource::parse(&source), search: Some(search.clone()), after };
    let store = &web.parts.store;
    let (clients, registered) = match (
        store.clients(filter, LISTED + 1).await,
        store.count_clients(ClientSource::Registration).await,
    ) {
        (Ok(clients), Ok(registered)) => (clients, registered),
        (Err(error), _) | (_, Err(error)) => return Oops::unavailable(&error).draw(web),
    };
    let (clients, more) = page_of(clients, LISTED);
    let quota = web.parts.console.quota();
    let page = List {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "clients",
        csrf: web.csrf(&administrator.0.browser, "clients"),
        message: say.message,
        error: say.error,
        added: say.added,
        next: if more {
            clients.last().map(|client| encoded(&format!("{} {}", client.created_at, client.id)))
        } else {
            None
        },
        clients: clients.iter().map(|client| row(client, quota.approval)).collect(),
        search_link: encoded(&search),
        search,
        source,
        registered,
        quota,
    };
    draw_copying(say.status, &page)
}

pub(crate) async fn list(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show_list(&web, &administrator, &params, Say::default()).await
}

pub(crate) async fn post(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "clients", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let empty = Params::default();
    let said = match params.get("do") {
        Some("add") => {
            let authority = match web
                .authority(&administrator.0.visitor, &Onward::page(routes::ADMIN_CLIENTS))
                .await
            {
                Ok(authority) => authority,
                Err(response) => return response,
            };
            let uris = params
                .get("redirect_uris")
                .unwrap_or_default()
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect();
            let new = ClientToAdd {
                name: params.get("name").unwrap_or_default().to_owned(),
                redirect_uris: uris,
                confidential: params.get("confidential").is_some(),
                admin: params.get("admin").is_some(),
            };
            web.parts
                .console
                .add_client(&authority, new)
                .await
                .map(|added| Say { added: Some(added), ..Say::default() })
        }
        Some("clean-up") => {
            let days = params.get("days").and_then(|days| days.parse().ok()).unwrap_or(30);
            let cleaned = web.parts.console.clean_clients(days).await;
            cleaned.map(|gone| Say {
                message: Some(format!("{gone} unused registrations were deleted.")),
                ..Say::default()
            })
        }
        _ => return Oops::bad_form("it says nothing to do").draw(&web),
    };
    match said {
        Ok(say) => show_list(&web, &administrator, &empty, say).await,
        Err(Told::Store(error)) => Oops::unavailable(&error).draw(&web),
        Err(told) => {
            let say = Say {
                status: StatusCode::BAD_REQUEST,
                error: Some(words(&told)),
                ..Say::default()
            };
            show_list(&web, &administrator, &empty, say).await
        }
    }
}

/// Why nothing was done.
pub(super) fn words(told: &Told) -> String {
    match told {
        Told::Changed => "Nothing was changed: somebody changed it since this page was opened. Look again and decide anew.".to_owned(),
        Told::Missing => "It is not there any more.".to_owned(),
        Told::No(why) => format!("Nothing was changed: {why}."),
        Told::Store(_) => "The database does not answer.".to_owned(),
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each says whether one button is there")]
#[derive(Template)]
#[template(path = "admin_client.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    seen: String,
    error: Option<String>,
    client: Row,
    uris: Vec<String>,
    method: &'static str,
    uri: String,
    document: bool,
    blocked: bool,
    approved: bool,
    pinned: bool,
    approval: bool,
    by_hand: bool,
}

async fn show(
    web: &Web,
    administrator: &Administrator,
    id: &ClientId,
    (status, error): (StatusCode, Option<String>),
) -> Response {
    let client = match web.parts.store.client(id).await {
        Ok(Some(client)) => client,
        Ok(None) => return Oops::not_found().draw(web),
        Err(error) => return Oops::unavailable(&error).draw(web),
    };
    let approval = web.parts.console.quota().approval;
    let page = One {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "clients",
        csrf: web.csrf(&administrator.0.browser, "client"),
        seen: client.etag(),
        error,
        client: row(&client, approval),
        uris: client.redirect_uris.iter().map(RedirectUri::as_str).map(ToOwned::to_owned).collect(),
        method: client.auth_method.as_str(),
        uri: client.client_uri.clone().unwrap_or_default(),
        document: client.id.is_metadata_document(),
        blocked: client.disabled_at.is_some(),
        approved: client.approved_at.is_some(),
        pinned: client.pinned_at.is_some(),
        approval,
        by_hand: client.source == ClientSource::Administrator,
    };
    draw_copying(status, &page)
}

pub(crate) async fn one(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let Some(id) = params.get("client_id") else { return Oops::not_found().draw(&web) };
    show(&web, &administrator, &ClientId::from_text(id), (StatusCode::OK, None)).await
}

pub(crate) async fn decide(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "client", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (Some(id), Some(decision), Some(seen)) =
        (params.get("client_id"), params.get("decision"), params.get("seen"))
    else {
        return Oops::bad_form("it says nothing to decide").draw(&web);
    };
    let id = ClientId::from_text(id);
    if decision == "delete" && params.get("sure").is_none() {
        return show(
            &web,
            &administrator,
            &id,
            (
                StatusCode::BAD_REQUEST,
                Some("Nothing was changed: tick that you are sure.".to_owned()),
            ),
        )
        .await;
    }
    match web.parts.console.decide_client(&id, decision, seen).await {
        Ok(()) if decision == "delete" => answer::see_other(&web.at(routes::ADMIN_CLIENTS)),
        Ok(()) => answer::see_other(&web.at(&format!(
            "{}?client_id={}",
            routes::ADMIN_CLIENT,
            encoded(id.as_str())
        ))),
        Err(Told::Missing) => Oops::not_found().draw(&web),
        Err(Told::Store(error)) => Oops::unavailable(&error).draw(&web),
        Err(told) => {
            show(&web, &administrator, &id, (StatusCode::CONFLICT, Some(words(&told)))).await
        }
    }
}
