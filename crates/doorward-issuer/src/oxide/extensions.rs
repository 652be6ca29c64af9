//! What MCP adds to the two requests of the code flow: PKCE with S256 (RFC 7636, OAuth 2.1 §4.1.1)
//! and resources (RFC 8707).

use async_trait::async_trait;
use doorward_model::OAuthErrorCode;
use doorward_model::Reason;
use oxide_auth::{
    code_grant::{accesstoken, authorization as machine, extensions::Pkce},
    primitives::grant::Extensions,
};
use oxide_auth_async::code_grant::{access_token, authorization};

use super::session::GrantSession;

/// RFC 7636 §4.1 and §4.2: 43 to 128 unreserved characters. The library does not look.
fn is_pkce_text(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[async_trait]
impl authorization::Extension for GrantSession<'_> {
    async fn extend(&mut self, request: &(dyn machine::Request + Sync)) -> Result<Extensions, ()> {
        let mut extensions = Extensions::new();
        let pkce = Pkce::required();
        let challenge = request.extension("code_challenge");
        // A SHA-256 in base64url has 43 characters; nothing else can be one.
        if challenge
            .as_deref()
            .is_some_and(|challenge| challenge.len() != 43 || !is_pkce_text(challenge))
        {
            self.fail_because(
                OAuthErrorCode::InvalidRequest,
                Reason::PkceMissing,
                "code_challenge is not the base64url form of a SHA-256",
            );
            return Err(());
        }
        if let Ok(Some(value)) =
            pkce.challenge(request.extension("code_challenge_method"), challenge)
        {
            extensions.set(&pkce, value);
        } else {
            let reason = if request.extension("code_challenge").is_some() {
                Reason::PkceMethod
            } else {
                Reason::PkceMissing
            };
            self.fail_because(
                OAuthErrorCode::InvalidRequest,
                reason,
                "PKCE is required: code_challenge with code_challenge_method=S256",
            );
            return Err(());
        }
        if let Err(failure) = self.resources(&self.issuer.parts.resources.snapshot()) {
            self.fail_with(failure);
            return Err(());
        }
        Ok(extensions)
    }
}

#[async_trait]
impl access_token::Extension for GrantSession<'_> {
    async fn extend(
        &mut self,
        request: &(dyn accesstoken::Request + Sync),
        mut saved: Extensions,
    ) -> Result<Extensions, ()> {
        let pkce = Pkce::required();
        let verifier = request.extension("code_verifier");
        if !verifier.as_deref().is_some_and(is_pkce_text)
            || pkce.verify(saved.remove(&pkce), verifier).is_err()
        {
            self.fail_because(
                OAuthErrorCode::InvalidGrant,
                Reason::Verifier,
                "code_verifier does not fit the code_challenge",
            );
            return Err(());
        }
        Ok(saved)
    }
}
