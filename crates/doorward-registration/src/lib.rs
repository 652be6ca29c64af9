//! Turns client metadata into a client — Client ID Metadata Documents, dynamic registration,
//! administrators — under one policy.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

mod administrator;
mod config;
mod document;
mod dynamic;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod management;
mod policy;
mod presets;
mod relying;

use std::sync::{Arc, atomic::AtomicU64};

use doorward_model::{
    Client, ClientId, ClientSource, Clock, ConnectStep, Entropy, Live, PublicUrl, Reason, StepKind,
};
use doorward_store::{Store, StoreError};
use doorward_transport::{AddressLimiter, ClientAddress, Outbound, SingleFlight};

pub use administrator::{
    AddedClient, ClientChangeError, ClientDecision, ClientEdit, NewClient, NewServiceClient,
    NewWorkload, WorkloadEdit,
};
pub use config::Config;
pub use document::DocumentRefusal;
pub use policy::MetadataRefusal;
pub use relying::{NewRelyingParty, RelyingPartyEdit};

/// Maximum number of metadata documents that are fetched at once.
const FETCHES: usize = 64;

/// Knows every client and makes new ones. Cheap to clone.
#[derive(Clone)]
pub struct Registration {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) outbound: Outbound,
    /// `None` in commands, at which no client registers.
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) config: Live<Config>,
    pub(crate) register_limit: Live<AddressLimiter>,
    pub(crate) fetch_limit: Arc<AddressLimiter>,
    /// Metadata documents that are being fetched.
    pub(crate) documents: SingleFlight<ClientId, Result<Arc<Client>, LookupError>>,
    /// Registrations in the database without any authorization, approximately: counted by
    /// housekeeping and at each registration.
    pub(crate) registered: Arc<AtomicU64>,
}

/// The reason for which a client could not be looked up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookupError {
    /// There is no such client, or its metadata document is not acceptable. Asking again does not
    /// help.
    #[error("unknown client: {0}")]
    Unknown(String),
    /// Its metadata document changed since an administrator pinned it.
    #[error("unknown client: {0}")]
    Pinned(String),
    /// An administrator disabled it.
    #[error("the client is disabled")]
    Disabled,
    /// It waits for an administrator's approval.
    #[error("the client awaits the approval of an administrator")]
    Waiting,
    /// It could not be found out now: the database or the document's server did not answer.
    #[error("the client cannot be looked up at the moment: {0}")]
    Unavailable(String),
    /// This IP address requested too many documents.
    #[error("too many metadata documents were requested from one IP address")]
    Limited,
}

impl LookupError {
    /// The reason, for the timeline.
    pub fn reason(&self, id: &ClientId) -> Reason {
        match self {
            Self::Pinned(_) => Reason::DocumentPinned,
            Self::Unknown(_) if id.is_metadata_document() => Reason::DocumentInvalid,
            Self::Unknown(_) => Reason::ClientUnknown,
            Self::Disabled => Reason::ClientDisabled,
            Self::Waiting => Reason::ClientWaiting,
            Self::Unavailable(_) if id.is_metadata_document() => Reason::DocumentUnreachable,
            Self::Unavailable(_) => Reason::Server,
            Self::Limited => Reason::RegistrationLimited,
        }
    }
}

fn register_limit(config: &Config) -> AddressLimiter {
    AddressLimiter::new(config.burst_per_address, config.per_minute_per_address)
}

impl Registration {
    /// Sets the parts together.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        outbound: Outbound,
    ) -> Self {
        let config = Config::default();
        Self {
            register_limit: Live::new(register_limit(&config)),
            fetch_limit: Arc::new(AddressLimiter::new(60, 60)),
            documents: SingleFlight::new(FETCHES),
            registered: Arc::default(),
            store,
            clock,
            entropy,
            outbound,
            public_url: None,
            config: Live::new(config),
        }
    }

    /// The same with its settings. Without a public URL, no client registers itself.
    #[must_use]
    pub fn configured(self, public_url: Option<PublicUrl>, config: Config) -> Self {
        Self {
            register_limit: Live::new(register_limit(&config)),
            public_url,
            config: Live::new(config),
            ..self
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.now()
    }

    /// Replaces the configuration.
    pub fn configure(&self, config: Config) {
        let before = self.config.now();
        let rate = |config: &Config| (config.burst_per_address, config.per_minute_per_address);
        // A reload of other settings gives no client a new allowance.
        if rate(&before) != rate(&config) {
            self.register_limit.put(register_limit(&config));
        }
        self.config.put(config);
    }

    /// The client with this id, as [`Registration::client`] finds it; the reason for a refusal is
    /// noted in the timeline.
    async fn noted(
        &self,
        id: &ClientId,
        found: Result<Arc<Client>, LookupError>,
    ) -> Result<Arc<Client>, LookupError> {
        let Err(error) = &found else { return found };
        // Others are noted where the client is needed for something.
        if !id.is_metadata_document()
            || matches!(error, LookupError::Disabled | LookupError::Waiting)
        {
            return found;
        }
        let name = self.store.client(id).await.ok().flatten().map(|client| client.name.clone());
        let detail = match error {
            LookupError::Unknown(why)
            | LookupError::Pinned(why)
            | LookupError::Unavailable(why) => why.chars().take(300).collect(),
            _ => String::new(),
        };
        let shown: String = id.as_str().chars().take(512).collect();
        self.store.note_step(
            ConnectStep::new(StepKind::Document)
                .client(shown, name)
                .refused(error.reason(id))
                .detail(detail),
        );
        found
    }

    /// The client with this id. A metadata document is fetched if the stored copy is no longer
    /// fresh; `address` is the IP address of the request.
    pub async fn client(
        &self,
        id: &ClientId,
        address: ClientAddress,
    ) -> Result<Arc<Client>, LookupError> {
        let found = self.look_up(id, address).await;
        self.noted(id, found).await
    }

    async fn look_up(
        &self,
        id: &ClientId,
        address: ClientAddress,
    ) -> Result<Arc<Client>, LookupError> {
        let unavailable = |error: StoreError| LookupError::Unavailable(error.to_string());
        let known = self.store.client(id).await.map_err(unavailable)?;
        let client = if id.is_metadata_document() {
            match known {
                Some(client)
                    if client.fresh_until.is_some_and(|until| self.clock.now() < until) =>
                {
                    client
                }
                Some(client) if client.disabled_at.is_some() => client,
                known => self.fetch_document(id, known, address).await?,
            }
        } else {
            known.ok_or_else(|| {
                LookupError::Unknown("it is not registered here, or was deleted".to_owned())
            })?
        };
        let waits = self.config.now().approval
            && client.source != ClientSource::Administrator
            && client.approved_at.is_none();
        if client.disabled_at.is_some() {
            Err(LookupError::Disabled)
        } else if waits {
            Err(LookupError::Waiting)
        } else {
            Ok(client)
        }
    }

    /// Counts the registrations again; housekeeping calls it.
    pub async fn recount(&self) -> Result<(), StoreError> {
        let count = self.store.count_clients(doorward_model::ClientSource::Registration).await?;
        self.registered.store(count, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}
