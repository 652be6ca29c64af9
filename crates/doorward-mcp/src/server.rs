//! The protocol: the requests of `rmcp` to a server, answered from the tool sources.

use doorward_store::StoreError;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestMethod,
        CompleteRequestParams, CompleteResult, DiscoverResult, GetPromptRequestMethod,
        GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams,
        InitializeResult, ListPromptsRequestMethod, ListPromptsResult,
        ListResourceTemplatesRequestMethod, ListResourceTemplatesResult,
        ListResourcesRequestMethod, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        PromptListChangedNotification, ReadResourceRequestMethod, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, Resource, ResourceContents,
        ResourceListChangedNotification, ResourceTemplate, ResourceUpdatedNotification,
        ResourceUpdatedNotificationParam, ServerCapabilities, ServerConfig, ServerNotification,
        SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestMethod,
        SubscribeRequestParams, SubscriptionFilter, ToolListChangedNotification,
        UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};

use crate::{
    Changed, InboundRequest, Mcp, Target,
    hub::Listener,
    lists::page,
    operation::{Answer, Operation},
    streams, surface,
    tools::Offers,
};

/// Milliseconds for which a client may keep a list. It depends on the user, so shared caches may
/// not (R18).
const LIST_TTL_MS: u64 = 60_000;
/// The text about this server for the models of clients.
const INSTRUCTIONS: &str = "Tools behind Doorward act for the user who signed in. Call whoami for \
                            the user and the scopes.";
/// Maximum number of resources that one stream watches.
const MOST_WATCHED_AT_ONCE: usize = 256;

/// One request's server. Cheap to make.
#[derive(Clone)]
pub(crate) struct Server {
    mcp: Mcp,
}

impl Server {
    pub(crate) fn new(mcp: Mcp) -> Self {
        Self { mcp }
    }

    /// The capabilities for this caller.
    fn capabilities(offers: Offers) -> ServerCapabilities {
        let mut capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        let member = serde_json::json!({"listChanged": true});
        let resources = serde_json::json!({"listChanged": true, "subscribe": true});
        capabilities.prompts =
            offers.prompts.then(|| serde_json::from_value(member).unwrap_or_default());
        capabilities.resources =
            offers.resources.then(|| serde_json::from_value(resources).unwrap_or_default());
        capabilities.completions = offers.completions.then(Default::default);
        capabilities.logging = offers.logging.then(Default::default);
        capabilities.extensions = Some(offers.extensions).filter(|all| !all.is_empty());
        capabilities
    }

