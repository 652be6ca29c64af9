//! `GET /api/available`: an application asks which upstreams and tools its user may use.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use doorward_gateway::{ConnectionState, UserUpstream};
use doorward_mcp::{Calling, UsableTool};
use doorward_model::{Resource, ToolClass, UpstreamName, routes};
use doorward_transport::answer;
use doorward_transport::routing::get;
use serde::Serialize;
use serde_json::json;

use crate::Console;

/// The reason for which a user cannot use an upstream.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Unavailable {
    /// The user has not connected their account at it.
    NotConnected,
    /// The user's connection ended.
    ConnectionExpired,
    /// It does not respond.
    Unreachable,
    /// The token lacks the scopes of all its tools.
    MissingScope,
    /// It offers no tool that roles and rules allow the user.
    NothingPermitted,
}

/// A tool.
#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// The user confirms each call.
    confirm: bool,
}

/// The tools that the token can call, by class.
#[derive(Default, Serialize)]
struct ByClass<'a> {
    read: Vec<Tool<'a>>,
    write: Vec<Tool<'a>>,
    destructive: Vec<Tool<'a>>,
}

impl<'a> ByClass<'a> {
    fn of(tools: impl Iterator<Item = &'a UsableTool>) -> Self {
        let mut all = Self::default();
        for tool in tools.filter(|tool| tool.lacks.is_none()) {
            let list = match tool.class {
                ToolClass::Read => &mut all.read,
                ToolClass::Write => &mut all.write,
                ToolClass::Destructive => &mut all.destructive,
            };
            list.push(Tool {
                name: &tool.name,
                title: tool.title.as_deref(),
                confirm: tool.confirmed,
            });
        }
        all
    }

    fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty() && self.destructive.is_empty()
    }
}

/// An upstream.
#[derive(Serialize)]
struct UpstreamView<'a> {
    name: &'a str,
    title: &'a str,
    /// The audience of a token for it alone, and its URL.
    resource: String,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Unavailable>,
    /// More about the reason, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// The page on which the user connects.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_url: Option<&'a str>,
    tools: ByClass<'a>,
    /// The scopes of tools that the user may use and the token may not.
    missing_scopes: Vec<&'a str>,
}

impl<'a> UpstreamView<'a> {
    fn of(
        upstream: &'a UserUpstream,
        name: UpstreamName,
        from: (&Console, &'a [UsableTool]),
    ) -> Self {
        let (console, tools) = from;
        let own = || tools.iter().filter(move |tool| tool.upstream == Some(name));
        let mut missing: Vec<&str> = own().filter_map(|tool| tool.lacks.as_deref()).collect();
        missing.sort_unstable();
        missing.dedup();
        let held = ByClass::of(own());
        let reason = match upstream.state {
            ConnectionState::NotConnected => Some(Unavailable::NotConnected),
            ConnectionState::Expired => Some(Unavailable::ConnectionExpired),
            ConnectionState::Unreachable => Some(Unavailable::Unreachable),
            ConnectionState::Ready if !held.is_empty() => None,
            ConnectionState::Ready if missing.is_empty() => Some(Unavailable::NothingPermitted),
            ConnectionState::Ready => Some(Unavailable::MissingScope),
        };
        Self {
            name: &upstream.name,
            title: &upstream.title,
            resource: Resource::of_upstream(&console.public_url, name).as_str().to_owned(),
            available: reason.is_none(),
            problem: upstream.problem.as_ref().map(ToString::to_string),
            connect_url: upstream.connect_url.as_deref(),
            // What cannot be used is not offered.
            tools: if reason.is_none() { held } else { ByClass::default() },
            reason,
            missing_scopes: missing,
        }
    }
}

/// The route. It is for applications: the guard of the administrators' API is not before it.
pub(crate) fn router(console: &Arc<Console>) -> Router {
    Router::new().route(routes::API_AVAILABLE, get(available)).with_state(Arc::clone(console))
}

async fn available(
    State(console): State<Arc<Console>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let calling = Calling { method: &method, uri: &uri, headers: &headers };
    let caller = match console.mcp.application(calling).await {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let unavailable = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "the tools and upstreams of a user could not be read");
        let body = json!({"error": "temporarily_unavailable"});
        answer::retry_after(answer::json(StatusCode::SERVICE_UNAVAILABLE, &body), 5)
    };
    let tools = match console.mcp.usable(&caller).await {
        Ok(tools) => tools,
        Err(error) => return unavailable(&error),
    };
    let upstreams = match console.admin.upstreams.of_user(&caller.user).await {
        Ok(upstreams) => upstreams,
        Err(error) => return unavailable(&error),
    };
    let shown = upstreams.iter().filter_map(|upstream| {
        let name = UpstreamName::parse(&upstream.name).ok()?;
        caller.reaches(Some(name)).then(|| UpstreamView::of(upstream, name, (&console, &tools)))
    });
    let body = json!({
        "user": {"id": caller.user_id().as_str(), "name": caller.user.name.to_string()},
        "upstreams": shown.collect::<Vec<_>>(),
        "tools": ByClass::of(tools.iter().filter(|tool| tool.upstream.is_none())),
    });
    answer::json(StatusCode::OK, &body)
}
