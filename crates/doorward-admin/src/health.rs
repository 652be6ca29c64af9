//! The state of a running server.

use std::{sync::Arc, time::Duration};

use doorward_audit::Config as AuditConfig;
use doorward_keys::KeyRing;
use doorward_model::{Clock, ports::SystemClock};
use doorward_store::Store;

use crate::Finding;

/// How long the database may take to answer before this server is not ready.
const READY_WITHIN: Duration = Duration::from_secs(3);
/// The seconds by which two clocks may differ.
const APART: i64 = 5;

/// Looks at everything that a server depends on. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    store: Store,
    ring: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    audit: AuditConfig,
    /// The clock is the machine's, so that the database's may be compared with it.
    clock_is_real: bool,
}

/// Why a server is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] doorward_store::StoreError),
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    Late,
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] doorward_keys::RingError),
    /// No key signs.
    #[error("there is no active signing key")]
    NoKey,
}

fn finding(what: &str, result: Result<String, String>) -> Finding {
    Finding { what: what.to_owned(), result }
}

impl Health {
    /// The state of the server with this store and these keys.
    pub fn new(
        store: Store,
        ring: Arc<KeyRing>,
        clock: Arc<dyn Clock>,
        audit: AuditConfig,
    ) -> Self {
        let clock_is_real = clock.now().since(SystemClock.now()).abs() < APART;
        Self { store, ring, clock, audit, clock_is_real }
    }

    /// Checks that requests can be served: the database answers to reads, the writer takes its
    /// turn, and a key signs.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        match tokio::time::timeout(READY_WITHIN, self.store.ping()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(NotReady::Late),
        }
        let keys = self.store.signing_keys().await?;
        self.ring.follow(&keys)?;
        let now = self.clock.now();
        let active = keys
            .iter()
            .any(|key| key.activates_at <= now && key.retires_at.is_none_or(|end| now < end));
        if active { Ok(()) } else { Err(NotReady::NoKey) }
    }

    /// Looks at everything.
    pub async fn look(&self) -> Vec<Finding> {
        let store = &self.store;
        let mut findings = vec![finding("version", Ok(env!("CARGO_PKG_VERSION").to_owned()))];
        let database = store
            .ping()
            .await
            .map(|()| format!("{} answers", store.backend()))
            .map_err(|error| error.to_string());
        findings.push(finding("database", database));
        let key = self.readiness().await;
        findings.push(finding(
            "signing key",
            key.map(|()| "one signs".to_owned()).map_err(|error| error.to_string()),
        ));
        findings.push(finding("clock", self.clocks().await));
        let audit = match store.audit_head().await {
            Ok(head) => Ok(format!("{} entries, the last is {}:{}", head.seq, head.seq, head.hash)),
            Err(error) => Err(error.to_string()),
        };
        findings.push(finding("audit", audit));
        for (name, result) in doorward_audit::states(store, &self.audit).await {
            findings.push(finding(&name, result));
        }
        findings
    }

    async fn clocks(&self) -> Result<String, String> {
        match self.store.database_time().await {
            Ok(time) if self.clock_is_real && self.clock.now().since(time).abs() > APART => {
                Err("this machine and the database differ; synchronise their clocks".to_owned())
            }
            Ok(_) => Ok("equal to the database's".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
