//! The services that the parts of the program share, and the parts that the server and commands both
//! set up, each in one function.

use std::{path::PathBuf, sync::Arc};

use doorward_accounts::{AccountServices, AccountSettings, Accounts};
use doorward_federation::{Federation, FederationServices, FederationSettings};
use doorward_gateway::{Gateway, GatewayServices, GatewaySettings, UserAssertions};
use doorward_keys::{KeyRing, MasterKey};
use doorward_mcp::Changes;
use doorward_model::{Clock, Entropy, PublicUrl, ResourceTable};
use doorward_registration::Registration;
use doorward_store::Store;
use doorward_transport::Outbound;

use crate::{Failed, config::Config};

/// The services that the parts of the program share.
pub(crate) struct CoreServices {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) master: Arc<MasterKey>,
}

/// The same with a public URL, a key ring and a client for requests to others.
pub(crate) struct NetworkServices {
    pub(crate) core: CoreServices,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) outbound: Outbound,
    pub(crate) public_url: PublicUrl,
}

impl CoreServices {
    /// Users and their sessions. Without a public URL, as in commands, no user signs in.
    pub(crate) fn accounts(
        &self,
        config: &Config,
        public_url: Option<PublicUrl>,
    ) -> Result<Accounts, Failed> {
        let services = AccountServices {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            master: Arc::clone(&self.master),
        };
        let (name, config) = (config.pages.name.clone(), config.accounts.clone());
        Ok(Accounts::new(services, AccountSettings { public_url, name, config })?)
    }

    /// Clients. Without a public URL, as in commands, none registers itself.
    pub(crate) fn registration(
        &self,
        config: &Config,
        outbound: &Outbound,
        public_url: Option<PublicUrl>,
    ) -> Registration {
        Registration::new(
            self.store.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
            outbound.clone(),
        )
        .configured(public_url, config.registration.clone())
    }

    /// Reads the signing keys, and sets up the client for requests to others.
    pub(crate) async fn connect(
        self,
        config: &Config,
        public_url: PublicUrl,
    ) -> Result<NetworkServices, Failed> {
        let keys = Arc::new(KeyRing::new(Arc::clone(&self.master)));
        keys.follow(&self.store.signing_keys().await?)?;
        let outbound = Outbound::new(&config.outbound)?;
        Ok(NetworkServices { core: self, keys, outbound, public_url })
    }
}

/// The use of the gateway by a server: without it a command offers nothing and runs no process.
#[derive(Default)]
pub(crate) struct Serving {
    /// The changes of what is offered.
    pub(crate) changes: Changes,
    /// The statements about users for upstreams that accept them.
    pub(crate) assertions: Option<Arc<dyn UserAssertions>>,
    /// The program that runs local processes.
    pub(crate) supervisor: Option<PathBuf>,
}

impl NetworkServices {
    /// Sign-in through identity providers, without those of the configuration file yet.
    pub(crate) fn federation(&self, config: &Config) -> Federation {
        let CoreServices { store, clock, entropy, master } = &self.core;
        let services = FederationServices {
            store: store.clone(),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            keys: Arc::clone(&self.keys),
            master: Arc::clone(master),
            outbound: self.outbound.clone(),
        };
        let settings = FederationSettings {
            outbound_config: config.outbound.clone(),
            public_url: self.public_url.clone(),
            passwords: config.accounts.passwords,
        };
        Federation::new(services, settings)
    }

    /// The gateway, without upstreams of the configuration file yet.
    pub(crate) fn gateway(
        &self,
        config: &Config,
        resources: ResourceTable,
        serving: Option<Serving>,
    ) -> Gateway {
        let Serving { changes, assertions, supervisor } = serving.unwrap_or_default();
        let CoreServices { store, clock, entropy, master } = &self.core;
        let services = GatewayServices {
            store: store.clone(),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            keys: Arc::clone(&self.keys),
            master: Arc::clone(master),
            outbound: self.outbound.clone(),
            changes,
            assertions,
        };
        let settings = GatewaySettings {
            outbound_config: config.outbound.clone(),
            public_url: self.public_url.clone(),
            name: config.pages.name.clone(),
            resources,
            supervisor,
        };
        Gateway::new(services, settings)
    }
}
