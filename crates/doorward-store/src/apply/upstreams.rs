//! Changes to upstreams, pinned tools, connections and kept results.

use doorward_model::{UpstreamChange, UserId, upstream::PinnedTool};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{
    convert::upstreams as convert,
    entities::{connect_attempt, connection, kept_result, upstream, upstream_registration, upstream_tool},
};

/// Rows of one statement: PostgreSQL takes at most 65,535 parameters.
const ROWS: usize = 500;

fn nothing() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

pub(super) async fn one<C: ConnectionTrait>(db: &C, change: &UpstreamChange) -> Result<bool, DbErr> {
    match change {
        UpstreamChange::Insert(_)
        | UpstreamChange::Delete(_)
        | UpstreamChange::PinNew(_)
        | UpstreamChange::NoteChanged { .. }
        | UpstreamChange::Decide { .. } => servers(db, change).await,
        UpstreamChange::KeepResult { result, most } => {
            use kept_result::Column as K;
            kept_result::Entity::insert(convert::kept_row(result).into_active_model()).exec_without_returning(db).await?;
            let theirs = kept_result::Entity::find().filter(K::UserId.eq(result.user_id.as_str()));
            let newest_first = theirs.order_by_desc(K::CreatedAt).order_by_desc(K::Id).select_only().column(K::Id);
            let old: Vec<String> = newest_first.offset(*most).limit(ROWS as u64).into_tuple().all(db).await?;
            if !old.is_empty() {
                kept_result::Entity::delete_many().filter(K::Id.is_in(old)).exec(db).await?;
            }
            Ok(true)
        }
        _ => access(db, change).await,
    }
}

async fn servers<C: ConnectionTrait>(db: &C, change: &UpstreamChange) -> Result<bool, DbErr> {
    use upstream_tool::Column as T;
    let rows = match change {
        UpstreamChange::Insert(new) => {
            upstream::Entity::insert(convert::upstream_row(new).into_active_model()).on_conflict(nothing()).exec_without_returning(db).await?
        }
        UpstreamChange::Delete(name) => {
            let name = name.as_str();
            upstream_tool::Entity::delete_many().filter(T::Upstream.eq(name)).exec(db).await?;
            upstream_registration::Entity::delete_many().filter(upstream_registration::Column::Upstream.eq(name)).exec(db).await?;
            connection::Entity::delete_many().filter(connection::Column::Upstream.eq(name)).exec(db).await?;
            connect_attempt::Entity::delete_many().filter(connect_attempt::Column::Upstream.eq(name)).exec(db).await?;
            upstream::Entity::delete_by_id(name).exec(db).await?.rows_affected
        }
        UpstreamChange::PinNew(tools) => {
            for some in tools.chunks(ROWS) {
                let rows = some.iter().map(|tool| convert::tool_row(tool).into_active_model());
                upstream_tool::Entity::insert_many(rows).on_conflict(nothing()).exec_without_returning(db).await?;
            }
            1
        }
        UpstreamChange::NoteChanged { upstream, tool, definition } => {
            let which = Condition::all().add(T::Upstream.eq(upstream.as_str())).add(T::Tool.eq(tool.as_str()));
            upstream_tool::Entity::update_many().col_expr(T::Changed, Expr::value(definition.clone())).filter(which).exec(db).await?.rows_affected
        }
        UpstreamChange::Decide { tool, seen_definition, seen_changed } => decide(db, tool, seen_definition, seen_changed.as_deref()).await?,
        _ => 1,
    };
    Ok(rows == 1)
}

async fn decide<C: ConnectionTrait>(db: &C, tool: &PinnedTool, seen_definition: &str, seen_changed: Option<&str>) -> Result<u64, DbErr> {
    use upstream_tool::Column as T;
    let mut as_seen = Condition::all().add(T::Upstream.eq(tool.upstream.as_str())).add(T::Tool.eq(tool.tool.as_str())).add(T::Definition.eq(seen_definition));
    as_seen = as_seen.add(match seen_changed {
        Some(changed) => T::Changed.eq(changed),
        None => T::Changed.is_null(),
    });
    let row = convert::tool_row(tool).into_active_model().reset_all();
    let row = upstream_tool::ActiveModel { upstream: sea_orm::NotSet, tool: sea_orm::NotSet, ..row };
    Ok(upstream_tool::Entity::update_many().set(row).filter(as_seen).exec(db).await?.rows_affected)
}

