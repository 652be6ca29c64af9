//! Upstreams: their tools that are offered here, the approvals, and the users' connections.

mod change;

use std::fmt;

pub use crate::connection_problem::ConnectionProblem;
use crate::{HashedToken, Sealed, Timestamp, id::UserId, text_name::TextName};
pub use change::UpstreamChange;

/// The name of an upstream in URLs, tool names and scopes: 1 to 24 lower-case letters, digits or
/// `-`, a letter first. It holds no `_`, so that the first `_` of a tool's name ends it. It is as
/// cheap to copy as a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamName(TextName<{ UpstreamName::MAX }>);

/// A text that cannot name an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an upstream's name has 1 to 24 lower-case letters, digits or '-', a letter first, and is none \
     of the words that built-in tools and URLs begin with"
)]
pub struct UpstreamNameError;

impl UpstreamName {
    /// The longest name, in bytes.
    pub const MAX: usize = 24;
    /// Names that would be mistaken for built-in tools, paths and parameters.
    pub const RESERVED: &'static [&'static str] = &[
        "call",
        "callback",
        "confirm",
        "connections",
        "describe",
        "doorward",
        "key",
        "list",
        "messages",
        "read",
        "revoke",
        "search",
        "server",
        "sse",
        "wait",
        "whoami",
    ];

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, UpstreamNameError> {
        if Self::RESERVED.contains(&text) {
            return Err(UpstreamNameError);
        }
        TextName::parse(text).map(Self).ok_or(UpstreamNameError)
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for UpstreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UpstreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An upstream that was added by command rather than in the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpstream {
    /// Its name.
    pub name: UpstreamName,
    /// Its settings without secrets, as JSON in the form of the configuration file.
    pub settings: String,
    /// Its secrets, as JSON in the form of the configuration file.
    pub secrets: Option<Sealed>,
    /// The time at which it was added.
    pub created_at: Timestamp,
}

impl StoredUpstream {
    /// The name of the state of its settings, for conditional changes.
    pub fn etag(&self) -> String {
        let sealed = self.secrets.as_ref().map(Sealed::as_str).unwrap_or_default();
        crate::id::etag(&[&self.settings, sealed])
    }
}

/// The effect of a tool on the world, by its annotations or an administrator's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ToolClass {
    /// It changes nothing.
    Read,
    /// It adds or changes something.
    Write,
    /// It may remove or overwrite something, or its effect is not stated.
    Destructive,
}

impl ToolClass {
    /// All classes, the mildest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Destructive];

    /// The name for it in configuration, commands and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
    /// The class of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// True if an upstream's tool may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolState {
    /// It may, as it was defined when that was decided.
    Approved,
    /// It is new and waits for an administrator.
    Waiting,
    /// An administrator said no.
    Rejected,
}

impl ToolState {
    /// The name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Waiting => "waiting",
            Self::Rejected => "rejected",
        }
    }
    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approved, Self::Waiting, Self::Rejected]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// The extent of a pinned definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pinned {
    /// Name, title, description, annotations and schemas alone: rows of versions before 0.2. They
    /// become whole when the tool is next listed.
    Parts,
    /// The pinned definition has those parts alone; the changed one that was noted since is whole.
    PartsThenWhole,
    /// Everything: all that clients are given, and for a REST API the operation that is executed.
    Whole,
}

impl Pinned {
    /// The name for it in the database; none for rows that are older than the distinction.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Parts => None,
            Self::PartsThenWhole => Some("parts_then_whole"),
            Self::Whole => Some("whole"),
        }
    }
    /// The extent of that name.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None => Some(Self::Parts),
            Some("parts_then_whole") => Some(Self::PartsThenWhole),
            Some("whole") => Some(Self::Whole),
            Some(_) => None,
        }
    }
}

