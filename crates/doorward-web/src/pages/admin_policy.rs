//! Explains who may use which tool, prompt, resource or upstream, and why.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_transport::Params;

use super::error::Oops;
use crate::{
    Explanation, Web,
    console::AskedKind,
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
    kinds: [(AskedKind, &'static str, &'static str); 5],
    kind: AskedKind,
    item: String,
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
    let (user, client) = (text("user"), text("client"));
    let wanted = text("kind");
    let kind = AskedKind::ALL.iter().find(|(_, word, _)| *word == wanted);
    let mut page = Page {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "policy",
        user,
        client,
        kinds: AskedKind::ALL,
        kind: kind.map(|(kind, ..)| *kind).unwrap_or_default(),
        item: text("item"),
        error: None,
        answer: None,
    };
    if !page.user.is_empty() && !page.item.is_empty() {
        match web.parts.store.person_by(&page.user).await {
            Ok(Some(person)) => {
                let item = (page.kind, page.item.as_str());
                match web.parts.console.explain(&person, &page.client, item).await {
                    Ok(Some(answer)) => page.answer = Some(answer),
                    Ok(None) => {
                        page.error = Some(
                            "There is no such upstream, or no tool of this name was ever seen."
                                .to_owned(),
                        );
                    }
                    Err(error) => return Oops::unavailable(&error).draw(&web),
                }
            }
            Ok(None) => page.error = Some("No user has this name or ID.".to_owned()),
            Err(error) => return Oops::unavailable(&error).draw(&web),
        }
    }
    draw(StatusCode::OK, &page, false)
}
