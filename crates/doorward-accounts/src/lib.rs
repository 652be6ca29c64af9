//! Authenticates users and keeps their sessions: passwords (argon2id), passkeys, authenticator
//! apps, lockout, sessions, one-time administrator links.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod access_tokens;
mod authority;
mod blocks;
mod chats;
mod config;
mod guessing;
mod hasher;
mod passkeys;
mod reset;
mod second_factor;
mod sessions;
mod sign_in;
mod totp;
mod users;

use std::sync::Arc;

use doorward_keys::MasterKey;
use doorward_model::{Clock, Entropy, PublicUrl};
use doorward_store::{Store, StoreError};
use webauthn_rs::Webauthn;

pub use access_tokens::{AccessTokenError, MadeAccessToken, NewAccessToken};
pub use authority::{Authority, NotRecent};
pub use chats::{CHAT_LINK_SECONDS, ChatLinkError, NewChatLink};
pub use config::Config;
pub use guessing::KNOWN_SECONDS;
pub use hasher::{HasherError, PasswordHasher};
pub use passkeys::{Ceremony, NewPasskey};
pub use reset::{INVITATION_SECONDS, RESET_SECONDS};
pub use second_factor::{Enrolled, FactorError};
pub use sessions::Visitor;
pub use sign_in::{Attempt, Entrance, SignInRefusal, SignedIn, UpstreamFacts};
pub use totp::NewAuthenticator;
pub use users::{
    AccountChange, BrowserFacts, NewAccount, PasswordChange, UserError, checked_email,
};

/// Everything about users and their sessions. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) config: Arc<Config>,
    pub(crate) master: Arc<MasterKey>,
    pub(crate) webauthn: Option<Arc<Webauthn>>,
    /// The name of this server in authenticator apps.
    pub(crate) name: Arc<str>,
}

/// The services that accounts work with.
pub struct AccountServices {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The master key, for secrets of second factors.
    pub master: Arc<MasterKey>,
}

/// The settings of accounts.
pub struct AccountSettings {
    /// This server's public URL, which passkeys are bound to; `None` for commands that need none.
    pub public_url: Option<PublicUrl>,
    /// The name of this server for users.
    pub name: String,
    /// The configuration.
    pub config: Config,
}

impl Accounts {
    /// Sets accounts up.
    pub fn new(services: AccountServices, settings: AccountSettings) -> Result<Self, HasherError> {
        let AccountServices { store, clock, entropy, master } = services;
        let AccountSettings { public_url, name, config } = settings;
        let webauthn =
            public_url.as_ref().and_then(|url| passkeys::relying_party(url, &name)).map(Arc::new);
        Ok(Self {
            hasher: PasswordHasher::new(&config, Arc::clone(&entropy))?,
            store,
            clock,
            entropy,
            config: Arc::new(config),
            master,
            webauthn,
            name: name.into(),
        })
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// A failure that is no user's wrong input.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing failed.
    #[error(transparent)]
    Hasher(#[from] HasherError),
}
