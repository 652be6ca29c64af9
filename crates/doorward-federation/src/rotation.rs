//! Redeeming a provider's refresh token. Many providers replace it at each use and refuse the old
//! one afterwards, so the new one is stored before anything else is done with the answer, by a task
//! that no request, time-out or failed read can end (decision 0012).

use std::{sync::Arc, time::Duration};

use doorward_model::{Change, IdentityId, LinkedIdentity, Sealed};
use doorward_store::StoreError;

use crate::{
    client::NoTokens,
    error::FederationError,
    federation::{Federation, Rotated},
    protocol::Credential,
    provider::Provider,
};

/// The longest that one redemption takes.
const LONGEST: Duration = Duration::from_secs(20);
/// The number of tries to store a token, and the pause between two tries: it cannot be obtained
/// again.
const TRIES: (u32, Duration) = (10, Duration::from_secs(1));

impl Federation {
    /// Redeems the refresh token of an account. Dropping the returned future ends the waiting,
    /// never the work.
    pub(crate) async fn rotate(
        &self,
        provider: &Arc<Provider>,
        identity: &LinkedIdentity,
        token: String,
    ) -> Result<Rotated, FederationError> {
        let (federation, provider, kept) =
            (self.clone(), Arc::clone(provider), identity.credential.clone());
        let id = identity.id.clone();
        let work = move || async move {
            let redeemed = tokio::time::timeout(LONGEST, provider.protocol.refresh(&token)).await;
            let redeemed = redeemed.unwrap_or_else(|_| {
                let late = FederationError::Unavailable("no response in time".to_owned());
                Err(NoTokens::from(late))
            });
            let (tokens, fresh) = match redeemed {
                Ok(tokens) => {
                    let fresh = tokens.refresh_token.clone();
                    (Ok(tokens), fresh)
                }
                // The refresh token of an answer that is otherwise of no use counts all the same.
                Err(none) => (Err(none.error), none.refresh_token),
            };
            let fresh = fresh.filter(|fresh| *fresh != token).map(Credential::Refresh);
            let sealed = fresh.and_then(|fresh| federation.seal_credential(&id, &fresh));
            if let (Some(sealed), Some(kept)) = (&sealed, &kept) {
                federation.keep_rotated(&id, kept, sealed).await;
            }
            Ok(Rotated { tokens, credential: sealed.or(kept) })
        };
        self.inner
            .rotations
            .run(identity.id.clone(), work)
            .await
            .map_err(|error| FederationError::Unavailable(error.to_string()))?
    }

    /// Stores a token in place of the one that it replaces. One that was replaced or dropped
    /// meanwhile, by a sign-in or a sign-out, stays so.
    async fn keep_rotated(&self, id: &IdentityId, replaced: &Sealed, credential: &Sealed) {
        for attempt in 1..=TRIES.0 {
            let keep = Change::KeepCredential {
                identity: id.clone(),
                replaced: replaced.clone(),
                credential: credential.clone(),
            };
            match self.inner.services.store.apply(keep).await {
                Ok(()) | Err(StoreError::Refused(_)) => return,
                Err(error) => {
                    tracing::error!(%error, attempt, "a provider's new refresh token could not be stored; trying again");
                }
            }
            tokio::time::sleep(TRIES.1).await;
        }
    }

    /// Waits until every token that a provider is about to replace is stored.
    pub async fn drained(&self) {
        self.inner.rotations.drained().await;
    }

    /// Redeems no more tokens and waits until every one that a provider is about to replace is
    /// stored. The server stops after that.
    pub async fn finish_rotations(&self) {
        self.inner.rotations.finish().await;
    }
}
