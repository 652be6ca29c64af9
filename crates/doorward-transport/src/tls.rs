//! TLS of the listener: a certificate that is read again when its files change.

mod self_signed;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use doorward_model::Timestamp;
use rustls::{
    CertificateError, RootCertStore, ServerConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

pub use self_signed::{SelfSigned, self_signed};

/// The interval between checks of the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A certificate or key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct TlsError {
    /// The setting that names the file.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The fault and its remedy.
    pub reason: String,
}

/// The two PEM files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, followed by the intermediate ones up to a certificate authority that
    /// clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The bytes of the two files.
#[derive(PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    const CERTIFICATE: &'static str = "tls_certificate";
    const KEY: &'static str = "tls_key";

    fn wrong(&self, key: &'static str, reason: impl Into<String>) -> TlsError {
        let path = if key == Self::KEY { &self.key } else { &self.certificate };
        TlsError { key, path: path.clone(), reason: reason.into() }
    }

    fn read(&self) -> Result<Content, TlsError> {
        let read = |path: &Path, key| {
            fs::read(path).map_err(|error: io::Error| self.wrong(key, error.to_string()))
        };
        Ok(Content {
            certificate: read(&self.certificate, Self::CERTIFICATE)?,
            key: read(&self.key, Self::KEY)?,
        })
    }

    fn parse(&self, content: &Content) -> Result<CertifiedKey, TlsError> {
        let chain =
            chain(&content.certificate).map_err(|reason| self.wrong(Self::CERTIFICATE, reason))?;
        let key = PrivateKeyDer::from_pem_slice(&content.key).map_err(|_| {
            self.wrong(
                Self::KEY,
                "contains no private key that can be read; it must be an unencrypted PEM file \
                 (PKCS #8, PKCS #1 or SEC 1)",
            )
        })?;
        let provider = aws_lc_rs::default_provider();
        provider.key_provider.load_private_key(key.clone_key()).map_err(|_| {
            self.wrong(
                Self::KEY,
                "contains a private key of a type that cannot be used; use ECDSA (P-256, P-384), \
                 RSA or Ed25519",
            )
        })?;
        CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => self.wrong(
                Self::KEY,
                format!("is not the private key of {}", self.certificate.display()),
            ),
            _ => self.wrong(Self::CERTIFICATE, "contains a certificate that cannot be read"),
        })
    }

    /// Reads both files and checks that they belong together.
    pub fn check(&self) -> Result<(), TlsError> {
        self.parse(&self.read()?).map(|_| ())
    }

    /// The SHA-256 fingerprint of the certificate, as browsers show it.
    pub fn fingerprint(&self) -> Result<String, TlsError> {
        Ok(fingerprint(&self.parse(&self.read()?)?))
    }
}

fn fingerprint(key: &CertifiedKey) -> String {
    let leaf = key.cert.first().map(AsRef::as_ref).unwrap_or_default();
    let octets: Vec<String> =
        Sha256::digest(leaf).iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

/// The certificates of a PEM file: at least one.
fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "is not a PEM file with certificates in it")?;
    if chain.is_empty() {
        return Err("contains no certificate; it must be a PEM file with the certificate and the \
             intermediate certificates");
    }
    Ok(chain)
}

/// The fault that a client which trusts exactly this certificate would find in it at a time.
fn fault(
    leaf: &CertificateDer<'static>,
    host: &ServerName<'_>,
    at: Timestamp,
) -> Option<CertificateError> {
    let mut roots = RootCertStore::empty();
    roots.add(leaf.clone()).ok()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.0).unwrap_or(0)));
    match verifier.verify_server_cert(leaf, &[], host, &[], at) {
        Ok(_) => None,
        Err(rustls::Error::InvalidCertificate(fault)) => Some(fault),
        Err(_) => Some(CertificateError::BadEncoding),
    }
}

/// Remaining validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// For longer than 14 days.
    Good,
    /// For 14 days at most.
    EndsSoon,
    /// No longer.
    Expired,
}

/// Seconds before its end at which an operator is warned of it: automatic renewals happen earlier.
const WARN_BEFORE: i64 = 14 * 86_400;

