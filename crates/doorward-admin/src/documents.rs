//! Operations on documents that are uploaded to a collection. Each change is a task of its own with
//! its entry of the audit, so that a request that is dropped leaves no document without one.

use std::sync::Arc;

use doorward_gateway::{Gateway, Upstream};
use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, StoredUpload, UploadFault, UploadPath, Uploads,
};
use doorward_store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Refusal;

/// The number of documents that are read at the same time: each is in memory until it is stored.
const AT_ONCE: usize = 2;
/// Maximum number of documents of a part of the list.
pub const MOST_DOCUMENTS: usize = 1000;

/// The permission to read one document into memory.
pub struct UploadTurn {
    _turn: OwnedSemaphorePermit,
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// The bytes that the document may have.
    pub bytes: usize,
}

/// Operations on uploaded documents. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    gateway: Gateway,
    store: Store,
    turns: Arc<Semaphore>,
}

impl Documents {
    /// Operations on the documents of this gateway's collections.
    pub fn new(gateway: Gateway, store: Store) -> Self {
        Self { gateway, store, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The documents after a path, in the order of their paths.
    pub async fn list(
        &self,
        upstream: &str,
        after: Option<String>,
        most: usize,
    ) -> Result<Uploads, Refusal> {
        let upstream = self.gateway.named(upstream).await?;
        Ok(self.gateway.uploads(&upstream, after, most.min(MOST_DOCUMENTS + 1)).await?)
    }

    /// The bytes that a document of this upstream may have.
    pub fn most_bytes(&self, upstream: &Upstream) -> Result<u64, Refusal> {
        Ok(self.gateway.upload_bytes(upstream)?)
    }

    /// Waits for the turn of one more document. It is kept while the document is read and stored.
    pub async fn turn(&self, upstream: &str) -> Result<UploadTurn, Refusal> {
        let upstream = self.gateway.named(upstream).await?;
        let bytes = self.gateway.upload_bytes(&upstream)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| UploadFault::Folder(error.to_string()))?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(UploadTurn { _turn: turn, upstream, bytes })
    }

    /// Stores a document, in place of the one of the same path.
    pub async fn put(
        &self,
        turn: &UploadTurn,
        path: UploadPath,
        bytes: Vec<u8>,
    ) -> Result<StoredUpload, Refusal> {
        let (gateway, store) = (self.gateway.clone(), self.store.clone());
        let upstream = Arc::clone(&turn.upstream);
        let work = async move {
            let stored = gateway.upload(&upstream, path, bytes).await?;
            let kind = if stored.replaced {
                AuditKind::DocumentReplaced
            } else {
                AuditKind::DocumentAdded
            };
            let detail = format!("{} bytes, SHA-256 {}", stored.document.bytes, stored.sha256);
            let event = about(kind, &upstream, &stored.document.path).detail(detail);
            store.note(event).await?;
            Ok(stored)
        };
        self.store.owned(work).await
    }

    /// Removes a document.
    pub async fn remove(&self, upstream: &str, path: &str) -> Result<(), Refusal> {
        let path = UploadPath::parse(path)?;
        let upstream = self.gateway.named(upstream).await?;
        let (gateway, store) = (self.gateway.clone(), self.store.clone());
        let work = async move {
            gateway.remove_upload(&upstream, path.clone()).await?;
            store.note(about(AuditKind::DocumentRemoved, &upstream, path.as_str())).await?;
            Ok(())
        };
        self.store.owned(work).await
    }
}

fn about(kind: AuditKind, upstream: &Upstream, path: &str) -> AuditEvent {
    AuditEvent::new(kind).about(AuditSubject::Document, &format!("{}/{path}", upstream.name))
}
