//! Upstreams, pinned tools, connections, kept results.

use std::sync::Arc;

use doorward_model::{
    Connection, HashedToken, Timestamp, UpstreamName, UpstreamTrust, UserId,
    trust::Revocation,
    upstream::{
        ConnectAttempt, KeptEntry, KeptResult, PinnedTool, StoredUpstream, UpstreamRegistration,
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    Store, StoreError,
    convert::upstreams as convert,
    entities::{
        connect_attempt, connection, kept_result, token_revocation, upstream,
        upstream_registration, upstream_tool, upstream_trust,
    },
};

impl Store {
    /// The upstreams that were added by command, by name.
    pub async fn upstreams(&self) -> Result<Arc<Vec<StoredUpstream>>, StoreError> {
        let read = || async move {
            let rows = upstream::Entity::find()
                .order_by_asc(upstream::Column::Name)
                .all(&self.reader)
                .await?;
            rows.into_iter().map(convert::upstream).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.upstreams.get(&(), read).await?.unwrap_or_default())
    }
    /// The identities of all upstreams with their pins, by name.
    pub async fn upstream_trusts(&self) -> Result<Arc<Vec<UpstreamTrust>>, StoreError> {
        let read = || async move {
            let rows = upstream_trust::Entity::find()
                .order_by_asc(upstream_trust::Column::Upstream)
                .all(&self.reader)
                .await?;
            rows.into_iter().map(convert::trust).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.trusts.get(&(), read).await?.unwrap_or_default())
    }
    /// The identity of an upstream as it is at this moment, for callers that change it.
    pub async fn upstream_trust_now(
        &self,
        name: UpstreamName,
    ) -> Result<Option<UpstreamTrust>, StoreError> {
        let row = self.point().one(upstream_trust::Entity::find_by_id(name.as_str())).await?;
        row.map(convert::trust).transpose()
    }
    /// The issuers of the connections to an upstream with an unknown resource.
    pub async fn issuers_of_old_connections(
        &self,
        name: UpstreamName,
    ) -> Result<Vec<String>, StoreError> {
        use connection::Column as N;
        let issuers = connection::Entity::find()
            .select_only()
            .column(N::Issuer)
            .distinct()
            .filter(N::Upstream.eq(name.as_str()))
            .filter(N::Resource.is_null());
        Ok(issuers.into_tuple().all(&self.reader).await?)
    }
    /// Revocations that are due at `now`, the oldest first.
    pub async fn revocations_due(
        &self,
        now: Timestamp,
        most: u64,
    ) -> Result<Vec<Revocation>, StoreError> {
        use token_revocation::Column as V;
        let due = token_revocation::Entity::find().filter(V::DueAt.lte(now.0));
        let due = due.order_by_asc(V::DueAt).order_by_asc(V::Id).limit(most);
        due.all(&self.reader).await?.into_iter().map(convert::revocation).collect()
    }
    /// Records of an upstream's tools, by name.
    pub async fn pinned_tools(
        &self,
        name: UpstreamName,
    ) -> Result<Arc<Vec<PinnedTool>>, StoreError> {
        let read = || async move {
            let which = upstream_tool::Entity::find()
                .filter(upstream_tool::Column::Upstream.eq(name.as_str()));
            let rows = which.order_by_asc(upstream_tool::Column::Tool).all(&self.reader).await?;
            rows.into_iter().map(convert::tool).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.pinned.get(&name.as_str().to_owned(), read).await?.unwrap_or_default())
    }
    /// This server's registration at an upstream's authorization server, straight from the
    /// database.
    pub async fn upstream_registration(
        &self,
        name: UpstreamName,
        issuer: &str,
    ) -> Result<Option<UpstreamRegistration>, StoreError> {
        let key = (name.as_str().to_owned(), issuer.to_owned());
        self.point()
            .one(upstream_registration::Entity::find_by_id(key))
            .await?
            .map(convert::registration)
            .transpose()
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
            let rows = connection::Entity::find()
                .filter(connection::Column::UserId.eq(user_id.as_str()))
                .order_by_asc(connection::Column::Upstream);
            self.point()
                .all(rows)
                .await?
                .into_iter()
                .map(convert::connection)
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
        self.point()
            .one(connection::Entity::find_by_id(key))
            .await?
            .map(convert::connection)
            .transpose()
    }
    /// How many users are connected to an upstream.
    pub async fn count_connections(&self, name: UpstreamName) -> Result<u64, StoreError> {
        use sea_orm::PaginatorTrait;
        Ok(connection::Entity::find()
            .filter(connection::Column::Upstream.eq(name.as_str()))
            .count(&self.reader)
            .await?)
    }
    /// A user on the way to an upstream's authorization server, straight from the database.
    pub async fn connect_attempt(
        &self,
        state: &HashedToken,
    ) -> Result<Option<ConnectAttempt>, StoreError> {
        self.point()
            .one(connect_attempt::Entity::find_by_id(state.as_str()))
            .await?
            .map(convert::attempt)
            .transpose()
    }
    /// A long result of this user that has not expired at `now`.
    pub async fn kept_result(
        &self,
        user_id: &UserId,
        id: &HashedToken,
        now: Timestamp,
    ) -> Result<Option<KeptResult>, StoreError> {
        use kept_result::Column as K;
        let theirs = kept_result::Entity::find_by_id(id.as_str())
            .filter(K::UserId.eq(user_id.as_str()))
            .filter(K::ExpiresAt.gt(now.0));
        Ok(theirs.one(&self.reader).await?.map(convert::kept))
    }
    /// The results of this user that have not expired at `now`, without their texts, the newest
    /// first.
    pub async fn kept_list(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<KeptEntry>, StoreError> {
        use kept_result::Column as K;
        let theirs = kept_result::Entity::find()
            .select_only()
            .columns([K::Id, K::Tool, K::Size])
            .filter(K::UserId.eq(user_id.as_str()))
            .filter(K::ExpiresAt.gt(now.0))
            .order_by_desc(K::CreatedAt)
            .order_by_desc(K::Id);
        let rows: Vec<(String, String, i64)> = theirs.into_tuple().all(&self.reader).await?;
        let entry = |(id, tool, size)| KeptEntry { id: HashedToken::from_stored(id), tool, size };
        Ok(rows.into_iter().map(entry).collect())
    }
    /// Results that are kept of this user under a tool's name and has not expired at `now`, the newest
    /// first.
    pub async fn kept_results(
        &self,
        user_id: &UserId,
        tool: &str,
        now: Timestamp,
    ) -> Result<Vec<KeptResult>, StoreError> {
        use kept_result::Column as K;
        let theirs = kept_result::Entity::find()
            .filter(K::UserId.eq(user_id.as_str()))
            .filter(K::Tool.eq(tool))
            .filter(K::ExpiresAt.gt(now.0));
        Ok(theirs
            .order_by_desc(K::CreatedAt)
            .all(&self.reader)
            .await?
            .into_iter()
            .map(convert::kept)
            .collect())
    }
}
