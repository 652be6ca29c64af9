//! One identity provider's settings: a table `[providers.NAME]` of the configuration file, or the
//! settings stored by `doorward provider add`.

use doorward_model::SecretSetting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One identity provider. Presets (`kind`) need only `client_id` and `client_secret`, and a URL
/// where each installation has its own.
#[expect(
    clippy::struct_excessive_bools,
    reason = "keys of a configuration file are independent of each other"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its kind: `oidc`, `oauth2`, `google`, `entra`, `okta`, `keycloak`, `gitlab`, `github` or
    /// `mattermost`.
    pub kind: String,
    /// The text of its button; empty for the default of the kind.
    pub name: String,
    /// True if users may sign in through it. Disabling it ends no access; deleting it does.
    pub enabled: bool,
    /// The provider's URL. For `oidc`, `okta` and `keycloak` exactly the issuer of its metadata;
    /// for `gitlab`, `github` and `mattermost` the URL of your own installation; for `entra` a
    /// cloud other than the public one. https, or http on this machine.
    pub issuer: String,
    /// The client ID that the provider issued.
    pub client_id: String,
    /// The client secret that the provider issued. Prefer the variable's `_FILE` form to the
    /// configuration file.
    pub client_secret: SecretSetting,
    /// Authentication at its token endpoint: `client_secret_basic`, `client_secret_post`,
    /// `private_key_jwt` or `none`; empty for the default of the kind.
    pub token_auth_method: String,
    /// For `private_key_jwt`: a PEM file with the private key. Without one, the server's own
    /// signing keys are used; give the provider the URL of `/oauth/jwks` at this server as
    /// `jwks_uri`.
    pub private_key_file: String,
    /// The `kid` of that key at the provider.
    pub private_key_id: String,
    /// For `entra`: the IDs of the tenants whose users are admitted. At least one.
    pub tenants: Vec<String>,
    /// Scopes to request; empty for those of the kind. With OpenID Connect, `openid` is always
    /// requested as well.
    pub scopes: Vec<String>,
    /// Further parameters of the authorization request, each written `NAME=VALUE`, such as
    /// `audience=https://api.example.com`, `domain_hint=example.com` or `prompt=select_account`.
    /// Parameters that Doorward sets itself are refused.
    pub authorize_params: Vec<String>,
    /// Use PKCE (S256), even if the provider does not announce it. Disable it only for a provider
    /// that refuses requests with PKCE.
    pub pkce: bool,
    /// For OpenID Connect: the URL of the discovery document, where it is not below `issuer`. The
    /// document must still name `issuer`, or have a placeholder such as `{tenantid}` in place of the
    /// tenant in it.
    pub discovery_url: String,
    /// The form of its authorization response: `query` or `form_post`.
    pub response_mode: String,
    /// Authentication contexts to request (`acr_values`) when the client's request names none,
    /// separated by spaces.
    pub acr_values: String,
    /// Send `prompt=consent` with the scope `offline_access`, as OpenID Connect Core §11 requires.
    /// Some providers give no refresh token without it.
    pub offline_prompt: bool,
    /// Its authorization endpoint. Needed for `oauth2`; for the other kinds, instead of the one
    /// that is discovered or known.
    pub authorize_url: String,
    /// Its token endpoint. Needed for `oauth2`; for the other kinds, instead of the one that is
    /// discovered or known.
    pub token_url: String,
    /// Its userinfo endpoint. Needed for `oauth2`; for OpenID Connect, in place of the one that is
    /// discovered.
    pub userinfo_url: String,
    /// For OpenID Connect: its key set, in place of the one that is discovered. With
    /// `authorize_url` and `token_url` no discovery document is needed.
    pub jwks_url: String,
    /// Its sign-out page, in place of the one that is discovered.
    pub end_session_url: String,
    /// The claim that identifies a user and never changes: a name, or a JSON pointer such as
    /// `/data/id`. Empty for the default of the kind, as for all claims below.
    pub claim_subject: String,
    /// The claim with the user name.
    pub claim_username: String,
    /// The claim with the e-mail address.
    pub claim_email: String,
    /// The claim that states whether the e-mail address was verified.
    pub claim_email_verified: String,
    /// The claim with the display name.
    pub claim_name: String,
    /// The claim with groups: a list, a text of words separated by spaces, or a list of objects
    /// with `name`.
    pub claim_groups: String,
    /// Treat its e-mail addresses as verified although it does not state that they are. Only for a
    /// provider that does not let users choose their e-mail address.
    pub trust_email: bool,
    /// Only users with a verified e-mail address in one of these domains are admitted; empty for
    /// all. For `google`, the organisation (`hd`) counts.
    pub allowed_domains: Vec<String>,
    /// Only members of one of these groups are admitted; empty for all. `*` matches any text.
    pub allowed_groups: Vec<String>,
    /// Rules `CLAIM = PATTERN`; only users for whom all of them hold are admitted.
    pub required_claims: Vec<String>,
    /// `open`: every user who is admitted gets an account at the first sign-in. `invited`: only
    /// users invited by an administrator. Empty is `open` where an organisation decides on the
    /// accounts of the provider; where anyone can have one (Google, GitHub, GitLab.com, personal
    /// Microsoft accounts), it must be set unless `allowed_domains`, `allowed_groups` or
    /// `required_claims` limits who is admitted.
    pub sign_up: String,
    /// Domains whose e-mail addresses this provider alone assigns. A user who signs in with such an
    /// e-mail address, verified, gets the account that already has it, without confirmation.
    pub authoritative_domains: Vec<String>,
    /// Domains of e-mail addresses that direct a user to this provider when entered at sign-in;
    /// empty for `allowed_domains`.
    pub home_domains: Vec<String>,
    /// Roles by claims: rules `CLAIM = PATTERN -> ROLE`, such as `groups = engineering-* ->
    /// developer`. Evaluated at every sign-in and every background refresh.
    pub roles: Vec<String>,
    /// Second factor at this server: `enrolled` (for users who have one), `required` (for all
    /// users) or `never` (the provider's sign-in is sufficient; users who have a second factor are
    /// asked for it before they change their methods of sign-in).
    pub second_factor: String,
    /// Values of its `acr` or `amr` that count as two factors.
    pub trusted_factors: Vec<String>,
    /// Seconds after which the provider is asked again about a user's account and its groups.
    pub refresh_seconds: i64,
    /// Seconds for which access continues while the provider cannot be reached for a check.
    pub grace_seconds: i64,
    /// Seconds for which access continues if the provider issued no token for checks, or the user
    /// signed out. After that, the user must sign in again.
    pub confirm_seconds: i64,
    /// End connected apps too when the user signs out at the provider (back-channel
    /// logout), not only browser sessions.
    pub logout_ends_grants: bool,
    /// Accept its assertions about users, which clients present (enterprise-managed authorization):
    /// the provider then decides which client acts for which user, and users are not asked for
    /// consent. For OpenID Connect.
    pub assertions: bool,
    /// A PEM file with the certificate authority of the provider, if it is a private one.
    pub ca_file: String,
    /// Networks that are not public and that the provider may be in, such as `10.1.0.0/16`.
    pub networks: Vec<String>,
}

