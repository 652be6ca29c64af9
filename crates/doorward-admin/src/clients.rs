//! Operations on clients.

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_model::{Client, ClientId, Clock};
use doorward_registration::{AddedClient, ClientDecision, NewClient, Registration};
use doorward_store::Store;

use crate::{Object, Refusal};

/// The most days that an unused registration may be old before it is cleaned up.
const MOST_DAYS: u32 = 3660;

/// The bounds of clients that register themselves.
#[derive(Clone, Copy, Debug)]
pub struct ClientQuota {
    /// The number that may be registered.
    pub most: u64,
    /// Clients that no administrator added must be approved.
    pub approval: bool,
}

/// Operations on clients. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    store: Store,
    registration: Registration,
    clock: Arc<dyn Clock>,
}

impl Clients {
    /// Operations on the clients of this store.
    pub fn new(store: Store, registration: Registration, clock: Arc<dyn Clock>) -> Self {
        Self { store, registration, clock }
    }

    /// The client with this `client_id`.
    pub async fn with_id(&self, id: &str) -> Result<Arc<Client>, Refusal> {
        let found = self.store.client(&ClientId::from_text(id)).await?;
        found.ok_or_else(|| Refusal::Missing(Object::Client, id.to_owned()))
    }

    /// The bounds of clients that register themselves.
    pub fn quota(&self) -> ClientQuota {
        let config = self.registration.config();
        ClientQuota { most: config.max_registrations, approval: config.approval }
    }

    /// Adds a client. Its secret, if it has one, is shown once.
    pub async fn add(
        &self,
        _authority: &Authority,
        new: NewClient,
    ) -> Result<AddedClient, Refusal> {
        Ok(self.registration.add(new).await?)
    }

    /// Decides about a client. Answers the client as it is then; `None` if it was deleted.
    pub async fn decide(
        &self,
        id: &str,
        decision: ClientDecision,
        seen: Option<&str>,
    ) -> Result<Option<Arc<Client>>, Refusal> {
        let client = self.with_id(id).await?;
        self.registration.decide(&client.id, decision, seen).await?;
        if decision == ClientDecision::Delete { Ok(None) } else { self.with_id(id).await.map(Some) }
    }

    /// Deletes the registrations that no user ever authorised and that are older than some days.
    /// Answers how many went.
    pub async fn clean_up(&self, days: u32) -> Result<u64, Refusal> {
        if days > MOST_DAYS {
            return Err(Refusal::Days(0, MOST_DAYS));
        }
        let before = self.clock.now().plus(-i64::from(days) * 86_400);
        let deleted = self.store.delete_unused_clients(before).await?;
        self.registration.recount().await?;
        Ok(deleted)
    }
}
