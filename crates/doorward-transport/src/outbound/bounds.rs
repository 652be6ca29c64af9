//! Networks as settings name them.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::error::OutboundSetupError;
use crate::OutboundConfig;

/// The networks of this machine.
pub const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Reads a network or a single IP address.
pub(super) fn network(text: &str) -> Result<IpNet, OutboundSetupError> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| OutboundSetupError::Network(text.to_owned()))
}

/// Networks that an operator listed.
#[derive(Clone, Debug, Default)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// Reads networks and single IP addresses.
    pub fn read(texts: &[String]) -> Result<Self, OutboundSetupError> {
        texts.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Self)
    }
    /// Reports an IP address inside one of them. An IPv4 address in IPv6 form is the IPv4 address.
    pub fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }
    /// Reports that none is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The networks within which administrators may choose.
#[derive(Clone, Debug, Default)]
pub struct Bounds(Vec<IpNet>);

impl Bounds {
    /// Reads `outbound.administered_networks`.
    pub fn read(config: &OutboundConfig) -> Result<Self, OutboundSetupError> {
        let texts = &config.administered_networks;
        texts.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Self)
    }
    /// Reports a network, or single IP address, that lies within one of them. A text that is
    /// neither lies within none.
    pub fn hold(&self, text: &str) -> bool {
        network(text).is_ok_and(|asked| self.0.iter().any(|bound| bound.contains(&asked)))
    }
    /// Reports bounds with an IP address of this machine in them.
    pub fn hold_loopback(&self) -> bool {
        self.hold("127.0.0.1") || self.hold("::1")
    }
}
