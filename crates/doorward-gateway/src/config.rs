//! One upstream, as it is configured.

use doorward_model::{NamedSecret, SecretSetting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An upstream: the server, its offers, and the credentials of calls. A short name of your choice
/// is in its table's head and prefixes the names of its tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "keys of a configuration file are independent of each other"
)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Its kind: `http` (Streamable HTTP of any revision), `sse` (the old HTTP+SSE), `stdio` (a
    /// local process), `openapi` or `knowledge` (folders of documents).
    pub kind: String,
    /// Its display name. Empty for its short name.
    pub title: String,
    /// True if its tools are offered to users.
    pub enabled: bool,
    /// Its URL: the MCP endpoint, the event stream of `sse`, or the base URL of the API of
    /// `openapi` where the document does not name it.
    pub url: String,
    /// The command of a `stdio` upstream and its arguments, which are not interpreted by a shell.
    pub command: Vec<String>,
    /// Environment variables of the process, as `NAME=VALUE`. They are kept sealed. In a value,
    /// `{token}` is replaced by the user's own token as `auth` yields it; the process then runs
    /// once for each user.
    pub env: Vec<NamedSecret<'='>>,
    /// Names of Doorward's environment variables that are passed to the process, besides `PATH`,
    /// `HOME`, `LANG`, `TZ` and `TMPDIR`.
    pub pass_env: Vec<String>,
    /// The user of the operating system that the process runs as, where Doorward runs as root: a
    /// name, `UID` or `UID:GID`. Empty for a separate user ID of the upstream, with a separate
    /// folder as `HOME` and `TMPDIR`. Where Doorward does not run as root, every process runs as
    /// Doorward's user, and this must be empty.
    pub user: String,
    /// The folder in which the process runs.
    pub working_dir: String,
    /// True if a separate process runs for each user.
    #[serde(alias = "per_person")]
    pub per_user: bool,
    /// The OpenAPI document of an `openapi` upstream: a file or an https URL.
    pub document: String,
    /// The folders of a `knowledge` upstream, each as an absolute path or `LABEL = PATH`. The
    /// label, or else the last part of the path, begins the paths of its documents.
    pub folders: Vec<String>,
    /// The files to index, by patterns of their paths such as `handbook/*.md`. Empty for all files
    /// of a known format. Files that match a pattern but have no known format are read as text.
    pub files: Vec<String>,
    /// Files and folders not to index, by patterns of their paths such as `*/drafts`. Hidden files
    /// are never indexed.
    pub exclude_files: Vec<String>,
    /// Roles of which a user needs at least one to see the documents below a path, as rules `PATH =
    /// role, role`. The rule with the longest path decides; documents without a rule are for all
    /// users of the upstream.
    pub folder_roles: Vec<String>,
    /// The URL at which users read a document, with `{path}`, such as
    /// `https://git.example.com/docs/{path}`. Citations contain it. `{commit}` is the commit of the
    /// Git working copy that the document was read from.
    pub document_url: String,
    /// Maximum size of an indexed file, in bytes; 0 for 32 MiB.
    pub file_bytes: u64,
    /// Maximum number of documents of a `knowledge` upstream; 0 for a million.
    pub most_documents: u64,
    /// Seconds between two scans for changed files; 0 for 10. If a scan takes long, the pause is
    /// longer.
    pub scan_seconds: u64,
    /// A folder of a `knowledge` upstream, as an absolute path or `LABEL = PATH`, for documents that
    /// administrators upload on the page, by the API or by command. Its files are indexed as those of
    /// `folders`. The folder must exist, and Doorward must be able to write in it.
    pub uploads: String,
    /// The URL of an endpoint of embeddings in the format of OpenAI, such as
    /// `https://models.example.com/v1/embeddings`. The passages of a `knowledge` upstream and its
    /// users' queries are sent to it, and passages are then found by their meaning too. The endpoint
    /// may be in `networks`.
    pub embedding_url: String,
    /// The name of the model of `embedding_url`.
    pub embedding_model: String,
    /// A file with the key for `embedding_url`, which is sent as a bearer token.
    pub embedding_key_file: String,
    /// Maximum number of passages that are found by their meaning; 0 for 200000.
    pub embedding_passages: u64,
    /// Upstreams, by their names, whose resources a `knowledge` upstream copies and indexes. They are
    /// read with the access token of `source_token_file` alone, and offered to all users of the
    /// `knowledge` upstream whom `folder_roles` do not exclude.
    pub sources: Vec<String>,
    /// A file with an access token of this server (`doorward token create`), with which the resources
    /// of `sources` are read: what its account may read there is copied, and nothing else.
    pub source_token_file: String,
    /// Seconds between two comparisons with the resources of `sources`; 0 for 3600.
    pub source_seconds: u64,
    /// Maximum number of copied resources of each of `sources`; 0 for 10000.
    pub source_documents: u64,
    /// Maximum size of all copied resources of each of `sources`, in bytes; 0 for 1 GiB.
    pub source_bytes: u64,
    /// Maximum number of uploaded documents; 0 for 10000.
    pub upload_documents: u64,
    /// Maximum size of all uploaded documents together, in bytes; 0 for 1 GiB.
    pub upload_bytes: u64,
    /// Further origins, such as `https://api.example.com`, to which the calls of an `openapi`
    /// upstream may go. Without it, calls go to the origin of `url`, or else to that of the
    /// document's URL; operations with servers elsewhere are left out.
    pub origins: Vec<String>,
    /// Tools to offer, by their names at the upstream; `*` matches any text. Empty for all.
    pub include: Vec<String>,
    /// Tools not to offer.
    pub exclude: Vec<String>,
    /// Credentials of calls: `none`, `header` (a fixed header), `basic` (a fixed user and
    /// password), `identity` (a short-lived token of this server that names the user), `exchange`
    /// (that token exchanged at the upstream's authorization server, RFC 8693), `assertion` (the
    /// user's identity provider asserts the user to the upstream's authorization server, without a
    /// page), `oauth` (each user connects with their own account at the upstream),
    /// `client_credentials` (a token of that server for Doorward itself, the same for all users,
    /// for its client secret or key) or `workload` (the same for a token that names it as a
    /// workload, RFC 7523). Never with the client's own token.
    pub auth: String,
    /// The fixed header of `auth = "header"`, as `Name: value`. It is kept sealed.
    pub header: NamedSecret<':'>,
    /// The identity provider of `auth = "assertion"`, by its short name. Users must have signed in
    /// through it.
    pub identity_provider: String,
    /// The user name of `auth = "basic"`.
    pub username: String,
    /// The password of `auth = "basic"`. It is kept sealed.
    pub password: SecretSetting,
    /// The audience of the token of `identity` and `exchange`. Empty for `url`. With
    /// `client_credentials` and `workload`, it is sent as `audience` if it is set.
    pub audience: String,
    /// The token endpoint of `exchange`; of `oauth` instead of the one that the metadata names.
    pub token_url: String,
    /// The issuer URL of the authorization server of `oauth`, if the upstream does not name it.
    pub issuer: String,
    /// The URL of the authorization server's metadata document, if it is not at a standard URL
    /// below `issuer`, or if this server reaches it under another URL. The document must still name
    /// `issuer`, or have a placeholder such as `{tenantid}` in place of the tenant in it.
    pub discovery_url: String,
    /// The authorization endpoint, instead of the one that the metadata names. With `token_url` and
    /// without `discovery_url` no metadata document is needed.
    pub authorize_url: String,
    /// The endpoint at which this server registers itself as a client, instead of the one that the
    /// metadata names.
    pub registration_url: String,
    /// The endpoint at which tokens are revoked, instead of the one that the metadata names.
    pub revocation_url: String,
    /// This server's client ID at the upstream's authorization server. Empty to register
    /// dynamically or by metadata document.
    pub client_id: String,
    /// This server's client secret at the upstream's authorization server. It is kept sealed.
    pub client_secret: SecretSetting,
    /// A private key of this server at the upstream's authorization server, in place of
    /// `client_secret` (`private_key_jwt`): PKCS#8 in PEM form, RSA, P-256 or Ed25519. It is kept
    /// sealed.
    pub private_key: SecretSetting,
    /// The name of `private_key` at the authorization server (`kid`), if it needs one.
    pub private_key_id: String,
    /// The audience of assertions that this server signs for the authorization server. Empty for
    /// its issuer, or for the token endpoint where `discovery_url` or `token_url` is set.
    pub assertion_audience: String,
    /// With `auth = "workload"`, the file with the token that the platform issues to Doorward, such
    /// as a projected token of Kubernetes. It is read for each request for a token. Empty for a
    /// token that Doorward signs itself, with `url` as its subject.
    pub assertion_file: String,
    /// True if the authorization server must bind access tokens to a key of Doorward (DPoP, RFC
    /// 9449), which then proves each request. Both servers must support it.
    pub dpop: bool,
    /// Authentication at the token endpoint, for a `client_id` that you set: `client_secret_basic`,
    /// `client_secret_post`, `private_key_jwt` or `none`; empty for a method that the metadata
    /// names.
    pub token_auth_method: String,
    /// Scopes to request at the upstream's authorization server. Empty for those that the upstream
    /// requests.
    pub scopes: Vec<String>,
    /// Further parameters of the authorization request, each written `NAME=VALUE`, such as
    /// `access_type=offline`, `audience=https://api.example.com`, `domain_hint=example.com` or
    /// `prompt=select_account`. Parameters that Doorward sets itself are refused.
    pub authorize_params: Vec<String>,
    /// Send `prompt=consent` with the scope `offline_access`, as OpenID Connect Core §11 requires.
    /// Some authorization servers give no refresh token without it.
    pub offline_prompt: bool,
    /// Trust that the authorization server checks PKCE (S256) although its metadata does not state
    /// it. Only with `issuer` and `client_id`, and only for a server that does check it: otherwise
    /// a stolen authorization code can be used.
    pub trust_pkce: bool,
    /// True if `resource` (RFC 8707) is sent to the upstream's authorization server. Some refuse
    /// requests that carry it.
    pub send_resource: bool,
    /// Days for which a user's connection is valid. After that, the user must connect again.
    pub connection_days: i64,
    /// Roles of which a user needs at least one to use it. Empty for all users.
    pub roles: Vec<String>,
    /// True if its tools have their own scopes (`mcp:read:NAME`, …), so that a client can be
    /// limited to this upstream.
    pub own_scopes: bool,
    /// The treatment of a new tool: `auto` offers it, `manual` waits for an administrator's
    /// approval. A tool with a changed definition always waits. With `manual`, prompts and
    /// resources wait too, each as a whole: they are approved as `(prompts)` and `(resources)`.
    pub approve: String,
    /// Classes of tools whose annotations are missing or wrong, as rules `TOOL =
    /// read|write|destructive`.
    pub classes: Vec<String>,
    /// The features of clients and their users that it may use: `elicitation` (ask the user, by a
    /// form or an https link), `sampling` (have the client's model write a text, at the user's
    /// cost), `roots` (read the list of the client's folders). Other features are not announced to
    /// it, and requests for them are refused. Every question shows the upstream's title.
    pub capabilities: Vec<String>,
    /// True if its prompts are offered.
    pub prompts: bool,
    /// True if its resources are offered.
    pub resources: bool,
    /// Networks that are not public and that it may be in, such as `10.1.2.0/24`. In them, and for
    /// names that resolve only to them, `http` without TLS is allowed too: all data, including
    /// tokens, then crosses the network unencrypted. The same holds for `outbound.allow_networks`.
    pub networks: Vec<String>,
    /// A PEM file with the certificate authority of the upstream, if it is a private one.
    pub ca_file: String,
    /// Another spelling of `127.0.0.0/8` and `::1/128` in `networks`.
    pub http_on_loopback: bool,
    /// Seconds after which its lists are requested again.
    pub list_seconds: u64,
    /// Maximum number of its tools that are kept. Further ones are left out and named in the log,
    /// by `doorward upstream test` and on the administrators' page. Decisions about tools that are
    /// no longer listed are kept and count too.
    pub list_tools: usize,
    /// Maximum size of all definitions of its tools together, in bytes.
    pub list_bytes: usize,
    /// Milliseconds that a list waits for it; tools that arrive later are announced to the client.
    pub list_wait_ms: u64,
    /// Maximum time for connecting to it, in seconds; 0 for 20, and for 120 where it is a local
    /// process, which may download its package at its first start.
    pub connect_seconds: u64,
    /// Maximum duration of one call, in seconds; 0 for the general limit.
    pub call_seconds: u64,
    /// Maximum number of calls per minute, of all users together; 0 for no separate limit.
    pub calls_per_minute: u32,
    /// Maximum number of concurrent calls, of all users together; 0 for the general limit.
    pub calls_at_once: u32,
    /// Maximum size of one result, in bytes; 0 for the general limit.
    pub result_bytes: usize,
    /// Seconds without a call after which a connection to it is closed, or its process is ended.
    pub idle_seconds: u64,
}

