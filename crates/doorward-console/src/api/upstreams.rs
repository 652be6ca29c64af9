//! Upstreams and their tools.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use doorward_admin::{Proposal, Reach, ToolVersion, tool_etag};
use doorward_gateway::{Decision, Upstream, Why};
use doorward_model::{IndexStatus, ServerPin, ToolClass, UpstreamTrust, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    edits::{self, Edited, Patch, Trial, administered},
    index::Index,
    operation::{
        Answered, ApiCaller, IfMatch, IfMatchSent, JsonBody, Operation, PathValue, QueryParams,
        Refused, needs, show, show_state,
    },
    providers::Tried,
    reviewed::Reviewed,
};
use crate::Console;

const NONE: &str = "There is no such upstream.";

pub(super) fn operations() -> Vec<Operation> {
    of_upstreams().into_iter().chain(of_tools()).collect()
}

#[expect(clippy::too_many_lines, reason = "a table: one entry for each operation")]
fn of_upstreams() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ_OR_UPSTREAMS,
            routes::API_UPSTREAMS,
            "listUpstreams",
            "Lists upstreams.",
            list,
        )
        .answer::<Upstreams>(200, "The upstreams."),
        Operation::post(
            needs::UPSTREAMS,
            routes::API_UPSTREAMS,
            "addUpstream",
            "Adds an upstream. Its settings are those of the configuration.",
            add,
        )
        .body::<New>()
        .answer::<UpstreamView>(201, "The upstream was added.")
        .problem(409, "The name is already in use."),
        Operation::get(
            needs::READ_OR_UPSTREAMS,
            routes::API_UPSTREAM,
            "showUpstream",
            "Shows an upstream.",
            one,
        )
        .answer::<UpstreamView>(200, "The upstream.")
        .with_etag()
        .missing(NONE),
        Operation::patch(
            needs::UPSTREAMS,
            routes::API_UPSTREAM,
            "changeUpstream",
            "Changes the settings of an upstream that is not in the configuration file. \
             Connections stay, unless its location changes.",
            change,
        )
        .query::<Trial>()
        .body::<Patch>()
        .answer::<Edited>(200, "The changes.")
        .with_etag()
        .if_match()
        .missing(NONE)
        .problem(409, "The upstream is defined in the configuration file."),
        Operation::delete(
            needs::UPSTREAMS,
            routes::API_UPSTREAM,
            "deleteUpstream",
            "Deletes an upstream that is not in the configuration file, and its connections.",
            delete,
        )
        .answer::<Deleted>(200, "The upstream was deleted.")
        .if_match_sent()
        .missing(NONE)
        .problem(409, "The upstream is defined in the configuration file."),
        Operation::post(
            needs::UPSTREAMS,
            routes::API_UPSTREAM_TEST,
            "testUpstream",
            "Tests an upstream, with the access of a user if one is named.",
            test,
        )
        .query::<TestQuery>()
        .answer::<Tried>(200, "The results of the test.")
        .missing("There is no such upstream or user."),
        Operation::post(
            needs::UPSTREAMS,
            routes::API_UPSTREAM_REFRESH,
            "refreshUpstream",
            "Requests that the items of an upstream be listed again.",
            refresh,
        )
        .answer::<Refreshing>(202, "The request was accepted.")
        .missing(NONE),
        Operation::put(
            needs::UPSTREAMS,
            routes::API_UPSTREAM_SERVER,
            "acceptAuthorizationServer",
            "Accepts the authorization server that an upstream names; users must connect again.",
            accept,
        )
        .body::<Accepted>()
        .problem(412, "The upstream names no other authorization server than the accepted one.")
        .answer::<Server>(200, "The accepted authorization server.")
        .missing(NONE)
        .problem(409, "The upstream names the accepted server, or another one than the body."),
    ]
}

fn of_tools() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ_OR_UPSTREAMS,
            routes::API_TOOLS,
            "listTools",
            "Lists an upstream's tools with their state and changes.",
            tools,
        )
        .answer::<Tools>(200, "The tools.")
        .missing(NONE),
        Operation::put(
            needs::UPSTREAMS,
            routes::API_TOOL,
            "decideTool",
            "Approves, rejects or classifies a tool as it was read.",
            decide,
        )
        .body::<Decided>()
        .answer::<Tool>(200, "The tool after the change.")
        .with_etag()
        .if_match()
        .missing("There is no such upstream or tool."),
    ]
}

