//! Connections of users to upstreams, with their sealed tokens.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, Connection, Sealed, Timestamp, UpstreamId, UpstreamName, UserId,
    upstream::ConnectionProblem,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{BinOper, Expr, ExprTrait, Func, InsertStatement, OnConflict, Query},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::upstream_name,
    invalidate::Invalidation,
    tables::{Copied, Table, token_revocation, upstream_registration, upstream_trust},
    writes::{Audit, Name, Sql, Work, Write, about, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    pub issuer: String,
    pub scopes: String,
    pub tokens: Option<String>,
    pub expires_at: Option<i64>,
    pub ends_at: i64,
    pub created_at: i64,
    pub version: i64,
    pub refreshing_until: Option<i64>,
    pub problem: Option<String>,
    pub account: Option<String>,
    pub resource: Option<String>,
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

/// Maximum number of tokens of one upstream that are revoked at their issuers. Those of further
/// users end here alone.
const MOST_REVOKED: u64 = 10_000;

/// The time at which tokens of a connection that ended are due to be revoked: from now on.
pub(crate) const AT_ONCE: Timestamp = Timestamp(0);

pub(crate) fn from_row(row: Model) -> Result<Connection, StoreError> {
    Ok(Connection {
        upstream: upstream_name("connection", &row.upstream)?,
        user_id: UserId::from_text(row.user_id),
        issuer: row.issuer,
        resource: row.resource,
        scopes: row.scopes,
        tokens: row.tokens.map(Sealed::from_stored),
        expires_at: row.expires_at.map(Timestamp),
        ends_at: Timestamp(row.ends_at),
        created_at: Timestamp(row.created_at),
        version: row.version,
        refreshing_until: row.refreshing_until.map(Timestamp),
        problem: row.problem.as_deref().and_then(ConnectionProblem::parse),
        account: row.account,
    })
}

pub(crate) fn to_row(connection: &Connection) -> Model {
    Model {
        user_id: connection.user_id.as_str().to_owned(),
        upstream: connection.upstream.as_str().to_owned(),
        issuer: connection.issuer.clone(),
        resource: connection.resource.clone(),
        scopes: connection.scopes.clone(),
        tokens: connection.tokens.as_ref().map(|sealed| sealed.as_str().to_owned()),
        expires_at: connection.expires_at.map(|at| at.0),
        ends_at: connection.ends_at.0,
        created_at: connection.created_at.0,
        version: connection.version,
        refreshing_until: connection.refreshing_until.map(|at| at.0),
        problem: connection.problem.map(|problem| problem.as_str().to_owned()),
        account: connection.account.clone(),
    }
}

impl Store {
    /// The issuers of the connections to an upstream with an unknown resource.
    pub async fn issuers_of_old_connections(
        &self,
        name: UpstreamName,
    ) -> Result<Vec<String>, StoreError> {
        let issuers = Entity::find()
            .select_only()
            .column(Column::Issuer)
            .distinct()
            .filter(Column::Upstream.eq(name.as_str()))
            .filter(Column::Resource.is_null());
        Ok(issuers.into_tuple().all(&self.reader).await?)
    }

    /// A user's connection to an upstream. A missing connection is cached as well: every list looks
    /// it up.
    pub async fn connection(
        &self,
        user_id: &UserId,
        name: UpstreamName,
    ) -> Result<Option<Connection>, StoreError> {
        let all = self.connections_of(user_id).await?;
        Ok(all.iter().find(|connection| connection.upstream == name).cloned())
    }

    /// A user's connections, by upstream.
    pub async fn connections_of(
        &self,
        user_id: &UserId,
    ) -> Result<Arc<Vec<Connection>>, StoreError> {
        let read = || async move {
            let rows = Entity::find()
                .filter(Column::UserId.eq(user_id.as_str()))
                .order_by_asc(Column::Upstream);
            self.point()
                .all(rows)
                .await?
                .into_iter()
                .map(from_row)
                .collect::<Result<Vec<_>, _>>()
                .map(Some)
        };
        Ok(self.caches.connections.get(&user_id.to_string(), read).await?.unwrap_or_default())
    }

    /// A user's connection as of this moment, straight from the database, for a change.
    pub async fn connection_now(
        &self,
        user_id: &UserId,
        name: UpstreamName,
    ) -> Result<Option<Connection>, StoreError> {
        let key = (user_id.as_str().to_owned(), name.as_str().to_owned());
        self.point().by_id::<Entity>(key).await?.map(from_row).transpose()
    }

    /// Counts the users that are connected to an upstream.
    pub async fn count_connections(&self, name: UpstreamName) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(Column::Upstream.eq(name.as_str())).count(&self.reader).await?)
    }
}

