//! The judgement of IP addresses, on what is connected to: after name resolution, so that a name
//! cannot change its meaning between the check and the connection (DNS rebinding).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use reqwest::dns;
use url::{Host, Url};

use super::{bounds::Networks, error::OutboundError, public::is_public};

/// The IP addresses that may be connected to.
#[derive(Clone, Debug)]
pub(super) enum Guard {
    /// Public ones, and those in these networks: for https.
    Encrypted(Networks),
    /// Those in these networks alone: for http.
    Plain(Networks),
}

impl Guard {
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        match self {
            Self::Encrypted(networks) => is_public(address) || networks.hold(address),
            Self::Plain(networks) => networks.hold(address),
        }
    }

    /// The refusal of an IP address, or of a name that leads there.
    fn refusal(&self, what: String) -> OutboundError {
        match self {
            Self::Encrypted(_) => OutboundError::Address(what),
            Self::Plain(_) => OutboundError::PlainAddress(what),
        }
    }

    /// Refuses a URL whose host is an IP address that is not admitted: those never reach the
    /// resolver.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), OutboundError> {
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(OutboundError::Scheme),
        };
        if self.admits(literal) { Ok(()) } else { Err(self.refusal(literal.to_string())) }
    }

    /// The admitted ones of the IP addresses of a name. A name that leads to a public one too is
    /// not one of a private network: nothing is sent there without TLS, whichever IP address it
    /// would be sent to this time.
    pub(super) fn usable(
        &self,
        name: &str,
        found: &[SocketAddr],
    ) -> Result<Vec<SocketAddr>, OutboundError> {
        let is_plain = matches!(self, Self::Plain(_));
        let stray = |at: &SocketAddr| is_plain && is_public(at.ip()) && !self.admits(at.ip());
        let usable: Vec<_> = found.iter().copied().filter(|at| self.admits(at.ip())).collect();
        if usable.is_empty() || found.iter().any(stray) {
            // http is for servers that an operator named, who has to see which network is missing.
            let what = if is_plain { with_addresses(name, found) } else { name.to_owned() };
            return Err(self.refusal(what));
        }
        Ok(usable)
    }
}

/// A name with the first of its IP addresses.
fn with_addresses(name: &str, found: &[SocketAddr]) -> String {
    let shown: Vec<_> = found.iter().take(3).map(|at| at.ip().to_string()).collect();
    if shown.is_empty() { name.to_owned() } else { format!("{name} ({})", shown.join(", ")) }
}

/// True for `localhost` and the names within it.
fn is_of_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

/// The IP addresses of a name.
pub(super) async fn resolve(name: &str) -> Result<Vec<SocketAddr>, OutboundError> {
    // A small system has no file with this name, and no name server is asked for it nor for names
    // within it (RFC 6761, section 6.3).
    if is_of_this_machine(name) {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        return Ok(loopback.map(|address| SocketAddr::new(address, 0)).to_vec());
    }
    tokio::net::lookup_host((name, 0))
        .await
        .map(Iterator::collect)
        .map_err(|_| OutboundError::Failed(format!("no IP address is known for {name}")))
}

impl dns::Resolve for Guard {
    fn resolve(&self, name: dns::Name) -> dns::Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = resolve(name.as_str()).await?;
            let usable = guard.usable(name.as_str(), &found)?;
            Ok(Box::new(usable.into_iter()) as dns::Addrs)
        })
    }
}

/// Finds the IP addresses of names as [`Guard`] does, and judges none.
pub(super) struct Unguarded;

impl dns::Resolve for Unguarded {
    fn resolve(&self, name: dns::Name) -> dns::Resolving {
        Box::pin(async move {
            let found = resolve(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as dns::Addrs)
        })
    }
}

/// The networks that an operator has to list so that a URL can be used: none if it can be used as
/// it is, and none if it has no IP address at this moment. A name may move inside its network, so
/// that the network around it is meant, as wide as such networks usually are.
pub async fn needed_networks(url: &Url, listed: Networks) -> Vec<String> {
    let guard =
        if url.scheme() == "http" { Guard::Plain(listed) } else { Guard::Encrypted(listed) };
    let (addresses, is_name) = match url.host() {
        Some(Host::Ipv4(address)) => (vec![IpAddr::V4(address)], false),
        Some(Host::Ipv6(address)) => (vec![IpAddr::V6(address)], false),
        Some(Host::Domain(name)) => {
            // One who asks waits at a terminal; a name that is not known needs no network.
            let found = tokio::time::timeout(Duration::from_secs(2), resolve(name)).await;
            let found = found.ok().and_then(Result::ok).unwrap_or_default();
            (found.into_iter().map(|at| at.ip()).collect(), true)
        }
        None => return Vec::new(),
    };
    if addresses.iter().any(|address| guard.admits(*address) || is_public(*address)) {
        return Vec::new();
    }
    let mut needed: Vec<IpNet> = addresses
        .into_iter()
        .map(|address| if is_name { around(address) } else { IpNet::from(address.to_canonical()) })
        .collect();
    needed.sort();
    needed.dedup();
    needed.into_iter().map(|network| network.to_string()).collect()
}

