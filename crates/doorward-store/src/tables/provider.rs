//! Identity providers that were added at run time.

use std::sync::Arc;

use doorward_model::{AuditKind, AuditSubject, ProviderId, Sealed, StoredProvider, Timestamp};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder,
    entity::prelude::*, sea_query::Expr,
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::{Row, Tagged, etag_of},
    condition::Condition,
    db::Db,
    invalidate::Invalidation,
    tables::{Copied, Table, access_grant, access_token, identity, invitation, session},
    writes::{Audit, Dependents, Name, Read, Work, Write, about, expect, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub settings: String,
    pub secret: Option<String>,
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

pub(crate) fn from_row(row: Model) -> StoredProvider {
    StoredProvider {
        id: ProviderId::from_stored(row.id),
        settings: row.settings,
        secret: row.secret.map(Sealed::from_stored),
        created_at: Timestamp(row.created_at),
    }
}

pub(crate) fn to_row(provider: &StoredProvider) -> ActiveModel {
    ActiveModel {
        id: Set(provider.id.as_str().to_owned()),
        settings: Set(provider.settings.clone()),
        secret: Set(provider.secret.as_ref().map(|sealed| sealed.as_str().to_owned())),
        created_at: Set(provider.created_at.0),
    }
}

impl Store {
    /// The providers that were added by command, by name.
    pub async fn providers(&self) -> Result<Arc<Vec<StoredProvider>>, StoreError> {
        let read = || async move {
            let rows = Entity::find().order_by_asc(Column::Id).all(&self.reader).await?;
            Ok(Some(rows.into_iter().map(from_row).collect()))
        };
        Ok(self.caches.providers.get(&(), read).await?.unwrap_or_default())
    }
}

pub(crate) fn insert(new: &StoredProvider) -> Write {
    Write {
        name: Name::Decides(Condition::Row("insert_provider")),
        work: run(Entity::insert(to_row(new)).on_conflict(nothing())),
        stale: Some(Invalidation::Providers),
        audit: Audit::Entry(about(
            AuditKind::ProviderAdded,
            AuditSubject::Provider,
            new.id.as_str(),
        )),
    }
}

pub(crate) fn update(
    new: &StoredProvider,
    seen: &str,
    seen_secret: Option<&Sealed>,
    changed: &[String],
) -> Write {
    let secret = seen_secret
        .map_or_else(|| Column::Secret.is_null(), |sealed| Column::Secret.eq(sealed.as_str()));
    let as_seen =
        Where::all().add(Column::Id.eq(new.id.as_str())).add(Column::Settings.eq(seen)).add(secret);
    let sealed = new.secret.as_ref().map(|sealed| sealed.as_str().to_owned());
    let event = about(AuditKind::ProviderChanged, AuditSubject::Provider, new.id.as_str());
    Write {
        name: Name::Decides(Condition::UpdateProvider),
        work: run(Entity::update_many()
            .col_expr(Column::Settings, Expr::value(new.settings.as_str()))
            .col_expr(Column::Secret, Expr::value(sealed))
            .filter(as_seen)),
        stale: Some(Invalidation::Providers),
        audit: Audit::Entry(event.detail(json!({ "changed": changed }).to_string())),
    }
}

/// An identity provider as the audit compares it: the number of accounts at it, and of their
/// dependents.
#[derive(Debug)]
struct Compared(Dependents);

impl Compared {
    fn of(provider: &ProviderId, passwords: bool) -> Self {
        let at = Timestamp(0);
        Self(Dependents { provider: provider.clone(), kept_issuers: None, at, passwords })
    }
}

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let id = self.0.provider.as_str();
            let accounts = identity::Entity::find()
                .filter(identity::Column::Provider.eq(id))
                .filter(identity::Column::EndedAt.is_null());
            let sessions = session::Entity::find().filter(self.0.sessions());
            let grants = access_grant::Entity::find().filter(self.0.grants());
            let access_tokens = access_token::Entity::find().filter(self.0.access_tokens());
            let invitations =
                invitation::Entity::find().filter(invitation::Column::Provider.eq(id));
            Ok(Some(json!({
                "accounts": db.count(accounts).await?,
                "sessions": db.count(sessions).await?,
                "grants": db.count(grants).await?,
                "access_tokens": db.count(access_tokens).await?,
                "invitations": db.count(invitations).await?,
            })))
        })
    }
}

/// The settings of a provider, of which a unit expects the state.
#[derive(Debug)]
struct Settings(ProviderId);

impl Tagged for Settings {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<Entity>(db, self.0.as_str(), |row| Ok(from_row(row).etag()))
    }
}

/// Demands that the settings of a provider are as they were read.
pub(crate) fn expect_seen(id: ProviderId, etag: String) -> Write {
    expect(Settings(id), etag)
}

pub(crate) fn delete(id: ProviderId, at: Timestamp, passwords: bool) -> Write {
    Write {
        name: Name::Decides(Condition::Row("delete_provider")),
        // Users, sessions, grants and tokens of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::ProviderDeleted, AuditSubject::Provider, id.as_str()),
            row: Box::new(Compared::of(&id, passwords)),
            only_if_different: false,
        },
        work: Work::Read(Read::EndProvider(Dependents {
            provider: id,
            kept_issuers: None,
            at,
            passwords,
        })),
    }
}

pub(crate) fn retire_accounts(
    provider: ProviderId,
    issuers: Vec<String>,
    at: Timestamp,
    passwords: bool,
) -> Write {
    Write {
        name: Name::Always("retire_accounts"),
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::SessionEnded, AuditSubject::Provider, provider.as_str()),
            row: Box::new(Compared::of(&provider, passwords)),
            only_if_different: false,
        },
        work: Work::Read(Read::EndProvider(Dependents {
            provider,
            kept_issuers: Some(issuers),
            at,
            passwords,
        })),
    }
}
