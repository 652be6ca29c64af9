//! The reasons for which a step of a connecting client is refused.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)*) => {
        /// The reason for which a step was refused. Its texts are in `doorward-language`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name, as steps hold it.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

reasons! {
    /// The client did not register this redirect_uri.
    RedirectUri = "redirect_uri";
    /// The client requests registration with a redirect URI that is not allowed.
    RedirectUriRefused = "redirect_uri_refused";
    /// The client requested registration with metadata that is not allowed.
    MetadataRefused = "metadata_refused";
    /// The client requests registration, and dynamic registration is disabled.
    RegistrationOff = "registration_off";
    /// Too many registrations came from this IP address.
    RegistrationLimited = "registration_limited";
    /// The client_id is unknown.
    ClientUnknown = "client_unknown";
    /// An administrator disabled this client.
    ClientDisabled = "client_disabled";
    /// The client awaits the approval of an administrator.
    ClientWaiting = "client_waiting";
    /// The metadata document at the client_id of the client cannot be fetched.
    DocumentUnreachable = "document_unreachable";
    /// The metadata document of the client is not valid.
    DocumentInvalid = "document_invalid";
    /// The metadata document of the client changed since an administrator pinned it.
    DocumentPinned = "document_pinned";
    /// The client sent no code_challenge.
    PkceMissing = "pkce_missing";
    /// The client requested another code_challenge_method than S256.
    PkceMethod = "pkce_method";
    /// The client requested a token for a resource that this server does not have.
    Resource = "resource";
    /// The client requested another response_type than code.
    ResponseType = "response_type";
    /// The client requested only scopes that do not exist here or are not available to it.
    Scope = "scope";
    /// The authorization request is malformed.
    Request = "request";
    /// The user returned to an expired authorization.
    RequestExpired = "request_expired";
    /// The browser referred to a pushed request that is unknown, was used or expired, or is another
    /// client's.
    PushedUnknown = "pushed_unknown";
    /// The client must push its authorization requests, and did not.
    PushedRequired = "pushed_required";
    /// The user could not sign in.
    SignIn = "sign_in";
    /// The user is disabled.
    UserDisabled = "user_disabled";
    /// The user denied the client access.
    Denied = "denied";
    /// The roles of the user do not allow the scopes that the client requested.
    Role = "role";
    /// The client redeemed its code too late: the code had expired.
    CodeExpired = "code_expired";
    /// The code was already used. The access that it gave was revoked, in case the code was
    /// stolen.
    CodeSpent = "code_spent";
    /// The code was not issued by this server.
    CodeForeign = "code_foreign";
    /// The code belongs to another client.
    CodeClient = "code_client";
    /// The code_verifier does not match the code_challenge.
    Verifier = "verifier";
    /// The redirect_uri at the token endpoint differs from the one of the authorization
    /// request.
    TokenRedirectUri = "token_redirect_uri";
    /// The client could not authenticate.
    ClientAuth = "client_auth";
    /// The signed assertion of the client has expired or is not yet valid: its clock is wrong.
    Clock = "clock";
    /// No trust rule is about the issuer of the signed token that a workload presented.
    TrustUnknown = "trust_unknown";
    /// The signed token that a workload presented does not fit a trust rule: its audience, its
    /// subject or another claim.
    TrustMismatch = "trust_mismatch";
    /// The signed token that a client presented is malformed, or its signature is wrong.
    AssertionInvalid = "assertion_invalid";
    /// The signed token that a client presented has expired, is not valid yet, or is valid for too
    /// long.
    AssertionTime = "assertion_time";
    /// The signed token that a client presented was used before.
    AssertionSpent = "assertion_spent";
    /// The issuer of the assertion is no identity provider that may assert users to clients, or it
    /// is switched off.
    AssertionProvider = "assertion_provider";
    /// The assertion of an identity provider is not for this server, this client, or a resource
    /// here.
    AssertionClaim = "assertion_claim";
    /// The rules of the identity provider do not admit the user of the assertion.
    AssertionUser = "assertion_user";
    /// The public keys of the issuer of a signed token cannot be fetched.
    AssertionKeys = "assertion_keys";
    /// The client requested a grant type that is not offered.
    GrantType = "grant_type";
    /// A refresh token was used that had already been replaced. The access was revoked, in case
    /// the token was stolen.
    RefreshReused = "refresh_reused";
    /// The refresh token is unknown, has expired, or its access was revoked.
    RefreshUnknown = "refresh_unknown";
    /// The client presented an expired token.
    TokenExpired = "token_expired";
    /// The token is for another URL of this server.
    TokenAudience = "token_audience";
    /// The access of the token was revoked.
    TokenRevoked = "token_revoked";
    /// The token was not issued by this server, or was modified.
    TokenForeign = "token_foreign";
    /// The client may not exchange the presented token.
    SubjectToken = "subject_token";
    /// The proof of the key that a token is bound to is missing or not valid.
    KeyProof = "key_proof";
    /// The client sent its token in the URL, or twice.
    TokenPlace = "token_place";
    /// The request named another host than that of the public URL.
    Host = "host";
    /// A page of another origin called the MCP endpoint.
    Origin = "origin";
    /// The MCP server is disabled.
    SwitchedOff = "switched_off";
    /// An error occurred on this server.
    Server = "server";
}

impl Reason {
    /// True of a refused token of another issuer. Its step names the claim and the value that was
    /// expected.
    pub fn is_of_assertion(self) -> bool {
        matches!(
            self,
            Self::TrustUnknown
                | Self::TrustMismatch
                | Self::AssertionInvalid
                | Self::AssertionTime
                | Self::AssertionSpent
                | Self::AssertionProvider
                | Self::AssertionClaim
                | Self::AssertionUser
                | Self::AssertionKeys
        )
    }

    /// Reads the stored name. One of a newer version is unknown.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}
