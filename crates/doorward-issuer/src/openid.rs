//! Statements to relying parties about the users who sign in to them: subjects, claims and ID tokens
//! (OpenID Connect Core §2, §5, §8).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{
    Client, Grant, OAuthErrorCode, RelyingParty, Resource, Role, Scope, ScopeSet, Timestamp, User,
    UserId,
};
use serde_json::{Map, Value, json};

use crate::{Failure, Issuer};

/// The claims that userinfo and ID tokens may have, for metadata.
pub(crate) const CLAIMS: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "at_hash",
    "sid",
    "name",
    "preferred_username",
    "email",
    "email_verified",
    "groups",
];

/// An ID token to be made.
pub(crate) struct IdTokenFor<'a> {
    pub(crate) client: &'a Client,
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: &'a ScopeSet,
    /// The value of the authorization request; `None` at a refresh (§12.2).
    pub(crate) nonce: Option<String>,
    pub(crate) access_token: &'a str,
    pub(crate) lifetime: i64,
    pub(crate) now: Timestamp,
}

impl Issuer {
    /// The audience of tokens for userinfo.
    pub(crate) fn userinfo_resource(&self) -> Resource {
        Resource::userinfo(&self.settings.public_url)
    }

    /// The identifier under which a relying party knows a user (§8): the user's own, or one of the
    /// relying party's host.
    pub(crate) fn subject_at(&self, client: &Client, user_id: &UserId) -> String {
        self.subject_of_party(client.openid.as_ref(), user_id)
    }

    /// The same by the settings of the relying party.
    pub(crate) fn subject_of_party(
        &self,
        openid: Option<&RelyingParty>,
        user_id: &UserId,
    ) -> String {
        match openid.and_then(|openid| openid.sector.as_ref()) {
            None => user_id.as_str().to_owned(),
            Some(sector) => {
                let parts = [sector.as_bytes(), user_id.as_str().as_bytes()];
                URL_SAFE_NO_PAD.encode(self.services.master.mac("pairwise-subject", &parts))
            }
        }
    }

    /// The claims about a user that these scopes allow.
    pub(crate) fn claims_of(
        &self,
        client: &Client,
        user: &User,
        scopes: &ScopeSet,
    ) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        say("sub", self.subject_at(client, &user.id).into());
        if scopes.contains(Scope::Profile) {
            let shown = user.display_name.as_deref().unwrap_or(user.name.as_str());
            say("name", shown.into());
            say("preferred_username", user.name.as_str().into());
        }
        if let Some(email) = user.email.as_deref().filter(|_| scopes.contains(Scope::Email)) {
            say("email", email.into());
            // An administrator gave it, or an identity provider vouches for it.
            say("email_verified", true.into());
        }
        if scopes.contains(Scope::Groups) {
            say("groups", user.all_roles().map(Role::as_str).collect());
        }
        claims
    }

    /// Signs an ID token, if the grant signs its user in to a relying party.
    pub(crate) async fn id_token(&self, of: IdTokenFor<'_>) -> Result<Option<String>, Failure> {
        if of.client.openid.is_none() || !of.scopes.contains(Scope::OpenId) {
            return Ok(None);
        }
        let subject = &of.grant.subject;
        let user = self.active_user(&subject.account).await?;
        let mut claims = self.claims_of(of.client, &user, of.scopes);
        let protocol = json!({
            "iss": self.settings.public_url.as_str(), "aud": of.client.id.as_str(),
            "iat": of.now.0, "exp": of.now.plus(of.lifetime).0, "auth_time": subject.auth_time.0,
            "acr": subject.authentication.level.as_str(), "amr": subject.authentication.amr,
        });
        if let Value::Object(protocol) = protocol {
            claims.extend(protocol);
        }
        let optional = [("nonce", of.nonce), ("sid", subject.sid.clone())];
        let given = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        claims.extend(given.map(|(name, value)| (name.to_owned(), value.into())));
        let signed = self.services.keys.sign_id_token(claims, of.access_token, of.now);
        signed.map(Some).map_err(|error| {
            tracing::error!(%error, "an ID token could not be signed");
            Failure::new(OAuthErrorCode::ServerError, "no token can be issued at the moment")
        })
    }
}
