//! Invitations of users to sign in through an identity provider.

use doorward_model::{AuditKind, AuditSubject, Invitation, ProviderId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter,
    entity::prelude::*, sea_query::OnConflict,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, about, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub provider: String,
    pub email: String,
    pub user_id: String,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}

pub(crate) fn from_row(row: Model) -> Invitation {
    Invitation {
        provider: ProviderId::from_stored(row.provider),
        email: row.email,
        user_id: UserId::from_text(row.user_id),
        created_at: Timestamp(row.created_at),
    }
}

impl Store {
    /// The user invited under an e-mail address at a provider.
    pub async fn invitation(
        &self,
        provider: &ProviderId,
        email: &str,
    ) -> Result<Option<Invitation>, StoreError> {
        Ok(self.point().by_id::<Entity>(Invitation::key(provider, email)).await?.map(from_row))
    }
}

pub(crate) fn put(new: &Invitation) -> Write {
    let row = ActiveModel {
        id: Set(Invitation::key(&new.provider, &new.email)),
        provider: Set(new.provider.as_str().to_owned()),
        email: Set(new.email.to_lowercase()),
        user_id: Set(new.user_id.as_str().to_owned()),
        created_at: Set(new.created_at.0),
    };
    let replace = OnConflict::column(Column::Id)
        .update_columns([Column::UserId, Column::CreatedAt])
        .to_owned();
    let event = about(AuditKind::UserInvited, AuditSubject::Invitation, &new.email);
    Write {
        name: Name::Always("put_invitation"),
        work: run(Entity::insert(row).on_conflict(replace)),
        stale: None,
        audit: Audit::Entry(event.detail(json!({"provider": new.provider.as_str()}).to_string())),
    }
}

pub(crate) fn redeem(provider: &ProviderId, email: &str) -> Write {
    Write {
        name: Name::Decides(Condition::RedeemInvitation),
        work: run(Entity::delete_many().filter(Column::Id.eq(Invitation::key(provider, email)))),
        stale: None,
        // The link of the same unit has the entry.
        audit: Audit::Silent,
    }
}
