//! Plain OAuth 2.0, with an API that identifies the user.

use doorward_model::{IdentityId, SignedToken};
use doorward_transport::oauth::{Lifetime, Tokens};
use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use super::{
    Credential, Examined, Offered, PendingSignIn, Protocol, ProviderAnswer, SignOutPage, Start,
    UsableCredential,
};
use crate::{
    client::{Client, NoTokens, Request, WantedAssertion},
    error::FederationError,
    settings::OAuth2,
};

/// Plain OAuth 2.0 with one provider.
pub(crate) struct Plain {
    pub(crate) provider: String,
    pub(crate) client: Client,
    pub(crate) urls: OAuth2,
    pub(crate) scopes: Vec<String>,
    pub(crate) extra: Vec<(String, String)>,
    pub(crate) prompts: Vec<String>,
    pub(crate) login_hint: &'static str,
}

/// The prompts of a request: those of the configuration, then those of the client.
pub(super) fn joined<'a>(configured: &'a [String], asked: &[&'a str]) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for prompt in configured.iter().map(String::as_str).chain(asked.iter().copied()) {
        if !all.contains(&prompt) {
            all.push(prompt);
        }
    }
    all
}

impl Plain {
    fn access_token(&self, tokens: &Tokens) -> Result<String, FederationError> {
        tokens.access_token.clone().ok_or_else(|| {
            FederationError::Nonsense(format!("{} issued no access token", self.urls.token))
        })
    }

    async fn told(
        &self,
        access_token: &str,
        credential: Option<Credential>,
    ) -> Result<ProviderAnswer, FederationError> {
        let claims: Value = self.urls.profile.ask(&self.client.api(access_token)).await?;
        if !claims.is_object() {
            return Err(FederationError::Nonsense(
                "the user's profile is not a JSON object".to_owned(),
            ));
        }
        Ok(ProviderAnswer {
            issuer: self.urls.issuer.clone(),
            claims,
            credential,
            id_token: None,
            authenticated: None,
        })
    }
}

impl Protocol for Plain {
    fn issuers(&self) -> Vec<String> {
        vec![self.urls.issuer.clone()]
    }

    /// A plain OAuth 2.0 server states no issuer, so the provider's name here is part of the key:
    /// two of them at one origin have different users.
    fn key_of(&self, issuer: &str, subject: &str) -> IdentityId {
        IdentityId::of(&format!("oauth2 {} {issuer}", self.provider), subject)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), FederationError>> {
        Box::pin(async move { Ok(()) })
    }

    fn authorize<'a>(
        &'a self,
        start: &'a Start<'a>,
    ) -> BoxFuture<'a, Result<Url, FederationError>> {
        Box::pin(async move {
            let mut params = self.extra.clone();
            if let Some(hint) = &start.ask.login_hint {
                params.push((self.login_hint.to_owned(), hint.clone()));
            }
            let asked: Vec<&str> = start.ask.prompts.iter().map(String::as_str).collect();
            let prompts = joined(&self.prompts, &asked);
            if !prompts.is_empty() {
                params.push(("prompt".to_owned(), prompts.join(" ")));
            }
            self.client.authorize(Request {
                endpoint: &self.urls.authorize,
                redirect_uri: start.redirect_uri,
                state: start.state,
                verifier: start.verifier,
                scopes: &self.scopes,
                params,
            })
        })
    }

    fn check_issuer<'a>(
        &'a self,
        _told: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), FederationError>> {
        Box::pin(async move { Ok(()) })
    }

    fn redeem<'a>(
        &'a self,
        code: &'a str,
        begun: &'a PendingSignIn<'a>,
    ) -> BoxFuture<'a, Result<ProviderAnswer, FederationError>> {
        Box::pin(async move {
            let endpoint = &self.urls.token;
            let tokens =
                self.client.redeem(endpoint, code, begun.redirect_uri, begun.verifier).await?;
            let access_token = self.access_token(&tokens)?;
            // Only a token without a stated end can be used for later checks.
            let lasting = (tokens.lifetime == Lifetime::Unstated)
                .then(|| Credential::Access(access_token.clone()));
            let credential = tokens.refresh_token.map(Credential::Refresh).or(lasting);
            self.told(&access_token, credential).await
        })
    }

    fn refresh<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Tokens, NoTokens>> {
        Box::pin(async move { self.client.refresh(&self.urls.token, token).await })
    }

    fn confirm<'a>(
        &'a self,
        held: UsableCredential,
        _subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ProviderAnswer, FederationError>> {
        Box::pin(async move {
            let access_token = match held {
                UsableCredential::Tokens(tokens) => self.access_token(&tokens)?,
                UsableCredential::Access(token) => token,
            };
            self.told(&access_token, None).await
        })
    }

    fn logout<'a>(
        &'a self,
        _back: &'a str,
        _hint: Option<String>,
    ) -> BoxFuture<'a, Option<SignOutPage>> {
        Box::pin(async move {
            let page = self.urls.end_session.as_ref()?;
            Some(SignOutPage::of(page, Vec::new()))
        })
    }

    fn signed_token<'a>(
        &'a self,
        _token: &'a str,
    ) -> BoxFuture<'a, Option<Result<SignedToken, FederationError>>> {
        Box::pin(async move { None })
    }

    fn assert<'a>(
        &'a self,
        _id_token: &'a str,
        _wanted: &'a WantedAssertion,
    ) -> BoxFuture<'a, Result<String, FederationError>> {
        Box::pin(async move {
            let why = "this kind of identity provider asserts no users";
            Err(FederationError::Misconfigured(why.to_owned()))
        })
    }

    fn scopes(&self, _offered: &Offered) -> Vec<String> {
        self.scopes.clone()
    }

    fn examine(&self) -> BoxFuture<'_, Examined> {
        Box::pin(async move {
            Examined { findings: Vec::new(), offered: Offered::default(), failed: None }
        })
    }
}

impl SignOutPage {
    /// The page at a URL: a form that is sent by GET carries the URL's own parameters as fields.
    pub(super) fn of(url: &Url, more: Vec<(String, String)>) -> Self {
        let mut action = url.clone();
        let mut fields: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        action.set_query(None);
        fields.extend(more);
        Self { action: action.to_string(), fields }
    }
}
