//! The writes: for each [`Change`] one function that states its name and condition, its statements,
//! the cached values that it makes stale and its audit entry. No part has a default, and [`of`]
//! names every change, so that a new one does not compile until all of them are stated.

mod access_tokens;
mod clients;
mod devices;
mod federation;
mod grants;
mod policy;
mod reads;
mod relying;
mod resources;
mod second_factor;
mod sessions;
mod settings;
mod tools;
mod trust;
mod upstreams;
mod users;

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, Change, FactorChange, OwnChange, UpstreamChange,
};
use sea_orm::{
    ActiveModelTrait, DbErr, DeleteMany, EntityTrait, Insert, InsertMany, QueryTrait, UpdateMany,
    sea_query::{DeleteStatement, InsertStatement, OnConflict, UpdateStatement},
};

pub(crate) use reads::{Dependents, Read};
pub(crate) use trust::{grants_for, tokens_for};

use crate::{
    audit::row::Row,
    condition::Condition,
    db::Db,
    invalidate::Invalidation,
    kept::Kept,
    rows::{Existing, Rows},
    tables::pushed_request,
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
pub(crate) fn new(row: impl ActiveModelTrait) -> Rows {
    Rows::one(row, Existing::Fails)
}

/// A row to be inserted unless another one has its key; the statement then touches none.
fn if_new(row: impl ActiveModelTrait) -> Rows {
    Rows::one(row, Existing::Stays)
}

/// Leaves an existing row alone; the statement then touches none.
fn nothing() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

/// The beginning of an entry.
fn about(kind: AuditKind, subject: AuditSubject, id: &str) -> AuditEvent {
    AuditEvent::new(kind).about(subject, id)
}

/// The write of a change. `signs_in` states that the same unit begins a session; its entry then
/// covers the end of the one before.
#[expect(clippy::too_many_lines, reason = "one arm for each change")]
pub(crate) fn of(change: Change, signs_in: bool) -> Write {
    match change {
        Change::InsertUser(user) => users::insert(&user),
        Change::SetPassword { user_id, password } => {
            users::set_password(&user_id, password.as_ref())
        }
        Change::RehashPassword { user_id, old, new } => {
            users::rehash_password(&user_id, &old, &new)
        }
        Change::SetRoles { user_id, roles } => users::set_roles(&user_id, &roles),
        Change::SetUserDisabled { user_id, disabled_at } => {
            users::set_disabled(&user_id, disabled_at)
        }
        Change::SetProfile { user_id, email, display_name } => {
            users::set_profile(&user_id, email, display_name)
        }
        Change::FollowAddress { user_id, identity, email } => {
            users::follow_address(&user_id, &identity, email)
        }
        Change::RenameUser { user_id, name } => users::rename(&user_id, &name),
        Change::CollectProviderRoles(user_id) => users::collect_provider_roles(user_id),
        Change::DeleteUser(user_id) => users::delete(&user_id),
        Change::InsertClient(client) => clients::insert(&client),
        Change::PutDocumentClient(client) => clients::put_document(&client),
        Change::MarkClientAuthorized { client_id, at } => clients::mark_authorized(&client_id, at),
        Change::SetClientDisabled { client_id, disabled_at } => {
            clients::set_disabled(&client_id, disabled_at)
        }
        Change::SetClientApproved { client_id, approved_at } => {
            clients::set_approved(&client_id, approved_at)
        }
        Change::SetClientPinned { client_id, pinned_at } => {
            clients::set_pinned(&client_id, pinned_at)
        }
        Change::DeleteClient(client_id) => clients::delete(&client_id),
        Change::InsertCode(code) => grants::insert_code(&code),
        Change::RedeemCode { token, now } => grants::redeem_code(&token, now),
        Change::InsertGrant(grant) => grants::insert(&grant),
        Change::UseGrant { grant_id, now } => grants::mark_used(&grant_id, now),
        Change::NarrowGrants { user_id, client_id, scopes } => {
            grants::narrow(user_id, client_id, scopes)
        }
        Change::RevokeGrant { grant_id, at, reason } => grants::revoke_one(&grant_id, at, reason),
        Change::ReplaceGrants { grants, user_id, client_id, by, at, reason } => {
            grants::replace(&grants, (&user_id, &client_id), &by, (at, reason))
        }
        Change::RevokeGrantsOfUser { user_id, client_id, at, reason } => {
            grants::revoke_of_user(&user_id, client_id.as_ref(), at, reason)
        }
        Change::RevokeGrantsOfIdentity { identity, at, reason } => {
            grants::revoke_of_identity(&identity, at, reason)
        }
        Change::RevokeGrantsOfClient { client_id, at, reason } => {
            grants::revoke_of_client(&client_id, at, reason)
        }
        Change::InsertRefreshToken(token) => grants::insert_refresh_token(&token),
        Change::UseRefreshToken { token, successor, now } => {
            grants::use_refresh_token(&token, &successor, now)
        }
        Change::InsertSession(session) => sessions::insert(&session),
        Change::TouchSession { token, last_seen_at, expires_at } => {
            sessions::touch(&token, last_seen_at, expires_at)
        }
        Change::EndSession(token) => sessions::end(&token, signs_in),
        Change::EndSessionOfUser { user_id, session_id } => {
            sessions::end_one_of_user(&user_id, &session_id)
        }
        Change::EndSessionsOfUser { user_id, except } => {
            sessions::end_of_user(&user_id, except.as_ref())
        }
        Change::EndSessionsOfIdentity { identity, sid } => {
            sessions::end_of_identity(&identity, sid.as_deref())
        }
        Change::EndSessionsOfSid { provider, sid } => sessions::end_of_sid(&provider, &sid),
        Change::CountAttempt(attempt) => sessions::count_attempt(&attempt),
        Change::TakeBackAttempt { key } => sessions::take_back_attempt(&key),
        Change::ClearLoginFailures { key } => sessions::clear_failures(&key),
        Change::InsertProvider(provider) => federation::insert_provider(&provider),
        Change::UpdateProvider { provider, seen, seen_secret, changed } => {
            federation::update_provider(&provider, &seen, seen_secret.as_ref(), &changed)
        }
        Change::UpdateClient(client) => clients::update(&client),
        Change::DeleteProvider { id, at, passwords } => {
            federation::delete_provider(id, at, passwords)
        }
        Change::RetireAccounts { provider, issuers, at, passwords } => {
            federation::retire_accounts(provider, issuers, at, passwords)
        }
        Change::InsertSignIn(attempt) => federation::insert_sign_in(&attempt),
        Change::RedeemSignIn { state, provider, browser, now } => {
            federation::redeem_sign_in(&state, &provider, &browser, now)
        }
        Change::InsertIdentity(identity) => federation::insert_identity(&identity),
        Change::UpdateIdentity(identity) => federation::update_identity(&identity),
        Change::KeepChecked { identity, claimed } => federation::keep_checked(&identity, claimed),
        Change::KeepStatement(identity, statement) => {
            federation::keep_statement(&identity, &statement)
        }
        Change::DeleteIdentity { user_id, identity } => {
            federation::delete_identity(&user_id, &identity)
        }
        Change::ClaimIdentityCheck { identity, due, until } => {
            federation::claim_check(&identity, due, until)
        }
        Change::KeepCredential { identity, replaced, credential } => {
            federation::keep_credential(&identity, &replaced, &credential)
        }
        Change::DropCredential { identity, next_check_at } => {
            federation::drop_credential(&identity, next_check_at)
        }
        Change::PutInvitation(invitation) => federation::put_invitation(&invitation),
        Change::RedeemInvitation { provider, email } => {
            federation::redeem_invitation(&provider, &email)
        }
        Change::InsertAccessToken(token) => access_tokens::insert(&token),
        Change::RotateAccessToken(token) => access_tokens::rotate(&token),
        Change::RevokeAccessToken { id, user_id, at } => {
            access_tokens::revoke(&id, user_id.as_ref(), at)
        }
        Change::RevokeAccessTokensOfUser { user_id, at } => {
            access_tokens::revoke_of_user(&user_id, at)
        }
        Change::RevokeAccessTokensOfIdentity { identity, at } => {
            access_tokens::revoke_of_identity(&identity, at)
        }
        Change::UseAccessToken { id, now } => access_tokens::mark_used(&id, now),
        Change::SpendValue { key, expires_at } => settings::spend_value(key, expires_at),
        Change::InsertLink(link) => settings::insert_link(&link),
        Change::RedeemLink { token, now } => settings::redeem_link(&token, now),
        Change::InsertSigningKey(key) => settings::insert_signing_key(&key),
        Change::RetireSigningKeys { except, at } => settings::retire_signing_keys(&except, at),
        Change::InsertPolicyVersion(version) => policy::insert(&version),
        Change::PutSetting { key, value } => settings::put(key, value),
        Change::MarkJournal { journal, seq, at } => settings::mark_journal(&journal, seq, at),
        Change::InsertSetting { key, value } => settings::insert(key, value),
        Change::Expect { object, etag } => settings::expect(object, etag),
        Change::ExpectOtherAdministrator(user_id) => settings::expect_other_administrator(user_id),
        Change::Audit(events) => settings::audit(events),
        Change::InsertRecord { id, at, body } => settings::insert_record(id, at, &body),
        Change::InsertSteps(steps) => settings::insert_steps(&steps),
        Change::Factor(change) => of_factor(change),
        Change::Upstream(change) => of_upstream(change),
        Change::Resource(change) => resources::of(change),
        Change::Device(change) => devices::of(change),
        Change::Relying(change) => relying::of(change),
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
        OwnChange::PutRegistration { client, seen } => clients::put_registration(&client, &seen),
    }
}

/// The write of a change to second factors.
fn of_factor(change: FactorChange) -> Write {
    match change {
        FactorChange::InsertPasskey(passkey) => second_factor::insert_passkey(passkey),
        FactorChange::UsePasskey { id, credential, at } => {
            second_factor::use_passkey(&id, &credential, at)
        }
        FactorChange::DeletePasskey { user_id, id } => second_factor::delete_passkey(&user_id, &id),
        FactorChange::PutTotp(totp) => second_factor::put_totp(&totp),
        FactorChange::ConfirmTotp { user_id, step, at } => {
            second_factor::confirm_totp(&user_id, step, at)
        }
        FactorChange::UseTotp { user_id, step } => second_factor::use_totp(&user_id, step),
        FactorChange::DeleteTotp(user_id) => second_factor::delete_totp(&user_id),
        FactorChange::ReplaceRecoveryCodes { user_id, codes } => {
            second_factor::replace_recovery_codes(&user_id, &codes)
        }
        FactorChange::UseRecoveryCode { user_id, code } => {
            second_factor::use_recovery_code(&user_id, &code)
        }
    }
}

/// The write of a change to the stored state of upstreams.
fn of_upstream(change: UpstreamChange) -> Write {
    match change {
        UpstreamChange::Insert(upstream) => upstreams::insert(&upstream),
        UpstreamChange::Update { upstream, seen, seen_secrets, changed } => {
            upstreams::update(&upstream, &seen, seen_secrets.as_ref(), &changed)
        }
        UpstreamChange::Begin(new) => trust::begin(&new),
        UpstreamChange::End(ending) => trust::end(&ending),
        UpstreamChange::Pin { upstream, id, server } => trust::pin(&upstream, &id, &server),
        UpstreamChange::NoteNamed { upstream, id, named, first } => {
            trust::note_named(&upstream, &id, named.as_ref(), first)
        }
        UpstreamChange::ClaimRevocation { id, due, until } => {
            trust::claim_revocation(&id, due, until)
        }
        UpstreamChange::ForgetRevocation { id } => trust::forget_revocation(&id),
        UpstreamChange::PinNew(tools) => tools::pin_new(&tools),
        UpstreamChange::NoteChanged { upstream, tool, definition, pinned, first } => {
            tools::note_changed(&upstream, &tool, definition, pinned, first)
        }
        UpstreamChange::Repin { tool, seen_definition, seen_state } => {
            tools::repin(&tool, &seen_definition, seen_state)
        }
        UpstreamChange::ForgetUndecided { upstream, tools } => {
            tools::forget_undecided(&upstream, &tools)
        }
        UpstreamChange::Decide { tool, seen_definition, seen_changed } => {
            tools::decide(&tool, &seen_definition, seen_changed.as_deref())
        }
        UpstreamChange::PutRegistration(registration) => upstreams::put_registration(&registration),
        UpstreamChange::DeleteRegistration { upstream, issuer } => {
            upstreams::delete_registration(&upstream, &issuer)
        }
        UpstreamChange::PutConnection { connection, id } => {
            upstreams::put_connection(&connection, &id)
        }
        UpstreamChange::KeepRefreshed { connection } => upstreams::keep_refreshed(&connection),
        UpstreamChange::ClaimRefresh { user_id, upstream, version, now, until } => {
            upstreams::claim_refresh((&user_id, &upstream), version, now, until)
        }
        UpstreamChange::DeleteConnection { user_id, upstream } => {
            upstreams::delete_connection(&user_id, &upstream)
        }
        UpstreamChange::EndConnections(user_id) => upstreams::end_connections(&user_id),
        UpstreamChange::QueueRevocation(new) => trust::queue_revocation(&new),
        UpstreamChange::InsertAttempt(attempt) => upstreams::insert_attempt(&attempt),
        UpstreamChange::RedeemAttempt { state, upstream, user_id, browser, now } => {
            upstreams::redeem_attempt(
                &upstreams::PendingAttempt { state, upstream, user_id, browser },
                now,
            )
        }
        UpstreamChange::KeepResult { result, most } => upstreams::keep_result(&result, most),
        UpstreamChange::RelayAnswer(answer) => upstreams::relay_answer(&answer),
    }
}
