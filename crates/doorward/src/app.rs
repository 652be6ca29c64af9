//! The parts, wired.

use std::{sync::Arc, time::Duration};

use doorward_accounts::Accounts;
use doorward_admin::{
    Admin, AdminServices, Health, Keys, Loading, Reached, Rotation, RuleParts, Settings, Vitals,
};
use doorward_audit::{ExportPorts, Exporter};
use doorward_console::Console;
use doorward_federation::Federation;
use doorward_gateway::{Gateway, UserAssertions};
use doorward_issuer::{Issuer, IssuerPorts, IssuerServices, IssuerSettings};
use doorward_keys::{Proofs, SystemEntropy};
use doorward_mail::{MailWriter, Mailer};
use doorward_mcp::{Changes, Mcp, McpServices, McpSettings, ToolSource, tools::BuiltInTools};
use doorward_model::{Clock, Entropy, Live, PublicUrl, ResourceTable};
pub use doorward_registration::NewClient;
use doorward_registration::Registration;
use doorward_store::Store;
use doorward_transport::{
    Csrf, Outbound, address::TrustedProxies, host::Numbers, outbound::PeerPermissions,
};
use doorward_web::{Web, WebServices, WebSettings};
use tokio_util::sync::CancellationToken;

use crate::{
    Failed,
    config::{Checked, Config},
    connected::{AssertedUsers, AssertingProviders, Directory, ForeignTokens},
    data_dir::DataDir,
    entry::Entries,
    housekeeping::Housekeeping,
    master_key,
    metrics::Metrics,
    reload::{self, InEffect},
    services::{CoreServices, Serving},
    upstream_pages::UpstreamPages,
};

/// A wired server.
pub struct App {
    /// The public URL.
    pub public_url: PublicUrl,
    /// The store.
    pub store: Store,
    /// Users.
    pub accounts: Accounts,
    /// Clients.
    pub registration: Registration,
    /// The authorization server.
    pub issuer: Issuer,
    /// Sign-in through identity providers.
    pub federation: Federation,
    /// Upstreams.
    pub gateway: Gateway,
    /// The MCP server.
    pub mcp: Mcp,
    /// The operations of administration.
    pub admin: Admin,
    /// The pages of users.
    pub web: Web,
    /// The pages and the API of administrators.
    pub console: Arc<Console>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) proxies: TrustedProxies,
    /// The public URL by the numbers of `localhost`.
    pub(crate) numbers: Numbers,
    /// The limit for callers that are not authenticated.
    pub(crate) entries: Entries,
    /// The client for requests to others. Setting another one up reads the system's certificates
    /// again.
    outbound: Outbound,
    config: Config,
    /// The counters.
    pub(crate) metrics: Arc<Metrics>,
    /// The connectors of chats, if the configuration has any.
    #[cfg(feature = "connectors")]
    pub(crate) connectors: Option<doorward_connectors::Connectors>,
    /// The parts that take up settings of the configuration file while the server runs.
    pub(crate) in_effect: Arc<InEffect>,
    /// The state of the configuration file.
    pub(crate) loading: Live<Loading>,
}

/// The folder in the data directory for entries of the audit that are not in the database yet.
const AUDIT_JOURNAL: &str = "audit-journal";

/// This program, which ends local processes when the server has ended. Only the program itself can
/// serve for it: tests run in another one.
fn supervisor() -> Option<std::path::PathBuf> {
    std::env::current_exe()
        .ok()
        .filter(|path| path.file_stem().is_some_and(|name| name == "doorward"))
}

/// The rotation of keys under this configuration.
pub fn rotation(config: &Config, checked: &Checked) -> Rotation {
    Rotation {
        algorithm: checked.algorithm,
        publish_ahead: i64::from(config.keys.publish_ahead_seconds),
        token_lifetime: config.issuer.access_token_seconds,
    }
}

