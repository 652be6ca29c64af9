//! Connects the agent to the rest of the program: tools, conversations and the tokens of the model.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use doorward_agent::{
    Agent, AgentTool, Answered, AskedUser, Ledger, Listener, MadeCall, Pass, Problem, Said, Silent,
    Step, ToolOutcome, Toolbox, Turn, Unavailable,
};
use doorward_keys::MasterKey;
use doorward_mcp::{
    Acting, AgentPass, AskAnswer, AskCitation, AskRequest, AskTools, AskedCall, Assistant,
    CallText, Progress, ToolError, ToolSource, Within,
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
    pub(crate) agent: Agent,
    pub(crate) services: AgentServices,
    within: OnceLock<Within>,
}

/// A conversation that goes on.
pub(crate) struct Talk {
    pub(crate) id: ConversationId,
    /// The URL of its place; empty where it has none.
    pub(crate) origin: String,
    /// The texts before this one; `None` if it only begins.
    pub(crate) said: Option<Vec<Said>>,
}

/// A question within a conversation.
pub(crate) struct AgentQuestion<'a> {
    pub(crate) acting: &'a Acting,
    pub(crate) talk: Talk,
    pub(crate) question: &'a str,
    /// A call that the user confirmed meanwhile.
    pub(crate) made: Option<&'a MadeCall>,
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

impl AgentOffice {
    /// Takes the MCP server, which is set up after the tools that it serves.
    pub(crate) fn serve(&self, within: Within) {
        // It is called once.
        let _ = self.within.set(within);
    }

    /// The texts of a conversation; `None` if this user began no such one through this program.
    pub(crate) async fn said(
        &self,
        acting: &Acting,
        id: &ConversationId,
    ) -> Result<Option<Vec<Said>>, StoreError> {
        let services = &self.services;
        let (user_id, now) = (&acting.user().id, services.clock.now());
        let found = services.store.conversation(user_id, id, now).await?;
        let found = found.filter(|found| found.program == acting.program().as_str());
        Ok(found.and_then(|found| services.master.open_conversation(id, &found.body)))
    }

    /// Answers a question, and keeps it with its answer.
    pub(crate) async fn answer(&self, asked: AgentQuestion<'_>) -> Result<Answered, Problem> {
        let user_id = asked.acting.user().id.clone();
        let config = self.agent.config();
        let turn = Turn {
            user_id: &user_id,
            question: asked.question,
            history: asked.talk.said.as_deref().unwrap_or_default(),
            made: asked.made,
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
        let said = [(true, asked.question), (false, answered.text.as_str())]
            .map(|(by_user, text)| Said { by_user, text: text.to_owned() });
        self.keep(asked.acting, asked.talk, said).await;
        Ok(answered)
    }

    /// Keeps a conversation, with what was said now. The answer is given also where that fails.
    async fn keep(&self, acting: &Acting, talk: Talk, now_said: [Said; 2]) {
        let begins = talk.said.is_none();
        let mut said = talk.said.unwrap_or_default();
        said.extend(now_said);
        let mut bytes = 0;
        let fits = |one: &&Said| {
            bytes += one.text.len();
            bytes <= MOST_SAID_BYTES
        };
        let kept = said.iter().rev().take(MOST_SAID).take_while(fits).count();
        said.drain(..said.len() - kept);
        let (services, now) = (&self.services, self.services.clock.now());
        let days = i64::from(self.agent.config().conversation_days);
        let conversation = Box::new(Conversation {
            body: services.master.seal_conversation(&talk.id, &said),
            id: talk.id,
            user_id: acting.user().id.clone(),
            program: acting.program().to_string(),
            origin: talk.origin,
            updated_at: now,
            expires_at: now.plus(days * DAY),
        });
        let change = if begins {
            AgentChange::Keep { conversation, most: MOST_KEPT }
        } else {
            AgentChange::GoOn(conversation)
        };
        match services.store.apply(change).await {
            // Its user deleted it meanwhile.
            Ok(()) | Err(StoreError::Refused(_)) => {}
            Err(error) => tracing::warn!(%error, "a conversation could not be kept"),
        }
    }
}

/// The outcome of a call, for the agent.
pub(crate) fn outcome(told: CallText, public_url: &PublicUrl) -> ToolOutcome {
    let CallText { text, failed, asked } = told;
    let pages = if failed { foreign::own_pages(&text, public_url.as_str()) } else { Vec::new() };
    let asked = asked.map(|AskedCall { question, state }| AskedUser { question, state });
    ToolOutcome { text, failed, pages, asked }
}

/// The tools of a user, for the agent.
struct Tools<'a> {
    acting: &'a Acting,
    services: &'a AgentServices,
}

impl Toolbox for Tools<'_> {
    fn tools(&self, most: usize) -> BoxFuture<'_, Result<Vec<AgentTool>, Unavailable>> {
        Box::pin(async move {
            let told = |tool: doorward_mcp::ToolText| AgentTool {
                name: tool.name,
                description: tool.description,
                schema: tool.schema,
            };
            let offered = self.acting.offered(most).await;
            let offered = offered.map_err(|error| Unavailable(error.to_string()))?;
            Ok(offered.into_iter().map(told).collect())
        })
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'a, ToolOutcome> {
        Box::pin(async move {
            // A turn may last longer than the access and the roles with which it began.
            let told = match self.acting.renewed().await {
                Ok(Some(acting)) => acting.call(tool, arguments).await,
                Ok(None) => CallText::failure("The access of the user has ended; end your answer."),
                Err(error) => {
                    tracing::error!(%error, "the agent could not call a tool");
                    CallText::failure("Calls are not possible now.")
                }
            };
            outcome(told, &self.services.public_url)
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
            let (id, said) = match &request.conversation {
                None => (ConversationId::random(self.services.entropy.as_ref()), None),
                Some(text) => {
                    let missing = || ToolError::Arguments("there is no such conversation".into());
                    let id = ConversationId::parse(text).ok_or_else(missing)?;
                    let said = self.said(&acting, &id).await?.ok_or_else(missing)?;
                    (id, Some(said))
                }
            };
            let conversation = id.to_string();
            let steps = Steps { progress: request.progress, number: AtomicU32::new(1) };
            let listener: &dyn Listener = if steps.progress.is_wanted() { &steps } else { &Silent };
            let asked = AgentQuestion {
                acting: &acting,
                talk: Talk { id, origin: String::new(), said },
                question: &request.question,
                made: None,
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
                conversation,
            })
        })
    }
}