impl Default for UpstreamConfig {
    #[expect(
        clippy::too_many_lines,
        reason = "a line for each setting, in the order of their list"
    )]
    fn default() -> Self {
        Self {
            kind: String::new(),
            title: String::new(),
            enabled: true,
            url: String::new(),
            command: Vec::new(),
            env: Vec::new(),
            pass_env: Vec::new(),
            user: String::new(),
            working_dir: String::new(),
            per_user: false,
            document: String::new(),
            folders: Vec::new(),
            files: Vec::new(),
            exclude_files: Vec::new(),
            folder_roles: Vec::new(),
            document_url: String::new(),
            file_bytes: 0,
            most_documents: 0,
            scan_seconds: 0,
            uploads: String::new(),
            embedding_url: String::new(),
            embedding_model: String::new(),
            embedding_key_file: String::new(),
            embedding_passages: 0,
            sources: Vec::new(),
            source_token_file: String::new(),
            source_seconds: 0,
            source_documents: 0,
            source_bytes: 0,
            upload_documents: 0,
            upload_bytes: 0,
            origins: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            auth: "none".to_owned(),
            header: NamedSecret::default(),
            identity_provider: String::new(),
            username: String::new(),
            password: SecretSetting::default(),
            audience: String::new(),
            token_url: String::new(),
            issuer: String::new(),
            discovery_url: String::new(),
            authorize_url: String::new(),
            registration_url: String::new(),
            revocation_url: String::new(),
            client_id: String::new(),
            client_secret: SecretSetting::default(),
            private_key: SecretSetting::default(),
            private_key_id: String::new(),
            assertion_audience: String::new(),
            assertion_file: String::new(),
            dpop: false,
            token_auth_method: String::new(),
            scopes: Vec::new(),
            authorize_params: Vec::new(),
            offline_prompt: true,
            trust_pkce: false,
            send_resource: true,
            connection_days: 30,
            roles: Vec::new(),
            own_scopes: false,
            approve: "auto".to_owned(),
            classes: Vec::new(),
            capabilities: vec!["elicitation".to_owned()],
            prompts: true,
            resources: true,
            networks: Vec::new(),
            ca_file: String::new(),
            http_on_loopback: false,
            list_seconds: 300,
            list_tools: 2000,
            list_bytes: 8 * 1024 * 1024,
            list_wait_ms: 3000,
            connect_seconds: 0,
            call_seconds: 0,
            calls_per_minute: 0,
            calls_at_once: 0,
            result_bytes: 0,
            idle_seconds: 300,
        }
    }
}

