//! The few writes that have to read first: their rows are locked until the unit is through.

use doorward_model::{ClientId, Expected, Scope, ScopeSet, UserId};
use sea_orm::{
    ColumnTrait, Condition as Where, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait, sea_query::Expr,
};

use crate::{
    convert::{self, list_to_text},
    entities::{
        access_grant::{self, Column as G},
        client, identity,
        person::{self, Column as P},
        setting,
    },
};

/// A write that reads first.
#[derive(Debug)]
pub(crate) enum Read {
    /// Makes the provider roles of a user those of all their linked accounts together.
    CollectRoles(UserId),
    /// Takes from every grant of a user to a client what is not in `scopes`.
    NarrowGrants { user_id: UserId, client_id: ClientId, scopes: ScopeSet },
    /// Compares the entity tag of an object.
    Expect { object: Expected, etag: String },
    /// Looks for an enabled administrator other than this one.
    OtherAdministrator(UserId),
}

impl Read {
    /// Reads and writes. `false` means that the condition does not hold.
    pub(crate) async fn execute(&self, db: &DatabaseTransaction) -> Result<bool, DbErr> {
        match self {
            Self::CollectRoles(user_id) => collect_roles(db, user_id).await,
            Self::NarrowGrants { user_id, client_id, scopes } => narrow_grants(db, user_id, client_id, scopes).await.map(|()| true),
            Self::Expect { object, etag } => is_as_seen(db, object, etag).await,
            Self::OtherAdministrator(user_id) => other_administrator(db, user_id).await,
        }
    }
}

/// Touches the user's row first, which makes others who do the same wait, so that what is read is what holds at the commit.
async fn collect_roles(db: &DatabaseTransaction, user_id: &UserId) -> Result<bool, DbErr> {
    let person = || person::Entity::update_many().filter(P::Id.eq(user_id.as_str()));
    let touch = person().col_expr(P::ProviderRoles, Expr::col(P::ProviderRoles)).into_query();
    if db.execute(&touch).await?.rows_affected() == 0 {
        return Ok(false);
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
    let update = person().col_expr(P::ProviderRoles, Expr::value(text)).into_query();
    Ok(db.execute(&update).await?.rows_affected() == 1)
}

async fn narrow_grants(db: &DatabaseTransaction, user_id: &UserId, client_id: &ClientId, scopes: &ScopeSet) -> Result<(), DbErr> {
    let which = Where::all().add(G::UserId.eq(user_id.as_str())).add(G::ClientId.eq(client_id.as_str())).add(G::RevokedAt.is_null());
    for grant in access_grant::Entity::find().filter(which).lock_exclusive().all(db).await? {
        let held = ScopeSet::parse_known(&grant.scopes);
        let kept = held.intersection(scopes);
        // A grant that was for refreshing stays so: what it reaches is what is narrowed.
        let keeps = held.iter().filter(|scope| *scope == Scope::OfflineAccess);
        let kept: ScopeSet = kept.iter().chain(keeps).collect();
        let update = access_grant::Entity::update_many().col_expr(G::Scopes, Expr::value(kept.to_string())).filter(G::Id.eq(grant.id)).into_query();
        db.execute(&update).await?;
    }
    Ok(())
}

async fn is_as_seen(db: &DatabaseTransaction, object: &Expected, etag: &str) -> Result<bool, DbErr> {
    let unreadable = |id: &str| DbErr::Custom(format!("{id} cannot be read"));
    Ok(match object {
        Expected::Person(id) => match person::Entity::find_by_id(id.as_str()).lock_exclusive().one(db).await? {
            Some(row) => convert::person(row).map_err(|_| unreadable(id.as_str()))?.etag() == etag,
            None => false,
        },
        Expected::Client(id) => match client::Entity::find_by_id(id.as_str()).lock_exclusive().one(db).await? {
            Some(row) => convert::client(row).map_err(|_| unreadable(id.as_str()))?.etag() == etag,
            None => false,
        },
        Expected::Setting(name) => setting::Entity::find_by_id(name.as_str()).lock_exclusive().one(db).await?.map(|row| row.value).unwrap_or_default() == etag,
    })
}

/// Locks all enabled administrators, so that of two who remove each other at the same moment one is refused.
async fn other_administrator(db: &DatabaseTransaction, user_id: &UserId) -> Result<bool, DbErr> {
    let role = "%\"admin\"%";
    let administrators = Where::any().add(P::Roles.like(role)).add(P::ProviderRoles.like(role));
    let enabled = person::Entity::find().filter(administrators).filter(P::DisabledAt.is_null()).lock_exclusive().all(db).await?;
    let is_one = enabled.iter().any(|row| row.id == user_id.as_str());
    Ok(!is_one || enabled.iter().any(|row| row.id != user_id.as_str()))
}
