//! Operations on signing keys.

use std::sync::Arc;

use doorward_keys::{MasterKey, generate};
use doorward_model::{Change, Clock, SigningAlgorithm, SigningKey, Timestamp, UnitOfWork};
use doorward_store::{Store, StoreError};

use crate::Refusal;

/// The parameters of rotation.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// The algorithm of the new key.
    pub algorithm: SigningAlgorithm,
    /// The number of seconds for which it is published before it signs.
    pub publish_ahead: i64,
    /// The number of seconds for which tokens of older keys may live.
    pub token_lifetime: i64,
}

/// The part that a key plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It signs.
    Active,
    /// It will sign.
    Next,
    /// It no longer signs; its signatures are accepted.
    Verifies,
    /// Nothing that it signed is accepted.
    Retired,
}

/// Operations on signing keys. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    store: Store,
    master: Arc<MasterKey>,
    clock: Arc<dyn Clock>,
    rotation: Rotation,
}

/// The key that signs last, if there is any.
fn newest(keys: &[SigningKey]) -> Option<&SigningKey> {
    keys.iter().max_by_key(|key| key.activates_at)
}

/// Reports a key that retires before it signs: a later key took its place.
fn retires_unused(key: &SigningKey) -> bool {
    key.retires_at.is_some_and(|end| end <= key.activates_at)
}

impl Keys {
    /// Operations on the keys of this store.
    pub fn new(
        store: Store,
        master: Arc<MasterKey>,
        clock: Arc<dyn Clock>,
        rotation: Rotation,
    ) -> Self {
        Self { store, master, clock, rotation }
    }

    /// All signing keys with the parts that they play.
    pub async fn all(&self) -> Result<Vec<(SigningKey, KeyState)>, Refusal> {
        let now = self.clock.now();
        let keys = self.store.signing_keys().await?;
        let active = keys
            .iter()
            .filter(|key| key.activates_at <= now)
            .max_by_key(|key| key.activates_at)
            .map(|key| key.kid.clone());
        let state = |key: &SigningKey| {
            if key.retires_at.is_some_and(|end| now >= end) {
                KeyState::Retired
            } else if active.as_ref() == Some(&key.kid) {
                KeyState::Active
            } else if key.activates_at > now && !retires_unused(key) {
                KeyState::Next
            } else {
                KeyState::Verifies
            }
        };
        Ok(keys.iter().map(|key| (key.clone(), state(key))).collect())
    }

    /// Makes a new signing key, which signs after it was published for a while, or `at_once`. Older
    /// keys retire once everything that they signed has ended.
    pub async fn rotate(&self, at_once: bool) -> Result<SigningKey, Refusal> {
        let rotation = Rotation {
            publish_ahead: if at_once { 0 } else { self.rotation.publish_ahead },
            ..self.rotation
        };
        self.succeed(rotation, self.clock.now()).await
    }

    async fn succeed(&self, rotation: Rotation, now: Timestamp) -> Result<SigningKey, Refusal> {
        let previous = self.store.signing_keys().await?;
        let ahead = if previous.is_empty() { 0 } else { rotation.publish_ahead };
        let key = generate(rotation.algorithm, &self.master, now, now.plus(ahead))
            .map_err(Refusal::Key)?;
        let mut unit = UnitOfWork::from_iter([
            Change::InsertSigningKey(key.clone()),
            Change::RetireSigningKeys {
                except: key.kid.clone(),
                at: key.activates_at.plus(rotation.token_lifetime + 60),
            },
        ]);
        if let Some(previous) = newest(&previous) {
            // Two replicas that find the same key due make one successor, not two.
            unit.push(Change::SpendValue {
                key: format!("rotation:{}", previous.kid),
                expires_at: now.plus(86_400),
            });
        }
        match self.store.apply(unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Err(Refusal::RotatedMeanwhile),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(
            kid = key.kid,
            algorithm = key.algorithm.as_str(),
            activates_at = key.activates_at.0,
            "signing key created"
        );
        Ok(key)
    }

    /// Makes sure that there is a signing key of the configured algorithm that is at most so many
    /// days old (0 for any age).
    pub async fn keep_fresh(&self, rotation_days: u32) -> Result<(), Refusal> {
        let now = self.clock.now();
        let keys = self.store.signing_keys().await?;
        let due = newest(&keys).is_none_or(|key| {
            key.algorithm != self.rotation.algorithm
                || (rotation_days > 0
                    && now.since(key.activates_at) >= i64::from(rotation_days) * 86_400)
        });
        if !due {
            return Ok(());
        }
        match self.succeed(self.rotation, now).await {
            Ok(_) => Ok(()),
            Err(error) => {
                // Another replica may have made it in the meantime.
                let after = self.store.signing_keys().await?;
                if after.len() > keys.len() { Ok(()) } else { Err(error) }
            }
        }
    }
}
