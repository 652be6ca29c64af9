//! The master key and the signing keys in the store.

use std::{path::Path, sync::Arc};

use doorward_keys::{MasterKey, SystemEntropy, generate};
use doorward_model::{Change, Sealed, SigningAlgorithm, SigningKey, Timestamp, UnitOfWork};
use doorward_store::{Store, StoreError};

use crate::Failed;

/// The setting that holds a value sealed under the master key, to recognise the wrong one.
const CHECK: &str = "master_key_check";

/// Opens the master key of this store. A wrong or missing one is an error, and nothing is
/// overwritten.
pub async fn open_master_key(
    configured: &str,
    data_dir: &Path,
    store: &Store,
) -> Result<Arc<MasterKey>, Failed> {
    let check = store.setting(CHECK).await?;
    let master = if configured.is_empty() {
        let fresh = check.is_none() && store.signing_keys().await?.is_empty();
        MasterKey::from_file(&MasterKey::path(data_dir), fresh, &SystemEntropy)?
    } else {
        MasterKey::from_text(configured, "keys.master_key")?
    };
    let check = if let Some(check) = check {
        check
    } else {
        let sealed = master.seal(CHECK, b"doorward");
        match store
            .apply(Change::InsertSetting {
                key: CHECK.to_owned(),
                value: sealed.as_str().to_owned(),
            })
            .await
        {
            Ok(()) => return Ok(Arc::new(master)),
            // Another replica was faster; its check decides.
            Err(StoreError::Refused(_)) => store.setting(CHECK).await?.unwrap_or_default(),
            Err(error) => return Err(error.into()),
        }
    };
    if master.open(CHECK, &Sealed::from_stored(check)).is_err() {
        let place = if configured.is_empty() {
            MasterKey::path(data_dir).display().to_string()
        } else {
            "keys.master_key".to_owned()
        };
        return Err(Failed(format!(
            "{place} is not the master key that this database was made with; restore the right one. Nothing was changed"
        )));
    }
    Ok(Arc::new(master))
}

/// How rotation proceeds.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// How the new key signs.
    pub algorithm: SigningAlgorithm,
    /// For how many seconds it is published before it signs.
    pub publish_ahead: i64,
    /// For how many seconds tokens of older keys may live.
    pub token_lifetime: i64,
}

/// The key that signs last, if there is any.
pub fn newest(keys: &[SigningKey]) -> Option<&SigningKey> {
    keys.iter().max_by_key(|key| key.activates_at)
}

/// Makes a new signing key. Older keys retire once everything that they signed has ended.
pub async fn rotate(
    store: &Store,
    master: &MasterKey,
    rotation: Rotation,
    now: Timestamp,
) -> Result<SigningKey, Failed> {
    let previous = store.signing_keys().await?;
    let ahead = if previous.is_empty() { 0 } else { rotation.publish_ahead };
    let key = generate(rotation.algorithm, master, now, now.plus(ahead))?;
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
    store.apply(unit).await?;
    tracing::info!(
        kid = key.kid,
        algorithm = key.algorithm.as_str(),
        activates_at = key.activates_at.0,
        "signing key made"
    );
    Ok(key)
}

/// Makes sure that there is a signing key of the configured algorithm that is not too old.
pub async fn keep_fresh(
    store: &Store,
    master: &MasterKey,
    rotation: Rotation,
    rotation_days: u32,
    now: Timestamp,
) -> Result<(), Failed> {
    let keys = store.signing_keys().await?;
    let due = newest(&keys).is_none_or(|key| {
        key.algorithm != rotation.algorithm
            || (rotation_days > 0
                && now.since(key.activates_at) >= i64::from(rotation_days) * 86_400)
    });
    if !due {
        return Ok(());
    }
    match rotate(store, master, rotation, now).await {
        Ok(_) => Ok(()),
        Err(error) => {
            // Another replica may have made it in the meantime.
            let after = store.signing_keys().await?;
            if after.len() > keys.len() { Ok(()) } else { Err(error) }
        }
    }
}
