//! Tools: their definition, their sources, and the built-in ones.

mod ask;
mod builtin;
mod list_connected_apps;
mod revoke_connected_app;
mod server_info;
mod wait;
mod whoami;

use std::sync::Arc;

use doorward_store::StoreError;
use futures_util::future::BoxFuture;
use rmcp::{
    ErrorData,
    model::{CallToolRequestParams, ProgressToken, Prompt, Resource, ResourceTemplate},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    Channel, InboundRequest, Permit,
    item::{Item, Listed, ToolSpec, Unjudged},
    operation::{Answer, ItemName},
};

pub use ask::{AskAnswer, AskCitation, AskRequest, AskTools, Assistant, NAME as ASK};
pub use builtin::{BUILT_IN, BuiltIn, BuiltInTools};
pub(crate) use builtin::{is_built_in, schema};

/// One call. It is made of a [`Permit`] and of nothing else.
#[non_exhaustive]
pub struct ToolCall {
    /// The tool.
    pub spec: Arc<ToolSpec>,
    /// The request as the client sent it.
    pub params: CallToolRequestParams,
    /// The caller, and the channel to it.
    pub inbound: InboundRequest,
    /// The recipient of progress.
    pub progress: Progress,
    /// Cancelled when the client cancels the call or disconnects.
    pub cancelled: CancellationToken,
}

impl ToolCall {
    /// The arguments, as sent.
    pub fn arguments(&self) -> Map<String, Value> {
        self.params.arguments.clone().unwrap_or_default()
    }
}

/// Reason for which a call has no result.
#[derive(Debug)]
pub enum ToolError {
    /// The arguments do not fit; the text states the requirements to the model.
    Arguments(String),
    /// The call failed; the text states the reason to the model.
    Failed(String),
    /// The call is not possible now; the text states the reason to the model, the number the
    /// seconds until a retry.
    Busy(String, u64),
    /// The protocol has an error of its own for this.
    Protocol(ErrorData),
    /// The user did not agree, or could not be asked; the text states which to the model.
    Unconfirmed(String),
    /// The upstream answered with an error of its own, with a text labelled with the upstream's
    /// name by the source. It reaches the client without the codes that are Doorward's.
    Upstream(ErrorData),
    /// An internal failure; the caller learns only that it may try again.
    Unavailable(StoreError),
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// The offers of a source besides tools.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "MCP's capabilities are independent")]
pub struct Offers {
    /// Prompts.
    pub prompts: bool,
    /// Resources and templates.
    pub resources: bool,
    /// Completion of arguments.
    pub completions: bool,
    /// Log messages.
    pub logging: bool,
    /// Extensions of the protocol, with their settings.
    pub extensions: rmcp::model::ExtensionCapabilities,
}

/// A read of a source. Where the database does not answer, it is not known what the source has: that
/// is no empty list, and no missing item.
pub type SourceRead<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A source of tools, prompts and resources. The gateway is one with all of them; `doorward`
/// registers it. The defaults are those of a source that offers tools alone.
pub trait ToolSource: Send + Sync + 'static {
    /// The tools that this caller could see, in a stable order, before they are judged.
    fn tools<'a>(&'a self, inbound: &'a InboundRequest) -> SourceRead<'a, Unjudged<Arc<ToolSpec>>>;
    /// The prompts.
    fn prompts<'a>(
        &'a self,
        _inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<Prompt>>> {
        Box::pin(async move { Ok(Unjudged::default()) })
    }
    /// The resources.
    fn resources<'a>(
        &'a self,
        _inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<Resource>>> {
        Box::pin(async move { Ok(Unjudged::default()) })
    }
    /// The resource templates.
    fn templates<'a>(
        &'a self,
        _inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<ResourceTemplate>>> {
        Box::pin(async move { Ok(Unjudged::default()) })
    }
    /// The offers of each upstream besides tools.
    fn offers<'a>(
        &'a self,
        _inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<Offers>>> {
        Box::pin(async move { Ok(Unjudged::default()) })
    }
    /// True if there may be anything but tools, for any user.
    fn may_offer(&self) -> bool {
        false
    }
    /// The item of this name, before it is judged. It sends no request to an upstream.
    fn find<'a>(
        &'a self,
        inbound: &'a InboundRequest,
        wanted: ItemName<'a>,
    ) -> SourceRead<'a, Option<Item>>;
    /// The tool of this name that waits for an administrator's decision, before it is judged.
    fn waiting<'a>(
        &'a self,
        _inbound: &'a InboundRequest,
        _name: &'a str,
    ) -> SourceRead<'a, Option<Item>> {
        Box::pin(async move { Ok(None) })
    }
    /// For an item that is not found: its upstream, before it is judged, and the error of the
    /// operation, where the upstream did not list its items since this server started.
    fn unlisted<'a>(
        &'a self,
        _inbound: &'a InboundRequest,
        _wanted: ItemName<'a>,
    ) -> SourceRead<'a, Option<(Item, ToolError)>> {
        Box::pin(async move { Ok(None) })
    }
    /// Performs an admitted operation.
    fn run(&self, permit: Permit) -> BoxFuture<'_, Result<Answer, ToolError>>;
}

/// Reports progress, if the client requested it (CA7).
#[derive(Clone)]
pub struct Progress(Option<(Channel, ProgressToken)>);

impl Progress {
    /// Progress without a recipient.
    pub fn none() -> Self {
        Self(None)
    }
    /// Reports to the client, under the token that it chose.
    pub fn new(channel: Channel, token: ProgressToken) -> Self {
        Self(Some((channel, token)))
    }
    /// True if a client listens.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }
    /// Reports that `step` of `total` is done.
    pub async fn report(&self, step: f64, total: Option<f64>, message: Option<String>) {
        let Some((channel, token)) = &self.0 else { return };
        let mut params = json!({"progressToken": token, "progress": step});
        if let Value::Object(members) = &mut params {
            members.extend(total.map(|total| ("total".to_owned(), json!(total))));
            members.extend(message.map(|message| ("message".to_owned(), json!(message))));
        }
        channel.notify("notifications/progress", params).await;
    }
}
