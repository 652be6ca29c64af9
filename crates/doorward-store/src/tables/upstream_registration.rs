//! This server's registrations at the authorization servers of upstreams.

use doorward_model::{Sealed, Timestamp, UpstreamName, upstream::UpstreamRegistration};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, entity::prelude::*,
    sea_query::OnConflict,
};

use crate::{
    Store, StoreError,
    convert::upstream_name,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_registration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub issuer: String,
    pub credentials: String,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub resource: Option<String>,
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

pub(crate) fn from_row(row: Model) -> Result<UpstreamRegistration, StoreError> {
    Ok(UpstreamRegistration {
        upstream: upstream_name("upstream_registration", &row.upstream)?,
        issuer: row.issuer,
        resource: row.resource,
        credentials: Sealed::from_stored(row.credentials),
        expires_at: row.expires_at.map(Timestamp),
        created_at: Timestamp(row.created_at),
    })
}

pub(crate) fn to_row(registration: &UpstreamRegistration) -> Model {
    Model {
        upstream: registration.upstream.as_str().to_owned(),
        issuer: registration.issuer.clone(),
        resource: registration.resource.clone(),
        credentials: registration.credentials.as_str().to_owned(),
        expires_at: registration.expires_at.map(|at| at.0),
        created_at: registration.created_at.0,
    }
}

impl Store {
    /// This server's registration at an upstream's authorization server, straight from the
    /// database.
    pub async fn upstream_registration(
        &self,
        name: UpstreamName,
        issuer: &str,
    ) -> Result<Option<UpstreamRegistration>, StoreError> {
        let key = (name.as_str().to_owned(), issuer.to_owned());
        self.point().by_id::<Entity>(key).await?.map(from_row).transpose()
    }
}

pub(crate) fn put(new: &UpstreamRegistration) -> Write {
    let replace = OnConflict::columns([Column::Upstream, Column::Issuer])
        .update_columns([
            Column::Credentials,
            Column::Resource,
            Column::ExpiresAt,
            Column::CreatedAt,
        ])
        .to_owned();
    Write {
        name: Name::Always("put_upstream_registration"),
        work: run(Entity::insert(to_row(new).into_active_model()).on_conflict(replace)),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(crate) fn delete(upstream: &UpstreamName, issuer: &str) -> Write {
    let which =
        Where::all().add(Column::Upstream.eq(upstream.as_str())).add(Column::Issuer.eq(issuer));
    Write {
        name: Name::Always("delete_upstream_registration"),
        work: run(Entity::delete_many().filter(which)),
        stale: None,
        audit: Audit::Silent,
    }
}
