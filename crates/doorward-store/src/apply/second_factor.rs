//! Changes to passkeys, authenticator apps and recovery codes.

use doorward_model::{Change, UserId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use crate::entities::{passkey, recovery_code, totp};

pub(super) async fn one<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    use passkey::Column as P;
    use totp::Column as T;
    let rows = match change {
        Change::InsertPasskey(new) => {
            let row = passkey::Model {
                id: new.id.clone(),
                user_id: new.user_id.as_str().to_owned(),
                name: new.name.clone(),
                credential: new.credential.clone(),
                created_at: new.created_at.0,
                last_used_at: None,
            };
            let new = passkey::Entity::insert(row.into_active_model());
            new.on_conflict(OnConflict::new().do_nothing().to_owned()).exec_without_returning(db).await?
        }
        Change::UsePasskey { id, credential, at } => {
            let update = passkey::Entity::update_many().col_expr(P::Credential, Expr::value(credential.as_str())).col_expr(P::LastUsedAt, Expr::value(at.0));
            update.filter(P::Id.eq(id.as_str())).exec(db).await?.rows_affected
        }
        Change::DeletePasskey { user_id, id } => {
            let theirs = Condition::all().add(P::Id.eq(id.as_str())).add(P::UserId.eq(user_id.as_str()));
            passkey::Entity::delete_many().filter(theirs).exec(db).await?.rows_affected
        }
        Change::PutTotp(new) => {
            let unconfirmed = Condition::all().add(T::UserId.eq(new.user_id.as_str())).add(T::ConfirmedAt.is_null());
            totp::Entity::delete_many().filter(unconfirmed).exec(db).await?;
            let row = totp::Model {
                user_id: new.user_id.as_str().to_owned(),
                secret: new.secret.as_str().to_owned(),
                created_at: new.created_at.0,
                confirmed_at: None,
                last_step: new.last_step,
            };
            let new = totp::Entity::insert(row.into_active_model());
            new.on_conflict(OnConflict::new().do_nothing().to_owned()).exec_without_returning(db).await?
        }
        Change::ConfirmTotp { user_id, step, at } => {
            let waiting = Condition::all().add(T::UserId.eq(user_id.as_str())).add(T::ConfirmedAt.is_null()).add(T::LastStep.lt(*step));
            let update = totp::Entity::update_many().col_expr(T::ConfirmedAt, Expr::value(at.0)).col_expr(T::LastStep, Expr::value(*step));
            update.filter(waiting).exec(db).await?.rows_affected
        }
        Change::UseTotp { user_id, step } => {
            let later = Condition::all().add(T::UserId.eq(user_id.as_str())).add(T::ConfirmedAt.is_not_null()).add(T::LastStep.lt(*step));
            totp::Entity::update_many().col_expr(T::LastStep, Expr::value(*step)).filter(later).exec(db).await?.rows_affected
        }
        Change::DeleteTotp(user_id) => {
            totp::Entity::delete_by_id(user_id.as_str()).exec(db).await?;
            1
        }
        Change::ReplaceRecoveryCodes { user_id, codes } => {
            recovery_code::Entity::delete_many().filter(recovery_code::Column::UserId.eq(user_id.as_str())).exec(db).await?;
            let row = |code: &doorward_model::HashedToken| recovery_code::Model { code: code.as_str().to_owned(), user_id: user_id.as_str().to_owned() };
            if !codes.is_empty() {
                recovery_code::Entity::insert_many(codes.iter().map(|code| row(code).into_active_model())).exec_without_returning(db).await?;
            }
            1
        }
        Change::UseRecoveryCode { user_id, code } => {
            use recovery_code::Column as R;
            let theirs = Condition::all().add(R::Code.eq(code.as_str())).add(R::UserId.eq(user_id.as_str()));
            recovery_code::Entity::delete_many().filter(theirs).exec(db).await?.rows_affected
        }
        _ => 1,
    };
    Ok(rows == 1)
}

/// Deletes what belongs to a person who goes.
pub(super) async fn forget<C: ConnectionTrait>(db: &C, user_id: &UserId) -> Result<(), DbErr> {
    passkey::Entity::delete_many().filter(passkey::Column::UserId.eq(user_id.as_str())).exec(db).await?;
    totp::Entity::delete_by_id(user_id.as_str()).exec(db).await?;
    recovery_code::Entity::delete_many().filter(recovery_code::Column::UserId.eq(user_id.as_str())).exec(db).await.map(drop)
}
