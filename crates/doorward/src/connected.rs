//! Connects the issuer to crates on which it does not depend.

use std::sync::Arc;

use doorward_accounts::Accounts;
use doorward_federation::{Federation, SecondFactorPolicy};
use doorward_gateway::UserAssertions;
use doorward_issuer::{Asserters, ClientDirectory, DirectoryError, Verifier};
use doorward_model::{
    AssertedUser, Assertion, AssertionRefusal, Client, ClientId, ProviderId, SignatureRefusal,
    SignedToken, TrustedIssuer, UserId,
};
use doorward_registration::{LookupError, Registration};
use doorward_transport::ClientAddress;

/// Connects the issuer to the registration crate, on which it does not depend.
pub(crate) struct Directory(pub(crate) Registration);

#[async_trait::async_trait]
impl ClientDirectory for Directory {
    async fn find(
        &self,
        id: &ClientId,
        address: ClientAddress,
    ) -> Result<Arc<Client>, DirectoryError> {
        self.0.client(id, address).await.map_err(|error| match error {
            LookupError::Unknown(_)
            | LookupError::Pinned(_)
            | LookupError::Disabled
            | LookupError::Waiting => {
                DirectoryError::Unknown { why: error.to_string(), reason: error.reason(id) }
            }
            LookupError::Unavailable(_) | LookupError::Limited => {
                DirectoryError::Unavailable { why: error.to_string(), reason: error.reason(id) }
            }
        })
    }
}

/// Connects the issuer to the federation crate, on which it does not depend.
pub(crate) struct ForeignTokens(pub(crate) Federation);

#[async_trait::async_trait]
impl Verifier for ForeignTokens {
    async fn verify(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
    ) -> Result<SignedToken, SignatureRefusal> {
        self.0.verify_signed(issuer, token).await
    }
}

/// Connects the issuer to the identity providers that assert users.
pub(crate) struct AssertedUsers {
    pub(crate) federation: Federation,
    pub(crate) accounts: Accounts,
}

#[async_trait::async_trait]
impl Asserters for AssertedUsers {
    async fn exist(&self) -> bool {
        // Without the database, metadata names what needs none.
        self.federation.has_assertions().await.unwrap_or(false)
    }

    async fn verify(&self, issuer: &str, token: &str) -> Result<Assertion, AssertionRefusal> {
        self.federation.asserted(issuer, token).await
    }

    async fn verify_exchanged(
        &self,
        provider: &ProviderId,
        issuer: &str,
        token: &str,
    ) -> Result<Assertion, AssertionRefusal> {
        self.federation.signed_by(provider, issuer, token).await
    }

    async fn admit(&self, assertion: &Assertion) -> Result<AssertedUser, AssertionRefusal> {
        let unavailable = |why: String| AssertionRefusal::Unavailable(why);
        let provider = self.federation.named(assertion.provider.as_str()).await;
        let provider = provider.map_err(|error| unavailable(error.to_string()))?;
        let found = self.federation.admit_asserted(&provider, &assertion.token.claims).await?;
        let required = match provider.second_factor() {
            SecondFactorPolicy::Never => None,
            SecondFactorPolicy::Enrolled => Some(false),
            SecondFactorPolicy::Required => Some(true),
        };
        if let Some(required) = required {
            let more =
                self.accounts.must_prove_more(&found.user, &found.authentication, required).await;
            if more.map_err(|error| unavailable(error.to_string()))? {
                let why = "the user must prove a second factor here, and no page asks for it";
                return Err(AssertionRefusal::NotAdmitted(why.to_owned()));
            }
        }
        Ok(found)
    }
}

/// Connects the gateway to the identity providers that assert users to upstreams.
pub(crate) struct AssertingProviders(pub(crate) Federation);

#[async_trait::async_trait]
impl UserAssertions for AssertingProviders {
    async fn assertion(
        &self,
        user_id: &UserId,
        wanted: doorward_gateway::WantedAssertion,
    ) -> Result<String, doorward_gateway::NotAsserted> {
        use doorward_federation::NotAsserted;
        let doorward_gateway::WantedAssertion { provider, audience, resource, scope } = wanted;
        let wanted = doorward_federation::WantedAssertion { audience, resource, scope };
        self.0.assertion(user_id, &provider, &wanted).await.map_err(|error| match error {
            NotAsserted::SignIn(why) => doorward_gateway::NotAsserted::SignIn(why),
            NotAsserted::Unavailable(why) => doorward_gateway::NotAsserted::Unavailable(why),
        })
    }
}
