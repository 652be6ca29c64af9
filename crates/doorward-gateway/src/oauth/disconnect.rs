//! The end of a user's connection.

use doorward_mcp::{Change, Changed};
use doorward_model::{UpstreamChange, UpstreamName, User};
use doorward_store::StoreError;

use crate::Gateway;

impl Gateway {
    /// Ends a user's connection. Its tokens are revoked at their issuer.
    pub async fn disconnect(&self, name: UpstreamName, user: &User) -> Result<(), StoreError> {
        let services = &self.inner.services;
        services
            .store
            .apply(UpstreamChange::DeleteConnection { user_id: user.id.clone(), upstream: name })
            .await?;
        tracing::info!(upstream = %name, user = %user.id, "a user disconnected an upstream");
        self.inner.revocations.notify_one();
        self.forget_user(name, &user.id);
        services.changes.tell(Change {
            upstream: Some(name),
            user: Some(user.id.clone()),
            what: Changed::Tools,
        });
        Ok(())
    }
}
