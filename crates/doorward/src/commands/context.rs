//! What commands work with.

use std::sync::Arc;

use doorward_accounts::Accounts;
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_keys::{KeyRing, MasterKey, SystemEntropy};
use doorward_model::{Person, PublicUrl, ResourceTable, ports::SystemClock};
use doorward_registration::Registration;
use doorward_store::Store;
use doorward_transport::Outbound;

use crate::{
    Failed,
    config::{Checked, Config},
    data_dir::DataDir,
    keys,
};

/// A command's surroundings.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) checked: Checked,
    pub(super) data_dir: DataDir,
    pub(super) json: bool,
}

impl Context {
    pub(super) async fn store(&self) -> Result<Store, Failed> {
        Ok(Store::open(&self.config.store, self.data_dir.path()).await?)
    }
    pub(super) async fn master(&self, store: &Store) -> Result<Arc<MasterKey>, Failed> {
        keys::open_master_key(self.config.keys.master_key.reveal(), self.data_dir.path(), store)
            .await
    }
    pub(super) async fn accounts(&self, store: &Store) -> Result<Accounts, Failed> {
        Ok(Accounts::new(doorward_accounts::Parts {
            store: store.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            master: self.master(store).await?,
            // Commands sign no one in.
            public_url: None,
            name: self.config.pages.name.clone(),
            config: self.config.accounts.clone(),
        })?)
    }
    pub(super) async fn federation(&self, store: &Store) -> Result<Federation, Failed> {
        let master = self.master(store).await?;
        let ring = Arc::new(KeyRing::new(Arc::clone(&master)));
        ring.follow(&store.signing_keys().await?)?;
        Ok(Federation::new(doorward_federation::Parts {
            store: store.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            keys: ring,
            master,
            outbound: Outbound::new(&self.config.outbound)?,
            outbound_config: self.config.outbound.clone(),
            public_url: self.public_url()?,
            passwords: self.config.accounts.passwords,
            configured: self.config.providers.clone(),
        })?)
    }
    pub(super) async fn gateway(&self, store: &Store) -> Result<Gateway, Failed> {
        let master = self.master(store).await?;
        let ring = Arc::new(KeyRing::new(Arc::clone(&master)));
        ring.follow(&store.signing_keys().await?)?;
        let public_url = self.public_url()?;
        Ok(Gateway::new(doorward_gateway::Parts {
            store: store.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            keys: ring,
            master,
            outbound: Outbound::new(&self.config.outbound)?,
            outbound_config: self.config.outbound.clone(),
            resources: ResourceTable::new(&public_url),
            public_url,
            name: self.config.pages.name.clone(),
            changes: doorward_mcp::Changes::default(),
            supervisor: None,
            configured: self.config.upstreams.clone(),
        })?)
    }
    /// A person by their sign-in name.
    pub(super) async fn person(&self, store: &Store, name: &str) -> Result<Arc<Person>, Failed> {
        store.person_by(name).await?.ok_or_else(|| {
            Failed(format!("no user has the name or the ID {name}; doorward user list shows both"))
        })
    }
    pub(super) fn registration(&self, store: &Store) -> Result<Registration, Failed> {
        let outbound = Outbound::new(&self.config.outbound)?;
        Ok(Registration::new(
            store.clone(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
            outbound,
            self.config.registration.clone(),
        ))
    }
    pub(super) fn public_url(&self) -> Result<PublicUrl, Failed> {
        Ok(self.checked.public_url(self.checked.listen)?)
    }
}
