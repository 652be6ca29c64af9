//! The operator's knowledge of the authorization server of an upstream, which the server itself does
//! not announce.

use doorward_transport::oauth::{AuthorizeParams, ReservedParam};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    config::{SettingError, UpstreamConfig},
    reach::Reach,
    setting_url::setting_url,
};

/// Parameters of the authorization request that are Doorward's own, besides those of every request.
const OWN: &[ReservedParam] = &[
    ReservedParam::with_hint("resource", "; use send_resource"),
    ReservedParam::with_hint(
        "response_mode",
        ": the response is read from the query of the redirect URI",
    ),
    ReservedParam::new("code_verifier"),
];

/// This server's authentication at a token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

/// Settings of an authorization server, as they are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByHand {
    /// Further parameters of the authorization request.
    pub(crate) params: AuthorizeParams,
    /// The URL of the metadata document.
    pub(crate) document: Option<Url>,
    pub(crate) authorize: Option<Url>,
    pub(crate) token: Option<Url>,
    pub(crate) registration: Option<Url>,
    pub(crate) revocation: Option<Url>,
    /// The method of authentication at the token endpoint.
    pub(crate) method: Option<Method>,
    /// True if tokens are issued for codes, at an authorization endpoint.
    pub(crate) needs_code: bool,
}

impl ByHand {
    /// Reads the settings.
    pub(crate) fn read(config: &UpstreamConfig, reach: &Reach) -> Result<Self, SettingError> {
        let own = matches!(config.auth.as_str(), "client_credentials" | "workload");
        let pages = matches!(config.auth.as_str(), "oauth" | "assertion");
        let oauth = own || pages;
        let texts = [
            ("discovery_url", config.discovery_url.as_str()),
            ("authorize_url", &config.authorize_url),
            ("token_url", &config.token_url),
            ("registration_url", &config.registration_url),
            ("revocation_url", &config.revocation_url),
        ];
        let elsewhere = |key| {
            let used = match key {
                "discovery_url" | "token_url" => {
                    "is for auth = client_credentials, workload, assertion or oauth"
                }
                _ => "is for auth = \"oauth\" or \"assertion\"",
            };
            SettingError::new(key, used)
        };
        for (key, text) in texts {
            // The token endpoint of `exchange` is read where that is.
            let used = match key {
                "token_url" => oauth || config.auth == "exchange",
                "discovery_url" => oauth,
                _ => pages,
            };
            match (text.is_empty(), used) {
                (false, false) => return Err(elsewhere(key)),
                (false, true) if oauth && config.issuer.is_empty() => {
                    return Err(SettingError::new(
                        "issuer",
                        format!("is needed with {key}: tokens are stored for one issuer"),
                    ));
                }
                (true, _) | (false, true) => {}
            }
        }
        if !pages {
            if !config.authorize_params.is_empty() {
                return Err(elsewhere("authorize_params"));
            }
            if config.trust_pkce {
                return Err(elsewhere("trust_pkce"));
            }
        }
        let read = |key, text: &str| {
            let url = setting_url(key, text)?.filter(|_| oauth);
            if url.as_ref().is_some_and(|url| url.fragment().is_some()) {
                return Err(SettingError::new(key, "must not contain a fragment"));
            }
            reach.admit_authorization_server(key, url.as_ref())?;
            Ok(url)
        };
        let by_hand = Self {
            params: AuthorizeParams::read(&config.authorize_params, OWN)
                .map_err(|why| SettingError::new("authorize_params", why))?,
            document: read("discovery_url", &config.discovery_url)?,
            authorize: read("authorize_url", &config.authorize_url)?,
            token: read("token_url", &config.token_url)?,
            registration: read("registration_url", &config.registration_url)?,
            revocation: read("revocation_url", &config.revocation_url)?,
            method: method(config)?,
            needs_code: config.auth == "oauth",
        };
        by_hand.check_pkce(config)?;
        Ok(by_hand)
    }

    /// A server that does not announce PKCE is used where the operator vouches for it, at which
    /// Doorward is a client that the operator registered.
    fn check_pkce(&self, config: &UpstreamConfig) -> Result<(), SettingError> {
        for (key, value) in [("issuer", &config.issuer), ("client_id", &config.client_id)] {
            if config.trust_pkce && value.is_empty() {
                return Err(SettingError::new(
                    key,
                    "is needed with trust_pkce: the setting applies to one server, of which you \
                     know that it checks PKCE",
                ));
            }
        }
        if self.authorize.is_some() && self.are_enough() && !config.trust_pkce {
            return Err(SettingError::new(
                "trust_pkce",
                "is needed with authorize_url and token_url: without a metadata document the \
                 server does not state that it checks PKCE",
            ));
        }
        Ok(())
    }

    /// Reports that no metadata document is needed.
    pub(crate) fn are_enough(&self) -> bool {
        let authorizes = self.authorize.is_some() || !self.needs_code;
        authorizes && self.token.is_some() && self.document.is_none()
    }
}

fn method(config: &UpstreamConfig) -> Result<Option<Method>, SettingError> {
    let method = match config.token_auth_method.as_str() {
        "" => return Ok(None),
        "client_secret_basic" => Method::ClientSecretBasic,
        "client_secret_post" => Method::ClientSecretPost,
        "private_key_jwt" => Method::PrivateKeyJwt,
        "none" => Method::None,
        other => {
            return Err(SettingError::new(
                "token_auth_method",
                format!(
                    "{other:?} is not one of client_secret_basic, client_secret_post, \
                     private_key_jwt, none"
                ),
            ));
        }
    };
    let fits = match method {
        Method::None => config.client_secret.is_empty() && config.private_key.is_empty(),
        Method::ClientSecretBasic | Method::ClientSecretPost => !config.client_secret.is_empty(),
        Method::PrivateKeyJwt => !config.private_key.is_empty(),
    };
    if config.client_id.is_empty() || !fits {
        return Err(SettingError::new(
            "token_auth_method",
            "is for a client_id that you set, with a client_secret, with a private_key for \
             private_key_jwt, and with neither for none",
        ));
    }
    Ok(Some(method))
}
