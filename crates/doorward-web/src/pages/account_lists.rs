//! The lists of the account page: apps, services, chat accounts and sessions.

use std::borrow::Cow;

use doorward_language::{Message, scope_title, text};
use doorward_model::{ClientSource, Scope, Timestamp, routes};
use doorward_store::{ConnectedApp, StoreError};
use doorward_transport::Params;

use super::chats;
use crate::{
    Service, ServiceState, Web,
    frame::{browser_name, moment},
    table::{Badge, Cell, Column, List, Moves, Row, RowAction, Table, Target},
    visitor::SignedIn,
};

/// An app that has access to the account.
pub(super) struct App {
    pub(super) client_id: String,
    pub(super) name: String,
    unverified: bool,
    pub(super) scopes: Vec<AppScope>,
    tools: Vec<String>,
    connected: String,
    last_used: String,
}

/// A scope that an app holds.
pub(super) struct AppScope {
    pub(super) name: Cow<'static, str>,
    pub(super) title: Message,
}

/// The apps that have access to the account.
pub(super) async fn apps(web: &Web, signed_in: &SignedIn) -> Result<Vec<App>, StoreError> {
    let (store, user) = (&web.services.store, &signed_in.visitor.user);
    let mut apps = Vec::new();
    for app in store.connected_apps(&user.id, web.services.clock.now()).await? {
        let tools = store.last_tools(&user.id, &app.client_id).await?;
        apps.push(shown(&app, tools.into_iter().map(|(tool, _)| tool).collect()));
    }
    Ok(apps)
}

fn shown(app: &ConnectedApp, tools: Vec<String>) -> App {
    let scope = |scope: Scope| AppScope { name: scope.name(), title: scope_title(scope) };
    App {
        name: app.name().to_owned(),
        unverified: app
            .client
            .as_ref()
            .is_none_or(|client| client.source == ClientSource::Registration),
        client_id: app.client_id.to_string(),
        scopes: app.scopes.iter().map(scope).collect(),
        tools,
        connected: moment(app.connected_at),
        last_used: moment(app.last_used_at),
    }
}

/// The path of the page with the permissions of an app.
fn path_of(app: &App) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("app", &app.client_id);
    format!("{}?{}#app", routes::ACCOUNT, query.finish())
}

/// A list of the account page.
fn list<'a>(params: &'a Params, part: &'static str) -> List<'a> {
    List::among(routes::ACCOUNT, params, part)
}

/// The columns with these heads.
fn columns<const N: usize>(labels: [Message; N]) -> Vec<Column> {
    labels.into_iter().map(Column::plain).collect()
}

/// The head of the column with the actions on a row.
fn actions() -> Message {
    text::account_actions()
}

/// The list of apps.
pub(super) fn apps_table(params: &Params, apps: &[App], csrf: &str) -> Table {
    let list = list(params, "apps");
    let listed = list.of_all(apps.iter().collect(), |app| app.client_id.clone());
    let heads = columns([
        text::common_name(),
        text::tokens_scopes(),
        text::account_called(),
        text::account_connected(),
        text::account_used(),
        actions(),
    ]);
    let line = |app: &&App| {
        let below = if app.unverified {
            text::account_unverified_name().to_string()
        } else {
            String::new()
        };
        let scopes: Vec<String> = app.scopes.iter().map(|scope| scope.title.to_string()).collect();
        let fields = vec![("csrf", csrf.to_owned()), ("client_id", app.client_id.clone())];
        let revoke = RowAction::form(
            text::common_revoke(),
            text::common_revoke_access(app.name.clone()),
            routes::ACCOUNT_REVOKE,
            fields,
        );
        let cells = [
            Cell::Long(scopes.join(" · ")),
            Cell::Long(app.tools.join(" · ")),
            Cell::Time(app.connected.clone()),
            Cell::Time(app.last_used.clone()),
            Cell::Actions(vec![revoke]),
        ];
        Row::linked(
            app.client_id.clone(),
            app.name.clone(),
            Target { path: path_of(app), below },
            cells,
        )
    };
    Table::new(&list, &listed, heads, line)
        .with_heading(text::common_connected_apps(), None)
        .with_moves(Moves::of(text::account_no_apps()))
}

/// The name of a connection's state, and that it needs no attention.
fn state(state: ServiceState) -> Badge {
    match state {
        ServiceState::Ready => Badge::new(text::account_service_ready(), true),
        ServiceState::NotConnected => Badge::new(text::account_service_not_connected(), false),
        ServiceState::Expired => Badge::new(text::account_service_expired(), false),
        ServiceState::Unreachable => Badge::new(text::account_service_unreachable(), false),
    }
}

