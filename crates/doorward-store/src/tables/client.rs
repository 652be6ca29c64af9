//! Clients.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, Client, ClientAuthMethod, ClientId, ClientRules, ClientSource,
    ExchangeRule, GrantType, GrantTypes, HashedToken, RedirectUri, RelyingParty, ScopeSet,
    Timestamp, TrustRule, UserId,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func, LikeExpr, OnConflict},
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::{Row, Tagged, etag_of, list},
    condition::Condition,
    convert::{damaged, list_from_text, list_to_text},
    db::Db,
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, about, expect, if_new, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub source: String,
    pub name: String,
    pub redirect_uris: String,
    pub auth_method: String,
    pub secret: Option<String>,
    pub refresh_tokens: bool,
    pub grant_types: Option<String>,
    pub scopes: String,
    pub service: Option<String>,
    pub trust: Option<String>,
    pub trust_issuer: Option<String>,
    pub openid: Option<String>,
    pub client_uri: Option<String>,
    pub jwks: Option<String>,
    pub jwks_uri: Option<String>,
    pub metadata: String,
    pub created_at: i64,
    pub authorized_at: Option<i64>,
    pub disabled_at: Option<i64>,
    pub fresh_until: Option<i64>,
    pub approved_at: Option<i64>,
    pub pinned_at: Option<i64>,
    pub exchange: Option<String>,
    pub rules: Option<String>,
    pub registration_token: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        // `housekeeping.rs` deletes them: other tables decide.
        None
    }
}

/// The clients to list.
#[derive(Clone, Debug, Default)]
pub struct ClientFilter {
    /// Only those from this source.
    pub source: Option<ClientSource>,
    /// Only clients that have this text in their name or id, compared without case.
    pub search: Option<String>,
    /// Only those after this one, by the time they were made and their id: where a page ended.
    pub after: Option<(i64, String)>,
}

pub(crate) fn from_row(row: Model) -> Result<Client, StoreError> {
    let uris = list_from_text("client", &row.id, &row.redirect_uris)?;
    let grant_types = match &row.grant_types {
        Some(text) => {
            let names = list_from_text("client", &row.id, text)?;
            GrantTypes::parse_known(names.iter().map(String::as_str))
        }
        // Written by a server of the previous release, which has one bit for the set.
        None if row.refresh_tokens => GrantTypes::of_code_flow(),
        None => GrantTypes::from_iter([GrantType::AuthorizationCode]),
    };
    let trust = match row.trust.as_deref() {
        Some(text) => Some(TrustRule::from_text(text).ok_or_else(|| damaged("client", &row.id))?),
        None => None,
    };
    let exchange = match row.exchange.as_deref() {
        Some(text) => {
            Some(ExchangeRule::from_text(text).ok_or_else(|| damaged("client", &row.id))?)
        }
        None => None,
    };
    let openid = match row.openid.as_deref() {
        Some(text) => {
            Some(RelyingParty::from_text(text).ok_or_else(|| damaged("client", &row.id))?)
        }
        None => None,
    };
    let rules = match row.rules.as_deref() {
        Some(text) => ClientRules::from_text(text).ok_or_else(|| damaged("client", &row.id))?,
        None => ClientRules::default(),
    };
    Ok(Client {
        exchange,
        rules,
        registration_token: row.registration_token.map(HashedToken::from_stored),
        source: ClientSource::parse(&row.source).ok_or_else(|| damaged("client", &row.id))?,
        auth_method: ClientAuthMethod::parse(&row.auth_method)
            .ok_or_else(|| damaged("client", &row.id))?,
        redirect_uris: uris.into_iter().map(RedirectUri::from_stored).collect(),
        id: ClientId::from_text(row.id),
        name: row.name,
        secret: row.secret.map(HashedToken::from_stored),
        grant_types,
        scopes: ScopeSet::from_stored(&row.scopes),
        service: row.service.map(UserId::from_text),
        trust,
        openid,
        client_uri: row.client_uri,
        jwks: row.jwks,
        jwks_uri: row.jwks_uri,
        metadata: row.metadata,
        created_at: Timestamp(row.created_at),
        authorized_at: row.authorized_at.map(Timestamp),
        disabled_at: row.disabled_at.map(Timestamp),
        fresh_until: row.fresh_until.map(Timestamp),
        approved_at: row.approved_at.map(Timestamp),
        pinned_at: row.pinned_at.map(Timestamp),
    })
}

