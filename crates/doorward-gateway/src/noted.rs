//! Omissions from what upstreams send beside their lists, as they are stored: for the other
//! replicas, for commands, and after a restart.

use doorward_model::{Change, Expected, UnitOfWork, upstream::left_out_key};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::{Gateway, left_out::LeftOut, upstream::Upstream};

/// The omissions of one upstream. Those of an earlier one of the same name at another place do not
/// count.
#[derive(Serialize, Deserialize)]
struct Stored {
    place: String,
    left_out: LeftOut,
}

/// The omissions that are stored of an upstream.
fn of_stored(upstream: &Upstream, stored: Option<&str>) -> LeftOut {
    // A text that cannot be read is of another version.
    let read = stored.and_then(|text| serde_json::from_str::<Stored>(text).ok());
    let here = read.filter(|read| read.place == upstream.place());
    here.map(|read| read.left_out).unwrap_or_default()
}

impl Gateway {
    /// The omissions that any replica noted.
    pub(crate) async fn noted(&self, upstream: &Upstream) -> Result<LeftOut, StoreError> {
        let stored = self.inner.services.store.setting(&left_out_key(upstream.name)).await?;
        let mut all = of_stored(upstream, stored.as_deref());
        all.join_new(upstream.noted.all());
        Ok(all)
    }

    /// Stores the omissions that are new. Where another replica stores some at the same time, it is
    /// tried again the next time.
    pub(crate) async fn keep_noted(&self, upstream: &Upstream) {
        let Some(new) = upstream.noted.to_store() else { return };
        if let Err(error) = self.put_noted(upstream, new).await {
            upstream.noted.not_stored();
            if !matches!(error, StoreError::Refused(_)) {
                tracing::warn!(upstream = %upstream.name, %error, "omissions could not be stored");
            }
        }
    }

    async fn put_noted(&self, upstream: &Upstream, new: LeftOut) -> Result<(), StoreError> {
        let (store, key) = (&self.inner.services.store, left_out_key(upstream.name));
        let seen = store.setting(&key).await?;
        let before = of_stored(upstream, seen.as_deref());
        let mut left_out = before.clone();
        left_out.join_new(new);
        if left_out == before {
            return Ok(());
        }
        let stored = Stored { place: upstream.place(), left_out };
        let value = serde_json::to_string(&stored).unwrap_or_default();
        self.replace_noted(key, seen.unwrap_or_default(), value).await
    }

    async fn replace_noted(
        &self,
        key: String,
        etag: String,
        value: String,
    ) -> Result<(), StoreError> {
        let object = Expected::Setting(key.clone());
        let changes = [Change::Expect { object, etag }, Change::PutSetting { key, value }];
        self.inner.services.store.apply(UnitOfWork::from_iter(changes)).await
    }

    /// Forgets the omissions that were noted. Those that are stored at the same moment stay.
    pub async fn forget_noted(&self, upstream: &Upstream) -> Result<(), StoreError> {
        upstream.noted.clear();
        let key = left_out_key(upstream.name);
        let stored = self.inner.services.store.setting(&key).await?;
        let Some(seen) = stored.filter(|seen| !seen.is_empty()) else { return Ok(()) };
        match self.replace_noted(key, seen, String::new()).await {
            Err(StoreError::Refused(_)) => Ok(()),
            replaced => replaced,
        }
    }
}
