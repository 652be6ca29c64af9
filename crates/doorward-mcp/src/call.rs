//! Entries of the audit about uses of items, and records of them where they are configured.

use std::{sync::Arc, time::Instant};

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, CallFacts as Stored, Change, Outcome, id::random_text,
    names_secret,
};
use doorward_store::origin;
use serde_json::{Map, Value, json};

use crate::{
    InboundRequest, Mcp, Principal,
    item::{Facts, Item, Judged},
    operation::{Answer, Operation, Verb},
    tools::ToolError,
};

/// Maximum number of bytes of arguments and result, each, that are recorded.
const MOST_RECORDED: usize = 64 * 1024;
/// The longest unknown name that the audit records, in characters.
const LONGEST_NAME: usize = 200;
/// The outcome of a use, in the words of the log and the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UseOutcome {
    Ok,
    InputRequired,
    AnsweredWithError,
    BadArguments,
    Failed,
    Limited,
    Refused,
    NotConfirmed,
    Unavailable,
    Cancelled,
}

impl UseOutcome {
    fn of(outcome: &Result<Answer, ToolError>) -> Self {
        match outcome {
            Ok(answer) if answer.is_error() => Self::AnsweredWithError,
            Ok(answer) if answer.is_question() => Self::InputRequired,
            Ok(_) => Self::Ok,
            Err(ToolError::Arguments(_)) => Self::BadArguments,
            Err(ToolError::Failed(_)) => Self::Failed,
            Err(ToolError::Busy(..)) => Self::Limited,
            Err(ToolError::Protocol(_)) => Self::Refused,
            Err(ToolError::Unconfirmed(_)) => Self::NotConfirmed,
            Err(ToolError::Upstream(_)) => Self::AnsweredWithError,
            Err(ToolError::Unavailable(_)) => Self::Unavailable,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InputRequired => "input required",
            Self::AnsweredWithError => "returned an error",
            Self::BadArguments => "bad arguments",
            Self::Failed => "failed",
            Self::Limited => "limited",
            Self::Refused => "refused",
            Self::NotConfirmed => "not confirmed",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Ok | Self::InputRequired => Outcome::Ok,
            Self::Limited | Self::Refused | Self::NotConfirmed => Outcome::Refused,
            Self::AnsweredWithError
            | Self::BadArguments
            | Self::Failed
            | Self::Unavailable
            | Self::Cancelled => Outcome::Failed,
        }
    }
}

/// The kind of the audit's entry.
fn kind(verb: Verb, outcome: Outcome) -> AuditKind {
    match (verb, outcome) {
        (Verb::Call, Outcome::Refused) => AuditKind::ToolRefused,
        (Verb::Call, Outcome::Ok | Outcome::Failed) => AuditKind::ToolCalled,
        (Verb::GetPrompt, _) => AuditKind::PromptUsed,
        (Verb::Read, _) => AuditKind::ResourceRead,
        (Verb::Complete, _) => AuditKind::ArgumentCompleted,
        (Verb::Watch, _) => AuditKind::ResourceWatched,
        (Verb::SetLevel, _) => AuditKind::LogLevelSet,
    }
}

/// Findings about a use while it is under way.
#[derive(Debug, Default)]
pub(crate) struct CallFacts {
    pub(crate) item: Option<Item>,
    pub(crate) request_bytes: i64,
    pub(crate) response_bytes: i64,
}

/// A use that is under way. One that is dropped before its end, because the client disconnected, is
/// noted all the same.
pub(crate) struct Noting {
    pub(crate) noted: CallFacts,
    mcp: Mcp,
    inbound: InboundRequest,
    verb: Verb,
    name: String,
    arguments: Option<Map<String, Value>>,
    started: Instant,
    ended: bool,
}

fn stored(inbound: &InboundRequest, mcp: &Mcp, facts: &Facts<'_>) -> Stored {
    Stored {
        tool: facts.listed_as.to_owned(),
        upstream: facts.upstream.map(|name| name.as_str().to_owned()).unwrap_or_default(),
        class: facts.class.as_str().to_owned(),
        decision: mcp.inner.judge.reason(inbound, facts),
        ..Stored::default()
    }
}

/// Names the toolset at whose URL an item is used.
fn at_url(event: AuditEvent, inbound: &InboundRequest) -> AuditEvent {
    match inbound.target.toolset() {
        Some(toolset) => event.about(AuditSubject::Toolset, toolset.as_str()),
        None => event,
    }
}

impl Noting {
    fn call(&self, micros: i64) -> Stored {
        let mut call = match &self.noted.item {
            Some(item) => stored(&self.inbound, &self.mcp, &item.facts()),
            None => {
                Stored { tool: self.name.chars().take(LONGEST_NAME).collect(), ..Stored::default() }
            }
        };
        (call.micros, call.request_bytes, call.response_bytes) =
            (micros, self.noted.request_bytes, self.noted.response_bytes);
        call
    }

    fn event(&self, said: UseOutcome, micros: i64, record: Option<String>) -> AuditEvent {
        let mut detail = Map::new();
        if said != UseOutcome::Ok {
            detail.insert("said".to_owned(), said.as_str().into());
        }
        // The user is the subject; the client of the token is the last of those that act for them.
        if let Principal::Client(grant) = &self.inbound.caller.principal
            && let Some(delegation) = &grant.delegation
        {
            detail.insert("acting".to_owned(), delegation.chain().into());
        }
        // The agent is the client; the program through which its user asked is told too.
        if self.inbound.caller.agent.is_some() {
            detail.insert("through".to_owned(), self.inbound.caller.origin().as_str().into());
        }
        if let Some(id) = record {
            detail.insert("record".to_owned(), id.into());
        }
        let detail =
            if detail.is_empty() { String::new() } else { Value::Object(detail).to_string() };
        let kind = kind(self.verb, said.outcome());
        let event = AuditEvent {
            call: Some(Box::new(self.call(micros))),
            actor: self.inbound.caller.actor(),
            ..AuditEvent::new(kind)
        };
        at_url(event.ended(said.outcome()).detail(detail), &self.inbound)
    }

