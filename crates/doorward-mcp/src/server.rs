//! The protocol: what `rmcp` asks of a server, answered from the tool sources.

use std::{borrow::Cow, sync::Arc};

use axum::http::request::Parts as RequestParts;
use doorward_model::Scope;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams, CompleteResult, ContentBlock,
        DiscoverResult, Implementation, ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod, ListResourceTemplatesResult,
        ListResourcesRequestMethod, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig,
        Tool, ToolAnnotations,
    },
    service::RequestContext,
};

use crate::{
    Caller, Mcp,
    tools::{Progress, ToolCall, ToolError, ToolSource, ToolSpec},
};

/// For how many milliseconds a client may keep a list. It depends on who asks, so only that client may (R18).
const LIST_TTL_MS: u64 = 60_000;

/// One request's server. Cheap to make.
#[derive(Clone)]
pub(crate) struct Server {
    mcp: Mcp,
}

impl Mcp {
    fn source_of(&self, tool: &str) -> Option<(&Arc<dyn ToolSource>, ToolSpec)> {
        self.inner.parts.sources.iter().find_map(|source| source.find(tool).map(|spec| (source, spec)))
    }
    /// The scope that a tool needs; `None` if there is no such tool.
    pub(crate) fn needed_scope(&self, tool: &str) -> Option<Scope> {
        self.source_of(tool).map(|(_, spec)| spec.scope)
    }
    /// Whether the person's roles reach as far as this tool, with whatever token.
    pub(crate) fn roles_allow(&self, caller: &Caller, tool: &str, needed: Scope) -> bool {
        let access = &self.inner.parts.access;
        access.allows_tool(&caller.person, tool) && access.scopes_of(&caller.person).allows(needed)
    }
}

fn describe(spec: ToolSpec) -> Tool {
    let mut tool = Tool::new(spec.name, spec.description, spec.input_schema);
    tool.title = Some(spec.title.into_owned());
    tool.output_schema = spec.output_schema;
    let mut annotations = ToolAnnotations::default();
    annotations.read_only_hint = Some(spec.read_only);
    annotations.destructive_hint = Some(spec.destructive);
    annotations.idempotent_hint = Some(spec.idempotent);
    annotations.open_world_hint = Some(spec.open_world);
    tool.annotations = Some(annotations);
    tool
}

impl Server {
    pub(crate) fn new(mcp: Mcp) -> Self {
        Self { mcp }
    }

    /// Who calls. The guard put it there; without it nothing is served.
    fn caller(context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let caller = context.extensions.get::<RequestParts>().and_then(|parts| parts.extensions.get::<Caller>());
        caller.cloned().ok_or_else(|| ErrorData::internal_error("the request has no caller", None))
    }

    fn progress(context: &RequestContext<RoleServer>) -> Progress {
        let Some(token) = context.meta.get_progress_token() else { return Progress::none() };
        let peer = context.peer.clone();
        Progress::new(move |step: f64, total: f64, message: String| {
            let (peer, token) = (peer.clone(), token.clone());
            Box::pin(async move {
                let notification = ProgressNotificationParam::new(token, step).with_total(total).with_message(message);
                // A client that went away needs no progress.
                let _ = peer.notify_progress(notification).await;
            })
        })
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("doorward", env!("CARGO_PKG_VERSION")).with_title(self.mcp.inner.parts.config.resource_name.clone());
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions("Tools behind Doorward act for the person who signed in. Call whoami to see for whom, and with which scopes.")
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private))
    }

    async fn on_initialized(&self, _: rmcp::service::NotificationContext<RoleServer>) {}

    async fn list_tools(&self, request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        let caller = Self::caller(&context)?;
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("there is no such page", None));
        }
        let mut tools: Vec<Tool> = self
            .mcp
            .inner
            .parts
            .sources
            .iter()
            .flat_map(|source| source.list(&caller))
            .filter(|spec| self.mcp.roles_allow(&caller, &spec.name, spec.scope))
            .map(describe)
            .collect();
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(ListToolsResult::with_all_items(tools).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private))
    }

    // What is not declared is not there: the library would answer these with empty lists.
    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(&self, _: CompleteRequestParams, _: RequestContext<RoleServer>) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        let Some((source, spec)) = self.mcp.source_of(&request.name) else {
            return Err(ErrorData::invalid_params(Cow::Owned(format!("there is no tool {:?}; tools/list names them", request.name)), None));
        };
        // The guard refused this already with an HTTP challenge; whatever way leads here, the scope is checked where the call is made.
        if !self.mcp.roles_allow(&caller, &spec.name, spec.scope) {
            return Err(ErrorData::invalid_request(format!("the roles of the person that you act for do not allow the tool {}", spec.name), None));
        }
        if !caller.scopes.allows(spec.scope) {
            return Err(ErrorData::invalid_request(format!("insufficient_scope: this needs the scope {}", spec.scope.name()), None));
        }
        let started = std::time::Instant::now();
        let call = ToolCall {
            name: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            progress: Self::progress(&context),
            cancelled: context.ct.clone(),
            caller: caller.clone(),
        };
        let outcome = source.call(call).await;
        tracing::info!(
            tool = %spec.name, person = %caller.user_id, client = %caller.client_id, grant = %caller.grant_id,
            outcome = match &outcome { Ok(_) => "ok", Err(ToolError::Arguments(_)) => "bad arguments", Err(ToolError::Failed(_)) => "failed", Err(ToolError::Unavailable(_)) => "unavailable" },
            micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), "tool called"
        );
        Ok(match outcome {
            Ok(value) => CallToolResult::structured(value),
            Err(ToolError::Arguments(why) | ToolError::Failed(why)) => CallToolResult::error(vec![ContentBlock::text(why)]),
            Err(ToolError::Unavailable(error)) => {
                tracing::error!(%error, tool = %spec.name, "a tool could not answer");
                CallToolResult::error(vec![ContentBlock::text("the server cannot answer now; try again shortly")])
            }
        }
        .into())
    }
}
