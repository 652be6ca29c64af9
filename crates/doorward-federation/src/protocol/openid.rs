//! OpenID Connect.

mod discovery;
mod issued;
mod moved;
mod signed;
mod verify;

use std::sync::Arc;

use doorward_model::{IdentityId, SignedToken};
use doorward_transport::oauth::Tokens;
use futures_util::future::BoxFuture;
use openidconnect::{ClientId, EndSessionUrl, LogoutRequest, PostLogoutRedirectUrl};
use serde_json::{Value, json};
use url::Url;

use discovery::{Discovered, Discovery};
pub(crate) use issued::{PublishedKeys, check as check_issuer};
pub(crate) use verify::LEEWAY;
use verify::{IdTokenCheck, Verified, VerifiedToken};

use super::{
    Authenticated, CheckSubject, Credential, Examined, Finding, Offered, PendingSignIn, Protocol,
    ProviderAnswer, SignOutPage, Start, UsableCredential, plain::joined,
};
use crate::{
    claims,
    client::{Client, NoTokens, Request, WantedAssertion},
    error::FederationError,
    settings::{OpenId, TENANT},
};

/// Claims that protect the ID token: their values in userinfo are ignored.
const PROTECTING: &[&str] =
    &["iss", "aud", "exp", "iat", "nbf", "nonce", "azp", "sid", "acr", "amr", "auth_time", "tid"];

/// OpenID Connect with one provider.
pub(crate) struct OpenIdConnect {
    pub(crate) provider: String,
    pub(crate) client: Client,
    pub(crate) open_id: OpenId,
    pub(crate) scopes: Vec<String>,
    pub(crate) extra: Vec<(String, String)>,
    pub(crate) prompts: Vec<String>,
    pub(crate) login_hint: &'static str,
    pub(crate) acr_values: String,
    pub(crate) response_mode: String,
    /// Send `prompt=consent` with `offline_access` (OpenID Connect Core §11).
    pub(crate) offline_prompt: bool,
    discovery: Discovery,
}

/// Parts of [`OpenIdConnect`] besides its discovery.
pub(crate) struct Setup {
    pub(crate) provider: String,
    pub(crate) client: Client,
    pub(crate) open_id: OpenId,
    pub(crate) scopes: Vec<String>,
    pub(crate) extra: Vec<(String, String)>,
    pub(crate) prompts: Vec<String>,
    pub(crate) login_hint: &'static str,
    pub(crate) acr_values: String,
    pub(crate) response_mode: String,
    pub(crate) offline_prompt: bool,
}

/// The prompts that a provider supports. A provider without a choice of accounts is asked for a new
/// sign-in, if it supports that.
fn offered<'a>(asked: &'a [String], known: Option<&[String]>) -> Vec<&'a str> {
    let offers = |prompt: &str| known.is_none_or(|known| known.iter().any(|word| word == prompt));
    let mut prompts: Vec<&str> = Vec::new();
    for prompt in asked {
        let prompt = if prompt == "select_account" && !offers(prompt) { "login" } else { prompt };
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
    }
    prompts
}

impl OpenIdConnect {
    pub(crate) fn new(setup: Setup) -> Self {
        let discovery = Discovery::new(
            setup.provider.clone(),
            setup.client.outbound.clone(),
            setup.open_id.clone(),
        );
        Self {
            provider: setup.provider,
            client: setup.client,
            open_id: setup.open_id,
            scopes: setup.scopes,
            extra: setup.extra,
            prompts: setup.prompts,
            login_hint: setup.login_hint,
            acr_values: setup.acr_values,
            response_mode: setup.response_mode,
            offline_prompt: setup.offline_prompt,
            discovery,
        }
    }

