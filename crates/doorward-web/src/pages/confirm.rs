//! The page on which a user sees a client's intended call, and gets the code that confirms it.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};

use doorward_language::text;

use super::error::ErrorPage;
use crate::{
    Confirmation, Web,
    frame::{Frame, draw_scripted},
    language::filters,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "confirm.html")]
struct Page {
    frame: Frame,
    csrf: String,
    id: String,
    title: String,
    tool: String,
    client: String,
    user: String,
    arguments: String,
    code: Option<String>,
}

async fn find(web: &Web, signed_in: &SignedIn, id: &str) -> Result<Confirmation, Response> {
    match web.services.upstreams.confirmation(&signed_in.visitor.user.id, id).await {
        Ok(Some(confirmation)) => Ok(confirmation),
        // Another user's, expired, or nonexistent.
        Ok(None) => Err(ErrorPage::not_found().draw(web)),
        Err(error) => Err(ErrorPage::unavailable(&error).draw(web)),
    }
}

fn show(
    web: &Web,
    signed_in: &SignedIn,
    id: String,
    confirmation: Confirmation,
    agreed: bool,
) -> Response {
    let page = Page {
        frame: web.frame(Some(&signed_in.browser)),
        csrf: web.csrf(&signed_in.browser, &format!("confirm:{id}")),
        id,
        title: confirmation.title,
        tool: confirmation.tool,
        client: confirmation.client,
        user: signed_in.visitor.user.name.to_string(),
        arguments: confirmation.arguments,
        code: agreed.then_some(confirmation.code),
    };
    draw_scripted(StatusCode::OK, &page)
}

/// Shows the call.
pub(crate) async fn get(
    State(web): State<Web>,
    Path(id): Path<String>,
    signed_in: SignedIn,
) -> Response {
    match find(&web, &signed_in, &id).await {
        Ok(confirmation) => show(&web, &signed_in, id, confirmation, false),
        Err(response) => response,
    }
}

/// Shows the code, once the user agreed.
pub(crate) async fn post(
    State(web): State<Web>,
    Path(id): Path<String>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    if let Err(response) = form(&web, &signed_in.browser, &format!("confirm:{id}"), request).await {
        return response;
    }
    match find(&web, &signed_in, &id).await {
        Ok(confirmation) => {
            tracing::info!(user = %signed_in.visitor.user.id, tool = confirmation.tool, "a user confirmed a call");
            show(&web, &signed_in, id, confirmation, true)
        }
        Err(response) => response,
    }
}
