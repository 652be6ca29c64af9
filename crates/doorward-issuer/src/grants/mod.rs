//! The grant types, one file each. Metadata, the token endpoint and the reference read this table.

mod authorization_code;
mod refresh_token;

use doorward_transport::Params;

use crate::{Failure, Issuer, client_auth::AuthenticatedClient, oxide::Outcome};
use doorward_model::OAuthErrorCode;

/// One grant type.
pub struct GrantType {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it is for, for the reference.
    pub summary: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    AuthorizationCode,
    RefreshToken,
}

/// All grant types.
pub const GRANT_TYPES: &[GrantType] = &[
    GrantType {
        name: "authorization_code",
        summary: "A code and its PKCE verifier for the first tokens (OAuth 2.1 §4.1.3).",
        kind: Kind::AuthorizationCode,
    },
    GrantType {
        name: "refresh_token",
        summary: "A refresh token for new tokens; it is rotated at each use (OAuth 2.1 §4.3).",
        kind: Kind::RefreshToken,
    },
];

/// Runs the grant type that the request names. The outcome's unit must be applied also when there
/// is a failure.
pub(crate) async fn run(
    issuer: &Issuer,
    client: &AuthenticatedClient,
    params: &Params,
) -> (Outcome, Result<(), Failure>) {
    let Some(name) = params.get("grant_type") else {
        return (
            Outcome::default(),
            Err(Failure::new(OAuthErrorCode::InvalidRequest, "grant_type is missing")),
        );
    };
    match GRANT_TYPES.iter().find(|grant| grant.name == name).map(|grant| grant.kind) {
        Some(Kind::AuthorizationCode) => authorization_code::run(issuer, client, params).await,
        Some(Kind::RefreshToken) => refresh_token::run(issuer, client, params).await,
        None => (
            Outcome::default(),
            Err(Failure::new(
                OAuthErrorCode::UnsupportedGrantType,
                "supported are authorization_code and refresh_token",
            )),
        ),
    }
}