/// The record of one tool of an upstream: the definition that was approved, so that another
/// one under the same name is not used unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedTool {
    /// The upstream.
    pub upstream: UpstreamName,
    /// The tool's name at the upstream.
    pub tool: String,
    /// True if it may be used.
    pub state: ToolState,
    /// The pinned definition, as canonical JSON.
    pub definition: String,
    /// The extent of `definition`.
    pub pinned: Pinned,
    /// The upstream's place in the operator's settings when the definition was pinned: an origin,
    /// or the name of a process or file. `None` in rows of versions before 0.2.
    pub origin: Option<String>,
    /// A different definition that was seen later: the tool is in quarantine for users who would
    /// get it.
    pub changed: Option<String>,
    /// The class set by an administrator, which precedes its annotations.
    pub class: Option<ToolClass>,
    /// The time at which it was first seen.
    pub first_seen_at: Timestamp,
    /// The time of an administrator's last decision, or of its automatic approval.
    pub decided_at: Option<Timestamp>,
}

/// The credentials that an upstream's authorization server gave this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRegistration {
    /// The upstream.
    pub upstream: UpstreamName,
    /// The authorization server; credentials that it issued are never shown to another (SEP-2352).
    pub issuer: String,
    /// The resource for which this server is registered at it; `None` in rows of versions before
    /// 0.2.
    pub resource: Option<String>,
    /// `client_id`, secret and method, as JSON.
    pub credentials: Sealed,
    /// The time of expiry, if there is one.
    pub expires_at: Option<Timestamp>,
    /// The time of creation.
    pub created_at: Timestamp,
}

/// One user's own access to one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The user.
    pub user_id: UserId,
    /// The upstream.
    pub upstream: UpstreamName,
    /// The authorization server that issued it. Its tokens go to no other.
    pub issuer: String,
    /// The resource that its access token was obtained for. It is sent to no other. `None` in rows
    /// of versions before 0.2.
    pub resource: Option<String>,
    /// The scopes at the upstream, as far as known.
    pub scopes: String,
    /// Access and refresh token with the data needed to refresh them, as JSON. `None` after the
    /// upstream refused them: the user has to connect again.
    pub tokens: Option<Sealed>,
    /// The end of the access token.
    pub expires_at: Option<Timestamp>,
    /// The time at which the user has to connect again, regardless of refreshes.
    pub ends_at: Timestamp,
    /// The time at which the user connected.
    pub created_at: Timestamp,
    /// Counts changes of the tokens, so that one of two simultaneous refreshes wins.
    pub version: i64,
    /// Until when one replica has reserved the refresh.
    pub refreshing_until: Option<Timestamp>,
    /// The reason for which there are no tokens any more.
    pub problem: Option<ConnectionProblem>,
    /// The account at the upstream, as named in an ID token of its authorization server; `None`
    /// without one. For display: no decision depends on it.
    pub account: Option<String>,
}

/// A user's way to an upstream's authorization server and back.
#[derive(Clone, Debug)]
pub struct ConnectAttempt {
    /// The hash of `state` (RFC 6749 §4.1.1).
    pub state: HashedToken,
    /// The upstream to which it was redirected.
    pub upstream: UpstreamName,
    /// The user of the attempt.
    pub user_id: UserId,
    /// The hash of the cookie of the browser that it left from.
    pub browser: HashedToken,
    /// The values needed to take it up again: issuer, PKCE verifier, scopes.
    pub payload: Sealed,
    /// The time of expiry.
    pub expires_at: Timestamp,
}

/// A long result that is read in pieces by the same user (CW14, CW15).
#[derive(Clone, Debug)]
pub struct KeptResult {
    /// The hash of the unguessable part of its URI.
    pub id: HashedToken,
    /// The user.
    pub user_id: UserId,
    /// Name of the tool.
    pub tool: String,
    /// The text.
    pub body: Sealed,
    /// Length in bytes.
    pub size: i64,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of deletion.
    pub expires_at: Timestamp,
}

/// A kept result as its owner finds it in a list, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEntry {
    /// The hash of the unguessable part of its URI.
    pub id: HashedToken,
    /// Name of the tool.
    pub tool: String,
    /// Length in bytes.
    pub size: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_not_those_of_built_in_tools() {
        for name in ["a", "github", "my-wiki-2", "abcdefghijklmnopqrstuvwx"] {
            assert_eq!(UpstreamName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "A",
            "2a",
            "-a",
            "a-",
            "a_b",
            "a.b",
            "a/b",
            "whoami",
            "sse",
            "abcdefghijklmnopqrstuvwxy",
            "ä",
        ] {
            assert!(UpstreamName::parse(name).is_err(), "{name}");
        }
    }
}