/// An upstream, without its sealed values.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Upstream")]
struct UpstreamView {
    name: String,
    kind: String,
    title: String,
    enabled: bool,
    /// `configuration`, or `added` for one that was added on a page, by the API or by a command; the
    /// audit has the user.
    source: String,
    /// Its settings without secrets.
    settings: Value,
    /// `ready`, or `names_another_authorization_server` where users are not sent until an
    /// administrator accepts it.
    state: String,
    /// The authorization server that it was first seen with, or that an administrator accepted.
    authorization_server: Option<Server>,
    /// The other one that it names now.
    named_authorization_server: Option<Server>,
    /// The state of its index, where it offers documents.
    index: Option<Index>,
}

/// An authorization server as an upstream names it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthorizationServer")]
struct Server {
    /// The issuer.
    issuer: String,
    /// The resource that the upstream names.
    resource: Option<String>,
    /// The scopes that it requires.
    scopes: Vec<String>,
}

impl From<ServerPin> for Server {
    fn from(pin: ServerPin) -> Self {
        Self { issuer: pin.issuer, resource: pin.resource, scopes: pin.scopes }
    }
}

/// The authorization server to be accepted, as it was seen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AcceptedServer")]
struct Accepted {
    /// The issuer.
    #[schemars(length(min = 1))]
    issuer: String,
    /// The resource, as the upstream names it.
    #[serde(default)]
    resource: Option<String>,
}

/// All upstreams.
#[derive(Serialize, JsonSchema)]
struct Upstreams {
    upstreams: Vec<UpstreamView>,
}

/// An upstream to be added.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewUpstream")]
struct New {
    /// Its name in URLs.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    name: String,
    /// Its settings, as in `[upstreams.NAME]`.
    #[serde(flatten)]
    settings: Map<String, Value>,
}

/// The number of deletions.
#[derive(Serialize, JsonSchema)]
struct Deleted {
    deleted: String,
}

/// The list that is read again.
#[derive(Serialize, JsonSchema)]
struct Refreshing {
    refreshing: String,
}

/// An upstream's tools.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the wire names it so")]
struct Tools {
    tools: Vec<Reviewed>,
    /// The first elements of its newest list that are not offered (tools, prompts, resources).
    left_out: Vec<Omitted>,
    /// The number of such elements.
    left_out_count: usize,
    /// The first parts of offered elements that are left out or mended.
    left_out_parts: Vec<Omitted>,
    /// The number of such parts.
    left_out_parts_count: usize,
}

/// An element, or a part of one, that is left out.
#[derive(Serialize, JsonSchema)]
struct Omitted {
    /// Its name; of a part, with that of its element before it.
    name: String,
    /// The reason, in English.
    reason: String,
}

fn omitted(named: &[(String, Why)]) -> Vec<Omitted> {
    named
        .iter()
        .map(|(name, why)| Omitted { name: name.clone(), reason: why.as_str().to_owned() })
        .collect()
}

/// A tool after a decision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DecidedTool")]
#[expect(clippy::struct_field_names, reason = "the wire names it so")]
struct Tool {
    tool: String,
    state: String,
    /// The class that an administrator set; null while its annotations are used.
    class: Option<String>,
    /// Names this state, for If-Match.
    etag: String,
}

/// The decision of an administrator about a tool.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
#[schemars(rename = "ToolDecision")]
enum Decided {
    /// It may be used as it is defined now.
    Approve,
    /// It may not be used.
    Reject,
    /// Its class, which replaces its annotations.
    Classify {
        /// `read`, `write`, `destructive`, or null to use the annotations.
        class: Option<Class>,
    },
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ToolClass")]
enum Class {
    Read,
    Write,
    Destructive,
}

impl From<Class> for ToolClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Read => Self::Read,
            Class::Write => Self::Write,
            Class::Destructive => Self::Destructive,
        }
    }
}

/// The user whose access the test of an upstream uses.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TestQuery {
    /// A user's sign-in name.
    user: Option<String>,
}

/// An upstream as commands show it too: without anything that is kept sealed.
pub fn describe(
    upstream: &Upstream,
    trust: Option<UpstreamTrust>,
    index: Option<IndexStatus>,
) -> Value {
    serde_json::to_value(shown(upstream, trust, index)).unwrap_or_else(|_| json!({}))
}

fn shown(
    upstream: &Upstream,
    trust: Option<UpstreamTrust>,
    index: Option<IndexStatus>,
) -> UpstreamView {
    let (server, named) = trust.map_or((None, None), |trust| (trust.server, trust.named));
    UpstreamView {
        state: if named.is_some() { "names_another_authorization_server" } else { "ready" }
            .to_owned(),
        authorization_server: server.map(Into::into),
        named_authorization_server: named.map(Into::into),
        name: upstream.name.to_string(),
        kind: upstream.kind.name.to_owned(),
        title: upstream.title.clone(),
        enabled: upstream.is_enabled(),
        source: upstream.source.as_str().to_owned(),
        settings: serde_json::to_value(upstream.public_config()).unwrap_or_default(),
        index: index.map(Into::into),
    }
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let mut upstreams = Vec::new();
    for upstream in console.admin.upstreams.all().await? {
        upstreams.push(of(&console, &upstream).await?);
    }
    Ok(show(StatusCode::OK, &Upstreams { upstreams }))
}

