//! An administrator reviews upstreams and their tools: what is new, what changed, what looks wrong.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::{ToolClass, UpstreamName, routes};
use doorward_transport::answer;

use super::error::Oops;
use crate::{
    ReviewedUpstream, ToolDecision, ToolSeen, Web,
    frame::{Frame, draw},
    language::filters,
    visitor::{Administrator, form},
};

#[derive(Template)]
#[template(path = "upstreams.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<String>,
    upstreams: Vec<ReviewedUpstream>,
}

async fn show(
    web: &Web,
    administrator: &Administrator,
    status: StatusCode,
    error: Option<String>,
) -> Response {
    let browser = &administrator.0.browser;
    match web.parts.upstreams.review().await {
        Ok(mut upstreams) => {
            // What waits for a decision comes first.
            for upstream in &mut upstreams {
                upstream.tools.sort_by_key(|tool| {
                    (tool.state == "approved", tool.state == "rejected", tool.name.clone())
                });
            }
            draw(
                status,
                &Page {
                    tab: "upstreams",
                    frame: web.frame(Some(browser)),
                    csrf: web.csrf(browser, "tools"),
                    error,
                    upstreams,
                },
                false,
            )
        }
        Err(error) => Oops::unavailable(&error).draw(web),
    }
}

pub(crate) async fn get(State(web): State<Web>, administrator: Administrator) -> Response {
    show(&web, &administrator, StatusCode::OK, None).await
}

pub(crate) async fn post(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "tools", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let decision = match (params.get("decision"), params.get("class")) {
        (Some("approve"), _) => Some(ToolDecision::Approve),
        (Some("reject"), _) => Some(ToolDecision::Reject),
        (Some("classify"), Some("annotations")) => Some(ToolDecision::Classify(None)),
        (Some("classify"), Some(class)) => {
            ToolClass::parse(class).map(|class| ToolDecision::Classify(Some(class)))
        }
        _ => None,
    };
    let upstream = params.get("upstream").and_then(|name| UpstreamName::parse(name).ok());
    let (Some(upstream), Some(tool), Some(seen), Some(decision)) =
        (upstream, params.get("tool"), params.get("seen"), decision)
    else {
        return Oops::bad_form("it says nothing to decide").draw(&web);
    };
    match web
        .parts
        .upstreams
        .decide(ToolSeen { upstream, tool, seen }, decision, &administrator.0.visitor.person)
        .await
    {
        Ok(true) => answer::see_other(&web.at(routes::ADMIN_UPSTREAMS)),
        Ok(false) => {
            let told = "That tool changed since this page was opened, or somebody else decided. Look at it again.".to_owned();
            show(&web, &administrator, StatusCode::CONFLICT, Some(told)).await
        }
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}
