//! Users without access of their own to an upstream: the items listed for them, and the request to
//! connect in the middle of work (G11–G17).
//!
//! The link leads to a page of this server, which ensures that the same user is signed in. It holds
//! only the upstream's name.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use doorward_mcp::{CallLimits, InboundRequest, ToolCall, ToolError, ToolSpec};
use doorward_model::{Members, Scope, Sealed, ToolClass, id::random_text, routes};
use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, InputRequest,
        InputRequests, InputRequiredResult, Tool, ToolAnnotations,
    },
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Gateway, Inner, catalogue,
    failed::Failed,
    foreign::URL_ELICITATION_REQUIRED,
    link_error::LinkError,
    status::UserUpstream,
    upstream::{Shared, Upstream},
};

/// The tool that reports connections.
pub const NAME: &str = "connections";
/// The tool in place of those of an upstream that was never listed.
const PLACEHOLDER: &str = "connect";
/// The key of this server's question among the input requests of a result.
const QUESTION: &str = "doorward_connect";
/// The beginning of the state of such a question.
const STATE: &str = "connect.";
/// Seconds for which the state of such a question is valid.
const ASKED_FOR: i64 = 3600;
/// Time that a retry waits for a user who is connecting.
const WAIT: Duration = Duration::from_mins(1);

/// The arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The name of a service to connect; leave it out to list all.
    #[serde(default)]
    connect: Option<String>,
}

/// The services of this user.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// Each service, by its name.
    services: Vec<UserUpstream>,
}

fn schema<T: JsonSchema>() -> Arc<Map<String, Value>> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    match SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value() {
        Value::Object(mut members) => {
            members.remove("title");
            drop_formats(&mut members);
            members.entry("properties").or_insert_with(|| json!({}));
            Arc::new(members)
        }
        _ => Arc::default(),
    }
}

/// Removes formats that name Rust's integer types, which JSON Schema does not define.
fn drop_formats(members: &mut Map<String, Value>) {
    if members
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| format.starts_with("int") || format.starts_with("uint"))
    {
        members.remove("format");
    }
    for value in members.values_mut() {
        match value {
            Value::Object(inner) => drop_formats(inner),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(drop_formats);
            }
            _ => {}
        }
    }
}

/// The tool `connections`.
pub(crate) fn spec() -> Arc<ToolSpec> {
    static SPEC: OnceLock<Arc<ToolSpec>> = OnceLock::new();
    let make = || {
        let description = "Lists the services behind this server with their state for this user. \
            With connect set to a service's name, it leads the user to connect that service.";
        let mut tool = Tool::new(NAME, description, schema::<Arguments>());
        tool.title = Some("Connected services".to_owned());
        tool.output_schema = Some(schema::<Answer>());
        let mut annotations = ToolAnnotations::default();
        annotations.read_only_hint = Some(true);
        annotations.destructive_hint = Some(false);
        annotations.idempotent_hint = Some(true);
        annotations.open_world_hint = Some(false);
        tool.annotations = Some(annotations);
        Arc::new(ToolSpec {
            tool,
            upstream: None,
            own_name: NAME.to_owned(),
            listed_as: NAME.to_owned(),
            class: ToolClass::Read,
            scope: Scope::Read,
            open_world: false,
            idempotent: true,
            limits: CallLimits::default(),
        })
    };
    Arc::clone(SPEC.get_or_init(make))
}

/// The tool by which a user connects an upstream that was never listed.
pub(crate) fn placeholder(upstream: &Upstream) -> ToolSpec {
    let description = format!(
        "Connects {}: gives you a link to open, after which its tools appear here.",
        upstream.title
    );
    let mut tool = Tool::new(PLACEHOLDER, description, schema::<NoArguments>());
    tool.title = Some(format!("Connect {}", upstream.title));
    let mut annotations = ToolAnnotations::default();
    annotations.read_only_hint = Some(true);
    annotations.destructive_hint = Some(false);
    tool.annotations = Some(annotations);
    catalogue::spec(upstream, tool, None, false)
}

/// Nothing.
#[derive(Deserialize, JsonSchema)]
struct NoArguments {}

/// True if a tool is that placeholder.
pub(crate) fn is_placeholder(upstream: &Upstream, spec: &ToolSpec) -> bool {
    upstream.needs_connection()
        && spec.own_name == PLACEHOLDER
        && spec.tool.description == placeholder(upstream).tool.description
}

/// The user's answer to the question about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptOutcome {
    /// The user opened the URL.
    Accepted,
    /// The user declined, or closed the question.
    Declined,
}

