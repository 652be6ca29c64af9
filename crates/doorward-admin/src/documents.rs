//! Operations on documents that are uploaded to a collection. Each change is a task of its own, and
//! its entry of the audit is written before it, so that neither a request that is dropped nor the end
//! of the process leaves a document without one. A change that fails after all has a second entry.

use std::sync::{Arc, OnceLock};

use doorward_gateway::{Gateway, Upstream};
use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, NewUpload, Outcome, StoredUpload, UploadFault, UploadPath,
    Uploads,
};
use doorward_store::Store;
use serde_json::json;
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
            let entry = Entry::of(store, &upstream, &path);
            let new = NewUpload { path, bytes };
            let record = |stored: StoredUpload| {
                let kind = if stored.replaced {
                    AuditKind::DocumentReplaced
                } else {
                    AuditKind::DocumentAdded
                };
                let size = stored.document.bytes;
                let detail = json!({"bytes": size, "sha256": stored.sha256});
                entry.write(kind, detail.to_string())
            };
            let done = gateway.upload(&upstream, new, record).await;
            entry.kept(done).await
        };
        self.store.owned(work).await
    }

    /// Removes a document.
    pub async fn remove(&self, upstream: &str, path: &str) -> Result<(), Refusal> {
        let path = UploadPath::parse(path)?;
        let upstream = self.gateway.named(upstream).await?;
        let (gateway, store) = (self.gateway.clone(), self.store.clone());
        let work = async move {
            let entry = Entry::of(store, &upstream, &path);
            let record = || entry.write(AuditKind::DocumentRemoved, String::new());
            let done = gateway.remove_upload(&upstream, path, record).await;
            entry.kept(done).await
        };
        self.store.owned(work).await
    }
}

/// The entry of a change in the audit, which is written before the change.
struct Entry {
    store: Store,
    about: String,
    written: OnceLock<AuditKind>,
}

impl Entry {
    fn of(store: Store, upstream: &Upstream, path: &UploadPath) -> Self {
        Self { store, about: format!("{}/{path}", upstream.name), written: OnceLock::new() }
    }

    async fn write(&self, kind: AuditKind, detail: String) -> Result<(), Refusal> {
        self.store.note(self.event(kind).detail(detail)).await?;
        // It must last before the document does.
        self.store.flush().await?;
        // It is written once.
        let _ = self.written.set(kind);
        Ok(())
    }

    /// Notes that the change failed, where its entry was written already.
    async fn kept<T>(self, done: Result<T, Refusal>) -> Result<T, Refusal> {
        if let (Err(_), Some(kind)) = (&done, self.written.get()) {
            self.store.note(self.event(*kind).ended(Outcome::Failed)).await?;
        }
        done
    }

    fn event(&self, kind: AuditKind) -> AuditEvent {
        AuditEvent::new(kind).about(AuditSubject::Document, &self.about)
    }
}
