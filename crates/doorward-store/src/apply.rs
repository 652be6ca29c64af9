//! Turns one [`Change`] into its statement. One statement decides each conditional change: never read, check, write.

mod access_tokens;
mod federation;
mod second_factor;
mod upstreams;

use doorward_model::{AuditEvent, Change, Role, UnitOfWork};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{
    audit::{chain, derive},
    convert::{self, list_to_text},
    entities::{access_grant, authorization_code, client, login_failure, one_time_link, person, refresh_token, session, setting, signing_key, spent_value},
};

/// How applying a unit ended, short of a database failure.
pub(crate) enum Applied {
    /// All changes are in place, pending the commit.
    Done,
    /// This conditional change did not hold; the unit must be rolled back.
    Refused(&'static str),
}

/// Applies a unit and appends what the audit says of it. `stamp` says who does it, when and from where.
pub(crate) async fn unit<C: ConnectionTrait>(db: &C, unit: &UnitOfWork, stamp: &AuditEvent) -> Result<Applied, DbErr> {
    let mut events = Vec::new();
    for change in unit.changes() {
        let draft = derive::before(db, change).await?;
        if !one(db, change).await? {
            return Ok(Applied::Refused(change.name()));
        }
        if let Change::Audit(noted) = change {
            events.extend(noted.iter().cloned());
        }
        if let Some(draft) = draft
            && let Some(event) = derive::after(db, draft).await?
        {
            events.push(stamped(event, stamp));
        }
    }
    chain::append(db, events).await?;
    Ok(Applied::Done)
}

/// Fills in who, when and from where.
pub(crate) fn stamped(mut event: AuditEvent, stamp: &AuditEvent) -> AuditEvent {
    event.at = stamp.at;
    if event.actor.user_id.is_none() || event.actor.user_id == stamp.actor.user_id {
        let own = std::mem::take(&mut event.actor);
        let held = stamp.actor.clone();
        event.actor = doorward_model::Actor {
            user_id: own.user_id.or(held.user_id),
            user_name: own.user_name.or(held.user_name),
            client_id: own.client_id.or(held.client_id),
            session_id: own.session_id.or(held.session_id),
            token_id: own.token_id.or(held.token_id),
            grant_id: own.grant_id.or(held.grant_id),
        };
    }
    if event.address.is_empty() {
        event.address.clone_from(&stamp.address);
    }
    event.request_id.clone_from(&stamp.request_id);
    event
}

/// Applies one change; `false` means that its condition did not hold.
async fn one<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    match change {
        Change::InsertPerson(_)
        | Change::SetPassword { .. }
        | Change::RehashPassword { .. }
        | Change::SetRoles { .. }
        | Change::SetPersonDisabled { .. }
        | Change::SetProfile { .. }
        | Change::RenamePerson { .. }
        | Change::CollectProviderRoles(_)
        | Change::DeletePerson(_) => people(db, change).await,
        Change::InsertClient(_)
        | Change::PutDocumentClient(_)
        | Change::MarkClientAuthorized { .. }
        | Change::SetClientDisabled { .. }
        | Change::DeleteClient(_) => clients(db, change).await,
        Change::InsertCode(_)
        | Change::RedeemCode { .. }
        | Change::InsertGrant(_)
        | Change::UseGrant { .. }
        | Change::RevokeGrant { .. }
        | Change::RevokeGrantsOfPerson { .. }
        | Change::RevokeGrantsOfIdentity { .. }
        | Change::RevokeGrantsOfClient { .. }
        | Change::InsertRefreshToken(_)
        | Change::UseRefreshToken { .. } => grants(db, change).await,
        Change::InsertSession(_)
        | Change::TouchSession { .. }
        | Change::EndSession(_)
        | Change::EndSessionOfPerson { .. }
        | Change::EndSessionsOfPerson { .. }
        | Change::EndSessionsOfIdentity { .. }
        | Change::EndSessionsOfSid { .. } => sessions(db, change).await,
        Change::InsertProvider(_)
        | Change::DeleteProvider(_)
        | Change::InsertSignIn(_)
        | Change::RedeemSignIn { .. }
        | Change::InsertIdentity(_)
        | Change::UpdateIdentity(_)
        | Change::KeepChecked { .. }
        | Change::DeleteIdentity { .. }
        | Change::ClaimIdentityCheck { .. }
        | Change::DropCredential { .. }
        | Change::PutInvitation(_)
        | Change::RedeemInvitation { .. } => federation::one(db, change).await,
        Change::InsertPasskey(_)
        | Change::UsePasskey { .. }
        | Change::DeletePasskey { .. }
        | Change::PutTotp(_)
        | Change::ConfirmTotp { .. }
        | Change::UseTotp { .. }
        | Change::DeleteTotp(_)
        | Change::ReplaceRecoveryCodes { .. }
        | Change::UseRecoveryCode { .. } => second_factor::one(db, change).await,
        Change::Upstream(change) => upstreams::one(db, change).await,
        Change::NarrowGrants { .. }
        | Change::SetClientApproved { .. }
        | Change::SetClientPinned { .. }
        | Change::InsertAccessToken(_)
        | Change::RotateAccessToken { .. }
        | Change::RevokeAccessToken { .. }
        | Change::RevokeAccessTokensOfPerson { .. }
        | Change::UseAccessToken { .. }
        | Change::Expect { .. }
        | Change::ExpectOtherAdministrator(_)
        | Change::InsertRecord { .. }
        | Change::InsertSteps(_) => access_tokens::one(db, change).await,
        _ => rest(db, change).await,
    }
}

