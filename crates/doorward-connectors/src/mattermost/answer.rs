//! The answer to what an account said.

use std::sync::Arc;

use doorward_language::{Message, text};
use doorward_model::foreign;
use serde_json::{Map, Value};

use super::{
    Mattermost,
    part::Part,
    place::{Place, PlacedCall},
};
use crate::{
    Acting, AgentAnswer, AgentPlace, Outcome, Speaker, Standing, Tool, Unavailable,
    command::{self, Arguments, Command, Understood},
    text::{inline, posts, prose, source},
};

/// Maximum number of tools that a list shows.
const MOST_TOOLS: usize = 60;
/// Maximum number of services that the line about missing connections names.
const MOST_MISSING: usize = 10;
/// Maximum number of bytes of a post to which the notes of an answer are added.
const ROOM: usize = 12_000;

/// A message of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    /// The place of the message.
    pub(super) place: Place<'a>,
}

/// An answer, as posts.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) parts: Vec<Part>,
    pub(super) failed: bool,
    /// It is for its author alone: not for the other members of a channel.
    pub(super) personal: bool,
}

impl Answer {
    /// An answer of these texts.
    pub(super) fn of(texts: Vec<String>, failed: bool) -> Self {
        Self { parts: texts.into_iter().map(Part::from).collect(), failed, personal: false }
    }
    /// Something that was done.
    pub(super) fn good(text: String) -> Self {
        Self::of(vec![text], false)
    }
    /// Something that cannot be done, with the reason.
    pub(super) fn bad(why: &Message) -> Self {
        Self::of(vec![why.to_string()], true)
    }
    fn personal(self) -> Self {
        Self { personal: true, ..self }
    }
    pub(super) fn unavailable() -> Self {
        Self::bad(&text::bot_unavailable())
    }
}

impl From<Unavailable> for Answer {
    fn from(error: Unavailable) -> Self {
        tracing::error!(%error, "a message of a chat could not be answered");
        Self::unavailable()
    }
}

/// The tools as a list.
fn listed(tools: &[Tool], wanted: &str) -> String {
    let fits = |tool: &&Tool| {
        let text = format!("{} {}", tool.name, tool.title).to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    };
    let found: Vec<&Tool> = tools.iter().filter(fits).collect();
    if found.is_empty() {
        return text::bot_tools_none().to_string();
    }
    let line = |tool: &&Tool| {
        let name = inline(&tool.name);
        let title = inline(if tool.title.is_empty() { "-" } else { &tool.title });
        let line = match tool.class {
            doorward_model::ToolClass::Read => text::bot_tool_reads(name, title),
            doorward_model::ToolClass::Write => text::bot_tool_changes(name, title),
            doorward_model::ToolClass::Destructive => text::bot_tool_removes(name, title),
        };
        format!("- {line}")
    };
    let mut lines: Vec<String> = found.iter().take(MOST_TOOLS).map(line).collect();
    if found.len() > MOST_TOOLS {
        lines.push(text::bot_tools_more(found.len() - MOST_TOOLS).to_string());
    }
    lines.join("\n")
}

/// The commands, line by line.
fn help(has_agent: bool) -> String {
    let mut lines = vec![
        text::bot_help(),
        text::bot_help_tools(),
        text::bot_help_call(),
        text::bot_help_connect(),
        text::bot_help_whoami(),
    ];
    if has_agent {
        lines.push(text::bot_help_ask());
    }
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n- ")
}

/// The answer to what is no command, where no agent answers questions.
fn unknown() -> Answer {
    Answer::of(vec![format!("{} {}", text::bot_unknown(), help(false))], true)
}

fn who_acts(acting: &dyn Acting) -> Answer {
    let roles = acting.roles();
    let (name, scopes) = (inline(&acting.name()), inline(&acting.scopes()));
    Answer::good(if roles.is_empty() {
        text::bot_whoami_without_roles(name, scopes).to_string()
    } else {
        text::bot_whoami(name, inline(&roles.join(", ")), scopes).to_string()
    })
}

