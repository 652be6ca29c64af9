//! The rules of the authorization request.

use std::borrow::Cow;

use doorward_model::{ClientId, OAuthErrorCode, Reason};
use doorward_transport::Params;
use oxide_auth::{
    code_grant::{
        authorization::{Authorization, Error, Input, Output, Request},
        error::AuthorizationErrorType,
        extensions::Pkce,
    },
    primitives::registrar::{BoundClient, ExactUrl, RegisteredUrl},
};

use crate::{Failure, checks::pkce};

/// A rule that an authorization request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthorizationFault {
    #[error("client_id or redirect_uri is missing or malformed")]
    Unreadable,
    #[error("response_type must be code")]
    ResponseType,
    #[error("code_challenge is not the base64url form of a SHA-256")]
    ChallengeForm,
    #[error("PKCE is required: code_challenge with code_challenge_method=S256")]
    ChallengeMissing,
    #[error("PKCE is required: code_challenge with code_challenge_method=S256")]
    ChallengeMethod,
}

impl From<AuthorizationFault> for Failure {
    fn from(fault: AuthorizationFault) -> Self {
        let (code, reason) = match fault {
            AuthorizationFault::Unreadable => (OAuthErrorCode::InvalidRequest, Reason::Request),
            AuthorizationFault::ResponseType => {
                (OAuthErrorCode::UnsupportedResponseType, Reason::ResponseType)
            }
            AuthorizationFault::ChallengeForm | AuthorizationFault::ChallengeMissing => {
                (OAuthErrorCode::InvalidRequest, Reason::PkceMissing)
            }
            AuthorizationFault::ChallengeMethod => {
                (OAuthErrorCode::InvalidRequest, Reason::PkceMethod)
            }
        };
        Self::new(code, fault.to_string()).because(reason)
    }
}

/// Decoded parameters as the library reads them.
struct LibraryRequest<'a>(&'a Params);

impl LibraryRequest<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

impl Request for LibraryRequest<'_> {
    /// Text that cannot be decoded never becomes [`Params`].
    fn valid(&self) -> bool {
        true
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        self.get("client_id")
    }
    /// The library is left before it negotiates a scope.
    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.get("redirect_uri")
    }
    fn state(&self) -> Option<Cow<'_, str>> {
        self.get("state")
    }
    fn response_type(&self) -> Option<Cow<'_, str>> {
        self.get("response_type")
    }
    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        self.get(key)
    }
}

/// Judges an authorization request with a verified client and redirect URI, and returns its PKCE
/// challenge in the library's stored form.
pub(crate) fn check_authorization(
    params: &Params,
    client: &ClientId,
    redirect_uri: &str,
) -> Result<String, AuthorizationFault> {
    let request = LibraryRequest(params);
    let mut rules = Authorization::new(&request);
    match rules.advance(Input::None) {
        Output::Bind { client_id, .. } if client_id == client.as_str() => {}
        other => return Err(fault(other)),
    }
    let redirect_uri: ExactUrl =
        redirect_uri.parse().map_err(|_| AuthorizationFault::Unreadable)?;
    let bound_client = BoundClient {
        client_id: Cow::Owned(client.as_str().to_owned()),
        redirect_uri: Cow::Owned(RegisteredUrl::Exact(redirect_uri)),
    };
    match rules.advance(Input::Bound { request: &request, bound_client }) {
        Output::Extend => challenge(params),
        other => Err(fault(other)),
    }
}

fn fault(output: Output<'_>) -> AuthorizationFault {
    let Output::Err(Error::Redirect(mut told)) = output else {
        return AuthorizationFault::Unreadable;
    };
    match told.description().kind() {
        AuthorizationErrorType::UnsupportedResponseType => AuthorizationFault::ResponseType,
        // The library returns these for a scope or a refusal, for which it is never called.
        AuthorizationErrorType::InvalidRequest
        | AuthorizationErrorType::UnauthorizedClient
        | AuthorizationErrorType::AccessDenied
        | AuthorizationErrorType::InvalidScope
        | AuthorizationErrorType::ServerError
        | AuthorizationErrorType::TemporarilyUnavailable => AuthorizationFault::Unreadable,
    }
}

fn challenge(params: &Params) -> Result<String, AuthorizationFault> {
    let challenge = params.get("code_challenge").ok_or(AuthorizationFault::ChallengeMissing)?;
    if !pkce::is_challenge(challenge) {
        return Err(AuthorizationFault::ChallengeForm);
    }
    let method = params.get("code_challenge_method").map(Cow::Borrowed);
    Pkce::required()
        .challenge(method, Some(Cow::Borrowed(challenge)))
        .ok()
        .flatten()
        .and_then(|value| value.into_private_value().ok().flatten())
        .ok_or(AuthorizationFault::ChallengeMethod)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn check(query: &str) -> Result<String, AuthorizationFault> {
        let params = Params::parse(query.as_bytes()).unwrap();
        check_authorization(&params, &ClientId::from_text("c"), "https://a.example/cb")
    }

    #[test]
    fn every_rule_has_its_own_fault() {
        let pkce = format!("code_challenge={CHALLENGE}&code_challenge_method=S256");
        let right =
            format!("client_id=c&redirect_uri=https://a.example/cb&response_type=code&{pkce}");
        assert_eq!(check(&right), Ok(format!("{CHALLENGE}S")));
        let implied = right.replace("&redirect_uri=https://a.example/cb", "");
        assert_eq!(check(&implied), Ok(format!("{CHALLENGE}S")));
        for (from, to, fault) in [
            ("client_id=c&", "", AuthorizationFault::Unreadable),
            ("client_id=c&", "client_id=d&", AuthorizationFault::Unreadable),
            ("https://a.example/cb", "nowhere", AuthorizationFault::Unreadable),
            ("response_type=code", "response_type=token", AuthorizationFault::ResponseType),
            ("response_type=code", "response_type=code+token", AuthorizationFault::ResponseType),
            ("response_type=code&", "", AuthorizationFault::ResponseType),
            (pkce.as_str(), "", AuthorizationFault::ChallengeMissing),
            (CHALLENGE, "", AuthorizationFault::ChallengeMissing),
            (CHALLENGE, "short", AuthorizationFault::ChallengeForm),
            ("_method=S256", "_method=plain", AuthorizationFault::ChallengeMethod),
            ("_method=S256", "_method=s256", AuthorizationFault::ChallengeMethod),
            ("&code_challenge_method=S256", "", AuthorizationFault::ChallengeMethod),
        ] {
            assert_eq!(check(&right.replace(from, to)), Err(fault), "{from} -> {to}");
        }
    }
}
