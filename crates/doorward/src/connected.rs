//! Connects the issuer to crates on which it does not depend.

use std::sync::Arc;

use doorward_accounts::Accounts;
use doorward_federation::{Federation, SecondFactorPolicy};
use doorward_issuer::{
    Asserted, AssertedUser, Asserters, AssertionRefusal, ClientDirectory, DirectoryError,
    SignatureRefusal, SignedToken, Verifier,
};
use doorward_model::{Client, ClientId, TrustedIssuer};
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
        use doorward_federation::SignatureRefusal as Why;
        match self.0.verify_signed(issuer, token).await {
            Ok(signed) => Ok(SignedToken { typ: signed.typ, claims: signed.claims }),
            Err(Why::Invalid(why)) => Err(SignatureRefusal::Invalid(why)),
            Err(Why::Unavailable(error)) => Err(SignatureRefusal::Unavailable(error.to_string())),
        }
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

    async fn verify(&self, issuer: &str, token: &str) -> Result<Asserted, AssertionRefusal> {
        let asserted = self.federation.asserted(issuer, token).await.map_err(why)?;
        let provider = asserted.provider.id.to_string();
        Ok(Asserted { provider, typ: asserted.typ, claims: asserted.claims })
    }

    async fn admit(&self, asserted: &Asserted) -> Result<AssertedUser, AssertionRefusal> {
        let unavailable = |why: String| AssertionRefusal::Unavailable(why);
        let provider = self.federation.named(&asserted.provider).await;
        let provider = provider.map_err(|error| unavailable(error.to_string()))?;
        let found = self.federation.admit_asserted(&provider, &asserted.claims).await;
        let found = found.map_err(why)?;
        let required = match found.second_factor {
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
        Ok(AssertedUser {
            user: found.user,
            unit: found.unit,
            identity: found.identity,
            authentication: found.authentication,
            auth_time: found.auth_time,
        })
    }
}

/// The reason for which an assertion is refused, in the words of the issuer.
fn why(refusal: doorward_federation::AssertionRefusal) -> AssertionRefusal {
    use doorward_federation::{AssertionRefusal as Why, NotAdmitted};
    match refusal {
        Why::Provider(why) => AssertionRefusal::Provider(why),
        Why::Invalid(why) => AssertionRefusal::Invalid(why),
        Why::NotAdmitted(NotAdmitted::Disabled) => AssertionRefusal::Disabled,
        Why::NotAdmitted(why) => AssertionRefusal::NotAdmitted(why.to_string()),
        Why::Unlinked => AssertionRefusal::NotAdmitted(refusal.to_string()),
        Why::Unavailable(error) => AssertionRefusal::Unavailable(error.to_string()),
    }
}
