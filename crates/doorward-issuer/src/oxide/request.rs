//! Requests as the machines want to see them: already decoded, the client already authenticated.

use std::borrow::Cow;

use doorward_model::ClientId;
use doorward_transport::Params;
use oxide_auth::code_grant::{accesstoken, authorization, refresh};

/// OAuth 2.1 has no `redirect_uri` in the token request; the machine demands one. This stands for
/// its absence on both sides.
pub(super) const REDIRECT_OMITTED: &str = "doorward:redirect-uri-omitted";

/// The parameters of an authorization request.
pub(super) struct AuthorizeRequest<'a>(pub(super) &'a Params);

impl AuthorizeRequest<'_> {
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

impl authorization::Request for AuthorizeRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        self.parameter("client_id")
    }
    /// Scopes are read by [`super::GrantSession`], which forgives what is unknown; the machine
    /// would refuse odd syntax.
    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.parameter("redirect_uri")
    }
    fn state(&self) -> Option<Cow<'_, str>> {
        self.parameter("state")
    }
    fn response_type(&self) -> Option<Cow<'_, str>> {
        self.parameter("response_type")
    }
    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        self.parameter(key)
    }
}

/// The parameters of a token request whose client is authenticated.
pub(crate) struct TokenRequest<'a> {
    pub(crate) client_id: &'a ClientId,
    pub(crate) params: &'a Params,
    /// The scope to narrow to, in the machine's spelling.
    pub(crate) scope: Option<String>,
}

impl TokenRequest<'_> {
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.params.get(name).map(Cow::Borrowed)
    }
}

impl accesstoken::Request for TokenRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        self.parameter("code")
    }
    fn authorization(&self) -> accesstoken::Authorization<'_> {
        accesstoken::Authorization::Username(self.client_id.as_str().into())
    }
    /// Absent, because the machine takes a second statement of the client for a duplicate.
    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.parameter("redirect_uri").or(Some(REDIRECT_OMITTED.into()))
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.parameter("grant_type")
    }
    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        self.parameter(key)
    }
}

impl refresh::Request for TokenRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        self.parameter("refresh_token")
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.as_deref().map(Cow::Borrowed)
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.parameter("grant_type")
    }
    /// Always present: only then does the machine compare the token's client with this one.
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.as_str().into(), Cow::Borrowed(b"")))
    }
    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        self.parameter(key)
    }
}
