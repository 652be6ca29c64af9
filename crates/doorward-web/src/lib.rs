//! Draws every page and posts every form. Plain HTML from the server; nothing but passkeys needs
//! JavaScript.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod assets;
mod audit_row;
mod brand;
mod config;
mod console;
mod entrance;
mod flow;
mod frame;
mod language;
mod letters;
mod pages;
mod upstreams;
mod visitor;

use std::sync::Arc;

use axum::Router;
use doorward_accounts::Accounts;
use doorward_federation::Federation;
use doorward_issuer::Issuer;
use doorward_model::{AccessPolicy, Clock, Entropy, PublicUrl};
use doorward_store::Store;
use doorward_transport::{AddressLimiter, Csrf, cookies::Cookies, mail::Mailer};

pub use brand::{Brand, BrandError};
pub use config::Config;
pub use console::{
    AddedClient, AskedKind, ClientQuota, ClientToAdd, Console, Explanation, Look, Told,
};
pub use pages::{not_found, too_many};
pub use upstreams::{
    Answer, ChangedPart, Confirmation, NotConnected, Prospect, ReviewedTool, ReviewedUpstream,
    Service, ServiceState, ToolDecision, ToolSeen, Upstreams,
};

/// What the pages are made of.
pub struct Parts {
    /// People and sessions.
    pub accounts: Accounts,
    /// Sign-in through upstream providers.
    pub federation: Federation,
    /// What roles allow.
    pub access: Arc<AccessPolicy>,
    /// Authorizations.
    pub issuer: Issuer,
    /// What administrators' pages do elsewhere.
    pub console: Arc<dyn Console>,
    /// Upstream servers.
    pub upstreams: Arc<dyn Upstreams>,
    /// For what pages list.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Form tokens.
    pub csrf: Csrf,
    /// Our own address.
    pub public_url: PublicUrl,
    /// Whether the MCP server is on while no administrator has switched it.
    pub mcp_enabled_by_default: bool,
    /// The name of the setting that an administrator switches.
    pub mcp_setting: &'static str,
    /// Sends mail, where the operator set it up.
    pub mail: Option<Mailer>,
    /// What the operator brings along.
    pub brand: Brand,
    /// The configuration.
    pub config: Config,
}

/// The pages. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    pub(crate) parts: Arc<Parts>,
    pub(crate) cookies: Cookies,
    /// How often one address may ask for mails about forgotten passwords.
    pub(crate) asking: Arc<AddressLimiter>,
}

/// The name of the setting that holds a notice for every page.
pub const NOTICE_SETTING: &str = "pages.notice";

impl Web {
    /// Takes the parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            cookies: Cookies::new(&parts.public_url),
            asking: Arc::new(AddressLimiter::new(5, 1)),
            parts: Arc::new(parts),
        }
    }

    /// All pages and forms.
    pub fn router(&self) -> Router {
        pages::router(self.clone()).merge(assets::router(self.clone()))
    }

    /// An absolute address of ours.
    pub(crate) fn at(&self, path: &str) -> String {
        self.parts.public_url.at(path)
    }
}
