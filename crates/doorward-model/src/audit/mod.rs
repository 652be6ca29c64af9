//! The audit: events with their actors, clients and outcomes. Entries form a chain of hashes, so
//! that a changed or removed entry is detected.

mod filter;
mod kind;

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use filter::AuditFilter;
pub use kind::{AuditKind, AuditSubject, RecordedKind};

use crate::{Timestamp, id::UserId};

/// The result of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    #[default]
    Ok,
    /// It was refused.
    Refused,
    /// It was attempted and failed.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Refused, Self::Failed];
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// The acting user, and the means by which they act.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user.
    pub user_id: Option<String>,
    /// Their sign-in name at that time.
    pub user_name: Option<String>,
    /// The client that acts for them.
    pub client_id: Option<String>,
    /// The browser session.
    pub session_id: Option<String>,
    /// The personal or service token.
    pub token_id: Option<String>,
    /// The grant.
    pub grant_id: Option<String>,
}

/// The facts of a tool call, and the decision about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFacts {
    /// The tool, as it was called.
    pub tool: String,
    /// Its upstream; empty for built-in tools.
    pub upstream: String,
    /// Its class: `read`, `write` or `destructive`.
    pub class: String,
    /// The decision, and the rule that made it.
    pub decision: String,
    /// Duration in microseconds.
    pub micros: i64,
    /// Bytes of its arguments.
    pub request_bytes: i64,
    /// Bytes of its result.
    pub response_bytes: i64,
}

/// The actor, the moment and the origin of everything that one request does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditStamp {
    /// The moment.
    pub at: Timestamp,
    /// The actor, as far as known.
    pub actor: Actor,
    /// The IP address of the request.
    pub address: String,
    /// The id of the request, as in the log.
    pub request_id: String,
}

/// One event. `K` is its kind: [`AuditKind`] for an event to be written, [`RecordedKind`] for one
/// that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent<K = AuditKind> {
    /// The moment. Zero until the store takes it up.
    pub at: Timestamp,
    /// Its kind.
    pub kind: K,
    /// Its result.
    pub outcome: Outcome,
    /// The actor. Empty members are filled from the request that is being served.
    pub actor: Actor,
    /// The IP address of the request.
    pub address: String,
    /// The id of the request, as in the log.
    pub request_id: String,
    /// The object that it is about, as `type:id`: `user:u_…`, `client:…`, `upstream:wiki`.
    pub subject: String,
    /// The facts of a tool call.
    pub call: Option<Box<CallFacts>>,
    /// Details as a JSON object, such as the values before and after, or the reason. Empty if there
    /// are none.
    pub detail: String,
}

impl AuditEvent {
    /// A successful event of this kind.
    pub fn new(kind: AuditKind) -> Self {
        Self {
            at: Timestamp::default(),
            kind,
            outcome: Outcome::default(),
            actor: Actor::default(),
            address: String::new(),
            request_id: String::new(),
            subject: String::new(),
            call: None,
            detail: String::new(),
        }
    }
    /// Names the object that it is about, of a type that the table gives to its kind.
    #[must_use]
    pub fn about(mut self, kind: AuditSubject, id: &str) -> Self {
        debug_assert!(
            self.kind.subjects().contains(&kind),
            "an entry {} is not about a {}",
            self.kind,
            kind.as_str()
        );
        self.subject = subject(kind, id);
        self
    }
    /// By this user.
    #[must_use]
    pub fn by(mut self, user_id: &UserId) -> Self {
        self.actor.user_id = Some(user_id.to_string());
        self
    }
    /// Through this client.
    #[must_use]
    pub fn through(mut self, client_id: &crate::ClientId) -> Self {
        self.actor.client_id = Some(client_id.to_string());
        self
    }
    /// The same in text that both databases accept: text from other sources may hold a NUL.
    #[must_use]
    pub fn storable(mut self) -> Self {
        let texts = [&mut self.subject, &mut self.detail, &mut self.address, &mut self.request_id];
        let call = self
            .call
            .as_deref_mut()
            .map(|call| [&mut call.tool, &mut call.upstream, &mut call.decision]);
        let actor = &mut self.actor;
        let actor = [
            &mut actor.user_id,
            &mut actor.user_name,
            &mut actor.client_id,
            &mut actor.session_id,
            &mut actor.token_id,
            &mut actor.grant_id,
        ];
        for text in
            texts.into_iter().chain(call.into_iter().flatten()).chain(actor.into_iter().flatten())
        {
            *text = crate::id::without_nul(std::mem::take(text));
        }
        self
    }
    /// Its result.
    #[must_use]
    pub fn ended(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
    /// More about it: a JSON object.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        let is_object = self.detail.starts_with('{') && self.detail.ends_with('}');
        debug_assert!(self.detail.is_empty() || is_object, "no JSON object: {}", self.detail);
        self
    }
}

impl From<AuditEvent> for AuditEvent<RecordedKind> {
    fn from(event: AuditEvent) -> Self {
        let AuditEvent { at, kind, outcome, actor, address, request_id, subject, call, detail } =
            event;
        let kind = RecordedKind::Known(kind);
        Self { at, kind, outcome, actor, address, request_id, subject, call, detail }
    }
}

/// The object that an entry is about, as it is stored and searched for.
pub fn subject(kind: AuditSubject, id: &str) -> String {
    format!("{}:{id}", kind.as_str())
}

