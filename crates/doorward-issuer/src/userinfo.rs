//! Userinfo: the claims about the user of an access token (OpenID Connect Core §5.3).

use std::sync::Arc;

use doorward_keys::{Audience, ProofRefusal};
use doorward_model::{
    Client, ClientId, KeyThumbprint, OAuthErrorCode, Scope, ScopeSet, TokenKind, User,
};
use serde_json::Value;

use crate::{Failure, Issuer, revocation::OwnToken};

/// A request that gets no claims.
pub(crate) enum Refusal {
    /// There is no token.
    Missing,
    /// The request presents a token in more than one way, or cannot be read.
    Malformed(String),
    /// The token does not count here.
    Invalid,
    /// The token is bound to a key, of which there is no proof.
    Bound,
    /// The proof of the key does not count.
    Proof(ProofRefusal),
    /// The token is for something else than signing in.
    Scope,
    /// It cannot be found out now.
    Unavailable(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure)
    }
}

/// The claims in the form for which the relying party is set up.
pub(crate) enum UserinfoResponse {
    Json(Value),
    Signed(String),
}

impl Issuer {
    /// The claims for an access token, which the request presents as a bearer token or with the
    /// proof of a key.
    pub(crate) async fn userinfo(
        &self,
        token: &str,
        key: Option<&KeyThumbprint>,
    ) -> Result<UserinfoResponse, Refusal> {
        let now = self.services.clock.now();
        if token.starts_with(TokenKind::RefreshToken.prefix()) {
            return Err(Refusal::Invalid);
        }
        let own = self.grant_of(token).await?.filter(|own| own.grant.is_live(now));
        let OwnToken { grant, verified } = own.ok_or(Refusal::Invalid)?;
        let verified = verified.ok_or(Refusal::Invalid)?;
        let claims = &verified.claims;
        let here = Audience::One(self.userinfo_resource().as_str().to_owned());
        if claims.aud != here || claims.client_id != grant.client_id.as_str() {
            return Err(Refusal::Invalid);
        }
        match (claims.cnf.as_ref().map(|bound| &bound.jkt), key) {
            (bound, proved) if bound == proved => {}
            (Some(_), None) => return Err(Refusal::Bound),
            _ => return Err(Refusal::Invalid),
        }
        let client = self.relying_party(&grant.client_id).await?;
        let user = match self.active_user(&grant.subject.account).await {
            Ok(user) => user,
            Err(failure) if failure.code == OAuthErrorCode::InvalidGrant => {
                return Err(Refusal::Invalid);
            }
            Err(failure) => return Err(failure.into()),
        };
        if claims.sub != self.subject_at(&client, &user.id) {
            return Err(Refusal::Invalid);
        }
        let held = ScopeSet::from_stored(&claims.scope).intersection(&grant.scopes);
        let scopes = self.reach(&held, &grant.resources, &user, &grant.subject.authentication);
        if !scopes.contains(Scope::OpenId) {
            return Err(Refusal::Scope);
        }
        self.told(&client, &user, &scopes)
    }

    /// The client of a token, if it is still a relying party that may be used.
    async fn relying_party(&self, id: &ClientId) -> Result<Arc<Client>, Refusal> {
        let found = self.services.store.client(id).await.map_err(Failure::from)?;
        let usable = |client: &Arc<Client>| client.disabled_at.is_none() && client.openid.is_some();
        found.filter(usable).ok_or(Refusal::Invalid)
    }

    fn told(
        &self,
        client: &Client,
        user: &User,
        scopes: &ScopeSet,
    ) -> Result<UserinfoResponse, Refusal> {
        let mut claims = self.claims_of(client, user, scopes);
        if !client.openid.as_ref().is_some_and(|openid| openid.signed_userinfo) {
            return Ok(UserinfoResponse::Json(Value::Object(claims)));
        }
        claims.insert("iss".to_owned(), self.settings.public_url.as_str().into());
        claims.insert("aud".to_owned(), client.id.as_str().into());
        let signed = self.services.keys.sign_userinfo(&claims, self.services.clock.now());
        signed.map(UserinfoResponse::Signed).map_err(|error| {
            tracing::error!(%error, "userinfo could not be signed");
            let why = "no claims can be signed at the moment";
            Refusal::Unavailable(Failure::new(OAuthErrorCode::ServerError, why))
        })
    }
}
