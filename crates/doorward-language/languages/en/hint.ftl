# Hints below the fields of an upstream's and an identity provider's settings.

# Upstreams.
hint_upstream_kind = http: MCP over Streamable HTTP, of any revision. sse: MCP over the older HTTP+SSE. openapi: a REST API with an OpenAPI document.
hint_upstream_title = The name that users see. Empty for the short name.
hint_upstream_enabled = Offer its tools to users.
hint_upstream_url = The URL of the MCP endpoint; with sse, of the event stream; with openapi, the base URL of the API, where the document does not name it.
hint_upstream_document = With openapi: the https URL of the OpenAPI document.
hint_upstream_origins = With openapi: further origins to which calls may go, such as https://api.example.com. Without one, calls go to the origin of url, or else to that of the document, and operations with other servers are left out.
hint_upstream_auth = Credentials of calls. none: no credentials. header: a fixed header. basic: a fixed user and password. identity: a short-lived token of this server that names the user. exchange: that token, exchanged at the upstream’s authorization server (RFC 8693). assertion: the user’s identity provider asserts the user to the upstream’s authorization server, and the user sees no page. oauth: each user connects with their own account at the upstream. client_credentials: a token for this server itself, issued by the upstream’s authorization server and the same for all users. workload: the same, in exchange for a token that names this server as a workload (RFC 7523). The client’s own token is never sent.
hint_upstream_header = With auth = header: the header, written NAME: VALUE. It is stored encrypted.
hint_upstream_username = With auth = basic: the user name.
hint_upstream_password = With auth = basic: the password. It is stored encrypted.
hint_upstream_identity_provider = With auth = assertion: the short name of the identity provider. Users must have signed in through it.
hint_upstream_client_id = With every auth that requests tokens at the upstream’s authorization server: this server’s client ID there. With auth = oauth, leave it empty to register automatically.
hint_upstream_client_secret = The client secret that belongs to client_id. It is stored encrypted.
hint_upstream_private_key = In place of client_secret: the private key with which this server authenticates itself (private_key_jwt), in PEM form (PKCS#8; RSA, P-256 or Ed25519). It is stored encrypted.
hint_upstream_issuer = The issuer URL of the upstream’s authorization server. Required for auth = client_credentials and workload; with auth = oauth only where the upstream does not name it.
hint_upstream_scopes = Scopes to request. Empty for those that the upstream asks for.
hint_upstream_dpop = Access tokens are bound to a key of this server, which proves every request (DPoP, RFC 9449). The upstream and its authorization server must support this.
hint_upstream_private_key_id = The name of private_key at the authorization server (kid), if it needs one.
hint_upstream_authorize_params = Further parameters of the authorization request, each written NAME=VALUE, such as access_type=offline or prompt=select_account. Parameters that Doorward sets itself are refused.
hint_upstream_trust_pkce = Use the authorization server although its metadata does not state that it checks PKCE (S256). Needs issuer and client_id. Only for a server that does check it: otherwise a stolen authorization code can be used.
hint_upstream_offline_prompt = Send prompt=consent with the scope offline_access, as OpenID Connect Core §11 requires. Some servers issue no refresh token without it.
hint_upstream_send_resource = Send the parameter resource (RFC 8707). Switch it off only for a server that refuses requests with it.
hint_upstream_token_auth_method = Authentication at the token endpoint with the client_id above: client_secret_basic, client_secret_post, private_key_jwt or none. Empty for a method that the metadata names.
hint_upstream_audience = The audience of the token with auth = identity or exchange. Empty for url. With auth = client_credentials or workload, it is sent as audience if it is set.
hint_upstream_discovery_url = The URL of the authorization server’s metadata, where it is not at a standard path below issuer. The document must name the same issuer.
hint_upstream_authorize_url = The authorization endpoint, instead of the one in the metadata. With token_url as well, and without discovery_url, no metadata is needed.
hint_upstream_token_url = The token endpoint: required with auth = exchange; with oauth, instead of the one in the metadata.
hint_upstream_registration_url = The endpoint for client registration, instead of the one in the metadata.
hint_upstream_revocation_url = The endpoint for the revocation of tokens, instead of the one in the metadata.
hint_upstream_connection_days = Days after which a user must connect again.
hint_upstream_include = Tools to offer, by their names at the upstream; * matches any text. Empty for all.
hint_upstream_exclude = Tools to leave out; * matches any text.
hint_upstream_roles = Roles of which a user needs at least one to use this upstream. Empty for all users.
hint_upstream_own_scopes = Give its tools scopes of their own (mcp:read:NAME, …), so that a client can be limited to this upstream.
hint_upstream_approve = New tools. auto: offer them at once. manual: wait until an administrator approves them; prompts and resources wait too. A tool whose definition changes always waits.
hint_upstream_classes = Classes of tools whose annotations are missing or wrong, as rules TOOL = read, TOOL = write or TOOL = destructive.
hint_upstream_capabilities = Features of clients that the upstream may use. elicitation: ask the user a question, with its title shown. sampling: have the client’s model write a text, at the user’s cost. roots: read the list of the client’s folders. Others are refused.
hint_upstream_prompts = Offer its prompts.
hint_upstream_resources = Offer its resources.
hint_upstream_networks = Private networks that it may be in, such as 10.1.2.0/24. There http without TLS is allowed too; all data, tokens included, then crosses the network unencrypted.
hint_upstream_http_on_loopback = Allow it on this machine: equivalent to 127.0.0.0/8 and ::1/128 in networks.
hint_upstream_list_tools = The maximum number of tools kept. Further tools are left out and named on its page and in the log. Tools that are no longer listed but were approved or rejected count too.
hint_upstream_list_bytes = The maximum size of all definitions of tools together, in bytes.
hint_upstream_list_seconds = Seconds after which its lists are requested again.
hint_upstream_list_wait_ms = Milliseconds that a client’s first list waits for it. Tools that arrive later are announced to the client.
hint_upstream_connect_seconds = Seconds that connecting may take. 0 for 20, and for 120 with a local process.
hint_upstream_call_seconds = Seconds that a call may take. 0 for the general limit.
hint_upstream_calls_per_minute = Calls per minute, of all users together. 0 for no limit of its own.
hint_upstream_calls_at_once = Calls at the same time, of all users together. 0 for the general limit.
hint_upstream_result_bytes = The maximum size of a result, in bytes. 0 for the general limit.
hint_upstream_idle_seconds = Seconds without a call after which a connection is closed.

# Identity providers.
hint_provider_kind = A preset for the product, or oidc for any other OpenID Connect provider, or oauth2 for a provider that supports OAuth 2.0 only.
hint_provider_name = The text of the button on the sign-in page. Empty for the name of the product.
hint_provider_enabled = Allow users to sign in through it. Switching it off ends no access; deleting the provider does.
hint_provider_issuer = The URL of the provider. For oidc, okta and keycloak: exactly the issuer of its metadata. For gitlab, github and mattermost: the URL of your own installation. For entra: a cloud other than the public one.
hint_provider_tenants = For entra: the IDs of the tenants whose users are admitted. At least one.
hint_provider_client_id = The client ID that the provider issued.
hint_provider_client_secret = The client secret that the provider issued. It is stored encrypted.
hint_provider_token_auth_method = Authentication at the token endpoint: client_secret_basic, client_secret_post, private_key_jwt or none. Empty for the default of the kind.
hint_provider_private_key_id = With private_key_jwt: the ID (kid) under which the provider knows the key.
hint_provider_sign_up = open: every user whom the rules below admit gets an account at the first sign-in. invited: only users whom an administrator invited. Required where anyone can have an account (Google, GitHub, GitLab.com, personal Microsoft accounts), unless one of the rules below limits who is admitted.
hint_provider_allowed_domains = Admit only users with a verified e-mail address in one of these domains. For google, the organisation (hd) counts. Empty for all.
hint_provider_allowed_groups = Admit only members of one of these groups; * matches any text. Empty for all.
hint_provider_required_claims = Admit only users for whom all of these rules hold, each written CLAIM = PATTERN.
hint_provider_roles = Roles by claims, as rules CLAIM = PATTERN -> ROLE, such as groups = engineering-* -> developer. Evaluated at every sign-in and every check.
hint_provider_authoritative_domains = Domains whose e-mail addresses this provider alone assigns. A user who signs in with such an address gets the account that already has it, without confirmation.
hint_provider_home_domains = Users who enter an e-mail address in one of these domains at sign-in are redirected to this provider. Empty for allowed_domains.
hint_provider_trust_email = Treat e-mail addresses as verified although the provider does not state it. Only for a provider that does not let users choose their e-mail address.
hint_provider_second_factor = A second factor at this server. enrolled: for users who have one. required: for all users. never: not at sign-in; users who have one are asked for it before they change how they sign in.
hint_provider_trusted_factors = Values of acr or amr with which the provider’s sign-in counts as two factors.
hint_provider_scopes = Scopes to request instead of those of the kind. With OpenID Connect, openid is always added.
hint_provider_authorize_params = Further parameters of the authorization request, each written NAME=VALUE, such as domain_hint=example.com or prompt=select_account. Parameters that Doorward sets itself are refused.
hint_provider_pkce = Use PKCE (S256), even where the provider does not announce it. Switch it off only for a provider that refuses requests with it.
hint_provider_offline_prompt = Send prompt=consent with the scope offline_access, as OpenID Connect Core §11 requires. Some providers issue no refresh token without it.
hint_provider_response_mode = The form of the authorization response: query or form_post.
hint_provider_acr_values = Authentication contexts (acr_values) to request when the client names none, separated by spaces.
hint_provider_discovery_url = With OpenID Connect: the URL of the discovery document, where it is not below issuer. The document must name the same issuer.
hint_provider_authorize_url = The authorization endpoint: required for oauth2; for other kinds, instead of the one that is discovered.
hint_provider_token_url = The token endpoint: required for oauth2; for other kinds, instead of the one that is discovered.
hint_provider_userinfo_url = The userinfo endpoint: required for oauth2; with OpenID Connect, instead of the one that is discovered.
hint_provider_jwks_url = With OpenID Connect: the URL of the key set, instead of the one that is discovered. With authorize_url and token_url as well, no discovery document is needed.
hint_provider_end_session_url = The sign-out page, instead of the one that is discovered.
hint_provider_claim_subject = The claim that identifies a user and never changes: a name, or a JSON pointer such as /data/id. Empty for the default of the kind, here and in the fields below.
hint_provider_claim_username = The claim with the user name.
hint_provider_claim_email = The claim with the e-mail address.
hint_provider_claim_email_verified = The claim that states whether the e-mail address was verified.
hint_provider_claim_name = The claim with the display name.
hint_provider_claim_groups = The claim with the groups: a list, a text of words separated by spaces, or a list of objects with name.
hint_provider_networks = Private networks that the provider may be in, such as 10.1.0.0/16.
hint_provider_refresh_seconds = Seconds after which the provider is asked again about a user’s account and groups.
hint_provider_grace_seconds = Seconds for which access continues while the provider cannot be reached for this check.
hint_provider_confirm_seconds = Seconds after which a user must sign in again, where the provider issued no token for the check or the user signed out there.
hint_provider_logout_ends_grants = When a user signs out at the provider (back-channel logout), end connected apps too, not only browser sessions.
hint_provider_assertions = With OpenID Connect: accept assertions of the provider about users, which clients present (enterprise-managed authorization). The provider then decides which client acts for a user, and users are not asked for consent.
