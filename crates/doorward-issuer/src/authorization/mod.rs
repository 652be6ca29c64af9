//! Authorization requests: validated, carried through the pages as a sealed value, decided once.
//!
//! Nothing is stored before the user decides. A request of the authorization page costs the server
//! about one signature and stores no row, and a client that fetches it in advance uses nothing up
//! (N4).

mod begin;
mod decision;
mod sealed;

use std::sync::Arc;

use doorward_model::{
    Authentication, Client, ConnectStep, IdentityId, KeyThumbprint, Level, OAuthErrorCode,
    Resource, Scope, ScopeSet, SessionId, StepKind, Subject, Timestamp, User,
};
use doorward_transport::Params;

use crate::{Failure, Issuer, checks::interaction::Interaction};

/// A valid authorization request on its way to a decision. Only validation makes one.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Identifies it, so that it is decided at most once.
    pub id: String,
    /// The time of its arrival.
    pub created_at: Timestamp,
    /// Its parameters as they came.
    pub params: Params,
    /// The client.
    pub client: Arc<Client>,
    /// The redirect URI, as presented and found valid.
    pub redirect_uri: String,
    /// The requested scopes, without implied ones.
    pub scopes: ScopeSet,
    /// The resources that it is for.
    pub resources: Vec<Resource>,
    /// The PKCE challenge, in the form in which it is stored with the code.
    challenge: String,
    /// The client's requirements for interaction with the user.
    interaction: Interaction,
    /// The subject whom the relying party expects.
    hinted: Option<String>,
    /// The key that its code is bound to.
    key: Option<KeyThumbprint>,
}

/// The user who decides on a request, and their authentication.
#[derive(Clone, Copy, Debug)]
pub struct Approver<'a> {
    /// The user.
    pub user: &'a User,
    /// The time of their authentication.
    pub auth_time: Timestamp,
    /// The authentication itself.
    pub authentication: &'a Authentication,
    /// The account at an identity provider with which they signed in.
    pub identity: Option<&'a IdentityId>,
    /// The browser session.
    pub session: &'a SessionId,
}

impl Approver<'_> {
    /// The subject of the grant.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            account: self.user.id.clone(),
            auth_time: self.auth_time,
            authentication: self.authentication.clone(),
            identity: self.identity.cloned(),
            sid: None,
        }
    }
}

/// An authorization request that is refused.
#[derive(Debug, Clone)]
pub enum AuthorizeRefusal {
    /// To be shown to the user: there is no place that may be redirected to (RFC 6749 §4.1.2.1).
    Page(Failure),
    /// To be sent to the client.
    Client(ErrorAnswer),
}

/// An error on its way to a client (RFC 6749 §4.1.2.1). It can only be sent by asking
/// [`ErrorAnswer::needs_page`] first.
#[derive(Debug, Clone)]
pub struct ErrorAnswer {
    /// The URL that reports the error to the client, in its query.
    pub target: String,
    /// The error.
    pub failure: Failure,
    /// The client.
    pub client: Arc<Client>,
}

impl ErrorAnswer {
    /// Reports that the user must see the target of the redirect and follow it themselves.
    /// Otherwise an attacker could register a client and make this server's URL lead to any other
    /// (RFC 9700 §4.11.2). `known` says that the browser's user has signed in here, at least with
    /// the first factor.
    pub fn needs_page(&self, known: bool) -> bool {
        !known && !self.client.is_introduced()
    }
}

/// A sealed request that cannot be resumed.
#[derive(Debug, Clone)]
pub enum ReopenError {
    /// Not issued by this server, or damaged.
    Invalid,
    /// Too old.
    Expired,
    /// It is refused now, though it was valid on arrival.
    Refused(AuthorizeRefusal),
}

