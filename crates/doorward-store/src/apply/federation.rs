//! Changes to providers, upstream accounts and sign-ins under way.

use doorward_model::{Change, Invitation, LinkedIdentity, UserId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::{Expr, OnConflict},
};

use crate::{
    convert::{self, list_to_text},
    entities::{identity, invitation, person, provider, sign_in},
};

pub(super) async fn one<C: ConnectionTrait>(db: &C, change: &Change) -> Result<bool, DbErr> {
    use identity::Column as I;
    let nothing = || OnConflict::new().do_nothing().to_owned();
    let rows = match change {
        Change::InsertProvider(new) => provider::Entity::insert(convert::provider_row(new)).on_conflict(nothing()).exec_without_returning(db).await?,
        Change::DeleteProvider(id) => {
            // The next round of checks finds the provider gone and ends what began with it.
            identity::Entity::update_many().col_expr(I::NextCheckAt, Expr::value(0)).filter(I::Provider.eq(id.as_str())).exec(db).await?;
            provider::Entity::delete_by_id(id.as_str()).exec(db).await?.rows_affected
        }
        Change::InsertSignIn(new) => {
            let row = sign_in::Model {
                state: new.state.as_str().to_owned(),
                provider: new.provider.as_str().to_owned(),
                browser: new.browser.as_str().to_owned(),
                payload: new.payload.as_str().to_owned(),
                expires_at: new.expires_at.0,
                consumed_at: None,
            };
            sign_in::Entity::insert(row.into_active_model()).exec_without_returning(db).await?
        }
        Change::RedeemSignIn { state, provider, browser, now } => {
            use sign_in::Column as A;
            let awaited = Condition::all()
                .add(A::State.eq(state.as_str()))
                .add(A::Provider.eq(provider.as_str()))
                .add(A::Browser.eq(browser.as_str()))
                .add(A::ConsumedAt.is_null())
                .add(A::ExpiresAt.gt(now.0));
            sign_in::Entity::update_many().col_expr(A::ConsumedAt, Expr::value(now.0)).filter(awaited).exec(db).await?.rows_affected
        }
        Change::InsertIdentity(new) => identity::Entity::insert(convert::identity_row(new)).on_conflict(nothing()).exec_without_returning(db).await?,
        Change::UpdateIdentity(known) => update(db, known, Condition::all()).await?,
        Change::KeepChecked { identity, claimed } => update(db, identity, Condition::all().add(I::NextCheckAt.eq(claimed.0))).await?,
        Change::DeleteIdentity { user_id, identity } => {
            let theirs = Condition::all().add(I::Id.eq(identity.as_str())).add(I::UserId.eq(user_id.as_str()));
            identity::Entity::delete_many().filter(theirs).exec(db).await?.rows_affected
        }
        Change::ClaimIdentityCheck { identity, due, until } => {
            let still = Condition::all().add(I::Id.eq(identity.as_str())).add(I::NextCheckAt.eq(due.0));
            identity::Entity::update_many().col_expr(I::NextCheckAt, Expr::value(until.0)).filter(still).exec(db).await?.rows_affected
        }
        Change::DropCredential { identity, next_check_at } => {
            let update = identity::Entity::update_many()
                .col_expr(I::Credential, Expr::value(Option::<String>::None))
                .col_expr(I::NextCheckAt, Expr::value(next_check_at.0));
            update.filter(I::Id.eq(identity.as_str())).exec(db).await?;
            1
        }
        Change::PutInvitation(new) => {
            let row = invitation::ActiveModel {
                id: Set(Invitation::key(&new.provider, &new.email)),
                provider: Set(new.provider.as_str().to_owned()),
                email: Set(new.email.to_lowercase()),
                user_id: Set(new.user_id.as_str().to_owned()),
                created_at: Set(new.created_at.0),
            };
            let replace = OnConflict::column(invitation::Column::Id).update_columns([invitation::Column::UserId, invitation::Column::CreatedAt]).to_owned();
            invitation::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await?
        }
        Change::RedeemInvitation { provider, email } => invitation::Entity::delete_by_id(Invitation::key(provider, email)).exec(db).await?.rows_affected,
        _ => 1,
    };
    Ok(rows == 1)
}

/// Replaces what is known of an upstream account, if it is linked to the same person and `also` holds.
async fn update<C: ConnectionTrait>(db: &C, known: &LinkedIdentity, also: Condition) -> Result<u64, DbErr> {
    use identity::Column as I;
    let same = also.add(I::Id.eq(known.id.as_str())).add(I::UserId.eq(known.user_id.as_str()));
    let mut row = convert::identity_row(known);
    row.id = sea_orm::NotSet;
    row.created_at = sea_orm::NotSet;
    Ok(identity::Entity::update_many().set(row).filter(same).exec(db).await?.rows_affected)
}

/// Makes a person's provider roles those of all their identities. Touching the person's row first makes others who do the same
/// wait, so that what is read is what stands at the commit.
pub(super) async fn collect_roles<C: ConnectionTrait>(db: &C, user_id: &UserId) -> Result<u64, DbErr> {
    let person = || person::Entity::update_many().filter(person::Column::Id.eq(user_id.as_str()));
    let own = Expr::col(person::Column::ProviderRoles);
    if person().col_expr(person::Column::ProviderRoles, own).exec(db).await?.rows_affected == 0 {
        return Ok(0);
    }
    let lists: Vec<String> = identity::Entity::find()
        .select_only()
        .column(identity::Column::Roles)
        .filter(identity::Column::UserId.eq(user_id.as_str()))
        .into_tuple()
        .all(db)
        .await?;
    let mut roles: Vec<String> = lists.iter().filter_map(|text| serde_json::from_str::<Vec<String>>(text).ok()).flatten().collect();
    roles.sort();
    roles.dedup();
    let text = list_to_text(roles.iter().map(String::as_str));
    Ok(person().col_expr(person::Column::ProviderRoles, Expr::value(text)).exec(db).await?.rows_affected)
}

/// Deletes what belongs to a person who goes.
pub(super) async fn forget<C: ConnectionTrait>(db: &C, user_id: &UserId) -> Result<(), DbErr> {
    identity::Entity::delete_many().filter(identity::Column::UserId.eq(user_id.as_str())).exec(db).await?;
    invitation::Entity::delete_many().filter(invitation::Column::UserId.eq(user_id.as_str())).exec(db).await.map(drop)
}
