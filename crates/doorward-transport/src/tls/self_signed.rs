//! A certificate of this server's own, for a network without a certificate authority.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use doorward_model::Timestamp;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::ServerName;
use time::OffsetDateTime;

use super::{Files, TlsError, fault};

/// Days for which a certificate is valid: the most that Apple's systems accept of one that a user
/// trusts.
const DAYS: i64 = 825;
/// Days before its expiry at which it is replaced.
const EARLY_DAYS: i64 = 30;
const DAY: i64 = 86_400;

/// The files of a certificate that this server signs itself.
#[derive(Debug)]
pub struct SelfSigned {
    /// The files.
    pub files: Files,
    /// They were made just now.
    pub is_new: bool,
}

/// A certificate and its key, as PEM.
struct KeyPairPem {
    certificate: String,
    key: String,
}

/// The files of the certificate for `host` in this folder, made if there are none, if they are for
/// another host, or if they end soon.
///
/// The certificate signs nothing but itself: a client that trusts it trusts this server and no
/// other, even if the key is stolen.
pub fn self_signed(folder: &Path, host: &str, now: Timestamp) -> Result<SelfSigned, TlsError> {
    let files = Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let wrong = |reason: String| files.wrong(Files::CERTIFICATE, reason);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| wrong(format!("no certificate can be created for {host:?}")))?;
    let held = files.read().and_then(|content| files.parse(&content));
    if let Some(leaf) = held.as_ref().ok().and_then(|held| held.cert.first())
        && fault(leaf, &name, now).is_none()
        && fault(leaf, &name, now.plus(EARLY_DAYS * DAY)).is_none()
    {
        return Ok(SelfSigned { files, is_new: false });
    }
    let KeyPairPem { certificate, key } = make(host, now).map_err(&wrong)?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| wrong(error.to_string()))?;
    write(&files.key, &key).map_err(|error| files.wrong(Files::KEY, error))?;
    write(&files.certificate, &certificate).map_err(wrong)?;
    Ok(SelfSigned { files, is_new: true })
}

/// Makes a certificate and its key.
fn make(host: &str, now: Timestamp) -> Result<KeyPairPem, String> {
    let mut names = vec![host.to_owned()];
    for own in ["localhost", "127.0.0.1", "::1"] {
        if own != host {
            names.push(own.to_owned());
        }
    }
    let as_text = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new(names).map_err(as_text)?;
    let time = |at: Timestamp| {
        OffsetDateTime::from_unix_timestamp(at.0).map_err(|error| error.to_string())
    };
    // A day back, for clients with late clocks.
    params.not_before = time(now.plus(-DAY))?;
    params.not_after = time(now.plus((DAYS - 1) * DAY))?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name.push(DnType::CommonName, format!("Doorward at {host}"));
    let key = KeyPair::generate().map_err(as_text)?;
    let certificate = params.self_signed(&key).map_err(as_text)?;
    Ok(KeyPairPem { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Writes a file that only its owner can read, as a whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_seen_14_days_before() {
        use super::super::{Validity, validity};
        let folder = std::env::temp_dir().join(format!("doorward-validity-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let now = Timestamp(1_800_000_000);
        let files = self_signed(&folder, "nas.lan", now).unwrap().files;
        let end = now.plus((DAYS - 1) * DAY);
        for (before, expected) in [
            (100, Validity::Good),
            (15, Validity::Good),
            (13, Validity::EndsSoon),
            (1, Validity::EndsSoon),
            (-1, Validity::Expired),
        ] {
            let found = validity(&files.certificate, end.plus(-before * DAY)).unwrap();
            assert_eq!(found, expected, "{before} days before");
        }
        fs::write(&files.certificate, "x").unwrap();
        assert_eq!(validity(&files.certificate, now).unwrap_err().key, "tls_certificate");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_certificate_is_kept_while_it_is_for_the_host_and_does_not_end_soon() {
        let folder =
            std::env::temp_dir().join(format!("doorward-self-signed-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let now = Timestamp(1_800_000_000);
        let made = |host: &str, at: Timestamp| {
            let made = self_signed(&folder, host, at).unwrap();
            (made.files.fingerprint().unwrap(), made.is_new)
        };
        let (first, is_new) = made("nas.lan", now);
        assert!(is_new && first.len() == 95, "{first}");
        assert_eq!(made("nas.lan", now.plus(300 * DAY)), (first.clone(), false));
        assert_eq!(
            made("localhost", now),
            (first.clone(), false),
            "every one is for localhost too"
        );
        let (second, is_new) = made("nas.lan", now.plus(800 * DAY));
        assert!(is_new && second != first);
        let (third, is_new) = made("[fd00::5]", now);
        assert!(is_new && third != second);
        assert!(!made("192.168.1.10", now).0.is_empty());
        assert!(self_signed(&folder, "not a host", now).is_err());
        for file in ["certificate.pem", "key.pem"] {
            use std::os::unix::fs::PermissionsExt;
            let permissions = fs::metadata(folder.join(file)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600, "{file}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
