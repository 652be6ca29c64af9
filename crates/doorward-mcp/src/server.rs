//! The protocol: what `rmcp` asks of a server, answered from the tool sources.

use std::{borrow::Cow, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::ToolClass;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams, CompleteResult, ContentBlock,
        DiscoverResult, GetPromptRequestMethod, GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
        ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, PromptListChangedNotification, ReadResourceRequestMethod, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ResourceListChangedNotification, ResourceUpdatedNotification,
        ResourceUpdatedNotificationParam, ServerCapabilities, ServerConfig, ServerNotification, SetLevelRequestMethod, SetLevelRequestParams,
        SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter, Tool, ToolListChangedNotification, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};

use crate::{
    Changed, Mcp, Surface, Target, Verdict, Visit,
    call::CallFacts,
    confirm::{self, Asked},
    hub::Listener,
    surface,
    tools::{Offers, Perhaps, Progress, ToolCall, ToolError, ToolSource, ToolSpec},
};

/// For how many milliseconds a client may keep a list. It depends on who asks, so only that client may (R18).
const LIST_TTL_MS: u64 = 60_000;

/// One request's server. Cheap to make.
#[derive(Clone)]
pub(crate) struct Server {
    mcp: Mcp,
}

impl Mcp {
    /// The tool of this name, for this caller, with the source that it comes from.
    pub(crate) async fn tool(&self, visit: &Visit, name: &str) -> Option<(&Arc<dyn ToolSource>, Arc<ToolSpec>)> {
        for source in &self.inner.parts.sources {
            if let Some(spec) = source.find(visit, name).await {
                return Some((source, spec));
            }
        }
        None
    }

    /// All tools that this caller may call, by name.
    pub(crate) async fn usable_tools(&self, visit: &Visit) -> Vec<Arc<ToolSpec>> {
        let mut tools = Vec::new();
        for source in &self.inner.parts.sources {
            tools.extend(source.list(visit).await);
        }
        tools.retain(|spec| self.inner.judge.judge(visit, spec) != Verdict::Refuse);
        tools.sort_by(|one, other| one.name().cmp(other.name()));
        tools.dedup_by(|one, other| one.name() == other.name());
        tools
    }

    /// How many tools this client may be shown one by one (CA35).
    fn most_tools(&self, visit: &Visit) -> usize {
        let config = &self.inner.parts.config;
        let named = self.inner.tool_limits.iter().find(|(pattern, _)| visit.client_is(pattern));
        named.map_or(config.tool_limit, |(_, most)| *most)
    }

    /// The tools as they are shown: one by one, or three that lead to all.
    async fn shown_tools(&self, visit: &Visit) -> Vec<Tool> {
        let tools = self.usable_tools(visit).await;
        let most = self.most_tools(visit);
        let search = match visit.surface {
            Surface::Search => true,
            Surface::Direct => false,
            Surface::Automatic => tools.len() > most,
        };
        if search {
            if visit.surface == Surface::Automatic {
                tracing::info!(client = %visit.caller.client_id, tools = tools.len(), most, "too many tools for this client: it gets search_tools, describe_tool and call_tool");
            }
            let own = tools.into_iter().filter(|spec| spec.upstream.is_none());
            let mut shown: Vec<Tool> = surface::specs().iter().cloned().chain(own).map(|spec| spec.tool.clone()).collect();
            shown.sort_by(|one, other| one.name.cmp(&other.name));
            return shown;
        }
        let shown = |spec: Arc<ToolSpec>| {
            let mut tool = spec.tool.clone();
            if self.inner.judge.judge(visit, &spec) == Verdict::Confirm {
                confirm::with_argument(&mut tool);
            }
            tool
        };
        tools.into_iter().map(shown).collect()
    }

    async fn offers(&self, visit: &Visit) -> Offers {
        let mut all = Offers::default();
        for source in &self.inner.parts.sources {
            let offers = source.offers(visit).await;
            all.prompts |= offers.prompts;
            all.resources |= offers.resources;
            all.completions |= offers.completions;
            all.logging |= offers.logging;
        }
        all
    }

    fn may_offer(&self) -> bool {
        self.inner.parts.sources.iter().any(|source| source.may_offer())
    }

