//! The one door for requests that this server makes.
//!
//! Every IP address is judged as it is connected to. Redirects are followed by the requests that
//! say so, within one origin, and proxies of the environment are ignored. http without TLS is for
//! correspondents alone, in networks that are listed for them.

mod authorities;
mod bounds;
mod coding;
mod endpoint;
mod error;
mod explain;
mod guard;
mod public;
mod redirects;

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::StreamExt;
use reqwest::header::HeaderMap;
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    OutboundConfig,
    budget::{Budget, Exceeded, ReadError},
};
pub use authorities::Authority;
pub use bounds::{Bounds, LOOPBACK, Networks};
pub use endpoint::{EndpointError, OperatorEndpoint};
pub use error::{OutboundError, OutboundSetupError};
use explain::explain;
pub use explain::explain as reason;
use guard::Guard;
pub use guard::needed_networks;
pub use public::is_public;
pub use redirects::Located;

/// Makes guarded requests. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    encrypted: Guarded,
    /// The client for places where http without TLS is allowed, if there are any.
    plain: Option<Guarded>,
    permits: Arc<Semaphore>,
    timeout: Duration,
}

/// A client with the guard that its resolver asks.
#[derive(Clone)]
struct Guarded {
    client: reqwest::Client,
    guard: Guard,
}

/// The operator's permissions for one correspondent beyond those for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeerPermissions<'a> {
    /// Networks that it may be in although they are not public.
    pub networks: &'a [String],
    /// A PEM file with the certificate authority of the upstream, if it is a private one.
    pub ca_file: Option<&'a str>,
    /// Networks in which it may be spoken to without TLS.
    pub plain: &'a [String],
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
    /// Reads the body as JSON, within the budget of a record. Every JSON response to an outbound
    /// request is read here, apart from those of REST APIs, which have a budget of their own.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ReadError> {
        Budget::of_record(self.body.len()).json(&self.body)
    }

    /// Fails if the body is declared as JSON and exceeds the budget of a record: for responses that
    /// a library reads.
    pub fn within_budget(&self) -> Result<(), Exceeded> {
        let kind = self
            .headers
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        // Any media type that might be taken for JSON is counted, however it is spelled.
        if kind.to_ascii_lowercase().contains("json") {
            Budget::of_record(self.body.len()).count_json(&self.body)
        } else {
            Ok(())
        }
    }
}

/// The networks that may be connected to, and the certificates that are trusted in addition.
#[derive(Debug)]
pub struct TrustedPeers {
    networks: Networks,
    certificates: Vec<Authority>,
}

/// Reads the configured networks and certificates, without the cost of setting TLS up.
pub fn check(config: &OutboundConfig) -> Result<TrustedPeers, OutboundSetupError> {
    let networks = Networks::read(&config.allow_networks)?;
    let mut certificates = Vec::new();
    for path in &config.extra_ca_files {
        let failed =
            |reason: String| OutboundSetupError::Certificate { path: path.clone(), reason };
        let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        certificates.extend(authorities::read(&pem).map_err(failed)?);
    }
    Ok(TrustedPeers { networks, certificates })
}

/// Number of outbound requests that run at once.
const CONCURRENT: usize = 32;

impl Outbound {
    /// Sets the client up.
    pub fn new(config: &OutboundConfig) -> Result<Self, OutboundSetupError> {
        Self::build(config, &[], false)
    }

    /// A client for one correspondent. It has its own limit of requests at once, so that one that
    /// hangs delays no other. TLS is set up again only where the correspondent needs something of
    /// its own.
    pub fn for_correspondent(
        &self,
        config: &OutboundConfig,
        wanted: PeerPermissions<'_>,
    ) -> Result<Self, OutboundSetupError> {
        if wanted.networks.is_empty() && wanted.ca_file.is_none() && wanted.plain.is_empty() {
            return Ok(Self { permits: Arc::new(Semaphore::new(CONCURRENT)), ..self.clone() });
        }
        let mut config = config.clone();
        config.allow_networks.extend_from_slice(wanted.networks);
        config.extra_ca_files.extend(wanted.ca_file.map(str::to_owned));
        Self::build(&config, wanted.plain, false)
    }

