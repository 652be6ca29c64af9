//! New entries, for pages that follow the audit.

use std::time::Duration;

use doorward_model::AuditFilter;
use doorward_store::{Store, StoreError};
use futures_util::{Stream, stream};

/// Interval at which new entries are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Maximum number of new entries that are compared with a search at once.
const AT_ONCE: u64 = 500;

struct News {
    store: Store,
    filter: AuditFilter,
    /// The number of the last entry that was looked at.
    after: i64,
}

impl News {
    /// The number of the newest entry once some were added that fit.
    async fn next(&mut self) -> Result<i64, StoreError> {
        loop {
            tokio::time::sleep(EVERY).await;
            let added = self.store.audit_after(self.after, AT_ONCE).await?;
            let Some(last) = added.last() else { continue };
            // Where more are added than can be compared, there are news.
            let is_full = u64::try_from(added.len()).unwrap_or(u64::MAX) >= AT_ONCE;
            let fits = is_full || added.iter().any(|entry| self.filter.fits(&entry.event));
            self.after = if is_full { self.store.audit_head().await?.seq } else { last.seq };
            if fits {
                return Ok(self.after);
            }
        }
    }
}

/// The number of the newest entry, each time that entries were added which fit; at most once a
/// second. It ends where the database does not answer.
pub async fn news(
    store: Store,
    filter: AuditFilter,
) -> Result<impl Stream<Item = i64> + Send + 'static, StoreError> {
    let after = store.audit_head().await?.seq;
    let news = News { store, filter, after };
    Ok(stream::unfold(news, |mut news| async move {
        match news.next().await {
            Ok(seq) => Some((seq, news)),
            Err(error) => {
                tracing::warn!(%error, "news of the audit ended");
                None
            }
        }
    }))
}
