//! Tokens and users at an external resource server: for introspection and forward authentication.

use std::sync::Arc;

use doorward_keys::AccessClaims;
use doorward_model::{
    AmbiguousPath, Authentication, ClientId, ExternalResource, HashedToken, OAuthErrorCode,
    ResourceId, ScopeSet, Sealed, Timestamp, TokenKind, User, id::random_text,
};
use serde_json::json;
use url::Url;

use crate::{Failure, Issuer, revocation::OwnToken};

/// For how many seconds an identity token counts.
const IDENTITY_SECONDS: i64 = 60;

/// An access token for an external resource server that counts at this moment.
pub(crate) struct ResourceToken {
    /// Its claims, with the scopes that are left.
    pub(crate) claims: AccessClaims,
    scopes: ScopeSet,
    user: Arc<User>,
    authentication: Authentication,
}

/// The external resource server that a URL belongs to.
#[derive(Clone, Debug)]
pub enum Belonging {
    /// This one.
    To(Box<ExternalResource>),
    /// None that an administrator added.
    Nowhere,
    /// Different ones, depending on the program that reads the URL.
    Ambiguous(AmbiguousPath),
}

/// A user at an external resource server, through a client or in a browser.
#[derive(Clone, Debug)]
pub struct ResourceUser {
    /// The user or service.
    pub user: Arc<User>,
    /// The client; `None` for a browser.
    pub client: Option<ClientId>,
    /// The scopes of the resource server that they have at this moment.
    pub scopes: ScopeSet,
    /// The time of their authentication.
    pub auth_time: Timestamp,
    /// The authentication.
    pub authentication: Authentication,
}

/// A value that travels through a browser between this server and another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The resource server that it is for.
    pub resource: ResourceId,
    /// The time at which it was made.
    pub at: Timestamp,
    /// The hash of the secret that the browser holds: a random value, or its session's cookie.
    pub secret: HashedToken,
    /// The identifier under which it is spent; empty for one that may be used again.
    pub once: String,
    /// The URL to which the browser returns; empty where it does not.
    pub to: String,
}

/// The steps of signing in at another host. A value of one is never accepted for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassageKind {
    /// From the other host to this server.
    Begin,
    /// Back, with the session of this server.
    Ticket,
    /// The cookie of the other host.
    Cookie,
}

impl PassageKind {
    const fn place(self) -> &'static str {
        match self {
            Self::Begin => "forward-begin",
            Self::Ticket => "forward-ticket",
            Self::Cookie => "forward-cookie",
        }
    }
}

impl Issuer {
    /// The external resource server that a URL belongs to; of several, the most specific.
    pub async fn resource_of(&self, url: &Url) -> Result<Belonging, Failure> {
        let all = self.services.store.external_resources().await?;
        Ok(match ExternalResource::of_url(&all, url) {
            Ok(Some(resource)) => Belonging::To(Box::new(resource.clone())),
            Ok(None) => Belonging::Nowhere,
            Err(ambiguous) => Belonging::Ambiguous(ambiguous),
        })
    }

    /// The external resource server of this identifier.
    pub async fn resource_named(
        &self,
        id: &ResourceId,
    ) -> Result<Option<ExternalResource>, Failure> {
        self.follow_resources().await?;
        Ok(self.settings.resources.external_of_id(id))
    }

