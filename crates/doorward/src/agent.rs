//! Connects the agent to the rest of the program: tools, conversations and the tokens of the model.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use doorward_agent::{
    Agent, AgentTool, Answered, Ledger, Listener, Pass, Problem, Said, Silent, Step, ToolOutcome,
    Toolbox, Turn, Unavailable,
};
#[cfg(feature = "connectors")]
use doorward_connectors::AgentAnswer;
use doorward_keys::MasterKey;
use doorward_mcp::{
    Acting, AgentPass, AskAnswer, AskCitation, AskRequest, AskTools, Assistant, CallText, Progress,
    ToolError, ToolSource, Within,
};
use doorward_model::{
    AGENT_CLIENT, AgentChange, ClientId, Clock, Conversation, ConversationId, Entropy, PublicUrl,
    ScopeSet, UserId, foreign, id::random_text,
};
use doorward_store::{Store, StoreError};
use doorward_transport::Outbound;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::{Failed, config::Config, own_client};

/// The name of the client on pages.
const NAME: &str = "Agent";
/// The scope of the tool `ask`.
const READS: &str = "mcp:read";
/// Maximum number of conversations of one user that are kept.
const MOST_KEPT: u64 = 200;
/// Maximum number of texts and bytes of a conversation that are kept.
const MOST_SAID: usize = 400;
const MOST_SAID_BYTES: usize = 256 * 1024;
/// The seconds of a day.
const DAY: i64 = 86_400;

/// The services that the agent works with.
pub(crate) struct AgentServices {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) master: Arc<MasterKey>,
    pub(crate) public_url: PublicUrl,
}

/// The agent within the program.
pub(crate) struct AgentOffice {
    agent: Agent,
    services: AgentServices,
    within: OnceLock<Within>,
}

/// A question within a conversation.
pub(crate) struct AgentQuestion<'a> {
    pub(crate) acting: &'a Acting,
    pub(crate) conversation: ConversationId,
    pub(crate) history: Vec<Said>,
    pub(crate) question: &'a str,
    pub(crate) listener: &'a dyn Listener,
    pub(crate) seconds: Option<u64>,
}

/// The agent of the configuration; `None` without one, at no cost.
pub(crate) async fn office(
    config: &Config,
    services: AgentServices,
    outbound: &Outbound,
) -> Result<Option<Arc<AgentOffice>>, Failed> {
    let agent = Agent::new(&config.agent, outbound, &config.outbound);
    let agent = agent.map_err(|error| Failed(format!("agent.{error}")))?;
    let Some(agent) = agent else { return Ok(None) };
    let (id, now) = (ClientId::from_text(AGENT_CLIENT), services.clock.now());
    own_client::ensure(&services.store, id, NAME, now).await?;
    Ok(Some(Arc::new(AgentOffice { agent, services, within: OnceLock::new() })))
}

/// The sources of tools, with `ask` where there is an agent.
pub(crate) fn with_ask(
    mut sources: Vec<Arc<dyn ToolSource>>,
    office: Option<&Arc<AgentOffice>>,
) -> Vec<Arc<dyn ToolSource>> {
    if let Some(office) = office {
        let assistant: Arc<dyn Assistant> = Arc::<AgentOffice>::clone(office);
        sources.push(Arc::new(AskTools::new(assistant)));
    }
    sources
}

#[cfg(feature = "connectors")]
fn source(citation: doorward_agent::Citation) -> doorward_connectors::Source {
    let doorward_agent::Citation { number, title, location, .. } = citation;
    doorward_connectors::Source { number, title, location }
}

fn place(id: &ConversationId) -> String {
    format!("conversation/{id}")
}

impl AgentOffice {
    /// Takes the MCP server, which is set up after the tools that it serves.
    pub(crate) fn serve(&self, within: Within) {
        // It is called once.
        let _ = self.within.set(within);
    }