async fn people<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    let update = person::Entity::update_many();
    let rows = match change {
        Change::InsertPerson(new) => {
            person::Entity::insert(convert::person_row(new)).on_conflict(OnConflict::new().do_nothing().to_owned()).exec_without_returning(db).await?
        }
        Change::SetPassword { user_id, password } => {
            let hash = password.as_ref().map(|hash| hash.as_str().to_owned());
            update.col_expr(person::Column::Password, Expr::value(hash)).filter(person::Column::Id.eq(user_id.as_str())).exec(db).await?.rows_affected
        }
        Change::RehashPassword { user_id, old, new } => {
            let same = Condition::all().add(person::Column::Id.eq(user_id.as_str())).add(person::Column::Password.eq(old.as_str()));
            update.col_expr(person::Column::Password, Expr::value(new.as_str())).filter(same).exec(db).await?.rows_affected
        }
        Change::SetRoles { user_id, roles } => {
            let roles = list_to_text(roles.iter().map(Role::as_str));
            update.col_expr(person::Column::Roles, Expr::value(roles)).filter(person::Column::Id.eq(user_id.as_str())).exec(db).await?.rows_affected
        }
        Change::SetPersonDisabled { user_id, disabled_at } => {
            let at = disabled_at.map(|at| at.0);
            update.col_expr(person::Column::DisabledAt, Expr::value(at)).filter(person::Column::Id.eq(user_id.as_str())).exec(db).await?.rows_affected
        }
        Change::SetProfile { user_id, email, display_name } => {
            let mut update = update.filter(person::Column::Id.eq(user_id.as_str()));
            for (column, value) in [(person::Column::Email, email), (person::Column::DisplayName, display_name)] {
                if let Some(value) = value {
                    update = update.col_expr(column, Expr::value(value.as_str()));
                }
            }
            if email.is_some() || display_name.is_some() {
                update.exec(db).await?;
            }
            1
        }
        Change::RenamePerson { user_id, name } => {
            let taken = person::Entity::find().select_only().expr(Expr::val(1)).filter(person::Column::Name.eq(name.as_str())).into_query();
            let free = Condition::all().add(person::Column::Id.eq(user_id.as_str())).add(Expr::exists(taken).not());
            update.col_expr(person::Column::Name, Expr::value(name.as_str())).filter(free).exec(db).await?.rows_affected
        }
        Change::CollectProviderRoles(user_id) => federation::collect_roles(db, user_id).await?,
        Change::DeletePerson(id) => {
            second_factor::forget(db, id).await?;
            federation::forget(db, id).await?;
            upstreams::forget(db, id).await?;
            access_tokens::forget(db, id).await?;
            person::Entity::delete_by_id(id.as_str()).exec(db).await?.rows_affected
        }
        _ => 1,
    };
    Ok(rows == 1)
}