    fn micros(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn log(&self, said: UseOutcome, micros: i64) {
        let caller = &self.inbound.caller;
        tracing::info!(
            tool = %self.name, operation = self.verb.as_str(), user = %caller.user_id(), client = %caller.program(), grant = caller.grant().map(tracing::field::display),
            outcome = said.as_str(), micros, "tool called"
        );
    }

    /// Reports the outcome to the log and the audit; `cancelled` if the client cancelled it or
    /// disconnected.
    pub(crate) async fn end(mut self, outcome: &Result<Answer, ToolError>, cancelled: bool) {
        let (said, micros) = (
            if cancelled && outcome.is_err() {
                UseOutcome::Cancelled
            } else {
                UseOutcome::of(outcome)
            },
            self.micros(),
        );
        self.log(said, micros);
        let wanted =
            self.noted.item.as_ref().is_some_and(|item| self.mcp.records(item.facts().listed_as));
        let record =
            if wanted { self.mcp.record(self.arguments.take(), outcome).await } else { None };
        let event = self.event(said, micros, record);
        self.ended = true;
        self.mcp.note(&self.inbound, event).await;
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let micros = self.micros();
        self.log(UseOutcome::Cancelled, micros);
        let event = self.event(UseOutcome::Cancelled, micros, None);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (mcp, inbound) = (self.mcp.clone(), self.inbound.clone());
            runtime.spawn(async move { mcp.note(&inbound, event).await });
        }
    }
}

impl Mcp {
    /// Begins to watch a use.
    pub(crate) fn begin_noting(&self, inbound: &InboundRequest, operation: &Operation) -> Noting {
        let recorded = !self.inner.settings.recorded.is_empty();
        Noting {
            noted: CallFacts::default(),
            mcp: self.clone(),
            inbound: inbound.clone(),
            verb: operation.verb(),
            name: operation
                .item_name()
                .map(|wanted| wanted.parts().1.to_owned())
                .unwrap_or_default(),
            arguments: recorded.then(|| operation.arguments().cloned()).flatten(),
            started: Instant::now(),
            ended: false,
        }
    }

    /// True if arguments and results of this item are recorded.
    fn records(&self, name: &str) -> bool {
        self.inner.settings.recorded.iter().any(|pattern| pattern.matches(name))
    }

    /// Records in the audit a use that was refused before it was evaluated.
    pub(crate) async fn note_refused(
        &self,
        inbound: &InboundRequest,
        verb: Verb,
        facts: &Facts<'_>,
    ) {
        let event = AuditEvent {
            call: Some(Box::new(stored(inbound, self, facts))),
            actor: inbound.caller.actor(),
            ..AuditEvent::new(kind(verb, Outcome::Refused))
        };
        self.note(inbound, at_url(event.ended(Outcome::Refused), inbound)).await;
    }

    async fn note(&self, inbound: &InboundRequest, event: AuditEvent) {
        // The event takes its origin where it is noted, so that must happen inside.
        let noted = async { self.inner.services.store.note(event).await };
        let done = match &inbound.origin {
            Some(from) => origin::serving(Arc::clone(from), noted).await,
            None => noted.await,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "an entry of the audit could not be stored");
        }
    }

    /// Stores arguments and result, sealed, and returns their name.
    async fn record(
        &self,
        arguments: Option<Map<String, Value>>,
        outcome: &Result<Answer, ToolError>,
    ) -> Option<String> {
        let services = &self.inner.services;
        let result = match outcome {
            Ok(answer) => answer.value(),
            Err(error) => json!({"error": format!("{error:?}")}),
        };
        let shown = |value: Value| {
            let text = redacted(value).to_string();
            if text.len() <= MOST_RECORDED {
                text
            } else {
                format!("{}…", text.chars().take(MOST_RECORDED / 4).collect::<String>())
            }
        };
        let body = json!({"arguments": shown(Value::Object(arguments.unwrap_or_default())), "result": shown(result)}).to_string();
        let id = format!("ar_{}", random_text(services.entropy.as_ref(), 16));
        let sealed = services.master.seal(&record_place(&id), body.as_bytes());
        match services
            .store
            .apply(Change::InsertRecord { id: id.clone(), at: services.clock.now(), body: sealed })
            .await
        {
            Ok(()) => Some(id),
            Err(error) => {
                tracing::error!(%error, "a call could not be recorded");
                None
            }
        }
    }
}

/// The purpose for which a record is sealed.
pub fn record_place(id: &str) -> String {
    format!("audit-record/{id}")
}

/// The value without the contents of members with revealing names.
fn redacted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let one = |(name, value): (String, Value)| {
                let secret = names_secret(&name);
                (name, if secret { "[redacted]".into() } else { redacted(value) })
            };
            Value::Object(members.into_iter().map(one).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_members_named_like_secrets_are_not_recorded() {
        let value =
            json!({"query": "x", "Api-Key": "k", "nested": [{"access_token": "t", "name": "n"}]});
        assert_eq!(
            redacted(value),
            json!({"query": "x", "Api-Key": "[redacted]", "nested": [{"access_token": "[redacted]", "name": "n"}]})
        );
    }
}
