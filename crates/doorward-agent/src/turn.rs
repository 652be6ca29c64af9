//! One turn: the model is asked, calls tools, and is asked again, within bounds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use doorward_model::{UserId, foreign};
use doorward_transport::{Outbound, OutboundConfig};
use serde_json::{Map, Value};

use crate::{
    AgentConfig, Citation, Ledger, Listener, MadeCall, Said, SettingError, Step, ToolOutcome,
    Toolbox, Unavailable, WaitingCall,
    back_end::{BackEnd, Question},
    config::Mode,
    endpoint::{Endpoint, Request},
    message::{Message, WantedCall, history, shorten},
    names::Offer,
    prompt,
    reply::Reply,
    sources::Sources,
    spending::Spending,
    turns::Turns,
    wire::Fault,
};

/// Maximum number of bytes of a question.
const MOST_QUESTION: usize = 32 * 1024;
/// Maximum number of characters of an answer.
const MOST_ANSWER: usize = 60_000;
/// Maximum number of times that one call is made with the same arguments in one turn.
const MOST_ALIKE: usize = 2;
/// The most calls of one turn about which the user is asked.
const MOST_WAITING: usize = 3;
/// The seconds after which to try again where too many answers are under way.
const BUSY: u64 = 10;

/// The agent. Cheap to clone.
#[derive(Clone)]
pub struct Agent {
    inner: Arc<Inner>,
}

/// The party that answers.
enum Answering {
    /// A model, whose calls are made here.
    Model(Endpoint),
    /// A back end, which calls by itself.
    BackEnd(BackEnd),
}

struct Inner {
    answering: Answering,
    config: AgentConfig,
    turns: Turns,
}

/// A question.
pub struct Turn<'a> {
    /// The user who asks.
    pub user_id: &'a UserId,
    /// The question.
    pub question: &'a str,
    /// The earlier questions and answers.
    pub history: &'a [Said],
    /// A call that the user confirmed meanwhile, with its outcome.
    pub made: Option<&'a MadeCall>,
    /// The tools of the user.
    pub toolbox: &'a dyn Toolbox,
    /// The tokens that the user may use.
    pub ledger: &'a dyn Ledger,
    /// Learns of the steps.
    pub listener: &'a dyn Listener,
    /// The number of seconds in which the answer must be there, if the user wants another one.
    pub seconds: Option<u64>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The text, cleaned.
    pub text: String,
    /// The sources that it cites.
    pub citations: Vec<Citation>,
    /// Pages of this server that the user has to open before more can be done.
    pub pages: Vec<String>,
    /// Calls that wait for the user's confirmation.
    pub waiting: Vec<WaitingCall>,
}

/// The reason for which there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// The question is too long, or empty.
    #[error("the question must have between 1 and {MOST_QUESTION} bytes")]
    Question,
    /// Too many answers are being prepared, or the endpoint asks to wait; the number is the seconds
    /// until another try.
    #[error("no answer can be prepared now; try again in {0} s")]
    Busy(u64),
    /// The user has used the tokens of this day.
    #[error(
        "you used all of the model's tokens that you may use on one day; they are there again at \
         midnight (UTC)"
    )]
    Spent,
    /// The time is over.
    #[error("there was no answer within {0} s")]
    Late(u64),
    /// The model calls tools without end.
    #[error("the model came to no answer within {0} rounds")]
    Endless(u32),
    /// A back end cannot act for the user in this place.
    #[error("the agent cannot be asked here; ask in an MCP client or in the chat")]
    NoPass,
    /// The model cannot be asked.
    #[error("{0}")]
    Model(String),
    /// The database does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy(seconds) => Self::Busy(seconds),
            Fault::Spent => Self::Spent,
            Fault::Uncounted(error) => Self::Unavailable(error),
            fault @ (Fault::Refused(_) | Fault::Unavailable(_)) => Self::Model(fault.to_string()),
        }
    }
}

/// The state of a turn.
struct Work<'a> {
    messages: Vec<Message>,
    offer: Offer,
    sources: Sources,
    pages: Vec<String>,
    waiting: Vec<WaitingCall>,
    made: HashMap<(String, String), usize>,
    turn: &'a Turn<'a>,
}