async fn clients<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    let update = client::Entity::update_many();
    let rows = match change {
        Change::InsertClient(new) => {
            client::Entity::insert(convert::client_row(new)).on_conflict(OnConflict::new().do_nothing().to_owned()).exec_without_returning(db).await?
        }
        Change::PutDocumentClient(document) => {
            use client::Column as C;
            // `authorized_at`, `disabled_at` and `created_at` belong to us, not to the document.
            let replace = OnConflict::column(C::Id)
                .update_columns([
                    C::Source,
                    C::Name,
                    C::RedirectUris,
                    C::AuthMethod,
                    C::RefreshTokens,
                    C::Scopes,
                    C::ClientUri,
                    C::Jwks,
                    C::JwksUri,
                    C::FreshUntil,
                ])
                .to_owned();
            client::Entity::insert(convert::client_row(document)).on_conflict(replace).exec_without_returning(db).await?
        }
        Change::MarkClientAuthorized { client_id, at } => {
            let first = Condition::all().add(client::Column::Id.eq(client_id.as_str())).add(client::Column::AuthorizedAt.is_null());
            update.col_expr(client::Column::AuthorizedAt, Expr::value(at.0)).filter(first).exec(db).await?;
            1
        }
        Change::SetClientDisabled { client_id, disabled_at } => {
            let at = disabled_at.map(|at| at.0);
            update.col_expr(client::Column::DisabledAt, Expr::value(at)).filter(client::Column::Id.eq(client_id.as_str())).exec(db).await?.rows_affected
        }
        Change::DeleteClient(id) => client::Entity::delete_by_id(id.as_str()).exec(db).await?.rows_affected,
        _ => 1,
    };
    Ok(rows == 1)
}

