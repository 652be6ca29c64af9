//! Recorded arguments and results of calls.

use std::sync::Arc;

use doorward_keys::MasterKey;
use doorward_model::{AuditEvent, AuditKind, AuditSubject, Role, User};
use doorward_store::Store;
use serde_json::Value;

use crate::Refusal;

/// The record of a call, without values that look like secrets.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The arguments.
    pub arguments: String,
    /// The result.
    pub result: String,
}

/// Reads records. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    store: Store,
    master: Arc<MasterKey>,
}

impl Records {
    /// The records of this store.
    pub fn new(store: Store, master: Arc<MasterKey>) -> Self {
        Self { store, master }
    }

    /// Reads a record. Only users with the role auditor may read it; for others it does not exist.
    /// Reading is audited.
    pub async fn read(&self, reader: &User, id: &str) -> Result<CallRecord, Refusal> {
        let missing = || Refusal::missing(AuditSubject::Record, id);
        if !reader.has_any(&[Role::auditor()]) {
            return Err(missing());
        }
        let sealed = self.store.audit_record(id).await?.ok_or_else(missing)?;
        let event = AuditEvent::new(AuditKind::RecordRead).about(AuditSubject::Record, id);
        self.store.note(event).await?;
        let opened = self.master.open(&doorward_mcp::record_place(id), &sealed).ok();
        let value: Value =
            opened.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(CallRecord { arguments: text("arguments"), result: text("result") })
    }
}
