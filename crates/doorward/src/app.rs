//! The parts, wired.

use std::{sync::Arc, time::Duration};

use axum::Router;
use doorward_accounts::Accounts;
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_issuer::{ClientDirectory, DirectoryError, Issuer};
use doorward_keys::{KeyRing, MasterKey, SystemEntropy};
use doorward_mcp::{Changes, Mcp, tools::BuiltInTools};
use doorward_model::{AccessPolicy, Client, ClientId, Clock, Entropy, PublicUrl, ResourceTable};
pub use doorward_registration::NewClient;
use doorward_registration::{LookupError, Registration};
use doorward_store::Store;
use doorward_transport::{
    ClientAddress, Csrf, Outbound, address::TrustedProxies, outbound::Bounds,
};
use doorward_web::Web;
use tokio_util::sync::CancellationToken;

use crate::{
    Failed,
    config::{Checked, Config},
    console::AdminConsole,
    data_dir::DataDir,
    entry::Entries,
    export::Exporter,
    housekeeping::Housekeeping,
    http,
    keys::{self, Rotation},
    metrics::Metrics,
    upstream_pages::UpstreamPages,
};

/// A wired server.
pub struct App {
    /// The public URL.
    pub public_url: PublicUrl,
    /// The store.
    pub store: Store,
    /// People.
    pub accounts: Accounts,
    /// Clients.
    pub registration: Registration,
    /// The authorization server.
    pub issuer: Issuer,
    /// Sign-in through upstream providers.
    pub federation: Federation,
    /// Upstream servers.
    pub gateway: Gateway,
    /// The MCP server.
    pub mcp: Mcp,
    /// The pages.
    pub web: Web,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) proxies: TrustedProxies,
    /// The networks within which administrators may choose.
    pub(crate) administered: Bounds,
    /// Requests that callers may make before they are authenticated.
    pub(crate) entries: Entries,
    ring: Arc<KeyRing>,
    master: Arc<MasterKey>,
    rotation: Rotation,
    config: Config,
    access: Arc<AccessPolicy>,
    /// The counters.
    pub(crate) metrics: Arc<Metrics>,
    /// True if the clock is the machine's, so that the database's may be compared with it.
    pub(crate) clock_is_real: bool,
}

/// Lets the issuer find clients in the registration room, which it does not know.
struct Directory(Registration);

#[async_trait::async_trait]
impl ClientDirectory for Directory {
    async fn find(
        &self,
        id: &ClientId,
        address: ClientAddress,
    ) -> Result<Arc<Client>, DirectoryError> {
        self.0.client(id, address).await.map_err(|error| match error {
            LookupError::Unknown(_)
            | LookupError::Pinned(_)
            | LookupError::Disabled
            | LookupError::Waiting => {
                DirectoryError::Unknown { why: error.to_string(), reason: error.reason(id) }
            }
            LookupError::Unavailable(_) | LookupError::Limited => {
                DirectoryError::Unavailable { why: error.to_string(), reason: error.reason(id) }
            }
        })
    }
}

/// How long the database may take to answer before this server is not ready.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// The folder in the data directory for entries of the audit that are not in the database yet.
const AUDIT_JOURNAL: &str = "audit-journal";

/// Our own program, which ends local processes when we are gone. Only the program itself can be it:
/// tests run in another one.
fn supervisor() -> Option<std::path::PathBuf> {
    std::env::current_exe()
        .ok()
        .filter(|path| path.file_stem().is_some_and(|name| name == "doorward"))
}

/// How keys rotate under this configuration.
pub fn rotation(config: &Config, checked: &Checked) -> Rotation {
    Rotation {
        algorithm: checked.algorithm,
        publish_ahead: i64::from(config.keys.publish_ahead_seconds),
        token_lifetime: config.issuer.access_token_seconds,
    }
}