/// The word for a user in entries of versions before migration 000025. Entries are chained by their
/// texts, so that they are never rewritten; they are read and found under the word of this version.
const FORMER_USER: &str = "person";

/// The forms in which a kind, a family of kinds (`user.`) or a subject may be recorded.
pub fn recorded_forms(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let former = text
        .strip_prefix(AuditSubject::User.as_str())
        .filter(|rest| rest.starts_with(['.', ':']))
        .map(|rest| Cow::Owned(format!("{FORMER_USER}{rest}")));
    std::iter::once(Cow::Borrowed(text)).chain(former)
}

/// The text of this version for a kind or a subject that was recorded by a former one.
pub fn present_form(recorded: &str) -> Cow<'_, str> {
    match recorded.strip_prefix(FORMER_USER) {
        Some(rest) if rest.starts_with(['.', ':']) => {
            Cow::Owned(format!("{}{rest}", AuditSubject::User.as_str()))
        }
        _ => Cow::Borrowed(recorded),
    }
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, one more than that of the entry before.
    pub seq: i64,
    /// The event.
    pub event: AuditEvent<RecordedKind>,
    /// The hash of this entry and the hash before it.
    pub hash: String,
}

/// The end of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// The last entry's number; 0 if there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl AuditHead {
    /// The entry that follows. Every field is preceded by its length, so that no two events have
    /// the same input of the hash.
    pub fn follow(&self, event: impl Into<AuditEvent<RecordedKind>>) -> AuditEntry {
        let event = event.into();
        let seq = self.seq.saturating_add(1);
        let mut hash = Sha256::new();
        let mut put = |text: &str| {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(text.as_bytes());
        };
        put("doorward-audit-1");
        put(&self.hash);
        put(&seq.to_string());
        put(&event.at.to_string());
        put(event.kind.as_str());
        put(event.outcome.as_str());
        let actor = &event.actor;
        for text in [
            &actor.user_id,
            &actor.user_name,
            &actor.client_id,
            &actor.session_id,
            &actor.token_id,
            &actor.grant_id,
        ] {
            put(text.as_deref().unwrap_or_default());
        }
        put(&event.address);
        put(&event.request_id);
        put(&event.subject);
        let call = event.call.as_deref().cloned().unwrap_or_default();
        for text in [&call.tool, &call.upstream, &call.class, &call.decision] {
            put(text);
        }
        for number in [call.micros, call.request_bytes, call.response_bytes] {
            put(&number.to_string());
        }
        put(&event.detail);
        let hash = URL_SAFE_NO_PAD.encode(hash.finalize());
        AuditEntry { seq, event, hash }
    }
}

impl From<&AuditEntry> for AuditHead {
    fn from(entry: &AuditEntry) -> Self {
        Self { seq: entry.seq, hash: entry.hash.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_s_hash_depends_on_every_field_and_on_what_came_before() {
        let head = AuditHead { seq: 4, hash: "before".to_owned() };
        let call = CallFacts { tool: "echo".to_owned(), ..CallFacts::default() };
        let event = AuditEvent {
            at: Timestamp(9),
            call: Some(Box::new(call)),
            ..AuditEvent::new(AuditKind::ToolCalled)
        };
        let entry = head.follow(event.clone());
        assert_eq!(entry.seq, 5);
        let mut others = vec![
            AuditHead { seq: 4, hash: "other".to_owned() }.follow(event.clone()),
            AuditHead { seq: 5, ..head.clone() }.follow(event.clone()),
        ];
        let mut change = |with: &dyn Fn(&mut AuditEvent)| {
            let mut changed = event.clone();
            with(&mut changed);
            others.push(head.follow(changed));
        };
        change(&|event| event.at = Timestamp(8));
        change(&|event| event.outcome = Outcome::Failed);
        change(&|event| event.actor.user_id = Some("u".to_owned()));
        change(&|event| event.actor.user_name = Some("u".to_owned()));
        change(&|event| event.address = "u".to_owned());
        change(&|event| event.detail = "{}".to_owned());
        change(&|event| event.call.as_mut().unwrap().tool = "ech".to_owned());
        change(&|event| event.call.as_mut().unwrap().upstream = "echo".to_owned());
        change(&|event| event.call.as_mut().unwrap().response_bytes = 1);
        let mut hashes: Vec<_> =
            others.iter().map(|entry| entry.hash.clone()).chain([entry.hash]).collect();
        let all = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
    }

    #[test]
    fn an_entry_of_a_kind_that_this_version_does_not_know_keeps_its_place_in_the_chain() {
        let written = AuditHead::default().follow(AuditEvent::new(AuditKind::SignedIn));
        let kind = RecordedKind::from_stored("user.teleported".to_owned());
        let unknown = AuditEvent { kind, ..written.event.clone() };
        let read = AuditHead::default().follow(unknown.clone());
        assert_eq!(read.event, unknown);
        assert_ne!(read.hash, written.hash);
    }

    #[test]
    fn a_family_of_kinds_is_named_by_its_dot() {
        let event = AuditEvent::from(AuditEvent::new(AuditKind::SignedIn));
        let fits = |kind: &str| {
            AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() }.fits(&event)
        };
        assert!(fits("user.signed_in") && fits("user.") && !fits("user") && !fits("tool."));
    }
}