async fn access<C: ConnectionTrait>(db: &C, change: &UpstreamChange) -> Result<bool, DbErr> {
    use connection::Column as N;
    let of = |user_id: &UserId, upstream: &str| Condition::all().add(N::UserId.eq(user_id.as_str())).add(N::Upstream.eq(upstream));
    let rows = match change {
        UpstreamChange::PutRegistration(new) => {
            use upstream_registration::Column as R;
            let replace = OnConflict::columns([R::Upstream, R::Issuer]).update_columns([R::Credentials, R::ExpiresAt, R::CreatedAt]).to_owned();
            upstream_registration::Entity::insert(convert::registration_row(new).into_active_model()).on_conflict(replace).exec_without_returning(db).await?
        }
        UpstreamChange::DeleteRegistration { upstream, issuer } => {
            use upstream_registration::Column as R;
            let which = Condition::all().add(R::Upstream.eq(upstream.as_str())).add(R::Issuer.eq(issuer.as_str()));
            upstream_registration::Entity::delete_many().filter(which).exec(db).await?;
            1
        }
        UpstreamChange::PutConnection(new) => {
            let columns = [N::Issuer, N::Scopes, N::Tokens, N::ExpiresAt, N::EndsAt, N::CreatedAt, N::RefreshingUntil, N::Problem, N::Account];
            // The version goes on from where it was: a refresh that is still under way must not be taken for newer.
            let next = Expr::col((connection::Entity, N::Version));
            let replace =
                OnConflict::columns([N::UserId, N::Upstream]).update_columns(columns).value(N::Version, sea_orm::sea_query::ExprTrait::add(next, 1)).to_owned();
            connection::Entity::insert(convert::connection_row(new).into_active_model()).on_conflict(replace).exec_without_returning(db).await?
        }
        UpstreamChange::KeepRefreshed { connection } => {
            let row = convert::connection_row(connection);
            let still = of(&connection.user_id, connection.upstream.as_str()).add(N::Version.eq(connection.version - 1));
            let update = connection::Entity::update_many()
                .col_expr(N::Scopes, Expr::value(row.scopes))
                .col_expr(N::Tokens, Expr::value(row.tokens))
                .col_expr(N::ExpiresAt, Expr::value(row.expires_at))
                .col_expr(N::Version, Expr::value(row.version))
                .col_expr(N::RefreshingUntil, Expr::value(Option::<i64>::None))
                .col_expr(N::Problem, Expr::value(row.problem));
            update.filter(still).exec(db).await?.rows_affected
        }
        UpstreamChange::ClaimRefresh { user_id, upstream, version, now, until } => {
            let free = Condition::any().add(N::RefreshingUntil.is_null()).add(N::RefreshingUntil.lte(now.0));
            let still = of(user_id, upstream.as_str()).add(N::Version.eq(*version)).add(free);
            connection::Entity::update_many().col_expr(N::RefreshingUntil, Expr::value(until.0)).filter(still).exec(db).await?.rows_affected
        }
        UpstreamChange::DeleteConnection { user_id, upstream } => {
            connection::Entity::delete_many().filter(of(user_id, upstream.as_str())).exec(db).await?;
            1
        }
        UpstreamChange::InsertAttempt(new) => connect_attempt::Entity::insert(convert::attempt_row(new).into_active_model()).exec_without_returning(db).await?,
        UpstreamChange::RedeemAttempt { state, upstream, user_id, browser, now } => {
            use connect_attempt::Column as A;
            let awaited = Condition::all()
                .add(A::State.eq(state.as_str()))
                .add(A::Upstream.eq(upstream.as_str()))
                .add(A::UserId.eq(user_id.as_str()))
                .add(A::Browser.eq(browser.as_str()))
                .add(A::ConsumedAt.is_null())
                .add(A::ExpiresAt.gt(now.0));
            connect_attempt::Entity::update_many().col_expr(A::ConsumedAt, Expr::value(now.0)).filter(awaited).exec(db).await?.rows_affected
        }
        _ => 1,
    };
    Ok(rows == 1)
}

/// Deletes what belongs to a person who goes.
pub(super) async fn forget<C: ConnectionTrait>(db: &C, user_id: &UserId) -> Result<(), DbErr> {
    connection::Entity::delete_many().filter(connection::Column::UserId.eq(user_id.as_str())).exec(db).await?;
    connect_attempt::Entity::delete_many().filter(connect_attempt::Column::UserId.eq(user_id.as_str())).exec(db).await?;
    kept_result::Entity::delete_many().filter(kept_result::Column::UserId.eq(user_id.as_str())).exec(db).await.map(drop)
}
