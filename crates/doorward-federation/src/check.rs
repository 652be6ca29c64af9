//! Tries a provider out, for `doorward provider test` and `doorward doctor`: everything short of a
//! person who signs in.

use doorward_model::id::random_text;
use url::Url;

use crate::{
    Federation, FederationError,
    attempt::Ask,
    kinds::Protocol,
    oauth::{Begun, Start},
    openid::MAX_ANSWER,
    provider::Provider,
};

/// What one look found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How it is, or what is wrong and what to do.
    pub result: Result<String, String>,
}

fn advice(error: &FederationError) -> String {
    let text = error.to_string();
    if text.contains("is not a public address") {
        format!(
            "{text}. If it is meant to be in a private network, add that network to the provider's networks"
        )
    } else if text.contains("unexpected issuer URI") {
        format!("{text}. Write issuer exactly as the provider's document says it")
    } else if text.contains("certificate") || text.contains("UnknownIssuer") {
        format!(
            "{text}. If the provider has a private certificate authority, name its PEM file in ca_file"
        )
    } else {
        text
    }
}

impl Federation {
    /// Tries a provider out.
    pub async fn test(&self, provider: &Provider) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Protocol::OpenId(_) = provider.settings.protocol {
            let discovery = provider.discovered().await;
            let failed = discovery.is_err();
            let told = |found: &crate::openid::Discovered| {
                let keys = found.metadata.jwks().keys().len();
                let algorithms = found.metadata.id_token_signing_alg_values_supported().len();
                (
                    format!(
                        "the discovery document of {} is in order",
                        found.metadata.issuer().as_str()
                    ),
                    keys,
                    algorithms,
                )
            };
            match discovery {
                Ok(found) => {
                    let (words, keys, algorithms) = told(&found);
                    findings.push(Finding { what: "discovery", result: Ok(words) });
                    let result = if keys == 0 {
                        Err("the key set holds no key that can be used; nobody could be signed in"
                            .to_owned())
                    } else {
                        Ok(format!("{keys} keys, {algorithms} signature algorithms announced"))
                    };
                    findings.push(Finding { what: "keys", result });
                }
                Err(error) => {
                    findings.push(Finding { what: "discovery", result: Err(advice(&error)) })
                }
            }
            if failed {
                return findings;
            }
        }
        findings.push(Finding { what: "redirect", result: self.try_redirect(provider).await });
        findings.push(Finding { what: "client", result: self.try_client(provider).await });
        findings
    }

    /// Asks the authorization endpoint as a browser would, and looks whether it complains about us.
    async fn try_redirect(&self, provider: &Provider) -> Result<String, String> {
        let entropy = self.inner.parts.entropy.as_ref();
        let (state, nonce, verifier) =
            (random_text(entropy, 24), random_text(entropy, 24), random_text(entropy, 32));
        let redirect_uri = self.callback_of(&provider.id);
        let ask = Ask::default();
        let start = Start {
            redirect_uri: &redirect_uri,
            state: &state,
            nonce: &nonce,
            verifier: &verifier,
            ask: &ask,
        };
        let url = match &provider.settings.protocol {
            Protocol::OpenId(_) => provider.open_id_url(&start).await,
            Protocol::OAuth2(oauth2) => provider.oauth2_url(oauth2, &start),
        };
        let url = url.map_err(|error| advice(&error))?;
        let request = http::Request::get(url.as_str())
            .header("accept", "text/html")
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        let hint = format!("register this redirect URI there, letter by letter: {redirect_uri}");
        let fetched = provider
            .outbound
            .send(request, 4 * MAX_ANSWER)
            .await
            .map_err(|error| format!("{}: {error}", url.origin().ascii_serialization()))?;
        let location = fetched
            .headers
            .get("location")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| url.join(text).ok());
        let error = location.as_ref().and_then(|to| {
            param(to, "error")
                .map(|error| (error, param(to, "error_description").unwrap_or_default()))
        });
        match (fetched.status, error) {
            (_, Some((error, description)))
                if error != "login_required" && error != "interaction_required" =>
            {
                Err(format!(
                    "the provider answers {error} {description}; check client_id and scopes, and {hint}"
                ))
            }
            (200..=399, _) => {
                Ok(format!("the provider shows its sign-in page; redirect URI {redirect_uri}"))
            }
            (status, _) => Err(format!(
                "the provider answers {status} instead of its sign-in page; check client_id, and {hint}"
            )),
        }
    }

    /// Presents a code that does not exist: a provider that knows us complains of the code, one
    /// that does not complains of us.
    async fn try_client(&self, provider: &Provider) -> Result<String, String> {
        let (nonce, verifier) = (
            random_text(self.inner.parts.entropy.as_ref(), 24),
            random_text(self.inner.parts.entropy.as_ref(), 32),
        );
        let redirect_uri = self.callback_of(&provider.id);
        let begun = Begun { redirect_uri: &redirect_uri, nonce: &nonce, verifier: &verifier };
        let (proof, now) = (self.proof(provider), self.inner.parts.clock.now());
        let outcome = match &provider.settings.protocol {
            Protocol::OpenId(_) => provider
                .open_id_redeem("doorward-provider-test", &begun, &proof, now)
                .await
                .map(drop),
            Protocol::OAuth2(oauth2) => provider
                .oauth2_redeem(oauth2, "doorward-provider-test", &begun, &proof)
                .await
                .map(drop),
        };
        match outcome {
            Err(FederationError::Refused(_)) => {
                Ok("the provider accepts this server as its client".to_owned())
            }
            Err(FederationError::Misconfigured(why)) if !why.starts_with("invalid_request") => {
                Err(format!("{why}; check client_id, client_secret and token_auth_method"))
            }
            // Some find fault with the code before they look at who asks.
            Err(FederationError::Misconfigured(why)) => Ok(format!(
                "the token endpoint answers ({why}); whether the secret is right shows at the first sign-in"
            )),
            Err(error) => Err(advice(&error)),
            Ok(()) => {
                Err("the provider gave tokens for a code that does not exist; do not use it"
                    .to_owned())
            }
        }
    }
}

fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.chars().take(200).collect())
}
