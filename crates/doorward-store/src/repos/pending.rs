//! Counts of what waits for an administrator.

use std::collections::BTreeMap;

use doorward_model::{AuditKind, ClientId, ClientSource, Role, Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Store, StoreError,
    entities::{access_grant, audit, client, passkey, setting, totp, user},
};

impl Store {
    /// The number of clients that no administrator added or approved, and none blocked.
    pub async fn count_clients_to_approve(&self) -> Result<u64, StoreError> {
        use client::Column as C;
        Ok(client::Entity::find()
            .filter(C::Source.ne(ClientSource::Administrator.as_str()))
            .filter(C::ApprovedAt.is_null())
            .filter(C::DisabledAt.is_null())
            .count(&self.reader)
            .await?)
    }

    /// The values of several settings, by their names, in one statement. Those that are not set are
    /// left out.
    pub async fn settings(
        &self,
        names: Vec<String>,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = setting::Entity::find()
            .filter(setting::Column::Name.is_in(names))
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    /// The number of grants to a client that count at `now`.
    pub async fn count_client_grants(
        &self,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        use access_grant::Column as G;
        Ok(access_grant::Entity::find()
            .filter(G::ClientId.eq(client_id.as_str()))
            .filter(G::RevokedAt.is_null())
            .filter(G::ExpiresAt.gt(now.0))
            .count(&self.reader)
            .await?)
    }

    /// The number of users who sign in here with a password and have neither a passkey nor an
    /// authenticator app.
    pub async fn count_without_second_factor(&self) -> Result<u64, StoreError> {
        let own = || Expr::col((user::Entity, user::Column::Id));
        let passkeys = passkey::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(own().equals((passkey::Entity, passkey::Column::UserId)))
            .into_query();
        let apps = totp::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(own().equals((totp::Entity, totp::Column::UserId)))
            .filter(totp::Column::ConfirmedAt.is_not_null())
            .into_query();
        let service = format!("%\"{}\"%", Role::service());
        Ok(user::Entity::find()
            .filter(user::Column::DisabledAt.is_null())
            .filter(user::Column::Password.is_not_null())
            .filter(user::Column::Roles.not_like(service))
            .filter(Expr::exists(passkeys).not())
            .filter(Expr::exists(apps).not())
            .count(&self.reader)
            .await?)
    }

    /// The time of the last entry of a kind in the audit.
    pub async fn last_of_kind(&self, kind: AuditKind) -> Result<Option<Timestamp>, StoreError> {
        let last = audit::Entity::find()
            .filter(audit::Column::Kind.eq(kind.as_str()))
            .order_by_desc(audit::Column::Seq)
            .one(&self.reader)
            .await?;
        Ok(last.map(|entry| Timestamp(entry.at)))
    }

    /// True if a client was ever authorised by a user.
    pub async fn has_connected_client(&self) -> Result<bool, StoreError> {
        let one = client::Entity::find()
            .filter(client::Column::AuthorizedAt.is_not_null())
            .one(&self.reader)
            .await?;
        Ok(one.is_some())
    }
}
