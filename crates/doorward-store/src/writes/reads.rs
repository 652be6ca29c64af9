//! The few writes that have to read first: their rows are locked until the unit is through.

use doorward_model::{
    ClientId, GroupName, ProviderId, RevokeReason, Scope, ScopeSet, Timestamp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, SelectStatement},
};

use super::Sql;

use crate::{
    audit::row::Tagged,
    db::Db,
    tables::{
        access_grant::{self, Column as G},
        access_token::{self, Column as T},
        authorization_code::{self, Column as C},
        connection::{self, Column as N},
        group,
        identity::{self, Column as I},
        invitation, provider,
        session::{self, Column as S},
        sign_in,
        user::{self, Column as P},
    },
};

/// A write that reads first.
#[derive(Debug)]
pub(crate) enum Read {
    /// Makes the provider roles of a user those of all their linked accounts together.
    CollectRoles(UserId),
    /// Removes from every grant of a user to a client the scopes that are not in `scopes`.
    NarrowGrants { user_id: UserId, client_id: ClientId, scopes: ScopeSet },
    /// Compares the entity tag of an object.
    Expect { object: Box<dyn Tagged>, etag: String },
    /// Ends the dependents of accounts at an identity provider.
    EndProvider(Dependents),
    /// Looks for an enabled administrator other than this one.
    OtherAdministrator(UserId),
    /// Looks for an enabled administrator.
    AnyAdministrator,
    /// Computes the roles of all whom a change of a group concerns.
    CollectGroup(GroupName),
}

impl Read {
    /// Reads and writes. `false` means that the condition does not hold.
    pub(crate) async fn execute(&self, db: Db<'_>) -> Result<bool, DbErr> {
        match self {
            Self::CollectRoles(user_id) => collect_roles(db, user_id).await,
            Self::NarrowGrants { user_id, client_id, scopes } => {
                narrow_grants(db, user_id, client_id, scopes).await.map(|()| true)
            }
            Self::Expect { object, etag } => {
                Ok(object.etag(db).await?.as_deref() == Some(etag.as_str()))
            }
            Self::EndProvider(dependents) => dependents.end(db).await,
            Self::OtherAdministrator(user_id) => other_administrator(db, user_id).await,
            Self::AnyAdministrator => Ok(!administrators(db).await?.is_empty()),
            Self::CollectGroup(group) => group::collect_of(db, group).await.map(|()| true),
        }
    }
}

/// Objects that depend on accounts at an identity provider.
#[derive(Debug)]
pub(crate) struct Dependents {
    pub(crate) provider: ProviderId,
    /// `None` if the provider is deleted. Otherwise it only lost accounts: those of issuers other
    /// than these.
    pub(crate) kept_issuers: Option<Vec<String>>,
    pub(crate) at: Timestamp,
    /// True if users may sign in with passwords.
    pub(crate) passwords: bool,
}

impl Dependents {
    /// The accounts.
    fn accounts(&self) -> Where {
        let all = Where::all().add(I::Provider.eq(self.provider.as_str()));
        match &self.kept_issuers {
            None => all,
            Some(kept) => all.add(I::EndedAt.is_null()).add(I::Issuer.is_not_in(kept)),
        }
    }

    fn account_ids(&self) -> SelectStatement {
        identity::Entity::find().select_only().column(I::Id).filter(self.accounts()).into_query()
    }

    /// The users who depend on these accounts: they have no usable password, and no other account.
    fn left_users(&self) -> SelectStatement {
        let others = Where::all().add(self.accounts().not()).add(I::EndedAt.is_null());
        let others =
            identity::Entity::find().select_only().column(I::UserId).filter(others).into_query();
        let mut which = self.accounts().add(I::UserId.not_in_subquery(others));
        if self.passwords {
            let with_password = user::Entity::find()
                .select_only()
                .column(P::Id)
                .filter(P::Password.is_not_null())
                .into_query();
            which = which.add(I::UserId.not_in_subquery(with_password));
        }
        identity::Entity::find().select_only().column(I::UserId).filter(which).into_query()
    }

    pub(crate) fn sessions(&self) -> Where {
        let dependent = Where::any()
            .add(S::Identity.in_subquery(self.account_ids()))
            .add(S::UserId.in_subquery(self.left_users()));
        if self.kept_issuers.is_none() {
            dependent.add(S::Provider.eq(self.provider.as_str()))
        } else {
            dependent
        }
    }

    pub(crate) fn grants(&self) -> Where {
        let dependent = Where::any()
            .add(G::Identity.in_subquery(self.account_ids()))
            .add(G::UserId.in_subquery(self.left_users()));
        Where::all().add(G::RevokedAt.is_null()).add(dependent)
    }

    pub(crate) fn access_tokens(&self) -> Where {
        let dependent = Where::any()
            .add(T::Identity.in_subquery(self.account_ids()))
            .add(T::UserId.in_subquery(self.left_users()));
        Where::all().add(T::RevokedAt.is_null()).add(dependent)
    }

