//! Table `pushed_request`: authorization requests that clients pushed (RFC 9126).

use doorward_model::{ClientId, HashedToken, PushedRequest, Sealed, Timestamp};
use sea_orm::{ActiveValue::Set, Condition as Where, PaginatorTrait, entity::prelude::*};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, fresh, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pushed_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    pub client_id: String,
    pub params: String,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Where::all().add(Column::ExpiresAt.lt(now.0)))
    }
}

impl Store {
    /// The pushed request with this reference, whose client it may be and whether or not it has
    /// expired.
    pub async fn pushed_request(
        &self,
        reference: &HashedToken,
    ) -> Result<Option<PushedRequest>, StoreError> {
        let row = self.point().by_id::<Entity>(reference.as_str()).await?;
        Ok(row.map(|row| PushedRequest {
            reference: HashedToken::from_stored(row.reference),
            client_id: ClientId::from_text(row.client_id),
            params: Sealed::from_stored(row.params),
            expires_at: Timestamp(row.expires_at),
        }))
    }

    /// The number of pushed requests that may still be used.
    pub async fn count_pushed_requests(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(Column::ExpiresAt.gt(now.0)).count(&self.reader).await?)
    }
}

/// Stores a pushed request.
pub(crate) fn push(request: &PushedRequest) -> Write {
    let row = ActiveModel {
        reference: Set(request.reference.as_str().to_owned()),
        client_id: Set(request.client_id.as_str().to_owned()),
        params: Set(request.params.as_str().to_owned()),
        expires_at: Set(request.expires_at.0),
    };
    Write {
        name: Name::Always("push_request"),
        work: run(fresh(row)),
        stale: None,
        // Nothing is given before a user decides.
        audit: Audit::Silent,
    }
}

/// Uses a pushed request up: of all requests that refer to it, at any replica, one deletes the row.
pub(crate) fn spend(reference: &HashedToken, client_id: &ClientId, now: Timestamp) -> Write {
    Write {
        name: Name::Decides(Condition::UsePushed),
        work: run(Entity::delete_many()
            .filter(Column::Reference.eq(reference.as_str()))
            .filter(Column::ClientId.eq(client_id.as_str()))
            .filter(Column::ExpiresAt.gt(now.0))),
        stale: None,
        audit: Audit::Silent,
    }
}
