//! The master key of the store.

use std::{path::Path, sync::Arc};

use doorward_keys::{MasterKey, SystemEntropy};
use doorward_model::{Change, Sealed};
use doorward_store::{Store, StoreError};

use crate::Failed;

/// The setting that holds a value sealed under the master key, to recognise the wrong one.
const CHECK: &str = "master_key_check";

/// Opens the master key of this store. A wrong or missing one is an error, and nothing is
/// overwritten.
pub(crate) async fn open(
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
