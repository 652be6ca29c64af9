//! The number of connections of each IP address.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{ClientAddress, address::TrustedProxies};

/// Connections by IP address, those of trusted proxies left out: many clients share each of them.
pub(crate) struct Peers {
    most: usize,
    exempt: TrustedProxies,
    held: Mutex<HashMap<IpAddr, usize>>,
}

impl Peers {
    pub(crate) fn new(most: usize, exempt: TrustedProxies) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), exempt, held: Mutex::default() })
    }

    /// Counts one more connection of this IP address until the returned value is dropped; `None` if
    /// it has reached the limit.
    pub(crate) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<CountedConnection> {
        if self.exempt.trusts(peer.ip()) {
            return Some(CountedConnection { peers: Arc::clone(self), counted: None });
        }
        let key = ClientAddress(peer.ip()).quota_key();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(key).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(CountedConnection { peers: Arc::clone(self), counted: Some(key) })
    }
}

/// One connection that is counted.
pub(crate) struct CountedConnection {
    peers: Arc<Peers>,
    counted: Option<IpAddr>,
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let Some(key) = self.counted else { return };
        let mut held = self.peers.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ip_address_has_its_share_of_connections_and_a_trusted_proxy_has_all() {
        let peers = Peers::new(2, TrustedProxies::parse(&["10.0.0.0/8".to_owned()]).unwrap());
        let admit = |address: &str| peers.admit(address.parse().unwrap());
        let held = [admit("192.0.2.1:1"), admit("192.0.2.1:2")];
        assert!(
            held.iter().all(Option::is_some)
                && admit("192.0.2.1:3").is_none()
                && admit("[::ffff:192.0.2.1]:3").is_none()
        );
        assert!(admit("192.0.2.2:1").is_some());
        let proxied: Vec<_> = (1..50).map(|port| admit(&format!("10.0.0.1:{port}"))).collect();
        assert!(proxied.iter().all(Option::is_some));
        // One subscriber of IPv6 has a /64.
        let subscriber = [admit("[2001:db8::1]:1"), admit("[2001:db8::2]:1")];
        assert!(
            subscriber.iter().all(Option::is_some)
                && admit("[2001:db8::3]:1").is_none()
                && admit("[2001:db8:0:1::1]:1").is_some()
        );
        drop((held, subscriber, proxied));
        assert!(peers.held.lock().unwrap().is_empty());
    }
}