impl Agent {
    /// Sets the agent up; `None` where the configuration has none. No request is sent.
    ///
    /// # Errors
    ///
    /// If a setting is wrong.
    pub fn new(
        config: &AgentConfig,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Option<Self>, SettingError> {
        if !config.is_on() {
            return Ok(None);
        }
        let answering = match config.mode() {
            Some(Mode::BackEnd) => Answering::BackEnd(BackEnd::new(config, outbound, general)?),
            Some(Mode::Model) | None => Answering::Model(Endpoint::new(config, outbound, general)?),
        };
        let turns = Turns::new(config.at_once, config.at_once_user);
        Ok(Some(Self { inner: Arc::new(Inner { answering, config: config.clone(), turns }) }))
    }

    /// The settings.
    pub fn config(&self) -> &AgentConfig {
        &self.inner.config
    }

    /// Answers a question. Dropping the future ends the work on it.
    ///
    /// # Errors
    ///
    /// The reason for which there is no answer.
    pub async fn answer(&self, turn: Turn<'_>) -> Result<Answered, Problem> {
        if turn.question.trim().is_empty() || turn.question.len() > MOST_QUESTION {
            return Err(Problem::Question);
        }
        let _turn = self.inner.turns.take(turn.user_id).ok_or(Problem::Busy(BUSY))?;
        let config = &self.inner.config;
        let seconds = turn.seconds.unwrap_or(config.answer_seconds).min(config.longest_seconds);
        let work = async {
            match &self.inner.answering {
                Answering::Model(endpoint) => self.work(endpoint, &turn).await,
                Answering::BackEnd(back_end) => self.pass_on(back_end, &turn, seconds).await,
            }
        };
        let within = tokio::time::timeout(Duration::from_secs(seconds), Box::pin(work)).await;
        within.unwrap_or(Err(Problem::Late(seconds)))
    }

    /// Has the back end answer, with a token for the user's tools.
    async fn pass_on(
        &self,
        back_end: &BackEnd,
        turn: &Turn<'_>,
        seconds: u64,
    ) -> Result<Answered, Problem> {
        let config = &self.inner.config;
        let instructions = prompt::for_back_end(&config.instructions);
        let mut messages = history(turn.history, config.history as usize, config.context_bytes / 4);
        let mut question = turn.question.to_owned();
        if let Some(MadeCall { tool, outcome, .. }) = turn.made {
            let most = config.result_bytes;
            question.extend(["\n", &prompt::data(tool, "", &outcome.text, most)]);
        }
        messages.push(Message::User(question));
        let bytes = messages.iter().map(Message::bytes).sum::<usize>() + instructions.len();
        let spending = self.reserve(turn, bytes).await?;
        turn.listener.tell(Step::Thinking).await;
        let lasts = u64::from(config.token_seconds).min(seconds);
        let pass = turn.toolbox.pass(i64::try_from(lasts).unwrap_or(1)).await?;
        let Some(pass) = &pass else {
            spending.end(0).await;
            return Err(Problem::NoPass);
        };
        let question = Question { instructions: &instructions, messages: &messages, pass };
        let reply = back_end.ask(&question, turn.listener, &spending).await?;
        let used = reply.tokens.unwrap_or_else(|| spending.sent_and(reply.text.len()));
        spending.end(used).await;
        let mut text = foreign::block(&reply.text, MOST_ANSWER);
        if reply.is_cut {
            text.push_str(" …");
        }
        let pages = turn.toolbox.pages(&format!("{text}\n{}", reply.results));
        Ok(Answered { text, citations: reply.citations, pages, waiting: Vec::new() })
    }

    /// Counts the tokens of a request before they are used.
    async fn reserve<'a>(&self, turn: &Turn<'a>, bytes: usize) -> Result<Spending<'a>, Problem> {
        let spending = Spending::new(turn.ledger, bytes, self.inner.config.answer_tokens);
        if spending.reserve().await? { Ok(spending) } else { Err(Problem::Spent) }
    }

    async fn work(&self, endpoint: &Endpoint, turn: &Turn<'_>) -> Result<Answered, Problem> {
        let config = &self.inner.config;
        let mut messages = vec![Message::System(prompt::instructions(&config.instructions))];
        let bytes = config.context_bytes / 4;
        messages.extend(history(turn.history, config.history as usize, bytes));
        messages.push(Message::User(turn.question.to_owned()));
        let mut work = Work {
            messages,
            offer: Offer::new(turn.toolbox.tools(config.tools as usize).await?),
            sources: Sources::default(),
            pages: Vec::new(),
            waiting: Vec::new(),
            made: HashMap::new(),
            turn,
        };
        if let Some(made) = turn.made {
            work.begin_with(made, config.result_bytes);
        }
        for round in 1..=config.rounds {
            let reply = self.ask(endpoint, &mut work, round == config.rounds).await?;
            if reply.calls.is_empty() {
                return Ok(work.answered(&reply));
            }
            if round < config.rounds {
                work.call(round, reply.calls, config.result_bytes).await;
            }
        }
        Err(Problem::Endless(config.rounds))
    }

    /// Asks the model, within the tokens of the user: they are counted before they are used.
    async fn ask(
        &self,
        endpoint: &Endpoint,
        work: &mut Work<'_>,
        must_answer: bool,
    ) -> Result<Reply, Problem> {
        let (config, turn) = (&self.inner.config, work.turn);
        turn.listener.tell(Step::Thinking).await;
        shorten(&mut work.messages, config.context_bytes);
        let tools: usize = work.offer.tools.iter().map(|tool| tool.to_string().len()).sum();
        let bytes = work.messages.iter().map(Message::bytes).sum::<usize>() + tools;
        let spending = self.reserve(turn, bytes).await?;
        let request = Request { messages: &work.messages, tools: &work.offer.tools, must_answer };
        let reply = endpoint.ask(&request, turn.listener, &spending).await?;
        let length = |call: &WantedCall| call.name.len() + call.arguments.len();
        let told = reply.text.len() + reply.calls.iter().map(length).sum::<usize>();
        spending.end(reply.tokens.unwrap_or_else(|| spending.sent_and(told))).await;
        Ok(reply)
    }
}

