//! A write is a value: a request decides on the state that it read and passes one [`UnitOfWork`] to
//! the store.

mod device;
mod factor;
mod own;
mod relying;
mod resource;
mod unit;

use crate::{
    AccessToken, AccessTokenId, AgentChange, AuditEvent, AuthorizationCode, ChatChange, Client,
    ClientId, ConnectStep, Grant, GrantId, GroupChange, HashedToken, IdentityId, Invitation,
    LinkedIdentity, OneTimeLink, ProviderId, RefreshToken, RevokeReason, Role, RuleVersion,
    ScopeSet, Sealed, Session, SessionId, SignInAttempt, SigningKey, Statement, StoredProvider,
    Timestamp, ToolsetChange, UpstreamChange, User, UserId, UserName, secret::HashedPassword,
};
pub use device::DeviceChange;
pub use factor::FactorChange;
pub use own::OwnChange;
pub use relying::RelyingChange;
pub use resource::ResourceChange;
pub use unit::{CountedAttempt, Expected, UnitOfWork};

/// One named change. Those marked *conditional* decide something: unless their one statement touches
/// exactly one row, the whole unit is discarded and the error names the failed condition.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds a user. Conditional: the name must be free.
    InsertUser(User),
    /// Sets or removes a password. Conditional: the user must exist.
    SetPassword {
        /// The user.
        user_id: UserId,
        /// The new hash, or `None` to forbid signing in with a password.
        password: Option<HashedPassword>,
    },
    /// Replaces a password's hash by one under newer parameters. Conditional: it is the old one.
    RehashPassword {
        /// The user.
        user_id: UserId,
        /// The hash that was verified.
        old: HashedPassword,
        /// The hash to store.
        new: HashedPassword,
    },
    /// Sets a user's roles. Conditional: the user must exist.
    SetRoles {
        /// The user.
        user_id: UserId,
        /// The new roles.
        roles: Vec<Role>,
    },
    /// Disables a user (`Some`) or enables them again. Conditional: the user must exist.
    SetUserDisabled {
        /// The user.
        user_id: UserId,
        /// Since when.
        disabled_at: Option<Timestamp>,
    },
    /// Deletes a user. Conditional: the user must exist.
    DeleteUser(UserId),
    /// Adds a client. Conditional: the id must be free.
    InsertClient(Box<Client>),
    /// Adds a metadata document's client, or replaces all but `authorized_at` and `disabled_at`.
    PutDocumentClient(Box<Client>),
    /// Remembers that a user allowed this client something.
    MarkClientAuthorized {
        /// The client.
        client_id: ClientId,
        /// The time.
        at: Timestamp,
    },
    /// Disables a client (`Some`) or enables it again. Conditional: the client must exist.
    SetClientDisabled {
        /// The client.
        client_id: ClientId,
        /// Since when.
        disabled_at: Option<Timestamp>,
    },
    /// Deletes a client. Conditional: the client must exist.
    DeleteClient(ClientId),
    /// Adds an authorization code.
    InsertCode(AuthorizationCode),
    /// Spends an authorization code. Conditional: unspent and not expired.
    RedeemCode {
        /// The code's hash.
        token: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
    /// Adds a grant.
    InsertGrant(Grant),
    /// Notes that a grant was used. Conditional: it must be live.
    UseGrant {
        /// The grant.
        grant_id: GrantId,
        /// The present moment.
        now: Timestamp,
    },
    /// Revokes one grant, if it is not revoked yet.
    RevokeGrant {
        /// The grant.
        grant_id: GrantId,
        /// The time.
        at: Timestamp,
        /// The reason.
        reason: RevokeReason,
    },
    /// Revokes the grants that a newer one of the same user to the same software takes the place of.
    ReplaceGrants {
        /// The grants, at least one.
        grants: Vec<GrantId>,
        /// The user.
        user_id: UserId,
        /// The client.
        client_id: ClientId,
        /// The grant that takes their place.
        by: GrantId,
        /// The time.
        at: Timestamp,
        /// The reason.
        reason: RevokeReason,
    },
    /// Revokes a user's grants, and spends the pending codes.
    RevokeGrantsOfUser {
        /// The user.
        user_id: UserId,
        /// Only those of this client, if given.
        client_id: Option<ClientId>,
        /// The time.
        at: Timestamp,
        /// The reason.
        reason: RevokeReason,
    },
    /// Revokes the grants after a sign-in with this account, and spends the pending codes.
    RevokeGrantsOfIdentity {
        /// The account.
        identity: IdentityId,
        /// The time.
        at: Timestamp,
        /// The reason.
        reason: RevokeReason,
    },
    /// Revokes all grants of a client, and spends the pending codes.
    RevokeGrantsOfClient {
        /// The user.
        client_id: ClientId,
        /// The time.
        at: Timestamp,
        /// The reason.
        reason: RevokeReason,
    },
    /// Adds a refresh token.
    InsertRefreshToken(RefreshToken),
    /// Rotates a refresh token. Conditional: unused and not expired.
    UseRefreshToken {
        /// The token's hash.
        token: HashedToken,
        /// The hash of the token that replaces it.
        successor: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
    /// Adds a session.
    InsertSession(Session),
    /// Moves a session's last use and end.
    TouchSession {
        /// The session.
        token: HashedToken,
        /// The time of use.
        last_seen_at: Timestamp,
        /// The new time of expiry without further use.
        expires_at: Timestamp,
    },
    /// Ends the session with this cookie.
    EndSession(HashedToken),
    /// Ends one of a user's sessions. Conditional: it must belong to the user.
    EndSessionOfUser {
        /// The user.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
    },
    /// Ends a user's sessions, except the one given.
    EndSessionsOfUser {
        /// The user.
        user_id: UserId,
        /// The session to keep.
        except: Option<SessionId>,
    },
    /// Spends a named value: a consent, an assertion's `jti`. Conditional: it must be unspent.
    SpendValue {
        /// The value's name.
        key: String,
        /// Until when it must be remembered.
        expires_at: Timestamp,
    },
    /// Adds a one-time link.
    InsertLink(OneTimeLink),
    /// Uses a one-time link. Conditional: unused and not expired.
    RedeemLink {
        /// The hash of the secret in the link.
        token: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
    /// Adds a signing key. Conditional: the kid must be free.
    InsertSigningKey(SigningKey),
    /// Sets the end of every key that has none, except the newest.
    RetireSigningKeys {
        /// The key that stays.
        except: String,
        /// The time from which the others are no longer needed.
        at: Timestamp,
    },
    /// Adds a version of rules. Refused if the number is taken.
    InsertRuleVersion(RuleVersion),
    /// Sets a setting.
    PutSetting {
        /// Its name.
        key: String,
        /// Its value.
        value: String,
    },
    /// Notes how far the entries of a journal are in the audit, in the unit that writes them.
    MarkJournal {
        /// The journal.
        journal: String,
        /// The number of its last entry that is written.
        seq: u64,
        /// The moment.
        at: Timestamp,
    },
    /// Adds a setting. Conditional: it must not exist.
    InsertSetting {
        /// Its name.
        key: String,
        /// Its value.
        value: String,
    },
    /// Counts an attempt to guess a secret as a failure, before the secret is compared.
    /// Conditional: the counter allows an attempt now.
    CountAttempt(CountedAttempt),
    /// Takes back an attempt with a correct secret.
    TakeBackAttempt {
        /// The counter.
        key: String,
    },
    /// Forgets failed sign-ins.
    ClearLoginFailures {
        /// The counts.
        key: String,
    },
    /// Sets a user's profile from a provider. A value of `None` leaves the member unchanged.
    SetProfile {
        /// The user.
        user_id: UserId,
        /// The e-mail address.
        email: Option<String>,
        /// The display name.
        display_name: Option<String>,
    },
    /// Sets or removes (`None`) the e-mail address that the provider of an account vouches for.
    FollowAddress {
        /// The user.
        user_id: UserId,
        /// The account.
        identity: IdentityId,
        /// The e-mail address.
        email: Option<String>,
    },
    /// Changes a user's sign-in name. Conditional: no other user has it.
    RenameUser {
        /// The user.
        user_id: UserId,
        /// The new name.
        name: UserName,
    },
    /// Makes a user's provider roles those of all their linked identities together.
    CollectProviderRoles(UserId),
    /// Adds an identity provider. Conditional: the name must be free.
    InsertProvider(StoredProvider),
    /// Replaces the settings of a provider that was added. Conditional: they are those seen.
    UpdateProvider {
        /// The provider as it is from now on.
        provider: Box<StoredProvider>,
        /// The settings that were seen.
        seen: String,
        /// The secret that was seen.
        seen_secret: Option<Sealed>,
        /// The settings that change, by name.
        changed: Vec<String>,
    },
    /// Replaces the settings of a client that an administrator added. Conditional: it exists.
    UpdateClient(Box<Client>),
    /// Deletes an identity provider with everything that depends on it, and all access of users
    /// without another method of sign-in. Conditional: it must exist.
    DeleteProvider {
        /// The provider.
        id: ProviderId,
        /// The present moment.
        at: Timestamp,
        /// True if users may sign in with passwords of their own.
        passwords: bool,
    },
    /// Ends the dependents of accounts that a provider of the file no longer has. The links stay.
    RetireAccounts {
        /// The provider.
        provider: ProviderId,
        /// The issuers of accounts that it still has.
        issuers: Vec<String>,
        /// The present moment.
        at: Timestamp,
        /// True if users may sign in with passwords of their own.
        passwords: bool,
    },
    /// Stores a sign-in that is redirected to a provider.
    InsertSignIn(SignInAttempt),
    /// Resumes a sign-in. Conditional: awaited, not expired, of this provider and this browser.
    RedeemSignIn {
        /// The hash of `state`.
        state: HashedToken,
        /// The source of the roles.
        provider: ProviderId,
        /// The hash of the browser's cookie.
        browser: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
    /// Links an account at an identity provider to a user. Conditional: it must not be linked yet.
    InsertIdentity(Box<LinkedIdentity>),
    /// Replaces the state of an account at a provider. Conditional: it is linked to the same user.
    UpdateIdentity(Box<LinkedIdentity>),
    /// Stores the outcome of a check of an account. Conditional: it is still claimed for this check.
    KeepChecked {
        /// The present state.
        identity: Box<LinkedIdentity>,
        /// The time until which the check was claimed.
        claimed: Timestamp,
    },
    /// Stores the statement with which a user was refused. Nothing else of the account changes.
    KeepStatement(IdentityId, Box<Statement>),
    /// Unlinks an account at an identity provider. Conditional: it must be this user's.
    DeleteIdentity {
        /// The user.
        user_id: UserId,
        /// The account at the identity provider.
        identity: IdentityId,
    },
    /// Reserves an account at an identity provider for one use of its token. Conditional: it is free.
    ClaimIdentityCheck {
        /// The account at the identity provider.
        identity: IdentityId,
        /// The time at which the check was due.
        due: Timestamp,
        /// The time of the reservation.
        now: Timestamp,
        /// The time from which another replica may try, if this one does not finish.
        until: Timestamp,
    },
    /// Stores the token that a provider gave in place of another. Conditional: the other is kept.
    KeepCredential {
        /// The account.
        identity: IdentityId,
        /// The sealed token that was redeemed.
        replaced: Sealed,
        /// The sealed token that replaces it.
        credential: Sealed,
    },
    /// Deletes the provider's token of an account and sets its next check.
    DropCredential {
        /// The account at the identity provider.
        identity: IdentityId,
        /// The time of the next check.
        next_check_at: Timestamp,
    },
    /// Invites a user through a provider. An earlier invitation of the same user is replaced.
    PutInvitation(Invitation),
    /// Uses an invitation. Conditional: it must exist.
    RedeemInvitation {
        /// The provider.
        provider: ProviderId,
        /// The e-mail address.
        email: String,
    },
    /// Ends the sessions that began with an account at an identity provider.
    EndSessionsOfIdentity {
        /// The account.
        identity: IdentityId,
        /// Only the one that belongs to this session of the provider.
        sid: Option<String>,
    },
    /// Ends the sessions that belong to one session of a provider.
    EndSessionsOfSid {
        /// The provider.
        provider: ProviderId,
        /// The provider's session.
        sid: String,
    },
    /// A change to second factors.
    Factor(FactorChange),
    /// Changes the stored state of upstreams.
    Upstream(UpstreamChange),
    /// A change that a client makes for itself.
    Own(OwnChange),
    /// A change to external resource servers.
    Resource(ResourceChange),
    /// A change to device authorizations.
    Device(DeviceChange),
    /// A change to the use of sessions by relying parties.
    Relying(RelyingChange),
    /// A change to chats.
    Chat(ChatChange),
    /// A change to groups.
    Group(GroupChange),
    /// A change to toolsets.
    Toolset(ToolsetChange),
    /// A change to what the agent of this server keeps.
    Agent(AgentChange),
    /// Narrows a client's permissions: its grants from this user keep the intersection.
    NarrowGrants {
        /// The user.
        user_id: UserId,
        /// The client.
        client_id: ClientId,
        /// The scopes that may stay.
        scopes: ScopeSet,
    },
    /// Approves a client, or takes the approval back. Conditional: the client must exist.
    SetClientApproved {
        /// The client.
        client_id: ClientId,
        /// Since when.
        approved_at: Option<Timestamp>,
    },
    /// Pins a client's metadata document, or unpins it. Conditional: the client must exist.
    SetClientPinned {
        /// The client.
        client_id: ClientId,
        /// Since when.
        pinned_at: Option<Timestamp>,
    },
    /// Adds a personal or service token. Conditional: the id and the value must be new.
    InsertAccessToken(Box<AccessToken>),
    /// Replaces a token's value, end and authentication. Conditional: live, and this user's.
    RotateAccessToken(Box<AccessToken>),
    /// Revokes a token. Conditional: it must exist and not be revoked.
    RevokeAccessToken {
        /// The token.
        id: AccessTokenId,
        /// Only if it is this user's.
        user_id: Option<UserId>,
        /// The time.
        at: Timestamp,
    },
    /// Revokes all tokens of a user.
    RevokeAccessTokensOfUser {
        /// The user.
        user_id: UserId,
        /// The time.
        at: Timestamp,
    },
    /// Revokes all tokens that were made after a sign-in with this account at a provider.
    RevokeAccessTokensOfIdentity {
        /// The account.
        identity: IdentityId,
        /// The time.
        at: Timestamp,
    },
    /// Notes the use of a token; its user's accounts at providers are in use again.
    UseAccessToken {
        /// The token.
        id: AccessTokenId,
        /// The time.
        now: Timestamp,
    },
    /// Decides that an object is still as it was read. Conditional: its entity tag is the same.
    Expect {
        /// The object.
        object: Expected,
        /// The entity tag that was read.
        etag: String,
    },
    /// Decides that another user is an enabled administrator. Conditional: there is one.
    ExpectOtherAdministrator(UserId),
    /// Adds entries to the audit.
    Audit(Vec<AuditEvent>),
    /// Keeps the arguments and the result of a call, sealed.
    InsertRecord {
        /// The name under which the entry refers to it.
        id: String,
        /// The time.
        at: Timestamp,
        /// The sealed text.
        body: Sealed,
    },
    /// Adds steps of connecting clients.
    InsertSteps(Vec<ConnectStep>),
}
