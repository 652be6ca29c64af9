//! Every path that the program serves, relative to the public URL. No other file spells one.

macro_rules! routes {
    ($($(#[doc = $doc:literal])+ $name:ident = $path:literal;)*) => {
        $($(#[doc = $doc])+ pub const $name: &str = $path;)*
        /// The URL of a provider's page: `route` is one of those with `{provider}` in it.
        pub fn of_provider(route: &str, provider: &crate::ProviderId) -> String {
            route.replace("{provider}", provider.as_str())
        }
        /// The URL of an upstream: `route` is one of those with `{upstream}` in it.
        pub fn of_upstream(route: &str, upstream: crate::UpstreamName) -> String {
            route.replace("{upstream}", upstream.as_str())
        }
        /// The URL of a toolset: `route` is one of those with `{toolset}` in it.
        pub fn of_toolset(route: &str, toolset: crate::ToolsetName) -> String {
            route.replace("{toolset}", toolset.as_str())
        }
        /// All paths with their purposes, for the generated reference.
        pub const ALL: &[(&str, &str)] = &[$(($path, concat!($($doc),+))),*];
    };
}

routes! {
    /// The start page: redirects to the account page.
    ROOT = "/";
    /// Authorization server metadata (RFC 8414). Also served with the path of any resource
    /// appended.
    AUTHORIZATION_SERVER_METADATA = "/.well-known/oauth-authorization-server";
    /// The same document under the name that OpenID Connect Discovery uses. Also served with a path
    /// appended.
    OPENID_CONFIGURATION = "/.well-known/openid-configuration";
    /// Protected resource metadata (RFC 9728). Also served with `/mcp` appended.
    PROTECTED_RESOURCE_METADATA = "/.well-known/oauth-protected-resource";
    /// Dynamic client registration (RFC 7591).
    REGISTER = "/oauth/register";
    /// The registration of one client that registered itself (RFC 7592).
    REGISTRATION = "/oauth/register/{client}";
    /// The authorization endpoint (RFC 6749 §3.1).
    AUTHORIZE = "/oauth/authorize";
    /// Takes authorization requests that a browser then refers to (RFC 9126).
    PUSHED_REQUEST = "/oauth/par";
    /// The token endpoint (RFC 6749 §3.2).
    TOKEN = "/oauth/token";
    /// The device authorization endpoint (RFC 8628 §3.1).
    DEVICE_AUTHORIZATION = "/oauth/device";
    /// The page on which a user enters the code that a device shows.
    DEVICE = "/device";
    /// Token revocation (RFC 7009).
    REVOKE = "/oauth/revoke";
    /// Token introspection (RFC 7662).
    INTROSPECT = "/oauth/introspect";
    /// The claims about the user of an access token (OpenID Connect Core §5.3).
    USERINFO = "/oauth/userinfo";
    /// Signs a user out for a relying party (OpenID Connect RP-Initiated Logout 1.0 §2).
    END_SESSION = "/oauth/logout";
    /// The public keys that verify this server's tokens (RFC 7517).
    JWKS = "/oauth/jwks";
    /// Forward authentication: answers a reverse proxy whether a request to an external resource
    /// server may pass.
    AUTH_CHECK = "/auth/check";
    /// The same for proxies that append the path of the request (Envoy).
    AUTH_CHECK_PATH = "/auth/check/{*path}";
    /// The metadata of the external resource server behind a reverse proxy (RFC 9728).
    AUTH_METADATA = "/auth/metadata";
    /// The same for a resource server with a path.
    AUTH_METADATA_PATH = "/auth/metadata/{*path}";
    /// Signs a user in to an external resource server behind a reverse proxy.
    AUTH_START = "/auth/start";
    /// The sign-in page.
    LOGIN = "/login";
    /// Redirects the user to an identity provider to sign in.
    LOGIN_PROVIDER = "/login/{provider}";
    /// The callback of an identity provider (the redirect URI to register at the provider).
    LOGIN_CALLBACK = "/login/{provider}/callback";
    /// Receives an identity provider's notice that a user signed out at it (OpenID Connect
    /// Back-Channel Logout).
    LOGIN_BACKCHANNEL = "/login/{provider}/backchannel-logout";
    /// Asks a user after the first sign-in with an account at an identity provider how to continue.
    LOGIN_WELCOME = "/login/welcome";
    /// Verifies a second factor, or sets one up when it is required.
    LOGIN_SECOND_FACTOR = "/login/second-factor";
    /// Signs in with a passkey alone.
    LOGIN_PASSKEY = "/login/passkey";
    /// Requests a mail for a user who forgot their password.
    LOGIN_FORGOT = "/login/forgot";
    /// Sets a password by the link in a mail.
    LOGIN_RESET = "/login/reset/{secret}";
    /// Ends the session of this browser.
    LOGOUT = "/logout";
    /// Asks a user for consent to a client's request.
    CONSENT = "/consent";
    /// A user's own page: connected apps and sessions.
    ACCOUNT = "/account";
    /// Revokes the access of a connected app.
    ACCOUNT_REVOKE = "/account/revoke";
    /// Ends one of the user's sessions.
    ACCOUNT_END_SESSION = "/account/end-session";
    /// Changes the user's password.
    ACCOUNT_PASSWORD = "/account/password";
    /// A user's passkeys, authenticator app and recovery codes.
    ACCOUNT_SECURITY = "/account/security";
    /// Adds or removes a passkey.
    ACCOUNT_PASSKEYS = "/account/passkeys";
    /// Sets up or removes an authenticator app.
    ACCOUNT_AUTHENTICATOR = "/account/authenticator";
    /// Creates new recovery codes.
    ACCOUNT_RECOVERY = "/account/recovery-codes";
    /// Links an account at an identity provider to this one, or unlinks it.
    ACCOUNT_IDENTITIES = "/account/identities";
    /// Ends a user's connection to an upstream.
    ACCOUNT_CONNECTIONS = "/account/connections";
    /// Reduces the access of a connected app.
    ACCOUNT_NARROW = "/account/narrow";
    /// Explains how to connect each popular client.
    ACCOUNT_CLIENTS = "/account/clients";
    /// A user's personal access tokens.
    ACCOUNT_TOKENS = "/account/tokens";
    /// A user's own part of the audit.
    ACCOUNT_ACTIVITY = "/account/activity";
    /// A user's conversations with the agent.
    ACCOUNT_CONVERSATIONS = "/account/conversations";
    /// Ends the link of an account at a chat server.
    ACCOUNT_CHATS = "/account/chats";
    /// Shows which account at a chat server is to be linked with the signed-in user, and links it.
    ACCOUNT_CHAT = "/account/chats/{secret}";
    /// Receives slash commands and webhooks of a chat server.
    CONNECTOR = "/connectors/{connector}";
    /// Connects an upstream to a user's account, with access of the user's own.
    CONNECT = "/connect/{upstream}";
    /// The callback of an upstream's authorization server (the redirect URI to register at it).
    CONNECT_CALLBACK = "/connect/{upstream}/callback";
    /// States that an upstream is connected.
    CONNECT_DONE = "/connect/{upstream}/done";
    /// The Client ID Metadata Document under which this server is known to upstreams' authorization
    /// servers.
    CONNECT_CLIENT = "/.well-known/doorward-client.json";
    /// Shows a user the call that a client requests, and the code that confirms it.
    CONFIRM = "/confirm/{id}";
    /// The administrators' overview.
    ADMIN = "/admin";
    /// Upstreams, listed with their state.
    ADMIN_UPSTREAMS = "/admin/upstreams";
    /// One upstream: its tools, access, connections, settings and activity.
    ADMIN_UPSTREAM = "/admin/upstreams/{upstream}";
    /// News of the lines of the processes of an upstream, for its open page.
    ADMIN_UPSTREAM_LOG = "/admin/upstreams/{upstream}/log";
    /// The documents that were uploaded to a collection: list, upload, remove.
    ADMIN_DOCUMENTS = "/admin/upstreams/{upstream}/documents";
    /// Groups of users: list, add.
    ADMIN_GROUPS = "/admin/groups";
    /// One group: roles and members.
    ADMIN_GROUP = "/admin/groups/{group}";
    /// Users: list, add, invite.
    ADMIN_USERS = "/admin/users";
    /// Import of users from a table.
    ADMIN_USERS_IMPORT = "/admin/users/import";
    /// One user: profile, sessions, apps and tokens.
    ADMIN_USER = "/admin/users/{user}";
    /// Clients: list, add, clean up.
    ADMIN_CLIENTS = "/admin/clients";
    /// One client, named in the query.
    ADMIN_CLIENT = "/admin/clients/one";
    /// Personal access tokens and service tokens of all users.
    ADMIN_TOKENS = "/admin/tokens";
    /// Trust rules of workloads.
    ADMIN_TRUST = "/admin/trust";
    /// Identity providers.
    ADMIN_PROVIDERS = "/admin/providers";
    /// External resource servers.
    ADMIN_RESOURCES = "/admin/resources";
    /// An external resource server.
    ADMIN_RESOURCE = "/admin/resources/{resource}";
    /// Toolsets: list, add.
    ADMIN_TOOLSETS = "/admin/toolsets";
    /// One toolset: its URL, its selection and what that selects at this moment.
    ADMIN_TOOLSET = "/admin/toolsets/{toolset}";
    /// Tools of all upstreams that wait for a decision.
    ADMIN_APPROVALS = "/admin/approvals";
    /// The rules of the policy, and an explanation of its decisions.
    ADMIN_POLICY = "/admin/policy";
    /// The users who may use an item, or who have a role.
    ADMIN_POLICY_WHO = "/admin/policy/who";
    /// The tools of all upstreams, each with the answer for a user.
    ADMIN_POLICY_TOOLS = "/admin/policy/tools";
    /// The versions of the policy that administrators saved.
    ADMIN_POLICY_VERSIONS = "/admin/policy/versions";
    /// One version of the policy.
    ADMIN_POLICY_VERSION = "/admin/policy/versions/{version}";
    /// Tries other rules of the policy on the calls of the audit.
    ADMIN_POLICY_DRY_RUN = "/admin/policy/dry-run";
    /// The settings of a set of rules besides the policy.
    ADMIN_RULES = "/admin/rules/{set}";
    /// The versions of a set of rules.
    ADMIN_RULES_VERSIONS = "/admin/rules/{set}/versions";
    /// One version of a set of rules.
    ADMIN_RULES_VERSION = "/admin/rules/{set}/versions/{version}";
    /// Tries other access rules on the calls of the audit.
    ADMIN_RULES_DRY_RUN = "/admin/rules/{set}/dry-run";
    /// Connects a service to an upstream, with an account of the operator's there.
    ADMIN_USER_CONNECT = "/admin/users/{user}/connect/{upstream}";
    /// Accounts at chat servers that are linked with users.
    ADMIN_CHATS = "/admin/chats";
    /// Signing keys.
    ADMIN_KEYS = "/admin/keys";
    /// The connection attempts of clients, with the reasons of failures.
    ADMIN_TIMELINE = "/admin/timeline";
    /// Searches the audit.
    ADMIN_AUDIT = "/admin/audit";
    /// The audit as a file.
    ADMIN_AUDIT_EXPORT = "/admin/audit/export";
    /// News of the audit for an open page.
    ADMIN_AUDIT_NEWS = "/admin/audit/news";
    /// One entry of the audit.
    ADMIN_AUDIT_ENTRY = "/admin/audit/entries/{seq}";
    /// The record of a call, for auditors.
    ADMIN_AUDIT_RECORD = "/admin/audit/records/{record}";
    /// Searches users, clients, upstreams and tools.
    ADMIN_SEARCH = "/admin/search";
    /// Settings of the server: the MCP server's switch, the notice, a test mail.
    ADMIN_SETTINGS = "/admin/settings";
    /// Usage: numbers of tool calls, for administrators and auditors.
    ADMIN_USAGE = "/admin/usage";
    /// Numbers of tool calls as CSV.
    ADMIN_USAGE_CSV = "/admin/usage/csv";
    /// Sets the notice that every page shows.
    ADMIN_NOTICE = "/admin/notice";
    /// Sends a test mail.
    ADMIN_TEST_MAIL = "/admin/test-mail";
    /// Enables or disables the MCP server.
    ADMIN_MCP = "/admin/mcp";
    /// Opens a one-time administrator link.
    ADMIN_LINK = "/admin/link/{secret}";
    /// The upstreams and tools that the user of an access token for the MCP endpoint may use, for
    /// applications.
    API_AVAILABLE = "/api/available";
    /// Sessions of users at applications of the operator: an application that an administrator
    /// permitted to exchange tokens turns a user's access token into one, asks about it and ends it.
    API_SESSION = "/api/session";
    /// The administrators' API for programs. A token for it has the scope `admin` and this URL as
    /// its audience.
    API_ADMIN = "/api/admin";
    /// The description of the API (OpenAPI 3.1).
    API_OPENAPI = "/api/admin/openapi.json";
    /// Groups of users: list (GET), add (POST).
    API_GROUPS = "/api/admin/groups";
    /// One group: show (GET), change (PATCH), delete (DELETE).
    API_GROUP = "/api/admin/groups/{group}";
    /// Members of a group: list (GET), add or remove (POST).
    API_GROUP_MEMBERS = "/api/admin/groups/{group}/members";
    /// Users: list (GET), add or invite (POST).
    API_USERS = "/api/admin/users";
    /// Import of users from a table (POST).
    API_USERS_IMPORT = "/api/admin/users/import";
    /// One user: show (GET), change (PATCH), delete (DELETE).
    API_USER = "/api/admin/users/{user}";
    /// Ends a user's sessions (POST).
    API_USER_SIGN_OUT = "/api/admin/users/{user}/sign-out";
    /// Sets a user's password (POST).
    API_USER_PASSWORD = "/api/admin/users/{user}/password";
    /// Removes a user's second factors (DELETE).
    API_USER_FACTORS = "/api/admin/users/{user}/factors";
    /// Ends one of a user's sessions (DELETE).
    API_USER_SESSION = "/api/admin/users/{user}/sessions/{session}";
    /// Revokes a user's grants to a client (DELETE).
    API_USER_APP = "/api/admin/users/{user}/apps/{client}";
    /// The connections of a service to upstreams.
    API_USER_CONNECTIONS = "/api/admin/users/{user}/connections";
    /// The connection of a service to one upstream.
    API_USER_CONNECTION = "/api/admin/users/{user}/connections/{upstream}";
    /// Clients: list (GET), add (POST).
    API_CLIENTS = "/api/admin/clients";
    /// Deletes unused registrations (POST).
    API_CLIENTS_CLEAN = "/api/admin/clients/clean-up";
    /// One client: show (GET), delete (DELETE). A URL as client_id is percent-encoded.
    API_CLIENT = "/api/admin/clients/{client}";
    /// Decides about a client (POST).
    API_CLIENT_DECISION = "/api/admin/clients/{client}/decision";
    /// The permission of a client to exchange tokens: give (PUT), end (DELETE).
    API_CLIENT_EXCHANGE = "/api/admin/clients/{client}/exchange";
    /// Trust rules of workloads: list (GET), add (POST).
    API_TRUST = "/api/admin/trust";
    /// One trust rule: show (GET), change (PATCH), delete (DELETE).
    API_TRUST_RULE = "/api/admin/trust/{rule}";
    /// Identity providers: list (GET), add (POST).
    API_PROVIDERS = "/api/admin/providers";
    /// One identity provider: show (GET), delete (DELETE).
    API_PROVIDER = "/api/admin/providers/{provider}";
    /// Tests an identity provider (POST).
    API_PROVIDER_TEST = "/api/admin/providers/{provider}/test";
    /// External resource servers: list (GET), add (POST).
    API_RESOURCES = "/api/admin/resources";
    /// One external resource server: show (GET), change (PATCH), remove (DELETE).
    API_RESOURCE = "/api/admin/resources/{resource}";
    /// Replaces the secret of an external resource server (POST).
    API_RESOURCE_SECRET = "/api/admin/resources/{resource}/secret";
    /// Toolsets: list (GET), add (POST).
    API_TOOLSETS = "/api/admin/toolsets";
    /// One toolset: show (GET), change (PATCH), remove (DELETE).
    API_TOOLSET = "/api/admin/toolsets/{toolset}";
    /// The rules of the policy in effect (GET); saves others (PUT, with `If-Match`).
    API_POLICY = "/api/admin/policy";
    /// The versions of the policy that administrators saved (GET).
    API_POLICY_VERSIONS = "/api/admin/policy/versions";
    /// One version of the policy (GET).
    API_POLICY_VERSION = "/api/admin/policy/versions/{version}";
    /// Saves the rules of an earlier version again (POST, with `If-Match`).
    API_POLICY_RESTORE = "/api/admin/policy/versions/{version}/restore";
    /// Compares other rules with those in effect by the calls of the audit (POST).
    API_POLICY_DRY_RUN = "/api/admin/policy/dry-run";
    /// Decides about cases under the rules in effect (POST).
    API_POLICY_TEST = "/api/admin/policy/test";
    /// Explains the decision on a user's use of a tool, prompt, resource or upstream (GET).
    API_EXPLAIN = "/api/admin/policy/explain";
    /// The users who may use an item, or who have a role (GET).
    API_POLICY_WHO = "/api/admin/policy/who";
    /// The tools of all upstreams, each with the answer for a user (GET).
    API_POLICY_TOOLS = "/api/admin/policy/tools";
    /// A set of rules besides the policy: the settings in effect (GET), save others (PUT).
    API_RULES = "/api/admin/rules/{set}";
    /// The versions of a set of rules (GET).
    API_RULES_VERSIONS = "/api/admin/rules/{set}/versions";
    /// One version of a set of rules (GET).
    API_RULES_VERSION = "/api/admin/rules/{set}/versions/{version}";
    /// Saves the settings of an earlier version as the next version (POST).
    API_RULES_RESTORE = "/api/admin/rules/{set}/versions/{version}/restore";
    /// Compares other access rules with those in effect by the calls of the audit (POST).
    API_RULES_DRY_RUN = "/api/admin/rules/{set}/dry-run";
    /// Personal access tokens and service tokens: list (GET), create one for a service (POST).
    API_TOKENS = "/api/admin/tokens";
    /// Revokes a personal access token or service token (DELETE).
    API_TOKEN = "/api/admin/tokens/{token}";
    /// Accounts at chat servers that are linked with users (GET).
    API_CHATS = "/api/admin/chats";
    /// Ends such a link (DELETE).
    API_CHAT = "/api/admin/chats/{link}";
    /// Signing keys (GET).
    API_KEYS = "/api/admin/keys";
    /// Creates a new signing key (POST).
    API_KEYS_ROTATE = "/api/admin/keys/rotate";
    /// Settings that change while the server runs: show (GET), change (PUT).
    API_SETTINGS = "/api/admin/settings";
    /// The health of the server (GET).
    API_HEALTH = "/api/admin/health";
    /// Sends a test mail (POST).
    API_TEST_MAIL = "/api/admin/mail/test";
    /// Searches the audit (GET).
    API_AUDIT = "/api/admin/audit";
    /// Exports the audit (GET).
    API_AUDIT_EXPORT = "/api/admin/audit/export";
    /// One entry of the audit (GET).
    API_AUDIT_ENTRY = "/api/admin/audit/{entry}";
    /// The record of a call (GET, role auditor).
    API_AUDIT_RECORD = "/api/admin/audit/records/{record}";
    /// The connection attempts of clients, with the reasons of failures (GET).
    API_TIMELINE = "/api/admin/timeline";
    /// Numbers of tool calls, for administrators and auditors (GET).
    API_USAGE = "/api/admin/usage";
    /// Tools that were not called, and users without a client, for administrators and auditors
    /// (GET).
    API_USAGE_UNUSED = "/api/admin/usage/unused";
    /// Counts the numbers of usage again from the audit (POST).
    API_USAGE_REBUILD = "/api/admin/usage/rebuild";
    /// Lists upstreams (GET) and adds one (POST).
    API_UPSTREAMS = "/api/admin/upstreams";
    /// Shows an upstream (GET) and deletes one that was added (DELETE).
    API_UPSTREAM = "/api/admin/upstreams/{upstream}";
    /// Tests an upstream (POST).
    API_UPSTREAM_TEST = "/api/admin/upstreams/{upstream}/test";
    /// Lists an upstream again (POST).
    API_UPSTREAM_REFRESH = "/api/admin/upstreams/{upstream}/refresh";
    /// The newest lines of the processes of an upstream.
    API_UPSTREAM_LOG = "/api/admin/upstreams/{upstream}/log";
    /// Accepts the authorization server that an upstream names (PUT, with `If-Match`).
    API_UPSTREAM_SERVER = "/api/admin/upstreams/{upstream}/authorization-server";
    /// Lists the documents that were uploaded to a collection (GET), stores one (PUT) and removes
    /// one (DELETE).
    API_DOCUMENTS = "/api/admin/upstreams/{upstream}/documents";
    /// Tools of all upstreams that wait for a decision (GET); decisions about several (POST).
    API_APPROVALS = "/api/admin/approvals";
    /// The tools of an upstream with their state (GET).
    API_TOOLS = "/api/admin/upstreams/{upstream}/tools";
    /// Decides about a tool (PUT, with `If-Match`).
    API_TOOL = "/api/admin/upstreams/{upstream}/tools/{tool}";
    /// The MCP endpoint: Streamable HTTP, every revision at one URL.
    MCP = "/mcp";
    /// One upstream alone, as a resource (audience) of its own.
    MCP_UPSTREAM = "/mcp/{upstream}";
    /// The tools of a toolset, as a resource (audience) of its own.
    MCP_TOOLSET = "/mcp/set/{toolset}";
    /// The same tools, for personal access tokens and service tokens only: no OAuth discovery
    /// begins here.
    MCP_KEY = "/mcp-key";
    /// One upstream alone, for personal access tokens and service tokens.
    MCP_KEY_UPSTREAM = "/mcp-key/{upstream}";
    /// The tools of a toolset, for personal access tokens and service tokens.
    MCP_KEY_TOOLSET = "/mcp-key/set/{toolset}";
    /// The deprecated HTTP+SSE transport's event stream (MCP 2024-11-05).
    MCP_SSE = "/mcp/sse";
    /// Receives the messages of clients of the deprecated HTTP+SSE transport.
    MCP_MESSAGES = "/mcp/messages";
    /// Style sheet and icons.
    ASSETS = "/assets/{file}";
    /// Liveness: the process responds.
    HEALTHZ = "/healthz";
    /// Readiness: the database responds and a signing key is available.
    READYZ = "/readyz";
}