doorward_model::secret_members!(ProviderConfig: client_secret);

impl Default for ProviderConfig {
    fn default() -> Self {
        let empty = String::new;
        Self {
            kind: empty(),
            name: empty(),
            enabled: true,
            issuer: empty(),
            client_id: empty(),
            client_secret: SecretSetting::default(),
            token_auth_method: empty(),
            private_key_file: empty(),
            private_key_id: empty(),
            tenants: Vec::new(),
            scopes: Vec::new(),
            authorize_params: Vec::new(),
            pkce: true,
            discovery_url: empty(),
            response_mode: "query".to_owned(),
            acr_values: empty(),
            offline_prompt: true,
            authorize_url: empty(),
            token_url: empty(),
            userinfo_url: empty(),
            jwks_url: empty(),
            end_session_url: empty(),
            claim_subject: empty(),
            claim_username: empty(),
            claim_email: empty(),
            claim_email_verified: empty(),
            claim_name: empty(),
            claim_groups: empty(),
            trust_email: false,
            allowed_domains: Vec::new(),
            allowed_groups: Vec::new(),
            required_claims: Vec::new(),
            sign_up: empty(),
            authoritative_domains: Vec::new(),
            home_domains: Vec::new(),
            roles: Vec::new(),
            second_factor: "enrolled".to_owned(),
            trusted_factors: Vec::new(),
            refresh_seconds: 86_400,
            grace_seconds: 3 * 86_400,
            confirm_seconds: 7 * 86_400,
            logout_ends_grants: false,
            assertions: false,
            ca_file: empty(),
            networks: Vec::new(),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingError {
    /// The key within the provider's table.
    pub key: &'static str,
    /// The fault and the remedy.
    pub message: String,
}

impl SettingError {
    pub(crate) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }
}
