//! The use of sessions by relying parties.

use doorward_model::{ClientId, RelyingSession, SessionId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    Store, StoreError,
    convert::relying as convert,
    entities::relying_session::{Column as R, Entity},
};

impl Store {
    /// The use of a session by a relying party, if there is one.
    pub async fn relying_session(
        &self,
        session_id: &SessionId,
        client_id: &ClientId,
    ) -> Result<Option<RelyingSession>, StoreError> {
        let found = Entity::find()
            .filter(R::SessionId.eq(session_id.as_str()))
            .filter(R::ClientId.eq(client_id.as_str()))
            .order_by_asc(R::Sid);
        Ok(self.point().one(found).await?.map(convert::session))
    }
}
