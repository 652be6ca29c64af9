//! Token responses and registrations.

use doorward_model::Timestamp;

use super::{Answer, Document, EPOCH, Failure, LeftOut, RequestSubject};
use crate::Fetched;

/// Lifetime of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It is not stated: without end, as far as is known.
    Unstated,
    /// For so many seconds.
    Seconds(i64),
    /// It is stated, and unreadable: it has an end.
    Unreadable,
}

/// The way in which an access token is presented (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// Alone: possession of it suffices (RFC 6750).
    Bearer,
    /// With a proof of the key that it is bound to (RFC 9449 §5).
    Dpop,
}

impl TokenType {
    /// Reports the name of this type. A server that names none means a bearer token.
    fn is_named(self, name: Option<&str>) -> bool {
        match (self, name) {
            // `N_A` is the value of token exchange for tokens that are no access tokens (RFC 8693
            // §2.2.1).
            (Self::Bearer, Some(name)) => {
                name.eq_ignore_ascii_case("bearer") || name.eq_ignore_ascii_case("n_a")
            }
            (Self::Bearer, None) => true,
            (Self::Dpop, name) => name.is_some_and(|name| name.eq_ignore_ascii_case("dpop")),
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Bearer => "a response without a bearer token",
            Self::Dpop => "a token that is not bound to the key of the request (token_type DPoP)",
        }
    }
}

/// The longest lifetime that is accepted, in seconds.
const LONGEST: i64 = 10 * 366 * 86_400;

/// Tokens of a token endpoint. Each of the tokens may be missing; the caller checks the ones that
/// it needs.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The access token, of the type that was asked for and of visible ASCII characters.
    pub access_token: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// The ID token.
    pub id_token: Option<String>,
    /// The lifetime of the access token.
    pub lifetime: Lifetime,
    /// The scopes, separated by spaces.
    pub scope: Option<String>,
    /// Members that could not be read.
    pub left_out: Vec<LeftOut>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({:?})", self.lifetime)
    }
}

/// A token response that gives no tokens. The refresh token in it, if there is one, counts all the
/// same: the previous one may no longer be valid.
#[derive(Clone, Debug)]
pub struct TokensFailure {
    /// The meaning of the answer.
    pub failure: Failure,
    /// The refresh token in it.
    pub refresh_token: Option<String>,
}

impl From<Failure> for TokensFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, refresh_token: None }
    }
}

impl Answer {
    /// Reads a token response with a bearer token: JSON of any media type, or a form. Tokens are
    /// taken from a successful response without an error.
    pub fn tokens(&self) -> Result<Tokens, TokensFailure> {
        self.tokens_of(TokenType::Bearer)
    }

    /// The same with an access token of this type. One of another type is none.
    pub fn tokens_of(&self, wanted: TokenType) -> Result<Tokens, TokensFailure> {
        let members = self.members().cloned().unwrap_or_default();
        let mut document = Document::from(members);
        let refresh_token = document.text("refresh_token");
        let failed = |failure| TokensFailure { failure, refresh_token: refresh_token.clone() };
        let access_token = document.text("access_token");
        let id_token = document.text("id_token");
        let given = access_token.is_some() || id_token.is_some();
        if !self.is_success() || self.wait.is_some() || self.told().is_some() || !given {
            return Err(failed(self.failure(RequestSubject::Tokens)));
        }
        let of_type = wanted.is_named(document.text("token_type").as_deref());
        let plain = access_token
            .as_ref()
            .is_none_or(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        if access_token.is_some() && !(of_type && plain) {
            return Err(failed(Failure::Nonsense(wanted.missing().to_owned())));
        }
        let stated = document.has("expires_in");
        let lifetime = match document.number("expires_in") {
            Some(seconds) if seconds >= 0 => Lifetime::Seconds(seconds.min(LONGEST)),
            Some(_) => Lifetime::Unreadable,
            None if stated => Lifetime::Unreadable,
            None => Lifetime::Unstated,
        };
        let scope = document.texts("scope").map(|scopes| scopes.join(" "));
        Ok(Tokens {
            access_token,
            refresh_token,
            id_token,
            lifetime,
            scope: scope.filter(|scope| !scope.is_empty()),
            left_out: document.into_left_out(),
        })
    }
}

/// A registration (RFC 7591 §3.2.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// This server's client id.
    pub client_id: String,
    /// This server's client secret.
    pub client_secret: Option<String>,
    /// The method by which the secret is presented.
    pub auth_method: Option<String>,
    /// The end of the secret.
    pub secret_expires_at: Option<Timestamp>,
    /// Members that could not be read.
    pub left_out: Vec<LeftOut>,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registration({})", self.client_id)
    }
}

impl Registration {
    /// Reads the answer to a registration.
    pub fn read(fetched: &Fetched, now: Timestamp) -> Result<Self, Failure> {
        let answer = Answer::of(fetched, now);
        let mut document = Document::from(answer.members().cloned().unwrap_or_default());
        let client_id = document.text_or_number("client_id").filter(|_| answer.is_success());
        let Some(client_id) = client_id else {
            return Err(answer.failure(RequestSubject::Registration));
        };
        let client_secret = document.text("client_secret");
        // Some state how long it lasts instead of when it ends.
        let end = document.number("client_secret_expires_at").filter(|at| *at > 0);
        let end = end.map(|at| if at >= EPOCH { Timestamp(at) } else { now.plus(at) });
        Ok(Self {
            client_id,
            auth_method: document.text("token_endpoint_auth_method"),
            secret_expires_at: end.filter(|_| client_secret.is_some()),
            client_secret,
            left_out: document.into_left_out(),
        })
    }
}