fn service(service: &Service, csrf: &str) -> Row {
    let facts = [
        service.account.clone().map(text::account_service_account),
        service.scopes.clone().map(text::account_service_scopes),
        service.problem.clone(),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().map(|fact| fact.to_string()).collect();
    let connected = service.connected_at.map(|at| moment(Timestamp(at)));
    let path = routes::CONNECT.replace("{upstream}", &service.name);
    let connect = service.connectable.then(|| {
        let title = service.title.clone();
        let (label, named) = if service.state == ServiceState::NotConnected {
            (text::account_connect(), text::account_connect_named(title))
        } else {
            (text::account_connect_again(), text::account_connect_again_named(title))
        };
        RowAction::page(label, named, path.clone())
    });
    let disconnect = (service.connectable && connected.is_some()).then(|| {
        RowAction::form(
            text::account_disconnect(),
            text::account_disconnect_service(service.title.clone()),
            routes::ACCOUNT_CONNECTIONS,
            vec![("csrf", csrf.to_owned()), ("upstream", service.name.clone())],
        )
    });
    let name = Cell::Name { label: service.title.clone(), below: service.name.clone() };
    let cells = vec![
        name,
        Cell::Badges(vec![state(service.state)]),
        Cell::Text(service.tools.to_string()),
        Cell::Time(connected.unwrap_or_default()),
        Cell::Long(facts.join(" · ")),
        Cell::Actions(connect.into_iter().chain(disconnect).collect()),
    ];
    Row::new(service.name.clone(), service.title.clone(), cells)
}

/// The list of services.
pub(super) fn services_table(params: &Params, services: Vec<Service>, csrf: &str) -> Table {
    let list = list(params, "services");
    let wanted = list.get("search").trim().to_lowercase();
    let found = |one: &Service| {
        [&one.title, &one.name].iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    let found: Vec<Service> = services.into_iter().filter(found).collect();
    let listed = list.of_all(found, |service| service.name.clone());
    let heads = columns([
        text::common_name(),
        text::common_state(),
        text::console_service_tools(),
        text::account_connected(),
        text::account_details(),
        actions(),
    ]);
    Table::new(&list, &listed, heads, |one| service(one, csrf))
        .with_heading(text::account_services(), None)
        .with_search_if_long(&list, text::account_search_services())
}

/// The list of linked chat accounts.
pub(super) fn chats_table(params: &Params, chats: Vec<chats::Row>, csrf: &str) -> Table {
    let list = list(params, "chats");
    let listed = list.of_all(chats, |chat| chat.id.clone());
    let heads = columns([
        text::chats_account(),
        text::chats_server(),
        text::chats_admin_since(),
        actions(),
    ]);
    let line = |chat: &chats::Row| {
        let unlink = RowAction::form(
            text::chats_unlink(),
            text::chats_unlink_of(chat.name.clone()),
            routes::ACCOUNT_CHATS,
            vec![("csrf", csrf.to_owned()), ("link", chat.id.clone())],
        );
        let cells = vec![
            Cell::Name { label: chat.name.clone(), below: String::new() },
            Cell::Text(chat.server.clone()),
            Cell::Time(chat.since.clone()),
            Cell::Actions(vec![unlink]),
        ];
        Row::new(chat.id.clone(), chat.name.clone(), cells)
    };
    Table::new(&list, &listed, heads, line).with_heading(text::chats_heading(), None)
}

/// The list of sessions.
pub(super) async fn sessions_table(
    web: &Web,
    signed_in: &SignedIn,
    params: &Params,
    csrf: &str,
) -> Result<Table, StoreError> {
    let visitor = &signed_in.visitor;
    let sessions = web.services.accounts.sessions_of(&visitor.user.id).await?;
    let list = list(params, "sessions");
    let listed = list.of_all(sessions, |session| session.id.to_string());
    let heads = columns([
        text::account_browser(),
        text::common_state(),
        text::account_address(),
        text::account_since(),
        text::account_seen(),
        actions(),
    ]);
    let table = Table::new(&list, &listed, heads, |session| {
        let browser = browser_name(&session.user_agent);
        let own = (session.id == visitor.session.id)
            .then(|| Badge::new(text::account_this_browser(), true));
        let end = RowAction::form(
            text::common_end(),
            text::account_end_session(browser.clone(), session.address.clone()),
            routes::ACCOUNT_END_SESSION,
            vec![("csrf", csrf.to_owned()), ("session_id", session.id.to_string())],
        );
        let cells = vec![
            Cell::Name { label: browser.clone(), below: String::new() },
            Cell::Badges(own.into_iter().collect()),
            Cell::Text(session.address.clone()),
            Cell::Time(moment(session.auth_time)),
            Cell::Time(moment(session.last_seen_at)),
            Cell::Actions(vec![end]),
        ];
        Row::new(session.id.to_string(), browser, cells)
    });
    Ok(table.with_heading(text::account_sessions(), None))
}
