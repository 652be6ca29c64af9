//! One request as tools see it: the user, the client and its capabilities, and the URL.

use std::sync::Arc;

use doorward_model::{PublicUrl, Resource, ToolsetName, UpstreamName};
use rmcp::{
    ErrorData, RoleServer,
    model::{ClientCapabilities, ErrorCode},
    service::RequestContext,
};
use serde::{Deserialize, Serialize};

use doorward_store::origin::Origin;

use crate::{Caller, channel::Channel};

/// The offers at a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// `/mcp`: everything.
    All,
    /// `/mcp/{upstream}`: one upstream alone, under its own names.
    One(UpstreamName),
    /// `/mcp/set/{toolset}`: the items that a toolset selects, under their names at `/mcp`.
    Set(ToolsetName),
}

impl Target {
    /// The only upstream there is, whose items have their own names.
    pub fn upstream(self) -> Option<UpstreamName> {
        match self {
            Self::One(upstream) => Some(upstream),
            Self::All | Self::Set(_) => None,
        }
    }
    /// The toolset that narrows what there is.
    pub fn toolset(self) -> Option<ToolsetName> {
        match self {
            Self::Set(toolset) => Some(toolset),
            Self::All | Self::One(_) => None,
        }
    }
    /// The resource that it is under this URL.
    pub(crate) fn resource(self, public_url: &PublicUrl) -> Resource {
        match self {
            Self::All => Resource::mcp(public_url),
            Self::One(upstream) => Resource::of_upstream(public_url, upstream),
            Self::Set(toolset) => Resource::of_toolset(public_url, toolset),
        }
    }
}

/// The form in which tools are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// One by one, unless there are too many for this client.
    Automatic,
    /// One by one, in any number (`?surface=direct`).
    Direct,
    /// Through `search_tools`, `describe_tool` and `call_tool` (`?surface=search`).
    Search,
}

/// The client's description of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientFacts {
    /// The name that it gives itself.
    pub name: String,
    /// The protocol revision.
    pub version: String,
    /// True if it uses the stateless revisions, 2026-07-28 and later.
    pub modern: bool,
    /// Its capabilities for a server.
    pub capabilities: ClientCapabilities,
    /// It is a part of this program that puts a confirmation to its user. No client states that.
    #[serde(skip)]
    pub asks: bool,
}

impl ClientFacts {
    /// True if it can show a form to its user.
    pub fn elicits_forms(&self) -> bool {
        // Before there were two modes, the bare capability meant forms.
        self.capabilities
            .elicitation
            .as_ref()
            .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
    }
    /// True if it can direct its user to a URL.
    pub fn elicits_urls(&self) -> bool {
        self.capabilities.elicitation.as_ref().is_some_and(|elicitation| elicitation.url.is_some())
    }
    /// True if it lets servers request samples of its model.
    pub fn samples(&self) -> bool {
        self.capabilities.sampling.is_some()
    }
    /// True if it announces its roots to servers.
    pub fn tells_roots(&self) -> bool {
        self.capabilities.roots.is_some()
    }
}

/// One request to an MCP endpoint: its caller, client and URL.
#[derive(Clone, Debug)]
pub struct InboundRequest {
    /// The caller, as the bearer token proved.
    pub caller: Arc<Caller>,
    /// The URL that was called.
    pub target: Target,
    /// The form in which tools are listed.
    pub surface: Surface,
    /// Long results are shortened, also where a tool is called by its own name.
    pub previews: bool,
    /// The client, as it describes itself.
    pub client: Arc<ClientFacts>,
    /// The name under which the client is registered here.
    pub registered_name: Arc<str>,
    /// The hash of the session that the client holds, if it holds one.
    pub session: Option<Arc<str>>,
    /// The channel to the client while this request is open.
    pub channel: Channel,
    /// The origin of the request, for the audit.
    pub origin: Option<Arc<Origin>>,
}

impl InboundRequest {
    /// The guard's findings about the request behind a message.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        let parts = context.extensions.get::<axum::http::request::Parts>();
        let mut inbound = parts
            .and_then(|parts| parts.extensions.get::<Self>())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))?;
        if let Some(capabilities) =
            context.meta.client_capabilities().filter(|_| context.meta.protocol_version().is_some())
        {
            // The stateless revisions state the client's capabilities with every request.
            let name = context.meta.client_info().map(|info| info.name).unwrap_or_default();
            let version = context
                .meta
                .protocol_version()
                .map(|version| version.as_str().to_owned())
                .unwrap_or_default();
            inbound.client =
                Arc::new(ClientFacts { name, version, modern: true, capabilities, asks: false });
        }
        Ok(inbound)
    }

    /// True if the client, by either of its names, is one that `pattern` means.
    pub(crate) fn client_is(&self, pattern: &doorward_model::Pattern) -> bool {
        [self.registered_name.as_ref(), self.client.name.as_str()]
            .iter()
            .any(|name| pattern.matches(name) || pattern.matches(&name.to_lowercase()))
    }
}

/// The error of a request that needs a capability that the client did not declare (T14).
pub fn missing_capability(capabilities: &ClientCapabilities) -> ErrorData {
    let required = serde_json::json!({ "requiredCapabilities": capabilities });
    ErrorData::new(
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY,
        "this needs a capability that the client did not declare",
        Some(required),
    )
}