/// The place for which the state of a question is sealed: it is valid for no other user, client and
/// upstream, one that was added later under the same name included.
fn place(inner: &Inner, inbound: &InboundRequest, upstream: &Upstream) -> String {
    let (caller, id) = (&inbound.caller, inner.upstream_id(upstream.name));
    format!("connect_state/{}/{}/{}/{id}", caller.user_id(), caller.program(), upstream.name)
}

fn link_text(upstream: &Upstream, why: &str, link: &str) -> String {
    format!(
        "{why}. Ask the user to open {link} and connect {}; then make the same call again.",
        upstream.title
    )
}

impl Gateway {
    /// True if at least one upstream exists.
    pub(crate) async fn is_in_use(&self) -> Result<bool, doorward_store::StoreError> {
        Ok(!self.upstreams().await?.is_empty())
    }

    /// True if this user is connected to an upstream.
    pub async fn is_connected(
        &self,
        upstream: &Upstream,
        user: &doorward_model::User,
    ) -> Result<bool, doorward_store::StoreError> {
        let connection = self.inner.connection(&user.id, upstream).await?;
        Ok(connection.is_some_and(|connection| connection.tokens.is_some()))
    }

    /// Number of users that are connected to an upstream.
    pub async fn count_connections(
        &self,
        name: doorward_model::UpstreamName,
    ) -> Result<u64, doorward_store::StoreError> {
        self.inner.services.store.count_connections(name).await
    }

    /// The URL at which a user connects an upstream.
    pub fn connect_url(&self, upstream: &Upstream) -> String {
        self.inner.settings.public_url.at(&routes::of_upstream(routes::CONNECT, upstream.name))
    }

    fn why(upstream: &Upstream, problem: Option<String>) -> String {
        problem.unwrap_or_else(|| format!("The user has not connected {} yet", upstream.title))
    }

    /// Requests that the user connect, in a form that the client supports.
    pub(crate) async fn ask_to_connect(
        &self,
        inbound: &InboundRequest,
        upstream: &Shared,
        params: &CallToolRequestParams,
    ) -> Result<CallToolResponse, ToolError> {
        if !upstream.needs_connection() {
            return Err(ToolError::Failed(format!(
                "{} does not accept this server's access; an administrator must correct it",
                upstream.title
            )));
        }
        let link = self.connect_url(upstream);
        let known = self.inner.connection(inbound.caller.user_id(), upstream).await?;
        let wants_more = self.wants_more(inbound, upstream);
        let problem = known
            .and_then(|connection| connection.problem)
            .map(|problem| format!("{}: {problem}", upstream.title));
        let why = if wants_more && problem.is_none() {
            format!("{} requires more access than the user gave", upstream.title)
        } else {
            Self::why(upstream, problem)
        };
        let message = format!("{why}. Connect {} to continue.", upstream.title);
        match self.asked_before(inbound, upstream, params) {
            // They were asked in this call; asking again would never end.
            Some(PromptOutcome::Declined) => {
                let told = link_text(upstream, &why, &link);
                return Ok(CallToolResult::error(vec![ContentBlock::text(format!(
                    "The user declined to connect {}. {told}",
                    upstream.title
                ))])
                .into());
            }
            Some(PromptOutcome::Accepted) => {
                return Ok(CallToolResult::error(vec![ContentBlock::text(link_text(
                    upstream, &why, &link,
                ))])
                .into());
            }
            None if inbound.client.modern && inbound.client.elicits_urls() => {
                return Ok(self.question(inbound, upstream, &message, &link).into());
            }
            None => {}
        }
        let knows_error = !inbound.client.modern
            && inbound.client.elicits_urls()
            && inbound.client.version.as_str() >= "2025-11-25";
        if knows_error {
            let id = random_text(self.inner.services.entropy.as_ref(), 12);
            let data = json!({"elicitations": [{"mode": "url", "elicitationId": id, "url": link, "message": message}]});
            return Err(ToolError::Protocol(ErrorData::new(
                URL_ELICITATION_REQUIRED,
                message,
                Some(data),
            )));
        }
        Ok(CallToolResult::error(vec![ContentBlock::text(link_text(upstream, &why, &link))]).into())
    }

