//! The ports to the rest of the program: tools, tokens of the model, and listeners.

use doorward_model::PlainToken;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

/// The database does not answer. Nothing is decided without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The user has to confirm the call, and is asked in the place where they asked.
    pub asked: Option<AskedUser>,
}

/// A question to the user about a call, which was not made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedUser {
    /// The question, with the arguments. It is foreign.
    pub question: String,
    /// The state by which the call is made when the user agrees.
    pub state: String,
}

/// A call that waits for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingCall {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// The question to the user.
    pub asked: AskedUser,
}

/// A call that the user confirmed and that was made: with it, the turn begins.
#[derive(Clone, Debug)]
pub struct MadeCall {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Its outcome.
    pub outcome: ToolOutcome,
}

/// The access of a back end elsewhere to the tools of one user, for one question.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The URL of the MCP server.
    pub url: String,
    /// The token for it. It ends with the access of the user's program, and soon by itself.
    pub token: PlainToken,
    /// The identifier of the question, which the answer repeats.
    pub transaction: String,
    /// Calls may do more than read.
    pub may_change: bool,
}

/// The tools of one user.
pub trait Toolbox: Send + Sync {
    /// The tools that may be called, at most about `most`.
    fn tools(&self, most: usize) -> BoxFuture<'_, Result<Vec<AgentTool>, Unavailable>>;
    /// Calls a tool. Dropping the future takes the call back.
    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'a, ToolOutcome>;
    /// Access for a back end elsewhere, for so many seconds at most; `None` if it cannot have any.
    fn pass(&self, seconds: i64) -> BoxFuture<'_, Result<Option<Pass>, Unavailable>>;
    /// The pages of this server that a text names and that the user has to open.
    fn pages(&self, text: &str) -> Vec<String>;
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
