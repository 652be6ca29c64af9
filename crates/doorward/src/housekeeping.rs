//! Tasks of a running server: deletion of expired rows, rotation of keys, checks of accounts at
//! providers.

use std::{sync::Arc, time::Duration};

use doorward_admin::Keys;
use doorward_audit::Exporter;
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_issuer::Issuer;
use doorward_model::{AuditEvent, AuditKind, Clock, Timestamp};
use doorward_registration::Registration;
use doorward_store::Store;
use tokio_util::sync::CancellationToken;

use crate::supervisor::Supervisor;

/// The interval between inspections of connections to upstreams.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// The interval between looks for sessions that ended, of which relying parties are told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// The parts that housekeeping works with.
pub struct Housekeeping {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Signing keys, which rotate.
    pub keys: Keys,
    /// Clients.
    pub registration: Registration,
    /// Identity providers.
    pub federation: Federation,
    /// Upstreams.
    pub gateway: Gateway,
    /// The authorization server.
    pub issuer: Issuer,
    /// Days after which keys rotate.
    pub rotation_days: u32,
    /// Sends the audit elsewhere.
    pub(crate) exporter: Exporter,
    /// Days after which entries of the audit are deleted; 0 for never.
    pub(crate) audit_days: u32,
    /// Days after which numbers of usage are deleted; 0 for never.
    pub(crate) usage_days: u32,
    /// Days after which recorded calls are deleted.
    pub(crate) record_days: u32,
    /// Pause between two rounds.
    pub every: Duration,
}

impl Housekeeping {
    /// Gives each kind of work to the supervisor as a task of its own, so that a slow provider
    /// delays nothing else. All of them run until `stop`.
    pub fn start(self, supervisor: &mut Supervisor, stop: &CancellationToken) {
        let this = Arc::new(self);
        let (own, token) = (Arc::clone(&this), stop.clone());
        supervisor.start("housekeeping", async move { own.every(&token, || own.round()).await });
        let (own, token) = (Arc::clone(&this), stop.clone());
        supervisor.start("provider checks", async move {
            own.every(&token, || own.check_providers()).await;
            // A check that was cut off may have redeemed a token that its provider replaced.
            own.federation.drained().await;
        });
        let (own, token) = (Arc::clone(&this), stop.clone());
        supervisor.start("audit export", async move { own.exporter.run(&token).await });
        let (own, token) = (Arc::clone(&this), stop.clone());
        supervisor.start("token revocations", async move { own.revoke(&token).await });
        let (own, token) = (Arc::clone(&this), stop.clone());
        supervisor.start("relying parties", async move { own.tell(&token).await });
        let token = stop.clone();
        supervisor.start("upstream connections", async move {
            this.tidy(&token).await;
            this.gateway.close();
        });
    }

    /// Looks often after connections to upstreams: idle processes cost memory.
    async fn tidy(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TIDY_EVERY) => self.gateway.tidy().await,
            }
        }
    }

    /// Revokes tokens of upstreams that ended: at once where this process ended one, and soon where
    /// a command or another replica did. An interrupted revocation is due again later.
    async fn revoke(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.gateway.revocation_wanted() => {}
                () = tokio::time::sleep(TIDY_EVERY) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.gateway.revoke_due() => {}
            }
        }
    }

    /// Tells relying parties of sessions that ended, whatever ended them: this process, a command
    /// or another replica.
    async fn tell(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TELL_EVERY) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.issuer.tell_of_ended_sessions() => {}
            }
        }
    }

    async fn every<F: Future<Output = ()>>(&self, stop: &CancellationToken, work: impl Fn() -> F) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = work() => {}
            }
        }
    }

    async fn check_providers(&self) {
        if let Err(error) = self.federation.check_due().await {
            tracing::warn!(%error, "accounts at identity providers could not be checked; trying \
                again later");
        }
    }

    /// Deletes old entries and records, and notes that in the audit itself.
    async fn trim_audit(&self, now: Timestamp) {
        let days = |days: u32| now.plus(-i64::from(days) * 86_400);
        let trimmed = if self.audit_days == 0 {
            Ok(0)
        } else {
            self.store.trim_audit(days(self.audit_days)).await
        };
        match trimmed {
            Ok(0) => {}
            Ok(entries) => {
                let event = AuditEvent::new(AuditKind::AuditTrimmed)
                    .detail(serde_json::json!({ "entries": entries }).to_string());
                if let Err(error) = self.store.note(event).await {
                    tracing::warn!(%error, "an entry of the audit could not be stored");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old entries of the audit could not be deleted; trying again later");
            }
        }
        if let Err(error) = self.store.delete_records(days(self.record_days)).await {
            tracing::warn!(%error, "old records of calls could not be deleted; trying again later");
        }
    }

    /// Counts the calls of the last minute, and deletes old numbers.
    async fn count_usage(&self, now: Timestamp) {
        let counted = async {
            self.store.count_usage().await?;
            if self.usage_days == 0 || self.audit_days == 0 {
                return Ok(0);
            }
            // Numbers of entries that the audit still has stay, so that both can be compared.
            let days = i64::from(self.usage_days.max(self.audit_days));
            self.store.trim_usage(now.plus(-days * 86_400)).await
        };
        if let Err(error) = counted.await {
            tracing::warn!(%error, "calls could not be counted; trying again later");
        }
    }

    /// One round.
    pub async fn round(&self) {
        let now = self.clock.now();
        match self.store.delete_expired(now, self.registration.config().unused_seconds).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "expired rows deleted"),
            Err(error) => {
                tracing::warn!(%error, "expired rows could not be deleted; trying again later");
            }
        }
        self.count_usage(now).await;
        self.trim_audit(now).await;
        if let Err(error) = self.registration.recount().await {
            tracing::warn!(%error, "registrations could not be counted");
        }
        if let Err(error) = self.keys.keep_fresh(self.rotation_days).await {
            tracing::error!(%error, "the signing key could not be rotated; trying again later");
        }
    }
}
