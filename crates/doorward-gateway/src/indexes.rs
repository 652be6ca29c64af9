//! Indexes of documents, in a build with them and in one without.

use std::sync::Arc;

use doorward_model::{IndexStatus, UpstreamName};

use crate::{Gateway, upstream::Upstream};

#[cfg(feature = "knowledge")]
impl Gateway {
    /// The state of an upstream's index of documents; `None` for an upstream without one.
    pub fn index(&self, upstream: &Upstream) -> Option<IndexStatus> {
        self.inner.knowledge.status(upstream)
    }

    /// Maintains the indexes of these upstreams, and removes those of upstreams that were deleted.
    pub(crate) fn keep_indexes(&self, all: &[Arc<Upstream>]) {
        let records = {
            let known = self.inner.stored.lock();
            Arc::clone(&known.unwrap_or_else(std::sync::PoisonError::into_inner).records)
        };
        self.inner.knowledge.keep_only(&self.inner, all, &records);
    }

    /// Removes the index of an upstream that was deleted.
    pub(crate) async fn remove_index(&self, name: UpstreamName) {
        self.inner.knowledge.deleted(name).await;
    }
}

#[cfg(not(feature = "knowledge"))]
#[expect(clippy::unused_self, clippy::unused_async, reason = "as in a build with indexes")]
impl Gateway {
    /// The state of an upstream's index of documents. This build has none.
    pub fn index(&self, _: &Upstream) -> Option<IndexStatus> {
        None
    }

    pub(crate) fn keep_indexes(&self, _: &[Arc<Upstream>]) {}

    pub(crate) async fn remove_index(&self, _: UpstreamName) {}
}
