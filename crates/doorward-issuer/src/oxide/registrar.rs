//! What the machine asks about clients.

use doorward_model::Reason;
use std::borrow::Cow;

use async_trait::async_trait;
use doorward_model::OAuthErrorCode;
use oxide_auth::primitives::{
    registrar::{BoundClient, ClientUrl, ExactUrl, PreGrant, RegisteredUrl, RegistrarError},
    scope::Scope,
};
use oxide_auth_async::primitives::Registrar;

use super::session::{GrantSession, machine_scope};

#[async_trait]
impl Registrar for GrantSession<'_> {
    /// Finds the redirect URI. What fails here never redirects anywhere.
    async fn bound_redirect<'b>(
        &self,
        bound: ClientUrl<'b>,
    ) -> Result<BoundClient<'b>, RegistrarError> {
        let refuse = |why: &str| {
            self.fail_because(OAuthErrorCode::InvalidRequest, Reason::RedirectUri, why);
            RegistrarError::Unspecified
        };
        if bound.client_id != self.client.id.as_str() {
            return Err(refuse("the request names another client"));
        }
        let presented = match &bound.redirect_uri {
            Some(presented) => presented.as_str().to_owned(),
            None => match self.client.redirect_uris.as_slice() {
                [only] => only.as_str().to_owned(),
                _ => return Err(refuse("redirect_uri is missing, and the client has several")),
            },
        };
        if !self.client.redirect_uris.iter().any(|registered| registered.accepts(&presented)) {
            return Err(refuse("redirect_uri is not one that the client registered"));
        }
        let url: ExactUrl = presented.parse().map_err(|_| refuse("redirect_uri is not a URI"))?;
        self.bind_redirect(&presented);
        Ok(BoundClient {
            client_id: bound.client_id,
            redirect_uri: Cow::Owned(RegisteredUrl::Exact(url)),
        })
    }

    /// Finds what may be granted: what was asked for, or of that what the person allowed.
    async fn negotiate<'b>(
        &self,
        client: BoundClient<'b>,
        _: Option<Scope>,
    ) -> Result<PreGrant, RegistrarError> {
        let scopes = match &self.approval {
            Some(approval) => Ok(approval.scopes.clone()),
            None => self.requested_scopes(),
        };
        let scopes = scopes.map_err(|failure| {
            self.fail_with(failure);
            RegistrarError::Unspecified
        })?;
        Ok(PreGrant {
            client_id: client.client_id.into_owned(),
            redirect_uri: client.redirect_uri.into_owned(),
            scope: machine_scope(&scopes).map_err(|()| RegistrarError::PrimitiveError)?,
        })
    }

    /// Client authentication ran before the machine; only that it is the same client is asserted
    /// here.
    async fn check(&self, client_id: &str, _: Option<&[u8]>) -> Result<(), RegistrarError> {
        if client_id == self.client.id.as_str() { Ok(()) } else { Err(RegistrarError::Unspecified) }
    }
}