    /// Makes a call: the same for a tool by its own name and through `call_tool`.
    async fn call(
        &self,
        visit: Visit,
        mut params: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        facts: &mut CallFacts,
    ) -> Result<CallToolResponse, ToolError> {
        let through_search = surface::is_one(&params.name);
        match params.name.as_ref() {
            surface::SEARCH => return surface::search(&self.usable_tools(&visit).await, params.arguments.unwrap_or_default()).map(Into::into),
            surface::DESCRIBE => return surface::describe(&self.usable_tools(&visit).await, params.arguments.unwrap_or_default()).map(Into::into),
            surface::CALL => {
                params = surface::inner(&params)?;
                if surface::is_one(&params.name) {
                    return Err(ToolError::Arguments("call_tool does not call itself or search_tools; call them by their own names".to_owned()));
                }
            }
            _ => {}
        }
        let Some((source, spec)) = self.tool(&visit, &params.name).await else { return Err(no_such_tool(&params.name, through_search)) };
        facts.of(&spec);
        // The guard refused this already with an HTTP challenge; whatever way leads here, it is judged where the call is made.
        let verdict = self.inner.judge.judge(&visit, &spec);
        if verdict == Verdict::Refuse {
            return Err(ToolError::Protocol(ErrorData::invalid_request(
                format!("the person that you act for may not call the tool {} with this client", spec.name()),
                None,
            )));
        }
        if !visit.caller.scopes.allows(spec.scope) {
            return Err(ToolError::Protocol(ErrorData::invalid_request(format!("insufficient_scope: this needs the scope {}", spec.scope.name()), None)));
        }
        let limits = &self.inner.parts.limits;
        let size = params.arguments.as_ref().map_or(0, |arguments| serde_json::to_vec(arguments).map_or(usize::MAX, |bytes| bytes.len()));
        facts.request_bytes = i64::try_from(size).unwrap_or(i64::MAX);
        if size > limits.argument_bytes {
            return Err(ToolError::Arguments(format!("the arguments have {size} bytes; at most {} are taken", limits.argument_bytes)));
        }
        if verdict == Verdict::Confirm {
            if let Asked::Answer(answer) = self.confirmed(&visit, &spec, &mut params).await? {
                return Ok(*answer);
            }
        } else if let Some(arguments) = params.arguments.as_mut().filter(|_| spec.class != ToolClass::Read) {
            // A code for a call that needs none is no argument of the tool.
            if !argument_is_its_own(&spec) {
                arguments.remove(confirm::ARGUMENT);
            }
        }
        let turn = self.inner.limits.admit(limits, &visit, &spec).await?;
        let seconds = if spec.limits.seconds > 0 { spec.limits.seconds } else { limits.call_seconds };
        let call = ToolCall { spec: Arc::clone(&spec), params, progress: progress(&visit, context), visit: visit.clone(), cancelled: context.ct.clone() };
        let answer = tokio::time::timeout(Duration::from_secs(seconds), source.call(call)).await;
        drop(turn);
        let response = answer.unwrap_or_else(|_| Err(ToolError::Failed(format!("{} gave no answer within {seconds} s", spec.name()))))?;
        let CallToolResponse::Complete(result) = response else { return Ok(response) };
        let most = if spec.limits.result_bytes > 0 { spec.limits.result_bytes.min(limits.result_bytes) } else { limits.result_bytes };
        let size = serde_json::to_vec(&result).map_or(usize::MAX, |bytes| bytes.len());
        facts.response_bytes = i64::try_from(size).unwrap_or(i64::MAX);
        if spec.upstream.is_some() && size > most {
            return Err(ToolError::Failed(format!("the result has {size} bytes; at most {most} are passed on. Ask for less, or for a part")));
        }
        Ok(if through_search || visit.surface == Surface::Search { self.preview(&visit, spec.name(), result).await } else { result }.into())
    }
}

fn no_such_tool(name: &str, through_search: bool) -> ToolError {
    if through_search {
        return surface::unknown(name);
    }
    ToolError::Protocol(ErrorData::invalid_params(Cow::Owned(format!("there is no tool {name:?}; tools/list names them")), None))
}

fn argument_is_its_own(spec: &ToolSpec) -> bool {
    spec.tool.input_schema.get("properties").and_then(serde_json::Value::as_object).is_some_and(|members| members.contains_key(confirm::ARGUMENT))
}

