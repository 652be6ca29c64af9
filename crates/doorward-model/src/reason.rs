//! The reasons for which a step of a connecting client is refused.

macro_rules! reasons {
    ($($name:ident = $code:literal: $what:literal => $advice:literal;)*) => {
        /// The reason for which a step was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $(#[doc = $what] $name),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name, as steps hold it.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
            /// The event in plain words.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => $what),* }
            }
            /// The correct behaviour of the client, or the remedy.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice),* }
            }
        }
    };
}

reasons! {
    RedirectUri = "redirect_uri": "The redirect_uri is not one that the client registered." => "The client must send a registered redirect_uri letter for letter; only the port of a loopback address may differ. Register the missing one, or let the client register anew.";
    RedirectUriRefused = "redirect_uri_refused": "The client wants to register a redirect URI that is not allowed." => "Redirect URIs must be https, or http on a loopback address, or a private-use scheme with a period; no fragment, no wildcard.";
    MetadataRefused = "metadata_refused": "The client registered with metadata that is not allowed." => "The detail names the member. The client's maker can correct it; an administrator can add the client by hand.";
    RegistrationOff = "registration_off": "The client wants to register itself, and that is switched off here." => "Add the client by hand (doorward client add) and give it the client_id, or set registration.dynamic = true.";
    RegistrationLimited = "registration_limited": "Too many registrations came from this address." => "Wait a minute. Clients should keep their registration instead of making a new one for each connection.";
    ClientUnknown = "client_unknown": "The client_id is not known here." => "The client kept a registration that does not exist any more, or mistyped it. Clear the client's stored credentials for this server, so that it registers again.";
    ClientDisabled = "client_disabled": "An administrator blocked this client." => "Unblock it on the page of clients, if that was a mistake.";
    ClientWaiting = "client_waiting": "The client waits for an administrator's approval." => "Approve it on the page of clients.";
    DocumentUnreachable = "document_unreachable": "The client's metadata document, which its client_id names, cannot be fetched." => "The address must answer to this server over https, without a redirect, with JSON of at most 10 kB. Check the host, the firewall and outbound.allow_networks.";
    DocumentInvalid = "document_invalid": "The client's metadata document is not valid." => "Its client_id must equal its address, it must list redirect_uris and must not hold a secret. The detail names what is wrong.";
    DocumentPinned = "document_pinned": "The client's metadata document changed since an administrator pinned it." => "Look at the difference on the page of clients, then pin the new one or block the client.";
    PkceMissing = "pkce_missing": "The client sent no code_challenge." => "PKCE with S256 is required (OAuth 2.1 section 7.5.2). The client must send code_challenge and code_challenge_method=S256.";
    PkceMethod = "pkce_method": "The client asked for another code_challenge_method than S256." => "Only S256 is taken; plain protects nothing.";
    Resource = "resource": "The client asks for a token for something that is not here." => "resource must be the address of an MCP endpoint of this server, as the resource's metadata names it. A proxy that changes the host, or an old address in the client's settings, leads to this: compare with the public URL.";
    ResponseType = "response_type": "The client asked for another response_type than code." => "Only the authorization code flow exists in OAuth 2.1.";
    Scope = "scope": "The client asked only for scopes that do not exist here or are not for it." => "It should ask for the scopes that the resource's metadata lists.";
    Request = "request": "The authorization request is not well-formed." => "The detail names the parameter: it is missing, sent twice, or cannot be read.";
    RequestExpired = "request_expired": "The person came back to an authorization that had expired." => "Start the connection again in the client.";
    SignIn = "sign_in": "The person could not sign in." => "Wrong name, password or code, or the account at the provider may not come in; the audit has the line.";
    PersonDisabled = "person_disabled": "The person is disabled." => "An administrator can enable the account again.";
    Denied = "denied": "The person refused the client." => "Connect again and choose Allow, if that was a mistake.";
    Role = "role": "The person's roles do not reach the scopes that the client asked for." => "Give the person the role, or let the client ask for less.";
    CodeExpired = "code_expired": "The client came too late for its token: the code had expired." => "A code lives a minute. A slow client, a stopped debugger or a clock that jumps leads to this.";
    CodeSpent = "code_spent": "The code was used already. What it gave was revoked, in case it was stolen." => "A client must redeem a code once. If a proxy or the client repeats requests, it must not repeat this one.";
    CodeForeign = "code_foreign": "The code was not made by this server." => "The client mixed up two authorization servers: it should compare iss in the answer with the issuer it asked (RFC 9207) and send the code there.";
    CodeClient = "code_client": "The code belongs to another client." => "The client_id at the token endpoint must be the one of the authorization request.";
    Verifier = "verifier": "The code_verifier does not fit the code_challenge." => "The client must keep the verifier of this very attempt; two attempts at the same time must not share one.";
    TokenRedirectUri = "token_redirect_uri": "The redirect_uri at the token endpoint differs from the one of the authorization request." => "Send the same, or none.";
    ClientAuth = "client_auth": "The client could not prove who it is." => "Wrong secret, or another method than the one it registered. Clear the stored credentials, or make a new secret.";
    Clock = "clock": "The client's signed assertion is expired or not valid yet: its clock is off." => "Set the clock of the client's machine (NTP). A difference of up to a minute is tolerated.";
    GrantType = "grant_type": "The client asked for a grant type that is not offered." => "The server's metadata lists grant_types_supported.";
    RefreshReused = "refresh_reused": "A refresh token came back that had been replaced. The access was withdrawn, in case it was stolen." => "Each refresh token is good for one use. Two copies of the client that share one file, or a backup that was restored, lead to this. Connect again.";
    RefreshUnknown = "refresh_unknown": "The refresh token is not known, has expired, or its access was withdrawn." => "The person has to connect the client again.";
    TokenExpired = "token_expired": "The client came with an expired token." => "It should refresh it before it calls, or when it gets this answer.";
    TokenAudience = "token_audience": "The token is for another address of this server." => "Each MCP address is a resource of its own. The client must send resource with the address that it will call.";
    TokenRevoked = "token_revoked": "The access behind the token was withdrawn." => "Connect the client again.";
    TokenForeign = "token_foreign": "The token was not made by this server, or was changed." => "A token of another server is configured in the client, or a key was lost. Connect the client again.";
    TokenPlace = "token_place": "The client sent its token in the address or twice." => "The token belongs in one Authorization header.";
    Host = "host": "The request named another host than the public URL's." => "Set server.public_url to the address that clients use, or add the host to server.allowed_hosts.";
    Origin = "origin": "A page of another origin called the MCP endpoint." => "If it is yours, add it to mcp.allowed_origins.";
    SwitchedOff = "switched_off": "The MCP server is switched off." => "An administrator can switch it on.";
    Server = "server": "This server failed." => "The log has the cause, under the request id.";
}

impl Reason {
    /// Reads the stored name. One of a newer version is unknown.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}
