//! Pages and forms of users: sign-in, consent, the own account; and the layout that the
//! administrators' pages share. Plain HTML from the server; only passkeys need JavaScript.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod assets;
mod brand;
mod browser;
mod config;
mod entrance;
mod flow;
mod forward;
mod frame;
mod language;
mod pages;
pub mod reasons;
pub mod table;
mod upstreams;
mod visitor;

// The template of tables names its types as other crates do.
extern crate self as doorward_web;

use std::sync::Arc;

use axum::{Router, middleware};
use doorward_accounts::Accounts;
use doorward_federation::Federation;
use doorward_issuer::Issuer;
use doorward_keys::MasterKey;
use doorward_mail::MailWriter;
use doorward_model::{Clock, Entropy, Live, PublicUrl, Rules};
use doorward_store::Store;
use doorward_transport::{AddressLimiter, Csrf, cookies::Cookies};

pub use brand::{Brand, BrandError};
pub use browser::Browser;
pub use config::Config;
pub use entrance::{SignInTarget, filled};
pub use frame::{
    Frame, FrameVisitor, browser_name, draw, draw_following, draw_scripted, draw_with_images,
    moment,
};
pub use language::filters;
pub use pages::{connect::ConnectingAccount, error::ErrorPage, not_found, too_many};
pub use upstreams::{
    Answer, Confirmation, ConnectingBrowser, NotConnected, PendingConnection, Service,
    ServiceState, ServiceTools, Upstreams,
};
pub use visitor::{Administrator, Auditor, SignedIn, file_form, form};

/// The services that the pages work with.
pub struct WebServices {
    /// Users and sessions.
    pub accounts: Accounts,
    /// Sign-in through identity providers.
    pub federation: Federation,
    /// Authorizations.
    pub issuer: Issuer,
    /// Upstreams.
    pub upstreams: Arc<dyn Upstreams>,
    /// For the contents of pages.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Form tokens.
    pub csrf: Csrf,
    /// Opens what users said to the agent.
    pub master: Arc<MasterKey>,
    /// Letters to users.
    pub mail_writer: MailWriter,
}

/// The settings of the pages.
pub struct WebSettings {
    /// The permissions of roles.
    pub rules: Live<Rules>,
    /// This server's public URL.
    pub public_url: PublicUrl,
    /// The operator's own files.
    pub brand: Brand,
    /// The configuration.
    pub config: Config,
}

/// The pages. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    pub(crate) services: Arc<WebServices>,
    pub(crate) settings: Arc<WebSettings>,
    pub(crate) cookies: Cookies,
    /// The limit of requests for mails about forgotten passwords from one IP address.
    pub(crate) asking: Arc<AddressLimiter>,
}

impl Web {
    /// Sets the pages up.
    pub fn new(services: WebServices, settings: WebSettings) -> Self {
        Self {
            cookies: Cookies::new(&settings.public_url),
            asking: Arc::new(AddressLimiter::new(5, 1)),
            services: Arc::new(services),
            settings: Arc::new(settings),
        }
    }

    /// All pages and forms.
    pub fn router(&self) -> Router {
        pages::router(self).merge(assets::router(self.clone())).merge(forward::router(self))
    }

    /// Gives pages the frame and the language of the request.
    pub fn framed(&self, pages: Router) -> Router {
        pages.layer(middleware::from_fn_with_state(self.clone(), frame::prepare))
    }

    /// An absolute URL of this server.
    pub fn at(&self, path: &str) -> String {
        self.settings.public_url.at(path)
    }
}
