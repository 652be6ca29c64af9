//! The certificate authorities that outbound requests trust: those of the system, which are read
//! once for all clients, and those that the operator adds for one.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A certificate of an authority.
pub type Authority = CertificateDer<'static>;

/// Reads the certificates of a PEM text.
pub(super) fn read(pem: &[u8]) -> Result<Vec<Authority>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| format!("it is no PEM file of certificates ({error})"))?;
    let mut store = RootCertStore::empty();
    for certificate in &read {
        store.add(certificate.clone()).map_err(|error| format!("a certificate of it: {error}"))?;
    }
    Ok(read)
}

/// The authorities of the system.
fn system() -> Arc<RootCertStore> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(SYSTEM.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (trusted, unread) = store.add_parsable_certificates(found.certs);
        for error in found.errors {
            tracing::warn!(%error, "certificates of the system could not be read");
        }
        if trusted == 0 {
            tracing::warn!(unread, "the system trusts no certificate authority, so that no request by https succeeds; install them (ca-certificates), or name files in outbound.extra_ca_files");
        }
        Arc::new(store)
    }))
}

/// TLS for a client that trusts the system's authorities and more.
pub(super) fn tls(more: &[Authority]) -> Result<ClientConfig, rustls::Error> {
    let mut trusted = system();
    if !more.is_empty() {
        let store = Arc::make_mut(&mut trusted);
        for certificate in more {
            store.add(certificate.clone())?;
        }
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_share_the_authorities_of_the_system() {
        let before = Arc::strong_count(&system());
        let clients: Vec<_> = (0..100).map(|_| tls(&[]).unwrap()).collect();
        assert!(Arc::strong_count(&system()) >= before + clients.len());
    }

    #[test]
    fn a_file_that_holds_no_certificate_of_an_authority_is_refused() {
        assert!(
            read(b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n").is_err()
        );
        assert!(read(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").is_err());
        assert_eq!(read(b"no certificate").unwrap().len(), 0);
    }
}
