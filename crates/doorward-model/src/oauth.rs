//! OAuth error codes as the standards register them.

/// An OAuth error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OAuthErrorCode {
    /// RFC 6749 §4.1.2.1 and §5.2: a parameter is missing, repeated or malformed.
    InvalidRequest,
    /// RFC 6749 §5.2: the client is unknown or could not prove itself.
    InvalidClient,
    /// RFC 6749 §5.2: the code or refresh token is unknown, expired, spent, revoked or another
    /// client's.
    InvalidGrant,
    /// RFC 6749 §5.2: the client may not use this grant type.
    UnauthorizedClient,
    /// RFC 6749 §5.2: the grant type is not supported.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1: the response type is not supported.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1 and §5.2: no requested scope can be granted.
    InvalidScope,
    /// RFC 8707 §2: the resource is not served here or not part of the grant.
    InvalidTarget,
    /// RFC 6749 §4.1.2.1: the user refused.
    AccessDenied,
    /// OpenID Connect Core §3.1.2.6: no user is signed in, and `prompt=none` forbids the sign-in
    /// page.
    LoginRequired,
    /// An interaction with the user is required first (OpenID Connect Core §3.1.2.6).
    InteractionRequired,
    /// OpenID Connect Core §3.1.2.6: consent is required and `prompt=none` forbids it.
    ConsentRequired,
    /// OpenID Connect Core Error Code `unmet_authentication_requirements`: the requested
    /// authentication is not the user's, and `prompt=none` forbids another one.
    UnmetAuthenticationRequirements,
    /// OpenID Connect Core §3.1.2.6: request objects are not supported.
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6: request object references are not supported.
    RequestUriNotSupported,
    /// RFC 7591 §3.2.2: a redirect URI is refused.
    InvalidRedirectUri,
    /// RFC 7591 §3.2.2: another member of the metadata is refused.
    InvalidClientMetadata,
    /// RFC 7009 §2.2.1: this token type cannot be revoked here.
    UnsupportedTokenType,
    /// RFC 8628 §3.5: the user has not decided yet.
    AuthorizationPending,
    /// RFC 8628 §3.5: the client polls too fast.
    SlowDown,
    /// RFC 8628 §3.5: the device code has expired.
    ExpiredToken,
    /// OpenID Connect Core §3.1.2.6: the reference to a pushed request is unknown, used, expired or
    /// another client's.
    InvalidRequestUri,
    /// RFC 9449 §5: the proof of a key is missing or not valid.
    InvalidDpopProof,
    /// RFC 9449 §8: the proof of a key must contain a nonce of this server.
    UseDpopNonce,
    /// RFC 6749 §4.1.2.1: something failed here.
    ServerError,
    /// RFC 6749 §4.1.2.1: cannot serve now; try again.
    TemporarilyUnavailable,
}

impl OAuthErrorCode {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}
