//! Enterprise-managed authorization: assertions of identity providers about users, for clients of
//! this server (Identity Assertion JWT Authorization Grant, ID-JAG; MCP extension
//! `io.modelcontextprotocol/enterprise-managed-authorization`).

use doorward_model::{
    AssertedUser, Assertion, AssertionRefusal, OAuthErrorCode, ProviderId, Reason,
};
use futures_util::future::BoxFuture;

use crate::{
    Failure,
    assertion::{Presented, shown},
};

/// The grant profile, as metadata names it.
pub(crate) const PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";

/// Identity providers as asserters of users. `doorward` connects the federation crate here.
pub trait Asserters: Send + Sync + 'static {
    /// Reports that there is a provider that may assert users.
    fn exist(&self) -> BoxFuture<'_, bool>;
    /// Verifies the signature of an assertion of this issuer.
    fn verify<'a>(
        &'a self,
        issuer: &'a str,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Assertion, AssertionRefusal>>;
    /// Verifies the signature of a token of an identity provider that a client may exchange, by the
    /// issuer that the token names.
    fn verify_exchanged<'a>(
        &'a self,
        provider: &'a ProviderId,
        issuer: &'a str,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Assertion, AssertionRefusal>>;
    /// Finds or creates the user of an assertion, as at a sign-in.
    fn admit<'a>(
        &'a self,
        assertion: &'a Assertion,
    ) -> BoxFuture<'a, Result<AssertedUser, AssertionRefusal>>;
}

/// The refusal of a token that an identity provider signed.
pub(crate) fn told(refusal: AssertionRefusal, presented: Presented) -> Failure {
    match refusal {
        AssertionRefusal::Provider(why) => {
            let reason = match presented {
                Presented::Assertion => Reason::AssertionProvider,
                // The advice about assertions is another one.
                Presented::SubjectToken => Reason::SubjectToken,
            };
            let told =
                "is not accepted: its issuer is no identity provider that may assert users here";
            presented.refused(reason, told).about(why)
        }
        AssertionRefusal::Invalid(why) => presented
            .refused(Reason::AssertionInvalid, "is malformed, or its signature is wrong")
            .about(shown(&why)),
        AssertionRefusal::Disabled => {
            Failure::new(presented.code(), "the user may not use this server")
                .because(Reason::UserDisabled)
        }
        AssertionRefusal::NotAdmitted(why) => {
            Failure::new(presented.code(), "the user is not admitted to this server")
                .because(Reason::AssertionUser)
                .about(why)
        }
        AssertionRefusal::Unavailable(why) => {
            tracing::warn!(why, "an assertion cannot be judged now");
            let told = format!("{} cannot be judged now; try again shortly", presented.noun());
            Failure::new(OAuthErrorCode::TemporarilyUnavailable, told)
                .because(Reason::AssertionKeys)
                .about(shown(&why))
        }
    }
}
