//! Assertions about users that this server requests: an identity provider asserts a user who signed
//! in through it to the authorization server of an upstream (Identity Assertion JWT Authorization
//! Grant, ID-JAG; RFC 8693 at the provider).

use std::{sync::Arc, time::Duration};

use doorward_model::{LinkedIdentity, Timestamp, UserId};
use doorward_store::StoreError;
use serde_json::Value;

use crate::{
    attempt::within, client::WantedAssertion, error::FederationError, federation::Federation,
    protocol::Credential, provider::Provider,
};

/// Seconds for which an account is reserved for the replica that uses its refresh token.
const CLAIMED: i64 = 120;
/// The number of tries to reserve an account, and the pause between two: a check of it by another
/// replica takes seconds at most.
const TRIES: (u32, Duration) = (50, Duration::from_millis(100));

/// Reason for which there is no assertion.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAsserted {
    /// The user must sign in through the provider again, or for the first time.
    #[error("{0}")]
    SignIn(String),
    /// The provider does not assert the user, or could not be asked.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for NotAsserted {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<FederationError> for NotAsserted {
    fn from(error: FederationError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Federation {
    /// Has an identity provider assert a user. No page is shown: it is asked with the refresh token
    /// of the user's account, under the same reservation as the checks that use it.
    pub async fn assertion(
        &self,
        user_id: &UserId,
        provider: &str,
        wanted: &WantedAssertion,
    ) -> Result<String, NotAsserted> {
        let Some(provider) = self.provider(provider).await? else {
            let why = format!("the identity provider {provider} is not set up or is switched off");
            return Err(NotAsserted::Unavailable(why));
        };
        let (mut identity, claimed) = self.reserve(user_id, &provider).await?;
        let due = identity.next_check_at;
        let id_token = self.fresh_id_token(&provider, &mut identity).await;
        // A provider that refuses the user is asked by the check at once, which ends the access.
        let refused = matches!(&id_token, Err(FederationError::Refused(_)));
        identity.next_check_at = if refused { self.inner.services.clock.now() } else { due };
        self.keep_checked(identity, claimed, Vec::new()).await?;
        if refused {
            return Err(sign_in(&provider));
        }
        let id_token = id_token?;
        Ok(within(provider.protocol.assert(&id_token, wanted)).await?)
    }

    /// Reserves the user's account at a provider. Returns it as it was before, and the end of the
    /// reservation.
    async fn reserve(
        &self,
        user_id: &UserId,
        provider: &Provider,
    ) -> Result<(LinkedIdentity, Timestamp), NotAsserted> {
        let services = &self.inner.services;
        for _ in 0..TRIES.0 {
            let all = services.store.identities_of(user_id).await?;
            let usable = |identity: &LinkedIdentity| {
                identity.provider == provider.id
                    && identity.ended_at.is_none()
                    && identity.credential.is_some()
                    && provider.vouches_for(&identity.issuer)
            };
            let Some(identity) = all.into_iter().find(usable) else {
                return Err(sign_in(provider));
            };
            let until = services.clock.now().plus(CLAIMED);
            if let Some(identity) = self.claim(&identity, until).await? {
                return Ok((identity, until));
            }
            tokio::time::sleep(TRIES.1).await;
        }
        let why = "the account at the identity provider is in use by another request; try again";
        Err(NotAsserted::Unavailable(why.to_owned()))
    }

    /// An ID token of this moment, for the refresh token of an account. A refresh token that the
    /// provider replaced is in `identity` on return.
    async fn fresh_id_token(
        &self,
        provider: &Arc<Provider>,
        identity: &mut LinkedIdentity,
    ) -> Result<String, FederationError> {
        let Some(Credential::Refresh(token)) = self.open_credential(identity) else {
            let why = "there is no refresh token to ask the identity provider with";
            return Err(FederationError::Refused(why.to_owned()));
        };
        let rotated = within(self.rotate(provider, identity, token)).await?;
        identity.credential.clone_from(&rotated.credential);
        let id_token = rotated.tokens?.id_token.ok_or_else(|| {
            let why = "the identity provider issues no ID token for a refresh token";
            FederationError::Misconfigured(why.to_owned())
        })?;
        let read = provider.protocol.signed_token(&id_token).await.ok_or_else(|| {
            let why = "this kind of identity provider asserts no users";
            FederationError::Misconfigured(why.to_owned())
        })?;
        let claims = read?.claims;
        // It asserts the user of the token: no other one.
        let is_of_user = provider.claims.subject != "sub"
            || claims.get("sub").and_then(Value::as_str) == Some(identity.subject.as_str());
        if is_of_user {
            return Ok(id_token);
        }
        let why = "the refreshed ID token is about another user";
        Err(FederationError::Untrusted(why.to_owned()))
    }
}

fn sign_in(provider: &Provider) -> NotAsserted {
    NotAsserted::SignIn(format!("sign in to this server through {} again", provider.id.as_str()))
}
