//! Tries a provider out, for `doorward provider test` and `doorward doctor`: everything except a
//! user's sign-in.

use doorward_model::{Timestamp, id::random_text};
use doorward_transport::{
    OutboundError,
    oauth::{ErrorSubject, StatedError, date_of},
};
use url::Url;

use crate::{
    api::MAX_ANSWER,
    brought,
    error::FederationError,
    federation::Federation,
    protocol::{
        CheckSubject, Examined, Finding, PendingSignIn, SignInOptions, Start, openid::LEEWAY,
    },
    provider::Provider,
};

/// The difference of two clocks that need not be mentioned, in seconds.
const EQUAL: i64 = 5;

fn advice(error: &FederationError) -> String {
    let more = match error {
        FederationError::Unreachable {
            // Settings have http on this machine alone: without a network for it, none is used.
            error:
                OutboundError::Address(_) | OutboundError::PlainAddress(_) | OutboundError::Scheme,
            ..
        } => {
            ". If it is meant to be in a private network, add that network to the provider's networks"
        }
        FederationError::Unreachable { error: OutboundError::Certificate(_), .. } => {
            ". If the provider has a private certificate authority, name its PEM file in ca_file"
        }
        FederationError::OtherIssuer { .. } => {
            ". Write issuer exactly as the provider's document states it"
        }
        FederationError::Unreachable { .. }
        | FederationError::Unavailable(_)
        | FederationError::Wait { .. }
        | FederationError::Nonsense(_)
        | FederationError::Refused(_)
        | FederationError::Untrusted(_)
        | FederationError::Document(_)
        | FederationError::Misconfigured(_)
        | FederationError::NotAwaited(_)
        | FederationError::Limited
        | FederationError::NotAdmitted(_)
        | FederationError::Store(_) => "",
    };
    format!("{error}{more}")
}

/// The difference between the provider's clock and this server's.
fn clock(theirs: Timestamp, ours: Timestamp) -> Result<String, String> {
    let apart = theirs.since(ours);
    let side = if apart > 0 { "ahead of" } else { "behind" };
    match apart.abs() {
        0..=EQUAL => Ok("the provider's clock agrees with this server's".to_owned()),
        seconds if seconds <= LEEWAY => Ok(format!(
            "the provider's clock is {seconds} seconds {side} this server's; up to {LEEWAY} are tolerated"
        )),
        seconds => Err(format!(
            "the provider's clock is {seconds} seconds {side} this server's; more than {LEEWAY} are not tolerated. Synchronise both with NTP"
        )),
    }
}

/// The outcome of a request to an authorization endpoint.
struct RedirectTrial {
    result: Result<String, String>,
    /// The provider's time.
    date: Option<Timestamp>,
}

impl RedirectTrial {
    fn failed(why: String) -> Self {
        Self { result: Err(why), date: None }
    }
}

impl Federation {
    /// Tries a provider out.
    pub async fn test(&self, provider: &Provider) -> Vec<Finding> {
        let Examined { mut findings, offered, failed } = provider.protocol.examine().await;
        if let Some(error) = failed {
            findings
                .push(Finding { subject: CheckSubject::Discovery, result: Err(advice(&error)) });
            return findings;
        }
        let RedirectTrial { result, date } = self.try_redirect(provider).await;
        findings.push(Finding { subject: CheckSubject::Redirect, result });
        findings.push(Finding {
            subject: CheckSubject::Client,
            result: self.try_client(provider).await,
        });
        findings.extend(brought::finding(provider, &offered));
        if let Some(date) = date {
            let result = clock(date, self.inner.services.clock.now());
            findings.push(Finding { subject: CheckSubject::Clock, result });
        }
        findings
    }