/// Looks at the end of the first certificate of a PEM file.
pub fn validity(file: &Path, now: Timestamp) -> Result<Validity, TlsError> {
    let wrong =
        |reason: String| TlsError { key: Files::CERTIFICATE, path: file.to_owned(), reason };
    let pem = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let chain = chain(&pem).map_err(|reason| wrong(reason.to_owned()))?;
    let leaf = chain.first().ok_or_else(|| wrong("contains no certificate".to_owned()))?;
    let host =
        ServerName::try_from("localhost").map_err(|_| wrong("cannot be checked".to_owned()))?;
    // The time is checked before the name.
    let expired = |at: Timestamp| {
        matches!(
            fault(leaf, &host, at),
            Some(CertificateError::Expired | CertificateError::ExpiredContext { .. })
        )
    };
    Ok(match (expired(now), expired(now.plus(WARN_BEFORE))) {
        (true, _) => Validity::Expired,
        (false, true) => Validity::EndsSoon,
        (false, false) => Validity::Good,
    })
}

/// The pair that was read last, and its fault.
struct Tried {
    content: Content,
    fault: Option<TlsError>,
}

/// The certificate in use.
struct CertificateInUse {
    files: Files,
    key: RwLock<Arc<CertifiedKey>>,
    tried: Mutex<Tried>,
}

impl fmt::Debug for CertificateInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateInUse").field("files", &self.files).finish_non_exhaustive()
    }
}

impl CertificateInUse {
    fn now(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for CertificateInUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

/// TLS of a listener. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    held: Arc<CertificateInUse>,
}

impl Tls {
    /// Reads the certificate and its key.
    pub fn open(files: &Files) -> Result<Self, TlsError> {
        let content = files.read()?;
        let key = files.parse(&content)?;
        let held = Arc::new(CertificateInUse {
            key: RwLock::new(Arc::new(key)),
            tried: Mutex::new(Tried { content, fault: None }),
            files: files.clone(),
        });
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<CertificateInUse>::clone(&held);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| files.wrong(Files::CERTIFICATE, "TLS cannot be set up"))?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), held })
    }

    /// The file of the certificate.
    pub fn certificate(&self) -> &Path {
        &self.held.files.certificate
    }

    /// The SHA-256 fingerprint of the certificate in use.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.held.now())
    }

    /// Reads the files again. Returns `true` if another certificate is in use now. A pair that
    /// cannot be used leaves the old one in use, and is an error until the files change.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let content = self.held.files.read()?;
        let mut tried = self.held.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.content == content {
            return tried.fault.clone().map_or(Ok(false), Err);
        }
        let key = self.held.files.parse(&content);
        *tried = Tried { content, fault: key.as_ref().err().cloned() };
        *self.held.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key?);
        Ok(true)
    }

    /// Follows the files until `stop`. Two files cannot be replaced at one moment: a pair that does
    /// not fit is reported if it is unchanged at the next check.
    pub async fn follow(self, stop: CancellationToken) {
        let (mut last, mut reported): (Option<TlsError>, Option<TlsError>) = (None, None);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let this = self.clone();
            let looked = tokio::task::spawn_blocking(move || this.reload()).await;
            let fault = match looked {
                Ok(Ok(changed)) => {
                    if changed {
                        tracing::info!(fingerprint = %self.fingerprint(), "the TLS certificate was replaced");
                    }
                    None
                }
                Ok(Err(fault)) => Some(fault),
                Err(error) => {
                    tracing::error!(%error, "the files of the TLS certificate could not be checked");
                    None
                }
            };
            if let Some(fault) = fault.as_ref().filter(|fault| last.as_ref() == Some(fault))
                && reported.as_ref() != Some(fault)
            {
                tracing::warn!(
                    error = %fault,
                    "the new TLS certificate cannot be used, and the old one stays in use: server.{}",
                    fault.key
                );
                reported = Some(fault.clone());
            }
            if fault.is_none() {
                reported = None;
            }
            last = fault;
        }
    }

    /// Shakes hands.
    pub(crate) async fn handshake<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}

/// Sends instructions to a client that speaks HTTP without TLS.
pub(crate) async fn refuse_plain(mut stream: TcpStream) -> io::Result<()> {
    let told = "400: this port speaks https; begin the URL with https://\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{told}",
        told.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// True if the first byte of a connection begins a method of HTTP instead of a record of TLS.
pub(crate) async fn is_plain(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 1 && first.iter().all(u8::is_ascii_uppercase))
}
