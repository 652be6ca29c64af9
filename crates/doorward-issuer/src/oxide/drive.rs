//! Runs the machines, and completes their coarse answers with the reason that the session noted.

use doorward_model::{OAuthErrorCode, Reason, UserId};
use doorward_transport::Params;
use oxide_auth::code_grant::authorization::Error as AuthorizationError;
use oxide_auth_async::code_grant::{access_token, authorization, refresh};

use super::{
    request::{AuthorizeRequest, TokenRequest},
    session::{GrantSession, Outcome},
};
use crate::Failure;

/// A refused authorization request, and who may be told.
pub(crate) enum Refusal {
    /// The client, at this redirect URI, which was found valid.
    Client { redirect_uri: String, failure: Failure },
    /// The person alone: there is no place that may be redirected to.
    Person(Failure),
}

impl GrantSession<'_> {
    /// Runs an authorization request up to the person's decision.
    pub(crate) async fn validate(&mut self, params: &Params) -> Result<(), Refusal> {
        match authorization::authorization_code(self, &AuthorizeRequest(params)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refusal(error)),
        }
    }

    /// Runs an authorization request again, through the decision that [`GrantSession::approve`]
    /// took.
    pub(crate) async fn authorize(
        &mut self,
        params: &Params,
        user_id: &UserId,
    ) -> Result<(), Refusal> {
        let run = match authorization::authorization_code(self, &AuthorizeRequest(params)).await {
            Ok(pending) => pending.authorize(self, user_id.as_str().into()).await.map(drop),
            Err(error) => Err(error),
        };
        run.map_err(|error| self.refusal(error))
    }

    /// Redeems a code. The outcome's unit must be applied also when there is a failure.
    pub(crate) async fn redeem_code(
        mut self,
        request: &TokenRequest<'_>,
    ) -> (Outcome, Result<(), Failure>) {
        let result = access_token::access_token(&mut self, request).await.map(drop);
        self.finish(result.map_err(|mut error| {
            error.description().map(|description| description.kind().to_string())
        }))
    }

    /// Refreshes. The outcome's unit must be applied also when there is a failure.
    pub(crate) async fn refresh_tokens(
        mut self,
        request: &TokenRequest<'_>,
    ) -> (Outcome, Result<(), Failure>) {
        let result = refresh::refresh(&mut self, request).await.map(drop);
        self.finish(result.map_err(|mut error| {
            error.description().map(|description| description.kind().to_string())
        }))
    }

    fn finish(self, result: Result<(), Option<String>>) -> (Outcome, Result<(), Failure>) {
        let result = result.map_err(|kind| {
            self.take_failure().unwrap_or_else(|| match kind.as_deref() {
                Some("invalid_client") => {
                    Failure::new(OAuthErrorCode::InvalidClient, "the client is not known")
                }
                Some("invalid_grant") => {
                    let others =
                        self.code.as_ref().is_some_and(|code| code.client_id != self.client.id);
                    let reason = if self.code.is_none() {
                        Reason::RefreshUnknown
                    } else if others {
                        Reason::CodeClient
                    } else {
                        Reason::TokenRedirectUri
                    };
                    Failure::new(
                        OAuthErrorCode::InvalidGrant,
                        "the grant belongs to another client or redirect_uri",
                    )
                    .because(reason)
                }
                Some("invalid_scope") => {
                    Failure::new(OAuthErrorCode::InvalidScope, "the scope exceeds the grant")
                }
                Some("unsupported_grant_type") => Failure::new(
                    OAuthErrorCode::UnsupportedGrantType,
                    "the grant type is not supported",
                ),
                Some(_) => Failure::new(
                    OAuthErrorCode::InvalidRequest,
                    "a parameter is missing or malformed",
                ),
                None => {
                    Failure::new(OAuthErrorCode::ServerError, "the request could not be processed")
                }
            })
        });
        (self.into_outcome(), result)
    }

    fn refusal(&self, error: AuthorizationError) -> Refusal {
        let noted = self.take_failure();
        let scope_failed =
            noted.as_ref().is_some_and(|failure| failure.code == OAuthErrorCode::InvalidScope);
        match (error, self.bound_redirect()) {
            (AuthorizationError::Redirect(mut target), Some(redirect_uri)) => {
                let failure = noted.unwrap_or_else(|| {
                    match target.description().kind().to_string().as_str() {
                        "unsupported_response_type" => Failure::new(
                            OAuthErrorCode::UnsupportedResponseType,
                            "response_type must be code",
                        ),
                        "access_denied" => {
                            Failure::new(OAuthErrorCode::AccessDenied, "the person refused")
                        }
                        "invalid_scope" => {
                            Failure::new(OAuthErrorCode::InvalidScope, "the scope is not possible")
                        }
                        _ => Failure::new(
                            OAuthErrorCode::InvalidRequest,
                            "a parameter is missing or malformed",
                        ),
                    }
                });
                Refusal::Client { redirect_uri, failure }
            }
            (_, Some(redirect_uri)) if scope_failed => {
                // The machine would keep a refused scope from the client, which RFC 6749 §4.1.2.1
                // lets it know.
                let failure = noted.unwrap_or_else(|| {
                    Failure::new(OAuthErrorCode::InvalidScope, "the scope is not possible")
                });
                Refusal::Client { redirect_uri, failure }
            }
            _ => Refusal::Person(noted.unwrap_or_else(|| {
                Failure::new(
                    OAuthErrorCode::InvalidRequest,
                    "client_id or redirect_uri is missing or malformed",
                )
            })),
        }
    }
}
