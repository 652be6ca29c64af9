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
use futures_util::future::BoxFuture;

/// Connects the issuer to the registration crate, on which it does not depend.
pub(crate) struct Directory(pub(crate) Registration);

impl ClientDirectory for Directory {
    fn find<'a>(
        &'a self,
        id: &'a ClientId,
        address: ClientAddress,
    ) -> BoxFuture<'a, Result<Arc<Client>, DirectoryError>> {
        Box::pin(async move {
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
        })
    }
}

/// Connects the issuer to the federation crate, on which it does not depend.
pub(crate) struct ForeignTokens(pub(crate) Federation);

impl Verifier for ForeignTokens {
    fn verify<'a>(
        &'a self,
        issuer: &'a TrustedIssuer,
        token: &'a str,
    ) -> BoxFuture<'a, Result<SignedToken, SignatureRefusal>> {
        Box::pin(async move { self.0.verify_signed(issuer, token).await })
    }
}

/// Connects the issuer to the identity providers that assert users.
pub(crate) struct AssertedUsers {
    pub(crate) federation: Federation,
    pub(crate) accounts: Accounts,
}

impl Asserters for AssertedUsers {
    fn exist(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            // Without the database, metadata names what needs none.
            self.federation.has_assertions().await.unwrap_or(false)
        })
    }

    fn verify<'a>(
        &'a self,
        issuer: &'a str,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Assertion, AssertionRefusal>> {
        Box::pin(async move { self.federation.asserted(issuer, token).await })
    }

    fn verify_exchanged<'a>(
        &'a self,
        provider: &'a ProviderId,
        issuer: &'a str,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Assertion, AssertionRefusal>> {
        Box::pin(async move { self.federation.signed_by(provider, issuer, token).await })
    }

    fn admit<'a>(
        &'a self,
        assertion: &'a Assertion,
    ) -> BoxFuture<'a, Result<AssertedUser, AssertionRefusal>> {
        Box::pin(async move {
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
                let more = self
                    .accounts
                    .must_prove_more(&found.user, &found.authentication, required)
                    .await;
                if more.map_err(|error| unavailable(error.to_string()))? {
                    let why = "the user must prove a second factor here, and no page asks for it";
                    return Err(AssertionRefusal::NotAdmitted(why.to_owned()));
                }
            }
            Ok(found)
        })
    }
}

/// Connects the gateway to the identity providers that assert users to upstreams.
pub(crate) struct AssertingProviders(pub(crate) Federation);

impl UserAssertions for AssertingProviders {
    fn assertion<'a>(
        &'a self,
        user_id: &'a UserId,
        wanted: doorward_gateway::WantedAssertion,
    ) -> BoxFuture<'a, Result<String, doorward_gateway::NotAsserted>> {
        Box::pin(async move {
            use doorward_federation::NotAsserted;
            let doorward_gateway::WantedAssertion { provider, audience, resource, scope } = wanted;
            let wanted = doorward_federation::WantedAssertion { audience, resource, scope };
            self.0.assertion(user_id, &provider, &wanted).await.map_err(|error| match error {
                NotAsserted::SignIn(why) => doorward_gateway::NotAsserted::SignIn(why),
                NotAsserted::Unavailable(why) => doorward_gateway::NotAsserted::Unavailable(why),
            })
        })
    }
}