async fn grants<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    use access_grant::Column as G;
    match change {
        Change::InsertCode(code) => authorization_code::Entity::insert(convert::code_row(code)).exec_without_returning(db).await.map(|rows| rows == 1),
        Change::RedeemCode { token, now } => {
            use authorization_code::Column as C;
            let unspent = Condition::all().add(C::Token.eq(token.as_str())).add(C::ConsumedAt.is_null()).add(C::ExpiresAt.gt(now.0));
            let done = authorization_code::Entity::update_many().col_expr(C::ConsumedAt, Expr::value(now.0)).filter(unspent).exec(db).await?;
            Ok(done.rows_affected == 1)
        }
        Change::InsertGrant(grant) => access_grant::Entity::insert(convert::grant_row(grant)).exec_without_returning(db).await.map(|rows| rows == 1),
        Change::UseGrant { grant_id, now } => {
            let live = Condition::all().add(G::Id.eq(grant_id.as_str())).add(G::RevokedAt.is_null()).add(G::ExpiresAt.gt(now.0));
            let done = access_grant::Entity::update_many().col_expr(G::LastUsedAt, Expr::value(now.0)).filter(live).exec(db).await?;
            Ok(done.rows_affected == 1)
        }
        Change::RevokeGrant { grant_id, at, reason } => revoke(db, Condition::all().add(G::Id.eq(grant_id.as_str())), at.0, reason.as_str()).await,
        Change::RevokeGrantsOfPerson { user_id, client_id, at, reason } => {
            use authorization_code::Column as C;
            let mut which = Condition::all().add(G::UserId.eq(user_id.as_str()));
            let mut codes = Condition::all().add(C::UserId.eq(user_id.as_str())).add(C::ConsumedAt.is_null());
            if let Some(client_id) = client_id {
                which = which.add(G::ClientId.eq(client_id.as_str()));
                codes = codes.add(C::ClientId.eq(client_id.as_str()));
            }
            spend_codes(db, codes, at.0).await?;
            revoke(db, which, at.0, reason.as_str()).await
        }
        Change::RevokeGrantsOfIdentity { identity, at, reason } => {
            use authorization_code::Column as C;
            spend_codes(db, Condition::all().add(C::Identity.eq(identity.as_str())).add(C::ConsumedAt.is_null()), at.0).await?;
            revoke(db, Condition::all().add(G::Identity.eq(identity.as_str())), at.0, reason.as_str()).await
        }
        Change::RevokeGrantsOfClient { client_id, at, reason } => {
            let codes = Condition::all().add(authorization_code::Column::ClientId.eq(client_id.as_str())).add(authorization_code::Column::ConsumedAt.is_null());
            spend_codes(db, codes, at.0).await?;
            revoke(db, Condition::all().add(G::ClientId.eq(client_id.as_str())), at.0, reason.as_str()).await
        }
        Change::InsertRefreshToken(token) => {
            refresh_token::Entity::insert(convert::refresh_token_row(token)).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::UseRefreshToken { token, successor, now } => {
            use refresh_token::Column as R;
            let unused = Condition::all().add(R::Token.eq(token.as_str())).add(R::UsedAt.is_null()).add(R::ExpiresAt.gt(now.0));
            let done = refresh_token::Entity::update_many()
                .col_expr(R::UsedAt, Expr::value(now.0))
                .col_expr(R::Successor, Expr::value(successor.as_str()))
                .filter(unused)
                .exec(db)
                .await?;
            Ok(done.rows_affected == 1)
        }
        _ => Ok(true),
    }
}

async fn revoke<C: ConnectionTrait>(db: &C, which: Condition, at: i64, reason: &str) -> Result<bool, DbErr> {
    use access_grant::Column as G;
    access_grant::Entity::update_many()
        .col_expr(G::RevokedAt, Expr::value(at))
        .col_expr(G::RevokeReason, Expr::value(reason))
        .filter(which.add(G::RevokedAt.is_null()))
        .exec(db)
        .await
        .map(|_| true)
}

/// Spends codes that wait to be redeemed, so that no grant arises after the person or client was cut off.
async fn spend_codes<C: ConnectionTrait>(db: &C, which: Condition, at: i64) -> Result<(), DbErr> {
    authorization_code::Entity::update_many().col_expr(authorization_code::Column::ConsumedAt, Expr::value(at)).filter(which).exec(db).await.map(drop)
}

async fn sessions<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    use session::Column as S;
    match change {
        Change::InsertSession(new) => session::Entity::insert(convert::session_row(new)).exec_without_returning(db).await.map(|rows| rows == 1),
        Change::TouchSession { token, last_seen_at, expires_at } => session::Entity::update_many()
            .col_expr(S::LastSeenAt, Expr::value(last_seen_at.0))
            .col_expr(S::ExpiresAt, Expr::value(expires_at.0))
            .filter(S::Token.eq(token.as_str()))
            .exec(db)
            .await
            .map(|_| true),
        Change::EndSession(token) => session::Entity::delete_by_id(token.as_str()).exec(db).await.map(|_| true),
        Change::EndSessionOfPerson { user_id, session_id } => {
            let done = session::Entity::delete_many().filter(S::UserId.eq(user_id.as_str())).filter(S::Id.eq(session_id.as_str())).exec(db).await?;
            Ok(done.rows_affected == 1)
        }
        Change::EndSessionsOfPerson { user_id, except } => {
            let mut which = Condition::all().add(S::UserId.eq(user_id.as_str()));
            if let Some(except) = except {
                which = which.add(S::Id.ne(except.as_str()));
            }
            session::Entity::delete_many().filter(which).exec(db).await.map(|_| true)
        }
        Change::EndSessionsOfIdentity { identity, sid } => {
            let mut which = Condition::all().add(S::Identity.eq(identity.as_str()));
            if let Some(sid) = sid {
                which = which.add(S::UpstreamSid.eq(sid.as_str()));
            }
            session::Entity::delete_many().filter(which).exec(db).await.map(|_| true)
        }
        Change::EndSessionsOfSid { provider, sid } => {
            let which = Condition::all().add(S::Provider.eq(provider.as_str())).add(S::UpstreamSid.eq(sid.as_str()));
            session::Entity::delete_many().filter(which).exec(db).await.map(|_| true)
        }
        _ => Ok(true),
    }
}

