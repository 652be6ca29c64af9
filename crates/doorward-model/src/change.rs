//! A write is a value: a request decides on what it read and hands the store one [`UnitOfWork`].

use crate::{
    AccessToken, AccessTokenId, AuditEvent, AuthorizationCode, Client, ConnectStep, Grant,
    HashedToken, IdentityId, Invitation, LinkedIdentity, OneTimeLink, Passkey, Person, PersonName,
    ProviderId, RefreshToken, RevokeReason, Role, ScopeSet, Sealed, Session, SignInAttempt,
    SigningKey, StoredProvider, Timestamp, Totp,
    id::{ClientId, GrantId, SessionId, UserId},
    secret::HashedPassword,
    upstream::UpstreamChange,
};

/// One named change. Those marked *conditional* decide something: if their one statement does not
/// touch exactly one row, nothing of the unit is kept and the caller learns which one failed.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds a person. Conditional: the name must be free.
    InsertPerson(Person),
    /// Sets or removes a password. Conditional: the person must exist.
    SetPassword {
        /// Whose.
        user_id: UserId,
        /// The new hash, or `None` to forbid signing in with a password.
        password: Option<HashedPassword>,
    },
    /// Replaces a password's hash by one of the same password under newer parameters. Conditional:
    /// it must still be the old one.
    RehashPassword {
        /// Whose.
        user_id: UserId,
        /// The hash that was verified.
        old: HashedPassword,
        /// The hash to store.
        new: HashedPassword,
    },
    /// Sets a person's roles. Conditional: the person must exist.
    SetRoles {
        /// Whose.
        user_id: UserId,
        /// The new roles.
        roles: Vec<Role>,
    },
    /// Disables a person (`Some`) or enables them again. Conditional: the person must exist.
    SetPersonDisabled {
        /// Whom.
        user_id: UserId,
        /// Since when.
        disabled_at: Option<Timestamp>,
    },
    /// Deletes a person. Conditional: the person must exist.
    DeletePerson(UserId),
    /// Adds a client. Conditional: the id must be free.
    InsertClient(Box<Client>),
    /// Adds or replaces what a metadata document said. It keeps `authorized_at` and `disabled_at`.
    PutDocumentClient(Box<Client>),
    /// Remembers that a person allowed this client something.
    MarkClientAuthorized {
        /// The client.
        client_id: ClientId,
        /// When.
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
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevokeReason,
    },
    /// Revokes a person's grants, and spends the codes that wait to become one.
    RevokeGrantsOfPerson {
        /// Whose.
        user_id: UserId,
        /// Only those of this client, if given.
        client_id: Option<ClientId>,
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevokeReason,
    },
    /// Revokes the grants that were given by somebody who came by this upstream account, and spends
    /// the codes that wait to become one.
    RevokeGrantsOfIdentity {
        /// The account.
        identity: IdentityId,
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevokeReason,
    },
    /// Revokes all grants of a client, and spends the codes that wait to become one.
    RevokeGrantsOfClient {
        /// Whose.
        client_id: ClientId,
        /// When.
        at: Timestamp,
        /// Why.
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
        /// When it was used.
        last_seen_at: Timestamp,
        /// When it now ends without further use.
        expires_at: Timestamp,
    },
    /// Ends the session with this cookie.
    EndSession(HashedToken),
    /// Ends one of a person's sessions. Conditional: it must be theirs.
    EndSessionOfPerson {
        /// Whose.
        user_id: UserId,
        /// Which.
        session_id: SessionId,
    },
    /// Ends a person's sessions, except the one given.
    EndSessionsOfPerson {
        /// Whose.
        user_id: UserId,
        /// The session to keep.
        except: Option<SessionId>,
    },
    /// Spends a named value: a consent, an assertion's `jti`. Conditional: it must not be spent
    /// yet.
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
        /// When the others are no longer needed.
        at: Timestamp,
    },
    /// Sets a setting.
    PutSetting {
        /// Its name.
        key: String,
        /// Its value.
        value: String,
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
    /// Takes back an attempt whose secret turned out to be right.
    TakeBackAttempt {
        /// The counter.
        key: String,
    },
    /// Forgets failed sign-ins.
    ClearLoginFailures {
        /// What was counted.
        key: String,
    },
    /// Sets a person's profile as a provider tells it. What is `None` stays.
    SetProfile {
        /// Whose.
        user_id: UserId,
        /// The e-mail address.
        email: Option<String>,
        /// The name for people.
        display_name: Option<String>,
    },
    /// Sets the e-mail address that the provider of an account vouches for (`Some`), or takes away
    /// the one that it vouched for (`None`).
    FollowAddress {
        /// The user.
        user_id: UserId,
        /// The account.
        identity: IdentityId,
        /// The address.
        email: Option<String>,
    },
    /// Changes a person's sign-in name. Conditional: nobody else has it.
    RenamePerson {
        /// Whose.
        user_id: UserId,
        /// The new name.
        name: PersonName,
    },
    /// Makes a person's provider roles those of all their linked identities together.
    CollectProviderRoles(UserId),
    /// Adds an upstream provider. Conditional: the name must be free.
    InsertProvider(StoredProvider),
    /// Deletes an identity provider with everything that depends on it: sessions, sign-ins under
    /// way, grants, links and invitations, and all access of users for whom nothing else stands.
    /// Conditional: it must exist.
    DeleteProvider {
        /// The provider.
        id: ProviderId,
        /// The present moment.
        at: Timestamp,
        /// Whether users may sign in with passwords of their own.
        passwords: bool,
    },
    /// Ends what depends on accounts that a provider of the configuration no longer has: it left
    /// the file, or is another server now. The links stay, ended and without tokens.
    RetireAccounts {
        /// The provider.
        provider: ProviderId,
        /// The issuers whose accounts it still has.
        issuers: Vec<String>,
        /// The present moment.
        at: Timestamp,
        /// Whether users may sign in with passwords of their own.
        passwords: bool,
    },
    /// Remembers a sign-in that goes to a provider.
    InsertSignIn(SignInAttempt),
    /// Takes up a sign-in that came back. Conditional: awaited, not expired, from this provider and
    /// in this browser.
    RedeemSignIn {
        /// The hash of `state`.
        state: HashedToken,
        /// Where it comes from.
        provider: ProviderId,
        /// The hash of the browser's cookie.
        browser: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
    /// Links an upstream account to a person. Conditional: it must not be linked yet.
    InsertIdentity(Box<LinkedIdentity>),
    /// Replaces what is known of an upstream account. Conditional: it must be linked to the same
    /// person.
    UpdateIdentity(Box<LinkedIdentity>),
    /// Keeps what a look at an upstream account came to. Conditional: it is still claimed for this
    /// look, so nobody signed in or out with it meanwhile.
    KeepChecked {
        /// What is now known.
        identity: Box<LinkedIdentity>,
        /// Until when the look was claimed.
        claimed: Timestamp,
    },
    /// Unlinks an upstream account. Conditional: it must be this person's.
    DeleteIdentity {
        /// Whose.
        user_id: UserId,
        /// Which.
        identity: IdentityId,
    },
    /// Reserves the next look at an upstream account for one replica. Conditional: nobody was
    /// faster.
    ClaimIdentityCheck {
        /// Which.
        identity: IdentityId,
        /// When the look was due.
        due: Timestamp,
        /// When another may try, if this one does not finish.
        until: Timestamp,
    },
    /// Stores the token that a provider gave in place of another. Conditional: the other is still
    /// the one that is kept.
    KeepCredential {
        /// The account.
        identity: IdentityId,
        /// The sealed token that was redeemed.
        replaced: Sealed,
        /// The sealed token that came for it.
        credential: Sealed,
    },
    /// Deletes the provider's token of an upstream account and sets its next look.
    DropCredential {
        /// Which.
        identity: IdentityId,
        /// When to look again.
        next_check_at: Timestamp,
    },
    /// Invites a person to sign in through a provider. An earlier invitation of the same address is
    /// replaced.
    PutInvitation(Invitation),
    /// Uses an invitation. Conditional: it must be there.
    RedeemInvitation {
        /// The provider.
        provider: ProviderId,
        /// The address.
        email: String,
    },
    /// Ends the sessions that began with an upstream account.
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
    /// Adds a passkey. Conditional: it must be new.
    InsertPasskey(Passkey),
    /// Notes that a passkey was used. Conditional: it must be there.
    UsePasskey {
        /// Which.
        id: String,
        /// What is now known of it.
        credential: String,
        /// When.
        at: Timestamp,
    },
    /// Deletes a passkey. Conditional: it must be this person's.
    DeletePasskey {
        /// Whose.
        user_id: UserId,
        /// Which.
        id: String,
    },
    /// Begins to set up an authenticator app. Conditional: none must be confirmed.
    PutTotp(Totp),
    /// Confirms an authenticator app with its first code. Conditional: not confirmed yet, and a
    /// later step than the last.
    ConfirmTotp {
        /// Whose.
        user_id: UserId,
        /// The code's time step.
        step: i64,
        /// When.
        at: Timestamp,
    },
    /// Uses a code of an authenticator app. Conditional: confirmed, and a later step than the last.
    UseTotp {
        /// Whose.
        user_id: UserId,
        /// The code's time step.
        step: i64,
    },
    /// Deletes an authenticator app.
    DeleteTotp(UserId),
    /// Replaces a person's recovery codes.
    ReplaceRecoveryCodes {
        /// Whose.
        user_id: UserId,
        /// The codes' hashes.
        codes: Vec<HashedToken>,
    },
    /// Uses a recovery code. Conditional: it must be there.
    UseRecoveryCode {
        /// Whose.
        user_id: UserId,
        /// The code's hash.
        code: HashedToken,
    },
    /// Changes what is known of upstreams.
    Upstream(UpstreamChange),
    /// Gives a client less than before: its grants from this person keep what is in both sets.
    NarrowGrants {
        /// Whose.
        user_id: UserId,
        /// Which client.
        client_id: ClientId,
        /// What stays, at most.
        scopes: ScopeSet,
    },
    /// Approves a client that waits for it, or takes the approval back. Conditional: the client
    /// must exist.
    SetClientApproved {
        /// The client.
        client_id: ClientId,
        /// Since when.
        approved_at: Option<Timestamp>,
    },
    /// Pins what a client's metadata document said, or lets it change again. Conditional: the
    /// client must exist.
    SetClientPinned {
        /// The client.
        client_id: ClientId,
        /// Since when.
        pinned_at: Option<Timestamp>,
    },
    /// Adds a personal or service token. Conditional: the id and the value must be new.
    InsertAccessToken(Box<AccessToken>),
    /// Replaces the value of a token, its end, and what is recorded of the user who replaces it.
    /// Conditional: it must be this person's and live at the moment of the replacement.
    RotateAccessToken(Box<AccessToken>),
    /// Revokes a token. Conditional: it must be there and not revoked.
    RevokeAccessToken {
        /// Which.
        id: AccessTokenId,
        /// Only if it is this person's.
        user_id: Option<UserId>,
        /// When.
        at: Timestamp,
    },
    /// Revokes all tokens of a person.
    RevokeAccessTokensOfPerson {
        /// Whose.
        user_id: UserId,
        /// When.
        at: Timestamp,
    },
    /// Revokes all tokens that were made by a user who came by this account at a provider.
    RevokeAccessTokensOfIdentity {
        /// The account.
        identity: IdentityId,
        /// When.
        at: Timestamp,
    },
    /// Notes that a token was used, and that the accounts at providers of its user are in use
    /// again.
    UseAccessToken {
        /// Which.
        id: AccessTokenId,
        /// When.
        now: Timestamp,
    },
    /// Decides that an object is still as it was read. Conditional: its entity tag is the same.
    Expect {
        /// The object.
        object: Expected,
        /// The entity tag that was read.
        etag: String,
    },
    /// Decides that somebody else is an enabled administrator. Conditional: there is one.
    ExpectOtherAdministrator(UserId),
    /// Adds entries to the audit.
    Audit(Vec<AuditEvent>),
    /// Keeps the arguments and the result of a call, sealed.
    InsertRecord {
        /// The name under which the entry refers to it.
        id: String,
        /// When.
        at: Timestamp,
        /// The sealed text.
        body: Sealed,
    },
    /// Adds steps of connecting clients.
    InsertSteps(Vec<ConnectStep>),
}

/// An attempt to guess a secret, counted before the secret is compared.
#[derive(Clone, Debug)]
pub struct CountedAttempt {
    /// The counter: an account, an address, a second factor.
    pub key: String,
    /// The present moment.
    pub at: Timestamp,
    /// Failures without a delay. Counted as at least 1.
    pub free: u32,
    /// The longest delay in seconds. The delay is one second after the free failures and doubles
    /// with each further one.
    pub longest_delay: i64,
    /// Seconds without an attempt after which the count starts again.
    pub forget_after: i64,
}

impl CountedAttempt {
    /// Seconds that must have passed since the last of `failures` failures before another attempt.
    pub fn delay_after(&self, failures: u32) -> i64 {
        let free = self.free.max(1);
        if failures < free {
            0
        } else {
            (1_i64 << (failures - free).min(20)).min(self.longest_delay.max(0))
        }
    }
}

/// An object that a unit expects to be as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A user, by [`Person::etag`].
    Person(UserId),
    /// A client, by [`Client::etag`].
    Client(ClientId),
    /// A setting, by its value; empty if it is not set.
    Setting(String),
}

/// Changes that are applied together or not at all.
#[derive(Clone, Debug, Default)]
pub struct UnitOfWork {
    changes: Vec<Change>,
}

impl UnitOfWork {
    /// A unit without changes.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a change at the end.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }
    /// The changes in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
    /// The changes in order, to be applied.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl FromIterator<Change> for UnitOfWork {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}

impl From<UpstreamChange> for UnitOfWork {
    fn from(change: UpstreamChange) -> Self {
        Change::Upstream(change).into()
    }
}

impl From<Change> for UnitOfWork {
    fn from(change: Change) -> Self {
        Self { changes: vec![change] }
    }
}
