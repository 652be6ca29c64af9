//! The one door for requests that this server makes.
//!
//! The address filter looks at what is connected to, after name resolution, so that a name cannot
//! change its meaning between the check and the connection (DNS rebinding). Redirects are
//! followed by the requests that say so, within one origin, and proxies of the environment are
//! ignored.

mod explain;
mod public;
mod redirects;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use ipnet::IpNet;
use reqwest::{Certificate, dns, header::HeaderMap};
use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::{
    OutboundConfig,
    budget::{Budget, Exceeded, ReadError},
};
use explain::explain;
pub use explain::explain as reason;
pub use public::is_public;

/// Makes guarded requests. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    allowed: Arc<[IpNet]>,
    permits: Arc<Semaphore>,
    http_on_loopback: bool,
    timeout: Duration,
}

/// The operator's permissions for one correspondent beyond those for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Correspondent<'a> {
    /// Networks that it may be in although they are not public.
    pub networks: &'a [String],
    /// A PEM file with the certificate authority that signs for it.
    pub ca_file: Option<&'a str>,
    /// True if it may be spoken to without TLS while it is on this very machine.
    pub http_on_loopback: bool,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Fetched {
    /// Reads the body as JSON, within the budget of a record. Every JSON answer to a request of
    /// ours is read here, apart from those of REST APIs, which have a budget of their own.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ReadError> {
        Budget::of_record(self.body.len()).json(&self.body)
    }

    /// Fails if the body says that it is JSON and goes beyond the budget of a record: for answers
    /// that a library reads.
    pub fn within_budget(&self) -> Result<(), Exceeded> {
        let kind = self
            .headers
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        // What might be taken for JSON is counted, however it is spelled.
        if kind.to_ascii_lowercase().contains("json") {
            Budget::of_record(self.body.len()).count_json(&self.body)
        } else {
            Ok(())
        }
    }
}

/// Why nothing came back. The messages go to the log; pages say less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Not https, or no host.
    #[error("only https URLs are fetched")]
    Scheme,
    /// The name leads to an address that is not public.
    #[error("{0} is not in a public network; allow its network with the setting networks")]
    Address(String),
    /// The body is longer than was allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// Too many such requests are under way.
    #[error("too many outbound requests at once")]
    Busy,
    /// The certificate of the other side is not accepted.
    #[error("{0}")]
    Certificate(String),
    /// Name resolution, connection, TLS or protocol failed.
    #[error("{0}")]
    Failed(String),
}

/// Why the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OutboundSetupError {
    /// A network in the configuration is not one.
    #[error("{0:?} is not a network like 10.0.0.0/8")]
    Network(String),
    /// A certificate file cannot be used.
    #[error("{path}: {reason}")]
    Certificate {
        /// The file.
        path: String,
        /// The fault.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("outbound TLS cannot be set up: {0}")]
    Tls(String),
}

/// Reads a network or a single address.
fn network(text: &str) -> Result<IpNet, OutboundSetupError> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| OutboundSetupError::Network(text.to_owned()))
}

/// The networks within which administrators may choose.
#[derive(Clone, Debug, Default)]
pub struct Bounds(Vec<IpNet>);

impl Bounds {
    /// Reads `outbound.administered_networks`.
    pub fn read(config: &OutboundConfig) -> Result<Self, OutboundSetupError> {
        config
            .administered_networks
            .iter()
            .map(|text| network(text))
            .collect::<Result<_, _>>()
            .map(Self)
    }
    /// Reports a network, or single address, that lies within one of them. A text that is neither
    /// lies within none.
    pub fn hold(&self, text: &str) -> bool {
        network(text).is_ok_and(|asked| self.0.iter().any(|bound| bound.contains(&asked)))
    }
    /// Reports bounds with a loopback address in them.
    pub fn hold_loopback(&self) -> bool {
        self.hold("127.0.0.1") || self.hold("::1")
    }
}

