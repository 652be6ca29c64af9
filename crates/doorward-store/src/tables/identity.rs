//! Accounts at identity providers that are linked with users.

use doorward_model::{
    AuditKind, AuditSubject, IdentityId, LinkedIdentity, ProviderId, Sealed, Statement, Timestamp,
    UserId,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::Expr,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{roles, roles_to_text},
    tables::{Copied, Table, passkey},
    writes::{Audit, Name, Work, Write, about, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    pub user_id: String,
    pub username: Option<String>,
    pub email: Option<String>,
    pub display_name: Option<String>,
    pub roles: String,
    pub created_at: i64,
    pub last_login_at: i64,
    pub confirmed_at: i64,
    pub next_check_at: i64,
    pub credential: Option<String>,
    pub ended_at: Option<i64>,
    pub statement: Option<String>,
    /// The end of a reservation. Storing the account, or dropping its token, ends it earlier.
    pub reserved_until: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}

/// Maximum number of users of one query.
const USERS: usize = 500;

/// A way to sign in without a password.
#[derive(Clone, Debug)]
pub struct PasswordlessSignIn {
    /// The user.
    pub user_id: UserId,
    /// The identity provider; `None` for a passkey.
    pub provider: Option<ProviderId>,
}

pub(crate) fn from_row(row: Model) -> Result<LinkedIdentity, StoreError> {
    Ok(LinkedIdentity {
        roles: roles("identity", &row.id, &row.roles)?,
        id: IdentityId::from_stored(row.id),
        provider: ProviderId::from_stored(row.provider),
        issuer: row.issuer,
        subject: row.subject,
        user_id: UserId::from_text(row.user_id),
        username: row.username,
        email: row.email,
        display_name: row.display_name,
        created_at: Timestamp(row.created_at),
        last_login_at: Timestamp(row.last_login_at),
        confirmed_at: Timestamp(row.confirmed_at),
        next_check_at: Timestamp(row.next_check_at),
        credential: row.credential.map(Sealed::from_stored),
        ended_at: row.ended_at.map(Timestamp),
        // Another version may have written it; it decides nothing.
        statement: row.statement.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// A statement as it is stored.
pub(crate) fn statement_text(statement: &Statement) -> Option<String> {
    serde_json::to_string(statement).ok()
}

pub(crate) fn to_row(identity: &LinkedIdentity) -> ActiveModel {
    ActiveModel {
        id: Set(identity.id.as_str().to_owned()),
        provider: Set(identity.provider.as_str().to_owned()),
        issuer: Set(identity.issuer.clone()),
        subject: Set(identity.subject.clone()),
        user_id: Set(identity.user_id.as_str().to_owned()),
        username: Set(identity.username.clone()),
        email: Set(identity.email.clone()),
        display_name: Set(identity.display_name.clone()),
        roles: Set(roles_to_text(&identity.roles)),
        created_at: Set(identity.created_at.0),
        last_login_at: Set(identity.last_login_at.0),
        confirmed_at: Set(identity.confirmed_at.0),
        next_check_at: Set(identity.next_check_at.0),
        credential: Set(identity.credential.as_ref().map(|sealed| sealed.as_str().to_owned())),
        ended_at: Set(identity.ended_at.map(|at| at.0)),
        statement: Set(identity.statement.as_ref().and_then(statement_text)),
        reserved_until: Set(None),
    }
}

impl Store {
    /// The ways of these users to sign in without a password: passkeys, and accounts at identity
    /// providers that have not ended.
    pub async fn ways_in(&self, users: &[UserId]) -> Result<Vec<PasswordlessSignIn>, StoreError> {
        let mut ways = Vec::new();
        for some in users.chunks(USERS) {
            let ids = || some.iter().map(UserId::as_str);
            let passkeys: Vec<String> = passkey::Entity::find()
                .select_only()
                .column(passkey::Column::UserId)
                .filter(passkey::Column::UserId.is_in(ids()))
                .into_tuple()
                .all(&self.reader)
                .await?;
            let accounts: Vec<(String, String)> = Entity::find()
                .select_only()
                .columns([Column::UserId, Column::Provider])
                .filter(Column::UserId.is_in(ids()))
                .filter(Column::EndedAt.is_null())
                .into_tuple()
                .all(&self.reader)
                .await?;
            ways.extend(
                passkeys.into_iter().map(|id| PasswordlessSignIn {
                    user_id: UserId::from_text(id),
                    provider: None,
                }),
            );
            ways.extend(accounts.into_iter().map(|(id, provider)| PasswordlessSignIn {
                user_id: UserId::from_text(id),
                provider: Some(ProviderId::from_stored(provider)),
            }));
        }
        Ok(ways)
    }

    /// An account at an identity provider, straight from the database.
    pub async fn identity(&self, id: &IdentityId) -> Result<Option<LinkedIdentity>, StoreError> {
        self.point().by_id::<Entity>(id.as_str()).await?.map(from_row).transpose()
    }

    /// A user's accounts at identity providers, the first linked first.
    pub async fn identities_of(&self, user_id: &UserId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let oldest_first = || {
            Entity::find()
                .filter(Column::UserId.eq(user_id.as_str()))
                .order_by_asc(Column::CreatedAt)
                .order_by_asc(Column::Id)
        };
        let values = [user_id.as_str().into()];
        let rows = self.point().all_kept("identities", &values, oldest_first).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The identity providers with accounts whose check is due at `now`.
    pub async fn providers_due(&self, now: Timestamp) -> Result<Vec<ProviderId>, StoreError> {
        let due = Entity::find()
            .select_only()
            .column(Column::Provider)
            .distinct()
            .filter(Column::NextCheckAt.lte(now.0))
            .order_by_asc(Column::Provider);
        let names: Vec<String> = due.into_tuple().all(&self.reader).await?;
        Ok(names.into_iter().map(ProviderId::from_stored).collect())
    }

    /// Accounts at an identity provider with a check due at `now`, the longest due first, at most
    /// `limit`.
    pub async fn identities_due(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<LinkedIdentity>, StoreError> {
        let due = Entity::find()
            .filter(Column::Provider.eq(provider.as_str()))
            .filter(Column::NextCheckAt.lte(now.0));
        let rows = due.order_by_asc(Column::NextCheckAt).limit(limit).all(&self.reader).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The issuers of the accounts that have not ended, with the provider that each is known by.
    pub async fn issuers_of_identities(&self) -> Result<Vec<(ProviderId, String)>, StoreError> {
        let which = Entity::find()
            .select_only()
            .column(Column::Provider)
            .column(Column::Issuer)
            .distinct()
            .filter(Column::EndedAt.is_null());
        let rows: Vec<(String, String)> = which.into_tuple().all(&self.reader).await?;
        Ok(rows
            .into_iter()
            .map(|(provider, issuer)| (ProviderId::from_stored(provider), issuer))
            .collect())
    }

    /// Counts the users that sign in through a provider.
    pub async fn count_identities(&self, provider: &ProviderId) -> Result<u64, StoreError> {
        Ok(Entity::find()
            .filter(Column::Provider.eq(provider.as_str()))
            .count(&self.reader)
            .await?)
    }
}

pub(crate) fn insert(new: &LinkedIdentity) -> Write {
    let event = about(AuditKind::IdentityLinked, AuditSubject::User, new.user_id.as_str());
    Write {
        name: Name::Decides(Condition::InsertIdentity),
        work: run(Entity::insert(to_row(new)).on_conflict(nothing())),
        stale: None,
        audit: Audit::Entry(event.detail(json!({"provider": new.provider.as_str()}).to_string())),
    }
}

/// Replaces the stored state of an account, if it is linked to the same user and `also` holds.
fn replace(known: &LinkedIdentity, also: Where) -> Work {
    let same =
        also.add(Column::Id.eq(known.id.as_str())).add(Column::UserId.eq(known.user_id.as_str()));
    let mut row = to_row(known);
    row.id = NotSet;
    row.created_at = NotSet;
    run(Entity::update_many().set(row).filter(same))
}

pub(crate) fn update(known: &LinkedIdentity) -> Write {
    Write {
        name: Name::Decides(Condition::UpdateIdentity),
        work: replace(known, Where::all()),
        stale: None,
        // Roles and profile that follow from it are writes of their own.
        audit: Audit::Silent,
    }
}

pub(crate) fn keep_checked(known: &LinkedIdentity, claimed: Timestamp) -> Write {
    Write {
        name: Name::Decides(Condition::KeepChecked),
        work: replace(known, Where::all().add(Column::NextCheckAt.eq(claimed.0))),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(crate) fn claim_check(
    id: &IdentityId,
    due: Timestamp,
    now: Timestamp,
    until: Timestamp,
) -> Write {
    // The reservation has a column of its own: the time of the next check alone does not tell a
    // reserved account from one whose check is due soon.
    let free =
        Where::any().add(Column::ReservedUntil.is_null()).add(Column::ReservedUntil.lte(now.0));
    let still =
        Where::all().add(Column::Id.eq(id.as_str())).add(Column::NextCheckAt.eq(due.0)).add(free);
    Write {
        name: Name::Decides(Condition::ClaimIdentityCheck),
        work: run(Entity::update_many()
            .col_expr(Column::NextCheckAt, Expr::value(until.0))
            .col_expr(Column::ReservedUntil, Expr::value(until.0))
            .filter(still)),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(crate) fn keep_credential(id: &IdentityId, replaced: &Sealed, credential: &Sealed) -> Write {
    let same =
        Where::all().add(Column::Id.eq(id.as_str())).add(Column::Credential.eq(replaced.as_str()));
    Write {
        name: Name::Decides(Condition::KeepCredential),
        work: run(Entity::update_many()
            .col_expr(Column::Credential, Expr::value(credential.as_str()))
            .filter(same)),
        stale: None,
        // The same account, with the same kind of credential.
        audit: Audit::Silent,
    }
}

pub(crate) fn keep_statement(id: &IdentityId, statement: &Statement) -> Write {
    let update =
        Entity::update_many().col_expr(Column::Statement, Expr::value(statement_text(statement)));
    Write {
        name: Name::Always("keep_statement"),
        work: run(update.filter(Column::Id.eq(id.as_str()))),
        stale: None,
        // The refused sign-in has an entry of its own.
        audit: Audit::Silent,
    }
}

pub(crate) fn drop_credential(id: &IdentityId, next_check_at: Timestamp) -> Write {
    let update = Entity::update_many()
        .col_expr(Column::Credential, Expr::value(Option::<String>::None))
        .col_expr(Column::NextCheckAt, Expr::value(next_check_at.0))
        .col_expr(Column::ReservedUntil, Expr::value(None::<i64>));
    Write {
        name: Name::Always("drop_credential"),
        work: run(update.filter(Column::Id.eq(id.as_str()))),
        stale: None,
        // The end of sessions and grants of the same unit has the entries.
        audit: Audit::Silent,
    }
}