async fn rest<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    let nothing = || OnConflict::new().do_nothing().to_owned();
    match change {
        Change::SpendValue { key, expires_at } => {
            let row = spent_value::ActiveModel { name: sea_orm::Set(key.clone()), expires_at: sea_orm::Set(expires_at.0) };
            spent_value::Entity::insert(row).on_conflict(nothing()).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::InsertLink(link) => {
            let row = one_time_link::ActiveModel {
                token: sea_orm::Set(link.token.as_str().to_owned()),
                expires_at: sea_orm::Set(link.expires_at.0),
                consumed_at: sea_orm::Set(None),
            };
            one_time_link::Entity::insert(row).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::RedeemLink { token, now } => {
            use one_time_link::Column as L;
            let unused = Condition::all().add(L::Token.eq(token.as_str())).add(L::ConsumedAt.is_null()).add(L::ExpiresAt.gt(now.0));
            let done = one_time_link::Entity::update_many().col_expr(L::ConsumedAt, Expr::value(now.0)).filter(unused).exec(db).await?;
            Ok(done.rows_affected == 1)
        }
        Change::InsertSigningKey(key) => {
            signing_key::Entity::insert(convert::signing_key_row(key)).on_conflict(nothing()).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::RetireSigningKeys { except, at } => {
            use signing_key::Column as K;
            let others = Condition::all().add(K::Kid.ne(except.as_str())).add(K::RetiresAt.is_null());
            signing_key::Entity::update_many().col_expr(K::RetiresAt, Expr::value(at.0)).filter(others).exec(db).await.map(|_| true)
        }
        Change::PutSetting { key, value } => {
            let row = setting::ActiveModel { name: sea_orm::Set(key.clone()), value: sea_orm::Set(value.clone()) };
            let replace = OnConflict::column(setting::Column::Name).update_column(setting::Column::Value).to_owned();
            setting::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await.map(|_| true)
        }
        Change::InsertSetting { key, value } => {
            let row = setting::ActiveModel { name: sea_orm::Set(key.clone()), value: sea_orm::Set(value.clone()) };
            setting::Entity::insert(row).on_conflict(nothing()).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::RecordLoginFailure { key, at, forget_after } => {
            use login_failure::{Column as F, Entity};
            let row = login_failure::ActiveModel { name: sea_orm::Set(key.clone()), failures: sea_orm::Set(1), last_at: sea_orm::Set(at.0) };
            let counted = Expr::case(Expr::col((Entity, F::LastAt)).lt(at.plus(-forget_after).0), 1).finally(Expr::col((Entity, F::Failures)).add(1));
            let again = OnConflict::column(F::Name).value(F::Failures, counted).value(F::LastAt, at.0).to_owned();
            Entity::insert(row).on_conflict(again).exec_without_returning(db).await.map(|_| true)
        }
        Change::ClearLoginFailures { key } => login_failure::Entity::delete_by_id(key.as_str()).exec(db).await.map(|_| true),
        _ => Ok(true),
    }
}
