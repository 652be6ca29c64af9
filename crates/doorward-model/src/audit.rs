//! The audit: what happened, who did it by which client, and how it ended. Entries form a chain of
//! hashes, so that one that was changed or taken out is found.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{Timestamp, id::UserId};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// What happened. The text is stored, so that entries of a newer version can be read by an
        /// older one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditKind { $($(#[doc = $doc])+ $name),* }

        impl AuditKind {
            /// Every kind with its text and what it means, for pages and for the generated
            /// reference.
            pub const ALL: &[(Self, &'static str, &'static str)] = &[$((Self::$name, $text, concat!($($doc),+))),*];

            /// The stored text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

kinds! {
    /// Somebody signed in.
    SignedIn = "person.signed_in";
    /// A sign-in failed: a wrong password, code or passkey.
    SignInFailed = "person.sign_in_failed";
    /// Somebody signed out, or their session was ended.
    SessionEnded = "person.session_ended";
    /// An account was made.
    PersonAdded = "person.added";
    /// An account's roles, name or state changed.
    PersonChanged = "person.changed";
    /// An account was deleted.
    PersonDeleted = "person.deleted";
    /// Somebody was invited.
    PersonInvited = "person.invited";
    /// A password was set, changed or removed.
    PasswordChanged = "person.password_changed";
    /// An account at an upstream provider was linked.
    IdentityLinked = "person.identity_linked";
    /// An account at an upstream provider was unlinked.
    IdentityUnlinked = "person.identity_unlinked";
    /// A passkey, an authenticator app or recovery codes were added.
    FactorAdded = "person.factor_added";
    /// A passkey, an authenticator app or recovery codes were removed, or a recovery code was used
    /// up.
    FactorRemoved = "person.factor_removed";
    /// A one-time administrator link was made.
    AdminLinkMade = "admin_link.made";
    /// A one-time administrator link was used.
    AdminLinkUsed = "admin_link.used";
    /// A client became known: it registered, was added, or its metadata document was read for the
    /// first time.
    ClientAdded = "client.added";
    /// A client's metadata, state or pin changed.
    ClientChanged = "client.changed";
    /// A client was deleted.
    ClientDeleted = "client.deleted";
    /// A person allowed a client something.
    ConsentAllowed = "consent.allowed";
    /// A person refused a client.
    ConsentDenied = "consent.denied";
    /// A client redeemed its code: access was given.
    GrantGiven = "grant.given";
    /// Access ended before its time.
    GrantRevoked = "grant.revoked";
    /// A client was given less than before.
    GrantNarrowed = "grant.narrowed";
    /// A client refreshed its token.
    TokenRefreshed = "token.refreshed";
    /// The token endpoint refused a client.
    TokenRefused = "token.refused";
    /// A personal or service token was made.
    AccessTokenAdded = "access_token.added";
    /// A personal or service token was replaced by a new value.
    AccessTokenRotated = "access_token.rotated";
    /// A personal or service token was revoked.
    AccessTokenRevoked = "access_token.revoked";
    /// A tool was called.
    ToolCalled = "tool.called";
    /// A tool call was refused before it reached the tool: roles, policy, scopes or limits.
    ToolRefused = "tool.refused";
    /// A prompt of an upstream was filled in, or that was refused.
    PromptUsed = "prompt.used";
    /// A resource of an upstream was read, or that was refused.
    ResourceRead = "resource.read";
    /// A client began or ended to watch a resource of an upstream, or that was refused.
    ResourceWatched = "resource.watched";
    /// An upstream completed an argument of a prompt or a resource template, or that was refused.
    ArgumentCompleted = "argument.completed";
    /// A client set how much log an upstream sends, or that was refused.
    LogLevelSet = "log_level.set";
    /// An upstream shows another definition of a tool than the one that was approved.
    ToolChanged = "tool.changed";
    /// An administrator decided about a tool.
    ToolDecided = "tool.decided";
    /// An upstream was added.
    UpstreamAdded = "upstream.added";
    /// An upstream was deleted.
    UpstreamDeleted = "upstream.deleted";
    /// A person connected an upstream to their account.
    ConnectionMade = "connection.made";
    /// A person's connection to an upstream ended.
    ConnectionEnded = "connection.ended";
    /// A provider was added.
    ProviderAdded = "provider.added";
    /// A provider was deleted.
    ProviderDeleted = "provider.deleted";
    /// A signing key was made.
    KeyAdded = "key.added";
    /// A setting that may change at run time changed.
    SettingChanged = "setting.changed";
    /// The administrators' API refused somebody.
    AdminRefused = "admin.refused";
    /// Somebody read arguments or results that were recorded.
    RecordRead = "audit.record_read";
    /// The audit was exported.
    AuditExported = "audit.exported";
    /// Old entries were deleted, as the retention says.
    AuditTrimmed = "audit.trimmed";
    /// A backup was made.
    BackupMade = "backup.made";
}

macro_rules! subjects {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// The type of object that an entry is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditSubject { $($(#[doc = $doc])+ $name),* }

        impl AuditSubject {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stored text, before the colon.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

subjects! {
    /// A user, by their identifier.
    Person = "person";
    /// A client, by its `client_id`.
    Client = "client";
    /// A grant, by its identifier.
    Grant = "grant";
    /// An account at an identity provider, by the identifier of its link.
    Identity = "identity";
    /// An identity provider, by its name.
    Provider = "provider";
    /// An invitation, by its e-mail address.
    Invitation = "invitation";
    /// The counter of failed sign-ins.
    SignIn = "sign_in";
    /// A personal access token, by its identifier.
    AccessToken = "access_token";
    /// An upstream, by its name.
    Upstream = "upstream";
    /// A tool, as `UPSTREAM/TOOL`.
    Tool = "tool";
    /// A signing key, by its `kid`.
    Key = "key";
    /// A setting, by its name.
    Setting = "setting";
    /// Recorded arguments or results, by their identifier.
    Record = "record";
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    #[default]
    Ok,
    /// It was refused.
    Refused,
    /// It was tried and failed.
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

/// Who acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The person.
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

/// What a tool call was, and what was decided about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// The tool, as it was called.
    pub tool: String,
    /// Its upstream; empty for tools of our own.
    pub upstream: String,
    /// What it does: `read`, `write` or `destructive`.
    pub class: String,
    /// What was decided, and the rule that decided.
    pub decision: String,
    /// How long it took, in microseconds.
    pub micros: i64,
    /// Bytes of its arguments.
    pub request_bytes: i64,
    /// Bytes of its result.
    pub response_bytes: i64,
}

/// One thing that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEvent {
    /// When. Zero until the store takes it up.
    pub at: Timestamp,
    /// What, as [`AuditKind::as_str`] says it.
    pub kind: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did it. What is empty is filled from the request that is being served.
    pub actor: Actor,
    /// The address that it came from.
    pub address: String,
    /// The id of the request, as in the log.
    pub request_id: String,
    /// What it is about, as `kind:id`: `person:u_…`, `client:…`, `upstream:wiki`.
    pub subject: String,
    /// About a tool call.
    pub call: Option<Box<CallFacts>>,
    /// More, as a JSON object: before and after, the reason. Empty if there is none.
    pub detail: String,
}

impl AuditEvent {
    /// An event of this kind that went well.
    pub fn new(kind: AuditKind) -> Self {
        Self { kind: kind.as_str().to_owned(), ..Self::default() }
    }
    /// What it is about.
    #[must_use]
    pub fn about(mut self, kind: AuditSubject, id: &str) -> Self {
        self.subject = subject(kind, id);
        self
    }
    /// By this person.
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
    /// The same in text that both databases keep: what was sent by others may hold a NUL.
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
    /// How it ended.
    #[must_use]
    pub fn ended(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
    /// More about it: a JSON object.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// What an entry is about, as it is stored and searched for.
pub fn subject(kind: AuditSubject, id: &str) -> String {
    format!("{}:{id}", kind.as_str())
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, one more than that of the entry before.
    pub seq: i64,
    /// What happened.
    pub event: AuditEvent,
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
    /// The entry that follows. Every field goes in with its length before it, so that no two events
    /// look alike to the hash.
    pub fn follow(&self, event: AuditEvent) -> AuditEntry {
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
        put(&event.kind);
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

/// What to look for. Everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Done by this person.
    pub user_id: Option<String>,
    /// Done by this person, or about them: what they see themselves.
    pub concerns: Option<String>,
    /// Through this client.
    pub client_id: Option<String>,
    /// Of this kind, or of all kinds of a family such as `person.`.
    pub kind: Option<String>,
    /// Ended like this.
    pub outcome: Option<Outcome>,
    /// A call of this tool.
    pub tool: Option<String>,
    /// A call to this upstream.
    pub upstream: Option<String>,
    /// About this.
    pub subject: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not at or after.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether an event fits, for those who follow as it happens.
    pub fn fits(&self, event: &AuditEvent) -> bool {
        let same = |wanted: &Option<String>, held: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| held == Some(wanted))
        };
        let call = event.call.as_deref();
        same(&self.user_id, event.actor.user_id.as_deref())
            && self.concerns.as_ref().is_none_or(|id| {
                event.actor.user_id.as_ref() == Some(id)
                    || event.subject == subject(AuditSubject::Person, id)
            })
            && same(&self.client_id, event.actor.client_id.as_deref())
            && self.kind.as_ref().is_none_or(|kind| {
                event.kind == *kind || kind.ends_with('.') && event.kind.starts_with(kind.as_str())
            })
            && self.outcome.is_none_or(|outcome| event.outcome == outcome)
            && same(&self.tool, call.map(|call| call.tool.as_str()))
            && same(&self.upstream, call.map(|call| call.upstream.as_str()))
            && same(&self.subject, Some(event.subject.as_str()))
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
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
        }
        .about(AuditSubject::Tool, "echo");
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
    fn a_family_of_kinds_is_named_by_its_dot() {
        let event = AuditEvent::new(AuditKind::SignedIn);
        let fits = |kind: &str| {
            AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() }.fits(&event)
        };
        assert!(fits("person.signed_in") && fits("person.") && !fits("person") && !fits("tool."));
    }
}