    /// Requests the authorization endpoint like a browser, and checks the response for complaints
    /// about this client.
    async fn try_redirect(&self, provider: &Provider) -> RedirectTrial {
        let entropy = self.inner.services.entropy.as_ref();
        let (state, nonce, verifier) =
            (random_text(entropy, 24), random_text(entropy, 24), random_text(entropy, 32));
        let redirect_uri = self.callback_of(&provider.id);
        let ask = SignInOptions::default();
        let start = Start {
            redirect_uri: &redirect_uri,
            state: &state,
            nonce: &nonce,
            verifier: &verifier,
            ask: &ask,
        };
        let url = match provider.protocol.authorize(&start).await {
            Ok(url) => url,
            Err(error) => return RedirectTrial::failed(advice(&error)),
        };
        let request = http::Request::get(url.as_str()).header("accept", "text/html");
        let Ok(request) = request.body(Vec::new()) else {
            return RedirectTrial::failed(format!("{url} cannot be reached"));
        };
        let fetched = match provider.outbound.send(request, 4 * MAX_ANSWER).await {
            Ok(fetched) => fetched,
            Err(error) => {
                let at = url.origin().ascii_serialization();
                return RedirectTrial::failed(advice(&FederationError::outbound(&at, error)));
            }
        };
        let location = fetched
            .headers
            .get("location")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| url.join(text).ok());
        let error = location.as_ref().and_then(|to| {
            let code = param(to, "error")?;
            let description = param(to, "error_description").unwrap_or_default();
            Some(StatedError { status: fetched.status, code, description })
        });
        // A browser would answer a challenge of Kerberos or the like.
        let challenged = fetched.headers.contains_key("www-authenticate");
        let result = redirected(fetched.status, error, challenged, &redirect_uri);
        RedirectTrial { result, date: date_of(&fetched.headers) }
    }

    /// Presents a code that does not exist: a provider that accepts the client's credentials
    /// complains of the code, another one of the client.
    async fn try_client(&self, provider: &Provider) -> Result<String, String> {
        let entropy = self.inner.services.entropy.as_ref();
        let (nonce, verifier) = (random_text(entropy, 24), random_text(entropy, 32));
        let redirect_uri = self.callback_of(&provider.id);
        let begun =
            PendingSignIn { redirect_uri: &redirect_uri, nonce: &nonce, verifier: &verifier };
        match provider.protocol.redeem("doorward-provider-test", &begun).await.map(drop) {
            Err(FederationError::Refused(why)) => Ok(format!(
                "the provider accepts this server as its client: it refused the invented code \
                 ({why})"
            )),
            Err(FederationError::Misconfigured(why)) => {
                Err(format!("{why}; check client_id, client_secret and token_auth_method"))
            }
            // Tokens that cannot be accepted for this sign-in were issued all the same.
            Ok(()) | Err(FederationError::Untrusted(_)) => {
                Err("the provider issued tokens for a code that does not exist; do not use it"
                    .to_owned())
            }
            Err(error) => Err(advice(&error)),
        }
    }
}

/// The meaning of an authorization endpoint's answer to a program.
fn redirected(
    status: u16,
    error: Option<StatedError>,
    challenged: bool,
    redirect_uri: &str,
) -> Result<String, String> {
    let hint = format!("register this redirect URI there, character for character: {redirect_uri}");
    let unclear = |what: &str| {
        Ok(format!(
            "{what}; the first sign-in shows whether it accepts the redirect URI {redirect_uri}"
        ))
    };
    if let Some(told) = error {
        return match told.complaint() {
            ErrorSubject::Client | ErrorSubject::Request => Err(format!(
                "the provider responds with {told}; check client_id and scopes, and {hint}"
            )),
            ErrorSubject::Server | ErrorSubject::Slower => {
                Err(format!("the provider responds with {told}"))
            }
            // The provider accepts the client's credentials; the rest needs a user.
            ErrorSubject::Grant | ErrorSubject::Unknown => {
                Ok(format!("the provider responds with {}; redirect URI {redirect_uri}", told.code))
            }
        };
    }
    match status {
        200..=399 => {
            Ok(format!("the provider shows its sign-in page; redirect URI {redirect_uri}"))
        }
        401 if challenged => unclear("the provider requires that a browser signs in"),
        403 | 405 | 429 => {
            unclear(&format!("the provider responds to a program with HTTP {status}"))
        }
        status => Err(format!(
            "the provider responds with {status} instead of its sign-in page; check client_id, and \
             {hint}"
        )),
    }
}

fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correct_settings_are_not_reported_as_wrong_by_what_a_provider_says_of_a_missing_user() {
        let told = |code: &str| {
            Some(StatedError { status: 302, code: code.to_owned(), description: String::new() })
        };
        for code in ["login_required", "interaction_required", "access_denied", "consent_required"]
        {
            assert!(redirected(302, told(code), false, "u").is_ok(), "{code}");
        }
        for code in ["invalid_scope", "unauthorized_client", "invalid_request", "server_error"] {
            assert!(redirected(302, told(code), false, "u").is_err(), "{code}");
        }
        for (status, challenged) in
            [(200, false), (302, false), (401, true), (403, false), (429, false)]
        {
            assert!(redirected(status, None, challenged, "u").is_ok(), "{status}");
        }
        for status in [400, 401, 404, 500] {
            assert!(redirected(status, None, false, "u").is_err(), "{status}");
        }
    }

    #[test]
    fn a_difference_of_clocks_is_reported_and_a_large_one_is_an_error() {
        let now = Timestamp(1_800_000_000);
        for (apart, word, right) in [
            (2, "agrees", true),
            (-240, "240 seconds behind", true),
            (300, "300 seconds ahead", true),
            (301, "301 seconds ahead", false),
            (-4000, "4000 seconds behind", false),
        ] {
            let found = clock(now.plus(apart), now);
            assert_eq!(found.is_ok(), right, "{apart}");
            assert!(found.unwrap_or_else(|wrong| wrong).contains(word), "{apart}");
        }
    }
}
