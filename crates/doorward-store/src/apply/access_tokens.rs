//! Personal and service tokens, and what administrators decide about clients and see of both.

use doorward_model::{Change, ScopeSet};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{
    convert,
    entities::{access_grant, access_token, audit_record, client, connect_step, person, setting},
};

/// Applies one change; `false` means that its condition did not hold.
pub(crate) async fn one<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    use access_token::Column as T;
    let update = access_token::Entity::update_many();
    match change {
        Change::InsertAccessToken(token) => {
            let nothing = OnConflict::new().do_nothing().to_owned();
            access_token::Entity::insert(convert::access_tokens::token_row(token)).on_conflict(nothing).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::RotateAccessToken { user_id, id, token, expires_at, now } => {
            let live = Condition::all().add(T::Id.eq(id.as_str())).add(T::UserId.eq(user_id.as_str())).add(T::RevokedAt.is_null()).add(T::ExpiresAt.gt(now.0));
            let done = update
                .col_expr(T::Token, Expr::value(token.as_str()))
                .col_expr(T::RotatedAt, Expr::value(now.0))
                .col_expr(T::ExpiresAt, Expr::value(expires_at.0))
                .filter(live)
                .exec(db)
                .await?;
            Ok(done.rows_affected == 1)
        }
        Change::RevokeAccessToken { id, user_id, at } => {
            let mut which = Condition::all().add(T::Id.eq(id.as_str())).add(T::RevokedAt.is_null());
            if let Some(user_id) = user_id {
                which = which.add(T::UserId.eq(user_id.as_str()));
            }
            Ok(update.col_expr(T::RevokedAt, Expr::value(at.0)).filter(which).exec(db).await?.rows_affected == 1)
        }
        Change::RevokeAccessTokensOfPerson { user_id, at } => {
            let which = Condition::all().add(T::UserId.eq(user_id.as_str())).add(T::RevokedAt.is_null());
            update.col_expr(T::RevokedAt, Expr::value(at.0)).filter(which).exec(db).await.map(|_| true)
        }
        Change::UseAccessToken { id, now } => update.col_expr(T::LastUsedAt, Expr::value(now.0)).filter(T::Id.eq(id.as_str())).exec(db).await.map(|_| true),
        Change::NarrowGrants { user_id, client_id, scopes } => narrow(db, user_id.as_str(), client_id.as_str(), scopes).await.map(|()| true),
        Change::SetClientApproved { client_id, approved_at } => {
            set_client(db, client_id.as_str(), client::Column::ApprovedAt, approved_at.map(|at| at.0)).await
        }
        Change::SetClientPinned { client_id, pinned_at } => set_client(db, client_id.as_str(), client::Column::PinnedAt, pinned_at.map(|at| at.0)).await,
        Change::Expect { subject, etag } => is_as_seen(db, subject, etag).await,
        Change::ExpectOtherAdministrator(user_id) => other_administrator(db, user_id.as_str()).await,
        Change::InsertRecord { id, at, body } => {
            let row = audit_record::ActiveModel { id: Set(id.clone()), at: Set(at.0), body: Set(body.as_str().to_owned()) };
            audit_record::Entity::insert(row).exec_without_returning(db).await.map(|rows| rows == 1)
        }
        Change::InsertSteps(steps) => {
            for some in steps.chunks(500) {
                connect_step::Entity::insert_many(some.iter().map(convert::access_tokens::step_row)).exec_without_returning(db).await?;
            }
            Ok(true)
        }
        _ => Ok(true),
    }
}

async fn set_client<C: ConnectionTrait>(db: &C, id: &str, column: client::Column, at: Option<i64>) -> Result<bool, DbErr> {
    Ok(client::Entity::update_many().col_expr(column, Expr::value(at)).filter(client::Column::Id.eq(id)).exec(db).await?.rows_affected == 1)
}

/// Takes from every grant what is not in `scopes`.
async fn narrow<C: ConnectionTrait>(db: &C, user_id: &str, client_id: &str, scopes: &ScopeSet) -> Result<(), DbErr> {
    use access_grant::Column as G;
    let which = Condition::all().add(G::UserId.eq(user_id)).add(G::ClientId.eq(client_id)).add(G::RevokedAt.is_null());
    for grant in access_grant::Entity::find().filter(which).lock_exclusive().all(db).await? {
        let held = ScopeSet::parse_known(&grant.scopes);
        let kept = held.intersection(scopes);
        // A grant that was for refreshing stays so: what it reaches is what is narrowed.
        let keeps = held.iter().filter(|scope| *scope == doorward_model::Scope::OfflineAccess);
        let kept: ScopeSet = kept.iter().chain(keeps).collect();
        access_grant::Entity::update_many().col_expr(G::Scopes, Expr::value(kept.to_string())).filter(G::Id.eq(grant.id)).exec(db).await?;
    }
    Ok(())
}

/// Whether something is still as an administrator saw it. The row is locked until the unit is through.
async fn is_as_seen<C: ConnectionTrait>(db: &C, subject: &str, etag: &str) -> Result<bool, DbErr> {
    let Some((kind, id)) = subject.split_once(':') else { return Ok(false) };
    let unreadable = |_| DbErr::Custom(format!("{subject} cannot be read"));
    Ok(match kind {
        "person" => match person::Entity::find_by_id(id).lock_exclusive().one(db).await? {
            Some(row) => convert::person(row).map_err(unreadable)?.etag() == etag,
            None => false,
        },
        "client" => match client::Entity::find_by_id(id).lock_exclusive().one(db).await? {
            Some(row) => convert::client(row).map_err(unreadable)?.etag() == etag,
            None => false,
        },
        _ => setting::Entity::find_by_id(id).lock_exclusive().one(db).await?.map(|row| row.value).unwrap_or_default() == etag,
    })
}

/// Whether an enabled administrator remains without this person. All of them are locked, so that two who remove each other at the same
/// moment do not both succeed.
async fn other_administrator<C: ConnectionTrait>(db: &C, user_id: &str) -> Result<bool, DbErr> {
    use person::Column as P;
    let role = "%\"admin\"%";
    let administrators = Condition::any().add(P::Roles.like(role)).add(P::ProviderRoles.like(role));
    let enabled = person::Entity::find().filter(administrators).filter(P::DisabledAt.is_null()).lock_exclusive().all(db).await?;
    let is_one = enabled.iter().any(|row| row.id == user_id);
    Ok(!is_one || enabled.iter().any(|row| row.id != user_id))
}

/// Forgets a person's tokens.
pub(crate) async fn forget<C: ConnectionTrait>(db: &C, user_id: &doorward_model::UserId) -> Result<(), DbErr> {
    access_token::Entity::delete_many().filter(access_token::Column::UserId.eq(user_id.as_str())).exec(db).await.map(drop)
}
