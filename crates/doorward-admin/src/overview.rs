//! Pending work of administrators, and the first steps of a new server.

use std::sync::Arc;

use doorward_accounts::Accounts;
use doorward_model::{AuditKind, Clock, User, VitalState};
use doorward_store::Store;

use crate::{Clients, Health, Providers, Refusal, Upstreams, Vital};

/// Seconds for which the first steps are shown: two weeks after the first entry of the audit.
const FIRST_DAYS: i64 = 14 * 86_400;

/// Pending work of an administrator.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// Tools to review.
    pub tools: u64,
    /// Clients to approve, where clients must be approved.
    pub clients: u64,
    /// Dependencies of the server that do not answer.
    pub failing: Vec<Vital>,
    /// Users with a password and without a second factor.
    pub without_second_factor: u64,
}

impl Waiting {
    /// True if no decision is pending.
    pub fn is_empty(&self) -> bool {
        self.tools == 0
            && self.clients == 0
            && self.failing.is_empty()
            && self.without_second_factor == 0
    }
}

/// A step of the first days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstStep {
    /// A service (upstream) is added.
    Service,
    /// A client was connected.
    Client,
    /// An identity provider is added.
    Provider,
    /// The administrator has a second factor.
    SecondFactor,
    /// A backup was made.
    Backup,
}

/// Looks for pending work. Cheap to clone.
#[derive(Clone)]
pub struct Overviews {
    store: Store,
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    clients: Clients,
    providers: Providers,
    upstreams: Upstreams,
    health: Health,
}

/// The parts whose state an overview shows.
pub struct Overseen {
    /// Users and how they sign in.
    pub accounts: Accounts,
    /// Clients.
    pub clients: Clients,
    /// Identity providers.
    pub providers: Providers,
    /// Upstreams.
    pub upstreams: Upstreams,
    /// The state of the server's parts.
    pub health: Health,
}

impl Overviews {
    /// Overviews of these parts.
    pub fn new(store: Store, clock: Arc<dyn Clock>, overseen: Overseen) -> Self {
        let Overseen { accounts, clients, providers, upstreams, health } = overseen;
        Self { store, clock, accounts, clients, providers, upstreams, health }
    }

    /// The pending work of now.
    pub async fn waiting(&self) -> Result<Waiting, Refusal> {
        let vitals = self.health.vitals.known().await?;
        Ok(Waiting {
            tools: self.upstreams.count_waiting().await?,
            clients: self.clients_waiting().await?,
            failing: vitals
                .into_iter()
                .filter(|vital| vital.state == VitalState::Failing)
                .collect(),
            without_second_factor: self.store.count_without_second_factor().await?,
        })
    }

    /// The number of clients to approve, where clients must be approved.
    pub async fn clients_waiting(&self) -> Result<u64, Refusal> {
        if self.clients.quota().approval {
            Ok(self.store.count_clients_to_approve().await?)
        } else {
            Ok(0)
        }
    }

    /// The first steps, each with the answer to whether it is done. Empty when all are done, and
    /// after the first two weeks.
    pub async fn first_steps(&self, user: &User) -> Result<Vec<(FirstStep, bool)>, Refusal> {
        let first = self.store.audit_after(0, 1).await?;
        let began = first.first().map_or_else(|| self.clock.now(), |entry| entry.event.at);
        if self.clock.now().since(began) > FIRST_DAYS {
            return Ok(Vec::new());
        }
        let enrolled = self.accounts.enrolled(&user.id).await?;
        let steps = vec![
            (FirstStep::Service, !self.upstreams.all().await?.is_empty()),
            (FirstStep::Client, self.store.has_connected_client().await?),
            (FirstStep::Provider, !self.providers.all().await?.is_empty()),
            (FirstStep::SecondFactor, enrolled.any()),
            (FirstStep::Backup, self.store.last_of_kind(AuditKind::BackupMade).await?.is_some()),
        ];
        Ok(if steps.iter().all(|(_, done)| *done) { Vec::new() } else { steps })
    }
}
