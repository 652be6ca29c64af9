//! Sessions of users.

use std::sync::Arc;

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, HashedToken, IdentityId, ProviderId, Sealed, Session,
    SessionId, Timestamp, UpstreamSession, UserId,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, entity::prelude::*, sea_query::Expr,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{amr_to_text, authentication},
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, about, fresh, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub id: String,
    pub user_id: String,
    pub auth_time: i64,
    pub last_seen_at: i64,
    pub expires_at: i64,
    pub ends_at: i64,
    pub user_agent: String,
    pub address: String,
    pub acr: String,
    pub amr: String,
    pub complete: bool,
    pub provider: Option<String>,
    pub identity: Option<String>,
    pub upstream_sid: Option<String>,
    pub id_token: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::NotRestored;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(over(now))
    }
}

/// The sessions that are over by time at `now`.
pub(crate) fn over(now: Timestamp) -> Where {
    Where::any().add(Column::ExpiresAt.lt(now.0)).add(Column::EndsAt.lt(now.0))
}

pub(crate) fn from_row(row: Model) -> Result<Session, StoreError> {
    let upstream = match (row.provider, row.identity) {
        (Some(provider), Some(identity)) => Some(UpstreamSession {
            provider: ProviderId::from_stored(provider),
            identity: IdentityId::from_stored(identity),
            sid: row.upstream_sid,
            id_token: row.id_token.map(Sealed::from_stored),
        }),
        _ => None,
    };
    Ok(Session {
        authentication: authentication("session", &row.id, &row.acr, &row.amr)?,
        complete: row.complete,
        upstream,
        token: HashedToken::from_stored(row.token),
        id: SessionId::from_text(row.id),
        user_id: UserId::from_text(row.user_id),
        auth_time: Timestamp(row.auth_time),
        last_seen_at: Timestamp(row.last_seen_at),
        expires_at: Timestamp(row.expires_at),
        ends_at: Timestamp(row.ends_at),
        user_agent: row.user_agent,
        address: row.address,
    })
}

pub(crate) fn to_row(session: &Session) -> ActiveModel {
    ActiveModel {
        token: Set(session.token.as_str().to_owned()),
        id: Set(session.id.as_str().to_owned()),
        user_id: Set(session.user_id.as_str().to_owned()),
        auth_time: Set(session.auth_time.0),
        last_seen_at: Set(session.last_seen_at.0),
        expires_at: Set(session.expires_at.0),
        ends_at: Set(session.ends_at.0),
        user_agent: Set(session.user_agent.clone()),
        address: Set(session.address.clone()),
        acr: Set(session.authentication.level.as_str().to_owned()),
        amr: Set(amr_to_text(&session.authentication)),
        complete: Set(session.complete),
        provider: Set(session
            .upstream
            .as_ref()
            .map(|upstream| upstream.provider.as_str().to_owned())),
        identity: Set(session
            .upstream
            .as_ref()
            .map(|upstream| upstream.identity.as_str().to_owned())),
        upstream_sid: Set(session.upstream.as_ref().and_then(|upstream| upstream.sid.clone())),
        id_token: Set(session
            .upstream
            .as_ref()
            .and_then(|upstream| upstream.id_token.as_ref())
            .map(|sealed| sealed.as_str().to_owned())),
    }
}

impl Store {
    /// The session with this cookie, over or not.
    pub async fn session(&self, token: &HashedToken) -> Result<Option<Arc<Session>>, StoreError> {
        let read = || async move {
            self.point().by_id::<Entity>(token.as_str()).await?.map(from_row).transpose()
        };
        self.caches.sessions.get(&token.as_str().to_owned(), read).await
    }

    /// A user's sessions that count at `now`, the last used first.
    pub async fn sessions_of(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let live = Where::all()
            .add(Column::UserId.eq(user_id.as_str()))
            .add(Column::ExpiresAt.gt(now.0))
            .add(Column::EndsAt.gt(now.0));
        let rows = Entity::find()
            .filter(live)
            .order_by_desc(Column::LastSeenAt)
            .limit(1000)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The accounts at identity providers with sessions that belong to one session of a provider.
    pub async fn identities_with_sid(
        &self,
        provider: &ProviderId,
        sid: &str,
    ) -> Result<Vec<IdentityId>, StoreError> {
        let which = Entity::find()
            .filter(Column::Provider.eq(provider.as_str()))
            .filter(Column::UpstreamSid.eq(sid));
        let rows: Vec<Option<String>> = which
            .select_only()
            .column(Column::Identity)
            .distinct()
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().flatten().map(IdentityId::from_stored).collect())
    }
}

