//! The context of commands.

use std::sync::{Arc, Mutex, PoisonError};

use doorward_accounts::Accounts;
use doorward_admin::{
    Chats, Clients, Invitations, Keys, Mails, Policies, Providers, Reached, Resources, RuleParts,
    RuleSets, Tokens, Toolsets, Trusts, Upstreams, Usages, Users, Vitals,
};
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_keys::{MasterKey, SystemEntropy};
use doorward_mail::{MailWriter, Mailer};
use doorward_model::{Live, PublicUrl, ResourceTable, Rules, ports::SystemClock};
use doorward_registration::Registration;
use doorward_store::Store;
use doorward_transport::Outbound;

use crate::{
    Failed, app,
    config::{Checked, Config},
    control,
    data_dir::DataDir,
    master_key, reload,
    services::{CoreServices, NetworkServices},
};

/// A command's surroundings.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) checked: Checked,
    pub(super) data_dir: DataDir,
    pub(super) json: bool,
    /// The public URL of the configuration, which the running server need not have.
    pub(super) configured_url: String,
    /// The stores that were opened: what they noted is written before the command ends.
    pub(super) opened: Mutex<Vec<Store>>,
}

impl Context {
    pub(super) async fn store(&self) -> Result<Store, Failed> {
        if let Some(file) = self.config.store.file(self.data_dir.path()) {
            self.data_dir.reserve(&file);
        }
        let store = Store::open(&self.config.store, self.data_dir.path()).await?;
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
        Ok(store)
    }
    /// Writes what the command noted in the audit and nothing else wrote with it, and has a running
    /// server take up its changes.
    pub(super) async fn finish(&self) -> Result<(), Failed> {
        let opened =
            std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for store in &opened {
            store.flush().await?;
        }
        if opened.iter().any(Store::has_written) {
            control::tell(&self.data_dir).await;
        }
        Ok(())
    }
    pub(super) async fn master(&self, store: &Store) -> Result<Arc<MasterKey>, Failed> {
        let configured = self.config.keys.master_key.reveal();
        let master = master_key::open(configured, self.data_dir.path(), store).await?;
        self.data_dir.release_key();
        Ok(master)
    }
    async fn core(&self, store: &Store) -> Result<CoreServices, Failed> {
        Ok(CoreServices {
            store: store.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            master: self.master(store).await?,
        })
    }
    async fn network(&self, store: &Store) -> Result<NetworkServices, Failed> {
        let core = self.core(store).await?;
        core.connect(&self.config, self.public_url()?).await
    }
    pub(super) async fn accounts(&self, store: &Store) -> Result<Accounts, Failed> {
        // Commands do not sign users in.
        self.core(store).await?.accounts(&self.config, None)
    }
    pub(super) async fn users(&self, store: &Store) -> Result<Users, Failed> {
        Ok(Users::new(store.clone(), self.accounts(store).await?, Arc::new(SystemClock)))
    }
    pub(super) async fn invitations(&self, store: &Store) -> Result<Invitations, Failed> {
        let (public_url, mail_writer) = (self.public_url()?, self.mail_writer()?);
        let (users, federation) = (self.users(store).await?, self.federation(store).await?);
        Ok(Invitations::new(users, federation, mail_writer, public_url))
    }
    fn mail_writer(&self) -> Result<MailWriter, Failed> {
        let (mailer, pages) = (Mailer::new(&self.config.mail)?, &self.config.pages);
        Ok(MailWriter::new(mailer, &pages.name, &pages.support, self.public_url()?))
    }
    pub(super) fn mails(&self, store: &Store) -> Result<Mails, Failed> {
        Ok(Mails::new(store.clone(), self.mail_writer()?))
    }
    pub(super) async fn clients(&self, store: &Store) -> Result<Clients, Failed> {
        let (accounts, registration) =
            (self.accounts(store).await?, self.registration(store).await?);
        Ok(Clients::new(store.clone(), accounts, registration, Arc::new(SystemClock)))
    }
    pub(super) async fn trusts(&self, store: &Store) -> Result<Trusts, Failed> {
        let (accounts, registration) =
            (self.accounts(store).await?, self.registration(store).await?);
        Ok(Trusts::new(store.clone(), accounts, registration, self.public_url()?))
    }
    pub(super) async fn tokens(&self, store: &Store) -> Result<Tokens, Failed> {
        let accounts = self.accounts(store).await?;
        Ok(Tokens::new(store.clone(), accounts, self.rules(store).await?, Arc::new(SystemClock)))
    }
    pub(super) async fn chats(&self, store: &Store) -> Result<Chats, Failed> {
        Ok(Chats::new(store.clone(), self.accounts(store).await?, Arc::new(SystemClock)))
    }
    pub(super) async fn providers(&self, store: &Store) -> Result<Providers, Failed> {
        let bounds = Arc::new(self.checked.administered.clone());
        Ok(Providers::new(store.clone(), self.federation(store).await?, bounds))
    }
    pub(super) async fn upstreams(&self, store: &Store) -> Result<Upstreams, Failed> {
        let bounds = Arc::new(self.checked.administered.clone());
        Ok(Upstreams::new(self.gateway(store).await?, self.users(store).await?, bounds))
    }
    pub(super) fn resources(&self, store: &Store) -> Result<Resources, Failed> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        Ok(Resources::new(store.clone(), clock, entropy, self.public_url()?))
    }
    pub(super) async fn toolsets(&self, store: &Store) -> Result<Toolsets, Failed> {
        let gateway = self.gateway(store).await?;
        Ok(Toolsets::new(store.clone(), Arc::new(SystemClock), gateway, self.public_url()?))
    }
    pub(super) async fn policies(&self, store: &Store) -> Result<Policies, Failed> {
        let (users, gateway) = (self.users(store).await?, self.gateway(store).await?);
        let policies = Policies::new(&users, gateway, self.rule_sets(store).await?);
        Ok(policies.with_agent(self.config.has_agent()))
    }
    pub(super) async fn rule_sets(&self, store: &Store) -> Result<RuleSets, Failed> {
        let parts = self.rule_parts(store).await?;
        Ok(RuleSets::new(store.clone(), Arc::new(SystemClock), parts))
    }
    pub(super) async fn usages(&self, store: &Store) -> Result<Usages, Failed> {
        Ok(Usages::new(store.clone(), self.gateway(store).await?, Arc::new(SystemClock)))
    }
    /// The rules in effect.
    pub(super) async fn rules(&self, store: &Store) -> Result<Live<Rules>, Failed> {
        Ok(self.rule_parts(store).await?.rules)
    }
    /// The parts that apply rules, with those in effect.
    async fn rule_parts(&self, store: &Store) -> Result<RuleParts, Failed> {
        let contents = reload::rule_contents(&self.config, &self.checked, store).await?;
        let outbound = Outbound::new(&self.config.outbound)?;
        let registration = self.core(store).await?.registration(&self.config, &outbound, None);
        let parts = RuleParts::new(Live::default(), Live::default(), registration);
        for (source, content) in &contents {
            parts.load(*source, content);
        }
        Ok(parts)
    }
    /// The rules of the configuration alone, for commands without a database.
    pub(super) fn rules_of_file(&self) -> Rules {
        Rules {
            access: self.checked.access.clone(),
            policy: self.checked.policy.clone(),
            ..Rules::default()
        }
    }
    pub(super) async fn keys(&self, store: &Store) -> Result<Keys, Failed> {
        let (master, clock) = (self.master(store).await?, Arc::new(SystemClock));
        let rotation = app::rotation(&self.config, &self.checked);
        Ok(Keys::new(store.clone(), master, clock, rotation))
    }
    pub(super) async fn vitals(&self, store: &Store) -> Result<Vitals, Failed> {
        let reached = Reached {
            gateway: self.gateway(store).await?,
            federation: self.federation(store).await?,
            mailer: Mailer::new(&self.config.mail)?,
            audit: self.config.audit.clone(),
        };
        Ok(Vitals::new(store.clone(), Arc::new(SystemClock), reached))
    }
    pub(super) async fn federation(&self, store: &Store) -> Result<Federation, Failed> {
        let federation = self.network(store).await?.federation(&self.config);
        federation.configure(federation.prepare(&self.config.providers)?);
        Ok(federation)
    }
    pub(super) async fn gateway(&self, store: &Store) -> Result<Gateway, Failed> {
        let network = self.network(store).await?;
        let resources = ResourceTable::new(&network.public_url);
        let gateway = network.gateway(&self.config, resources, None);
        #[cfg(feature = "knowledge")]
        gateway.keep_knowledge(self.data_dir.path().join("knowledge"), false);
        gateway.configure(gateway.prepare(&self.config.upstreams)?);
        Ok(gateway)
    }
    pub(super) async fn registration(&self, store: &Store) -> Result<Registration, Failed> {
        Ok(self.rule_parts(store).await?.registration)
    }
    pub(super) fn public_url(&self) -> Result<PublicUrl, Failed> {
        Ok(self.checked.public_url(self.checked.listen.port())?)
    }
}
