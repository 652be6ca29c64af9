//! The ports to the rest of the program: tools, tokens of the model, and listeners.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

/// The database does not answer. Nothing is decided without it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// A tool that the user may call through the agent.
#[derive(Clone, Debug)]
pub struct AgentTool {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The schema of its arguments.
    pub schema: Map<String, Value>,
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub struct ToolOutcome {
    /// The result, or the reason of a failure.
    pub text: String,
    /// The call failed or was refused.
    pub failed: bool,
    /// Pages of this server that the user has to open first: to confirm the call, or to connect a
    /// service.
    pub pages: Vec<String>,
}

/// The tools of one user.
pub trait Toolbox: Send + Sync {
    /// The tools that may be called, at most about `most`.
    fn tools(&self, most: usize) -> BoxFuture<'_, Vec<AgentTool>>;
    /// Calls a tool. Dropping the future takes the call back.
    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'a, ToolOutcome>;
}

/// The tokens of the model that one user may use.
pub trait Ledger: Send + Sync {
    /// Takes tokens from those of today; `false` if none are left.
    fn reserve(&self, tokens: i64) -> BoxFuture<'_, Result<bool, Unavailable>>;
    /// Corrects the last reservation by this difference.
    fn settle(&self, difference: i64) -> BoxFuture<'_, ()>;
}

/// A step of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The model is asked.
    Thinking,
    /// A tool is called.
    Calling(&'a str),
    /// A tool answered.
    GotResult(&'a str),
    /// The model writes.
    Generating,
}

/// Learns of the steps of a turn, in order.
pub trait Listener: Send + Sync {
    /// Takes a step.
    fn tell<'a>(&'a self, step: Step<'a>) -> BoxFuture<'a, ()>;
}

/// A listener that is not interested.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Listener for Silent {
    fn tell<'a>(&'a self, _: Step<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {})
    }
}