/// Reads the configured networks and certificates, without the cost of setting TLS up.
pub fn check(
    config: &OutboundConfig,
) -> Result<(Arc<[IpNet]>, Vec<Certificate>), OutboundSetupError> {
    let allowed =
        config.allow_networks.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
    let mut certificates = Vec::new();
    for path in &config.extra_ca_files {
        let failed =
            |reason: String| OutboundSetupError::Certificate { path: path.clone(), reason };
        let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        certificates
            .extend(Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?);
    }
    Ok((allowed, certificates))
}

/// How many outbound requests run at once.
const CONCURRENT: usize = 32;

impl Outbound {
    /// Sets the client up.
    pub fn new(config: &OutboundConfig) -> Result<Self, OutboundSetupError> {
        Self::build(config, false, false)
    }

    /// A client for one correspondent. It has its own limit of requests at once, so that one that
    /// hangs delays no other. TLS is set up anew only where the correspondent needs something of
    /// its own.
    pub fn for_correspondent(
        &self,
        config: &OutboundConfig,
        wanted: Correspondent<'_>,
    ) -> Result<Self, OutboundSetupError> {
        if wanted.networks.is_empty() && wanted.ca_file.is_none() && !wanted.http_on_loopback {
            return Ok(Self { permits: Arc::new(Semaphore::new(CONCURRENT)), ..self.clone() });
        }
        let mut config = config.clone();
        config.allow_networks.extend_from_slice(wanted.networks);
        config.extra_ca_files.extend(wanted.ca_file.map(str::to_owned));
        Self::build(&config, wanted.http_on_loopback, false)
    }

    /// A client for one upstream whose answers may be long streams: nothing ends them but their
    /// reader. It keeps several connections, because many people call at once.
    pub fn for_streams(
        &self,
        config: &OutboundConfig,
        wanted: Correspondent<'_>,
    ) -> Result<Self, OutboundSetupError> {
        let mut config = config.clone();
        config.allow_networks.extend_from_slice(wanted.networks);
        config.extra_ca_files.extend(wanted.ca_file.map(str::to_owned));
        Self::build(&config, wanted.http_on_loopback, true)
    }

    /// The client itself, for a protocol library that sends requests to this one address. Names are
    /// judged when they are resolved and redirects are not followed, so it leads nowhere else.
    pub fn streams_to(&self, url: &Url) -> Result<reqwest::Client, OutboundError> {
        self.checked(url)?;
        Ok(self.client.clone())
    }