fn progress(visit: &Visit, context: &RequestContext<RoleServer>) -> Progress {
    context.meta.get_progress_token().map_or_else(Progress::none, |token| Progress::new(visit.channel.clone(), token))
}

/// One page of a list: what comes after the cursor, which is the name of the last item seen, and the next cursor.
fn page<T>(items: Vec<T>, request: Option<PaginatedRequestParams>, size: usize, name: impl Fn(&T) -> &str) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let after = match request.and_then(|request| request.cursor) {
        None => None,
        Some(cursor) => {
            let decoded = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(
                decoded
                    .and_then(|text| text.strip_prefix("after:").map(str::to_owned))
                    .ok_or_else(|| ErrorData::invalid_params("there is no such page", None))?,
            )
        }
    };
    let mut rest: Vec<T> = items.into_iter().filter(|item| after.as_deref().is_none_or(|after| name(item) > after)).collect();
    if rest.len() <= size {
        return Ok((rest, None));
    }
    rest.truncate(size);
    let cursor = rest.last().map(|last| URL_SAFE_NO_PAD.encode(format!("after:{}", name(last))));
    Ok((rest, cursor))
}

impl Server {
    pub(crate) fn new(mcp: Mcp) -> Self {
        Self { mcp }
    }

    /// What is there for this caller.
    fn capabilities(offers: Offers) -> ServerCapabilities {
        let mut capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        let member = serde_json::json!({"listChanged": true});
        let resources = serde_json::json!({"listChanged": true, "subscribe": true});
        capabilities.prompts = offers.prompts.then(|| serde_json::from_value(member).unwrap_or_default());
        capabilities.resources = offers.resources.then(|| serde_json::from_value(resources).unwrap_or_default());
        capabilities.completions = offers.completions.then(Default::default);
        capabilities.logging = offers.logging.then(Default::default);
        capabilities
    }

    fn config(&self, offers: Offers) -> ServerConfig {
        let implementation = Implementation::new("doorward", env!("CARGO_PKG_VERSION")).with_title(self.mcp.inner.parts.config.resource_name.clone());
        ServerConfig::new(Self::capabilities(offers))
            .with_server_info(implementation)
            .with_instructions("Tools behind Doorward act for the person who signed in. Call whoami to see for whom, and with which scopes.")
    }