/// Ends connections: their tokens are queued to be revoked at their issuers, each with the
/// registration that they were given to, and the connections are deleted. `access` states how the
/// issuers are reached where the upstream ends too.
pub(crate) fn end(which: &Where, access: Option<&Sealed>, due: Timestamp) -> [Sql; 3] {
    [
        // First, so that no refresh stores other tokens between the other two, and no other unit
        // ends the same connections.
        Entity::update_many()
            .col_expr(Column::Version, Expr::col(Column::Version))
            .filter(which.clone())
            .into(),
        Sql::Insert(queue_revocations(which, access, due)),
        Entity::delete_many().filter(which.clone()).into(),
    ]
}

fn queue_revocations(which: &Where, access: Option<&Sealed>, due: Timestamp) -> InsertStatement {
    let of = |column: Column| Expr::col((Entity, column));
    let joined = |left: Expr, right: Expr| left.binary(BinOper::Custom("||"), right);
    // The nonce of the sealed tokens, which follows `v1.`, is never used twice.
    let nonce = Func::cust("substr").arg(of(Column::Tokens)).arg(4_i32).arg(16_i32);
    let id = joined(of(Column::Upstream), Expr::val("/"));
    let id = joined(joined(id, of(Column::UserId)), Expr::val("/"));
    let id = joined(id, nonce.into());
    let registered = Where::all()
        .add(
            Expr::col((upstream_registration::Entity, upstream_registration::Column::Upstream))
                .equals((Entity, Column::Upstream)),
        )
        .add(
            Expr::col((upstream_registration::Entity, upstream_registration::Column::Issuer))
                .equals((Entity, Column::Issuer)),
        );
    let select = Query::select()
        .expr(id)
        .expr(of(Column::Upstream))
        .expr(of(Column::UserId))
        .expr(of(Column::Issuer))
        .expr(of(Column::Resource))
        .expr(of(Column::Tokens))
        .expr(Expr::col((
            upstream_registration::Entity,
            upstream_registration::Column::Credentials,
        )))
        .expr(Expr::val(access.map(|sealed| sealed.as_str().to_owned())))
        .expr(Expr::val(0_i64))
        .expr(Expr::val(due.0))
        .from(Entity)
        .left_join(upstream_registration::Entity, registered)
        .cond_where(Where::all().add(which.clone()).add(of(Column::Tokens).is_not_null()))
        .limit(MOST_REVOKED)
        .to_owned();
    let columns = [
        token_revocation::Column::Id,
        token_revocation::Column::Upstream,
        token_revocation::Column::UserId,
        token_revocation::Column::Issuer,
        token_revocation::Column::Resource,
        token_revocation::Column::Tokens,
        token_revocation::Column::Registration,
        token_revocation::Column::Access,
        token_revocation::Column::Tries,
        token_revocation::Column::DueAt,
    ];
    let mut insert = Query::insert().into_table(token_revocation::Entity).columns(columns).take();
    // The numbers of columns are equal, which is all that can be wrong here.
    let _ = insert.select_from(select);
    // Tokens that are queued already are queued once.
    insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    insert
}

fn stale(user_id: &UserId) -> Invalidation {
    Invalidation::Connections(user_id.to_string())
}

fn of(user_id: &UserId, upstream: &UpstreamName) -> Where {
    Where::all()
        .add(Column::UserId.eq(user_id.as_str()))
        .add(Column::Upstream.eq(upstream.as_str()))
}