    /// An access token for an external resource server, if it counts at this moment.
    pub(crate) async fn token_at(
        &self,
        resource: &ExternalResource,
        token: &str,
    ) -> Result<Option<ResourceToken>, Failure> {
        if token.starts_with(TokenKind::RefreshToken.prefix()) {
            return Ok(None);
        }
        self.follow_resources().await?;
        let own = self.live_grant_of(token).await?;
        let own = own.filter(|own| own.grant.resources == std::slice::from_ref(&resource.url));
        let Some(OwnToken { grant, verified: Some(verified) }) = own else { return Ok(None) };
        let mut claims = verified.claims.clone();
        if !claims.aud.contains(resource.url.as_str())
            || claims.sub != grant.subject.account.as_str()
            || claims.client_id != grant.client_id.as_str()
        {
            return Ok(None);
        }
        let user = match self.active_user(&grant.subject.account).await {
            Ok(user) => user,
            Err(failure) if failure.code == OAuthErrorCode::InvalidGrant => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let authentication = grant.subject.authentication;
        let held = ScopeSet::from_stored(&claims.scope).intersection(&grant.scopes);
        let scopes = self.reach(&held, &grant.resources, &user, &authentication);
        if scopes.is_empty() {
            return Ok(None);
        }
        claims.scope = scopes.to_string();
        Ok(Some(ResourceToken { claims, scopes, user, authentication }))
    }

    /// The user of an access token at an external resource server; `None` if it does not count.
    pub async fn guest_with_token(
        &self,
        resource: &ExternalResource,
        token: &str,
    ) -> Result<Option<ResourceUser>, Failure> {
        // The proof that goes with a bound token names a URL that only its resource server knows.
        let held = self.token_at(resource, token).await?.filter(|held| held.claims.cnf.is_none());
        Ok(held.map(|held| ResourceUser {
            user: held.user,
            client: Some(ClientId::from_text(held.claims.client_id)),
            scopes: held.scopes,
            auth_time: Timestamp(held.claims.auth_time),
            authentication: held.authentication,
        }))
    }

    /// A user in a browser at an external resource server; `None` if their roles do not admit them.
    pub async fn guest_in_browser(
        &self,
        resource: &ExternalResource,
        user: &Arc<User>,
        auth_time: Timestamp,
        authentication: &Authentication,
    ) -> Result<Option<ResourceUser>, Failure> {
        self.follow_resources().await?;
        let all: ScopeSet = resource.scopes.iter().copied().collect();
        let at = std::slice::from_ref(&resource.url);
        let scopes = self.reach(&all, at, user, authentication);
        Ok((resource.admits(user) && !scopes.is_empty()).then(|| ResourceUser {
            user: Arc::clone(user),
            client: None,
            scopes,
            auth_time,
            authentication: authentication.clone(),
        }))
    }

    /// Signs the statement to a resource server about the user of one request.
    pub async fn identity_token(
        &self,
        resource: &ExternalResource,
        guest: &ResourceUser,
    ) -> Result<String, Failure> {
        self.follow_keys().await?;
        let (services, now) = (&self.services, self.services.clock.now());
        let roles: Vec<_> = guest.user.all_roles().map(doorward_model::Role::as_str).collect();
        let claims = json!({
            "iss": self.settings.public_url.as_str(), "aud": resource.url.as_str(),
            "sub": guest.user.id.as_str(), "preferred_username": guest.user.name.as_str(),
            "email": guest.user.email, "roles": roles, "scope": guest.scopes.to_string(),
            "client_id": guest.client.as_ref().map(ClientId::as_str),
            "iat": now.0, "exp": now.plus(IDENTITY_SECONDS).0,
            "jti": random_text(services.entropy.as_ref(), 12), "auth_time": guest.auth_time.0,
            "acr": guest.authentication.level.as_str(), "amr": guest.authentication.amr,
        });
        services.keys.sign_identity(&claims, now).map_err(|error| {
            tracing::error!(%error, "an identity token could not be signed");
            Failure::new(OAuthErrorCode::ServerError, "no token can be issued now")
        })
    }

    /// Seals a value for its way through a browser.
    pub fn seal_passage(&self, kind: PassageKind, passage: &Passage) -> String {
        let Passage { resource, at, secret, once, to } = passage;
        let plain = format!("{resource}\n{at}\n{}\n{once}\n{to}", secret.as_str());
        self.services.master.seal(kind.place(), plain.as_bytes()).as_str().to_owned()
    }

    /// Opens such a value; `None` for one that this server did not make for this step.
    pub fn open_passage(&self, kind: PassageKind, sealed: &str) -> Option<Passage> {
        let sealed = Sealed::from_stored(sealed.to_owned());
        let plain = self.services.master.open(kind.place(), &sealed).ok()?;
        let text = std::str::from_utf8(&plain).ok()?;
        let mut lines = text.splitn(5, '\n');
        Some(Passage {
            resource: ResourceId::parse(lines.next()?)?,
            at: Timestamp(lines.next()?.parse().ok()?),
            secret: HashedToken::from_stored(lines.next()?.to_owned()),
            once: lines.next()?.to_owned(),
            to: lines.next()?.to_owned(),
        })
    }
}
