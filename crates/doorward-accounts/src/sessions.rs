//! Sessions after they began.

use std::sync::Arc;

use doorward_model::{
    AuditFilter, AuditKind, Change, HashedToken, PlainToken, Session, SessionId, User, UserId,
};
use doorward_store::StoreError;

use crate::Accounts;

/// A session is touched at most this often, in seconds: a page view is no reason for a durable
/// write.
const TOUCH_EVERY: i64 = 60;

/// A user who is signed in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The user.
    pub user: Arc<User>,
    /// Their session.
    pub session: Arc<Session>,
}

impl Accounts {
    /// The holder of this cookie, if its session is valid and the user is not disabled. The session
    /// may still wait for a second factor; see [`Session::complete`].
    pub async fn holder(&self, cookie: &str) -> Result<Option<Visitor>, StoreError> {
        self.holder_of(PlainToken::presented(cookie).hashed()).await
    }

    /// The same by the hash of the cookie's value, as this server seals it for other hosts.
    pub async fn holder_of(&self, token: HashedToken) -> Result<Option<Visitor>, StoreError> {
        let now = self.clock.now();
        let Some(session) =
            self.store.session(&token).await?.filter(|session| session.is_live(now))
        else {
            return Ok(None);
        };
        let Some(user) =
            self.store.user(&session.user_id).await?.filter(|user| user.disabled_at.is_none())
        else {
            return Ok(None);
        };
        if session.complete && now.since(session.last_seen_at) >= TOUCH_EVERY {
            let expires_at = now.plus(self.config.session_idle_seconds);
            self.store.apply(Change::TouchSession { token, last_seen_at: now, expires_at }).await?;
        }
        Ok(Some(Visitor { user, session }))
    }

    /// Ends this browser's session.
    pub async fn sign_out(&self, visitor: &Visitor) -> Result<(), StoreError> {
        tracing::info!(user = %visitor.user.id, "signed out");
        self.store.apply(Change::EndSession(visitor.session.token.clone())).await
    }

    /// A user's live sessions, the last used first.
    pub async fn sessions_of(&self, user_id: &UserId) -> Result<Vec<Session>, StoreError> {
        let sessions = self.store.sessions_of(user_id, self.clock.now()).await?;
        Ok(sessions.into_iter().filter(|session| session.complete).collect())
    }

    /// Ends one of a user's sessions; `false` if it is not the user's.
    pub async fn end_session(
        &self,
        user_id: &UserId,
        session_id: SessionId,
    ) -> Result<bool, StoreError> {
        match self
            .store
            .apply(Change::EndSessionOfUser { user_id: user_id.clone(), session_id })
            .await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The session of this cookie, if it began in a browser and from an IP address that is new for
    /// its user. A user's very first session is not reported.
    pub async fn new_place(&self, cookie: &PlainToken) -> Result<Option<Session>, StoreError> {
        let Some(session) = self.store.session(&cookie.hashed()).await? else { return Ok(None) };
        let others = self.store.sessions_of(&session.user_id, self.clock.now()).await?;
        if others.iter().any(|other| {
            other.id != session.id
                && (other.user_agent == session.user_agent || other.address == session.address)
        }) {
            return Ok(None);
        }
        let filter = AuditFilter {
            user_id: Some(session.user_id.to_string()),
            kind: Some(AuditKind::SignedIn.as_str().to_owned()),
            ..AuditFilter::default()
        };
        let before = self.store.audit(&filter, None, 50).await?;
        let own = session.id.to_string();
        // The newest entry is the first; IP addresses behind this session's own were known before
        // it, however late the check runs.
        let mut before = before
            .entries
            .iter()
            .map(|entry| &entry.event)
            .skip_while(|event| event.actor.session_id.as_ref() != Some(&own))
            .skip(1)
            .peekable();
        let known = before.peek().is_none() || before.any(|event| event.address == session.address);
        Ok((!known).then(|| session.as_ref().clone()))
    }
}
