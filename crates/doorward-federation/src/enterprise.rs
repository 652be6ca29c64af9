//! Assertions of identity providers about users, for clients of this server (Identity Assertion JWT
//! Authorization Grant, ID-JAG). They admit a user as a sign-in does, without a page.

use std::sync::Arc;

use doorward_model::{
    AssertedUser, Assertion, AssertionRefusal, Change, LinkedIdentity, ProviderId, Timestamp,
    UnitOfWork, User,
};
use doorward_store::StoreError;
use serde_json::Value;

use crate::{
    admission::Admission,
    claims,
    error::{FederationError, NotAdmitted},
    external_identity::{ExternalIdentity, SignInPurpose, authenticated_at},
    federation::Federation,
    protocol::{Authenticated, ProviderAnswer},
    provider::Provider,
};

impl From<FederationError> for AssertionRefusal {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Untrusted(why) => Self::Invalid(why),
            FederationError::NotAdmitted(NotAdmitted::Disabled) => Self::Disabled,
            FederationError::NotAdmitted(why) => Self::NotAdmitted(why.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl Federation {
    /// Reports that users' identity providers may assert them to clients of this server.
    pub async fn has_assertions(&self) -> Result<bool, StoreError> {
        Ok(self.providers().await?.iter().any(|provider| provider.config.assertions))
    }

    /// Verifies the signature of an assertion of this issuer, which the token names.
    pub async fn asserted(&self, issuer: &str, token: &str) -> Result<Assertion, AssertionRefusal> {
        let all = self.all_providers().await.map_err(FederationError::from)?;
        let of_issuer =
            |provider: &&Arc<Provider>| provider.protocol.issuers().iter().any(|own| own == issuer);
        let mut known = all.iter().filter(of_issuer).peekable();
        if known.peek().is_none() {
            let why = "no identity provider has this issuer".to_owned();
            return Err(AssertionRefusal::Provider(why));
        }
        let may = |provider: &&Arc<Provider>| provider.config.assertions && provider.is_enabled();
        let Some(provider) = known.clone().find(may) else {
            let off = known.any(|provider| provider.config.assertions);
            let why = if off {
                "the identity provider is switched off"
            } else {
                "the identity provider may not assert users to clients (assertions)"
            };
            return Err(AssertionRefusal::Provider(why.to_owned()));
        };
        signed(provider, issuer, token).await
    }

    /// Verifies the signature of a token of this identity provider, which an administrator let a
    /// client exchange. The token names the issuer.
    pub async fn signed_by(
        &self,
        id: &ProviderId,
        issuer: &str,
        token: &str,
    ) -> Result<Assertion, AssertionRefusal> {
        let all = self.providers().await.map_err(FederationError::from)?;
        let refused = |why: &str| AssertionRefusal::Provider(why.to_owned());
        let Some(provider) = all.iter().find(|provider| provider.id == *id) else {
            return Err(refused("there is no such identity provider, or it is switched off"));
        };
        if !provider.protocol.issuers().iter().any(|own| own == issuer) {
            return Err(refused("the issuer is another one than that of the identity provider"));
        }
        signed(provider, issuer, token).await
    }

    /// Finds or creates the user of an assertion under the provider's rules of admission.
    pub async fn admit_asserted(
        &self,
        provider: &Arc<Provider>,
        claims: &Value,
    ) -> Result<AssertedUser, AssertionRefusal> {
        let services = &self.inner.services;
        let now = services.clock.now();
        let told = ProviderAnswer {
            issuer: claims.get("iss").and_then(Value::as_str).unwrap_or_default().to_owned(),
            claims: claims.clone(),
            credential: None,
            id_token: None,
            authenticated: None,
        };
        let arrival = provider.arrival(told, SignInPurpose::default(), now)?;
        let arrival = self.recognise(provider, arrival).await.map_err(FederationError::from)?;
        let known =
            services.store.identity(&arrival.identity()).await.map_err(FederationError::from)?;
        let (user, unit) = match known {
            Some(known) if !provider.tells_enough(&arrival) => self.linked_user(known).await?,
            _ => match self.admit(provider, &arrival, false).await? {
                Admission::SignIn { user, unit } => (user, unit),
                Admission::Ask => {
                    let why = "an account here has the same e-mail address; the user must sign in \
                        once to link it";
                    return Err(AssertionRefusal::NotAdmitted(why.to_owned()));
                }
            },
        };
        // The assertion states the age of the authentication by its own clock.
        let issued_at = claims::seconds(claims, "iat").unwrap_or(now.0);
        let at = authenticated_at(Authenticated::read(claims, issued_at), now);
        Ok(AssertedUser {
            user,
            unit,
            identity: arrival.identity(),
            authentication: arrival.authentication(),
            auth_time: at.map_or(now, Timestamp),
        })
    }

    /// The user of a linked account about which an assertion says too little for the provider's
    /// rules: what was learnt at the last sign-in or check counts, for as long as it counts.
    async fn linked_user(
        &self,
        known: LinkedIdentity,
    ) -> Result<(Box<User>, UnitOfWork), AssertionRefusal> {
        let services = &self.inner.services;
        let user = services.store.user(&known.user_id).await.map_err(FederationError::from)?;
        let user = user.filter(|user| user.disabled_at.is_none() && known.ended_at.is_none());
        let user = user.ok_or(AssertionRefusal::Disabled)?;
        let identity = LinkedIdentity { last_login_at: services.clock.now(), ..known };
        let unit = Change::UpdateIdentity(Box::new(identity)).into();
        Ok((Box::new(User::clone(&user)), unit))
    }
}

impl Provider {
    /// True if an arrival has every claim that the rules of admission and the rules of roles are
    /// about. Assertions often name the user alone.
    fn tells_enough(&self, arrival: &ExternalIdentity) -> bool {
        self.policy.claims().all(|claim| arrival.tells(claim, &self.claims))
            && (self.policy.groups.is_empty() || arrival.tells("groups", &self.claims))
            && (self.policy.domains.is_empty()
                || arrival.tells(self.domain_claim.unwrap_or("email"), &self.claims))
    }
}

/// Verifies the signature of a token by the keys of its provider, and its issuer.
async fn signed(
    provider: &Provider,
    issuer: &str,
    token: &str,
) -> Result<Assertion, AssertionRefusal> {
    let read = provider.protocol.signed_token(token).await.ok_or_else(|| {
        let why = "this kind of identity provider signs no tokens";
        AssertionRefusal::Provider(why.to_owned())
    })?;
    let token = read?;
    if token.claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(AssertionRefusal::Invalid("its issuer is another one".to_owned()));
    }
    Ok(Assertion { provider: provider.id.clone(), token })
}
