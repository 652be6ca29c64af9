//! Sign-out at the request of a relying party (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use doorward_model::{Client, ClientId, OAuthErrorCode, SessionId, UserId};
use doorward_store::StoreError;
use doorward_transport::Params;
use serde_json::{Map, Value};

use crate::{Failure, Issuer, authorization::append};

/// A valid request of a relying party that its user signs out.
#[derive(Clone, Debug)]
pub struct LogoutRequest {
    /// The relying party, if the request names one.
    pub client: Option<Arc<Client>>,
    /// The URL to which the browser is redirected afterwards, with `state`.
    pub target: Option<String>,
    /// The claims of the ID token in the request.
    hint: Option<Map<String, Value>>,
}

fn invalid(why: &str) -> Failure {
    Failure::new(OAuthErrorCode::InvalidRequest, why)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

impl Issuer {
    /// Validates a request to sign out (§2, §3). A refused one leads to no other page than one of
    /// this server.
    pub async fn logout_request(&self, params: &Params) -> Result<LogoutRequest, Failure> {
        let hint = match params.get("id_token_hint") {
            None => None,
            Some(hint) => {
                self.follow_keys().await?;
                let (issuer, now) = (self.settings.public_url.as_str(), self.services.clock.now());
                // It may be over: it states who signed in, and gives access to nothing.
                let claims = self.services.keys.own_id_token(hint, issuer, now);
                let why = "id_token_hint is not an ID token of this server, or its signing key was \
                    retired";
                Some(claims.ok_or_else(|| invalid(why))?)
            }
        };
        let audience = hint.as_ref().and_then(|claims| text(claims, "aud"));
        let named = match (params.get("client_id"), audience) {
            (Some(named), Some(audience)) if named != audience => {
                return Err(invalid("id_token_hint was issued to another client than client_id"));
            }
            (named, audience) => named.or(audience),
        };
        let client = match named {
            None => None,
            Some(id) => {
                let found = self.services.store.client(&ClientId::from_text(id)).await?;
                let usable =
                    found.filter(|client| client.disabled_at.is_none() && client.openid.is_some());
                let unknown = || {
                    let why = "no user signs in to this client";
                    Failure::new(OAuthErrorCode::InvalidClient, why)
                };
                Some(usable.ok_or_else(unknown)?)
            }
        };
        let target = match params.get("post_logout_redirect_uri") {
            None => None,
            Some(uri) => Some(target(client.as_deref(), uri, params.get("state"))?),
        };
        Ok(LogoutRequest { client, target, hint })
    }

    /// True if a request was made by a relying party to which this user signed in in this session,
    /// so that the user need not be asked.
    pub async fn is_of_session(
        &self,
        request: &LogoutRequest,
        user_id: &UserId,
        session: &SessionId,
    ) -> Result<bool, StoreError> {
        let (Some(client), Some(hint)) = (&request.client, &request.hint) else {
            return Ok(false);
        };
        if text(hint, "sub") != Some(&self.subject_at(client, user_id)) {
            return Ok(false);
        }
        let used = self.services.store.relying_session(session, &client.id).await?;
        Ok(used.is_some_and(|used| text(hint, "sid") == Some(&used.sid)))
    }
}

/// The URL after signing out, if the relying party registered it, compared byte by byte.
fn target(client: Option<&Client>, uri: &str, state: Option<&str>) -> Result<String, Failure> {
    let Some(openid) = client.and_then(|client| client.openid.as_ref()) else {
        return Err(invalid("post_logout_redirect_uri needs id_token_hint or client_id"));
    };
    if !openid.post_logout_redirect_uris.iter().any(|registered| registered == uri) {
        return Err(invalid("the client did not register this post_logout_redirect_uri"));
    }
    let pairs: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
    Ok(if pairs.is_empty() { uri.to_owned() } else { append(uri, &pairs) })
}