pub(crate) fn to_row(client: &Client) -> ActiveModel {
    ActiveModel {
        id: Set(client.id.as_str().to_owned()),
        source: Set(client.source.as_str().to_owned()),
        name: Set(client.name.clone()),
        redirect_uris: Set(list_to_text(client.redirect_uris.iter().map(RedirectUri::as_str))),
        auth_method: Set(client.auth_method.as_str().to_owned()),
        secret: Set(client.secret.as_ref().map(|hash| hash.as_str().to_owned())),
        // Read by servers of the previous release only.
        refresh_tokens: Set(client.grant_types.contains(GrantType::RefreshToken)),
        grant_types: Set(Some(list_to_text(client.grant_types.names()))),
        scopes: Set(client.scopes.to_string()),
        service: Set(client.service.as_ref().map(|id| id.as_str().to_owned())),
        trust: Set(client.trust.as_ref().map(TrustRule::to_text)),
        trust_issuer: Set(client.trust.as_ref().map(|rule| rule.issuer.issuer.clone())),
        openid: Set(client.openid.as_ref().map(RelyingParty::to_text)),
        client_uri: Set(client.client_uri.clone()),
        jwks: Set(client.jwks.clone()),
        jwks_uri: Set(client.jwks_uri.clone()),
        metadata: Set(client.metadata.clone()),
        created_at: Set(client.created_at.0),
        authorized_at: Set(client.authorized_at.map(|at| at.0)),
        disabled_at: Set(client.disabled_at.map(|at| at.0)),
        fresh_until: Set(client.fresh_until.map(|at| at.0)),
        approved_at: Set(client.approved_at.map(|at| at.0)),
        pinned_at: Set(client.pinned_at.map(|at| at.0)),
        exchange: Set(client.exchange.as_ref().map(ExchangeRule::to_text)),
        rules: Set(stored_rules(client.rules)),
        registration_token: Set(client
            .registration_token
            .as_ref()
            .map(|hash| hash.as_str().to_owned())),
    }
}

/// The stored form of rules; none for those of all clients.
fn stored_rules(rules: ClientRules) -> Option<String> {
    (rules != ClientRules::default()).then(|| rules.to_text())
}

impl Store {
    /// The client with this id, disabled or not.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        let read = || async move {
            self.point().by_id::<Entity>(id.as_str()).await?.map(from_row).transpose()
        };
        self.caches.clients.get(&id.as_str().to_owned(), read).await
    }

    /// Clients, newest first, at most `limit`.
    pub async fn clients(
        &self,
        filter: ClientFilter,
        limit: u64,
    ) -> Result<Vec<Client>, StoreError> {
        let mut which = Where::all();
        if let Some(source) = filter.source {
            which = which.add(Column::Source.eq(source.as_str()));
        }
        if let Some(search) = filter.search.filter(|search| !search.is_empty()) {
            let plain =
                search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let lower = |column: Column| {
                Expr::expr(Func::lower(Expr::col(column)))
                    .like(LikeExpr::new(format!("%{plain}%")).escape('\\'))
            };
            which = which.add(Where::any().add(lower(Column::Name)).add(lower(Column::Id)));
        }
        if let Some((at, id)) = filter.after {
            let same = Where::all().add(Column::CreatedAt.eq(at)).add(Column::Id.gt(id));
            which = which.add(Where::any().add(Column::CreatedAt.lt(at)).add(same));
        }
        let rows = Entity::find()
            .filter(which)
            .order_by_desc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Clients with a trust rule, by name: those of an issuer, or all. At most `limit`.
    pub async fn trusting_clients(
        &self,
        issuer: Option<&str>,
        limit: u64,
    ) -> Result<Vec<Client>, StoreError> {
        let which = match issuer {
            Some(issuer) => Column::TrustIssuer.eq(issuer),
            None => Column::TrustIssuer.is_not_null(),
        };
        let rows = self
            .point()
            .all(
                Entity::find()
                    .filter(which)
                    .order_by_asc(Column::Name)
                    .order_by_asc(Column::Id)
                    .limit(limit),
            )
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Counts the clients from one source.
    pub async fn count_clients(&self, source: ClientSource) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(Column::Source.eq(source.as_str())).count(&self.reader).await?)
    }

    /// The number of clients that no administrator added or approved, and none blocked.
    pub async fn count_clients_to_approve(&self) -> Result<u64, StoreError> {
        Ok(Entity::find()
            .filter(Column::Source.ne(ClientSource::Administrator.as_str()))
            .filter(Column::ApprovedAt.is_null())
            .filter(Column::DisabledAt.is_null())
            .count(&self.reader)
            .await?)
    }

    /// True if a client was ever authorised by a user.
    pub async fn has_connected_client(&self) -> Result<bool, StoreError> {
        let one =
            Entity::find().filter(Column::AuthorizedAt.is_not_null()).one(&self.reader).await?;
        Ok(one.is_some())
    }
}

