//! The tables: one file each, with the columns as in the newest migration (a sea-orm entity), the
//! conversion of its rows to and from the records of `doorward-model`, its reads, and its writes.
//! A write that changes several tables is with the one whose row decides it.
#![expect(unreachable_pub, reason = "the derive macros require public items")]
#![allow(missing_docs, reason = "columns are named and described by the records in doorward-model")]

pub mod access_grant;
pub mod access_token;
pub mod agent;
pub mod audit;
pub mod audit_record;
pub mod authorization_code;
pub mod chat;
pub mod client;
pub mod connect_attempt;
pub mod connect_step;
pub mod connection;
pub mod device_authorization;
pub mod external_resource;
pub mod group;
pub mod group_member;
pub mod identity;
pub mod invitation;
pub mod kept_result;
pub mod login_failure;
pub mod one_time_link;
pub mod passkey;
pub mod provider;
pub mod pushed_request;
pub mod recovery_code;
pub mod refresh_token;
pub mod relying_session;
pub mod rule_version;
pub mod session;
pub mod setting;
pub mod sign_in;
pub mod signing_key;
pub mod spent_value;
pub mod token_revocation;
pub mod toolset;
pub mod totp;
pub mod upstream;
pub mod upstream_registration;
pub mod upstream_tool;
pub mod upstream_trust;
pub mod usage_hour;
pub mod user;

use agent::{conversation, used_tokens};
use chat::{link as chat_link, post as chat_post};
use doorward_model::{Change, Expected, FactorChange, OwnChange, Timestamp, UpstreamChange};
use group::row as user_group;
use sea_orm::{Condition, EntityTrait, IntoActiveModel};

use crate::{
    StoreError,
    writes::{Write, audit, expect_other_administrator},
};

/// The rules of a table for the work that concerns all tables: copies and housekeeping.
pub trait Table:
    EntityTrait<Model: IntoActiveModel<Self::ActiveModel> + Send + Sync, ActiveModel: Send>
{
    /// The copies that have its rows.
    const COPIED: Copied;

    /// The rows that no longer matter at `now`. Housekeeping deletes them in small steps, by their
    /// key, which has one column. `None` where other tables decide, or the rows stay.
    fn expired(now: Timestamp) -> Option<Condition>;
}

/// The copies that have the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// All: a move to another database, and a backup that is restored.
    Always,
    /// All, but a restored backup must not begin with them: sessions, and what was under way.
    NotRestored,
    /// None: the rows explain one server, and their numbers come from its database.
    Never,
}

/// Work on every table.
pub(crate) trait EachTable {
    /// The work on one table.
    fn table<T: Table>(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

macro_rules! tables {
    ($($name:ident),* $(,)?) => {
        /// Does work on every table, in order.
        pub(crate) async fn each(work: &mut (impl EachTable + Send)) -> Result<(), StoreError> {
            // On the heap, one after the other: together they would make a future of many
            // kilobytes.
            $(Box::pin(work.table::<$name::Entity>()).await?;)*
            Ok(())
        }
    };
}

tables!(
    user,
    client,
    session,
    relying_session,
    pushed_request,
    authorization_code,
    access_grant,
    refresh_token,
    one_time_link,
    spent_value,
    signing_key,
    setting,
    rule_version,
    login_failure,
    provider,
    identity,
    invitation,
    sign_in,
    passkey,
    totp,
    recovery_code,
    upstream,
    device_authorization,
    external_resource,
    upstream_tool,
    upstream_registration,
    upstream_trust,
    token_revocation,
    connection,
    connect_attempt,
    connect_step,
    kept_result,
    access_token,
    audit,
    audit_record,
    usage_hour,
    chat_link,
    chat_post,
    user_group,
    group_member,
    conversation,
    used_tokens,
    toolset,
);

/// The write of a change. `signs_in` states that the same unit begins a session; its entry then
/// covers the end of the one before.
#[expect(clippy::too_many_lines, reason = "one arm for each change")]
pub(crate) fn write_of(change: Change, signs_in: bool) -> Write {
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
        Change::ClaimIdentityCheck { identity, due, now, until } => {
            identity::claim_check(&identity, due, now, until)
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
        Change::InsertRuleVersion(version) => rule_version::insert(&version),
        Change::PutSetting { key, value } => setting::put(key, value),
        Change::MarkJournal { journal, seq, at } => setting::mark_journal(&journal, seq, at),
        Change::InsertSetting { key, value } => setting::insert(key, value),
        Change::Expect { object: Expected::User(id), etag } => user::expect_seen(&id, etag),
        Change::Expect { object: Expected::Client(id), etag } => client::expect_seen(&id, etag),
        Change::Expect { object: Expected::Setting(key), etag } => setting::expect_seen(key, etag),
        Change::Expect { object: Expected::Provider(id), etag } => provider::expect_seen(id, etag),
        Change::Expect { object: Expected::Upstream(name), etag } => {
            upstream::expect_seen(name, etag)
        }
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
        Change::Group(change) => group::of(change),
        Change::Toolset(change) => toolset::of(change),
        Change::Agent(change) => agent::of(change),
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
        UpstreamChange::Decide { tool, seen } => upstream_tool::decide(&tool, &seen),
        UpstreamChange::PutRegistration(registration) => upstream_registration::put(&registration),
        UpstreamChange::DeleteRegistration { upstream, issuer } => {
            upstream_registration::delete(&upstream, &issuer)
        }
        UpstreamChange::PutConnection { connection, id, by } => {
            connection::put(&connection, &id, by.as_ref())
        }
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
