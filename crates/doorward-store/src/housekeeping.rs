//! Deletes expired rows, in small steps so that no request waits for it.

use doorward_model::{ClientSource, RevokeReason, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Iterable, PrimaryKeyToColumn, QueryFilter, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait, IntoCondition},
};

use crate::{
    Store, StoreError,
    tables::{
        self, EachTable, Table, access_grant, audit_record, authorization_code, client,
        refresh_token, relying_session, session,
    },
};

/// Maximum number of rows that one step deletes: a few milliseconds of writing.
const STEP: u64 = 200;

/// The deletion of the rows that every table states to be expired.
struct Sweep<'a> {
    store: &'a Store,
    now: Timestamp,
    rows: u64,
}

impl EachTable for Sweep<'_> {
    async fn table<T: Table>(&mut self) -> Result<(), StoreError> {
        if let Some(expired) = T::expired(self.now) {
            self.rows += self.store.sweep::<T>(expired).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Deletes everything that no longer matters at `now` and returns the number of rows.
    /// `unused_clients_after` is how many seconds a registration may stay unused; one that a user
    /// ever authorised is never deleted (I13).
    ///
    /// Spent codes and rotated refresh tokens stay for as long as their grant may live, so that a
    /// replay is still recognised.
    pub async fn delete_expired(
        &self,
        now: Timestamp,
        unused_clients_after: i64,
    ) -> Result<u64, StoreError> {
        // First, so that a use that has no session is one whose session was ended.
        let mut rows = self.delete_expired_uses(now).await?;
        let mut sweep = Sweep { store: self, now, rows: 0 };
        tables::each(&mut sweep).await?;
        rows += sweep.rows;
        // Before the grants that tell of them.
        rows += self.delete_succeeded_clients(now).await?;
        rows += self.delete_dead_grants(now).await?;
        Ok(rows + self.delete_unused_clients(now.plus(-unused_clients_after)).await?)
    }

    /// Deletes the use of sessions that expired. Relying parties are told of the end of sessions
    /// that was wanted, and not of this one: their own sessions expire by their own rules.
    async fn delete_expired_uses(&self, now: Timestamp) -> Result<u64, StoreError> {
        use relying_session::Column as R;
        let expired = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .filter(session::over(now))
            .into_query();
        let which = Condition::all().add(R::DueAt.is_null()).add(R::SessionId.in_subquery(expired));
        self.sweep::<relying_session::Entity>(which).await
    }

    /// Deletes clients that were added before `before`, were never authorised, and on which no
    /// administrator decided.
    pub async fn delete_unused_clients(&self, before: Timestamp) -> Result<u64, StoreError> {
        let unused = Condition::all()
            .add(client::Column::Source.ne(ClientSource::Administrator.as_str()))
            .add(client::Column::AuthorizedAt.is_null())
            .add(client::Column::DisabledAt.is_null())
            .add(client::Column::ApprovedAt.is_null())
            .add(client::Column::PinnedAt.is_null())
            .add(client::Column::CreatedAt.lt(before.0));
        let clients = self.sweep::<client::Entity>(unused).await?;
        if clients > 0 {
            self.caches.clients.forget_all();
        }
        Ok(clients)
    }

    /// Deletes registrations whose software registered again: a day after their last grant ended
    /// for that, if no other is left and no administrator decided on them.
    async fn delete_succeeded_clients(&self, now: Timestamp) -> Result<u64, StoreError> {
        use access_grant::Column as G;
        let ended = now.plus(-86_400).0;
        let grants = |which: Condition| {
            access_grant::Entity::find()
                .select_only()
                .expr(Expr::val(1))
                .filter(
                    Expr::col((access_grant::Entity, G::ClientId))
                        .equals((client::Entity, client::Column::Id)),
                )
                .filter(which)
                .into_query()
        };
        let again = Condition::all()
            .add(G::RevokeReason.eq(RevokeReason::RegisteredAgain.as_str()))
            .add(G::RevokedAt.lt(ended));
        let left = Condition::any().add(G::RevokedAt.is_null()).add(G::RevokedAt.gte(ended));
        let succeeded = Condition::all()
            .add(client::Column::Source.eq(ClientSource::Registration.as_str()))
            .add(client::Column::DisabledAt.is_null())
            .add(client::Column::ApprovedAt.is_null())
            .add(Expr::exists(grants(again)))
            .add(Expr::exists(grants(left)).not());
        let clients = self.sweep::<client::Entity>(succeeded).await?;
        if clients > 0 {
            self.caches.clients.forget_all();
        }
        Ok(clients)
    }

    /// Deletes recorded arguments and results that are older than `at`.
    pub async fn delete_records(&self, at: Timestamp) -> Result<u64, StoreError> {
        self.sweep::<audit_record::Entity>(audit_record::Column::At.lt(at.0).into_condition()).await
    }

    async fn delete_dead_grants(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut rows = 0;
        // A grant that ended is kept for a day more, so that late requests are refused for the
        // right reason.
        let ended = now.plus(-86_400).0;
        let dead = Condition::any()
            .add(access_grant::Column::ExpiresAt.lt(ended))
            .add(access_grant::Column::RevokedAt.lt(ended));
        let dead_ids = access_grant::Entity::find()
            .select_only()
            .column(access_grant::Column::Id)
            .filter(dead.clone())
            .into_query();
        let of_dead = refresh_token::Column::GrantId.in_subquery(dead_ids.clone());
        rows += self.sweep::<refresh_token::Entity>(of_dead.into_condition()).await?;
        let of_dead = authorization_code::Column::GrantId.in_subquery(dead_ids);
        rows += self.sweep::<authorization_code::Entity>(of_dead.into_condition()).await?;
        rows += self.sweep::<access_grant::Entity>(dead).await?;
        // Codes that never became a grant.
        let grant_of_code = access_grant::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(
                Expr::col((access_grant::Entity, access_grant::Column::Id))
                    .equals((authorization_code::Entity, authorization_code::Column::GrantId)),
            )
            .into_query();
        let orphan = Condition::all()
            .add(authorization_code::Column::ExpiresAt.lt(ended))
            .add(Expr::exists(grant_of_code).not());
        rows += self.sweep::<authorization_code::Entity>(orphan).await?;
        Ok(rows)
    }

    /// Deletes the rows of a table that meet a condition, and returns their number.
    async fn sweep<E: EntityTrait>(&self, which: Condition) -> Result<u64, StoreError> {
        let mut total = 0;
        let keys: Vec<_> = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
        // Rows that share only a part of their key would go too.
        let [key] = keys[..] else { return Ok(total) };
        loop {
            let some =
                E::find().select_only().column(key).filter(which.clone()).limit(STEP).into_query();
            let done = E::delete_many()
                .filter(key.in_subquery(some))
                .exec(&*self.sweeper.turn().await)
                .await?;
            total += done.rows_affected;
            if done.rows_affected < STEP {
                return Ok(total);
            }
            tokio::task::yield_now().await;
        }
    }
}
