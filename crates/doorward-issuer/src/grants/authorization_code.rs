//! `authorization_code` (OAuth 2.1 §4.1.3).

use doorward_model::OAuthErrorCode;
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
    for name in ["code", "code_verifier"] {
        if params.get(name).is_none() {
            return (
                Outcome::default(),
                Err(Failure::new(OAuthErrorCode::InvalidRequest, format!("{name} is missing"))),
            );
        }
    }
    let session = GrantSession::new(issuer, client.client.clone(), params.resources())
        .omit_redirect(params.get("redirect_uri").is_none());
    let request = TokenRequest { client_id: &client.client.id, params, scope: None };
    session.redeem_code(&request).await
}