/// The features of clients and their users that an upstream may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// It may ask users.
    pub(crate) elicitation: bool,
    /// It may have a client's model write a text.
    pub(crate) sampling: bool,
    /// It may read the list of a client's folders.
    pub(crate) roots: bool,
}

impl Capabilities {
    /// Reads the names of `capabilities`.
    pub(crate) fn parse(names: &[String]) -> Result<Self, SettingError> {
        let mut found = Self::default();
        for name in names {
            match name.as_str() {
                "elicitation" => found.elicitation = true,
                "sampling" => found.sampling = true,
                "roots" => found.roots = true,
                other => {
                    return Err(SettingError::new(
                        "capabilities",
                        format!("{other:?} is not one of elicitation, sampling, roots"),
                    ));
                }
            }
        }
        Ok(found)
    }
}

/// The settings that are secrets, in the form in which they are sealed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Secrets {
    env: Vec<String>,
    header: String,
    password: String,
    client_secret: String,
    #[serde(default)]
    private_key: String,
}

doorward_model::secret_members!(
    UpstreamConfig: env, header, password, client_secret, private_key
);

impl UpstreamConfig {
    /// The values of the setting `auth`.
    pub const AUTH: [&str; 9] = [
        "none",
        "header",
        "basic",
        "identity",
        "exchange",
        "assertion",
        "oauth",
        "client_credentials",
        "workload",
    ];