async fn of(console: &Console, upstream: &Upstream) -> Result<UpstreamView, Refused> {
    let trust = console.admin.upstreams.trust(upstream).await?;
    Ok(shown(upstream, trust, console.admin.upstreams.index(upstream)))
}

async fn named(console: &Console, name: &str) -> Result<UpstreamView, Refused> {
    of(console, &*console.admin.upstreams.named(name).await?).await
}

async fn one(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let upstream = console.admin.upstreams.named(&name).await?;
    let etag = console.admin.upstreams.etag(&upstream).await?.unwrap_or_default();
    Ok(show_state(StatusCode::OK, &named(&console, &name).await?, &etag))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(name), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(Patch { settings }): JsonBody<Patch>,
) -> Answered {
    let (change, effect) = (administered(settings), trial.effect());
    let proposal = Proposal { of: &name, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.upstreams.edit(proposal).await?;
    tracing::info!(by = %caller.user.name, upstream = name, "an upstream was edited");
    Ok(edits::answer(edit, effect))
}

async fn accept(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(name): PathValue,
    JsonBody(Accepted { issuer, resource }): JsonBody<Accepted>,
) -> Answered {
    let upstream = console.admin.upstreams.named(&name).await?;
    let named = console.admin.upstreams.trust(&upstream).await?.and_then(|trust| trust.named);
    // One that is not named is refused as one that changed.
    let asked = named.filter(|pin| pin.issuer == issuer && pin.resource == resource);
    let seen = asked.map_or_else(String::new, |pin| pin.etag());
    let accepted = console.admin.upstreams.accept_server(&name, Some(&seen)).await?;
    tracing::info!(by = %caller.user.name, upstream = name, "an authorization server was accepted");
    Ok(show(StatusCode::OK, &Server::from(accepted)))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(New { name, settings }): JsonBody<New>,
) -> Answered {
    console.admin.upstreams.add(&name, settings, Reach::Administered).await?;
    tracing::info!(by = %caller.user.name, upstream = name, "an upstream was added");
    Ok(show(StatusCode::CREATED, &named(&console, &name).await?))
}

async fn delete(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(name): PathValue,
    IfMatchSent(seen): IfMatchSent,
) -> Answered {
    console.admin.upstreams.delete(&name, seen.as_deref()).await?;
    tracing::info!(by = %caller.user.name, upstream = name, "an upstream was deleted");
    Ok(show(StatusCode::OK, &Deleted { deleted: name }))
}

async fn test(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    QueryParams(asked): QueryParams<TestQuery>,
) -> Answered {
    let findings = console.admin.upstreams.test(&name, asked.user.as_deref()).await?;
    Ok(show(StatusCode::OK, &Tried::of(&findings)))
}

async fn refresh(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    console.admin.upstreams.refresh(&name).await?;
    Ok(show(StatusCode::ACCEPTED, &Refreshing { refreshing: name }))
}

async fn tools(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let reviewed = console.admin.upstreams.tools(&name).await?;
    let left_out = console.admin.upstreams.left_out(&name).await?;
    let tools = Tools {
        tools: reviewed.into_iter().map(Reviewed::from).collect(),
        left_out: omitted(left_out.named()),
        left_out_count: left_out.count(),
        left_out_parts: omitted(left_out.parts()),
        left_out_parts_count: left_out.count_parts(),
    };
    Ok(show(StatusCode::OK, &tools))
}

type Named = Path<(String, String)>;

async fn decide(
    State(console): State<Arc<Console>>,
    Path((name, tool)): Named,
    IfMatch(looked): IfMatch,
    ApiCaller(caller): ApiCaller,
    JsonBody(decided): JsonBody<Decided>,
) -> Answered {
    let decision = match decided {
        Decided::Approve => Decision::Approve,
        Decided::Reject => Decision::Reject,
        Decided::Classify { class } => Decision::Classify(class.map(Into::into)),
    };
    let seen = ToolVersion { upstream: &name, tool: &tool, seen: Some(&looked) };
    let pin = console.admin.upstreams.decide(seen, decision, caller.user.name.as_str()).await?;
    let etag = tool_etag(&pin);
    let class = pin.class.map(|class| class.as_str().to_owned());
    Ok(show_state(
        StatusCode::OK,
        &Tool { tool, state: pin.state.as_str().to_owned(), class, etag: etag.clone() },
        &etag,
    ))
}
