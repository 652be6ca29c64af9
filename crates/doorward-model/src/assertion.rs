//! Tokens of other issuers that this server accepts: with the signature of an issuer that an
//! administrator trusts, or of an identity provider that asserts a user to a client. The crate that
//! verifies them and the one that judges them share these types and nothing else.

use serde_json::Value;

use crate::{Authentication, IdentityId, ProviderId, Timestamp, UnitOfWork, User};

/// A token with a good signature. Its claims are for the caller to judge.
#[derive(Clone, Debug)]
pub struct SignedToken {
    /// The type in its header.
    pub typ: Option<String>,
    /// Its claims, an object.
    pub claims: Value,
}

/// Reason for which the signature of a token is not accepted.
#[derive(Clone, Debug)]
pub enum SignatureRefusal {
    /// It is malformed, or its signature is wrong.
    Invalid(String),
    /// The keys of its issuer cannot be fetched now.
    Unavailable(String),
}

/// An assertion with the signature of an identity provider. Its claims are for the caller to judge.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// The provider.
    pub provider: ProviderId,
    /// The signed token.
    pub token: SignedToken,
}

/// A user whom an assertion admits.
#[derive(Debug)]
pub struct AssertedUser {
    /// The user here, as the unit leaves them.
    pub user: Box<User>,
    /// The changes to keep.
    pub unit: UnitOfWork,
    /// The account at the provider.
    pub identity: IdentityId,
    /// The user's authentication at the provider.
    pub authentication: Authentication,
    /// The time of that authentication.
    pub auth_time: Timestamp,
}

/// Reason for which an assertion is refused.
#[derive(Clone, Debug)]
pub enum AssertionRefusal {
    /// Its issuer is no provider that may assert, or it is switched off.
    Provider(String),
    /// It is malformed, or its signature is wrong.
    Invalid(String),
    /// The user is disabled.
    Disabled,
    /// The provider's rules do not admit the user, or a sign-in would ask them for more.
    NotAdmitted(String),
    /// It cannot be judged now.
    Unavailable(String),
}