    /// Takes the secrets out.
    pub(crate) fn split(mut self) -> (Self, Option<Secrets>) {
        let secrets = Secrets {
            env: std::mem::take(&mut self.env)
                .iter()
                .map(|pair| pair.reveal().to_owned())
                .collect(),
            header: std::mem::take(&mut self.header).reveal().to_owned(),
            password: std::mem::take(&mut self.password).reveal().to_owned(),
            client_secret: std::mem::take(&mut self.client_secret).reveal().to_owned(),
            private_key: std::mem::take(&mut self.private_key).reveal().to_owned(),
        };
        let some = !(secrets.env.is_empty()
            && secrets.header.is_empty()
            && secrets.password.is_empty()
            && secrets.client_secret.is_empty()
            && secrets.private_key.is_empty());
        (self, some.then_some(secrets))
    }
    /// Puts the secrets back.
    pub(crate) fn join(mut self, secrets: Secrets) -> Self {
        self.env = secrets.env.into_iter().map(NamedSecret::from).collect();
        self.header = secrets.header.into();
        self.password = secrets.password.into();
        self.client_secret = secrets.client_secret.into();
        self.private_key = secrets.private_key.into();
        self
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingError {
    /// The key.
    pub key: &'static str,
    /// The fault and its remedy.
    pub message: String,
}

impl SettingError {
    pub(crate) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }
}

/// A wrong setting of an upstream of the configuration file.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{upstream}: {error}")]
pub struct ConfiguredUpstreamError {
    /// The upstream.
    pub upstream: String,
    /// The fault.
    pub error: SettingError,
}
