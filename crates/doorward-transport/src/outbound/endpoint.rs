//! One server that the operator names in a section of the configuration, such as a chat server or
//! the endpoint of a model: the settings `url`, `networks` and `ca_file`.

use url::Url;

use super::{Outbound, OutboundSetupError, PeerPermissions, check};
use crate::OutboundConfig;

/// The settings of one server that the operator named. In its networks, http without TLS is
/// allowed.
#[derive(Clone, Copy, Debug)]
pub struct OperatorEndpoint<'a> {
    /// The setting `url`.
    pub url: &'a str,
    /// The setting `networks`: networks that it may be in although they are not public.
    pub networks: &'a [String],
    /// The setting `ca_file`: a PEM file with its certificate authority; empty for none.
    pub ca_file: &'a str,
}

/// A setting of an endpoint that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct EndpointError {
    /// The setting.
    pub key: &'static str,
    /// The fault and its remedy.
    pub message: String,
}

impl From<OutboundSetupError> for EndpointError {
    fn from(error: OutboundSetupError) -> Self {
        Self { key: error.setting(), message: error.to_string() }
    }
}

impl<'a> OperatorEndpoint<'a> {
    /// The URL: of a web server, without a user, a password or a fragment. `needed` says what it is
    /// the URL of.
    ///
    /// # Errors
    ///
    /// A URL of another form, or http without a network in which it is allowed.
    pub fn url(self, needed: &str) -> Result<Url, EndpointError> {
        let wrong = |message: &str| EndpointError { key: "url", message: message.to_owned() };
        let url = Url::parse(self.url).map_err(|_| wrong(needed))?;
        let is_web = matches!(url.scheme(), "https" | "http") && url.host_str().is_some();
        let has_user = url.username() != "" || url.password().is_some();
        if !is_web || has_user || url.fragment().is_some() {
            return Err(wrong(needed));
        }
        if url.scheme() == "http" && self.networks.is_empty() {
            return Err(wrong(
                "http is allowed only in networks that the setting networks names; use https",
            ));
        }
        Ok(url)
    }

    fn permissions(self) -> PeerPermissions<'a> {
        PeerPermissions {
            networks: self.networks,
            ca_file: (!self.ca_file.is_empty()).then_some(self.ca_file),
            plain: self.networks,
        }
    }

    /// Checks the networks and the certificate authority, without the cost of a client.
    ///
    /// # Errors
    ///
    /// The setting that is wrong.
    pub fn check(self) -> Result<(), EndpointError> {
        let own = OutboundConfig {
            allow_networks: self.networks.to_vec(),
            extra_ca_files: self.permissions().ca_file.map(str::to_owned).into_iter().collect(),
            ..OutboundConfig::default()
        };
        Ok(check(&own).map(drop)?)
    }

    /// A guarded client for short responses of this server.
    ///
    /// # Errors
    ///
    /// The setting with which none can be made.
    pub fn client(
        self,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Outbound, EndpointError> {
        Ok(outbound.for_correspondent(general, self.permissions())?)
    }

    /// A guarded client for responses of this server that may be long streams.
    ///
    /// # Errors
    ///
    /// The setting with which none can be made.
    pub fn streams(
        self,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Outbound, EndpointError> {
        Ok(outbound.for_streams(general, self.permissions())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint<'a>(
        url: &'a str,
        networks: &'a [String],
        ca_file: &'a str,
    ) -> OperatorEndpoint<'a> {
        OperatorEndpoint { url, networks, ca_file }
    }

    #[test]
    fn settings_of_an_endpoint_are_checked_by_their_names() {
        let listed = ["10.1.2.0/24".to_owned()];
        let fault = |url| endpoint(url, &[], "").url("is needed").unwrap_err();
        for url in
            ["", "models", "ftp://a.example", "https://me@a.example", "https://:pw@a.example"]
        {
            assert_eq!(fault(url), EndpointError { key: "url", message: "is needed".into() });
        }
        assert!(fault("http://a.example").message.starts_with("http is allowed only in networks"));
        assert!(endpoint("http://a.example", &listed, "").url("is needed").is_ok());
        assert_eq!(endpoint("", &listed, "").check(), Ok(()));
        assert_eq!(endpoint("", &["intranet".into()], "").check().unwrap_err().key, "networks");
        assert_eq!(endpoint("", &[], "/no/such.pem").check().unwrap_err().key, "ca_file");
    }
}