/// The network around an IP address that is not public.
fn around(address: IpAddr) -> IpNet {
    let length = match address.to_canonical() {
        IpAddr::V4(v4) => match v4.octets() {
            [127, ..] => 8,
            // The networks of containers.
            [172, 16..=31, ..] => 16,
            [10, ..] | [192, 168, ..] => 24,
            _ => 32,
        },
        IpAddr::V6(v6) if (v6.segments().first().unwrap_or(&0) & 0xfe00) == 0xfc00 => 64,
        IpAddr::V6(_) => 128,
    };
    let address = address.to_canonical();
    IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Networks::read(&texts).unwrap()
    }

    fn found(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect()
    }

    #[tokio::test]
    async fn localhost_is_this_machine_whatever_its_files_and_name_servers_say() {
        for name in ["localhost", "LocalHost", "localhost.", "app.localhost", "a.B.LOCALHOST."] {
            let found = resolve(name).await.unwrap();
            assert_eq!(found.len(), 2, "{name}");
            assert!(found.iter().all(|at| at.ip().is_loopback()), "{name}");
        }
        for other in ["localhost.example", "mylocalhost", "localhost..", ".", ""] {
            assert!(!is_of_this_machine(other), "{other}");
        }
    }

    #[test]
    fn a_name_is_used_without_tls_only_where_it_leads_into_listed_networks() {
        let plain = Guard::Plain(networks(&["172.18.0.0/16", "127.0.0.0/8"]));
        let usable = |texts: &[&str]| plain.usable("wiki", &found(texts)).map(|found| found.len());
        assert_eq!(usable(&["172.18.0.3"]), Ok(1));
        assert_eq!(usable(&["::ffff:172.18.0.3"]), Ok(1));
        // `localhost` has an IP address that is not listed; it is left out.
        assert_eq!(usable(&["::1", "127.0.0.1"]), Ok(1));
        for elsewhere in [
            &["172.19.0.3"][..],
            &["10.0.0.1"],
            &["169.254.169.254"],
            &["93.184.216.34"],
            &["172.18.0.3", "93.184.216.34"],
            &["172.18.0.3", "2606:4700::1111"],
            &["::ffff:93.184.216.34"],
            &["64:ff9b::ac12:3"],
            &[],
        ] {
            let what = with_addresses("wiki", &found(elsewhere));
            assert!(elsewhere.iter().all(|address| what.contains(address)), "{what}");
            let refused = usable(elsewhere);
            assert_eq!(refused, Err(OutboundError::PlainAddress(what)), "{elsewhere:?}");
        }
        let encrypted = Guard::Encrypted(networks(&["172.18.0.0/16"]));
        let both = encrypted.usable("wiki", &found(&["172.18.0.3", "93.184.216.34", "10.0.0.1"]));
        assert_eq!(both.unwrap().len(), 2, "with TLS a public one is as good");
        assert!(Guard::Plain(networks(&[])).usable("wiki", &found(&["127.0.0.1"])).is_err());
    }

    #[test]
    fn literals_are_judged_by_the_scheme_that_they_are_used_with() {
        let check = |guard: &Guard, url: &str| guard.check_literal(&Url::parse(url).unwrap());
        let plain = Guard::Plain(networks(&["10.0.0.5", "fd00::/8"]));
        for good in ["http://10.0.0.5:8000/mcp", "http://[fd00::1]/mcp", "http://wiki/mcp"] {
            assert_eq!(check(&plain, good), Ok(()), "{good}");
        }
        for bad in [
            "http://10.0.0.6/mcp",
            "http://127.0.0.1/mcp",
            "http://93.184.216.34/mcp",
            "http://[::ffff:10.0.0.6]/mcp",
            "http://0x0a000006/mcp",
        ] {
            assert!(matches!(check(&plain, bad), Err(OutboundError::PlainAddress(_))), "{bad}");
        }
        let encrypted = Guard::Encrypted(networks(&["10.0.0.5"]));
        assert_eq!(check(&encrypted, "https://93.184.216.34/"), Ok(()));
        assert!(check(&encrypted, "https://10.0.0.6/").is_err());
    }

    #[tokio::test]
    async fn the_networks_that_are_missing_are_named() {
        let needed = async |url: &str, listed: &[&str]| {
            needed_networks(&Url::parse(url).unwrap(), networks(listed)).await
        };
        assert_eq!(needed("http://10.0.0.5/mcp", &[]).await, ["10.0.0.5/32"]);
        assert_eq!(needed("https://[fd00::5]/mcp", &[]).await, ["fd00::5/128"]);
        assert!(needed("http://10.0.0.5/mcp", &["10.0.0.0/24"]).await.is_empty());
        assert!(needed("https://93.184.216.34/mcp", &[]).await.is_empty());
        assert!(needed("http://93.184.216.34/mcp", &[]).await.is_empty(), "none would help");
        assert!(needed("http://localhost:1/mcp", &["127.0.0.0/8"]).await.is_empty());
        assert!(needed("http://localhost:1/mcp", &[]).await.contains(&"127.0.0.0/8".to_owned()));
        let wide = |text: &str| around(text.parse().unwrap()).to_string();
        assert_eq!(wide("172.18.0.3"), "172.18.0.0/16");
        assert_eq!(wide("192.168.1.9"), "192.168.1.0/24");
        assert_eq!(wide("fd12:3456::9"), "fd12:3456::/64");
        assert_eq!(wide("169.254.1.1"), "169.254.1.1/32");
    }
}
