//! Connections of services: an administrator makes each in a browser, for an account that cannot sign
//! in.

use std::sync::Arc;

use doorward_model::{User, upstream::ConnectAttempt};

use super::ConnectError;
use crate::Gateway;

/// Seconds for which the connection of a service lasts: there is no user to connect it again, so
/// that the administrator or the authorization server ends it.
pub(super) const LASTS: i64 = 3660 * 86_400;

impl Gateway {
    /// The account to which an attempt belongs: the user's own, or that of the service that this
    /// user connects as an administrator, which they must still be.
    pub(super) async fn owner(
        &self,
        attempt: &ConnectAttempt,
        by: Option<&str>,
        user: &User,
    ) -> Result<Arc<User>, ConnectError> {
        let Some(by) = by else { return Ok(Arc::new(user.clone())) };
        let owner = self.inner.services.store.user(&attempt.user_id).await?;
        let owner = owner.filter(|owner| owner.disabled_at.is_none());
        owner
            .filter(|_| by == user.id.as_str() && user.is_administrator())
            .ok_or(ConnectError::NotAwaited("it began with another administrator"))
    }
}