    fn build(
        config: &OutboundConfig,
        http_on_loopback: bool,
        streams: bool,
    ) -> Result<Self, OutboundSetupError> {
        let (allowed, certificates) = check(config)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the door that everything else must use"
        )]
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(!http_on_loopback)
            .connect_timeout(Duration::from_secs(config.timeout_seconds.clamp(1, 5)))
            .pool_max_idle_per_host(if streams { 64 } else { 1 })
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guard { allowed: Arc::clone(&allowed) }))
            .tls_certs_merge(certificates);
        let timeout = Duration::from_secs(config.timeout_seconds.max(1));
        let client = if streams { builder } else { builder.timeout(timeout) }
            .build()
            .map_err(|error| OutboundSetupError::Tls(error.to_string()))?;
        Ok(Self {
            client,
            allowed,
            permits: Arc::new(Semaphore::new(CONCURRENT)),
            http_on_loopback,
            timeout,
        })
    }

    /// Fetches a document of at most `max` bytes. Any status is an answer; what it means is for the
    /// caller.
    pub async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        self.checked(url)?;
        let _permit = self.permits.try_acquire().map_err(|_| OutboundError::Busy)?;
        let request = self
            .client
            .get(url.clone())
            .header(reqwest::header::ACCEPT, accept)
            .build()
            .map_err(|error| explain(&error))?;
        self.execute(request, max).await
    }

    /// Sends any request and reads an answer of at most `max` bytes.
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(|error| explain(&error))?;
        self.checked(request.url())?;
        let _permit = self.permits.try_acquire().map_err(|_| OutboundError::Busy)?;
        self.execute(request, max).await
    }

    /// The longest that [`Outbound::send`] takes.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends any request to an upstream and reads an answer of at most `max` bytes, however long it
    /// takes up to `within`.
    pub async fn send_within(
        &self,
        request: http::Request<Vec<u8>>,
        max: usize,
        within: Duration,
    ) -> Result<Fetched, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(|error| explain(&error))?;
        self.checked(request.url())?;
        tokio::time::timeout(within, self.read(request, max))
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }

    /// Refuses addresses that may not be asked at all. Names are judged when they are resolved.
    fn checked(&self, url: &Url) -> Result<(), OutboundError> {
        let plain = self.http_on_loopback
            && url.scheme() == "http"
            && doorward_model::public_url::is_loopback(url);
        if url.scheme() != "https" && !plain {
            return Err(OutboundError::Scheme);
        }
        // Address literals never reach the resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(OutboundError::Scheme),
        };
        if let Some(address) = literal
            && !may_connect(&self.allowed, address)
        {
            return Err(OutboundError::Address(address.to_string()));
        }
        Ok(())
    }

    async fn execute(
        &self,
        request: reqwest::Request,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        tokio::time::timeout(self.timeout, self.read(request, max))
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }

    async fn read(&self, request: reqwest::Request, max: usize) -> Result<Fetched, OutboundError> {
        let response = self.client.execute(request).await.map_err(|error| explain(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| explain(&error))?;
            if body.len() + chunk.len() > max {
                return Err(OutboundError::TooLong(max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status, headers, body })
    }
}

/// Fetches a URL of our own, for the operator who asks whether it can be reached: the URL is the
/// operator's, so it is not guarded. The certificates in `trusted`, PEM files, are accepted besides
/// those of the system; files that cannot be read are left out.
pub async fn probe(url: &str, trusted: &[PathBuf]) -> Result<Fetched, OutboundError> {
    let certificates = trusted
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .filter_map(|pem| Certificate::from_pem_bundle(&pem).ok())
        .flatten()
        .collect::<Vec<_>>();
    #[expect(clippy::disallowed_methods, reason = "this is the door that everything else must use")]
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .tls_certs_merge(certificates)
        .build()
        .map_err(|error| explain(&error))?;
    let response = client.get(url).send().await.map_err(|error| explain(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.map_err(|error| explain(&error))?.to_vec();
    Ok(Fetched { status, headers, body })
}

struct Guard {
    allowed: Arc<[IpNet]>,
}

impl dns::Resolve for Guard {
    fn resolve(&self, name: dns::Name) -> dns::Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|_| {
                    OutboundError::Failed(format!("no IP address is known for {}", name.as_str()))
                })?
                .collect();
            let usable: Vec<SocketAddr> =
                found.into_iter().filter(|address| may_connect(&allowed, address.ip())).collect();
            if usable.is_empty() {
                return Err(Box::new(OutboundError::Address(name.as_str().to_owned()))
                    as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(usable.into_iter()) as dns::Addrs)
        })
    }
}

fn may_connect(allowed: &[IpNet], address: IpAddr) -> bool {
    is_public(address) || allowed.iter().any(|network| network.contains(&address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literals_and_names_of_this_machine_are_refused() {
        let outbound = Outbound::new(&OutboundConfig::default()).unwrap();
        let get =
            async |url: &str| outbound.get(&Url::parse(url).unwrap(), "*/*", 10).await.unwrap_err();
        assert!(matches!(get("https://127.0.0.1:1/").await, OutboundError::Address(_)));
        assert!(matches!(get("https://0x7f.1/").await, OutboundError::Address(_)));
        assert!(matches!(get("https://[::ffff:127.0.0.1]/").await, OutboundError::Address(_)));
        assert!(matches!(get("https://localhost:1/").await, OutboundError::Address(_)));
        assert_eq!(get("http://8.8.8.8/").await, OutboundError::Scheme);
    }
}