    /// Answers a question in a chat, in the conversation of this place.
    #[cfg(feature = "connectors")]
    pub(crate) async fn answer_in_chat(
        &self,
        user: &Acting,
        place: Option<&str>,
        question: &str,
    ) -> AgentAnswer {
        let failed = |text: String| AgentAnswer { text, failed: true, ..AgentAnswer::default() };
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a question in a chat could not be answered");
            failed("Sorry, this is not possible at the moment. Try again in a few minutes.".into())
        };
        let acting = user.by_agent(&self.agent.config().chat_scopes());
        match acting.renewed().await {
            Ok(Some(_)) => {}
            Ok(None) => return failed("Sorry, the agent is disabled here.".to_owned()),
            Err(error) => return unavailable(&error),
        }
        // The name of a place is no identifier that `ask` reads.
        let conversation = match place {
            Some(place) => ConversationId::from_text(format!("chat/{place}")),
            None => ConversationId::random(self.services.entropy.as_ref()),
        };
        let history = match self.said(&acting.user().id, &conversation).await {
            Ok(history) => history.unwrap_or_default(),
            Err(error) => return unavailable(&error),
        };
        let (acting, listener) = (&acting, &Silent);
        let asked =
            AgentQuestion { acting, conversation, history, question, listener, seconds: None };
        match self.answer(asked).await {
            Ok(answered) => AgentAnswer {
                text: answered.text,
                sources: answered.citations.into_iter().map(source).collect(),
                pages: answered.pages,
                failed: false,
            },
            // The fault of the database is for the log alone.
            Err(Problem::Unavailable(error)) => unavailable(&error),
            Err(problem) => failed(format!("Sorry, {problem}.")),
        }
    }

    /// The texts of a conversation; `None` if this user has no such conversation.
    pub(crate) async fn said(
        &self,
        user_id: &UserId,
        id: &ConversationId,
    ) -> Result<Option<Vec<Said>>, StoreError> {
        let services = &self.services;
        let found = services.store.conversation(user_id, id, services.clock.now()).await?;
        let Some(found) = found else { return Ok(None) };
        let plain = services.master.open(&place(id), &found.body).ok();
        Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    /// Answers a question, and keeps it with its answer.
    pub(crate) async fn answer(&self, asked: AgentQuestion<'_>) -> Result<Answered, Problem> {
        let user_id = asked.acting.user().id.clone();
        let config = self.agent.config();
        let turn = Turn {
            user_id: &user_id,
            question: asked.question,
            history: &asked.history,
            toolbox: &Tools { acting: asked.acting, services: &self.services },
            ledger: &Tokens {
                services: &self.services,
                user_id: &user_id,
                most: config.tokens_per_day.into(),
                day: AtomicI64::new(0),
            },
            listener: asked.listener,
            seconds: asked.seconds,
        };
        let answered = self.agent.answer(turn).await?;
        let mut said = asked.history;
        said.push(Said { by_user: true, text: asked.question.to_owned() });
        said.push(Said { by_user: false, text: answered.text.clone() });
        self.keep(user_id, asked.conversation, said).await;
        Ok(answered)
    }

    /// Keeps a conversation. The answer is given also where that fails.
    async fn keep(&self, user_id: UserId, id: ConversationId, mut said: Vec<Said>) {
        let mut bytes = 0;
        let fits = |one: &&Said| {
            bytes += one.text.len();
            bytes <= MOST_SAID_BYTES
        };
        let kept = said.iter().rev().take(MOST_SAID).take_while(fits).count();
        said.drain(..said.len() - kept);
        let plain = serde_json::to_vec(&said).unwrap_or_default();
        let (services, now) = (&self.services, self.services.clock.now());
        let days = i64::from(self.agent.config().conversation_days);
        let conversation = Box::new(Conversation {
            body: services.master.seal(&place(&id), &plain),
            id,
            user_id,
            updated_at: now,
            expires_at: now.plus(days * DAY),
        });
        let change = AgentChange::Keep { conversation, most: MOST_KEPT };
        if let Err(error) = services.store.apply(change).await {
            tracing::warn!(%error, "a conversation could not be kept");
        }
    }
}

/// The tools of a user, for the agent.
struct Tools<'a> {
    acting: &'a Acting,
    services: &'a AgentServices,
}

impl Toolbox for Tools<'_> {
    fn tools(&self, most: usize) -> BoxFuture<'_, Vec<AgentTool>> {
        Box::pin(async move {
            let told = |tool: doorward_mcp::ToolText| AgentTool {
                name: tool.name,
                description: tool.description,
                schema: tool.schema,
            };
            self.acting.offered(most).await.into_iter().map(told).collect()
        })
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'a, ToolOutcome> {
        Box::pin(async move {
            // A turn may last longer than the access and the roles with which it began.
            let CallText { text, failed, .. } = match self.acting.renewed().await {
                Ok(Some(acting)) => acting.call(tool, arguments).await,
                Ok(None) => CallText::failure("The access of the user has ended; end your answer."),
                Err(error) => {
                    tracing::error!(%error, "the agent could not call a tool");
                    CallText::failure("Calls are not possible now.")
                }
            };
            let pages = if failed { self.pages(&text) } else { Vec::new() };
            ToolOutcome { text, failed, pages }
        })
    }

    fn pass(&self, seconds: i64) -> BoxFuture<'_, Result<Option<Pass>, Unavailable>> {
        Box::pin(async move {
            let unavailable = |error: StoreError| Unavailable(error.to_string());
            let pass = self.acting.pass(seconds).await.map_err(unavailable)?;
            Ok(pass.map(|AgentPass { token, url, may_change }| Pass {
                url,
                token,
                transaction: random_text(self.services.entropy.as_ref(), 12),
                may_change,
            }))
        })
    }

    fn pages(&self, text: &str) -> Vec<String> {
        foreign::own_pages(text, self.services.public_url.as_str())
    }
}

