//! The sockets that a server listens on.

use std::{
    fmt,
    future::poll_fn,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

use tokio::net::{TcpListener, TcpStream};

use crate::tls::Tls;

/// The IP address and port of the listener, in the form of `server.listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Both loopback IP addresses, because `localhost` means either: browsers and Node.js try `::1`
    /// first, others 127.0.0.1.
    Localhost(u16),
    /// One IP address, which may be that of all interfaces.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.strip_prefix("localhost:") {
            Some(port) => port.parse().map(Self::Localhost).map_err(|_| ()),
            None => text.parse().map(Self::At).map_err(|_| ()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

impl Listen {
    /// True if only this machine can connect.
    pub fn is_loopback(self) -> bool {
        match self {
            Self::Localhost(_) => true,
            Self::At(at) => at.ip().is_loopback(),
        }
    }

    /// The port; 0 selects any free one.
    pub fn port(self) -> u16 {
        match self {
            Self::Localhost(port) => port,
            Self::At(at) => at.port(),
        }
    }

    /// Listens. Every socket has the same port.
    pub async fn bind(self) -> io::Result<Vec<TcpListener>> {
        match self {
            Self::At(at) => Ok(vec![TcpListener::bind(at).await?]),
            Self::Localhost(port) => localhost(port).await,
        }
    }
}

/// The number of attempts to find a port that is free on both loopback IP addresses.
const TRIES: usize = 16;

/// Listens on both loopback IP addresses, or on the one that this machine has. A port that another
/// process holds on one of them is an error: it would get half of the requests to `localhost`.
async fn localhost(port: u16) -> io::Result<Vec<TcpListener>> {
    let mut tries = 0;
    loop {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let same =
            v4.as_ref().ok().and_then(|v4| v4.local_addr().ok()).map_or(port, |at| at.port());
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, same)).await;
        tries += 1;
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => return Ok(vec![v4, v6]),
            (Ok(_), Err(error)) if port == 0 && is_taken(&error) && tries < TRIES => {}
            (Ok(one), Err(error)) | (Err(error), Ok(one)) if !is_taken(&error) => {
                tracing::debug!(%error, "this machine has one loopback IP address");
                return Ok(vec![one]);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        }
    }
}

/// True if the socket exists and this process may not have it, rather than the machine having no
/// such IP address.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

/// The sockets of one server, which share its limits and its TLS.
pub struct Listeners {
    sockets: Vec<TcpListener>,
    tls: Option<Tls>,
    next: AtomicUsize,
}

impl Listeners {
    /// These sockets, with TLS if the server has a certificate.
    pub fn new(sockets: Vec<TcpListener>, tls: Option<Tls>) -> Self {
        Self { sockets, tls, next: AtomicUsize::new(0) }
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The next connection of any of them. The order changes every time, so that a busy one does
    /// not keep the other waiting.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        poll_fn(|context| {
            for index in 0..self.sockets.len() {
                let at = first.wrapping_add(index) % self.sockets.len();
                if let Some(socket) = self.sockets.get(at)
                    && let Poll::Ready(accepted) = socket.poll_accept(context)
                {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl From<TcpListener> for Listeners {
    fn from(socket: TcpListener) -> Self {
        Self::new(vec![socket], None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_a_name_of_its_own_and_everything_else_an_ip_address() {
        assert_eq!("localhost:8400".parse(), Ok(Listen::Localhost(8400)));
        assert_eq!("[::]:1".parse(), Ok(Listen::At("[::]:1".parse().unwrap())));
        for wrong in ["localhost", "localhost:", "localhost:99999", "example.com:1", "8400", ""] {
            assert_eq!(wrong.parse::<Listen>(), Err(()), "{wrong}");
        }
        assert!(Listen::Localhost(1).is_loopback());
        assert!(!"0.0.0.0:1".parse::<Listen>().unwrap().is_loopback());
    }

    #[tokio::test]
    async fn localhost_listens_on_both_loopback_ip_addresses_at_one_port_or_not_at_all() {
        let sockets = Listen::Localhost(0).bind().await.unwrap();
        let all: Vec<SocketAddr> =
            sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let port = all[0].port();
        assert!(all.iter().all(|at| at.ip().is_loopback() && at.port() == port), "{all:?}");
        let has_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok();
        assert_eq!(all.len(), if has_v6 { 2 } else { 1 });
        for at in all {
            TcpStream::connect(at).await.unwrap();
        }
        drop(sockets);
        // Another process on the other IP address would get half of the requests.
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = other.local_addr().unwrap().port();
        let refused = Listen::Localhost(port).bind().await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