fn stale(client_id: &ClientId) -> Invalidation {
    Invalidation::Client(client_id.to_string())
}

/// A client as the audit compares it.
#[derive(Debug)]
struct Compared(String);

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let row = db.by_id::<Entity>(self.0.as_str()).await?;
            Ok(row.map(|row| json!({
                "name": row.name, "redirect_uris": list(&row.redirect_uris),
                "auth_method": row.auth_method, "scopes": row.scopes, "jwks_uri": row.jwks_uri,
                "jwks": row.jwks.as_deref().map(|keys| doorward_model::id::etag(&[keys])),
                "trust": row.trust.as_deref().map(list), "rules": row.rules.as_deref().map(list),
                "exchange": row.exchange.as_deref().map(list),
                "blocked": row.disabled_at.is_some(), "approved": row.approved_at.is_some(),
                "pinned": row.pinned_at.is_some(), "openid": row.openid.as_deref().map(list),
            })))
        })
    }

    // A metadata document that is read for the first time is a client that was added.
    fn kind_if_new(&self) -> Option<AuditKind> {
        Some(AuditKind::ClientAdded)
    }
}

impl Tagged for Compared {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<Entity>(db, self.0.as_str(), |row| from_row(row).map(|client| client.etag()))
    }
}

/// Demands that a client is as it was read.
pub(crate) fn expect_seen(client_id: &ClientId, etag: String) -> Write {
    expect(Compared(client_id.to_string()), etag)
}

/// An entry with the difference; none if there is none.
fn changed(client_id: &ClientId) -> Audit {
    let event = about(AuditKind::ClientChanged, AuditSubject::Client, client_id.as_str());
    Audit::Compared {
        event,
        row: Box::new(Compared(client_id.to_string())),
        only_if_different: true,
    }
}

pub(crate) fn insert(new: &Client) -> Write {
    let uris: Vec<&str> = new.redirect_uris.iter().map(RedirectUri::as_str).collect();
    let (name, source) = (&new.name, new.source.as_str());
    let detail = match &new.service {
        None => {
            let mut detail = json!({"name": name, "source": source, "redirect_uris": uris});
            if let (Some(openid), Some(members)) = (&new.openid, detail.as_object_mut()) {
                members.insert("openid".to_owned(), json!(openid));
            }
            detail
        }
        // The account and the scopes with which it acts without a user.
        Some(service) => {
            let mut detail = json!({
                "name": name, "source": source, "redirect_uris": uris,
                "service": service.as_str(), "scopes": new.scopes.to_string(),
            });
            if let (Some(rule), Some(members)) = (&new.trust, detail.as_object_mut()) {
                members.insert("trust".to_owned(), json!(rule));
            }
            detail
        }
    };
    let event = about(AuditKind::ClientAdded, AuditSubject::Client, new.id.as_str())
        .detail(detail.to_string());
    Write {
        name: Name::Decides(Condition::InsertClient),
        work: run(if_new(to_row(new))),
        stale: None,
        // A client that registers itself acts for itself.
        audit: Audit::Entry(if new.source == ClientSource::Administrator {
            event
        } else {
            event.through(&new.id)
        }),
    }
}

pub(crate) fn put_document(document: &Client) -> Write {
    // `authorized_at`, `disabled_at` and `created_at` are set by this server, not by the document.
    let columns = [
        Column::Source,
        Column::Name,
        Column::RedirectUris,
        Column::AuthMethod,
        Column::RefreshTokens,
        Column::GrantTypes,
        Column::Scopes,
        Column::ClientUri,
        Column::Jwks,
        Column::JwksUri,
        Column::FreshUntil,
        Column::Rules,
    ];
    let replace = OnConflict::column(Column::Id).update_columns(columns).to_owned();
    Write {
        name: Name::Always("put_document_client"),
        work: run(Entity::insert(to_row(document)).on_conflict(replace)),
        stale: Some(stale(&document.id)),
        audit: changed(&document.id),
    }
}

