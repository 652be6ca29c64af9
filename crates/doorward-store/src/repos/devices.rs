//! Device authorizations.

use doorward_model::{HashedToken, Timestamp, device::DeviceAuthorization};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::{
    Store, StoreError,
    convert::devices as convert,
    entities::device_authorization::{Column as D, Entity},
};

impl Store {
    /// The device authorization with this device code, in any state.
    pub async fn device(
        &self,
        device_code: &HashedToken,
    ) -> Result<Option<DeviceAuthorization>, StoreError> {
        let row = self.point().one(Entity::find_by_id(device_code.as_str())).await?;
        row.map(convert::device).transpose()
    }
    /// The device authorization with this user code, in any state.
    pub async fn device_of_user_code(
        &self,
        user_code: &HashedToken,
    ) -> Result<Option<DeviceAuthorization>, StoreError> {
        let row =
            self.point().one(Entity::find().filter(D::UserCode.eq(user_code.as_str()))).await?;
        row.map(convert::device).transpose()
    }
    /// The number of device authorizations that wait for a decision.
    pub async fn count_devices(&self, now: Timestamp) -> Result<u64, StoreError> {
        let waiting =
            Entity::find().filter(D::State.eq(convert::PENDING)).filter(D::ExpiresAt.gt(now.0));
        Ok(waiting.count(&self.reader).await?)
    }
}