/// The public endpoints while the MCP server is on (CS1).
fn made_public(public_url: &PublicUrl, name: &str) -> Vec<String> {
    vec![
        format!("that this URL is an authorization server: {public_url}"),
        format!(
            "the URL and the name of the MCP server: {}, {name}",
            public_url.at(doorward_model::routes::MCP)
        ),
        "the URLs of its endpoints, the names of its scopes and its public keys".to_owned(),
        "the names of the upstreams, in URLs below the server's".to_owned(),
    ]
}

impl App {
    /// Opens the store and wires everything for this public URL.
    pub async fn open(
        config: Config,
        checked: &Checked,
        data_dir: &DataDir,
        public_url: PublicUrl,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Failed> {
        // On the heap: it holds every part while it is assembled.
        Box::pin(Self::assemble(config, checked, data_dir, public_url, clock)).await
    }

    #[expect(
        clippy::too_many_lines,
        reason = "it hands every part what it needs, from top to bottom, and does nothing else"
    )]
    async fn assemble(
        config: Config,
        checked: &Checked,
        data_dir: &DataDir,
        public_url: PublicUrl,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Failed> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let store =
            Store::open(&config.store, data_dir.path()).await?.with_clock(Arc::clone(&clock));
        // Before anything is written, so that all of it is counted.
        let metrics = Arc::new(Metrics::default());
        store.observe(Arc::clone(&metrics) as Arc<dyn doorward_store::Observer>);
        let journal = doorward_model::id::random_text(entropy.as_ref(), 16);
        let left = store.keep_journal(&data_dir.path().join(AUDIT_JOURNAL), journal).await?;
        if left > 0 {
            tracing::info!(entries = left, "entries that a killed process left are in the audit");
        }
        let master =
            master_key::open(config.keys.master_key.reveal(), data_dir.path(), &store).await?;
        let keys = Keys::new(
            store.clone(),
            Arc::clone(&master),
            Arc::clone(&clock),
            rotation(&config, checked),
        );
        keys.keep_fresh(config.keys.rotation_days).await?;
        let contents = reload::rule_contents(&config, checked, &store).await?;
        let rules = Live::new(reload::rules(&contents));
        let resources = ResourceTable::new(&public_url);
        let core = CoreServices {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            master: Arc::clone(&master),
        };
        let accounts = core.accounts(&config, Some(public_url.clone()))?;
        let network = core.connect(&config, public_url.clone()).await?;
        let (ring, outbound) = (Arc::clone(&network.keys), network.outbound.clone());
        let federation = network.federation(&config);
        let registration = network.core.registration(&config, &outbound, Some(public_url.clone()));
        registration.recount().await?;
        let networks = &config.outbound.allow_networks;
        let to_relying_parties = outbound.for_correspondent(
            &config.outbound,
            PeerPermissions { networks: &[], ca_file: None, plain: networks },
        )?;
        let proofs = Arc::new(Proofs::new(Arc::clone(&master), config.keys.dpop_nonces));
        let issuer = Issuer::new(
            IssuerServices {
                store: store.clone(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                keys: Arc::clone(&ring),
                master: Arc::clone(&master),
                proofs: Arc::clone(&proofs),
                outbound: outbound.clone(),
                to_relying_parties,
            },
            IssuerPorts {
                clients: Arc::new(Directory(registration.clone())),
                verifier: Arc::new(ForeignTokens(federation.clone())),
                asserters: Arc::new(AssertedUsers {
                    federation: federation.clone(),
                    accounts: accounts.clone(),
                }),
            },
            IssuerSettings {
                public_url: public_url.clone(),
                resources: resources.clone(),
                rules: rules.clone(),
                config: config.issuer.clone(),
            },
        );
        let stop = CancellationToken::new();
        let tools = BuiltInTools::new(
            store.clone(),
            Arc::clone(&clock),
            public_url.as_str().to_owned(),
            config.mcp.resource_name.clone(),
        );
        let changes = Changes::default();
        let assertions: Arc<dyn UserAssertions> = Arc::new(AssertingProviders(federation.clone()));
        let serving = Serving {
            changes: changes.clone(),
            assertions: Some(assertions),
            supervisor: supervisor(),
        };
        let gateway = network.gateway(&config, resources.clone(), Some(serving));
        #[cfg(feature = "knowledge")]
        gateway.keep_knowledge(data_dir.path().join("knowledge"), true);
        let limits = Live::new(config.limits.clone());
        let rule_parts = RuleParts::new(rules.clone(), limits.clone(), registration.clone());
        let in_effect = Arc::new(InEffect {
            rule_parts: rule_parts.clone(),
            federation: federation.clone(),
            gateway: gateway.clone(),
            changes: changes.clone(),
        });
        in_effect.put(&config, checked, &store).await?;
        let loading = Live::<Loading>::default();
        #[cfg(feature = "agent")]
        let agent = crate::agent::office(
            &config,
            crate::agent::AgentServices {
                store: store.clone(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                master: Arc::clone(&master),
                public_url: public_url.clone(),
            },
            &outbound,
        )
        .await?;
        let sources: Vec<Arc<dyn ToolSource>> = vec![Arc::new(tools), Arc::new(gateway.clone())];
        #[cfg(feature = "agent")]
        let sources = crate::agent::with_ask(sources, agent.as_ref());
        let mcp = Mcp::new(
            McpServices {
                store: store.clone(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                keys: Arc::clone(&ring),
                master: Arc::clone(&master),
                proofs,
                sources,
                changes,
                stop: stop.clone(),
            },
            McpSettings {
                public_url: public_url.clone(),
                allowed_hosts: config.server.allowed_hosts.clone(),
                rules: rules.clone(),
                resources,
                limits,
                recorded: config
                    .audit
                    .record
                    .iter()
                    .map(String::as_str)
                    .map(doorward_model::Pattern::new)
                    .collect(),
                config: config.mcp.clone(),
            },
        );
        #[cfg(feature = "agent")]
        if let Some(agent) = &agent {
            agent.serve(doorward_mcp::Within::new(mcp.clone()));
        }
        let mailer = Mailer::new(&config.mail)?;
        let checked_mailer = mailer.clone();
        let pages = &config.pages;
        let mail_writer = MailWriter::new(mailer, &pages.name, &pages.support, public_url.clone());
        let vitals = Vitals::new(
            store.clone(),
            Arc::clone(&clock),
            Reached {
                gateway: gateway.clone(),
                federation: federation.clone(),
                mailer: checked_mailer,
                audit: config.audit.clone(),
            },
        );
        let data = data_dir.clone();
        let health =
            Health::new(Arc::clone(&ring), vitals, loading.clone(), Arc::new(move || data.free()));
        let admin = Admin::new(AdminServices {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            master: Arc::clone(&master),
            accounts: accounts.clone(),
            registration: registration.clone(),
            federation: federation.clone(),
            gateway: gateway.clone(),
            mail_writer: mail_writer.clone(),
            rule_parts,
            public_url: public_url.clone(),
            administered: Arc::new(checked.administered.clone()),
            keys,
            health,
            settings: Settings::new(
                store.clone(),
                config.mcp.enabled,
                made_public(&public_url, &config.mcp.resource_name),
            ),
            has_agent: config.has_agent(),
        });
        let web = Web::new(
            WebServices {
                accounts: accounts.clone(),
                federation: federation.clone(),
                issuer: issuer.clone(),
                upstreams: Arc::new(UpstreamPages { gateway: gateway.clone(), mcp: mcp.clone() }),
                store: store.clone(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                csrf: Csrf::new(Arc::clone(&master), &public_url),
                master: Arc::clone(&master),
                mail_writer,
            },
            WebSettings {
                rules,
                public_url: public_url.clone(),
                brand: doorward_web::Brand::read(&config.pages)?,
                config: config.pages.clone(),
            },
        );
        let console = Arc::new(Console {
            admin: admin.clone(),
            web: web.clone(),
            mcp: mcp.clone(),
            store: store.clone(),
            clock: Arc::clone(&clock),
            news: doorward_transport::news::NewsStreams::new(stop.clone()),
            public_url: public_url.clone(),
        });
        #[cfg(feature = "connectors")]
        let connectors = crate::chat::connectors(
            &config,
            crate::chat::ChatOffice {
                store: store.clone(),
                clock: Arc::clone(&clock),
                accounts: accounts.clone(),
                gateway: gateway.clone(),
                within: doorward_mcp::Within::new(mcp.clone()),
                rules: in_effect.rule_parts.rules.clone(),
                public_url: public_url.clone(),
                entropy: Arc::clone(&entropy),
                master: Arc::clone(&master),
                #[cfg(feature = "agent")]
                agent,
            },
            &outbound,
        )
        .await?;
        let proxies = checked.proxies.clone();
        let entries = Entries::new(&config.server, &public_url, web.clone());
        let app = Arc::new(Self {
            numbers: Numbers::new(&public_url),
            public_url,
            store,
            accounts,
            registration,
            issuer,
            federation,
            gateway,
            mcp,
            admin,
            web,
            console,
            clock,
            stop,
            entropy,
            proxies,
            entries,
            outbound,
            config,
            metrics,
            #[cfg(feature = "connectors")]
            connectors,
            in_effect,
            loading,
        });
        Ok(app)
    }

    /// The metrics as text, in the format of Prometheus.
    pub fn metrics_text(&self) -> String {
        self.metrics.text().unwrap_or_default()
    }

    /// The work that runs beside the listener.
    pub fn housekeeping(&self) -> Result<Housekeeping, Failed> {
        let ports = ExportPorts {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            entropy: self.entropy.as_ref(),
            outbound: &self.outbound,
            outbound_config: &self.config.outbound,
        };
        let exporter = Exporter::new(ports, &self.config.audit)?;
        Ok(Housekeeping {
            exporter,
            audit_days: self.config.audit.retention_days,
            usage_days: self.config.audit.usage_days,
            record_days: self.config.audit.record_days,
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            keys: self.admin.keys.clone(),
            registration: self.registration.clone(),
            federation: self.federation.clone(),
            gateway: self.gateway.clone(),
            issuer: self.issuer.clone(),
            rotation_days: self.config.keys.rotation_days,
            every: Duration::from_secs(self.config.store.housekeeping_seconds.max(1)),
        })
    }

    /// Reads chats, if the configuration has connectors.
    #[cfg(feature = "connectors")]
    pub fn start_connectors(&self, supervisor: &mut crate::supervisor::Supervisor) {
        if let Some(connectors) = &self.connectors {
            supervisor.start("connectors", connectors.clone().run(self.stop.clone()));
        }
    }

    /// Fills collections with the resources of upstreams.
    #[cfg(feature = "knowledge")]
    pub fn start_mirrors(&self, supervisor: &mut crate::supervisor::Supervisor) {
        let within = doorward_mcp::Within::new(self.mcp.clone());
        let mirrors = crate::mirrors::Mirrors::new(self.gateway.clone(), within);
        supervisor.start("collections", mirrors.run(self.stop.clone()));
    }

    /// The IP address and port of the metrics listener.
    pub(crate) fn metrics_listener(&self) -> Option<String> {
        Some(self.config.metrics.listen.clone()).filter(|listen| !listen.is_empty())
    }

    /// A one-time link that makes an administrator.
    pub async fn admin_link(&self) -> Result<String, Failed> {
        let secret = self.accounts.new_admin_link().await?;
        Ok(self
            .public_url
            .at(&doorward_model::routes::ADMIN_LINK.replace("{secret}", secret.reveal())))
    }
}
