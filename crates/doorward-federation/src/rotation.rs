//! Redeeming a provider's refresh token. Many providers replace it at each use and refuse the old
//! one afterwards, so the new one is stored before anything else is done with the answer, by a task
//! that no request, time-out or failed look-up can end (decision 0012).

use std::{sync::Arc, time::Duration};

use doorward_model::{Change, IdentityId, LinkedIdentity, Sealed};
use doorward_store::StoreError;
use oauth2::{TokenResponse, basic::BasicTokenResponse};
use openidconnect::core::CoreTokenResponse;

use crate::{
    Federation, FederationError, attempt::Credential, kinds::Protocol, provider::Provider,
};

/// The longest that one redemption takes.
const LONGEST: Duration = Duration::from_secs(20);
/// How often storing a token is tried, and the pause between two tries: it cannot be had again.
const TRIES: (u32, Duration) = (10, Duration::from_secs(1));

/// What a token endpoint gave for a refresh token.
#[derive(Clone)]
pub(crate) enum Tokens {
    OpenId(Arc<CoreTokenResponse>),
    OAuth2(Arc<BasicTokenResponse>),
}

/// A redeemed refresh token. What must be kept of it is stored.
#[derive(Clone)]
pub(crate) struct Rotated {
    pub(crate) tokens: Tokens,
    /// What to ask with from now on.
    pub(crate) credential: Option<Sealed>,
}

impl Tokens {
    fn refresh_token(&self) -> Option<&str> {
        match self {
            Self::OpenId(tokens) => tokens.refresh_token().map(|token| token.secret().as_str()),
            Self::OAuth2(tokens) => tokens.refresh_token().map(|token| token.secret().as_str()),
        }
    }
}

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
            let redeemed =
                tokio::time::timeout(LONGEST, federation.redeem(&provider, &token)).await;
            let tokens = redeemed.unwrap_or_else(|_| {
                Err(FederationError::Unavailable("no answer in time".to_owned()))
            })?;
            let fresh = tokens
                .refresh_token()
                .filter(|fresh| *fresh != token)
                .map(|fresh| Credential::Refresh(fresh.to_owned()));
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

    async fn redeem(&self, provider: &Provider, token: &str) -> Result<Tokens, FederationError> {
        let proof = self.proof(provider);
        match &provider.settings.protocol {
            Protocol::OpenId(_) => provider
                .open_id_rotate(token, &proof)
                .await
                .map(|tokens| Tokens::OpenId(Arc::new(tokens))),
            Protocol::OAuth2(oauth2) => provider
                .oauth2_rotate(oauth2, token, &proof)
                .await
                .map(|tokens| Tokens::OAuth2(Arc::new(tokens))),
        }
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
            match self.inner.parts.store.apply(keep).await {
                Ok(()) | Err(StoreError::Refused(_)) => return,
                Err(error) => {
                    tracing::error!(%error, attempt, "a provider's new refresh token could not be stored; trying again")
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