pub(crate) fn mark_authorized(client_id: &ClientId, at: Timestamp) -> Write {
    let first =
        Where::all().add(Column::Id.eq(client_id.as_str())).add(Column::AuthorizedAt.is_null());
    Write {
        name: Name::Always("mark_client_authorized"),
        work: run(Entity::update_many()
            .col_expr(Column::AuthorizedAt, Expr::value(at.0))
            .filter(first)),
        stale: Some(stale(client_id)),
        // The consent of the same unit has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn update(client: &Client) -> Write {
    let uris = list_to_text(client.redirect_uris.iter().map(RedirectUri::as_str));
    let issuer = client.trust.as_ref().map(|rule| rule.issuer.issuer.clone());
    Write {
        name: Name::Decides(Condition::Row("update_client")),
        work: run(Entity::update_many()
            .col_expr(Column::Name, Expr::value(client.name.as_str()))
            .col_expr(Column::RedirectUris, Expr::value(uris))
            .col_expr(Column::Scopes, Expr::value(client.scopes.to_string()))
            .col_expr(
                Column::Openid,
                Expr::value(client.openid.as_ref().map(RelyingParty::to_text)),
            )
            .col_expr(Column::Trust, Expr::value(client.trust.as_ref().map(TrustRule::to_text)))
            .col_expr(Column::TrustIssuer, Expr::value(issuer))
            .col_expr(Column::GrantTypes, Expr::value(list_to_text(client.grant_types.names())))
            .col_expr(Column::Rules, Expr::value(stored_rules(client.rules)))
            .col_expr(
                Column::Exchange,
                Expr::value(client.exchange.as_ref().map(ExchangeRule::to_text)),
            )
            .filter(Column::Id.eq(client.id.as_str()))),
        stale: Some(stale(&client.id)),
        audit: changed(&client.id),
    }
}

/// The registration of a client as the client itself changed it. An administrator's block stays.
pub(crate) fn put_registration(client: &Client, seen: &HashedToken) -> Write {
    let mut row = to_row(client);
    (row.id, row.source, row.created_at, row.disabled_at) = (NotSet, NotSet, NotSet, NotSet);
    let same = Where::all()
        .add(Column::Id.eq(client.id.as_str()))
        .add(Column::Source.eq(ClientSource::Registration.as_str()))
        .add(Column::RegistrationToken.eq(seen.as_str()));
    let event = about(AuditKind::ClientChanged, AuditSubject::Client, client.id.as_str())
        .through(&client.id);
    Write {
        name: Name::Decides(Condition::PutRegistration),
        work: run(Entity::update_many().set(row).filter(same)),
        stale: Some(stale(&client.id)),
        // An entry also where only the token is another one.
        audit: Audit::Compared {
            event,
            row: Box::new(Compared(client.id.to_string())),
            only_if_different: false,
        },
    }
}

fn set(condition: Condition, client_id: &ClientId, column: Column, at: Option<Timestamp>) -> Write {
    Write {
        name: Name::Decides(condition),
        work: run(Entity::update_many()
            .col_expr(column, Expr::value(at.map(|at| at.0)))
            .filter(Column::Id.eq(client_id.as_str()))),
        stale: Some(stale(client_id)),
        audit: changed(client_id),
    }
}

pub(crate) fn set_disabled(client_id: &ClientId, at: Option<Timestamp>) -> Write {
    set(Condition::Row("set_client_disabled"), client_id, Column::DisabledAt, at)
}

pub(crate) fn set_approved(client_id: &ClientId, at: Option<Timestamp>) -> Write {
    set(Condition::Row("set_client_approved"), client_id, Column::ApprovedAt, at)
}

pub(crate) fn set_pinned(client_id: &ClientId, at: Option<Timestamp>) -> Write {
    set(Condition::Row("set_client_pinned"), client_id, Column::PinnedAt, at)
}

pub(crate) fn delete(client_id: &ClientId) -> Write {
    let event = about(AuditKind::ClientDeleted, AuditSubject::Client, client_id.as_str());
    Write {
        name: Name::Decides(Condition::DeleteClient),
        work: run(Entity::delete_many().filter(Column::Id.eq(client_id.as_str()))),
        stale: Some(stale(client_id)),
        audit: Audit::Compared {
            event,
            row: Box::new(Compared(client_id.to_string())),
            only_if_different: false,
        },
    }
}

#[cfg(test)]
mod tests;
