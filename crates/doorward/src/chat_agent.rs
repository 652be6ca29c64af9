//! The agent in chats: questions there, and calls that users confirmed there.

use doorward_agent::{Citation, MadeCall, Problem, Silent};
use doorward_connectors::{AgentAnswer, AgentPlace, AnsweredCall, Question, Source, WaitingCall};
use doorward_language::{Message, text};
use doorward_mcp::Acting;
use doorward_model::{ConversationId, foreign};
use doorward_store::StoreError;

use crate::agent::{AgentOffice, AgentQuestion, Talk, outcome};

/// A question or a decision of a user in a chat.
pub(crate) struct ChatTurn<'a> {
    /// The user.
    pub(crate) user: &'a Acting,
    /// The connector.
    pub(crate) connector: &'a str,
    /// The place of the chat.
    pub(crate) place: AgentPlace<'a>,
}

/// A turn whose user may ask the agent.
struct Begun {
    acting: Acting,
    talk: Talk,
}

fn failed(why: &Message) -> AgentAnswer {
    AgentAnswer { text: why.to_string(), failed: true, ..AgentAnswer::default() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn unavailable(error: StoreError) -> Message {
    tracing::error!(%error, "a question in a chat could not be answered");
    text::bot_unavailable()
}

fn source(citation: Citation) -> Source {
    let Citation { number, title, location, .. } = citation;
    Source { number, title, location }
}

fn waiting(call: doorward_agent::WaitingCall) -> WaitingCall {
    let doorward_agent::AskedUser { question, state } = call.asked;
    let question = Question { text: question, state };
    WaitingCall { tool: call.tool, arguments: call.arguments, question }
}

/// The reason for which there is no answer, for the user. The endpoint's own words are for the log.
fn sorry(problem: &Problem) -> Message {
    match problem {
        Problem::Question => text::bot_agent_question_length(),
        Problem::Busy(seconds) => text::bot_agent_busy(*seconds),
        Problem::Spent => text::bot_agent_spent(),
        Problem::Late(seconds) => text::bot_agent_late(*seconds),
        Problem::Endless(rounds) => text::bot_agent_endless(*rounds),
        Problem::NoPass => text::bot_agent_no_pass(),
        Problem::Model(_) => text::bot_agent_model(),
        Problem::Unavailable(_) => text::bot_unavailable(),
    }
}

impl AgentOffice {
    /// Answers a question, in the conversation of its place.
    pub(crate) async fn answer_in_chat(&self, turn: &ChatTurn<'_>, question: &str) -> AgentAnswer {
        match self.begun(turn, None).await {
            Ok(begun) => self.told(begun, question, None).await,
            Err(why) => failed(&why),
        }
    }

    /// Makes a call about which the user was asked, if they agree, and goes on with its result.
    pub(crate) async fn go_on_in_chat(
        &self,
        turn: &ChatTurn<'_>,
        call: AnsweredCall,
    ) -> AgentAnswer {
        let AnsweredCall { tool, arguments, state, conversation, agrees } = call;
        let begun = match self.begun(turn, conversation).await {
            Ok(begun) => begun,
            Err(why) => return failed(&why),
        };
        let told = begun.acting.answer(&tool, arguments.clone(), state, agrees).await;
        if !agrees {
            return AgentAnswer::default();
        }
        let outcome = outcome(told, &self.services.public_url);
        let made = MadeCall { tool, arguments, outcome };
        let name = foreign::line(&made.tool, foreign::LINE).into_owned();
        let question = text::bot_agent_confirmed(name).to_string();
        let mut answer = self.told(begun, &question, Some(&made)).await;
        if answer.failed {
            answer.made = Some(made.outcome.text);
        }
        answer
    }

    /// The agent for the user of a turn, with this conversation of theirs or the one in its place.
    async fn begun(
        &self,
        turn: &ChatTurn<'_>,
        conversation: Option<String>,
    ) -> Result<Begun, Message> {
        let acting = turn.user.by_agent(&self.agent.config().chat_scopes());
        let acting = if turn.place.may_ask { acting.asking() } else { acting };
        if acting.renewed().await.map_err(unavailable)?.is_none() {
            return Err(text::bot_agent_disabled());
        }
        let (connector, user_id) = (turn.connector, &acting.user().id);
        let id = match (conversation, turn.place.thread) {
            (Some(conversation), _) => ConversationId::from_text(conversation),
            // The name of a place is no identifier that `ask` reads.
            (None, Some(thread)) => {
                ConversationId::from_text(format!("chat/{connector}/{thread}/{user_id}"))
            }
            (None, None) => ConversationId::random(self.services.entropy.as_ref()),
        };
        let said = self.said(&acting, &id).await.map_err(unavailable)?;
        Ok(Begun { acting, talk: Talk { id, origin: turn.place.url.to_owned(), said } })
    }

    async fn told(
        &self,
        Begun { acting, talk }: Begun,
        question: &str,
        made: Option<&MadeCall>,
    ) -> AgentAnswer {
        let (acting, listener, conversation) = (&acting, &Silent, talk.id.to_string());
        let asked = AgentQuestion { acting, talk, question, made, listener, seconds: None };
        match self.answer(asked).await {
            Ok(answered) => AgentAnswer {
                text: answered.text,
                sources: answered.citations.into_iter().map(source).collect(),
                pages: answered.pages,
                waiting: answered.waiting.into_iter().map(waiting).collect(),
                conversation,
                made: None,
                failed: false,
            },
            Err(problem) => {
                tracing::warn!(%problem, "a question in a chat has no answer");
                failed(&sorry(&problem))
            }
        }
    }
}