    fn config(&self, offers: Offers, target: Target) -> ServerConfig {
        let settings = &self.mcp.inner.settings;
        let toolset = target.toolset().and_then(|name| settings.resources.toolset(name));
        let (title, instructions) = match toolset {
            Some(toolset) => {
                let act = "Tools behind Doorward act for the user who signed in.";
                let told = [toolset.description.as_str(), act].join("\n");
                (toolset.title.clone(), told.trim_start().to_owned())
            }
            None => (settings.config.resource_name.clone(), INSTRUCTIONS.to_owned()),
        };
        let implementation =
            Implementation::new("doorward", env!("CARGO_PKG_VERSION")).with_title(title);
        ServerConfig::new(Self::capabilities(offers))
            .with_server_info(implementation)
            .with_instructions(instructions)
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let all = self.mcp.may_offer();
        let mut offers = Offers::default();
        (offers.prompts, offers.resources) = (all, all);
        (offers.completions, offers.logging) = (all, all);
        self.config(offers, Target::All)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let inbound = InboundRequest::of(&context)?;
        let offers = self.mcp.offers(&inbound).await.map_err(unavailable)?;
        let info = self.config(offers, inbound.target);
        let mut result = InitializeResult::new(info.capabilities);
        result.server_info = info.server_info;
        result.instructions = info.instructions;
        // A revision that has no handshake cannot be agreed on in one (L1, I19).
        let known = self.supported_protocol_versions();
        let legacy = |version: &&rmcp::model::ProtocolVersion| version.has_initialize();
        let agreed =
            known.iter().filter(legacy).find(|version| **version == request.protocol_version);
        if let Some(version) = agreed.or_else(|| {
            known.iter().filter(legacy).max_by(|one, other| one.as_str().cmp(other.as_str()))
        }) {
            result.protocol_version = version.clone();
        }
        Ok(result)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let inbound = InboundRequest::of(&context)?;
        let versions = self.supported_protocol_versions().into_owned();
        let offers = self.mcp.offers(&inbound).await.map_err(unavailable)?;
        let info = self.config(offers, inbound.target);
        Ok(DiscoverResult::from_server_info(versions, info)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn on_initialized(&self, _: rmcp::service::NotificationContext<RoleServer>) {}

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let inbound = InboundRequest::of(&context)?;
        let tools = self.mcp.shown_tools(&inbound).await.map_err(unavailable)?;
        let shown = page(tools, request, self.mcp.inner.settings.config.page_size, |tool| {
            tool.name.as_ref()
        })?;
        let mut result = ListToolsResult::with_all_items(shown.items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = shown.next;
        Ok(result)
    }

    // Undeclared features do not exist: the library would answer these requests with empty lists.
    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ListPromptsRequestMethod>());
        }
        let inbound = InboundRequest::of(&context)?;
        let prompts = self.mcp.listed(&inbound, |source| source.prompts(&inbound)).await;
        let prompts = prompts.map_err(unavailable)?;
        let mut prompts: Vec<_> = prompts.into_iter().map(|one| one.shown).collect();
        prompts.sort_by(|one, other| one.name.cmp(&other.name));
        let shown = page(prompts, request, self.mcp.inner.settings.config.page_size, |prompt| {
            &prompt.name
        })?;
        let mut result = ListPromptsResult::with_all_items(shown.items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = shown.next;
        Ok(result)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ListResourcesRequestMethod>());
        }
        let inbound = InboundRequest::of(&context)?;
        let mut resources = Vec::new();
        if inbound.target == Target::All {
            let mut catalogue = Resource::new(surface::CATALOGUE, "catalogue");
            catalogue.title = Some("All tools".to_owned());
            catalogue.description =
                Some("The tools that you may use here, in pages; each names the next.".to_owned());
            catalogue.mime_type = Some("application/json".to_owned());
            resources.push(catalogue);
            resources.extend(self.mcp.kept_resources(&inbound).await.map_err(unavailable)?);
        }
        resources.extend(
            self.mcp
                .listed(&inbound, |source| source.resources(&inbound))
                .await
                .map_err(unavailable)?
                .into_iter()
                .map(|one| one.shown),
        );
        resources.sort_by(|one, other| one.uri.cmp(&other.uri));
        let shown =
            page(resources, request, self.mcp.inner.settings.config.page_size, |resource| {
                &resource.uri
            })?;
        let mut result = ListResourcesResult::with_all_items(shown.items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = shown.next;
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
        let inbound = InboundRequest::of(&context)?;
        let templates = self.mcp.listed(&inbound, |source| source.templates(&inbound)).await;
        let templates = templates.map_err(unavailable)?;
        let mut templates: Vec<_> = templates.into_iter().map(|one| one.shown).collect();
        if inbound.target == Target::All {
            let pages = ResourceTemplate::new(surface::CATALOGUE_PAGES, "catalogue");
            templates.push(pages.with_mime_type("application/json"));
        }
        templates.sort_by(|one, other| one.uri_template.cmp(&other.uri_template));
        let shown =
            page(templates, request, self.mcp.inner.settings.config.page_size, |template| {
                &template.uri_template
            })?;
        let mut result = ListResourceTemplatesResult::with_all_items(shown.items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = shown.next;
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let inbound = InboundRequest::of(&context)?;
        if let Some(kept) = self.mcp.read_kept(&inbound, &request.uri).await {
            return kept;
        }
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<ReadResourceRequestMethod>());
        }
        let page = surface::catalogue_page(&request.uri).filter(|_| inbound.target == Target::All);
        let mut response = if let Some(after) = page {
            let most = self.mcp.inner.settings.config.page_size;
            let tools = self.mcp.allowed_tools(&inbound).await.map_err(unavailable)?;
            let text = surface::catalogue(&tools, after, most);
            ReadResourceResult::new(vec![
                ResourceContents::text(text, &request.uri).with_mime_type("application/json"),
            ])
            .into()
        } else {
            match self
                .mcp
                .perform(inbound, Operation::ReadResource(request), &context)
                .await
                .map_err(surface::as_error)?
            {
                Answer::Resource(response) => response,
                other => return Err(wrong_answer(&other)),
            }
        };
        if let ReadResourceResponse::Complete(result) = &mut response {
            // The upstream's statement on its resources is ignored: here they belong to one user
            // (G8, R18).
            result.cache_scope = Some(CacheScope::Private);
            result.ttl_ms = Some(result.ttl_ms.unwrap_or_default());
        }
        Ok(response)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<GetPromptRequestMethod>());
        }
        let inbound = InboundRequest::of(&context)?;
        match self
            .mcp
            .perform(inbound, Operation::GetPrompt(request), &context)
            .await
            .map_err(surface::as_error)?
        {
            Answer::Prompt(response) => Ok(response),
            other => Err(wrong_answer(&other)),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<CompleteRequestMethod>());
        }
        let inbound = InboundRequest::of(&context)?;
        match self
            .mcp
            .perform(inbound, Operation::Complete(request), &context)
            .await
            .map_err(surface::as_error)?
        {
            Answer::Completion(result) => Ok(result),
            other => Err(wrong_answer(&other)),
        }
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        let inbound = InboundRequest::of(&context)?;
        let offers = self.mcp.listed(&inbound, |source| source.offers(&inbound)).await;
        for one in offers.map_err(unavailable)? {
            if one.shown.logging {
                // An upstream that does not support it sends messages of any level.
                let _ = self
                    .mcp
                    .perform(
                        inbound.clone(),
                        Operation::SetLevel(one.item.upstream, request.level),
                        &context,
                    )
                    .await;
            }
        }
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.watch(&request.uri, true, &context).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.watch(&request.uri, false, &context).await
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let inbound = InboundRequest::of(context.request_context())?;
        let too_many = || ErrorData::invalid_request(streams::TOO_MANY, None);
        let _slot = self.mcp.open_stream(inbound.caller.user_id()).ok_or_else(too_many)?;
        for uri in
            context.accepted().resource_subscriptions.iter().flatten().take(MOST_WATCHED_AT_ONCE)
        {
            // If watching fails, the rest of the request still works.
            let _ = self
                .mcp
                .perform(
                    inbound.clone(),
                    Operation::Watch { uri: uri.clone(), on: true },
                    context.request_context(),
                )
                .await;
        }
        let mut listener = Listener::new(&self.mcp, inbound);
        loop {
            let changes = tokio::select! {
                changes = listener.next() => changes,
                () = context.cancelled() => return Ok(()),
                () = self.mcp.inner.services.stop.cancelled() => return Ok(()),
            };
            for changed in changes.into_iter().flatten() {
                let notification = match changed {
                    Changed::Tools => ServerNotification::ToolListChangedNotification(
                        ToolListChangedNotification::default(),
                    ),
                    Changed::Prompts => ServerNotification::PromptListChangedNotification(
                        PromptListChangedNotification::default(),
                    ),
                    Changed::Resources => ServerNotification::ResourceListChangedNotification(
                        ResourceListChangedNotification::default(),
                    ),
                    Changed::Resource(uri) => ServerNotification::ResourceUpdatedNotification(
                        ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(
                            uri,
                        )),
                    ),
                };
                // Notifications that this client did not request are refused by the sink.
                let _ = context.sink().send(notification).await;
            }
        }
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let inbound = InboundRequest::of(&context)?;
        match self.mcp.perform(inbound, Operation::CallTool(request), &context).await {
            Ok(Answer::Tool(response)) => Ok(response),
            Ok(other) => Err(wrong_answer(&other)),
            Err(error) => surface::as_result(error).map(Into::into),
        }
    }
}

impl Server {
    async fn watch(
        &self,
        uri: &str,
        on: bool,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if !self.mcp.may_offer() {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        }
        let inbound = InboundRequest::of(context)?;
        let session = inbound.session.clone();
        let outcome =
            self.mcp.perform(inbound, Operation::Watch { uri: uri.to_owned(), on }, context).await;
        // After the unsubscription nothing is announced, whatever the upstream responds to it.
        if let (false, Some(session)) = (on, &session) {
            self.mcp.inner.watched.set(session, uri, false);
        }
        outcome.map_err(surface::as_error)?;
        if let Some(session) = session.filter(|_| on)
            && !self.mcp.inner.watched.set(&session, uri, true)
        {
            return Err(ErrorData::invalid_request("too many resources are watched already", None));
        }
        Ok(())
    }
}

/// The error for a request that the database does not answer.
fn unavailable(error: StoreError) -> ErrorData {
    surface::as_error(error.into())
}

/// The error for a source that answered another operation than the requested one.
fn wrong_answer(answer: &Answer) -> ErrorData {
    tracing::error!(answer = answer.noun(), "a source returned something else than requested");
    ErrorData::internal_error("the server cannot respond to this", None)
}
