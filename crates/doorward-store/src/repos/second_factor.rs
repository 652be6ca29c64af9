//! Passkeys, authenticator apps, recovery codes: straight from the database, because they
//! authenticate users.

use doorward_model::{Passkey, Totp, UserId};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use crate::{
    Store, StoreError, convert,
    entities::{passkey, recovery_code, totp},
};

impl Store {
    /// A user's passkeys, the first added first.
    pub async fn passkeys_of(&self, user_id: &UserId) -> Result<Vec<Passkey>, StoreError> {
        let rows = self
            .point()
            .all(
                passkey::Entity::find()
                    .filter(passkey::Column::UserId.eq(user_id.as_str()))
                    .order_by_asc(passkey::Column::CreatedAt)
                    .order_by_asc(passkey::Column::Id),
            )
            .await?;
        Ok(rows.into_iter().map(convert::passkey).collect())
    }
    /// The passkey with this credential id.
    pub async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        Ok(self.point().one(passkey::Entity::find_by_id(id)).await?.map(convert::passkey))
    }
    /// A user's authenticator app, confirmed or not.
    pub async fn totp_of(&self, user_id: &UserId) -> Result<Option<Totp>, StoreError> {
        Ok(self.point().one(totp::Entity::find_by_id(user_id.as_str())).await?.map(convert::totp))
    }
    /// How many recovery codes a user has left.
    pub async fn recovery_codes_left(&self, user_id: &UserId) -> Result<u64, StoreError> {
        Ok(recovery_code::Entity::find()
            .filter(recovery_code::Column::UserId.eq(user_id.as_str()))
            .count(&self.reader)
            .await?)
    }
}
