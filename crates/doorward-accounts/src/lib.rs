//! Proves who a person is and keeps their session: passwords (argon2id), lockout, sessions, one-time administrator links.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod config;
mod hasher;
mod people;
mod sessions;
mod sign_in;

use std::sync::Arc;

use doorward_model::{Clock, Entropy};
use doorward_store::{Store, StoreError};

pub use config::Config;
pub use hasher::{HasherError, PasswordHasher};
pub use people::{BrowserFacts, NewPerson, PeopleError};
pub use sessions::Visitor;
pub use sign_in::{Attempt, SignInRefusal, SignedIn};

/// Everything about people and their sessions. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) config: Arc<Config>,
}

impl Accounts {
    /// Sets the parts together.
    pub fn new(store: Store, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, config: Config) -> Result<Self, HasherError> {
        let hasher = PasswordHasher::new(&config, Arc::clone(&entropy))?;
        Ok(Self { store, clock, entropy, hasher, config: Arc::new(config) })
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// A failure that is nobody's wrong input.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing failed.
    #[error(transparent)]
    Hasher(#[from] HasherError),
}
