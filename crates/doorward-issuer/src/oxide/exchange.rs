//! The rules of the exchange of a code.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use doorward_model::{AuthorizationCode, ClientId, OAuthErrorCode, Reason, Timestamp};
use doorward_transport::Params;
use oxide_auth::{
    code_grant::{
        accesstoken::{AccessToken, Authorization, Error, Input, Output, Request},
        error::AccessTokenErrorType,
        extensions::Pkce,
    },
    primitives::grant::{Extensions, Grant, Value},
};

use super::spelt_out;
use crate::{Failure, checks::pkce};

/// A rule that the exchange of a code breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeFault {
    #[error("a parameter is missing or malformed")]
    Unreadable,
    #[error("the grant belongs to another client or redirect_uri")]
    Client,
    #[error("the grant belongs to another client or redirect_uri")]
    RedirectUri,
    #[error("code_verifier does not match the code_challenge")]
    Verifier,
}

impl From<ExchangeFault> for Failure {
    fn from(fault: ExchangeFault) -> Self {
        let (code, reason) = match fault {
            ExchangeFault::Unreadable => (OAuthErrorCode::InvalidRequest, Reason::Request),
            ExchangeFault::Client => (OAuthErrorCode::InvalidGrant, Reason::CodeClient),
            ExchangeFault::RedirectUri => (OAuthErrorCode::InvalidGrant, Reason::TokenRedirectUri),
            ExchangeFault::Verifier => (OAuthErrorCode::InvalidGrant, Reason::Verifier),
        };
        Self::new(code, fault.to_string()).because(reason)
    }
}

/// A token request of an authenticated client, with the code that it presents.
struct LibraryRequest<'a> {
    params: &'a Params,
    client: &'a ClientId,
    code: &'a AuthorizationCode,
}

impl Request for LibraryRequest<'_> {
    /// Text that cannot be decoded never becomes [`Params`].
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        self.params.get("code").map(Cow::Borrowed)
    }
    fn authorization(&self) -> Authorization<'_> {
        Authorization::Username(Cow::Borrowed(self.client.as_str()))
    }
    /// The parameter says the same as the client's authentication, and the library takes a second
    /// statement for a second client.
    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }
    /// OAuth 2.1 §4.1.3 has no such parameter: a request without it means the redirect URI of its
    /// code. One that names another is refused (RFC 6749 §4.1.3).
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        let sent = self.params.get("redirect_uri");
        Some(Cow::Borrowed(sent.unwrap_or(&self.code.redirect_uri)))
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.params.get("grant_type").map(Cow::Borrowed)
    }
    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        self.params.get(key).map(Cow::Borrowed)
    }
}

/// Judges the exchange of a code by an authenticated client: the code is this client's, for this
/// redirect URI, and the verifier fits its challenge. `ends` is the end of the code's grant; the
/// much shorter life of the code itself is judged elsewhere, by this server's clock.
pub(crate) fn check_exchange(
    params: &Params,
    client: &ClientId,
    code: &AuthorizationCode,
    ends: Timestamp,
) -> Result<(), ExchangeFault> {
    let mut rules = AccessToken::new(&LibraryRequest { params, client, code });
    match rules.advance(Input::None) {
        Output::Authenticate { .. } => {}
        other => return Err(fault(other, client, code)),
    }
    // The client is authenticated before any grant is looked at.
    match rules.advance(Input::Authenticated) {
        Output::Recover { .. } => {}
        other => return Err(fault(other, client, code)),
    }
    let mut extensions = Extensions::new();
    extensions.set(&Pkce::required(), Value::private(Some(code.challenge.clone())));
    let grant = Grant {
        owner_id: code.subject.account.as_str().to_owned(),
        client_id: code.client_id.as_str().to_owned(),
        scope: spelt_out(&code.scopes).ok_or(ExchangeFault::Unreadable)?,
        redirect_uri: code.redirect_uri.parse().map_err(|_| ExchangeFault::RedirectUri)?,
        until: DateTime::from_timestamp(ends.0, 0).unwrap_or(DateTime::<Utc>::MAX_UTC),
        extensions,
    };
    match rules.advance(Input::Recovered(Some(Box::new(grant)))) {
        Output::Extend { extensions } => verify(extensions, params.get("code_verifier")),
        other => Err(fault(other, client, code)),
    }
}

fn verify(saved: &mut Extensions, verifier: Option<&str>) -> Result<(), ExchangeFault> {
    let rule = Pkce::required();
    let verifier =
        verifier.filter(|verifier| pkce::is_verifier(verifier)).ok_or(ExchangeFault::Verifier)?;
    rule.verify(saved.remove(&rule), Some(Cow::Borrowed(verifier)))
        .map_err(|()| ExchangeFault::Verifier)
}

