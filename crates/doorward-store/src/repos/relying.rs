//! The use of sessions by relying parties.

use doorward_model::{ClientId, EndedUse, RelyingSession, SessionId, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use crate::{
    Store, StoreError,
    convert::relying as convert,
    entities::{
        relying_session::{Column as R, Entity},
        session,
    },
};

impl Store {
    /// The use of a session by a relying party, if there is one that did not end.
    pub async fn relying_session(
        &self,
        session_id: &SessionId,
        client_id: &ClientId,
    ) -> Result<Option<RelyingSession>, StoreError> {
        let found = Entity::find()
            .filter(R::SessionId.eq(session_id.as_str()))
            .filter(R::ClientId.eq(client_id.as_str()))
            .filter(R::DueAt.is_null())
            .order_by_asc(R::Sid);
        Ok(self.point().one(found).await?.map(convert::session))
    }

    /// Uses that ended, of which relying parties are to be told at `now`. A use ends with its
    /// session: whatever ends a session need not know of relying parties.
    pub async fn ended_uses(&self, now: Timestamp, most: u64) -> Result<Vec<EndedUse>, StoreError> {
        let sessions = session::Entity::find().select_only().column(session::Column::Id);
        let without = R::DueAt.is_null().and(R::SessionId.not_in_subquery(sessions.into_query()));
        let ended = Condition::any().add(R::DueAt.lte(now.0)).add(without);
        let found = Entity::find().filter(ended).order_by_asc(R::Sid).limit(most);
        Ok(found.all(&self.reader).await?.into_iter().map(convert::ended).collect())
    }
}
