//! The writes: for each [`Change`] one function that states its name and condition, its statements,
//! the cached values that it makes stale and its audit entry. No part has a default, and [`of`]
//! names every change, so that a new one does not compile until all of them are stated.

mod reads;

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, Change, Expected, FactorChange, OwnChange, UpstreamChange,
    UserId,
};
use sea_orm::{
    ActiveModelTrait, DbErr, DeleteMany, EntityTrait, Insert, InsertMany, QueryTrait, UpdateMany,
    sea_query::{DeleteStatement, InsertStatement, OnConflict, UpdateStatement},
};
use serde_json::json;

pub(crate) use reads::{Dependents, Read};

use crate::{
    audit::row::Row,
    condition::Condition,
    db::Db,
    invalidate::Invalidation,
    kept::Kept,
    rows::{Existing, Rows},
    tables::{
        access_grant, access_token, audit_record, authorization_code, chat, client,
        connect_attempt, connect_step, connection, device_authorization, external_resource,
        identity, invitation, kept_result, login_failure, one_time_link, passkey, policy_version,
        provider, pushed_request, recovery_code, refresh_token, relying_session, session, setting,
        sign_in, signing_key, spent_value, token_revocation, totp, upstream, upstream_registration,
        upstream_tool, upstream_trust, user,
    },
};

/// A change as it is applied.
#[derive(Debug)]
pub(crate) struct Write {
    /// The name under which it is counted, and its condition.
    pub(crate) name: Name,
    /// Its effect on the database.
    pub(crate) work: Work,
    /// The cached values that it makes stale.
    pub(crate) stale: Option<Invalidation>,
    /// Its entry in the audit, which is counted too.
    pub(crate) audit: Audit,
}

/// The name of a write. It also states if the write decides.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    /// The last statement must touch exactly one row; otherwise the unit is refused.
    Decides(Condition),
    /// It holds for any number of rows.
    Always(&'static str),
}

impl Name {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Decides(condition) => condition.as_str(),
            Self::Always(name) => name,
        }
    }
}

/// The effect of a write on the database.
#[derive(Debug)]
pub(crate) enum Work {
    /// Statements in order. Of a deciding write, the last one decides.
    Statements(Vec<Sql>),
    /// The few that have to read before they can write.
    Read(Read),
}

/// The entry of a write in the audit.
#[derive(Debug)]
pub(crate) enum Audit {
    /// It has none: no permission changes, or another write of the same unit has the entry.
    Silent,
    /// An entry in the same transaction.
    Entry(AuditEvent),
    /// An entry in the same transaction with the state of a row before and after.
    Compared {
        /// The entry, without its detail.
        event: AuditEvent,
        /// The row.
        row: Row,
        /// The entry is left out if the row did not change.
        only_if_different: bool,
    },
    /// The write consists of entries.
    Entries(Vec<AuditEvent>),
}