    /// The answer of the first source whose it is.
    async fn first<'a, T, F>(&'a self, ask: impl Fn(&'a Arc<dyn ToolSource>) -> F) -> Perhaps<T>
    where
        F: Future<Output = Perhaps<T>>,
    {
        for source in &self.mcp.inner.parts.sources {
            let answer = ask(source).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let all = self.mcp.may_offer();
        self.config(Offers { prompts: all, resources: all, completions: all, logging: all })
    }

    async fn initialize(&self, request: InitializeRequestParams, context: RequestContext<RoleServer>) -> Result<InitializeResult, ErrorData> {
        let visit = Visit::of(&context)?;
        let info = self.config(self.mcp.offers(&visit).await);
        let mut result = InitializeResult::new(info.capabilities);
        result.server_info = info.server_info;
        result.instructions = info.instructions;
        // A revision that has no handshake cannot be agreed on in one (L1, I19).
        let known = self.supported_protocol_versions();
        let legacy = |version: &&rmcp::model::ProtocolVersion| version.has_initialize();
        let agreed = known.iter().filter(legacy).find(|version| **version == request.protocol_version);
        if let Some(version) = agreed.or_else(|| known.iter().filter(legacy).max_by(|one, other| one.as_str().cmp(other.as_str()))) {
            result.protocol_version = version.clone();
        }
        Ok(result)
    }

    async fn discover(&self, context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let visit = Visit::of(&context)?;
        let versions = self.supported_protocol_versions().into_owned();
        let info = self.config(self.mcp.offers(&visit).await);
        Ok(DiscoverResult::from_server_info(versions, info).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private))
    }

    async fn on_initialized(&self, _: rmcp::service::NotificationContext<RoleServer>) {}

    async fn list_tools(&self, request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        let visit = Visit::of(&context)?;
        let tools = self.mcp.shown_tools(&visit).await;
        let (tools, next) = page(tools, request, self.mcp.inner.parts.config.page_size, |tool| tool.name.as_ref())?;
        let mut result = ListToolsResult::with_all_items(tools).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    // What is not declared is not there: the library would answer these with empty lists.
    async fn list_prompts(&self, request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Result<ListPromptsResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ListPromptsRequestMethod>());
        }
        let visit = Visit::of(&context)?;
        let mut prompts = Vec::new();
        for source in &self.mcp.inner.parts.sources {
            prompts.extend(source.prompts(&visit).await);
        }
        prompts.sort_by(|one, other| one.name.cmp(&other.name));
        let (prompts, next) = page(prompts, request, self.mcp.inner.parts.config.page_size, |prompt| &prompt.name)?;
        let mut result = ListPromptsResult::with_all_items(prompts).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn list_resources(&self, request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Result<ListResourcesResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ListResourcesRequestMethod>());
        }
        let visit = Visit::of(&context)?;
        let mut resources = Vec::new();
        if visit.target == Target::All {
            let mut catalogue = Resource::new(surface::CATALOGUE, "catalogue");
            catalogue.title = Some("All tools".to_owned());
            catalogue.description = Some("Every tool that you may use here, with its arguments.".to_owned());
            catalogue.mime_type = Some("application/json".to_owned());
            resources.push(catalogue);
        }
        for source in &self.mcp.inner.parts.sources {
            resources.extend(source.resources(&visit).await);
        }
        resources.sort_by(|one, other| one.uri.cmp(&other.uri));
        let (resources, next) = page(resources, request, self.mcp.inner.parts.config.page_size, |resource| &resource.uri)?;
        let mut result = ListResourcesResult::with_all_items(resources).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>());
        }
        let visit = Visit::of(&context)?;
        let mut templates = Vec::new();
        for source in &self.mcp.inner.parts.sources {
            templates.extend(source.templates(&visit).await);
        }
        templates.sort_by(|one, other| one.uri_template.cmp(&other.uri_template));
        let (templates, next) = page(templates, request, self.mcp.inner.parts.config.page_size, |template| &template.uri_template)?;
        let mut result = ListResourceTemplatesResult::with_all_items(templates).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn read_resource(&self, request: ReadResourceRequestParams, context: RequestContext<RoleServer>) -> Result<ReadResourceResponse, ErrorData> {
        let visit = Visit::of(&context)?;
        if let Some(kept) = self.mcp.read_kept(&visit, &request.uri).await {
            return kept;
        }
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ReadResourceRequestMethod>());
        }
        let mut response = if request.uri == surface::CATALOGUE && visit.target == Target::All {
            let text = surface::catalogue(&self.mcp.usable_tools(&visit).await);
            ReadResourceResult::new(vec![ResourceContents::text(text, surface::CATALOGUE).with_mime_type("application/json")]).into()
        } else {
            let uri = request.uri.clone();
            let found = self.first(|source| source.read_resource(&visit, request.clone())).await;
            found.unwrap_or_else(|| Err(ErrorData::resource_not_found("there is no such resource", Some(serde_json::json!({"uri": uri})))))?
        };
        if let ReadResourceResponse::Complete(result) = &mut response {
            // Whatever the upstream says of its resources, here they are one person's (G8, R18).
            result.cache_scope = Some(CacheScope::Private);
            result.ttl_ms = Some(result.ttl_ms.unwrap_or_default());
        }
        Ok(response)
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, context: RequestContext<RoleServer>) -> Result<GetPromptResponse, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<GetPromptRequestMethod>());
        }
        let visit = Visit::of(&context)?;
        let name = request.name.clone();
        let found = self.first(|source| source.get_prompt(&visit, request.clone())).await;
        found.unwrap_or_else(|| Err(ErrorData::invalid_params(format!("there is no prompt {name:?}; prompts/list names them"), None)))
    }

    async fn complete(&self, request: CompleteRequestParams, context: RequestContext<RoleServer>) -> Result<CompleteResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<CompleteRequestMethod>());
        }
        let visit = Visit::of(&context)?;
        let found = self.first(|source| source.complete(&visit, request.clone())).await;
        found.unwrap_or_else(|| Err(ErrorData::invalid_params("there is no such prompt or resource template", None)))
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        let visit = Visit::of(&context)?;
        for source in &self.mcp.inner.parts.sources {
            source.set_level(&visit, request.level).await;
        }
        Ok(())
    }

    async fn subscribe(&self, request: SubscribeRequestParams, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.watch(&request.uri, true, &context).await
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.watch(&request.uri, false, &context).await
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let visit = Visit::of(context.request_context())?;
        for uri in context.accepted().resource_subscriptions.iter().flatten() {
            // Where watching fails, the rest of what was asked for still works.
            let _ = self.first(|source| source.watch(&visit, uri, true)).await;
        }
        let mut listener = Listener::new(&self.mcp, visit);
        loop {
            let changes = tokio::select! {
                changes = listener.next() => changes,
                () = context.cancelled() => return Ok(()),
                () = self.mcp.inner.parts.stop.cancelled() => return Ok(()),
            };
            for changed in changes.into_iter().flatten() {
                let notification = match changed {
                    Changed::Tools => ServerNotification::ToolListChangedNotification(ToolListChangedNotification::default()),
                    Changed::Prompts => ServerNotification::PromptListChangedNotification(PromptListChangedNotification::default()),
                    Changed::Resources => ServerNotification::ResourceListChangedNotification(ResourceListChangedNotification::default()),
                    Changed::Resource(uri) => {
                        ServerNotification::ResourceUpdatedNotification(ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(uri)))
                    }
                };
                // What this client did not ask for is refused by the sink.
                let _ = context.sink().send(notification).await;
            }
        }
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let visit = Visit::of(&context)?;
        let mut noting = self.mcp.begin_noting(&visit, &request);
        let (name, caller) = (request.name.to_string(), visit.caller.clone());
        let outcome = self.mcp.call(visit, request, &context, &mut noting.facts).await;
        let micros = noting.micros();
        let said = match &outcome {
            Ok(CallToolResponse::Complete(result)) if result.is_error == Some(true) => "answered with an error",
            Ok(CallToolResponse::Complete(_)) => "ok",
            Ok(_) => "input required",
            Err(ToolError::Arguments(_)) => "bad arguments",
            Err(ToolError::Failed(_)) => "failed",
            Err(ToolError::Busy(..)) => "limited",
            Err(ToolError::Protocol(_)) => "refused",
            Err(ToolError::Unavailable(_)) => "unavailable",
        };
        tracing::info!(
            tool = %name, person = %caller.user_id, client = %caller.client_id, grant = %caller.grant_id, outcome = said, micros, "tool called"
        );
        self.mcp.note_called(noting, said, &outcome).await;
        outcome.or_else(|error| surface::as_result(error).map(Into::into))
    }
}