fn fault(output: Output<'_>, client: &ClientId, code: &AuthorizationCode) -> ExchangeFault {
    let kind = match output {
        Output::Err(mut error) => match *error {
            Error::Invalid(ref mut told) | Error::Unauthorized(ref mut told, _) => {
                told.description().kind()
            }
            Error::Primitive(_) => return ExchangeFault::Unreadable,
        },
        Output::Authenticate { .. }
        | Output::Recover { .. }
        | Output::Extend { .. }
        | Output::Issue { .. }
        | Output::Ok(_) => return ExchangeFault::Unreadable,
    };
    match kind {
        // The library compares both at once.
        AccessTokenErrorType::InvalidGrant if code.client_id != *client => ExchangeFault::Client,
        AccessTokenErrorType::InvalidGrant => ExchangeFault::RedirectUri,
        AccessTokenErrorType::InvalidRequest
        | AccessTokenErrorType::InvalidClient
        | AccessTokenErrorType::UnauthorizedClient
        | AccessTokenErrorType::UnsupportedGrantType
        | AccessTokenErrorType::InvalidScope => ExchangeFault::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::{
        Authentication, Clock, GrantId, PlainToken, Resource, ScopeSet, Subject, UserId,
        ports::SystemClock,
    };
    use proptest::prelude::*;

    use super::*;

    fn code(verifier: &str) -> AuthorizationCode {
        let challenge = PlainToken::presented(verifier).hashed();
        let now = SystemClock.now();
        AuthorizationCode {
            token: PlainToken::presented("code").hashed(),
            grant_id: GrantId::from_text("g"),
            client_id: ClientId::from_text("c"),
            subject: Subject {
                account: UserId::from_text("u"),
                auth_time: now,
                authentication: Authentication::default(),
                identity: None,
                sid: None,
            },
            redirect_uri: "http://127.0.0.1:7/cb".to_owned(),
            scopes: ScopeSet::default_request(),
            resources: vec![Resource::from_stored("https://a.example/mcp".to_owned())],
            // S256 is the SHA-256 in base64url, as the stored form of a token is.
            challenge: format!("{}S", challenge.as_str()),
            nonce: None,
            // The code's own life is not the library's to judge.
            expires_at: now.plus(-3600),
            consumed_at: None,
            key: None,
        }
    }

    fn check(query: &str, client: &str, verifier: &str) -> Result<(), ExchangeFault> {
        let params = Params::parse(query.as_bytes()).unwrap();
        let ends = SystemClock.now().plus(3600);
        check_exchange(&params, &ClientId::from_text(client), &code(verifier), ends)
    }

    #[test]
    fn every_rule_has_its_own_fault() {
        let verifier = "v".repeat(43);
        let right = format!(
            "grant_type=authorization_code&code=code&redirect_uri=http://127.0.0.1:7/cb&code_verifier={verifier}"
        );
        assert_eq!(check(&right, "c", &verifier), Ok(()));
        assert_eq!(check(&right, "d", &verifier), Err(ExchangeFault::Client));
        for (from, to, expected) in [
            ("&redirect_uri=http://127.0.0.1:7/cb", "", Ok(())),
            ("127.0.0.1:7", "127.0.0.1:8", Err(ExchangeFault::RedirectUri)),
            ("http://127.0.0.1:7/cb", "nowhere", Err(ExchangeFault::Unreadable)),
            ("code=code&", "", Err(ExchangeFault::Unreadable)),
            ("grant_type=authorization_code", "grant_type=x", Err(ExchangeFault::Unreadable)),
            ("vvv", "vvw", Err(ExchangeFault::Verifier)),
            ("code_verifier", "verifier", Err(ExchangeFault::Verifier)),
            (verifier.as_str(), "short", Err(ExchangeFault::Verifier)),
        ] {
            assert_eq!(check(&right.replacen(from, to, 1), "c", &verifier), expected, "{from}");
        }
    }

    proptest! {
        #[test]
        fn only_the_verifier_of_the_challenge_redeems_the_code(
            verifier in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}"
        ) {
            let query = |sent: &str| {
                format!("grant_type=authorization_code&code=code&code_verifier={sent}")
            };
            prop_assert_eq!(check(&query(&verifier), "c", &verifier), Ok(()));
            prop_assume!(other != verifier);
            prop_assert_eq!(
                check(&query(&other), "c", &verifier),
                Err(ExchangeFault::Verifier)
            );
        }
    }
}