/// A built statement.
#[derive(Debug)]
pub(crate) enum Sql {
    Rows(Rows),
    Kept(Kept),
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

impl Sql {
    pub(crate) async fn execute(&self, db: Db<'_>) -> Result<u64, DbErr> {
        match self {
            Self::Rows(rows) => rows.execute(db).await,
            Self::Kept(statement) => db.run_kept(statement).await,
            Self::Insert(statement) => db.run(statement).await,
            Self::Update(statement) => db.run(statement).await,
            Self::Delete(statement) => db.run(statement).await,
        }
    }
}

impl From<Rows> for Sql {
    fn from(rows: Rows) -> Self {
        Self::Rows(rows)
    }
}

impl From<Kept> for Sql {
    fn from(statement: Kept) -> Self {
        Self::Kept(statement)
    }
}

impl<A: ActiveModelTrait> From<Insert<A>> for Sql {
    fn from(insert: Insert<A>) -> Self {
        Self::Insert(insert.into_query())
    }
}

impl<A: ActiveModelTrait> From<InsertMany<A>> for Sql {
    fn from(insert: InsertMany<A>) -> Self {
        Self::Insert(insert.into_query())
    }
}

impl<E: EntityTrait> From<UpdateMany<E>> for Sql {
    fn from(update: UpdateMany<E>) -> Self {
        Self::Update(update.into_query())
    }
}

impl<E: EntityTrait> From<DeleteMany<E>> for Sql {
    fn from(delete: DeleteMany<E>) -> Self {
        Self::Delete(delete.into_query())
    }
}

/// Work of one statement.
pub(crate) fn run(sql: impl Into<Sql>) -> Work {
    Work::Statements(vec![sql.into()])
}

/// A row to be inserted. That another one has its key is an error.
pub(crate) fn fresh(row: impl ActiveModelTrait) -> Rows {
    Rows::one(row, Existing::Fails)
}

/// A row to be inserted unless another one has its key; the statement then touches none.
pub(crate) fn if_new(row: impl ActiveModelTrait) -> Rows {
    Rows::one(row, Existing::Stays)
}

/// Leaves an existing row alone; the statement then touches none.
pub(crate) fn nothing() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

/// The beginning of an entry.
pub(crate) fn about(kind: AuditKind, subject: AuditSubject, id: &str) -> AuditEvent {
    AuditEvent::new(kind).about(subject, id)
}

/// The beginning of an entry about a second factor.
pub(crate) fn factor(kind: AuditKind, user_id: &UserId, which: &str) -> AuditEvent {
    about(kind, AuditSubject::User, user_id.as_str()).detail(json!({"factor": which}).to_string())
}

fn expect(object: Expected, etag: String) -> Write {
    Write {
        name: Name::Decides(Condition::Expect),
        work: Work::Read(Read::Expect { object, etag }),
        stale: None,
        // It only reads.
        audit: Audit::Silent,
    }
}

fn expect_other_administrator(user_id: UserId) -> Write {
    Write {
        name: Name::Decides(Condition::ExpectOtherAdministrator),
        work: Work::Read(Read::OtherAdministrator(user_id)),
        stale: None,
        // It only reads.
        audit: Audit::Silent,
    }
}

fn audit(events: Vec<AuditEvent>) -> Write {
    Write {
        name: Name::Always("audit"),
        work: Work::Statements(Vec::new()),
        stale: None,
        audit: Audit::Entries(events),
    }
}

/// The write of a change. `signs_in` states that the same unit begins a session; its entry then
/// covers the end of the one before.
#[expect(clippy::too_many_lines, reason = "one arm for each change")]
pub(crate) fn of(change: Change, signs_in: bool) -> Write {
    match change {
        Change::InsertUser(user) => user::insert(&user),
        Change::SetPassword { user_id, password } => {
            user::set_password(&user_id, password.as_ref())
        }
        Change::RehashPassword { user_id, old, new } => user::rehash_password(&user_id, &old, &new),
        Change::SetRoles { user_id, roles } => user::set_roles(&user_id, &roles),
        Change::SetUserDisabled { user_id, disabled_at } => {
            user::set_disabled(&user_id, disabled_at)
        }
        Change::SetProfile { user_id, email, display_name } => {
            user::set_profile(&user_id, email, display_name)
        }
        Change::FollowAddress { user_id, identity, email } => {
            user::follow_address(&user_id, &identity, email)
        }
        Change::RenameUser { user_id, name } => user::rename(&user_id, &name),
        Change::CollectProviderRoles(user_id) => user::collect_provider_roles(user_id),
        Change::DeleteUser(user_id) => user::delete(&user_id),
        Change::InsertClient(client) => client::insert(&client),
        Change::PutDocumentClient(client) => client::put_document(&client),
        Change::MarkClientAuthorized { client_id, at } => client::mark_authorized(&client_id, at),
        Change::SetClientDisabled { client_id, disabled_at } => {
            client::set_disabled(&client_id, disabled_at)
        }
        Change::SetClientApproved { client_id, approved_at } => {
            client::set_approved(&client_id, approved_at)
        }
        Change::SetClientPinned { client_id, pinned_at } => {
            client::set_pinned(&client_id, pinned_at)
        }
        Change::DeleteClient(client_id) => client::delete(&client_id),
        Change::InsertCode(code) => authorization_code::insert(&code),
        Change::RedeemCode { token, now } => authorization_code::redeem(&token, now),
        Change::InsertGrant(grant) => access_grant::insert(&grant),
        Change::UseGrant { grant_id, now } => access_grant::mark_used(&grant_id, now),
        Change::NarrowGrants { user_id, client_id, scopes } => {
            access_grant::narrow(user_id, client_id, scopes)
        }
        Change::RevokeGrant { grant_id, at, reason } => {
            access_grant::revoke_one(&grant_id, at, reason)
        }
        Change::ReplaceGrants { grants, user_id, client_id, by, at, reason } => {
            let new = access_grant::Successor { user_id, client_id, by, at, reason };
            access_grant::replace(&grants, &new)
        }
        Change::RevokeGrantsOfUser { user_id, client_id, at, reason } => {
            access_grant::revoke_of_user(&user_id, client_id.as_ref(), at, reason)
        }
        Change::RevokeGrantsOfIdentity { identity, at, reason } => {
            access_grant::revoke_of_identity(&identity, at, reason)
        }
        Change::RevokeGrantsOfClient { client_id, at, reason } => {
            access_grant::revoke_of_client(&client_id, at, reason)
        }
        Change::InsertRefreshToken(token) => refresh_token::insert(&token),
        Change::UseRefreshToken { token, successor, now } => {
            refresh_token::use_up(&token, &successor, now)
        }
        Change::InsertSession(session) => session::insert(&session),
        Change::TouchSession { token, last_seen_at, expires_at } => {
            session::touch(&token, last_seen_at, expires_at)
        }
        Change::EndSession(token) => session::end(&token, signs_in),
        Change::EndSessionOfUser { user_id, session_id } => {
            session::end_one_of_user(&user_id, &session_id)
        }
        Change::EndSessionsOfUser { user_id, except } => {
            session::end_of_user(&user_id, except.as_ref())
        }
        Change::EndSessionsOfIdentity { identity, sid } => {
            session::end_of_identity(&identity, sid.as_deref())
        }
        Change::EndSessionsOfSid { provider, sid } => session::end_of_sid(&provider, &sid),
        Change::CountAttempt(attempt) => login_failure::count(&attempt),
        Change::TakeBackAttempt { key } => login_failure::take_back(&key),
        Change::ClearLoginFailures { key } => login_failure::clear(&key),
        Change::InsertProvider(provider) => provider::insert(&provider),
        Change::UpdateProvider { provider, seen, seen_secret, changed } => {
            provider::update(&provider, &seen, seen_secret.as_ref(), &changed)
        }
        Change::UpdateClient(client) => client::update(&client),
        Change::DeleteProvider { id, at, passwords } => provider::delete(id, at, passwords),
        Change::RetireAccounts { provider, issuers, at, passwords } => {
            provider::retire_accounts(provider, issuers, at, passwords)
        }
        Change::InsertSignIn(attempt) => sign_in::insert(&attempt),
        Change::RedeemSignIn { state, provider, browser, now } => {
            sign_in::redeem(&state, &provider, &browser, now)
        }
        Change::InsertIdentity(identity) => identity::insert(&identity),
        Change::UpdateIdentity(identity) => identity::update(&identity),
        Change::KeepChecked { identity, claimed } => identity::keep_checked(&identity, claimed),
        Change::KeepStatement(identity, statement) => {
            identity::keep_statement(&identity, &statement)
        }
        Change::DeleteIdentity { user_id, identity } => user::unlink(&user_id, &identity),
        Change::ClaimIdentityCheck { identity, due, until } => {
            identity::claim_check(&identity, due, until)
        }
        Change::KeepCredential { identity, replaced, credential } => {
            identity::keep_credential(&identity, &replaced, &credential)
        }
        Change::DropCredential { identity, next_check_at } => {
            identity::drop_credential(&identity, next_check_at)
        }
        Change::PutInvitation(invitation) => invitation::put(&invitation),
        Change::RedeemInvitation { provider, email } => invitation::redeem(&provider, &email),
        Change::InsertAccessToken(token) => access_token::insert(&token),
        Change::RotateAccessToken(token) => access_token::rotate(&token),
        Change::RevokeAccessToken { id, user_id, at } => {
            access_token::revoke(&id, user_id.as_ref(), at)
        }
        Change::RevokeAccessTokensOfUser { user_id, at } => {
            access_token::revoke_of_user(&user_id, at)
        }
        Change::RevokeAccessTokensOfIdentity { identity, at } => {
            access_token::revoke_of_identity(&identity, at)
        }
        Change::UseAccessToken { id, now } => access_token::mark_used(&id, now),
        Change::SpendValue { key, expires_at } => spent_value::spend(key, expires_at),
        Change::InsertLink(link) => one_time_link::insert(&link),
        Change::RedeemLink { token, now } => one_time_link::redeem(&token, now),
        Change::InsertSigningKey(key) => signing_key::insert(&key),
        Change::RetireSigningKeys { except, at } => signing_key::retire(&except, at),
        Change::InsertPolicyVersion(version) => policy_version::insert(&version),
        Change::PutSetting { key, value } => setting::put(key, value),
        Change::MarkJournal { journal, seq, at } => setting::mark_journal(&journal, seq, at),
        Change::InsertSetting { key, value } => setting::insert(key, value),
        Change::Expect { object, etag } => expect(object, etag),
        Change::ExpectOtherAdministrator(user_id) => expect_other_administrator(user_id),
        Change::Audit(events) => audit(events),
        Change::InsertRecord { id, at, body } => audit_record::insert(id, at, &body),
        Change::InsertSteps(steps) => connect_step::insert(&steps),
        Change::Factor(change) => of_factor(change),
        Change::Upstream(change) => of_upstream(change),
        Change::Resource(change) => external_resource::of(change),
        Change::Device(change) => device_authorization::of(change),
        Change::Relying(change) => relying_session::of(change),
        Change::Chat(change) => chat::of(change),
        Change::Own(change) => of_own(change),
    }
}

/// The write of a change that a client makes for itself.
fn of_own(change: OwnChange) -> Write {
    match change {
        OwnChange::Push(request) => pushed_request::push(&request),
        OwnChange::UsePushed { reference, client_id, now } => {
            pushed_request::spend(&reference, &client_id, now)
        }
        OwnChange::PutRegistration { client, seen } => client::put_registration(&client, &seen),
    }
}

/// The write of a change to second factors.
fn of_factor(change: FactorChange) -> Write {
    match change {
        FactorChange::InsertPasskey(passkey) => passkey::insert(passkey),
        FactorChange::UsePasskey { id, credential, at } => passkey::use_one(&id, &credential, at),
        FactorChange::DeletePasskey { user_id, id } => passkey::delete(&user_id, &id),
        FactorChange::PutTotp(totp) => totp::put(&totp),
        FactorChange::ConfirmTotp { user_id, step, at } => totp::confirm(&user_id, step, at),
        FactorChange::UseTotp { user_id, step } => totp::use_code(&user_id, step),
        FactorChange::DeleteTotp(user_id) => totp::delete(&user_id),
        FactorChange::ReplaceRecoveryCodes { user_id, codes } => {
            recovery_code::replace(&user_id, &codes)
        }
        FactorChange::UseRecoveryCode { user_id, code } => recovery_code::use_up(&user_id, &code),
    }
}

/// The write of a change to the stored state of upstreams.
fn of_upstream(change: UpstreamChange) -> Write {
    match change {
        UpstreamChange::Insert(upstream) => upstream::insert(&upstream),
        UpstreamChange::Update { upstream, seen, seen_secrets, changed } => {
            upstream::update(&upstream, &seen, seen_secrets.as_ref(), &changed)
        }
        UpstreamChange::Begin(new) => upstream_trust::begin(&new),
        UpstreamChange::End(ending) => upstream::end(&ending),
        UpstreamChange::Pin { upstream, id, server } => {
            upstream_trust::pin(&upstream, &id, &server)
        }
        UpstreamChange::NoteNamed { upstream, id, named, first } => {
            upstream_trust::note_named(&upstream, &id, named.as_ref(), first)
        }
        UpstreamChange::ClaimRevocation { id, due, until } => {
            token_revocation::claim(&id, due, until)
        }
        UpstreamChange::ForgetRevocation { id } => token_revocation::forget(&id),
        UpstreamChange::PinNew(tools) => upstream_tool::pin_new(&tools),
        UpstreamChange::NoteChanged { upstream, tool, definition, pinned, first } => {
            upstream_tool::note_changed(&upstream, &tool, definition, pinned, first)
        }
        UpstreamChange::Repin { tool, seen_definition, seen_state } => {
            upstream_tool::repin(&tool, &seen_definition, seen_state)
        }
        UpstreamChange::ForgetUndecided { upstream, tools } => {
            upstream_tool::forget_undecided(&upstream, &tools)
        }
        UpstreamChange::Decide { tool, seen_definition, seen_changed } => {
            upstream_tool::decide(&tool, &seen_definition, seen_changed.as_deref())
        }
        UpstreamChange::PutRegistration(registration) => upstream_registration::put(&registration),
        UpstreamChange::DeleteRegistration { upstream, issuer } => {
            upstream_registration::delete(&upstream, &issuer)
        }
        UpstreamChange::PutConnection { connection, id } => connection::put(&connection, &id),
        UpstreamChange::KeepRefreshed { connection } => connection::keep_refreshed(&connection),
        UpstreamChange::ClaimRefresh { user_id, upstream, version, now, until } => {
            let claim = connection::RefreshClaim { user_id, upstream, version, now, until };
            connection::claim_refresh(&claim)
        }
        UpstreamChange::DeleteConnection { user_id, upstream } => {
            connection::delete(&user_id, &upstream)
        }
        UpstreamChange::EndConnections(user_id) => connection::end_of_user(&user_id),
        UpstreamChange::QueueRevocation(new) => token_revocation::queue(&new),
        UpstreamChange::InsertAttempt(attempt) => connect_attempt::insert(&attempt),
        UpstreamChange::RedeemAttempt { state, upstream, user_id, browser, now } => {
            connect_attempt::redeem(
                &connect_attempt::PendingAttempt { state, upstream, user_id, browser },
                now,
            )
        }
        UpstreamChange::KeepResult { result, most } => kept_result::keep(&result, most),
        UpstreamChange::RelayAnswer(answer) => kept_result::relay(&answer),
    }
}