impl Server {
    async fn watch(&self, uri: &str, on: bool, context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        }
        let visit = Visit::of(context)?;
        let found = self.first(|source| source.watch(&visit, uri, on)).await;
        found.unwrap_or_else(|| Err(ErrorData::resource_not_found("there is no such resource", Some(serde_json::json!({"uri": uri})))))?;
        if let Some(session) = &visit.session
            && !self.mcp.inner.watched.set(session, uri, on)
        {
            return Err(ErrorData::invalid_request("too many resources are watched already", None));
        }
        Ok(())
    }
}

/// Makes a result that models read of a text, for sources that have no more to say.
pub fn text_result(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cursor: &str) -> PaginatedRequestParams {
        let mut params = PaginatedRequestParams::default();
        params.cursor = Some(cursor.to_owned());
        params
    }

    #[test]
    fn t27_pages_are_in_order_complete_and_stable_while_items_come_and_go() {
        let items = || vec!["a", "b", "c", "d", "e"];
        let (first, cursor) = page(items(), None, 2, |item| item).unwrap();
        assert_eq!(first, ["a", "b"]);
        // An item before the cursor goes; nothing after it is lost or shown twice.
        let (second, cursor) = page(vec!["a", "c", "d", "e"], Some(after(&cursor.unwrap())), 2, |item| item).unwrap();
        assert_eq!(second, ["c", "d"]);
        let (third, cursor) = page(items(), Some(after(&cursor.unwrap())), 2, |item| item).unwrap();
        assert_eq!((third, cursor), (vec!["e"], None));
        assert!(page(items(), Some(after("!")), 2, |item| item).is_err());
        assert!(page(items(), Some(after(&URL_SAFE_NO_PAD.encode("x"))), 2, |item| item).is_err());
    }
}
