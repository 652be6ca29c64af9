//! An https server on loopback with responses set by a test, with a certificate authority of its
//! own.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// Serves the responses set by a test, under `https://localhost:PORT`.
pub struct HttpsServer {
    /// Its URL without a path.
    pub url: String,
    /// The PEM file of the authority that signed its certificate.
    pub ca_file: PathBuf,
    answers: Arc<Mutex<BTreeMap<String, String>>>,
    hits: Arc<AtomicUsize>,
    pause: Arc<Mutex<Duration>>,
}

impl HttpsServer {
    /// Starts it.
    pub async fn start() -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = names.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let ca_file = crate::leftovers::temporary_directory().join("ca.pem");
        std::fs::write(&ca_file, authority_certificate.pem()).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls =
            ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap();
        let tls = tls
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (answers, hits) =
            (Arc::<Mutex<BTreeMap<String, String>>>::default(), Arc::<AtomicUsize>::default());
        let (shared, counter, acceptor) =
            (Arc::clone(&answers), Arc::clone(&hits), TlsAcceptor::from(Arc::new(tls)));
        let pause = Arc::<Mutex<Duration>>::default();
        let pauses = Arc::clone(&pause);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, hits, acceptor, pauses) = (
                    Arc::clone(&shared),
                    Arc::clone(&counter),
                    acceptor.clone(),
                    Arc::clone(&pauses),
                );
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                        let mut buffer = [0u8; 1024];
                        match stream.read(&mut buffer).await {
                            Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    }
                    hits.fetch_add(1, Ordering::SeqCst);
                    let path = String::from_utf8_lossy(&head)
                        .split(' ')
                        .nth(1)
                        .unwrap_or_default()
                        .to_owned();
                    let answer = answers.lock().unwrap().get(&path).cloned();
                    match answer.as_deref() {
                        Some("hang") => tokio::time::sleep(Duration::from_mins(1)).await,
                        Some(answer) => {
                            let pause = *pauses.lock().unwrap();
                            tokio::time::sleep(pause).await;
                            let _ = stream.write_all(answer.as_bytes()).await;
                        }
                        None => {
                            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                        }
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { url, ca_file, answers, hits, pause }
    }

    /// Waits for so long before each answer from now on.
    pub fn answer_after(&self, pause: Duration) {
        *self.pause.lock().unwrap() = pause;
    }

    /// Answers `path` with exactly these bytes; `hang` never answers.
    pub fn answer(&self, path: &str, bytes: &str) {
        self.answers.lock().unwrap().insert(path.to_owned(), bytes.to_owned());
    }

    /// Answers `path` with JSON and these further header lines.
    pub fn json(&self, path: &str, body: &serde_json::Value, headers: &str) {
        let body = body.to_string();
        self.answer(
            path,
            &format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()),
        );
    }

    /// Counts the requests that arrived.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}
