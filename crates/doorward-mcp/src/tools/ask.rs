//! `ask`: the agent answers a question with the tools that the caller may use to read. It is there
//! where an agent is configured.

use std::sync::Arc;

use doorward_model::{Scope, ToolClass};
use futures_util::future::BoxFuture;
use rmcp::model::{Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Progress, SourceRead, ToolError, ToolSource,
    builtin::{arguments, result, schema},
};
use crate::{
    InboundRequest, Permit, Target,
    item::{CallLimits, Item, ToolSpec, Unjudged},
    operation::{Answer, ItemName},
};

/// The name of the tool.
pub const NAME: &str = "ask";
/// The seconds that a call may take beyond the agent's own time, to end in an explained error.
const GRACE: u64 = 30;

/// A question.
pub struct AskRequest {
    /// The caller.
    pub inbound: InboundRequest,
    /// The question.
    pub question: String,
    /// The conversation that it continues.
    pub conversation: Option<String>,
    /// The number of seconds in which the answer must be there.
    pub seconds: Option<u64>,
    /// The recipient of progress.
    pub progress: Progress,
}

/// An answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AskAnswer {
    /// The answer. Numbers in brackets, such as `[1]`, refer to the citations.
    pub answer: String,
    /// The sources that the answer cites.
    pub citations: Vec<AskCitation>,
    /// Pages that the user has to open before more can be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// The identifier by which the conversation is continued.
    pub conversation: String,
}

/// A source of an answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AskCitation {
    /// Its number in the answer.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Its URL or URI.
    pub location: String,
    /// Its identifier at the tool that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Answers questions. The program implements it.
pub trait Assistant: Send + Sync + 'static {
    /// The longest time that an answer may take, in seconds.
    fn longest_seconds(&self) -> u64;
    /// Answers a question. Dropping the future ends the work on it.
    fn answer(&self, request: AskRequest) -> BoxFuture<'_, Result<AskAnswer, ToolError>>;
}

/// A question.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The question, in plain words.
    question: String,
    /// The conversation that it continues: the identifier of an earlier answer.
    #[serde(default)]
    conversation: Option<String>,
    /// The number of seconds in which the answer must be there, up to the server's limit.
    #[serde(default, alias = "client_timeout")]
    #[schemars(range(min = 1, max = 18000))]
    timeout_seconds: Option<u64>,
}

/// The tool `ask` as a source.
pub struct AskTools {
    assistant: Arc<dyn Assistant>,
    spec: Arc<ToolSpec>,
}

impl AskTools {
    /// The tool over this assistant.
    pub fn new(assistant: Arc<dyn Assistant>) -> Self {
        let spec = Arc::new(Self::spec(assistant.longest_seconds() + GRACE));
        Self { assistant, spec }
    }

    /// The tool as the judge sees it, for explanations.
    pub fn item() -> Item {
        Item::Tool(Arc::new(Self::spec(GRACE)))
    }

    fn spec(seconds: u64) -> ToolSpec {
        let description = "Answers a question by a model that looks it up with the tools that you \
            may use to read, and cites its sources. It may take minutes; with a progress token, it \
            reports each step. To continue, pass on the conversation of the answer.";
        let mut tool = Tool::new(NAME, description, Arc::new(schema::<Arguments>()));
        tool.title = Some("Ask".to_owned());
        tool.output_schema = Some(Arc::new(schema::<AskAnswer>()));
        let mut annotations = ToolAnnotations::default();
        annotations.read_only_hint = Some(true);
        annotations.destructive_hint = Some(false);
        annotations.idempotent_hint = Some(false);
        annotations.open_world_hint = Some(true);
        tool.annotations = Some(annotations);
        ToolSpec {
            tool,
            upstream: None,
            own_name: NAME.to_owned(),
            listed_as: NAME.to_owned(),
            class: ToolClass::Read,
            scope: Scope::of_class(ToolClass::Read),
            open_world: true,
            idempotent: false,
            limits: CallLimits { seconds, ..CallLimits::default() },
        }
    }

    /// The tool, for a caller that may have it. The agent does not ask itself.
    fn offered(&self, inbound: &InboundRequest) -> Option<Arc<ToolSpec>> {
        let is_offered = inbound.target == Target::All && inbound.caller.agent.is_none();
        is_offered.then(|| Arc::clone(&self.spec))
    }
}

impl ToolSource for AskTools {
    fn tools<'a>(&'a self, inbound: &'a InboundRequest) -> SourceRead<'a, Unjudged<Arc<ToolSpec>>> {
        Box::pin(async move { Ok(Unjudged::new(self.offered(inbound).into_iter().collect())) })
    }
    fn find<'a>(
        &'a self,
        inbound: &'a InboundRequest,
        wanted: ItemName<'a>,
    ) -> SourceRead<'a, Option<Item>> {
        Box::pin(async move {
            let ItemName::Tool(name) = wanted else { return Ok(None) };
            Ok(self.offered(inbound).filter(|spec| spec.name() == name).map(Item::Tool))
        })
    }
    fn run(&self, permit: Permit) -> BoxFuture<'_, Result<Answer, ToolError>> {
        Box::pin(async move {
            let gone = |_| ToolError::Failed("there is no such tool".to_owned());
            let call = permit.into_call().map_err(gone)?;
            let Arguments { question, conversation, timeout_seconds } = arguments(&call)?;
            let longest = self.assistant.longest_seconds();
            if timeout_seconds.is_some_and(|seconds| !(1..=longest).contains(&seconds)) {
                let told = format!("timeout_seconds must be between 1 and {longest}");
                return Err(ToolError::Arguments(told));
            }
            let request = AskRequest {
                inbound: call.inbound,
                question,
                conversation,
                seconds: timeout_seconds,
                progress: call.progress,
            };
            let answer = tokio::select! {
                answer = self.assistant.answer(request) => answer?,
                () = call.cancelled.cancelled() => {
                    return Err(ToolError::Failed("cancelled".to_owned()));
                }
            };
            Ok(Answer::Tool(crate::structured_result(result(&answer)?).into()))
        })
    }
}