    /// Clients of the stateless revisions: the result states the required input, and the client
    /// repeats the call with the answer and this server's state.
    fn question(
        &self,
        inbound: &InboundRequest,
        upstream: &Upstream,
        message: &str,
        link: &str,
    ) -> InputRequiredResult {
        let question = json!({"method": "elicitation/create", "params": {"mode": "url", "message": message, "url": link}});
        let requests: InputRequests = serde_json::from_value::<InputRequest>(question)
            .ok()
            .map(|request| (QUESTION.to_owned(), request))
            .into_iter()
            .collect();
        let until = self.inner.services.clock.now().plus(ASKED_FOR).0;
        let sealed = self
            .inner
            .services
            .master
            .seal(&place(&self.inner, inbound, upstream), until.to_string().as_bytes());
        InputRequiredResult::new(Some(requests), Some(format!("{STATE}{}", sealed.as_str())))
    }

    /// The user's answer to such a question of this server; `None` if this request answers none.
    pub(crate) fn asked_before(
        &self,
        inbound: &InboundRequest,
        upstream: &Upstream,
        params: &CallToolRequestParams,
    ) -> Option<PromptOutcome> {
        let sealed = params.request_state.as_deref()?.strip_prefix(STATE)?;
        let plain = self
            .inner
            .services
            .master
            .open(&place(&self.inner, inbound, upstream), &Sealed::from_stored(sealed.to_owned()))
            .ok()?;
        let until: i64 = std::str::from_utf8(&plain).ok()?.parse().ok()?;
        if self.inner.services.clock.now().0 >= until {
            return None;
        }
        let action = params.input_responses.as_ref()?.get(QUESTION)?.get("action")?.as_str()?;
        Some(if action == "accept" { PromptOutcome::Accepted } else { PromptOutcome::Declined })
    }

    /// Waits a while for the callback of a user who agreed to connect.
    pub(crate) async fn wait_until_connected(
        &self,
        inbound: &InboundRequest,
        upstream: &Upstream,
    ) -> Result<(), ToolError> {
        let deadline = tokio::time::Instant::now() + WAIT;
        while tokio::time::Instant::now() < deadline {
            if !self.wants_more(inbound, upstream)
                && self.is_connected(upstream, &inbound.caller.user).await?
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    fn wants_more(&self, inbound: &InboundRequest, upstream: &Upstream) -> bool {
        self.inner.wanted.of(inbound.caller.user_id(), upstream).is_some()
    }

    /// The refusal of a request without a result in which to report it.
    pub(crate) fn refusal(
        &self,
        inbound: &InboundRequest,
        upstream: &Shared,
        failed: Failed,
    ) -> ToolError {
        match failed {
            Failed::Link(LinkError::Connect | LinkError::MoreScope)
                if upstream.needs_connection() =>
            {
                let link = self.connect_url(upstream);
                let message = link_text(upstream, &Self::why(upstream, None), &link);
                if !inbound.client.modern
                    && inbound.client.elicits_urls()
                    && inbound.client.version.as_str() >= "2025-11-25"
                {
                    let id = random_text(self.inner.services.entropy.as_ref(), 12);
                    let data = json!({"elicitations": [{"mode": "url", "elicitationId": id, "url": link, "message": message}]});
                    return ToolError::Protocol(ErrorData::new(
                        URL_ELICITATION_REQUIRED,
                        message,
                        Some(data),
                    ));
                }
                ToolError::Protocol(ErrorData::invalid_request(message, None))
            }
            failed => failed.into_tool_error(&upstream.title),
        }
    }

    /// Calls `connections`.
    pub(crate) async fn call_connections(
        &self,
        call: ToolCall,
    ) -> Result<CallToolResponse, ToolError> {
        let arguments: Arguments =
            Members::Arguments.read(call.arguments()).map_err(ToolError::Arguments)?;
        let user = &call.inbound.caller.user;
        if let Some(name) = arguments.connect {
            let all = self.upstreams().await?;
            let wanted = all
                .into_iter()
                .find(|upstream| upstream.name.as_str() == name && upstream.is_for(user));
            let Some(upstream) = wanted else {
                return Err(ToolError::Arguments(format!(
                    "there is no service {name:?}; call connections without arguments for a list"
                )));
            };
            if !upstream.needs_connection() {
                return Ok(doorward_mcp::text_result(format!(
                    "{} needs no connection.",
                    upstream.title
                ))
                .into());
            }
            if self.is_connected(&upstream, user).await? {
                return Ok(
                    doorward_mcp::text_result(format!("{} is connected.", upstream.title)).into()
                );
            }
            return self.ask_to_connect(&call.inbound, &upstream, &call.params).await;
        }
        let answer = Answer { services: self.services(user).await? };
        let value =
            serde_json::to_value(&answer).map_err(|error| ToolError::Failed(error.to_string()))?;
        Ok(doorward_mcp::structured_result(value).into())
    }
}
