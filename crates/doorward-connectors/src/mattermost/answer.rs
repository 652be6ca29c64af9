//! The answer to one post or command.

use std::{sync::Arc, time::Duration};

use doorward_model::{ChatPost, foreign};
use serde_json::{Map, Value};

use super::{
    Mattermost,
    api::{ApiError, Post, PostedText},
    place::{Place, PlacedCall},
};
use crate::{
    Acting, Outcome, Speaker, Standing, Tool, Unavailable,
    command::{self, Arguments, Command, Understood},
    text::{inline, posts, prose, source},
};

/// The interval between signs that the bot is typing.
const TYPING: Duration = Duration::from_secs(4);
/// Maximum number of tools that a list shows.
const MOST_TOOLS: usize = 60;
/// Maximum number of services that the line about missing connections names.
const MOST_MISSING: usize = 10;
/// The reactions to a post.
const SEEN: &str = "eyes";
const DONE: &str = "white_check_mark";
const FAILED: &str = "x";

const HELP: &str = "I call tools for you, with your own rights:\n\
    - `tools` lists the tools that you may call, `tools WORD` those with a word in their name\n\
    - `call NAME key=value …` calls one; write a value with spaces as `key=\"two words\"`\n\
    - `connect` shows the services that you have not connected yet\n\
    - `whoami` tells as whom you act here";

/// Maximum number of bytes of a post to which the notes of an answer are added.
const ROOM: usize = 12_000;

/// A message of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    /// The place of the message.
    pub(super) place: Place<'a>,
}

impl Said<'_> {
    /// The first post of the thread, of a post.
    fn thread(&self) -> Option<&str> {
        match self.place {
            Place::Thread { root, .. } => Some(root),
            Place::Command => None,
        }
    }
}

/// An answer, as posts.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) parts: Vec<String>,
    failed: bool,
    /// It is for its author alone: not for the other members of a channel.
    personal: bool,
    /// A question with buttons, below the last part.
    pub(super) attachments: Option<Value>,
}

