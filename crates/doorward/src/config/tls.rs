//! The settings of TLS, which belong together.

use std::path::PathBuf;

use doorward_transport::{ServerConfig, tls::Files};

/// The configured TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsSource {
    /// None: a reverse proxy serves https, or no server does.
    #[default]
    None,
    /// A certificate of the operator's.
    Files(Files),
    /// One that the server makes.
    SelfSigned,
}

impl TlsSource {
    /// Reads the settings. An error names the key of the invalid one, and the problem.
    pub(super) fn read(config: &ServerConfig) -> Result<Self, (&'static str, String)> {
        let (certificate, key) = (&config.tls_certificate, &config.tls_key);
        let own = match config.tls.as_str() {
            "" => false,
            "self-signed" => true,
            _ => return Err(("server.tls", "must be empty or self-signed".to_owned())),
        };
        match (certificate.is_empty(), key.is_empty()) {
            (true, true) if own => Ok(Self::SelfSigned),
            (true, true) => Ok(Self::None),
            (false, _) | (_, false) if own => Err((
                "server.tls",
                "is self-signed, but server.tls_certificate or server.tls_key names a certificate; keep one of them".to_owned(),
            )),
            (false, true) => Err((
                "server.tls_key",
                "is needed with server.tls_certificate: the PEM file with its private key"
                    .to_owned(),
            )),
            (true, false) => Err((
                "server.tls_certificate",
                "is needed with server.tls_key: the PEM file with the certificate".to_owned(),
            )),
            (false, false) => Ok(Self::Files(Files {
                certificate: PathBuf::from(certificate),
                key: PathBuf::from(key),
            })),
        }
    }

    /// Checks the files of a certificate of the operator's, which a server alone needs: commands
    /// also run where its key cannot be read. An error names the key of the invalid setting, and
    /// the problem.
    pub(crate) fn check_files(&self) -> Result<(), (&'static str, String)> {
        let Self::Files(files) = self else { return Ok(()) };
        files.check().map_err(|error| {
            let key =
                if error.key == "tls_key" { "server.tls_key" } else { "server.tls_certificate" };
            (key, error.to_string())
        })
    }

    /// The scheme of URLs that the listener serves.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::None => "http",
            Self::Files(_) | Self::SelfSigned => "https",
        }
    }
}
