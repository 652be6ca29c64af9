//! Operations on identity providers.

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_federation::{
    Federation, PreparedProvider, Provider, ProviderChangeError, ProviderConfig,
};
use doorward_model::Members;
use doorward_store::Store;
use doorward_transport::outbound::Bounds;
use serde_json::{Map, Value};

use crate::{
    Edit, Finding, Proposal, Refusal, SettingsPatch,
    edit::{self, Editable, Planned},
    settable::{self, Family, Reach},
};

/// Operations on identity providers. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    store: Store,
    federation: Federation,
    administered: Arc<Bounds>,
}

impl Providers {
    /// Operations on the identity providers of this store; administrators may choose networks
    /// within `administered`.
    pub fn new(store: Store, federation: Federation, administered: Arc<Bounds>) -> Self {
        Self { store, federation, administered }
    }

    /// All identity providers, those that are disabled too.
    pub async fn all(&self) -> Result<Vec<Arc<Provider>>, Refusal> {
        Ok(self.federation.all_providers().await?)
    }

    /// The identity providers through which users can sign in.
    pub async fn enabled(&self) -> Result<Vec<Arc<Provider>>, Refusal> {
        Ok(self.federation.providers().await?)
    }

    /// The identity provider of that name.
    pub async fn named(&self, name: &str) -> Result<Arc<Provider>, Refusal> {
        Ok(self.federation.named(name).await?)
    }

    /// The redirect URI to register at an identity provider.
    pub fn redirect_uri(&self, provider: &Provider) -> String {
        self.federation.callback_of(&provider.id)
    }

    /// The number of accounts at an identity provider that are linked to users.
    pub async fn count_users(&self, provider: &Provider) -> Result<u64, Refusal> {
        Ok(self.store.count_identities(&provider.id).await?)
    }

    /// Adds an identity provider. It decides which users may sign in.
    pub async fn add(
        &self,
        _authority: &Authority,
        name: &str,
        settings: Map<String, Value>,
        reach: Reach,
    ) -> Result<Arc<Provider>, Refusal> {
        settable::admit(Family::Provider, &settings, reach.bounds(&self.administered))?;
        let config: ProviderConfig = Members::Settings.read(settings).map_err(Refusal::Settings)?;
        let id = self.federation.add(name, config).await?;
        self.named(id.as_str()).await
    }

    /// The name of the state of a provider that was added, for a later change.
    pub async fn etag(&self, provider: &Provider) -> Result<Option<String>, Refusal> {
        Ok(self.federation.etag(&provider.id).await?)
    }

    /// Changes settings of an identity provider that was added. It decides which users may sign in.
    pub async fn edit(
        &self,
        _authority: &Authority,
        proposal: Proposal<'_, SettingsPatch>,
    ) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Deletes an identity provider that was added, with the access of users who signed in through
    /// it.
    /// With `seen`, only if it is still in the state of that etag.
    pub async fn delete(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        Ok(self.federation.delete(name, seen).await?)
    }

    /// Tries an identity provider out: discovery, keys, redirect, client.
    pub async fn test(&self, provider: &Provider) -> Vec<Finding> {
        let finding = |found: doorward_federation::Finding| Finding {
            what: found.subject.as_str().to_owned(),
            result: found.result,
        };
        self.examine(provider).await.into_iter().map(finding).collect()
    }

    /// The same with the subjects as values.
    pub async fn examine(&self, provider: &Provider) -> Vec<doorward_federation::Finding> {
        self.federation.test(provider).await
    }
}

impl Editable for Providers {
    type Change = SettingsPatch;
    type Plan = PreparedProvider;

    async fn plan(&self, of: &str, change: &SettingsPatch) -> Result<Planned<Self::Plan>, Refusal> {
        let provider = self.named(of).await?;
        let (after, differences) =
            edit::patched(Family::Provider, provider.settings(), change, &self.administered)?;
        let plan = self.federation.prepare_change(of, after).await?;
        Ok(Planned { differences, ends_access: false, etag: plan.etag(), plan })
    }

    async fn put(&self, plan: PreparedProvider, keys: Vec<String>) -> Result<(), Refusal> {
        Ok(self.federation.change(plan, keys).await?)
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.etag(&*self.named(of).await?).await?.unwrap_or_default())
    }

    fn changed(of: &str) -> Refusal {
        ProviderChangeError::Changed(of.to_owned()).into()
    }
}