    /// Ends all of it. `false` if there is no such provider to delete.
    async fn end(&self, db: Db<'_>) -> Result<bool, DbErr> {
        let with_roles = self.accounts().add(I::Roles.ne("[]"));
        let with_roles =
            identity::Entity::find().select_only().column(I::UserId).distinct().filter(with_roles);
        let with_roles = db.texts(with_roles).await?;
        let at = || Expr::value(self.at.0);
        let codes = Where::any()
            .add(C::Identity.in_subquery(self.account_ids()))
            .add(C::UserId.in_subquery(self.left_users()));
        let mut statements: Vec<Sql> = vec![
            authorization_code::Entity::update_many()
                .col_expr(C::ConsumedAt, at())
                .filter(C::ConsumedAt.is_null())
                .filter(codes)
                .into(),
            access_grant::Entity::update_many()
                .col_expr(G::RevokedAt, at())
                .col_expr(G::RevokeReason, Expr::value(RevokeReason::ProviderRefused.as_str()))
                .filter(self.grants())
                .into(),
            session::Entity::delete_many().filter(self.sessions()).into(),
            access_token::Entity::update_many()
                .col_expr(T::RevokedAt, at())
                .filter(self.access_tokens())
                .into(),
            user::forget_address(Where::all().add(P::EmailBy.in_subquery(self.account_ids()))),
        ];
        let connections = Where::all().add(N::UserId.in_subquery(self.left_users()));
        statements.extend(connection::end(&connections, None, self.at));
        if self.kept_issuers.is_none() {
            let provider = self.provider.as_str();
            statements
                .push(identity::Entity::delete_many().filter(I::Provider.eq(provider)).into());
            statements.push(
                invitation::Entity::delete_many()
                    .filter(invitation::Column::Provider.eq(provider))
                    .into(),
            );
            statements.push(
                sign_in::Entity::delete_many()
                    .filter(sign_in::Column::Provider.eq(provider))
                    .into(),
            );
        } else {
            let ended = identity::Entity::update_many()
                .col_expr(I::EndedAt, at())
                .col_expr(I::Roles, Expr::value("[]"))
                .col_expr(I::Email, Expr::value(Option::<String>::None))
                .col_expr(I::Credential, Expr::value(Option::<String>::None))
                .col_expr(I::NextCheckAt, Expr::value(Timestamp::NEVER.0));
            statements.push(ended.filter(self.accounts()).into());
        }
        for statement in &statements {
            statement.execute(db).await?;
        }
        for user_id in with_roles {
            collect_roles(db, &UserId::from_text(user_id)).await?;
        }
        if self.kept_issuers.is_some() {
            return Ok(true);
        }
        let delete = provider::Entity::delete_many()
            .filter(provider::Column::Id.eq(self.provider.as_str()))
            .into_query();
        Ok(db.run(&delete).await? == 1)
    }
}

/// Computes the roles of one user. `false` if there is no such user.
async fn collect_roles(db: Db<'_>, user_id: &UserId) -> Result<bool, DbErr> {
    let one = Where::all().add(P::Id.eq(user_id.as_str()));
    Ok(group::collect(db, &one).await? == 1)
}

async fn narrow_grants(
    db: Db<'_>,
    user_id: &UserId,
    client_id: &ClientId,
    scopes: &ScopeSet,
) -> Result<(), DbErr> {
    let which = Where::all()
        .add(G::UserId.eq(user_id.as_str()))
        .add(G::ClientId.eq(client_id.as_str()))
        .add(G::RevokedAt.is_null());
    let grants = access_grant::Entity::find().filter(which).lock_exclusive();
    for grant in db.all(grants).await? {
        let held = ScopeSet::from_stored(&grant.scopes);
        let kept = held.intersection(scopes);
        // A grant for refreshing stays one: its permissions are narrowed.
        let keeps = held.iter().filter(|scope| *scope == Scope::OfflineAccess);
        let kept: ScopeSet = kept.iter().chain(keeps).collect();
        let update = access_grant::Entity::update_many()
            .col_expr(G::Scopes, Expr::value(kept.to_string()))
            .filter(G::Id.eq(grant.id))
            .into_query();
        db.run(&update).await?;
    }
    Ok(())
}

/// Locks all enabled administrators, so that if two remove each other at the same moment, one is
/// refused.
async fn administrators(db: Db<'_>) -> Result<Vec<user::Model>, DbErr> {
    let role = "%\"admin\"%";
    let administrators = Where::any()
        .add(P::Roles.like(role))
        .add(P::ProviderRoles.like(role))
        .add(P::GroupRoles.like(role));
    let enabled = user::Entity::find()
        .filter(administrators)
        .filter(P::DisabledAt.is_null())
        .lock_exclusive();
    db.all(enabled).await
}

async fn other_administrator(db: Db<'_>, user_id: &UserId) -> Result<bool, DbErr> {
    let enabled = administrators(db).await?;
    let is_one = enabled.iter().any(|row| row.id == user_id.as_str());
    Ok(!is_one || enabled.iter().any(|row| row.id != user_id.as_str()))
}
