//! The client at the other end.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use http::HeaderMap;
use ipnet::IpNet;

/// The socket's other end, set by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// The IP address of the client, seen through trusted proxies. Handlers find it among the request's
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The key under which this client is counted: its IPv4 address or its IPv6 /64, which usually
    /// belongs to one subscriber.
    pub fn quota_key(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => IpAddr::V4(v4),
                None => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
            },
        }
    }
}

/// Marks a request that a trusted proxy sent. Handlers find it among the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct FromTrustedProxy;

/// The networks of trusted proxies.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses networks and single IP addresses; returns the first text that is neither.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let one = |text: &String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| text.clone())
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Walks `X-Forwarded-For` from its end, where the nearest proxy wrote, to the first IP address
    /// that is not a trusted proxy.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let forwarded: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for text in forwarded.iter().rev().take(32) {
            let Ok(address) = text.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

/// Finds the client's IP address, and keeps it among the request's extensions.
pub fn find(proxies: &TrustedProxies, request: &mut Request) {
    let peer = request
        .extensions()
        .get::<PeerAddress>()
        .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    let client = ClientAddress(proxies.client(peer, request.headers()));
    request.extensions_mut().insert(client);
    if proxies.trusts(peer) {
        request.extensions_mut().insert(FromTrustedProxy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca21_forwarded_headers_count_only_from_trusted_proxies() {
        let proxies = TrustedProxies::parse(&["10.0.0.0/8".into()]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.7".parse().unwrap());
        assert_eq!(
            proxies.client("198.51.100.1".parse().unwrap(), &headers).to_string(),
            "198.51.100.1"
        );
        assert_eq!(
            proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string(),
            "203.0.113.9"
        );
        assert!(TrustedProxies::parse(&["proxy.example".into()]).is_err());
    }
}
