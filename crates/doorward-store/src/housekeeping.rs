//! Deletes expired rows, in small steps so that no request waits for it.

use doorward_model::{ClientSource, RevokeReason, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Store, StoreError,
    entities::{
        access_grant, access_token, audit_record, authorization_code, client, connect_attempt,
        connect_step, device_authorization, kept_result, login_failure, one_time_link,
        refresh_token, relying_session, session, sign_in, signing_key, spent_value,
    },
    tables::pushed_request,
};

/// For how many seconds the steps of connecting clients are kept: a week.
const STEPS_KEPT: i64 = 7 * 86_400;
/// For how many seconds a token that expired is still shown: a month.
const TOKENS_KEPT: i64 = 30 * 86_400;

/// The most rows that one step deletes: a few milliseconds of writing.
const STEP: u64 = 200;

macro_rules! sweep {
    ($self:ident, $entity:ident, $key:ident, $which:expr) => {{
        let mut total = 0;
        loop {
            let some = $entity::Entity::find()
                .select_only()
                .column($entity::Column::$key)
                .filter($which)
                .limit(STEP)
                .into_query();
            let done = $entity::Entity::delete_many()
                .filter($entity::Column::$key.in_subquery(some))
                .exec(&*$self.sweeper.turn().await)
                .await?;
            total += done.rows_affected;
            if done.rows_affected < STEP {
                break total;
            }
            tokio::task::yield_now().await;
        }
    }};
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
        rows += sweep!(
            self,
            session,
            Token,
            Condition::any()
                .add(session::Column::ExpiresAt.lt(now.0))
                .add(session::Column::EndsAt.lt(now.0))
        );
        rows += sweep!(
            self,
            one_time_link,
            Token,
            one_time_link::Column::ExpiresAt.lt(now.plus(-86_400).0)
        );
        // A spent one stays for as long as a replay of its code is likely.
        rows += sweep!(
            self,
            device_authorization,
            DeviceCode,
            device_authorization::Column::ExpiresAt.lt(now.plus(-86_400).0)
        );
        rows +=
            sweep!(self, pushed_request, Reference, pushed_request::Column::ExpiresAt.lt(now.0));
        rows += sweep!(self, sign_in, State, sign_in::Column::ExpiresAt.lt(now.0));
        rows += sweep!(self, connect_attempt, State, connect_attempt::Column::ExpiresAt.lt(now.0));
        rows += sweep!(self, kept_result, Id, kept_result::Column::ExpiresAt.lt(now.0));
        rows +=
            sweep!(self, connect_step, Seq, connect_step::Column::At.lt(now.plus(-STEPS_KEPT).0));
        rows += sweep!(
            self,
            access_token,
            Id,
            access_token::Column::ExpiresAt.lt(now.plus(-TOKENS_KEPT).0)
        );
        rows += sweep!(self, spent_value, Name, spent_value::Column::ExpiresAt.lt(now.0));
        rows += sweep!(
            self,
            login_failure,
            Name,
            login_failure::Column::LastAt.lt(now.plus(-7 * 86_400).0)
        );
        rows +=
            sweep!(self, signing_key, Kid, signing_key::Column::RetiresAt.lt(now.plus(-86_400).0));
        // Before the grants that tell of them.
        rows += self.delete_succeeded_clients(now).await?;
        rows += self.delete_dead_grants(now).await?;
        Ok(rows + self.delete_unused_clients(now.plus(-unused_clients_after)).await?)
    }

    /// Deletes the use of sessions that expired. Relying parties are told of the end of sessions
    /// that was wanted, and not of this one: their own sessions expire by their own rules.
    async fn delete_expired_uses(&self, now: Timestamp) -> Result<u64, StoreError> {
        use relying_session::Column as R;
        let expired = || {
            let expired = Condition::any()
                .add(session::Column::ExpiresAt.lt(now.0))
                .add(session::Column::EndsAt.lt(now.0));
            session::Entity::find().select_only().column(session::Column::Id).filter(expired)
        };
        let which = || R::DueAt.is_null().and(R::SessionId.in_subquery(expired().into_query()));
        Ok(sweep!(self, relying_session, Sid, which()))
    }

    /// Deletes clients that were added before `before`, were never authorised, and on which no
    /// administrator decided.
    pub async fn delete_unused_clients(&self, before: Timestamp) -> Result<u64, StoreError> {
        let unused = || {
            Condition::all()
                .add(client::Column::Source.ne(ClientSource::Administrator.as_str()))
                .add(client::Column::AuthorizedAt.is_null())
                .add(client::Column::DisabledAt.is_null())
                .add(client::Column::ApprovedAt.is_null())
                .add(client::Column::PinnedAt.is_null())
                .add(client::Column::CreatedAt.lt(before.0))
        };
        let clients = sweep!(self, client, Id, unused());
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
        let succeeded = || {
            Condition::all()
                .add(client::Column::Source.eq(ClientSource::Registration.as_str()))
                .add(client::Column::DisabledAt.is_null())
                .add(client::Column::ApprovedAt.is_null())
                .add(Expr::exists(grants(again.clone())))
                .add(Expr::exists(grants(left.clone())).not())
        };
        let clients = sweep!(self, client, Id, succeeded());
        if clients > 0 {
            self.caches.clients.forget_all();
        }
        Ok(clients)
    }

    /// Deletes recorded arguments and results that are older than `at`.
    pub async fn delete_records(&self, at: Timestamp) -> Result<u64, StoreError> {
        Ok(sweep!(self, audit_record, Id, audit_record::Column::At.lt(at.0)))
    }

    async fn delete_dead_grants(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut rows = 0;
        // A grant that ended is kept for a day more, so that late requests are refused for the
        // right reason.
        let ended = now.plus(-86_400).0;
        let dead = || {
            Condition::any()
                .add(access_grant::Column::ExpiresAt.lt(ended))
                .add(access_grant::Column::RevokedAt.lt(ended))
        };
        let dead_ids = || {
            access_grant::Entity::find()
                .select_only()
                .column(access_grant::Column::Id)
                .filter(dead())
                .into_query()
        };
        rows += sweep!(
            self,
            refresh_token,
            Token,
            refresh_token::Column::GrantId.in_subquery(dead_ids())
        );
        rows += sweep!(
            self,
            authorization_code,
            Token,
            authorization_code::Column::GrantId.in_subquery(dead_ids())
        );
        rows += sweep!(self, access_grant, Id, dead());
        // Codes that never became a grant.
        let grant_of_code = access_grant::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(
                Expr::col((access_grant::Entity, access_grant::Column::Id))
                    .equals((authorization_code::Entity, authorization_code::Column::GrantId)),
            )
            .into_query();
        let orphan = || {
            Condition::all()
                .add(authorization_code::Column::ExpiresAt.lt(ended))
                .add(Expr::exists(grant_of_code.clone()).not())
        };
        rows += sweep!(self, authorization_code, Token, orphan());
        Ok(rows)
    }
}
