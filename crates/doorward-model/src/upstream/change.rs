//! Changes to the stored state of upstreams.

use super::{
    ConnectAttempt, Connection, KeptResult, Pinned, PinnedTool, StoredUpstream, ToolState,
    UpstreamName, UpstreamRegistration,
};
use crate::{
    HashedToken, Sealed, Timestamp,
    id::{UpstreamId, UserId},
    trust::{Ending, Revocation, ServerPin, UpstreamTrust},
};

/// A change to the stored state of upstreams.
#[derive(Clone, Debug)]
pub enum UpstreamChange {
    /// Adds an upstream. Conditional: the name must be free.
    Insert(StoredUpstream),
    /// Replaces the settings of an upstream that was added. Conditional: they are those that were
    /// seen.
    Update {
        /// The upstream as it is from now on.
        upstream: Box<StoredUpstream>,
        /// The settings that were seen.
        seen: String,
        /// The secrets that were seen.
        seen_secrets: Option<Sealed>,
        /// The settings that change, by name.
        changed: Vec<String>,
    },
    /// Gives an upstream its identity, if none of its name has one.
    Begin(UpstreamTrust),
    /// Deletes or replaces an upstream, with the end of its dependents: see [`Ending`].
    /// Conditional: it is as it was read.
    End(Box<Ending>),
    /// Pins the authorization server that an upstream names first. Conditional: it is this
    /// upstream, and none or the same issuer is pinned.
    Pin {
        /// The upstream.
        upstream: UpstreamName,
        /// Its identity.
        id: UpstreamId,
        /// The authorization server.
        server: ServerPin,
    },
    /// Remembers that an upstream names another authorization server than the pinned one, or
    /// (`None`) that it names the pinned one again.
    NoteNamed {
        /// The upstream.
        upstream: UpstreamName,
        /// Its identity.
        id: UpstreamId,
        /// The server that it names.
        named: Option<ServerPin>,
        /// It named no other before: it has an entry in the audit.
        first: bool,
    },
    /// Reserves a revocation that is due for one replica. Conditional: no other took it.
    ClaimRevocation {
        /// The revocation.
        id: String,
        /// The time at which it was due.
        due: Timestamp,
        /// The time at which it is due again if this replica does not finish it.
        until: Timestamp,
    },
    /// Forgets a revocation that is done or given up.
    ForgetRevocation {
        /// The revocation.
        id: String,
    },
    /// Remembers tools that were seen for the first time. Those that are known stay as they are.
    PinNew(Vec<PinnedTool>),
    /// Remembers that a tool was shown with another definition than the pinned one. A tool that is
    /// not known any more stays unknown.
    NoteChanged {
        /// The upstream.
        upstream: UpstreamName,
        /// The tool.
        tool: String,
        /// The definition as canonical JSON, whole.
        definition: String,
        /// The extent of the pinned definition, now that the changed definition is complete.
        pinned: Pinned,
        /// No other definition was noted since the last decision: it has an entry in the audit.
        first: bool,
    },
    /// Replaces a pinned definition without a decision: a row of an older version becomes whole, or
    /// an upstream moved and its tools count as new. If the row is no longer as it was seen, it
    /// stays.
    Repin {
        /// The state from now on.
        tool: Box<PinnedTool>,
        /// The definition that was pinned when the upstream was listed.
        seen_definition: String,
        /// The state at that time.
        seen_state: ToolState,
    },
    /// Forgets tools that are no longer listed, as far as nothing was decided on them.
    ForgetUndecided {
        /// The upstream.
        upstream: UpstreamName,
        /// The tools.
        tools: Vec<String>,
    },
    /// Replaces the stored state of a tool by an administrator's decision. Conditional: it was not
    /// changed meanwhile.
    Decide {
        /// The decision.
        tool: Box<PinnedTool>,
        /// The tool as the administrator saw it: its state, class and definitions.
        seen: Box<PinnedTool>,
    },
    /// Adds or replaces a registration.
    PutRegistration(UpstreamRegistration),
    /// Deletes a registration that its server no longer accepts.
    DeleteRegistration {
        /// The upstream.
        upstream: UpstreamName,
        /// The authorization server.
        issuer: String,
    },
    /// Adds or replaces a user's connection. Conditional: the upstream is still the one that the
    /// user connected.
    PutConnection {
        /// The connection.
        connection: Box<Connection>,
        /// The upstream's identity.
        id: UpstreamId,
        /// The administrator who made it, for the connection of a service.
        by: Option<UserId>,
    },
    /// Stores refreshed tokens, or their refusal. Conditional: the connection was not changed
    /// meanwhile.
    KeepRefreshed {
        /// The present state, its version already counted up.
        connection: Box<Connection>,
    },
    /// Reserves a refresh for one replica. Conditional: the same version, and no other user has
    /// reserved it.
    ClaimRefresh {
        /// The user.
        user_id: UserId,
        /// The upstream.
        upstream: UpstreamName,
        /// The version to be refreshed.
        version: i64,
        /// The present moment.
        now: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Deletes a user's connection. Its tokens are queued to be revoked at their issuer.
    DeleteConnection {
        /// The user.
        user_id: UserId,
        /// The upstream.
        upstream: UpstreamName,
    },
    /// Deletes all connections of a user with ended access, as [`Self::DeleteConnection`] does.
    EndConnections(UserId),
    /// Queues the revocation at their issuer of tokens that belong to no connection any more.
    QueueRevocation(Box<Revocation>),
    /// Remembers a user on the way to an upstream's authorization server.
    InsertAttempt(ConnectAttempt),
    /// Resumes an attempt at its callback. Conditional: awaited, not expired, by the same user in
    /// the same browser.
    RedeemAttempt {
        /// The hash of `state`.
        state: HashedToken,
        /// The upstream that called back.
        upstream: UpstreamName,
        /// The user who comes back.
        user_id: UserId,
        /// The hash of the browser's cookie.
        browser: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
    /// Keeps a long result. The oldest of the same user go when there are more than `most`.
    KeepResult {
        /// The result.
        result: Box<KeptResult>,
        /// Maximum number of results of one user.
        most: u64,
    },
    /// Keeps a client's answer to a question for the replica that asked it, and notifies the
    /// replicas. The first answer counts.
    RelayAnswer(Box<KeptResult>),
}
