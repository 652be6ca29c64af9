//! Authorization codes.

use doorward_model::{
    AuditKind, AuditSubject, AuthorizationCode, ClientId, GrantId, HashedToken, IdentityId,
    KeyThumbprint, Resource, ScopeSet, Subject, Timestamp, UserId,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryTrait,
    entity::prelude::*, sea_query::Expr,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{amr_to_text, authentication, list_from_text, list_to_text},
    kept::Kept,
    tables::{Copied, Table},
    writes::{Audit, Name, Sql, Write, about, fresh, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub grant_id: String,
    pub client_id: String,
    pub user_id: String,
    pub redirect_uri: String,
    pub scopes: String,
    pub resources: String,
    pub challenge: String,
    pub auth_time: i64,
    pub acr: String,
    pub amr: String,
    pub identity: Option<String>,
    pub nonce: Option<String>,
    pub sid: Option<String>,
    pub expires_at: i64,
    pub consumed_at: Option<i64>,
    pub jkt: Option<String>,
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

pub(crate) fn from_row(row: Model) -> Result<AuthorizationCode, StoreError> {
    let resources = list_from_text("authorization_code", &row.token, &row.resources)?;
    Ok(AuthorizationCode {
        subject: Subject {
            account: UserId::from_text(row.user_id),
            auth_time: Timestamp(row.auth_time),
            authentication: authentication("authorization_code", &row.token, &row.acr, &row.amr)?,
            identity: row.identity.map(IdentityId::from_stored),
            sid: row.sid,
        },
        nonce: row.nonce,
        key: row.jkt.map(KeyThumbprint::from_stored),
        token: HashedToken::from_stored(row.token),
        grant_id: GrantId::from_text(row.grant_id),
        client_id: ClientId::from_text(row.client_id),
        redirect_uri: row.redirect_uri,
        scopes: ScopeSet::from_stored(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
        challenge: row.challenge,
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    })
}

pub(crate) fn to_row(code: &AuthorizationCode) -> ActiveModel {
    ActiveModel {
        token: Set(code.token.as_str().to_owned()),
        grant_id: Set(code.grant_id.as_str().to_owned()),
        client_id: Set(code.client_id.as_str().to_owned()),
        user_id: Set(code.subject.account.as_str().to_owned()),
        redirect_uri: Set(code.redirect_uri.clone()),
        scopes: Set(code.scopes.to_string()),
        resources: Set(list_to_text(code.resources.iter().map(Resource::as_str))),
        challenge: Set(code.challenge.clone()),
        auth_time: Set(code.subject.auth_time.0),
        acr: Set(code.subject.authentication.level.as_str().to_owned()),
        amr: Set(amr_to_text(&code.subject.authentication)),
        identity: Set(code.subject.identity.as_ref().map(|id| id.as_str().to_owned())),
        nonce: Set(code.nonce.clone()),
        sid: Set(code.subject.sid.clone()),
        expires_at: Set(code.expires_at.0),
        consumed_at: Set(code.consumed_at.map(|at| at.0)),
        jkt: Set(code.key.as_ref().map(|key| key.as_str().to_owned())),
    }
}

impl Store {
    /// The code with this hash, spent or not, straight from the database.
    pub async fn code(&self, token: &HashedToken) -> Result<Option<AuthorizationCode>, StoreError> {
        self.point().by_id::<Entity>(token.as_str()).await?.map(from_row).transpose()
    }
}

/// The detail of an entry: scopes and resources.
pub(crate) fn reach(scopes: &ScopeSet, resources: &[Resource]) -> String {
    json!({"scopes": scopes.to_string(), "resources": resources.iter().map(Resource::as_str).collect::<Vec<_>>()}).to_string()
}

pub(crate) fn insert(code: &AuthorizationCode) -> Write {
    let event = about(AuditKind::ConsentAllowed, AuditSubject::Client, code.client_id.as_str())
        .by(&code.subject.account)
        .through(&code.client_id);
    Write {
        name: Name::Always("insert_code"),
        work: run(fresh(to_row(code))),
        stale: None,
        audit: Audit::Entry(event.detail(reach(&code.scopes, &code.resources))),
    }
}

pub(crate) fn redeem(token: &HashedToken, now: Timestamp) -> Write {
    let update = || {
        let unspent = Where::all()
            .add(Column::Token.eq(token.as_str()))
            .add(Column::ConsumedAt.is_null())
            .add(Column::ExpiresAt.gt(now.0));
        Entity::update_many()
            .col_expr(Column::ConsumedAt, Expr::value(now.0))
            .filter(unspent)
            .into_query()
    };
    let values = vec![now.0.into(), token.as_str().into(), now.0.into()];
    Write {
        name: Name::Decides(Condition::RedeemCode),
        work: run(Kept::new("redeem code", values, update)),
        stale: None,
        // The grant of the same unit has the entry.
        audit: Audit::Silent,
    }
}

/// Spends codes that wait to be redeemed, so that no grant arises after the user or client was cut
/// off.
pub(crate) fn spend(which: Where, at: Timestamp) -> Sql {
    Entity::update_many()
        .col_expr(Column::ConsumedAt, Expr::value(at.0))
        .filter(which.add(Column::ConsumedAt.is_null()))
        .into()
}
