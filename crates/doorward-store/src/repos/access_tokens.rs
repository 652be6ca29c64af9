//! Reads of personal and service tokens, recorded calls and connecting clients.

use std::sync::Arc;

use doorward_model::{
    AccessToken, AccessTokenId, ConnectStep, HashedToken, Sealed, Timestamp, UserId,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    Store, StoreError, convert,
    entities::{access_token, audit_record, connect_step},
};

/// The most steps that one read assembles.
const STEPS: u64 = 5000;

impl Store {
    /// The token with this value, live or not.
    pub async fn access_token(
        &self,
        token: &HashedToken,
    ) -> Result<Option<Arc<AccessToken>>, StoreError> {
        let read = || async move {
            let row = self
                .point()
                .one(
                    access_token::Entity::find()
                        .filter(access_token::Column::Token.eq(token.as_str())),
                )
                .await?;
            row.map(convert::access_tokens::token).transpose()
        };
        self.caches.access_tokens.get(&token.as_str().to_owned(), read).await
    }
    /// A user's tokens, revoked ones too, the newest first.
    pub async fn access_tokens_of(&self, user_id: &UserId) -> Result<Vec<AccessToken>, StoreError> {
        use access_token::Column as T;
        let rows = access_token::Entity::find()
            .filter(T::UserId.eq(user_id.as_str()))
            .order_by_desc(T::CreatedAt)
            .order_by_asc(T::Id)
            .limit(1000);
        rows.all(&self.reader).await?.into_iter().map(convert::access_tokens::token).collect()
    }
    /// All tokens, the newest first.
    pub async fn access_tokens(&self, limit: u64) -> Result<Vec<AccessToken>, StoreError> {
        use access_token::Column as T;
        let rows = access_token::Entity::find()
            .order_by_desc(T::CreatedAt)
            .order_by_asc(T::Id)
            .limit(limit);
        rows.all(&self.reader).await?.into_iter().map(convert::access_tokens::token).collect()
    }
    /// The token with this handle, straight from the database.
    pub async fn access_token_of_id(
        &self,
        id: &AccessTokenId,
    ) -> Result<Option<AccessToken>, StoreError> {
        access_token::Entity::find_by_id(id.as_str())
            .one(&self.reader)
            .await?
            .map(convert::access_tokens::token)
            .transpose()
    }
    /// How many live tokens a user has.
    pub async fn count_access_tokens(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        use access_token::Column as T;
        let live = access_token::Entity::find()
            .filter(T::UserId.eq(user_id.as_str()))
            .filter(T::RevokedAt.is_null())
            .filter(T::ExpiresAt.gt(now.0));
        Ok(live.count(&self.reader).await?)
    }
    /// The recorded arguments and result of a call.
    pub async fn audit_record(&self, id: &str) -> Result<Option<Sealed>, StoreError> {
        Ok(audit_record::Entity::find_by_id(id)
            .one(&self.reader)
            .await?
            .map(|row| Sealed::from_stored(row.body)))
    }
    /// The steps of connecting clients since a moment, the oldest first; of very many, the last
    /// ones.
    pub async fn connect_steps(&self, since: Timestamp) -> Result<Vec<ConnectStep>, StoreError> {
        let rows = connect_step::Entity::find()
            .filter(connect_step::Column::At.gte(since.0))
            .order_by_desc(connect_step::Column::Seq)
            .limit(STEPS)
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().rev().filter_map(convert::access_tokens::step).collect())
    }
}