pub(crate) fn insert(new: &Session) -> Write {
    let detail = json!({"by": new.authentication.amr, "provider": new.upstream.as_ref().map(|upstream| upstream.provider.as_str())});
    let mut event =
        AuditEvent::new(AuditKind::SignedIn).by(&new.user_id).detail(detail.to_string());
    event.actor.session_id = Some(new.id.to_string());
    event.address.clone_from(&new.address);
    Write {
        name: Name::Always("insert_session"),
        work: run(fresh(to_row(new))),
        stale: None,
        // A session that waits for a second factor is no sign-in yet.
        audit: if new.complete { Audit::Entry(event) } else { Audit::Silent },
    }
}

pub(crate) fn touch(token: &HashedToken, last_seen_at: Timestamp, expires_at: Timestamp) -> Write {
    let update = Entity::update_many()
        .col_expr(Column::LastSeenAt, Expr::value(last_seen_at.0))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at.0));
    Write {
        name: Name::Always("touch_session"),
        work: run(update.filter(Column::Token.eq(token.as_str()))),
        stale: Some(Invalidation::Session(token.as_str().to_owned())),
        audit: Audit::Silent,
    }
}

pub(crate) fn end(token: &HashedToken, signs_in: bool) -> Write {
    Write {
        name: Name::Always("end_session"),
        work: run(Entity::delete_many().filter(Column::Token.eq(token.as_str()))),
        stale: Some(Invalidation::Session(token.as_str().to_owned())),
        // A session that another one replaces did not end.
        audit: if signs_in {
            Audit::Silent
        } else {
            Audit::Entry(AuditEvent::new(AuditKind::SessionEnded))
        },
    }
}

pub(crate) fn end_one_of_user(user_id: &UserId, session_id: &SessionId) -> Write {
    let event = about(AuditKind::SessionEnded, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Decides(Condition::EndSessionOfUser),
        work: run(Entity::delete_many()
            .filter(Column::UserId.eq(user_id.as_str()))
            .filter(Column::Id.eq(session_id.as_str()))),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(event.detail(json!({"session": session_id.as_str()}).to_string())),
    }
}

pub(crate) fn end_of_user(user_id: &UserId, except: Option<&SessionId>) -> Write {
    let mut which = Where::all().add(Column::UserId.eq(user_id.as_str()));
    if let Some(except) = except {
        which = which.add(Column::Id.ne(except.as_str()));
    }
    let event = about(AuditKind::SessionEnded, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Always("end_sessions_of_user"),
        work: run(Entity::delete_many().filter(which)),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(
            event.detail(json!({"all_except": except.map(SessionId::as_str)}).to_string()),
        ),
    }
}

pub(crate) fn end_of_identity(identity: &IdentityId, sid: Option<&str>) -> Write {
    let mut which = Where::all().add(Column::Identity.eq(identity.as_str()));
    if let Some(sid) = sid {
        which = which.add(Column::UpstreamSid.eq(sid));
    }
    Write {
        name: Name::Always("end_sessions_of_identity"),
        work: run(Entity::delete_many().filter(which)),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(about(
            AuditKind::SessionEnded,
            AuditSubject::Identity,
            identity.as_str(),
        )),
    }
}

pub(crate) fn end_of_sid(provider: &ProviderId, sid: &str) -> Write {
    let which =
        Where::all().add(Column::Provider.eq(provider.as_str())).add(Column::UpstreamSid.eq(sid));
    Write {
        name: Name::Always("end_sessions_of_sid"),
        work: run(Entity::delete_many().filter(which)),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(about(
            AuditKind::SessionEnded,
            AuditSubject::Provider,
            provider.as_str(),
        )),
    }
}