impl Work<'_> {
    /// Begins with a call that the user confirmed, as if the model had just wanted it.
    fn begin_with(&mut self, made: &MadeCall, result_bytes: usize) {
        let (id, tool) = ("call_0_0".to_owned(), &made.tool);
        let arguments = Value::Object(made.arguments.clone()).to_string();
        let call = WantedCall { name: self.offer.of_tool(tool), arguments };
        let text = self.result(tool, made.outcome.clone(), result_bytes);
        self.messages.push(Message::Calls(vec![(id.clone(), call)]));
        self.messages.push(Message::Result(id, text));
    }

    /// Makes the calls of a reply, one after the other.
    async fn call(&mut self, round: u32, calls: Vec<WantedCall>, result_bytes: usize) {
        // The identifiers are this server's: those of endpoints are missing or repeated at times.
        let id = |number: usize| format!("call_{round}_{number}");
        let numbered: Vec<(String, WantedCall)> =
            calls.into_iter().enumerate().map(|(number, call)| (id(number), call)).collect();
        self.messages.push(Message::Calls(numbered.clone()));
        for (id, call) in numbered {
            let text = self.call_one(call, result_bytes).await;
            self.messages.push(Message::Result(id, text));
        }
    }

    async fn call_one(&mut self, call: WantedCall, result_bytes: usize) -> String {
        let Some(tool) = self.offer.named(&call.name).map(str::to_owned) else {
            return "There is no tool of this name; use those that you were given.".to_owned();
        };
        let arguments = match call.arguments.trim() {
            "" => Ok(Map::new()),
            text => serde_json::from_str::<Map<String, Value>>(text),
        };
        let Ok(arguments) = arguments else {
            return "The arguments are not an object of JSON; repeat the call with one.".to_owned();
        };
        let key = (tool.clone(), Value::Object(arguments.clone()).to_string());
        let made = self.made.entry(key).or_default();
        *made += 1;
        if *made > MOST_ALIKE {
            return "You made this call before, with these arguments. Use its result, and answer."
                .to_owned();
        }
        let listener = self.turn.listener;
        listener.tell(Step::Calling(&tool)).await;
        let mut outcome = self.turn.toolbox.call(&tool, arguments.clone()).await;
        listener.tell(Step::GotResult(&tool)).await;
        if let Some(asked) = outcome.asked.take() {
            return self.wait_for_user(WaitingCall { tool, arguments, asked });
        }
        self.result(&tool, outcome, result_bytes)
    }

    /// Keeps a call about which the user is asked below the answer, and returns what the model is
    /// told of it.
    fn wait_for_user(&mut self, call: WaitingCall) -> String {
        let is_known =
            |one: &WaitingCall| (&one.tool, &one.arguments) == (&call.tool, &call.arguments);
        if !self.waiting.iter().any(is_known) {
            if self.waiting.len() == MOST_WAITING {
                return prompt::TOO_MANY_WAIT.to_owned();
            }
            self.waiting.push(call);
        }
        prompt::WAITS.to_owned()
    }

    /// The result of a call as the model gets it. Its sources and pages are kept.
    fn result(&mut self, tool: &str, outcome: ToolOutcome, result_bytes: usize) -> String {
        let ToolOutcome { text, failed, pages, .. } = outcome;
        for page in pages {
            if !self.pages.contains(&page) {
                self.pages.push(page);
            }
        }
        let numbers = if failed { Vec::new() } else { self.sources.take(&text) };
        prompt::data(tool, &self.sources.line(&numbers), &text, result_bytes)
    }

    fn answered(self, reply: &Reply) -> Answered {
        let mut text = foreign::block(&reply.text, MOST_ANSWER);
        if reply.is_cut {
            text.push_str(" …");
        }
        let citations = self.sources.cited(&text);
        Answered { text, citations, pages: self.pages, waiting: self.waiting }
    }
}
