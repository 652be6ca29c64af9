//! The protocol between Doorward and a provider: OpenID Connect or plain OAuth 2.0.

pub(crate) mod openid;
pub(crate) mod plain;

use doorward_model::{IdentityId, SignedToken};
use doorward_transport::oauth::Tokens;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    claims,
    client::{NoTokens, WantedAssertion},
    error::FederationError,
};

/// Wishes of a sign-in beyond the user's identity (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInOptions {
    /// The user who is expected to sign in.
    pub login_hint: Option<String>,
    /// Authentication contexts.
    pub acr_values: Option<String>,
    /// The greatest age of their sign-in at the provider, in seconds.
    pub max_age: Option<i64>,
    /// `login`, `select_account` or `consent`.
    pub prompts: Vec<String>,
}

/// A sign-in about to begin.
pub(crate) struct Start<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) ask: &'a SignInOptions,
}

/// A sign-in at its callback.
pub(crate) struct PendingSignIn<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
}

/// A token for checks at a provider in the user's absence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Credential {
    /// A refresh token.
    Refresh(String),
    /// An access token that does not expire.
    Access(String),
}

/// A credential as it is used in the background.
pub(crate) enum UsableCredential {
    /// The answer to a refresh token.
    Tokens(Tokens),
    /// The access token itself.
    Access(String),
}

/// The moment of a user's authentication at the provider, by the provider's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authenticated {
    /// `auth_time`, if stated.
    pub(crate) at: Option<i64>,
    /// `iat` of the token that states it.
    pub(crate) issued_at: i64,
}

/// The least `auth_time` that is one in milliseconds; as seconds it is in the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// By how many seconds an authentication may be after the token that states it: a provider's
/// servers have clocks of their own.
const LATER: i64 = 300;

impl Authenticated {
    /// Reads it from the claims of a token that was issued at this time. Some write 0 for "unknown",
    /// and some write milliseconds. An authentication after the token was issued is not stated: it
    /// would pass for a new one for ever.
    pub(crate) fn read(claims: &Value, issued_at: i64) -> Self {
        let at = claims::seconds(claims, "auth_time")
            .map(|at| if at >= MILLISECONDS { at / 1000 } else { at })
            .filter(|at| *at > 0 && *at <= issued_at + LATER);
        Self { at, issued_at }
    }
}

/// A provider's answer about a user.
pub(crate) struct ProviderAnswer {
    /// The issuer that answered.
    pub(crate) issuer: String,
    /// All claims: of the ID token, with those of userinfo over them.
    pub(crate) claims: Value,
    /// The credential for later checks.
    pub(crate) credential: Option<Credential>,
    /// The ID token, where the provider requires it at sign-out.
    pub(crate) id_token: Option<String>,
    /// `None` where the protocol does not state it.
    pub(crate) authenticated: Option<Authenticated>,
}

/// A provider's sign-out page: its URL and its parameters.
pub(crate) struct SignOutPage {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// Subject of one examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSubject {
    /// The discovery document.
    Discovery,
    /// The key set.
    Keys,
    /// The authorization endpoint, with the redirect URI.
    Redirect,
    /// The token endpoint, with the client's proof.
    Client,
    /// The provider's clock.
    Clock,
    /// The claims that rules read.
    Claims,
    /// Members that could not be read.
    LeftOut,
}

impl CheckSubject {
    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "keys",
            Self::Redirect => "redirect",
            Self::Client => "client",
            Self::Clock => "clock",
            Self::Claims => "claims",
            Self::LeftOut => "left out",
        }
    }
}

/// Result of one examination.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its subject.
    pub subject: CheckSubject,
    /// The state, or the problem and its solution.
    pub result: Result<String, String>,
}

/// Scopes and claims that a provider lists in its metadata; `None` where it lists none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offered {
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) claims: Option<Vec<String>>,
}

