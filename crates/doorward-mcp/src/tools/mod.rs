//! Tools: what one is, where they come from, and those that are built in.

mod builtin;
mod list_connected_apps;
mod revoke_connected_app;
mod server_info;
mod wait;
mod whoami;

use std::{borrow::Cow, pin::Pin, sync::Arc};

use doorward_model::Scope;
use doorward_store::StoreError;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::Caller;

pub use builtin::{BUILT_IN, BuiltIn, BuiltInTools};

/// A boxed future, as tools return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A tool as it is listed and judged.
#[expect(clippy::struct_excessive_bools, reason = "MCP's annotations are four independent hints")]
#[derive(Clone, Debug)]
pub struct ToolSpec {
    /// Its unique name.
    pub name: Cow<'static, str>,
    /// A name for people.
    pub title: Cow<'static, str>,
    /// What it does, for the model.
    pub description: Cow<'static, str>,
    /// JSON Schema of its arguments.
    pub input_schema: Arc<Map<String, Value>>,
    /// JSON Schema of its structured result.
    pub output_schema: Option<Arc<Map<String, Value>>>,
    /// The scope that calling it needs.
    pub scope: Scope,
    /// It changes nothing.
    pub read_only: bool,
    /// It may remove or overwrite something.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond this server.
    pub open_world: bool,
}

/// One call.
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// Its arguments, as sent.
    pub arguments: Map<String, Value>,
    /// Where to report progress.
    pub progress: Progress,
    /// Cancelled when the client takes the call back or goes away.
    pub cancelled: CancellationToken,
    /// Who calls.
    pub caller: Caller,
}

/// Why a call has no result.
#[derive(Debug)]
pub enum ToolError {
    /// The arguments do not fit; the text tells the model how they must be.
    Arguments(String),
    /// It could not be done; the text tells the model why.
    Failed(String),
    /// Something here failed; the caller learns only that it may try again.
    Unavailable(StoreError),
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// Where tools come from. The gateway and connectors are further sources; `doorward` introduces them.
pub trait ToolSource: Send + Sync + 'static {
    /// The tools that this caller sees, in a stable order.
    fn list(&self, caller: &Caller) -> Vec<ToolSpec>;
    /// The tool of this name.
    fn find(&self, name: &str) -> Option<ToolSpec>;
    /// Calls a tool of this source. The scope was checked.
    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>>;
}

type Report = dyn Fn(f64, f64, String) -> BoxFuture<'static, ()> + Send + Sync;

/// Reports progress, if the client asked for it (CA7).
#[derive(Clone)]
pub struct Progress(Option<Arc<Report>>);

impl Progress {
    /// Reports to nobody.
    pub fn none() -> Self {
        Self(None)
    }
    /// Reports through this function.
    pub fn new(report: impl Fn(f64, f64, String) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }
    /// Reports that `step` of `total` is done.
    pub async fn report(&self, step: f64, total: f64, message: String) {
        if let Some(report) = &self.0 {
            report(step, total, message).await;
        }
    }
}