impl App {
    /// Opens the store and wires everything for this public URL.
    #[expect(
        clippy::too_many_lines,
        reason = "it hands every part what it needs, from top to bottom, and does nothing else"
    )]
    pub async fn open(
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
            keys::open_master_key(config.keys.master_key.reveal(), data_dir.path(), &store).await?;
        let rotation = rotation(&config, checked);
        keys::keep_fresh(&store, &master, rotation, config.keys.rotation_days, clock.now()).await?;
        let ring = Arc::new(KeyRing::new(Arc::clone(&master)));
        ring.follow(&store.signing_keys().await?)?;
        let outbound = Outbound::new(&config.outbound)?;
        let access = Arc::new(checked.access.clone());
        let ours = Arc::clone(&access);
        let clock_is_real = crate::health::is_real(clock.as_ref());
        let resources = ResourceTable::new(&public_url);
        let accounts = Accounts::new(doorward_accounts::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            master: Arc::clone(&master),
            public_url: Some(public_url.clone()),
            name: config.pages.name.clone(),
            config: config.accounts.clone(),
        })?;
        let federation = Federation::new(doorward_federation::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            keys: Arc::clone(&ring),
            master: Arc::clone(&master),
            outbound: outbound.clone(),
            outbound_config: config.outbound.clone(),
            public_url: public_url.clone(),
            passwords: config.accounts.passwords,
            configured: config.providers.clone(),
        })?;
        let registration = Registration::new(
            store.clone(),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            outbound.clone(),
            config.registration.clone(),
        );
        registration.recount().await?;
        let guarded = outbound.clone();
        let issuer = Issuer::new(doorward_issuer::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            keys: Arc::clone(&ring),
            master: Arc::clone(&master),
            clients: Arc::new(Directory(registration.clone())),
            access: Arc::clone(&access),
            outbound,
            public_url: public_url.clone(),
            resources: resources.clone(),
            advertise_registration: config.registration.dynamic,
            advertise_metadata_documents: config.registration.metadata_documents,
            config: config.issuer.clone(),
        });
        let stop = CancellationToken::new();
        let tools = BuiltInTools::new(
            store.clone(),
            Arc::clone(&clock),
            public_url.as_str().to_owned(),
            config.mcp.resource_name.clone(),
        );
        let changes = Changes::default();
        let gateway = Gateway::new(doorward_gateway::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            keys: Arc::clone(&ring),
            master: Arc::clone(&master),
            outbound: guarded,
            outbound_config: config.outbound.clone(),
            public_url: public_url.clone(),
            name: config.pages.name.clone(),
            resources: resources.clone(),
            changes: changes.clone(),
            supervisor: supervisor(),
            configured: config.upstreams.clone(),
        })?;
        gateway.upstreams().await?;
        let mcp = Mcp::new(doorward_mcp::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            keys: Arc::clone(&ring),
            master: Arc::clone(&master),
            public_url: public_url.clone(),
            allowed_hosts: config.server.allowed_hosts.clone(),
            sources: vec![Arc::new(tools), Arc::new(gateway.clone())],
            access: Arc::clone(&access),
            policy: Arc::new(checked.policy.clone()),
            resources,
            changes,
            limits: config.limits.clone(),
            recorded: config
                .audit
                .record
                .iter()
                .map(String::as_str)
                .map(doorward_model::Pattern::new)
                .collect(),
            stop: stop.clone(),
            config: config.mcp.clone(),
        });
        let console = Arc::new(AdminConsole::default());
        let web = Web::new(doorward_web::Parts {
            console: Arc::clone(&console) as Arc<dyn doorward_web::Console>,
            accounts: accounts.clone(),
            federation: federation.clone(),
            access,
            issuer: issuer.clone(),
            upstreams: Arc::new(UpstreamPages { gateway: gateway.clone(), mcp: mcp.clone() }),
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            csrf: Csrf::new(Arc::clone(&master), &public_url),
            public_url: public_url.clone(),
            mcp_enabled_by_default: config.mcp.enabled,
            mcp_setting: doorward_mcp::ENABLED_SETTING,
            mail: doorward_transport::mail::Mailer::new(&config.mail)?,
            brand: doorward_web::Brand::read(&config.pages)?,
            config: config.pages.clone(),
        });
        let proxies = checked.proxies.clone();
        let app = Arc::new(Self {
            public_url,
            store,
            accounts,
            registration,
            issuer,
            federation,
            gateway,
            mcp,
            web,
            clock,
            stop,
            entropy,
            proxies,
            administered: checked.administered.clone(),
            entries: Entries::new(&config.server),
            ring,
            master,
            rotation,
            config,
            access: ours,
            clock_is_real,
            metrics,
        });
        console.introduce(&app);
        Ok(app)
    }

    /// The whole HTTP surface.
    pub fn router(self: &Arc<Self>) -> Router {
        http::router(self)
    }

    /// The work that runs beside the listener.
    pub fn housekeeping(&self) -> Result<Housekeeping, Failed> {
        let outbound = Outbound::new(&self.config.outbound)?;
        let exporter = Exporter::new(
            self.store.clone(),
            (Arc::clone(&self.clock), self.entropy.as_ref()),
            &self.config.audit,
            (&outbound, &self.config.outbound),
        )?;
        Ok(Housekeeping {
            exporter,
            audit_days: self.config.audit.retention_days,
            record_days: self.config.audit.record_days,
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            master: Arc::clone(&self.master),
            registration: self.registration.clone(),
            federation: self.federation.clone(),
            gateway: self.gateway.clone(),
            rotation: self.rotation,
            rotation_days: self.config.keys.rotation_days,
            every: Duration::from_secs(self.config.store.housekeeping_seconds.max(1)),
        })
    }

    /// Makes a new signing key.
    pub async fn rotate_keys(&self, publish_ahead: Option<i64>) -> Result<(), Failed> {
        let rotation = Rotation {
            publish_ahead: publish_ahead.unwrap_or(self.rotation.publish_ahead),
            ..self.rotation
        };
        keys::rotate(&self.store, &self.master, rotation, self.clock.now()).await.map(drop)
    }

    /// Checks that requests can be served: the database answers to reads, the writer takes its
    /// turn, and a key signs.
    pub async fn readiness(&self) -> Result<(), Failed> {
        match tokio::time::timeout(READY_WITHIN, self.store.ping()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(Failed("the database did not answer in time".to_owned())),
        }
        self.ring.follow(&self.store.signing_keys().await?)?;
        let now = self.clock.now();
        let active = self
            .store
            .signing_keys()
            .await?
            .iter()
            .any(|key| key.activates_at <= now && key.retires_at.is_none_or(|end| now < end));
        if active { Ok(()) } else { Err(Failed("there is no active signing key".to_owned())) }
    }

    /// The figures as text, as Prometheus reads them.
    pub fn figures(&self) -> String {
        self.metrics.text().unwrap_or_default()
    }

    /// Where figures are served.
    pub(crate) fn metrics_listener(&self) -> Option<String> {
        Some(self.config.metrics.listen.clone()).filter(|listen| !listen.is_empty())
    }

    /// Permissions of roles.
    pub(crate) fn access(&self) -> Arc<AccessPolicy> {
        Arc::clone(&self.access)
    }

    /// Information that everyone can read while the MCP server is on (CS1).
    pub(crate) fn made_public(&self) -> Vec<String> {
        let name = &self.config.mcp.resource_name;
        vec![
            format!("that this address is an authorization server: {}", self.public_url),
            format!(
                "the address and the name of the MCP server: {}, {name}",
                self.public_url.at(doorward_model::routes::MCP)
            ),
            "the addresses of its endpoints, the names of its scopes and its public keys"
                .to_owned(),
            "the names of upstream servers, at addresses below it".to_owned(),
        ]
    }

    /// The recorded arguments and result of a call. Reading them is audited.
    pub(crate) async fn read_record(
        &self,
        id: &str,
    ) -> Result<Option<(String, String)>, doorward_store::StoreError> {
        let Some(sealed) = self.store.audit_record(id).await? else { return Ok(None) };
        let event = doorward_model::AuditEvent::new(doorward_model::AuditKind::RecordRead)
            .about(doorward_model::AuditSubject::Record, id);
        self.store.note(event).await?;
        let opened = self.master.open(&doorward_mcp::record_place(id), &sealed).ok();
        let value: serde_json::Value =
            opened.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
        let text = |name: &str| {
            value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        Ok(Some((text("arguments"), text("result"))))
    }

    /// How the exports of the audit are.
    pub(crate) async fn exports(&self) -> Vec<(String, Result<String, String>)> {
        crate::export::states(&self.store, &self.config.audit).await
    }

    /// A one-time link that makes an administrator.
    pub async fn admin_link(&self) -> Result<String, Failed> {
        let secret = self.accounts.new_admin_link().await?;
        Ok(self
            .public_url
            .at(&doorward_model::routes::ADMIN_LINK.replace("{token}", secret.reveal())))
    }
}