/// The first part of an examination: the checks that are particular to the protocol.
pub(crate) struct Examined {
    pub(crate) findings: Vec<Finding>,
    pub(crate) offered: Offered,
    /// The error that prevents further examination.
    pub(crate) failed: Option<FederationError>,
}

/// A protocol, set up for one provider.
pub(crate) trait Protocol: Send + Sync {
    /// The issuers of this provider's accounts.
    fn issuers(&self) -> Vec<String>;

    /// The key of an account.
    fn key_of(&self, issuer: &str, subject: &str) -> IdentityId;

    /// The scopes to request of a provider that offers these.
    fn scopes(&self, offered: &Offered) -> Vec<String>;

    /// Fails if the provider cannot be used now.
    fn ready(&self) -> BoxFuture<'_, Result<(), FederationError>>;

    /// The URL to send the browser to.
    fn authorize<'a>(&'a self, start: &'a Start<'a>)
    -> BoxFuture<'a, Result<Url, FederationError>>;

    /// Checks the issuer of a response (RFC 9207 §2.4).
    fn check_issuer<'a>(
        &'a self,
        told: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), FederationError>>;

    /// Redeems a code and identifies its user.
    fn redeem<'a>(
        &'a self,
        code: &'a str,
        begun: &'a PendingSignIn<'a>,
    ) -> BoxFuture<'a, Result<ProviderAnswer, FederationError>>;

    /// Redeems a refresh token. From then on only the new one may be valid, so no other request is
    /// made before that is stored.
    fn refresh<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Tokens, NoTokens>>;

    /// Identifies the holder of tokens in the background. `subject` is the expected `sub`, where it
    /// is known.
    fn confirm<'a>(
        &'a self,
        held: UsableCredential,
        subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ProviderAnswer, FederationError>>;

    /// The provider's sign-out page, which returns to `back`.
    fn logout<'a>(
        &'a self,
        back: &'a str,
        hint: Option<String>,
    ) -> BoxFuture<'a, Option<SignOutPage>>;

    /// The `typ` and claims of a token with a good signature, such as a logout token; `None` if the
    /// protocol has no signed tokens.
    fn signed_token<'a>(
        &'a self,
        token: &'a str,
    ) -> BoxFuture<'a, Option<Result<SignedToken, FederationError>>>;

    /// Has the user of an ID token asserted to another authorization server (ID-JAG).
    fn assert<'a>(
        &'a self,
        id_token: &'a str,
        wanted: &'a WantedAssertion,
    ) -> BoxFuture<'a, Result<String, FederationError>>;

    /// Examines everything that needs no user.
    fn examine(&self) -> BoxFuture<'_, Examined>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_time_of_an_authentication_is_read_in_every_form_and_never_after_its_token() {
        const NOW: i64 = 1_800_000_000;
        for (told, at) in [
            (json!(NOW - 60), Some(NOW - 60)),
            (json!("1799999940"), Some(NOW - 60)),
            (json!(" 1799999940.9 "), Some(NOW - 60)),
            (json!(1_799_999_940.25), Some(NOW - 60)),
            (json!((NOW - 60) * 1000), Some(NOW - 60)),
            (json!("1799999940999"), Some(NOW - 60)),
            (json!(NOW + 300), Some(NOW + 300)),
            (json!(NOW + 301), None),
            (json!((NOW + 400) * 1000), None),
            (json!(i64::MAX), None),
            (json!(1e300), None),
            (json!(0), None),
            (json!(-5), None),
            (json!(""), None),
            (json!("yesterday"), None),
            (json!("NaN"), None),
            (json!(null), None),
            (json!(true), None),
            (json!([NOW]), None),
        ] {
            let read = Authenticated::read(&json!({"auth_time": told}), NOW);
            assert_eq!((read.at, read.issued_at), (at, NOW), "{told}");
        }
        assert_eq!(Authenticated::read(&json!({}), NOW).at, None);
    }
}
