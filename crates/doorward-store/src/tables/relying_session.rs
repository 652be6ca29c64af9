//! The use of sessions by relying parties.

use doorward_model::{
    ClientId, EndedUse, HashedToken, RelyingChange, RelyingParty, RelyingSession, ScopeSet,
    SessionId, Timestamp, UserId,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table, client, session},
    writes::{Audit, Name, Sql, Write, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "relying_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sid: String,
    pub session_id: String,
    pub client_id: String,
    pub user_id: String,
    pub scopes: String,
    pub created_at: i64,
    pub due_at: Option<i64>,
    pub tries: i64,
    pub openid: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::NotRestored;

    fn expired(_: Timestamp) -> Option<Where> {
        // `housekeeping.rs` deletes them: other tables decide.
        None
    }
}

pub(crate) fn from_row(row: Model) -> RelyingSession {
    RelyingSession {
        sid: row.sid,
        session_id: SessionId::from_text(row.session_id),
        client_id: ClientId::from_text(row.client_id),
        user_id: UserId::from_text(row.user_id),
        scopes: ScopeSet::from_stored(&row.scopes),
        created_at: Timestamp(row.created_at),
    }
}

pub(crate) fn ended_from_row(row: Model) -> EndedUse {
    let (due_at, tries) = (row.due_at.map(Timestamp), row.tries);
    let removed = row.openid.as_deref().and_then(RelyingParty::from_text);
    EndedUse { used: from_row(row), due_at, tries, removed }
}

pub(crate) fn to_row(session: &RelyingSession) -> ActiveModel {
    ActiveModel {
        sid: Set(session.sid.clone()),
        session_id: Set(session.session_id.as_str().to_owned()),
        client_id: Set(session.client_id.as_str().to_owned()),
        user_id: Set(session.user_id.as_str().to_owned()),
        scopes: Set(session.scopes.to_string()),
        created_at: Set(session.created_at.0),
        due_at: Set(None),
        tries: Set(0),
        openid: Set(None),
    }
}

impl Store {
    /// The use of a session by a relying party, if there is one that did not end.
    pub async fn relying_session(
        &self,
        session_id: &SessionId,
        client_id: &ClientId,
    ) -> Result<Option<RelyingSession>, StoreError> {
        let first = || {
            Entity::find()
                .filter(Column::SessionId.eq(session_id.as_str()))
                .filter(Column::ClientId.eq(client_id.as_str()))
                .filter(Column::DueAt.is_null())
                .order_by_asc(Column::Sid)
                .limit(1)
        };
        let values = [session_id.as_str().into(), client_id.as_str().into(), 1_u64.into()];
        let rows = self.point().all_kept("use of a session", &values, first).await?;
        Ok(rows.into_iter().next().map(from_row))
    }

    /// True if the use of a session with this `sid` did not end, and its session neither.
    pub async fn is_relying_session_open(&self, sid: &str) -> Result<bool, StoreError> {
        let open = || {
            let sessions = session::Entity::find().select_only().column(session::Column::Id);
            Entity::find()
                .filter(Column::Sid.eq(sid))
                .filter(Column::DueAt.is_null())
                .filter(Column::SessionId.in_subquery(sessions.into_query()))
        };
        let rows = self.point().all_kept("open use of a session", &[sid.into()], open).await?;
        Ok(!rows.is_empty())
    }

    /// Uses that ended, of which relying parties are to be told at `now`. A use ends with its
    /// session: whatever ends a session need not know of relying parties.
    pub async fn ended_uses(&self, now: Timestamp, most: u64) -> Result<Vec<EndedUse>, StoreError> {
        let sessions = session::Entity::find().select_only().column(session::Column::Id);
        let without =
            Column::DueAt.is_null().and(Column::SessionId.not_in_subquery(sessions.into_query()));
        let ended = Where::any().add(Column::DueAt.lte(now.0)).add(without);
        let found = Entity::find().filter(ended).order_by_asc(Column::Sid).limit(most);
        Ok(found.all(&self.reader).await?.into_iter().map(ended_from_row).collect())
    }
}

/// The write of a change to the use of a session.
pub(crate) fn of(change: RelyingChange) -> Write {
    match change {
        RelyingChange::Put(session) => put(&session),
        RelyingChange::Follow { from, to, user_id } => follow(&from, &to, &user_id),
        RelyingChange::ClaimNotice { sid, due, until } => claim(&sid, due, until),
        RelyingChange::Forget { sid } => silent(
            Name::Always("forget_relying_session"),
            Entity::delete_many().filter(Column::Sid.eq(sid)),
        ),
    }
}

/// A write whose cause has the entry in the audit: the consent, the sign-in, the end of the session.
fn silent(name: Name, sql: impl Into<Sql>) -> Write {
    Write { name, work: run(sql), stale: None, audit: Audit::Silent }
}

fn put(session: &RelyingSession) -> Write {
    let again = OnConflict::column(Column::Sid).update_column(Column::Scopes).to_owned();
    let insert = Entity::insert(to_row(session)).on_conflict(again);
    silent(Name::Always("put_relying_session"), insert)
}

fn follow(from: &HashedToken, to: &SessionId, user_id: &UserId) -> Write {
    let before = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::Token.eq(from.as_str()))
        .into_query();
    let update = Entity::update_many()
        .col_expr(Column::SessionId, Expr::value(to.as_str()))
        .filter(Column::UserId.eq(user_id.as_str()))
        .filter(Column::DueAt.is_null())
        .filter(Column::SessionId.in_subquery(before));
    silent(Name::Always("follow_relying_sessions"), update)
}

fn claim(sid: &str, due: Option<Timestamp>, until: Timestamp) -> Write {
    let seen = due.map_or_else(|| Column::DueAt.is_null(), |due| Column::DueAt.eq(due.0));
    let update = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(until.0))
        .col_expr(Column::Tries, Expr::col(Column::Tries).add(1))
        .filter(Column::Sid.eq(sid))
        .filter(seen);
    silent(Name::Decides(Condition::ClaimLogoutNotice), update)
}

/// Ends all uses by a client that is blocked or deleted. It keeps its settings with them: a client
/// that is deleted in the same unit has none when it is notified.
pub(crate) fn end_of_client(client_id: &ClientId, at: Timestamp) -> Sql {
    let settings = client::Entity::find()
        .select_only()
        .column(client::Column::Openid)
        .filter(client::Column::Id.eq(client_id.as_str()))
        .into_query();
    let settings = SimpleExpr::SubQuery(None, Box::new(settings.into()));
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(at.0))
        .col_expr(Column::Openid, settings)
        .filter(Column::ClientId.eq(client_id.as_str()))
        .filter(Column::DueAt.is_null())
        .into()
}

/// Ends uses: relying parties are told at once, and what was allowed in these sessions is not
/// allowed any more.
pub(crate) fn end(which: Where, at: Timestamp) -> Sql {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(at.0))
        .filter(which.add(Column::DueAt.is_null()))
        .into()
}
