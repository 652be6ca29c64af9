//! Networks in which an upstream and its authorization servers may be, with and without TLS.

use std::net::IpAddr;

use doorward_model::public_url::is_loopback;
use doorward_transport::{
    OutboundConfig,
    outbound::{LOOPBACK, Networks},
};
use url::{Host, Url};

use crate::config::{SettingError, UpstreamConfig};

/// The networks of a correspondent, those of this machine among them where that is said.
pub(crate) fn listed(networks: &[String], loopback: bool) -> Vec<String> {
    let own = LOOPBACK.iter().filter(|_| loopback).map(|network| (*network).to_owned());
    networks.iter().cloned().chain(own).collect()
}

/// The networks in which a correspondent may be spoken to without TLS: those that the operator
/// listed, for it or for all.
pub(crate) fn without_tls(networks: &[String], general: &OutboundConfig) -> Vec<String> {
    networks.iter().chain(&general.allow_networks).cloned().collect()
}

/// Networks in which an upstream and its authorization servers may be.
pub(crate) struct Reach {
    /// The networks that are listed for it.
    pub(crate) networks: Vec<String>,
    /// The networks in which it may be spoken to without TLS.
    pub(crate) plain: Vec<String>,
    read: Networks,
}

impl Reach {
    /// Reads the networks.
    pub(crate) fn read(
        config: &UpstreamConfig,
        general: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        let networks = listed(&config.networks, config.http_on_loopback);
        let plain = without_tls(&networks, general);
        let read = Networks::read(&plain)
            .map_err(|error| SettingError::new("networks", error.to_string()))?;
        Ok(Self { networks, plain, read })
    }

    /// A URL that is spoken to: encrypted, or in a network that is listed. A name is judged when it
    /// is resolved.
    pub(crate) fn admit(&self, key: &'static str, url: Option<&Url>) -> Result<(), SettingError> {
        let Some(url) = url.filter(|url| url.scheme() == "http") else { return Ok(()) };
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        let admitted = address.map_or(!self.read.is_empty(), |address| self.read.hold(address));
        if admitted {
            return Ok(());
        }
        let example = address.map_or_else(|| "172.18.0.0/16".to_owned(), |at| at.to_string());
        Err(SettingError::new(
            key,
            format!(
                "is http, which is for IP addresses in listed networks alone, because everything \
                 would cross the network unencrypted; write https, or list the network that it is in \
                 in networks, such as {example}"
            ),
        ))
    }
}

impl Reach {
    /// A URL of an authorization server: encrypted, or on this machine where that is listed. Users
    /// are sent to some of them, and their browsers are behind no guard.
    pub(crate) fn admit_authorization_server(
        &self,
        key: &'static str,
        url: Option<&Url>,
    ) -> Result<(), SettingError> {
        if url.is_some_and(|url| url.scheme() == "http" && !is_loopback(url)) {
            return Err(SettingError::new(
                key,
                "must be an https URL; http is for an authorization server on this machine alone",
            ));
        }
        self.admit(key, url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_listed_networks_and_one_setting_is_enough_for_this_machine() {
        let admits = |networks: &[&str], loopback: bool, url: &str| {
            let config = UpstreamConfig {
                networks: networks.iter().map(|text| (*text).to_owned()).collect(),
                http_on_loopback: loopback,
                ..UpstreamConfig::default()
            };
            let url = Url::parse(url).unwrap();
            let reach = Reach::read(&config, &OutboundConfig::default()).unwrap();
            reach.admit("url", Some(&url)).is_ok()
        };
        assert!(admits(&["127.0.0.0/8"], false, "http://127.0.0.1:3000/mcp"));
        assert!(admits(&[], true, "http://127.0.0.1:3000/mcp"));
        assert!(admits(&[], true, "http://[::1]:3000/mcp"));
        assert!(admits(&[], true, "http://localhost:3000/mcp"));
        assert!(admits(&["10.0.0.5"], false, "http://10.0.0.5/mcp"));
        assert!(admits(&["172.18.0.0/16"], false, "http://wiki:8000/mcp"));
        assert!(admits(&[], false, "https://10.0.0.5/mcp"), "the guard judges it, not TLS");
        assert!(!admits(&[], false, "http://10.0.0.5/mcp"));
        assert!(!admits(&["10.0.0.5"], false, "http://10.0.0.6/mcp"));
        assert!(!admits(&["10.0.0.5"], true, "http://93.184.216.34/mcp"));
        assert!(!admits(&["127.0.0.0/8"], false, "http://[::1]/mcp"));
        assert!(!admits(&[], false, "http://wiki:8000/mcp"));
        let general = OutboundConfig {
            allow_networks: vec!["10.0.0.0/8".to_owned()],
            ..OutboundConfig::default()
        };
        let reach = Reach::read(&UpstreamConfig::default(), &general).unwrap();
        let url = Url::parse("http://10.9.9.9/mcp").unwrap();
        assert!(reach.admit("url", Some(&url)).is_ok());
        assert!(reach.admit_authorization_server("issuer", Some(&url)).is_err());
        let named = Url::parse("http://login.example/token").unwrap();
        assert!(reach.admit_authorization_server("token_url", Some(&named)).is_err());
    }
}
