//! The right to create a lasting means of access: a password, a passkey, an authenticator app,
//! recovery codes, a linked account, a personal access token, a user, a client with a secret.
//!
//! Each operation that creates one takes an [`Authority`], so that a caller that did not ask for a
//! recent sign-in does not compile. A session alone is no authority: a session can be stolen, or
//! left open on a computer, and tokens created with it would outlive it.

use doorward_model::{Authentication, IdentityId, Level};
use doorward_store::StoreError;

use crate::{Accounts, Visitor};

/// Seconds for which a sign-in is recent (ASVS 7.5.1).
const RECENT: i64 = 900;

/// Proof that the acting user may create a lasting means of access, with the authentication behind
/// it.
#[derive(Clone, Debug)]
pub struct Authority {
    authentication: Authentication,
    identity: Option<IdentityId>,
}

/// The reason for which a session is no authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRecent {
    /// The sign-in is too long ago.
    SignIn,
    /// The user has a second factor and did not prove it in this session.
    SecondFactor,
}

impl NotRecent {
    /// The missing proof, as the log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "recent sign-in",
            Self::SecondFactor => "second factor",
        }
    }
}

impl Authority {
    /// The authority of the operator who runs a command on this machine. No factors were verified:
    /// it counts as one factor.
    pub fn operator() -> Self {
        Self { authentication: Authentication::by("operator"), identity: None }
    }

    /// The authority of the operator, who states that the user proved a second factor.
    pub fn operator_states_second_factor() -> Self {
        Self { authentication: Authentication::by("operator").and("mfa"), identity: None }
    }

    /// The authority of a program that calls the administrators' API. `authentication` is that of
    /// its administrator, as its token records it.
    pub fn administrators_api(authentication: &Authentication) -> Self {
        Self { authentication: authentication.clone(), identity: None }
    }

    /// The authentication of the acting user.
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// The account at an identity provider by which the acting user signed in.
    pub fn identity(&self) -> Option<&IdentityId> {
        self.identity.as_ref()
    }
}

impl Accounts {
    /// The authority of a session: its user signed in recently, with the second factor if they have
    /// one.
    ///
    /// # Errors
    ///
    /// If the database does not answer. The inner error names the missing authentication.
    pub async fn authority(
        &self,
        visitor: &Visitor,
    ) -> Result<Result<Authority, NotRecent>, StoreError> {
        let session = &visitor.session;
        if !self.is_recent(visitor) {
            return Ok(Err(NotRecent::SignIn));
        }
        if session.authentication.level != Level::MultiFactor
            && self.enrolled(&visitor.user.id).await?.any()
        {
            return Ok(Err(NotRecent::SecondFactor));
        }
        let identity = session.upstream.as_ref().map(|upstream| upstream.identity.clone());
        Ok(Ok(Authority { authentication: session.authentication.clone(), identity }))
    }

    /// Reports a session with a recent sign-in. A session that waits for a second factor began less
    /// than ten minutes ago.
    pub(crate) fn is_recent(&self, visitor: &Visitor) -> bool {
        !visitor.session.complete || self.clock.now().since(visitor.session.auth_time) <= RECENT
    }
}