    /// The scopes to request: `openid`, those of the settings, and `offline_access` where the
    /// provider offers it.
    fn all_scopes(&self, offered: Option<&[String]>) -> Vec<String> {
        let mut scopes = vec!["openid".to_owned()];
        let offline = self.open_id.offline
            && offered.into_iter().flatten().any(|scope| scope == "offline_access");
        let more = offline.then(|| "offline_access".to_owned());
        for scope in self.scopes.iter().cloned().chain(more) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Verifies an ID token, fetching the keys again once if none fits.
    async fn verified(
        &self,
        found: Arc<Discovered>,
        check: &IdTokenCheck<'_>,
    ) -> Result<Verified, FederationError> {
        match check.against(&found) {
            Ok(VerifiedToken { claims, issuer }) => Ok(Verified { found, claims, issuer }),
            Err(refused) if refused.other_keys_may_help => {
                match self.discovery.fresh_keys(&found).await? {
                    Some(fresh) => match check.against(&fresh) {
                        Ok(VerifiedToken { claims, issuer }) => {
                            Ok(Verified { found: fresh, claims, issuer })
                        }
                        Err(refused) => Err(IdTokenCheck::untrusted(refused)),
                    },
                    None => Err(IdTokenCheck::untrusted(refused)),
                }
            }
            Err(refused) => Err(IdTokenCheck::untrusted(refused)),
        }
    }

    fn check<'a>(
        &'a self,
        id_token: &'a str,
        nonce: Option<&'a str>,
        tokens: &'a Tokens,
    ) -> IdTokenCheck<'a> {
        IdTokenCheck {
            open_id: &self.open_id,
            client_id: &self.client.id,
            id_token,
            nonce,
            access_token: tokens.access_token.as_deref(),
            now: self.client.provider_services.clock.now(),
        }
    }

    /// Adds the claims of userinfo, and merges everything.
    async fn told(
        &self,
        verified: Verified,
        id_token: Option<String>,
        tokens: Tokens,
    ) -> Result<ProviderAnswer, FederationError> {
        let Verified { found, mut claims, issuer } = verified;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let authenticated = claims::seconds(&claims, "iat")
            .map(|issued_at| Authenticated::read(&claims, issued_at));
        if self.open_id.userinfo
            && let Some(url) = &found.metadata.userinfo
            && !subject.is_empty()
        {
            if let Some(token) = &tokens.access_token {
                let more = self.userinfo_of(&found, url, token, &subject).await?;
                if let Some(all) = claims.as_object_mut() {
                    // The sub is the same, in the form of the ID token.
                    all.extend(more.into_iter().filter(|(name, value)| {
                        !value.is_null() && name != "sub" && !PROTECTING.contains(&name.as_str())
                    }));
                }
            } else {
                tracing::info!(
                    provider = self.provider,
                    "userinfo was not requested: the provider issued no access token"
                );
            }
        }
        // Only a provider with a sign-out page is ever shown the ID token again.
        let keep = found.metadata.end_session.is_some();
        Ok(ProviderAnswer {
            issuer,
            claims,
            credential: tokens.refresh_token.map(Credential::Refresh),
            id_token: id_token.filter(|_| keep),
            authenticated,
        })
    }
}

impl Protocol for OpenIdConnect {
    fn issuers(&self) -> Vec<String> {
        let issuer = &self.open_id.issuer;
        if self.open_id.tenants.is_empty() {
            return vec![issuer.clone()];
        }
        self.open_id.tenants.iter().map(|tenant| issuer.replace(TENANT, tenant)).collect()
    }

    /// An issuer and a subject name one account (OpenID Connect Core §5.7).
    fn key_of(&self, issuer: &str, subject: &str) -> IdentityId {
        IdentityId::of(issuer, subject)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), FederationError>> {
        Box::pin(async move { self.discovery.document().await.map(drop) })
    }