    /// A client for one upstream with responses that may be long streams: only their reader ends
    /// them. It keeps several connections, because many users call at once.
    pub fn for_streams(
        &self,
        config: &OutboundConfig,
        wanted: PeerPermissions<'_>,
    ) -> Result<Self, OutboundSetupError> {
        let mut config = config.clone();
        config.allow_networks.extend_from_slice(wanted.networks);
        config.extra_ca_files.extend(wanted.ca_file.map(str::to_owned));
        Self::build(&config, wanted.plain, true)
    }

    /// The client for requests to this one URL, whose responses are streams. Names are checked when
    /// they are resolved and redirects are not followed, so it reaches no other server.
    pub fn streams_to(&self, url: &Url) -> Result<Streams, OutboundError> {
        Ok(Streams(self.client_for(url)?.client.clone()))
    }

    fn build(
        config: &OutboundConfig,
        plain: &[String],
        streams: bool,
    ) -> Result<Self, OutboundSetupError> {
        let TrustedPeers { networks: allowed, certificates } = check(config)?;
        let timeout = Duration::from_secs(config.timeout_seconds.max(1));
        let connect = Duration::from_secs(config.timeout_seconds.clamp(1, 5));
        let guarded = |guard: Guard, encrypted: bool| {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the client that everything else must use"
            )]
            let builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .https_only(encrypted)
                .connect_timeout(connect)
                .pool_max_idle_per_host(if streams { 64 } else { 1 })
                .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
                .default_headers(headers())
                .dns_resolver(Arc::new(guard.clone()));
            let builder = if encrypted {
                let tls = authorities::tls(&certificates)
                    .map_err(|error| OutboundSetupError::Tls(error.to_string()))?;
                builder.tls_backend_preconfigured(tls)
            } else {
                // It never speaks TLS, and trusts no authority.
                builder.tls_certs_only([])
            };
            let client = if streams { builder } else { builder.timeout(timeout) }
                .build()
                .map_err(|error| OutboundSetupError::Tls(error.to_string()))?;
            Ok::<_, OutboundSetupError>(Guarded { client, guard })
        };
        let plain = Networks::read(plain)?;
        Ok(Self {
            encrypted: guarded(Guard::Encrypted(allowed), true)?,
            plain: if plain.is_empty() { None } else { Some(guarded(Guard::Plain(plain), false)?) },
            permits: Arc::new(Semaphore::new(CONCURRENT)),
            timeout,
        })
    }

    /// Fetches a document of at most `max` bytes. Any status is a result; the caller interprets it.
    pub async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        let chosen = self.client_for(url)?;
        let _permit = self.permits.try_acquire().map_err(|_| OutboundError::Busy)?;
        let request = chosen
            .client
            .get(url.clone())
            .header(reqwest::header::ACCEPT, accept)
            .build()
            .map_err(|error| explain(&error))?;
        self.execute(chosen, request, max).await
    }

    /// Sends any request and reads an answer of at most `max` bytes.
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(|error| explain(&error))?;
        let chosen = self.client_for(request.url())?;
        let _permit = self.permits.try_acquire().map_err(|_| OutboundError::Busy)?;
        self.execute(chosen, request, max).await
    }

    /// The longest that [`Outbound::send`] takes.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends any request to an upstream and reads an answer of at most `max` bytes, within the time
    /// `within`.
    pub async fn send_within(
        &self,
        request: http::Request<Vec<u8>>,
        max: usize,
        within: Duration,
    ) -> Result<Fetched, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(|error| explain(&error))?;
        let chosen = self.client_for(request.url())?;
        tokio::time::timeout(within, chosen.read(request, max))
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }

    /// The client for a URL. Refuses what may not be asked at all; names are judged when they are
    /// resolved.
    fn client_for(&self, url: &Url) -> Result<&Guarded, OutboundError> {
        let chosen = match url.scheme() {
            "https" => &self.encrypted,
            "http" => self.plain.as_ref().ok_or(OutboundError::Scheme)?,
            _ => return Err(OutboundError::Scheme),
        };
        chosen.guard.check_literal(url)?;
        Ok(chosen)
    }

    async fn execute(
        &self,
        chosen: &Guarded,
        request: reqwest::Request,
        max: usize,
    ) -> Result<Fetched, OutboundError> {
        tokio::time::timeout(self.timeout, chosen.read(request, max))
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }
}