impl AuthorizationRequest {
    /// `prompt=none`: no interaction with the user is allowed.
    pub fn is_silent(&self) -> bool {
        self.interaction.silent
    }
    /// `prompt=login`: the user must sign in again, even with a session.
    pub fn wants_login(&self) -> bool {
        self.interaction.login
    }
    /// `prompt=select_account`: the user is to choose an account.
    pub fn wants_choice(&self) -> bool {
        self.interaction.choice
    }
    /// The greatest age of a sign-in, in seconds.
    pub fn max_age(&self) -> Option<i64> {
        self.interaction.max_age.map(i64::from)
    }
    /// The authentication contexts that the client prefers.
    pub fn acr_values(&self) -> Option<&str> {
        self.params.get("acr_values").filter(|values| values.len() <= 512)
    }
    /// The level of authentication that one of the requested contexts needs at least. The client
    /// lists those that it accepts; values of other servers count for identity providers alone.
    pub fn level(&self) -> Option<Level> {
        let named = self.acr_values()?.split(' ').take(16);
        let known = [Level::SingleFactor, Level::MultiFactor];
        named.filter_map(|name| known.into_iter().find(|level| level.as_str() == name)).min()
    }
    /// The languages that the client prefers for the pages, the first one most.
    pub fn ui_locales(&self) -> Option<&str> {
        self.params.get("ui_locales").filter(|locales| locales.len() <= 256)
    }
    /// The key that its code is bound to.
    pub(crate) fn key(&self) -> Option<&KeyThumbprint> {
        self.key.as_ref()
    }
    /// True if it signs a user in to a relying party.
    pub fn signs_in(&self) -> bool {
        self.scopes.contains(Scope::OpenId)
    }
    /// The user expected by the client.
    pub fn login_hint(&self) -> Option<&str> {
        self.params.get("login_hint").filter(|hint| hint.len() <= 256)
    }
    /// Reports that a user who signed in at `auth_time` must sign in again for this request.
    pub fn needs_login(&self, auth_time: Timestamp, now: Timestamp) -> bool {
        self.interaction.needs_login(self.created_at, auth_time, now)
    }
    /// A step of this request, for the timeline.
    fn step(&self, kind: StepKind) -> ConnectStep {
        ConnectStep::new(kind)
            .client(self.client.id.as_str(), Some(self.client.name.clone()))
            .flow(&self.id)
    }
}

/// Appends parameters to a redirect URI as text, so that every other byte of it stays (CA17).
pub(crate) fn append(redirect_uri: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let joint = match redirect_uri.find('?') {
        None => "?",
        Some(_) if redirect_uri.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{joint}{query}")
}

impl Issuer {
    /// The response that reports an error to the client (RFC 6749 §4.1.2.1, RFC 9207).
    fn tell(
        &self,
        client: &Arc<Client>,
        redirect_uri: &str,
        state: Option<&str>,
        failure: Failure,
    ) -> ErrorAnswer {
        let mut pairs =
            vec![("error", failure.code.as_str()), ("error_description", failure.why.as_str())];
        pairs.extend(state.map(|state| ("state", state)));
        pairs.push(("iss", self.settings.public_url.as_str()));
        ErrorAnswer { target: append(redirect_uri, &pairs), failure, client: Arc::clone(client) }
    }

    /// The response that reports an error to the client.
    pub fn answer_error(
        &self,
        request: &AuthorizationRequest,
        code: OAuthErrorCode,
        why: &str,
    ) -> ErrorAnswer {
        self.tell(
            &request.client,
            &request.redirect_uri,
            request.params.get("state"),
            Failure::new(code, why),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ca17_parameters_are_appended_without_touching_the_rest() {
        for (uri, expected) in [
            ("https://a.example/cb", "https://a.example/cb?code=x%26y"),
            ("https://a.example/cb?", "https://a.example/cb?code=x%26y"),
            ("https://a.example/cb?keep=%2F", "https://a.example/cb?keep=%2F&code=x%26y"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1?code=x%26y"),
            (
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "cursor://anysphere.cursor-mcp/oauth/callback?code=x%26y",
            ),
        ] {
            assert_eq!(append(uri, &[("code", "x&y")]), expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_values_are_the_client_reads_them_back_at_the_end_of_its_own_query(
            own in "([a-z]{1,4}=[a-z]{0,4}&?){0,2}", code in ".{0,20}", state in ".{0,20}"
        ) {
            let uri = if own.is_empty() {
                "https://a.example/cb".to_owned()
            } else {
                format!("https://a.example/cb?{own}")
            };
            let answer = append(&uri, &[("code", &code), ("state", &state)]);
            prop_assert!(answer.starts_with(&uri));
            let url = url::Url::parse(&answer).unwrap();
            let pairs: Vec<(String, String)> =
                url.query_pairs().map(|(name, value)| (name.into(), value.into())).collect();
            let expected = [("code".to_owned(), code), ("state".to_owned(), state)];
            prop_assert!(pairs.ends_with(&expected), "{}", answer);
        }
    }
}
