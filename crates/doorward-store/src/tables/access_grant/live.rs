//! A user's grants that count at a moment.

use doorward_model::{ClientId, ClientSource, Grant, Timestamp, UserId};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use super::{Column, Entity, from_row};
use crate::{Store, StoreError, tables::client};

/// Maximum number of grants of one user to one client that are read at once. More than one client's
/// installations have; the issuer ends those beyond its own, smaller bound.
const GRANTS_READ: u64 = 50;

impl Store {
    /// A user's grants that count at `now`, newest first.
    pub async fn live_grants_of(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<Grant>, StoreError> {
        let live = Where::all()
            .add(Column::UserId.eq(user_id.as_str()))
            .add(Column::RevokedAt.is_null())
            .add(Column::ExpiresAt.gt(now.0));
        let rows = Entity::find()
            .filter(live)
            .order_by_desc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// A user's grants to one client that count at `now`, those used last first. Only the first
    /// fifty: a client has no more, unless an earlier release left them.
    pub async fn live_grants_to(
        &self,
        user_id: &UserId,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<Vec<Grant>, StoreError> {
        // Described where it is called: the text is kept, so that most calls need no description.
        let last_used_first = || {
            let live = Where::all()
                .add(Column::UserId.eq(user_id.as_str()))
                .add(Column::ClientId.eq(client_id.as_str()))
                .add(Column::RevokedAt.is_null())
                .add(Column::ExpiresAt.gt(now.0));
            Entity::find().filter(live).order_by_desc(Column::LastUsedAt).limit(GRANTS_READ)
        };
        let values =
            [user_id.as_str().into(), client_id.as_str().into(), now.0.into(), GRANTS_READ.into()];
        let rows = self.point().all_kept("live grants", &values, last_used_first).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// A user's grants that count at `now` to clients that registered themselves under one name,
    /// those used last first; the first fifty.
    pub async fn live_grants_to_name(
        &self,
        user_id: &UserId,
        name: &str,
        now: Timestamp,
    ) -> Result<Vec<Grant>, StoreError> {
        let last_used_first = || {
            let named = client::Entity::find()
                .select_only()
                .expr(Expr::val(1))
                .filter(client::Column::Source.eq(ClientSource::Registration.as_str()))
                .filter(client::Column::Name.eq(name))
                .filter(
                    Expr::col((client::Entity, client::Column::Id))
                        .equals((Entity, Column::ClientId)),
                )
                .into_query();
            let live = Where::all()
                .add(Column::UserId.eq(user_id.as_str()))
                .add(Column::RevokedAt.is_null())
                .add(Column::ExpiresAt.gt(now.0))
                .add(Expr::exists(named));
            Entity::find().filter(live).order_by_desc(Column::LastUsedAt).limit(GRANTS_READ)
        };
        let values = [
            user_id.as_str().into(),
            now.0.into(),
            1_i32.into(),
            ClientSource::Registration.as_str().into(),
            name.into(),
            GRANTS_READ.into(),
        ];
        let rows = self.point().all_kept("live grants to a name", &values, last_used_first).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Counts a user's grants to one client that are valid at `now`.
    pub async fn count_grants_to(
        &self,
        user_id: &UserId,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let live = Where::all()
            .add(Column::UserId.eq(user_id.as_str()))
            .add(Column::ClientId.eq(client_id.as_str()))
            .add(Column::RevokedAt.is_null())
            .add(Column::ExpiresAt.gt(now.0));
        Ok(self.point().count(Entity::find().filter(live)).await?)
    }
}
