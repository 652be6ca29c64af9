//! Reads numbers of usage.

use doorward_model::{
    Outcome, Role, Timestamp, Usage, UsageBy, UsageFilter,
    usage::{LATENCY_BOUNDS, LATENCY_BUCKETS},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

use super::HOUR;
use crate::{
    Store, StoreError,
    tables::{
        access_grant, access_token,
        usage_hour::{Column, Entity},
        user,
    },
};

/// A sum as a 64-bit integer; zero without rows.
fn sum(of: &str) -> SimpleExpr {
    Expr::cust(format!("CAST(COALESCE(SUM({of}), 0) AS BIGINT)"))
}

/// Only the calls with this outcome, or without it.
fn only(which: &str, outcome: Outcome, of: &str) -> SimpleExpr {
    sum(&format!("CASE WHEN outcome {which} '{}' THEN {of} ELSE 0 END", outcome.as_str()))
}

/// The text by which rows are grouped.
fn key(by: UsageBy) -> &'static str {
    match by {
        UsageBy::Tool => "tool",
        UsageBy::User => "user_id",
        UsageBy::Client => "client_id",
        UsageBy::Service => "upstream",
        UsageBy::Hour => "hour",
        UsageBy::Total => "''",
    }
}

fn condition(filter: &UsageFilter) -> Condition {
    let mut all = Condition::all();
    if let Some(since) = filter.since {
        all = all.add(Column::Hour.gte(since.0.div_euclid(HOUR)));
    }
    if let Some(until) = filter.until {
        all = all.add(Column::Hour.lt(until.0.div_euclid(HOUR)));
    }
    let texts = [
        (Column::Tool, filter.tool.as_deref()),
        (Column::UserId, filter.user_id.as_deref()),
        (Column::ClientId, filter.client_id.as_deref()),
        (Column::Upstream, filter.upstream.as_deref()),
        (Column::Outcome, filter.outcome.map(Outcome::as_str)),
    ];
    for (column, value) in texts {
        if let Some(value) = value {
            all = all.add(column.eq(value));
        }
    }
    all
}

fn numbers(row: &QueryResult) -> Result<Usage, StoreError> {
    let number = |at: usize| row.try_get_by_index::<i64>(at);
    let mut histogram = [0; LATENCY_BUCKETS];
    for (at, count) in histogram.iter_mut().enumerate() {
        *count = number(7 + at)?;
    }
    Ok(Usage {
        key: row.try_get_by_index(0)?,
        calls: number(1)?,
        refused: number(2)?,
        failed: number(3)?,
        request_bytes: number(4)?,
        response_bytes: number(5)?,
        micros: number(6)?,
        histogram,
    })
}

/// The users, other than services and disabled ones, whom no client and no token acts for.
fn unconnected(now: Timestamp) -> Select<user::Entity> {
    use access_grant::Column as G;
    use access_token::Column as T;
    let own = || Expr::col((user::Entity, user::Column::Id));
    let granted = access_grant::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(own().equals((access_grant::Entity, G::UserId)))
        .filter(G::RevokedAt.is_null())
        .filter(G::ExpiresAt.gt(now.0))
        .into_query();
    let made = access_token::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(own().equals((access_token::Entity, T::UserId)))
        .filter(T::RevokedAt.is_null())
        .filter(T::ExpiresAt.gt(now.0))
        .into_query();
    let service = format!("%\"{}\"%", Role::service());
    user::Entity::find()
        .filter(user::Column::DisabledAt.is_null())
        .filter(user::Column::Roles.not_like(service))
        .filter(Expr::exists(granted).not())
        .filter(Expr::exists(made).not())
}

impl Store {
    /// The numbers of the calls that fit, by a dimension, those with the most calls first, or the
    /// latest hour; at most `limit` of them. [`Store::count_usage`] brings them up to date.
    pub async fn usage(
        &self,
        filter: &UsageFilter,
        by: UsageBy,
        limit: u64,
    ) -> Result<Vec<Usage>, StoreError> {
        let group = Expr::cust(key(by));
        let shown = Expr::cust(format!("CAST({} AS TEXT)", key(by)));
        let buckets = LATENCY_BOUNDS.iter().map(|bound| format!("within_{}", bound / 1000));
        let mut select = Entity::find()
            .select_only()
            .expr(shown)
            .expr(sum("calls"))
            .expr(only("=", Outcome::Refused, "calls"))
            .expr(only("=", Outcome::Failed, "calls"))
            .expr(sum("request_bytes"))
            .expr(sum("response_bytes"))
            .expr(only("<>", Outcome::Refused, "micros"));
        for bucket in buckets.chain(std::iter::once("beyond".to_owned())) {
            select = select.expr(only("<>", Outcome::Refused, &bucket));
        }
        let mut query = select.filter(condition(filter)).limit(limit).into_query();
        match by {
            UsageBy::Total => {}
            UsageBy::Hour => {
                query.add_group_by([group.clone()]).order_by_expr(group, Order::Desc);
            }
            UsageBy::Tool | UsageBy::User | UsageBy::Client | UsageBy::Service => {
                query
                    .add_group_by([group.clone()])
                    .order_by_expr(sum("calls"), Order::Desc)
                    .order_by_expr(group, Order::Asc);
            }
        }
        let statement = self.reader.get_database_backend().build(&query);
        let rows = self.reader.query_all_raw(statement).await?;
        rows.iter().map(numbers).collect()
    }

    /// The number of users without a client and without a personal access token at `now`.
    pub async fn count_unconnected(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(unconnected(now).count(&self.reader).await?)
    }

    /// The sign-in names of the first of them, in order.
    pub async fn unconnected(&self, now: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        let names = unconnected(now)
            .select_only()
            .column(user::Column::Name)
            .order_by_asc(user::Column::Name)
            .limit(limit);
        Ok(names.into_tuple().all(&self.reader).await?)
    }
}