impl Answer {
    pub(super) fn good(text: impl Into<String>) -> Self {
        Self { parts: vec![text.into()], failed: false, personal: false, attachments: None }
    }
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self { failed: true, ..Self::good(text) }
    }
    fn personal(self) -> Self {
        Self { personal: true, ..self }
    }
    pub(super) fn unavailable() -> Self {
        Self::bad("Sorry, this is not possible at the moment. Try again in a few minutes.")
    }
    pub(super) fn text(self) -> String {
        self.parts.join("\n")
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
        return "No tool that you may call has these words in its name.".to_owned();
    }
    let line = |tool: &&Tool| {
        let title = if tool.title.is_empty() { "-" } else { &tool.title };
        let class = match tool.class {
            doorward_model::ToolClass::Read => "",
            doorward_model::ToolClass::Write => " (changes something)",
            doorward_model::ToolClass::Destructive => " (removes or overwrites)",
        };
        format!("- {}: {}{class}", inline(&tool.name), inline(title))
    };
    let mut lines: Vec<String> = found.iter().take(MOST_TOOLS).map(line).collect();
    if found.len() > MOST_TOOLS {
        let more = found.len() - MOST_TOOLS;
        lines.push(format!("{more} more are not shown; `tools WORD` shows those with a word."));
    }
    lines.join("\n")
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
            Ok(Command::Help) if !may_be_question => return Answer::good(self.help()),
            Ok(Command::Unknown | Command::Ask(_)) if !has_agent => {
                return Answer::bad(format!("I do not know this command. {HELP}"));
            }
            Err(why) if !may_be_question => return Answer::bad(why),
            _ => {}
        }
        let acting = match self.standing(who.0, who.1).await {
            Ok(acting) => acting,
            Err(answer) => return answer,
        };
        let acting = acting.as_ref();
        let is_question = may_be_question
            && match command::called(said.text) {
                Some(name) => !acting.tools().await.iter().any(|tool| tool.name == name),
                None => true,
            };
        match command {
            _ if is_question => self.ask(acting, said.thread(), said.text).await,
            Ok(Command::Unknown) => self.ask(acting, said.thread(), said.text).await,
            Ok(Command::Ask(question)) => self.ask(acting, said.thread(), &question).await,
            Ok(Command::Tools(wanted)) => {
                let list = listed(&acting.tools().await, &wanted);
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
                Ok(missing) if missing.is_empty() => Answer::good("Everything is connected."),
                Ok(missing) => Answer::good(missing.trim_start().to_owned()).personal(),
                Err(error) => error.into(),
            },
            Ok(Command::Help) => Answer::good(self.help()),
            Err(why) => Answer::bad(why),
        }
    }

    fn help(&self) -> String {
        let agent =
            "\n- anything else is a question, which I answer with the tools that you may use";
        if self.office.has_agent() { format!("{HELP}{agent}") } else { HELP.to_owned() }
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
            Ok(Standing::Unlinked(link, minutes)) => Answer::bad(format!(
                "I do not know yet as whom you act. Open {link} within {minutes} minutes and \
                 confirm that this Mattermost account is yours; then repeat your message."
            ))
            .personal(),
            Ok(Standing::Denied) => {
                let text = "Sorry, you may not use this bot. It needs the permission \
                    `mattermost:access`; ask an administrator for it.";
                Answer::bad(text).personal()
            }
            Ok(Standing::Off) => Answer::bad("Tools are switched off here at the moment."),
            Err(error) => error.into(),
        })
    }

    /// Answers a question by the agent, with its sources, the pages that the user has to open, and
    /// the services that are not connected.
    async fn ask(&self, acting: &dyn Acting, thread: Option<&str>, question: &str) -> Answer {
        let Some(told) = acting.ask(thread, question).await else {
            return Answer::bad(format!("I do not know this command. {HELP}"));
        };
        let mut parts = prose(&told.text);
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
        Answer { parts, failed: told.failed, personal: false, attachments: None }
    }

    /// The line about services that are not connected; empty without any.
    async fn missing(&self, acting: &dyn Acting) -> Result<String, Unavailable> {
        let missing = acting.missing().await?;
        if missing.is_empty() {
            return Ok(String::new());
        }
        let one = |one: &crate::Connection| format!("{} {}", inline(&one.title), one.url);
        let links: Vec<String> = missing.iter().take(MOST_MISSING).map(one).collect();
        Ok(format!("\n\nNot connected yet: {}", links.join(", ")))
    }

    async fn call(
        &self,
        acting: &dyn Acting,
        asked_by: (&str, Place<'_>),
        name: &str,
        arguments: Arguments,
    ) -> Answer {
        let tools = match &arguments {
            Arguments::Pairs(pairs) if !pairs.is_empty() => acting.tools().await,
            _ => Vec::new(),
        };
        let tool = tools.iter().find(|tool| tool.name == name);
        let arguments: Map<String, Value> = match arguments.for_tool(tool) {
            Ok(arguments) => arguments,
            Err(why) => return Answer::bad(why),
        };
        let (account, place) = asked_by;
        let call = PlacedCall { account, place, tool: name, arguments: &arguments };
        let may_ask = self.config.buttons && call.fits();
        let outcome = acting.call(name, arguments.clone(), may_ask).await;
        if let Some(question) = outcome.asked {
            let attachments = self.question(call, question);
            let text = "This call was not made yet. Do you want it with exactly these arguments?";
            return Answer { attachments: Some(attachments), ..Answer::good(text) };
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
        Answer { parts, failed, personal: false, attachments: None }
    }

    /// Answers a post that may address the bot, unless a process does so already.
    pub(super) async fn answer_post(self: &Arc<Self>, post: Post, said: &str) {
        let name = match self.named_author(&post).await {
            Ok(Some(name)) => name,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(connector = %self.name, %error, "the author of a post could not be read");
                return;
            }
        };
        let claim = ChatPost {
            connector: self.name.clone(),
            post: post.id.clone(),
            channel: post.channel_id.clone(),
            root: post.root_id.clone(),
            claimed_at: self.office.now(),
        };
        match self.office.claim(&claim).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(connector = %self.name, %error, "a post could not be noted");
                return;
            }
        }
        let done = if let Some(_turn) = self.turns.take(&post.user_id) {
            self.work_on(&post, &name, said).await
        } else {
            let busy = "Too many of your messages are under way. Wait for the answers.";
            self.reply(&post, Answer::bad(busy)).await
        };
        self.close(&post.id, done).await;
    }

    /// Notes the end of the work on a post. Where the chat server was not there for the answer, the
    /// post stays open and is answered later.
    pub(super) async fn close(&self, post: &str, done: Result<(), ApiError>) {
        match done {
            Ok(()) => {}
            Err(ApiError::Refused(status)) => {
                tracing::info!(connector = %self.name, post, status, "the chat server took no answer");
            }
            Err(error) => {
                tracing::warn!(connector = %self.name, post, %error, "a post is not answered yet");
                return;
            }
        }
        if let Err(error) = self.office.answered(&self.name, post).await {
            tracing::warn!(connector = %self.name, %error, "an answer could not be noted");
        }
    }

    /// The name of the author, if it is a user of the chat.
    async fn named_author(&self, post: &Post) -> Result<Option<String>, ApiError> {
        if !post.is_by_user() || post.user_id == self.me().await?.id {
            return Ok(None);
        }
        let (name, is_bot) = self.author(&post.user_id).await?;
        Ok((!is_bot).then_some(name))
    }

    /// Answers a post, with its reactions and the sign that the bot is typing.
    async fn work_on(&self, post: &Post, name: &str, said: &str) -> Result<(), ApiError> {
        let me = self.me().await?;
        if let Err(error) = self.api.react(&me.id, &post.id, SEEN).await {
            tracing::debug!(connector = %self.name, %error, "a reaction was not taken");
        }
        let place = Place::Thread { channel: &post.channel_id, root: post.thread() };
        let said = Said { text: said, place };
        let typing = async {
            loop {
                self.api.typing(&me.id, &post.channel_id, post.thread()).await;
                tokio::time::sleep(TYPING).await;
            }
        };
        let answer = tokio::select! {
            answer = self.respond((&post.user_id, name), &said) => answer,
            () = typing => Answer::unavailable(),
        };
        self.reply(post, answer).await
    }

    /// Sends an answer: into the thread, or to its author alone.
    pub(super) async fn reply(&self, post: &Post, answer: Answer) -> Result<(), ApiError> {
        let me = self.me().await?;
        let once = |part: usize| format!("{}:{}:{part}", me.id, post.id);
        let failed = answer.failed;
        let mut parts = answer.parts;
        if answer.personal && self.api.channel(&post.channel_id).await?.kind != "D" {
            let direct = self.api.direct(&me.id, &post.user_id).await?;
            for (number, part) in parts.iter().enumerate() {
                self.api.say(&direct.id, "", &once(100 + number), part).await?;
            }
            parts = vec!["I answered you by a direct message.".to_owned()];
        }
        let last = parts.len().saturating_sub(1);
        for (number, part) in parts.iter().enumerate() {
            let attached = answer.attachments.as_ref().filter(|_| number == last);
            let text = PostedText { message: part, attachments: attached };
            self.api.say_with(&post.channel_id, post.thread(), &once(number), text).await?;
        }
        let _ = self.api.unreact(&me.id, &post.id, SEEN).await;
        let _ = self.api.react(&me.id, &post.id, if failed { FAILED } else { DONE }).await;
        Ok(())
    }
}

fn who_acts(acting: &dyn Acting) -> Answer {
    let roles = acting.roles();
    let roles = if roles.is_empty() { "none".to_owned() } else { inline(&roles.join(", ")) };
    Answer::good(format!(
        "You act as {}, roles: {roles}, scopes: {}.",
        inline(&acting.name()),
        inline(&acting.scopes())
    ))
}
