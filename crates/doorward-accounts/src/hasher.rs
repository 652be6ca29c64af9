//! argon2id, bounded: each hash takes megabytes and milliseconds, so only so many run at once.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use doorward_model::{Entropy, PlainPassword, secret::HashedPassword};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Config;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct PasswordHasher {
    argon2: Argon2<'static>,
    entropy: Arc<dyn Entropy>,
    permits: Arc<Semaphore>,
    /// Verified against when there is no such person, so that both cases take the same time.
    decoy: HashedPassword,
}

/// Why hashing does not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HasherError {
    /// The configured parameters are outside argon2's limits.
    #[error("accounts.argon2_…: {0}")]
    Parameters(String),
    /// The hashing task died or the library refused.
    #[error("a password could not be hashed")]
    Failed,
}

/// The right to run one hash.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// How a verification ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed under older parameters: store this instead.
    Outdated(HashedPassword),
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<HashedPassword, HasherError> {
    let phc: PasswordHash = argon2.hash_password_with_salt(password, salt).map_err(|_| HasherError::Failed)?;
    Ok(HashedPassword::from_phc(phc.to_string()))
}

impl PasswordHasher {
    pub(crate) fn new(config: &Config, entropy: Arc<dyn Entropy>) -> Result<Self, HasherError> {
        let params = Params::new(config.argon2_memory_kib, config.argon2_passes, config.argon2_lanes, None)
            .map_err(|error| HasherError::Parameters(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let concurrency = match config.argon2_concurrency {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            chosen => chosen,
        };
        // Only its parameters matter: nothing verifies against it.
        let decoy = HashedPassword::from_phc(format!(
            "$argon2id$v=19$m={},t={},p={}$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            config.argon2_memory_kib, config.argon2_passes, config.argon2_lanes
        ));
        Ok(Self { argon2, entropy, permits: Arc::new(Semaphore::new(concurrency)), decoy })
    }

    /// Waits until a hash may run.
    pub(crate) async fn turn(&self) -> Result<Turn, HasherError> {
        Arc::clone(&self.permits).acquire_owned().await.map(|permit| Turn { _permit: permit }).map_err(|_| HasherError::Failed)
    }

    /// Hashes a password with a fresh salt.
    pub async fn hash(&self, password: PlainPassword) -> Result<HashedPassword, HasherError> {
        let turn = self.turn().await?;
        let mut salt = [0u8; 16];
        self.entropy.fill(&mut salt);
        let argon2 = self.argon2.clone();
        let work = move || {
            let _turn = turn;
            hash(&argon2, password.reveal(), &salt)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| HasherError::Failed)?
    }

    /// Compares a password with a stored hash, or with nothing for the same length of time. Whoever holds the turn until a failure
    /// is recorded lets nobody guess meanwhile.
    pub(crate) async fn verify(&self, turn: Turn, password: PlainPassword, stored: Option<HashedPassword>) -> Result<(Verdict, Turn), HasherError> {
        let exists = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let argon2 = self.argon2.clone();
        let mut salt = [0u8; 16];
        self.entropy.fill(&mut salt);
        let work = move || {
            let parsed = PasswordHash::new(stored.as_str()).map_err(|_| HasherError::Failed)?;
            if argon2.verify_password(password.reveal(), &parsed).is_err() || !exists {
                return Ok(Verdict::Wrong);
            }
            if Params::try_from(&parsed).is_ok_and(|params| {
                params.m_cost() == argon2.params().m_cost() && params.t_cost() == argon2.params().t_cost() && params.p_cost() == argon2.params().p_cost()
            }) {
                Ok(Verdict::Right)
            } else {
                hash(&argon2, password.reveal(), &salt).map(Verdict::Outdated)
            }
        };
        let verdict = tokio::task::spawn_blocking(work).await.map_err(|_| HasherError::Failed)??;
        Ok((verdict, turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(memory: u32) -> PasswordHasher {
        PasswordHasher::new(&Config { argon2_memory_kib: memory, ..Config::default() }, Arc::new(doorward_keys::SystemEntropy)).unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_and_moves_to_new_parameters() {
        let (old, new) = (hasher(64), hasher(128));
        let password = || PlainPassword::typed("correct horse".into()).unwrap();
        let stored = old.hash(password()).await.unwrap();
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
        assert_eq!(old.verify(old.turn().await.unwrap(), password(), Some(stored.clone())).await.unwrap().0, Verdict::Right);
        let Verdict::Outdated(better) = new.verify(new.turn().await.unwrap(), password(), Some(stored.clone())).await.unwrap().0 else {
            panic!("not rehashed")
        };
        assert_eq!(new.verify(new.turn().await.unwrap(), password(), Some(better)).await.unwrap().0, Verdict::Right);
        let wrong = PlainPassword::typed("wrong".into()).unwrap();
        assert_eq!(old.verify(old.turn().await.unwrap(), wrong.clone(), Some(stored)).await.unwrap().0, Verdict::Wrong);
        assert_eq!(old.verify(old.turn().await.unwrap(), wrong, None).await.unwrap().0, Verdict::Wrong);
    }
}