/// The headers of every request. Without the wish for none, a server may compress its response
/// (RFC 9110 §12.5.3), with whichever coding; [`coding`] reads the common ones of those that do it
/// nevertheless.
fn headers() -> HeaderMap {
    let value = reqwest::header::HeaderValue::from_static("identity");
    HeaderMap::from_iter([(reqwest::header::ACCEPT_ENCODING, value)])
}

/// Sends requests whose responses are streams.
#[derive(Clone)]
pub struct Streams(reqwest::Client);

/// The reason for which a request has no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResponse {
    /// No connection could be made.
    pub unconnected: bool,
    /// The reason.
    pub error: OutboundError,
}

impl Streams {
    /// Sends a request and returns its response with an unread body.
    pub async fn send(
        &self,
        method: http::Method,
        url: Url,
        headers: HeaderMap,
        body: Option<bytes::Bytes>,
    ) -> Result<reqwest::Response, NoResponse> {
        let mut request = self.0.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| NoResponse {
            unconnected: error.is_connect(),
            error: explain(&error),
        })?;
        coding::plain(response).map_err(|error| NoResponse { unconnected: false, error })
    }
}

impl Guarded {
    async fn read(&self, request: reqwest::Request, max: usize) -> Result<Fetched, OutboundError> {
        let response = self.client.execute(request).await.map_err(|error| explain(&error))?;
        let response = coding::plain(response)?;
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

/// Fetches this server's own URL, for an operator's check that it can be reached: the URL is the
/// operator's, so it is not guarded; `localhost` is this machine without a question to a name
/// server, as it is for everything else that is fetched. The certificates in `trusted`, PEM files, are accepted besides
/// those of the system; files that cannot be read are left out.
pub async fn probe(url: &str, trusted: &[PathBuf]) -> Result<Fetched, OutboundError> {
    let certificates = trusted
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .filter_map(|pem| authorities::read(&pem).ok())
        .flatten()
        .collect::<Vec<_>>();
    let tls = authorities::tls(&certificates)
        .map_err(|error| OutboundError::Failed(error.to_string()))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the client that everything else must use"
    )]
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(guard::Unguarded))
        .build()
        .map_err(|error| explain(&error))?;
    let response = client.get(url).send().await.map_err(|error| explain(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.map_err(|error| explain(&error))?.to_vec();
    Ok(Fetched { status, headers, body })
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

    /// The name ends in `localhost`, and no file and no name server of a machine knows it.
    #[tokio::test]
    async fn a_probe_finds_this_machine_under_its_names_without_asking_for_them() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            // To close before the request was read would reset the connection.
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let url = format!("http://doorward-probe.localhost:{port}/");
        assert_eq!(probe(&url, &[]).await.unwrap().body, b"{}");
        answering.await.unwrap();
        let told = probe("http://name.invalid/", &[]).await.unwrap_err().to_string();
        assert!(told.contains("no IP address is known for name.invalid"), "{told}");
    }

    #[tokio::test]
    async fn http_is_for_listed_networks_and_https_goes_nowhere_new_with_them() {
        let config = OutboundConfig::default();
        let plain = ["127.0.0.0/8".to_owned()];
        let wanted = PeerPermissions { networks: &[], ca_file: None, plain: &plain };
        let outbound = Outbound::new(&config).unwrap().for_correspondent(&config, wanted).unwrap();
        let get =
            async |url: &str| outbound.get(&Url::parse(url).unwrap(), "*/*", 10).await.unwrap_err();
        assert!(matches!(get("http://127.0.0.1:1/").await, OutboundError::Failed(_)));
        assert!(matches!(get("http://localhost:1/").await, OutboundError::Failed(_)));
        for elsewhere in ["http://8.8.8.8/", "http://10.0.0.1/", "http://[::ffff:8.8.8.8]/"] {
            assert!(matches!(get(elsewhere).await, OutboundError::PlainAddress(_)), "{elsewhere}");
        }
        assert!(matches!(get("https://127.0.0.1:1/").await, OutboundError::Address(_)));
        assert_eq!(get("ftp://127.0.0.1:1/").await, OutboundError::Scheme);
    }
}
