//! The port to the rest of the program: tokens of chat servers, posts that are answered once, users
//! and their tools.

use std::sync::Arc;

use doorward_model::{ChatPost, SecretSetting, Timestamp, ToolClass};
use doorward_transport::ClientAddress;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

/// The database does not answer. Nothing is decided without it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// The decision on a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is the right one.
    Right,
    /// It is wrong or missing.
    Wrong,
    /// Too many were wrong; the number is the seconds to wait.
    Wait(i64),
}

/// The author of a post, as the chat server states them.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    /// The connector.
    pub connector: &'a str,
    /// The chat server, by its URL.
    pub server: &'a str,
    /// The account there, by its identifier: the only identity.
    pub account: &'a str,
    /// The name of the account, for display.
    pub name: &'a str,
    /// The scopes that a link gives.
    pub scopes: &'a str,
    /// For how many days a link counts.
    pub days: u32,
}

/// The standing of an author.
pub enum Standing {
    /// They are linked with a user, with whose rights the program acts.
    Linked(Arc<dyn Acting>),
    /// They are not: the page on which a user links them, and for how many minutes it works.
    Unlinked(String, i64),
    /// The user lacks the permission to use the connector.
    Denied,
    /// The MCP server is switched off.
    Off,
}

/// A tool.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its class.
    pub class: ToolClass,
    /// Its description.
    pub description: String,
    /// The schema of its arguments.
    pub schema: Map<String, Value>,
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The result, or the reason of a failure.
    pub text: String,
    /// The call failed or was refused.
    pub failed: bool,
    /// The user has to confirm it, and may be asked in the chat.
    pub asked: Option<Question>,
}

/// A question about a call, which was not made yet.
#[derive(Clone, Debug)]
pub struct Question {
    /// The question, with the arguments. It is foreign.
    pub text: String,
    /// The state by which the call is made when its user agrees: once, with these arguments.
    pub state: String,
}

/// The contents of a button, as they were presented.
#[derive(Clone, Debug)]
pub enum Opened {
    /// This server sealed it.
    Right(Vec<u8>),
    /// It did not.
    Wrong,
    /// Too many were wrong; the number is the seconds to wait.
    Wait(i64),
}

/// A call about which the user was asked.
#[derive(Clone, Debug)]
pub struct AnsweredCall {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// The state of the question.
    pub state: String,
    /// The conversation with the agent in which it was asked.
    pub conversation: Option<String>,
    /// The user agrees.
    pub agrees: bool,
}

/// A call of the agent that waits for its user.
#[derive(Clone, Debug)]
pub struct WaitingCall {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// The question.
    pub question: Question,
}

/// The place in which the agent is asked.
#[derive(Clone, Copy, Debug)]
pub struct AgentPlace<'a> {
    /// The thread. The questions of one user in it are one conversation.
    pub thread: Option<&'a str>,
    /// Its URL at the chat server; empty where it has none.
    pub url: &'a str,
    /// The user may be asked there to confirm calls.
    pub may_ask: bool,
}

/// A service that the user has not connected.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its title.
    pub title: String,
    /// The page on which it is connected.
    pub url: String,
}

/// An answer of the agent.
#[derive(Clone, Debug, Default)]
pub struct AgentAnswer {
    /// The text, in Markdown, or the reason of a failure. It is foreign: documents shape it.
    pub text: String,
    /// The sources that it cites.
    pub sources: Vec<Source>,
    /// Pages of this server that the user has to open before more can be done.
    pub pages: Vec<String>,
    /// Calls that wait for the user, who may be asked in the chat.
    pub waiting: Vec<WaitingCall>,
    /// The conversation, in which such a call goes on.
    pub conversation: String,
    /// The result of a call that the user confirmed, where the agent could not go on with it.
    pub made: Option<String>,
    /// There is no answer.
    pub failed: bool,
}

/// A source of an answer.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its number in the text.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Its URL or URI.
    pub location: String,
}

/// A user for whom the program acts.
pub trait Acting: Send + Sync + 'static {
    /// The sign-in name.
    fn name(&self) -> String;
    /// The roles.
    fn roles(&self) -> Vec<String>;
    /// The scopes with which the program acts.
    fn scopes(&self) -> String;
    /// The tools that may be called.
    fn tools(&self) -> BoxFuture<'_, Result<Vec<Tool>, Unavailable>>;
    /// Calls a tool. Dropping the future takes the call back. With `may_ask`, a call that must be
    /// confirmed may be put to the user in the chat, else on a page.
    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Map<String, Value>,
        may_ask: bool,
    ) -> BoxFuture<'a, Outcome>;
    /// Makes a call about which the user was asked in the chat, if they agree.
    fn answer(&self, call: AnsweredCall) -> BoxFuture<'_, Outcome>;
    /// Answers a question by the agent, in the conversation of this user in a thread; `None` without
    /// an agent. Dropping the future ends the work on it.
    fn ask<'a>(
        &'a self,
        place: AgentPlace<'a>,
        question: &'a str,
    ) -> BoxFuture<'a, Option<AgentAnswer>>;
    /// Makes a call of the agent about which the user was asked, if they agree, and has the agent go
    /// on with its result. The answer is empty where the user declined; `None` without an agent.
    fn go_on<'a>(
        &'a self,
        place: AgentPlace<'a>,
        call: AnsweredCall,
    ) -> BoxFuture<'a, Option<AgentAnswer>>;
    /// The services that the user could connect and has not.
    fn missing(&self) -> BoxFuture<'_, Result<Vec<Connection>, Unavailable>>;
}

/// The rest of the program, as connectors see it.
pub trait Office: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// The beginning of the URLs of this server.
    fn public_url(&self) -> String;
    /// The URL at which this server takes the requests of a connector.
    fn connector_url(&self, connector: &str) -> String;
    /// A random text, which names one thing.
    fn nonce(&self) -> String;
    /// Seals the contents of a button.
    fn seal(&self, plain: &[u8]) -> String;
    /// Opens the contents of a button, counted beforehand.
    fn open<'a>(
        &'a self,
        connector: &'a str,
        address: ClientAddress,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<Opened, Unavailable>>;
    /// Reports an agent, which answers what is no command.
    fn has_agent(&self) -> bool;
    /// Work on behalf of a chat, as the audit tells its origin.
    fn serving(&self, connector: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()>;
    /// Compares the expected token with the presented one, counted beforehand.
    fn admits<'a>(
        &'a self,
        connector: &'a str,
        address: ClientAddress,
        expected: &'a SecretSetting,
        presented: &'a str,
    ) -> BoxFuture<'a, Result<Admission, Unavailable>>;
    /// Takes a post on; `false` if a process did so before.
    fn claim<'a>(&'a self, post: &'a ChatPost) -> BoxFuture<'a, Result<bool, Unavailable>>;
    /// Takes posts on that were taken on before `before` and left unanswered.
    fn take_over<'a>(
        &'a self,
        connector: &'a str,
        before: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<ChatPost>, Unavailable>>;
    /// Notes that a post was answered.
    fn answered<'a>(
        &'a self,
        connector: &'a str,
        post: &'a str,
    ) -> BoxFuture<'a, Result<(), Unavailable>>;
    /// The standing of an author at this moment.
    fn standing<'a>(&'a self, speaker: Speaker<'a>)
    -> BoxFuture<'a, Result<Standing, Unavailable>>;
}
