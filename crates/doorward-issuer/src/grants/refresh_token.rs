//! `refresh_token` (OAuth 2.1 §4.3).

use doorward_model::{OAuthErrorCode, ScopeSet};
use doorward_transport::Params;

use crate::{
    Failure, Issuer,
    client_auth::AuthenticatedClient,
    oxide::{GrantSession, Outcome, TokenRequest},
};

pub(super) async fn run(
    issuer: &Issuer,
    client: &AuthenticatedClient,
    params: &Params,
) -> (Outcome, Result<(), Failure>) {
    if params.get("refresh_token").is_none() {
        return (
            Outcome::default(),
            Err(Failure::new(OAuthErrorCode::InvalidRequest, "refresh_token is missing")),
        );
    }
    // Clients repeat here what they once asked for, also what exists nowhere or was implied (N7).
    let scope = match params.get("scope").map(ScopeSet::parse_known) {
        Some(scopes) if scopes.is_empty() => {
            return (
                Outcome::default(),
                Err(Failure::new(
                    OAuthErrorCode::InvalidScope,
                    "none of the requested scopes exists here",
                )),
            );
        }
        scopes => scopes.map(|scopes| scopes.to_string()),
    };
    let session = GrantSession::new(issuer, client.client.clone(), params.resources());
    let request = TokenRequest { client_id: &client.client.id, params, scope };
    session.refresh_tokens(&request).await
}