impl Mattermost {
    /// The text without the mention of the bot; `None` if it does not mention it.
    pub(super) async fn without_mention(&self, text: &str) -> Option<String> {
        let me = self.me().await.ok()?;
        let mention = format!("@{}", me.username.to_lowercase());
        let small = text.to_lowercase();
        // Lower case may have another length; then the positions are of no use.
        if small.len() != text.len() {
            let rest = text.trim_start().strip_prefix(&mention)?;
            return Some(rest.to_owned());
        }
        let part_of_name = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
        let mut from = 0;
        while let Some(at) = small.get(from..)?.find(&mention).map(|at| at + from) {
            let end = at + mention.len();
            let before = small.get(..at)?.chars().next_back();
            let after = small.get(end..)?.chars().next();
            if !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name) {
                let rest = text.get(end..)?.trim_start_matches([':', ',', ' ']);
                let said = if rest.trim().is_empty() { text.get(..at)? } else { rest };
                return Some(said.to_owned());
            }
            from = end;
        }
        None
    }

    /// Answers what an account said: its identifier and its name. What is no command is a question
    /// to the agent, if there is one.
    pub(super) async fn respond(&self, who: (&str, &str), said: &Said<'_>) -> Answer {
        let has_agent = self.office.has_agent();
        let Understood { command, may_be_question } = command::understand(said.text);
        let may_be_question = may_be_question && has_agent;
        match &command {
            Ok(Command::Help) if !may_be_question => return Answer::good(help(has_agent)),
            Ok(Command::Unknown | Command::Ask(_)) if !has_agent => return unknown(),
            Err(why) if !may_be_question => return Answer::bad(why),
            _ => {}
        }
        let acting = match self.standing(who.0, who.1).await {
            Ok(acting) => acting,
            Err(answer) => return answer,
        };
        let acting = acting.as_ref();
        let is_question = match command::called(said.text) {
            _ if !may_be_question => false,
            Some(name) => match acting.tools().await {
                Ok(tools) => !tools.iter().any(|tool| tool.name == name),
                Err(error) => return error.into(),
            },
            None => true,
        };
        match command {
            _ if is_question => self.ask(acting, (who.0, said.place), said.text).await,
            Ok(Command::Unknown) => self.ask(acting, (who.0, said.place), said.text).await,
            Ok(Command::Ask(question)) => self.ask(acting, (who.0, said.place), &question).await,
            Ok(Command::Tools(wanted)) => {
                let list = match acting.tools().await {
                    Ok(tools) => listed(&tools, &wanted),
                    Err(error) => return error.into(),
                };
                match self.missing(acting).await {
                    Ok(missing) => Answer::good(list + &missing).personal(),
                    Err(error) => error.into(),
                }
            }
            Ok(Command::Call(tool, arguments)) => {
                self.call(acting, (who.0, said.place), &tool, arguments).await
            }
            Ok(Command::WhoAmI) => who_acts(acting).personal(),
            Ok(Command::Connect) => match self.missing(acting).await {
                Ok(missing) if missing.is_empty() => {
                    Answer::good(text::bot_all_connected().to_string())
                }
                Ok(missing) => Answer::good(missing.trim_start().to_owned()).personal(),
                Err(error) => error.into(),
            },
            Ok(Command::Help) => Answer::good(help(has_agent)),
            Err(why) => Answer::bad(&why),
        }
    }

    /// The user of an account, or else the answer that it gets.
    pub(super) async fn standing(
        &self,
        account: &str,
        name: &str,
    ) -> Result<Arc<dyn Acting>, Answer> {
        let speaker = Speaker {
            connector: &self.name,
            server: &self.server,
            account,
            name,
            scopes: &self.scopes,
            days: self.config.link_days,
        };
        Err(match self.office.standing(speaker).await {
            Ok(Standing::Linked(acting)) => return Ok(acting),
            Ok(Standing::Unlinked(link, minutes)) => {
                Answer::bad(&text::bot_unlinked(link, minutes)).personal()
            }
            Ok(Standing::Denied) => Answer::bad(&text::bot_denied()).personal(),
            Ok(Standing::Off) => Answer::bad(&text::bot_off()),
            Err(error) => error.into(),
        })
    }

    /// Answers a question by the agent.
    async fn ask(
        &self,
        acting: &dyn Acting,
        asked_by: (&str, Place<'_>),
        question: &str,
    ) -> Answer {
        let url = asked_by.1.url(&self.server);
        let told = acting.ask(self.agent_place(asked_by.1, &url), question).await;
        match told {
            Some(told) => self.of_agent(acting, asked_by, told).await,
            None => unknown(),
        }
    }

    /// The place in which the agent is asked.
    pub(super) fn agent_place<'a>(&self, place: Place<'a>, url: &'a str) -> AgentPlace<'a> {
        AgentPlace { thread: place.thread(), url, may_ask: self.config.buttons }
    }

    /// An answer of the agent with its sources, the pages that the user has to open, the services
    /// that are not connected, and the calls about which the user is asked.
    pub(super) async fn of_agent(
        &self,
        acting: &dyn Acting,
        asked_by: (&str, Place<'_>),
        told: AgentAnswer,
    ) -> Answer {
        let mut parts = told.made.as_deref().map(posts).unwrap_or_default();
        parts.extend(prose(&told.text));
        let mut notes: Vec<String> =
            told.sources.iter().map(|one| source(one.number, &one.title, &one.location)).collect();
        notes.extend(told.pages);
        if let Ok(missing) = self.missing(acting).await
            && !missing.is_empty()
        {
            notes.push(missing.trim_start().to_owned());
        }
        if !notes.is_empty() {
            let notes = notes.join("\n");
            match parts.last_mut().filter(|last| last.len() + notes.len() < ROOM) {
                Some(last) => last.extend(["\n\n", &notes]),
                None => parts.push(notes),
            }
        }
        let (account, place) = asked_by;
        let mut answer = Answer::of(parts, told.failed);
        for one in told.waiting {
            let (tool, arguments) = (one.tool.as_str(), &one.arguments);
            let conversation = Some(told.conversation.as_str());
            let call = PlacedCall { account, place, tool, arguments, conversation };
            answer.parts.push(self.question(call, one.question));
        }
        answer
    }

    /// The line about services that are not connected; empty without any.
    async fn missing(&self, acting: &dyn Acting) -> Result<String, Unavailable> {
        let missing = acting.missing().await?;
        if missing.is_empty() {
            return Ok(String::new());
        }
        let one = |one: &crate::Connection| format!("{} {}", inline(&one.title), one.url);
        let links: Vec<String> = missing.iter().take(MOST_MISSING).map(one).collect();
        Ok(format!("\n\n{}", text::bot_not_connected(links.join(", "))))
    }

    async fn call(
        &self,
        acting: &dyn Acting,
        asked_by: (&str, Place<'_>),
        name: &str,
        arguments: Arguments,
    ) -> Answer {
        let tools = match &arguments {
            Arguments::Pairs(pairs) if !pairs.is_empty() => match acting.tools().await {
                Ok(tools) => tools,
                Err(error) => return error.into(),
            },
            _ => Vec::new(),
        };
        let tool = tools.iter().find(|tool| tool.name == name);
        let arguments: Map<String, Value> = match arguments.for_tool(tool) {
            Ok(arguments) => arguments,
            Err(why) => return Answer::bad(&why),
        };
        let (account, place) = asked_by;
        let call =
            PlacedCall { account, place, tool: name, arguments: &arguments, conversation: None };
        let may_ask = self.config.buttons && call.fits();
        let outcome = acting.call(name, arguments.clone(), may_ask).await;
        if let Some(question) = outcome.asked {
            let parts = vec![self.question(call, question)];
            return Answer { parts, failed: false, personal: false };
        }
        let Outcome { text, failed, .. } = outcome;
        let mut parts = posts(&text);
        if failed {
            let links = foreign::own_pages(&text, &self.office.public_url());
            if !links.is_empty() {
                parts.push(links.join("\n"));
            } else if let Ok(missing) = self.missing(acting).await
                && !missing.is_empty()
            {
                parts.push(missing.trim_start().to_owned());
            }
        }
        Answer::of(parts, failed)
    }
}
