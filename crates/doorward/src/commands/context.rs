//! What commands work with.

use std::sync::Arc;

use doorward_accounts::Accounts;
use doorward_keys::SystemEntropy;
use doorward_model::{PublicUrl, ports::SystemClock};
use doorward_registration::Registration;
use doorward_store::Store;
use doorward_transport::Outbound;

use crate::{
    Failed,
    config::{Checked, Config},
    data_dir::DataDir,
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
    pub(super) fn accounts(&self, store: &Store) -> Result<Accounts, Failed> {
        Ok(Accounts::new(store.clone(), Arc::new(SystemClock), Arc::new(SystemEntropy), self.config.accounts.clone())?)
    }
    pub(super) fn registration(&self, store: &Store) -> Result<Registration, Failed> {
        let outbound = Outbound::new(&self.config.outbound)?;
        Ok(Registration::new(store.clone(), Arc::new(SystemClock), Arc::new(SystemEntropy), outbound, self.config.registration.clone()))
    }
    pub(super) fn public_url(&self) -> Result<PublicUrl, Failed> {
        Ok(self.checked.public_url(self.checked.listen)?)
    }
}
