//! Hears from other replicas (PostgreSQL `LISTEN`) which cached values are stale.

use std::{sync::Arc, time::Duration};

use sea_orm::sqlx::postgres::PgListener;

use crate::{caches::Caches, invalidate::Invalidation, tasks::Tasks};

/// The listening task; it ends with this value.
pub(crate) struct Listener(tokio::task::AbortHandle);

impl Listener {
    pub(crate) fn start(url: String, caches: Arc<Caches>, tasks: &Tasks) -> Self {
        Self(tasks.start("listener", async move {
            loop {
                if let Err(error) = listen(&url, &caches).await {
                    tracing::warn!(%error, "no notifications from other replicas; trying again");
                }
                // Notifications in the meantime were missed.
                caches.forget(&[Invalidation::Everything]);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(url: &str, caches: &Caches) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen("doorward").await?;
    caches.forget(&[Invalidation::Everything]);
    loop {
        match listener.try_recv().await? {
            Some(notification) => caches.forget(&[Invalidation::from_text(notification.payload())]),
            // The connection was lost and made again: notifications may have been missed.
            None => caches.forget(&[Invalidation::Everything]),
        }
    }
}
