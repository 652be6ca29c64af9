//! The listener and the outbound client.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The listener: its IP address and port, and its trusted proxies.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The IP address and port to listen on, such as `0.0.0.0:8400`, or `localhost:8400` for both
    /// loopback IP addresses, 127.0.0.1 and ::1.
    pub listen: String,
    /// The URL under which users and clients reach this server, in canonical spelling: lower case,
    /// no default port, no trailing slash, https unless its host is this machine. It is the OAuth
    /// issuer. Empty for `http://` (with TLS `https://`) and `listen`, which must then be on this
    /// machine.
    pub public_url: String,
    /// A PEM file with the certificate for https, followed by the intermediate certificates. The
    /// file is read again when it changes; one that cannot be used leaves the old certificate in
    /// use. Empty without https, or where a reverse proxy serves it.
    pub tls_certificate: String,
    /// A PEM file with the private key of `tls_certificate`, not encrypted.
    pub tls_key: String,
    /// `self-signed` serves https with a certificate that this server creates for the host of
    /// `public_url` and keeps in the data directory: for a network without a certificate authority.
    /// Clients must be configured to trust it. Empty for none.
    pub tls: String,
    /// Networks (like `10.0.0.0/8`) of the reverse proxies whose `X-Forwarded-For` is trusted. No
    /// other forwarded header is used.
    pub trusted_proxies: Vec<String>,
    /// Values of the `Host` header that MCP requests may carry besides the public URL's, for a
    /// reverse proxy that changes it.
    pub allowed_hosts: Vec<String>,
    /// Maximum number of connections at the same time.
    pub max_connections: usize,
    /// Maximum number of connections of one IP address (of one /64 network of IPv6) at the same
    /// time; further ones are closed at once. The IP addresses of `trusted_proxies` are not
    /// counted, since all clients come from them. An open event stream is one connection.
    pub max_connections_per_address: usize,
    /// Number of requests of one IP address (of one /64 network of IPv6) that may be refused at
    /// once before further ones receive 429: wrong or missing credentials, unreadable requests,
    /// unknown URLs. Requests that are dropped before their response count as refused. One client
    /// at one IP address has a third of it. Requests behind a bearer token count only without a
    /// valid token, and may be ten times as many.
    pub refused_burst_per_address: u32,
    /// Number of requests of one IP address that may be refused per minute in the long run.
    pub refused_per_minute_per_address: u32,
    /// Seconds for which requests in flight may finish after the first SIGTERM or SIGINT.
    pub shutdown_seconds: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "localhost:8400".to_owned(),
            public_url: String::new(),
            tls_certificate: String::new(),
            tls_key: String::new(),
            tls: String::new(),
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            max_connections: 4096,
            max_connections_per_address: 512,
            refused_burst_per_address: 2000,
            refused_per_minute_per_address: 120,
            shutdown_seconds: 30,
        }
    }
}

/// Requests that this server makes, such as fetching a Client ID Metadata Document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// Networks that may be connected to although they are not public, such as `10.1.2.0/24`.
    /// Otherwise all private, loopback, link-local and reserved IP addresses are refused, whatever
    /// name resolves to them.
    pub allow_networks: Vec<String>,
    /// Networks that administrators may choose for an upstream or identity provider that they add
    /// through the API, such as `10.1.2.0/24`: `networks` must lie within them, and
    /// `http_on_loopback` needs a loopback network among them. Empty for none: then only this file
    /// and the commands can permit an upstream or provider in a network that is not public.
    pub administered_networks: Vec<String>,
    /// PEM files with certificate authorities to trust besides those of the system.
    pub extra_ca_files: Vec<String>,
    /// Timeout of a request, in seconds.
    pub timeout_seconds: u64,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            administered_networks: Vec::new(),
            extra_ca_files: Vec::new(),
            timeout_seconds: 5,
        }
    }
}
