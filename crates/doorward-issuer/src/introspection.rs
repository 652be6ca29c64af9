//! Token introspection (RFC 7662).

use doorward_model::{ClientAuthMethod, ClientSource, OAuthErrorCode, PlainToken, TokenKind};
use doorward_transport::{ClientAddress, Params};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    Failure, Issuer,
    client_auth::{AuthenticatedClient, Endpoint, RequestFailure},
};

fn inactive() -> Value {
    json!({ "active": false })
}

impl Issuer {
    /// The present state of a token. Clients made by an administrator may ask about every token, as
    /// resource servers do; others only about their own. Public clients may not ask, since they are
    /// not authenticated.
    pub(crate) async fn introspect(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        let AuthenticatedClient { client: caller } =
            self.authenticate(Endpoint::Introspection, headers, params, address).await?;
        if caller.auth_method == ClientAuthMethod::None {
            let why = "introspection requires client authentication";
            return Err(Failure::new(OAuthErrorCode::InvalidClient, why).into());
        }
        let token = params
            .get("token")
            .ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, "token is missing"))?;
        let now = self.parts.clock.now();
        let Some(grant) = self.grant_of(token).await?.filter(|grant| grant.is_live(now)) else {
            return Ok(inactive());
        };
        if grant.client_id != caller.id && caller.source != ClientSource::Administrator {
            return Ok(inactive());
        }
        if token.starts_with(TokenKind::RefreshToken.prefix()) {
            let presented = PlainToken::presented(token).hashed();
            let refresh =
                self.parts.store.refresh_token(&presented).await.map_err(Failure::from)?;
            let Some(refresh) =
                refresh.filter(|refresh| refresh.used_at.is_none() && now < refresh.expires_at)
            else {
                return Ok(inactive());
            };
            return Ok(json!({
                "active": true, "token_type": "refresh_token", "iss": self.parts.public_url.as_str(), "sub": grant.subject.account.as_str(),
                "client_id": grant.client_id.as_str(), "scope": grant.scopes.to_string(), "exp": refresh.expires_at.0,
            }));
        }
        let Ok(verified) = self.parts.keys.verify(token, self.parts.public_url.as_str(), now)
        else {
            return Ok(inactive());
        };
        let mut answer = serde_json::to_value(&verified.claims).unwrap_or_else(|_| inactive());
        if let Value::Object(members) = &mut answer {
            members.insert("active".to_owned(), true.into());
            members.insert("token_type".to_owned(), "Bearer".into());
            members.remove("grant");
        }
        Ok(answer)
    }
}
