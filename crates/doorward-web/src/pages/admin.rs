//! The administrator's page.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::{Change, Client, ClientSource, Person, routes};
use doorward_store::{ClientFilter, StoreError};
use doorward_transport::answer;

use super::error::Oops;
use crate::{
    Web,
    frame::{Frame, draw, moment},
    visitor::{Administrator, form},
};

/// How many clients the page lists.
const LISTED: u64 = 100;

#[derive(Template)]
#[template(path = "admin.html")]
struct Page {
    frame: Frame,
    csrf: String,
    enabled: bool,
    mcp_url: String,
    people: Vec<PersonRow>,
    client_count: u64,
    clients: Vec<ClientRow>,
    providers: Vec<ProviderRow>,
}

struct ProviderRow {
    id: String,
    name: String,
    kind: &'static str,
    people: u64,
    callback: String,
    state: &'static str,
}

struct PersonRow {
    name: String,
    email: String,
    roles: String,
    since: String,
    state: &'static str,
}

struct ClientRow {
    id: String,
    name: String,
    source: &'static str,
    since: String,
    authorized: String,
    state: &'static str,
}

fn person_row(person: &Person) -> PersonRow {
    PersonRow {
        name: person.name.to_string(),
        email: person.email.clone().unwrap_or_default(),
        roles: person.all_roles().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        since: moment(person.created_at),
        state: if person.disabled_at.is_some() { "disabled" } else { "active" },
    }
}

fn client_row(client: Client) -> ClientRow {
    ClientRow {
        id: client.id.to_string(),
        name: client.name,
        source: match client.source {
            ClientSource::Administrator => "administrator",
            ClientSource::MetadataDocument => "metadata document",
            ClientSource::Registration => "registered itself",
        },
        since: moment(client.created_at),
        authorized: client.authorized_at.map_or_else(|| "never".to_owned(), moment),
        state: if client.disabled_at.is_some() { "disabled" } else { "active" },
    }
}

async fn page(web: &Web, administrator: &Administrator) -> Result<Page, StoreError> {
    let store = &web.parts.store;
    let mut client_count = 0;
    for source in [ClientSource::Administrator, ClientSource::MetadataDocument, ClientSource::Registration] {
        client_count += store.count_clients(source).await?;
    }
    let mut providers = Vec::new();
    for provider in web.parts.federation.all_providers().await? {
        providers.push(ProviderRow {
            id: provider.id.to_string(),
            name: provider.name.clone(),
            kind: provider.kind.title,
            people: store.count_identities(&provider.id).await?,
            callback: web.parts.federation.callback_of(&provider.id),
            state: if provider.is_enabled() { "on" } else { "off" },
        });
    }
    Ok(Page {
        providers,
        frame: web.frame(Some(&administrator.0.browser)),
        csrf: web.csrf(&administrator.0.browser, "mcp-switch"),
        enabled: store.setting(web.parts.mcp_setting).await?.map_or(web.parts.mcp_enabled_by_default, |value| value == "true"),
        mcp_url: web.at(routes::MCP),
        people: store.people().await?.iter().map(person_row).collect(),
        client_count,
        clients: store.clients(ClientFilter::default(), LISTED).await?.into_iter().map(client_row).collect(),
    })
}

pub(crate) async fn get(State(web): State<Web>, administrator: Administrator) -> Response {
    match page(&web, &administrator).await {
        Ok(page) => draw(StatusCode::OK, &page, false),
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}

pub(crate) async fn switch_mcp(State(web): State<Web>, administrator: Administrator, request: Request<Body>) -> Response {
    let params = match form(&web, &administrator.0.browser, "mcp-switch", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(enabled) = params.get("enabled").and_then(|value| value.parse::<bool>().ok()) else {
        return Oops::bad_form("enabled must be true or false").draw(&web);
    };
    match web.parts.store.apply(Change::PutSetting { key: web.parts.mcp_setting.to_owned(), value: enabled.to_string() }).await {
        Ok(()) => {
            tracing::warn!(enabled, administrator = %administrator.0.visitor.person.id, "the MCP server was switched; its metadata is public while it is on");
            answer::see_other(&web.at(routes::ADMIN))
        }
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}
