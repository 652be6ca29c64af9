//! One search for everything: users, clients, services and their tools.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{ClientList, Refusal, UserList};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::Frame;

use crate::{
    Console,
    pages::{Administrator, clients::encoded, draw},
    refusals::oops,
};

/// Number of objects of each kind that the page names.
const NAMED: u64 = 8;

#[derive(Template)]
#[template(path = "admin_search.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    asked: String,
    kinds: Vec<Found>,
}

/// The objects of one kind that fit.
struct Found {
    title: Message,
    total: u64,
    /// The list with the same search.
    list: String,
    objects: Vec<Object>,
}

/// An object: the path of its page, its name, and a text that tells it from others.
struct Object {
    path: String,
    name: String,
    below: String,
}

async fn users(console: &Console, asked: &str) -> Result<Found, Refusal> {
    let search = Some(asked.to_owned());
    let which = UserList { search, limit: Some(NAMED), ..UserList::default() };
    let listed = console.admin.users.list(&which).await?;
    let object = |user: &doorward_model::User| Object {
        path: routes::ADMIN_USER.replace("{user}", user.id.as_str()),
        name: user.name.to_string(),
        below: user.display_name.clone().unwrap_or_default(),
    };
    Ok(Found {
        title: text::admin_users(),
        total: listed.total,
        list: format!("{}?search={}", routes::ADMIN_USERS, encoded(asked)),
        objects: listed.rows.iter().map(object).collect(),
    })
}

async fn clients(console: &Console, asked: &str) -> Result<Found, Refusal> {
    let search = Some(asked.to_owned());
    let which = ClientList { search, limit: Some(NAMED), ..ClientList::default() };
    let listed = console.admin.clients.list(&which).await?;
    let object = |client: &doorward_model::Client| Object {
        path: format!("{}?client_id={}", routes::ADMIN_CLIENT, encoded(client.id.as_str())),
        name: client.name.clone(),
        below: client.id.to_string(),
    };
    Ok(Found {
        title: text::admin_clients(),
        total: listed.total,
        list: format!("{}?search={}", routes::ADMIN_CLIENTS, encoded(asked)),
        objects: listed.rows.iter().map(object).collect(),
    })
}

/// Services by name and title.
async fn services(console: &Console, asked: &str) -> Result<Found, Refusal> {
    let small = asked.to_lowercase();
    let all = console.admin.upstreams.all().await?;
    let fitting: Vec<_> = all
        .iter()
        .filter(|one| {
            one.name.as_str().contains(&small) || one.title.to_lowercase().contains(&small)
        })
        .collect();
    let object = |one: &&Arc<doorward_gateway::Upstream>| Object {
        path: routes::of_upstream(routes::ADMIN_UPSTREAM, one.name),
        name: one.title.clone(),
        below: one.name.to_string(),
    };
    let most = usize::try_from(NAMED).unwrap_or(usize::MAX);
    Ok(Found {
        title: text::console_services(),
        total: u64::try_from(fitting.len()).unwrap_or(u64::MAX),
        list: format!("{}?search={}", routes::ADMIN_UPSTREAMS, encoded(asked)),
        objects: fitting.iter().take(most).map(object).collect(),
    })
}

/// Tools by name.
async fn tools(console: &Console, asked: &str) -> Result<Found, Refusal> {
    let (found, total) = console.store.find_tools(asked, NAMED).await?;
    let object = |(upstream, tool): (String, String)| Object {
        path: format!(
            "{}?tool={}",
            routes::ADMIN_UPSTREAM.replace("{upstream}", &upstream),
            encoded(&tool)
        ),
        name: doorward_model::foreign::escaped(&tool).into_owned(),
        below: upstream,
    };
    Ok(Found {
        title: text::console_service_tools(),
        total,
        list: String::new(),
        objects: found.into_iter().map(object).collect(),
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let asked = params.get("search").unwrap_or_default().trim();
    let asked: String = asked.chars().filter(|one| *one != '\0').take(200).collect();
    let found = async {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        Ok::<_, Refusal>(vec![
            users(&console, &asked).await?,
            clients(&console, &asked).await?,
            services(&console, &asked).await?,
            tools(&console, &asked).await?,
        ])
    };
    match found.await {
        Ok(kinds) => {
            let frame = console.web.frame(Some(&administrator.0.browser));
            let kinds = kinds.into_iter().filter(|found| found.total > 0).collect();
            draw(StatusCode::OK, &Page { frame, tab: "search", asked, kinds })
        }
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}