/// The tokens of the model that a user may use on a day.
struct Tokens<'a> {
    services: &'a AgentServices,
    user_id: &'a UserId,
    most: i64,
    /// The day of the last reservation.
    day: AtomicI64,
}

impl Ledger for Tokens<'_> {
    fn reserve(&self, tokens: i64) -> BoxFuture<'_, Result<bool, Unavailable>> {
        Box::pin(async move {
            let day = self.services.clock.now().0.div_euclid(DAY);
            self.day.store(day, Ordering::Relaxed);
            let (user_id, most) = (self.user_id.clone(), self.most);
            let change = AgentChange::Reserve { user_id, day, tokens, most };
            match self.services.store.apply(change).await {
                Ok(()) => Ok(true),
                Err(StoreError::Refused(_)) => Ok(false),
                Err(error) => Err(Unavailable(error.to_string())),
            }
        })
    }

    fn settle(&self, difference: i64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (user_id, day) = (self.user_id.clone(), self.day.load(Ordering::Relaxed));
            let change = AgentChange::Settle { user_id, day, difference };
            if let Err(error) = self.services.store.apply(change).await {
                tracing::warn!(%error, "the tokens of a reply could not be counted");
            }
        })
    }
}

/// Reports the steps of a turn as progress.
struct Steps {
    progress: Progress,
    number: AtomicU32,
}

impl Listener for Steps {
    fn tell<'a>(&'a self, step: Step<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let message = match step {
                Step::Thinking => "thinking".to_owned(),
                Step::Calling(tool) => format!("calling {tool}"),
                Step::GotResult(tool) => format!("got a result from {tool}"),
                Step::Generating => "generating".to_owned(),
            };
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            self.progress.report(f64::from(number), None, Some(message)).await;
        })
    }
}

fn refused(problem: Problem) -> ToolError {
    let told = problem.to_string();
    match problem {
        Problem::Question => ToolError::Arguments(told),
        Problem::Busy(seconds) => ToolError::Busy(told, seconds),
        Problem::Unavailable(error) => {
            tracing::error!(%error, "a question could not be answered");
            ToolError::Failed("the server cannot respond at the moment; try again shortly".into())
        }
        Problem::Spent
        | Problem::Late(_)
        | Problem::Endless(_)
        | Problem::NoPass
        | Problem::Model(_) => ToolError::Failed(told),
    }
}

impl Assistant for AgentOffice {
    fn longest_seconds(&self) -> u64 {
        self.agent.config().longest_seconds
    }

    fn answer(&self, request: AskRequest) -> BoxFuture<'_, Result<AskAnswer, ToolError>> {
        Box::pin(async move {
            let unready = || ToolError::Failed("the server is only starting".to_owned());
            let within = self.within.get().ok_or_else(unready)?;
            let acting = within.agent_of(&request.inbound, &ScopeSet::parse_known(READS));
            if acting.renewed().await?.is_none() {
                return Err(ToolError::Failed("the agent is disabled".to_owned()));
            }
            let (conversation, history) = match &request.conversation {
                None => (ConversationId::random(self.services.entropy.as_ref()), Vec::new()),
                Some(text) => {
                    let missing = || ToolError::Arguments("there is no such conversation".into());
                    let id = ConversationId::parse(text).ok_or_else(missing)?;
                    let said = self.said(&acting.user().id, &id).await?.ok_or_else(missing)?;
                    (id, said)
                }
            };
            let steps = Steps { progress: request.progress, number: AtomicU32::new(1) };
            let listener: &dyn Listener = if steps.progress.is_wanted() { &steps } else { &Silent };
            let asked = AgentQuestion {
                acting: &acting,
                conversation: conversation.clone(),
                history,
                question: &request.question,
                listener,
                seconds: request.seconds,
            };
            let answered = AgentOffice::answer(self, asked).await.map_err(refused)?;
            let citation = |one: doorward_agent::Citation| AskCitation {
                number: one.number,
                title: one.title,
                location: one.location,
                id: one.id,
            };
            Ok(AskAnswer {
                answer: answered.text,
                citations: answered.citations.into_iter().map(citation).collect(),
                open: answered.pages,
                conversation: conversation.to_string(),
            })
        })
    }
}
