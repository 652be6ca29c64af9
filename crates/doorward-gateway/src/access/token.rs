//! Access tokens as they are presented.

use std::sync::Arc;

use doorward_keys::ProvingKey;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::proof::ProvenRequest;
use crate::{Inner, oauth::Tokens};

/// An access token as it was issued, and the key that it is bound to, if it is.
#[derive(Clone)]
pub(crate) struct IssuedToken {
    pub(super) text: String,
    pub(super) key: Option<Arc<ProvingKey>>,
}

impl IssuedToken {
    /// The access token of a response, to a request with this key.
    pub(super) fn new(tokens: &Tokens, key: Option<Arc<ProvingKey>>) -> Self {
        Self { text: tokens.access_token.clone(), key }
    }

    /// A token of this server, which is bound to no key.
    pub(super) fn bearer(text: String) -> Self {
        Self { text, key: None }
    }
}

/// An access token that was given out for one receiver. Only [`super::LinkAuth::credential`] and
/// [`super::LinkAuth::renewed`] make one, for a receiver that belongs to the resource of the token.
#[derive(Clone)]
pub(crate) struct Credential(pub(super) IssuedToken);

impl Credential {
    /// The token, to be handed to the receiver for which it was given out.
    pub(crate) fn token(&self) -> &str {
        &self.0.text
    }

    /// Reports a token that each request must prove.
    pub(crate) fn is_bound(&self) -> bool {
        self.0.key.is_some()
    }

    /// Puts it into the headers of one request to the receiver for which it was given out: as a
    /// bearer token, or with a proof for this request.
    pub(crate) fn authorize(
        &self,
        gateway: &Inner,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let token = self.token();
        let scheme = match &self.0.key {
            None => "Bearer",
            Some(key) => {
                let request = ProvenRequest { method: method.as_str(), url, token: Some(token) };
                headers.insert("dpop", gateway.proof(key, request)?);
                "DPoP"
            }
        };
        let mut value = HeaderValue::try_from(format!("{scheme} {token}"))
            .map_err(|_| "the token cannot be sent in a header".to_owned())?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    /// Notes the nonce in a response to a proof. `true` if the server refuses the request for want
    /// of that nonce, and the request is to be repeated with it.
    pub(crate) fn wants_nonce(
        &self,
        gateway: &Inner,
        url: &Url,
        status: u16,
        headers: &HeaderMap,
    ) -> bool {
        let named = || {
            let said = doorward_transport::oauth::Challenge::text(headers);
            said.contains("use_dpop_nonce")
        };
        self.is_bound() && gateway.nonces.note(url, headers) && status == 401 && named()
    }
}