pub(crate) fn put(new: &Connection, id: &UpstreamId, by: Option<&UserId>) -> Write {
    let mut event = about(AuditKind::ConnectionMade, AuditSubject::Upstream, new.upstream.as_str())
        .by(by.unwrap_or(&new.user_id));
    if by.is_some() {
        event = event.detail(json!({"service": new.user_id.as_str()}).to_string());
    }
    let columns = [
        Column::Issuer,
        Column::Resource,
        Column::Scopes,
        Column::Tokens,
        Column::ExpiresAt,
        Column::EndsAt,
        Column::CreatedAt,
        Column::RefreshingUntil,
        Column::Problem,
        Column::Account,
    ];
    // The version continues from its value: a refresh that is still under way must not count as
    // newer.
    let next = Expr::col((Entity, Column::Version)).add(1);
    let replace = OnConflict::columns([Column::UserId, Column::Upstream])
        .update_columns(columns)
        .value(Column::Version, next)
        .to_owned();
    Write {
        name: Name::Decides(Condition::PutConnection),
        work: Work::Statements(vec![
            Entity::insert(to_row(new).into_active_model()).on_conflict(replace).into(),
            upstream_trust::touch(upstream_trust::is(&new.upstream, id)),
        ]),
        stale: Some(stale(&new.user_id)),
        audit: Audit::Entry(event),
    }
}

pub(crate) fn keep_refreshed(known: &Connection) -> Write {
    let row = to_row(known);
    let still = of(&known.user_id, &known.upstream).add(Column::Version.eq(known.version - 1));
    let update = Entity::update_many()
        .col_expr(Column::Scopes, Expr::value(row.scopes))
        .col_expr(Column::Resource, Expr::value(row.resource))
        .col_expr(Column::Tokens, Expr::value(row.tokens))
        .col_expr(Column::ExpiresAt, Expr::value(row.expires_at))
        .col_expr(Column::Version, Expr::value(row.version))
        .col_expr(Column::RefreshingUntil, Expr::value(Option::<i64>::None))
        .col_expr(Column::Problem, Expr::value(row.problem));
    Write {
        name: Name::Decides(Condition::KeepRefreshedConnection),
        work: run(update.filter(still)),
        stale: Some(stale(&known.user_id)),
        audit: Audit::Silent,
    }
}

/// The refresh of a connection that one process makes.
pub(crate) struct RefreshClaim {
    pub(crate) user_id: UserId,
    pub(crate) upstream: UpstreamName,
    pub(crate) version: i64,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
}

pub(crate) fn claim_refresh(claim: &RefreshClaim) -> Write {
    let RefreshClaim { user_id, upstream, version, now, until } = claim;
    let free =
        Where::any().add(Column::RefreshingUntil.is_null()).add(Column::RefreshingUntil.lte(now.0));
    let still = of(user_id, upstream).add(Column::Version.eq(*version)).add(free);
    Write {
        name: Name::Decides(Condition::ClaimConnectionRefresh),
        work: run(Entity::update_many()
            .col_expr(Column::RefreshingUntil, Expr::value(until.0))
            .filter(still)),
        stale: Some(stale(user_id)),
        audit: Audit::Silent,
    }
}

pub(crate) fn delete(user_id: &UserId, upstream: &UpstreamName) -> Write {
    let event = about(AuditKind::ConnectionEnded, AuditSubject::Upstream, upstream.as_str());
    Write {
        name: Name::Always("delete_connection"),
        work: Work::Statements(end(&of(user_id, upstream), None, AT_ONCE).into()),
        stale: Some(stale(user_id)),
        audit: Audit::Entry(event.detail(json!({"user": user_id.as_str()}).to_string())),
    }
}

/// Ends all connections of a user.
pub(crate) fn end_of_user(user_id: &UserId) -> Write {
    let which = Where::all().add(Column::UserId.eq(user_id.as_str()));
    Write {
        name: Name::Always("end_connections"),
        work: Work::Statements(end(&which, None, AT_ONCE).into()),
        stale: Some(stale(user_id)),
        // The end of the user's access has the entry.
        audit: Audit::Silent,
    }
}
