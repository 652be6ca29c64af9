//! Explains who may call which tool, and why.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::PersonName;
use doorward_transport::Params;

use super::error::Oops;
use crate::{
    Explanation, Web,
    frame::{Frame, draw},
    language::filters,
    visitor::Administrator,
};

#[derive(Template)]
#[template(path = "admin_policy.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    user: String,
    client: String,
    tool: String,
    error: Option<String>,
    answer: Option<Explanation>,
}

pub(crate) async fn get(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let text = |name: &str| {
        params.get(name).unwrap_or_default().trim().chars().take(512).collect::<String>()
    };
    let (user, client, tool) = (text("user"), text("client"), text("tool"));
    let mut page = Page {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "policy",
        user,
        client,
        tool,
        error: None,
        answer: None,
    };
    if !page.user.is_empty() && !page.tool.is_empty() {
        let person = match PersonName::parse(&page.user) {
            Ok(name) => web.parts.store.person_named(&name).await,
            Err(_) => Ok(None),
        };
        match person {
            Ok(Some(person)) => {
                match web.parts.console.explain(&person, &page.client, &page.tool).await {
                    Ok(Some(answer)) => page.answer = Some(answer),
                    Ok(None) => page.error = Some("No tool of this name was ever seen.".to_owned()),
                    Err(error) => return Oops::unavailable(&error).draw(&web),
                }
            }
            Ok(None) => page.error = Some("There is nobody of this name.".to_owned()),
            Err(error) => return Oops::unavailable(&error).draw(&web),
        }
    }
    draw(StatusCode::OK, &page, false)
}