    fn authorize<'a>(
        &'a self,
        start: &'a Start<'a>,
    ) -> BoxFuture<'a, Result<Url, FederationError>> {
        Box::pin(async move {
            let found = self.discovery.document().await?;
            let scopes = self.all_scopes(found.metadata.scopes.as_deref());
            let asked = offered(&start.ask.prompts, found.metadata.prompts.as_deref());
            let mut prompts = joined(&self.prompts, &asked);
            if self.offline_prompt
                && scopes.iter().any(|scope| scope == "offline_access")
                && !prompts.contains(&"consent")
            {
                prompts.push("consent");
            }
            let mut params = vec![("nonce".to_owned(), start.nonce.to_owned())];
            params.extend(self.extra.iter().cloned());
            if !prompts.is_empty() {
                params.push(("prompt".to_owned(), prompts.join(" ")));
            }
            if let Some(seconds) = start.ask.max_age {
                params.push(("max_age".to_owned(), seconds.to_string()));
            }
            let acr_values = start.ask.acr_values.as_deref().unwrap_or(&self.acr_values);
            if !acr_values.is_empty() {
                params.push(("acr_values".to_owned(), acr_values.to_owned()));
            }
            if let Some(hint) = &start.ask.login_hint {
                params.push((self.login_hint.to_owned(), hint.clone()));
            }
            if self.response_mode != "query" {
                params.push(("response_mode".to_owned(), self.response_mode.clone()));
            }
            self.client.authorize(Request {
                endpoint: &found.metadata.authorize,
                redirect_uri: start.redirect_uri,
                state: start.state,
                verifier: start.verifier,
                scopes: &scopes,
                params,
            })
        })
    }

    fn check_issuer<'a>(
        &'a self,
        told: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), FederationError>> {
        Box::pin(async move {
            let found = self.discovery.document().await?;
            match told {
                None if found.metadata.iss_in_answers => Err(FederationError::Untrusted(
                    "the response does not state its issuer, which this provider always does"
                        .to_owned(),
                )),
                None => Ok(()),
                Some(told)
                    if told == self.open_id.issuer
                        || self.issuers().iter().any(|issuer| told == issuer) =>
                {
                    Ok(())
                }
                Some(told) => Err(FederationError::Untrusted(format!(
                    "the response is from {told:?}, not from {:?}",
                    self.open_id.issuer
                ))),
            }
        })
    }

    fn redeem<'a>(
        &'a self,
        code: &'a str,
        begun: &'a PendingSignIn<'a>,
    ) -> BoxFuture<'a, Result<ProviderAnswer, FederationError>> {
        Box::pin(async move {
            let mut found = self.discovery.document().await?;
            let redeem = async |found: &Discovered| {
                let endpoint = &found.metadata.token;
                self.client.redeem(endpoint, code, begun.redirect_uri, begun.verifier).await
            };
            let mut redeemed = redeem(&found).await;
            if let Err(error) = &redeemed
                && let Some(fresh) =
                    self.moved(&found, error, |metadata| Some(&metadata.token)).await
            {
                redeemed = redeem(&fresh).await;
                found = fresh;
            }
            let tokens = redeemed?;
            let id_token = tokens.id_token.clone().ok_or_else(|| {
                FederationError::Untrusted(
                    "the token response has no ID token; check that the scope openid is requested"
                        .to_owned(),
                )
            })?;
            let check = self.check(&id_token, Some(begun.nonce), &tokens);
            let verified = self.verified(Arc::clone(&found), &check).await?;
            self.told(verified, Some(id_token), tokens).await
        })
    }

    fn refresh<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Tokens, NoTokens>> {
        Box::pin(async move {
            let found = self.discovery.document().await?;
            let refreshed = self.client.refresh(&found.metadata.token, token).await;
            if let Err(none) = &refreshed
                && none.refresh_token.is_none()
                && let Some(fresh) =
                    self.moved(&found, &none.error, |metadata| Some(&metadata.token)).await
            {
                return self.client.refresh(&fresh.metadata.token, token).await;
            }
            refreshed
        })
    }

    fn confirm<'a>(
        &'a self,
        held: UsableCredential,
        subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ProviderAnswer, FederationError>> {
        Box::pin(async move {
            let tokens = match held {
                UsableCredential::Tokens(tokens) => tokens,
                UsableCredential::Access(_) => {
                    return Err(FederationError::Refused(
                        "the stored token is of another protocol".to_owned(),
                    ));
                }
            };
            let found = self.discovery.document().await?;
            let verified = if let Some(id_token) = &tokens.id_token {
                // Its nonce, if it has one, is that of the sign-in long ago (OpenID Connect Core
                // §12.2).
                self.verified(found, &self.check(id_token, None, &tokens)).await?
            } else {
                let issuer = found.metadata.issuer.clone();
                let claims = subject.map_or_else(|| json!({}), |subject| json!({ "sub": subject }));
                Verified { found, claims, issuer }
            };
            let told = verified.claims.get("sub").and_then(Value::as_str);
            if subject.is_some() && told != subject {
                return Err(FederationError::Refused(
                    "the refreshed ID token is about another user".to_owned(),
                ));
            }
            self.told(verified, None, tokens).await
        })
    }

    fn logout<'a>(
        &'a self,
        back: &'a str,
        hint: Option<String>,
    ) -> BoxFuture<'a, Option<SignOutPage>> {
        Box::pin(async move {
            let found = self.discovery.document().await.ok()?;
            let end = EndSessionUrl::from_url(found.metadata.end_session.clone()?);
            let back = PostLogoutRedirectUrl::new(back.to_owned()).ok()?;
            let url = LogoutRequest::from(end)
                .set_client_id(ClientId::new(self.client.id.clone()))
                .set_post_logout_redirect_uri(back)
                .http_get_url();
            let hint = hint.map(|token| ("id_token_hint".to_owned(), token));
            Some(SignOutPage::of(&url, hint.into_iter().collect()))
        })
    }

    fn signed_token<'a>(
        &'a self,
        token: &'a str,
    ) -> BoxFuture<'a, Option<Result<SignedToken, FederationError>>> {
        Box::pin(async move {
            let found = match self.discovery.document().await {
                Ok(found) => found,
                Err(error) => return Some(Err(error)),
            };
            Some(match self.discovery.signed(&found, token).await {
                Ok(Ok(signed)) => Ok(SignedToken { typ: signed.typ(), claims: signed.payload }),
                Ok(Err(why)) => Err(FederationError::Untrusted(why)),
                Err(error) => Err(error),
            })
        })
    }

    fn assert<'a>(
        &'a self,
        id_token: &'a str,
        wanted: &'a WantedAssertion,
    ) -> BoxFuture<'a, Result<String, FederationError>> {
        Box::pin(async move {
            let found = self.discovery.document().await?;
            self.client.assertion_of(&found.metadata.token, id_token, wanted).await
        })
    }

    fn scopes(&self, offered: &Offered) -> Vec<String> {
        self.all_scopes(offered.scopes.as_deref())
    }

    fn examine(&self) -> BoxFuture<'_, Examined> {
        Box::pin(async move {
            let found = match self.discovery.document().await {
                Ok(found) => found,
                Err(error) => {
                    return Examined {
                        findings: Vec::new(),
                        offered: Offered::default(),
                        failed: Some(error),
                    };
                }
            };
            let by_hand = self.open_id.by_hand.are_enough();
            let words = if by_hand {
                "the endpoints are configured; no discovery document is used".to_owned()
            } else {
                format!("the discovery document of {} is valid", found.metadata.issuer)
            };
            let keys = found.keys.keys().len();
            let announced = found.metadata.algorithms.as_ref().map_or_else(
                || "no signature algorithms announced".to_owned(),
                |names| format!("signature algorithms announced: {}", names.join(", ")),
            );
            let result = if keys == 0 {
                Err("the key set has no usable key; users cannot sign in".to_owned())
            } else {
                let noun = if keys == 1 { "key" } else { "keys" };
                Ok(format!("{keys} {noun}; {announced}"))
            };
            let mut findings = vec![
                Finding { subject: CheckSubject::Discovery, result: Ok(words) },
                Finding { subject: CheckSubject::Keys, result },
            ];
            let mut left: Vec<String> =
                found.metadata.left_out.iter().map(ToString::to_string).collect();
            if found.unknown_keys > 0 {
                left.push(format!("{} keys of unknown types", found.unknown_keys));
            }
            if !left.is_empty() {
                findings
                    .push(Finding { subject: CheckSubject::LeftOut, result: Ok(left.join("; ")) });
            }
            let metadata = &found.metadata;
            let offered =
                Offered { scopes: metadata.scopes.clone(), claims: metadata.claims.clone() };
            Examined { findings, offered, failed: None }
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_choice_of_accounts_becomes_a_sign_in_where_there_is_no_choice() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let asked = words(&["login", "select_account"]);
        assert_eq!(super::offered(&asked, None), ["login", "select_account"]);
        assert_eq!(super::offered(&asked, Some(&words(&["none", "login", "consent"]))), ["login"]);
    }
}
