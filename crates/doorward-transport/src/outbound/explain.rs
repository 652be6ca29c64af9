//! Reasons for which a request has no response, in words that name the other side and no library.

use std::{error::Error, io};

use rustls::CertificateError;

use super::error::OutboundError;

/// Finds the reason within an error of the HTTP client.
pub fn explain(error: &reqwest::Error) -> OutboundError {
    if error.is_timeout() {
        return OutboundError::Timeout;
    }
    let at = error.url().and_then(|url| {
        let port = url.port_or_known_default()?;
        Some(format!("{}:{port}", url.host_str()?))
    });
    let at = at.unwrap_or_else(|| "the other side".to_owned());
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = next {
        if let Some(known) = known(inner, &at) {
            return known;
        }
        next = within(inner);
    }
    if error.is_builder() {
        return OutboundError::Failed("the request cannot be made".to_owned());
    }
    let what = if error.is_connect() {
        "no connection could be made"
    } else {
        "the response broke off or is not HTTP"
    };
    OutboundError::Failed(format!("{at}: {what}"))
}

/// The cause of an error. An error of input and output hides its source.
fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(inner);
    }
    error.source()
}

fn known(error: &(dyn Error + 'static), at: &str) -> Option<OutboundError> {
    if let Some(ours) = error.downcast_ref::<OutboundError>() {
        return Some(ours.clone());
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls_reason(tls, at));
    }
    let failed = |words: String| Some(OutboundError::Failed(words));
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => {
            failed(format!("nothing listens at {at} (connection refused)"))
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => failed(format!("{at} closed the connection")),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            failed(format!("no route leads to {at} (host or network unreachable)"))
        }
        io::ErrorKind::TimedOut => Some(OutboundError::Timeout),
        _ => None,
    }
}

fn tls_reason(error: &rustls::Error, at: &str) -> OutboundError {
    let certificate = |words: &str| OutboundError::Certificate(format!("{at}: {words}"));
    match error {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::UnknownIssuer => certificate(
                "its certificate is signed by a certificate authority that is not trusted here",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                certificate("its certificate has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                certificate("its certificate is not valid yet; check the clocks")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                certificate("its certificate is for another name")
            }
            _ => certificate("its certificate is not valid"),
        },
        rustls::Error::InvalidMessage(_) => {
            OutboundError::Failed(format!("{at} does not speak TLS"))
        }
        _ => OutboundError::Failed(format!("{at}: the TLS handshake failed")),
    }
}
