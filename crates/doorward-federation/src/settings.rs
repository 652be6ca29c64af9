//! Settings of a provider as its kind makes them of the configuration.

use std::sync::Arc;

use doorward_transport::oauth::{Answer, AuthorizeParams, Failure, RequestSubject, ReservedParam};
use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use crate::{
    api::Api,
    claims::ClaimNames,
    config::{ProviderConfig, SettingError},
    error::FederationError,
};

/// The placeholder of the tenant in an issuer that covers several.
pub(crate) const TENANT: &str = "{tenantid}";

/// Proof of Doorward at a token endpoint (OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    SecretBasic,
    SecretPost,
    PrivateKeyJwt,
    Nothing,
}

/// Reading of answers that only servers of one kind send. `None` leaves an answer to the general
/// rules.
pub(crate) type Interpret = fn(&Answer, RequestSubject) -> Option<Failure>;

/// Settings that a kind makes of a configuration.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) speaks: Speaks,
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the authorization request.
    pub(crate) extra: Vec<(String, String)>,
    pub(crate) claims: ClaimNames,
    pub(crate) auth_method: AuthMethod,
    /// A claim that names the user's organisation, where the e-mail address does not decide.
    pub(crate) domain_claim: Option<&'static str>,
    pub(crate) interpret: Interpret,
    /// The parameter with the name of the user who is expected to sign in.
    pub(crate) login_hint: &'static str,
}

/// The protocol of a provider, with its URLs.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each provider")]
pub(crate) enum Speaks {
    OpenId(Box<OpenId>),
    OAuth2(OAuth2),
}

/// OpenID Connect.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenId {
    /// The issuer; with [`TENANT`] in it where each tenant is one.
    pub(crate) issuer: String,
    /// The URL of the discovery document, if it is not below the issuer.
    pub(crate) document: Option<String>,
    /// The tenants that are accepted as issuers.
    pub(crate) tenants: Vec<String>,
    /// Ask for `offline_access` where the provider offers it.
    pub(crate) offline: bool,
    /// Ask the userinfo endpoint.
    pub(crate) userinfo: bool,
    /// Configured endpoints, which replace those of the discovery document.
    pub(crate) by_hand: Endpoints,
}

/// Endpoints that the operator set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) authorize: Option<Url>,
    pub(crate) token: Option<Url>,
    pub(crate) userinfo: Option<Url>,
    pub(crate) jwks: Option<Url>,
    pub(crate) end_session: Option<Url>,
}

impl Endpoints {
    /// Reads them from the configuration.
    pub(crate) fn read(config: &ProviderConfig) -> Result<Self, SettingError> {
        let read = |key, text: &str| {
            if text.is_empty() { Ok(None) } else { address(key, text, None).map(Some) }
        };
        Ok(Self {
            authorize: read("authorize_url", &config.authorize_url)?,
            token: read("token_url", &config.token_url)?,
            userinfo: read("userinfo_url", &config.userinfo_url)?,
            jwks: read("jwks_url", &config.jwks_url)?,
            end_session: read("end_session_url", &config.end_session_url)?,
        })
    }

    /// Reports that no discovery document is needed.
    pub(crate) fn are_enough(&self) -> bool {
        self.authorize.is_some() && self.token.is_some() && self.jwks.is_some()
    }
}

/// Plain OAuth 2.0.
#[derive(Clone)]
pub(crate) struct OAuth2 {
    pub(crate) issuer: String,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) end_session: Option<Url>,
    pub(crate) profile: Arc<dyn Profile>,
}

/// The holder of an access token, as an object of claims.
pub(crate) trait Profile: Send + Sync {
    /// Asks for it.
    fn ask<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Result<Value, FederationError>>;
}

/// Reads a URL of the configuration: https, or http on this machine.
pub(crate) fn address(
    key: &'static str,
    text: &str,
    default: Option<&str>,
) -> Result<Url, SettingError> {
    let text = if text.is_empty() { default.unwrap_or_default() } else { text };
    if text.is_empty() {
        return Err(SettingError::new(key, "is needed for this kind of provider"));
    }
    let url = Url::parse(text).map_err(|_| {
        SettingError::new(key, format!("{text:?} is not a URL like https://login.example.com"))
    })?;
    let plain = url.scheme() == "http" && doorward_model::public_url::is_loopback(&url);
    if url.scheme() != "https" && !plain {
        return Err(SettingError::new(
            key,
            "must be https (http only for a provider on this machine)",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(SettingError::new(key, "must not contain a user name, password or fragment"));
    }
    Ok(url)
}

/// A URL below a base.
pub(crate) fn below(base: &Url, path: &str) -> Result<Url, SettingError> {
    let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| SettingError::new("issuer", format!("{text:?} is not a URL")))
}

/// The configured scopes, or these.
pub(crate) fn scopes(config: &ProviderConfig, default: &[&str]) -> Vec<String> {
    if config.scopes.is_empty() {
        default.iter().map(|scope| (*scope).to_owned()).collect()
    } else {
        config.scopes.clone()
    }
}

/// Settings of an OpenID provider with standard responses throughout.
pub(crate) fn open_id(
    config: &ProviderConfig,
    issuer: String,
    default_scopes: &[&str],
) -> Result<Settings, SettingError> {
    let document = if config.discovery_url.is_empty() {
        None
    } else {
        Some(address("discovery_url", &config.discovery_url, None)?.to_string())
    };
    Ok(Settings {
        speaks: Speaks::OpenId(Box::new(OpenId {
            issuer,
            document,
            tenants: Vec::new(),
            offline: true,
            userinfo: true,
            by_hand: Endpoints::read(config)?,
        })),
        scopes: scopes(config, default_scopes),
        extra: Vec::new(),
        claims: ClaimNames::standard(),
        auth_method: AuthMethod::SecretBasic,
        domain_claim: None,
        interpret: |_, _| None,
        login_hint: "login_hint",
    })
}

/// Settings of a plain OAuth 2.0 provider. The endpoints are used unless others are configured.
pub(crate) fn oauth2(
    config: &ProviderConfig,
    issuer: String,
    authorize: Url,
    token: Url,
    profile: Arc<dyn Profile>,
) -> Result<Settings, SettingError> {
    for (key, value) in [("jwks_url", &config.jwks_url), ("discovery_url", &config.discovery_url)] {
        if !value.is_empty() {
            return Err(SettingError::new(
                key,
                "is for OpenID Connect only; this kind does not use it",
            ));
        }
    }
    let by_hand = Endpoints::read(config)?;
    Ok(Settings {
        speaks: Speaks::OAuth2(OAuth2 {
            issuer,
            authorize: by_hand.authorize.unwrap_or(authorize),
            token: by_hand.token.unwrap_or(token),
            end_session: by_hand.end_session,
            profile,
        }),
        scopes: scopes(config, &[]),
        extra: Vec::new(),
        claims: ClaimNames::standard(),
        auth_method: AuthMethod::SecretBasic,
        domain_claim: None,
        interpret: |_, _| None,
        login_hint: "login_hint",
    })
}

/// Refuses a userinfo endpoint for a kind that requests users in its own way.
pub(crate) fn no_userinfo(config: &ProviderConfig) -> Result<(), SettingError> {
    if config.userinfo_url.is_empty() {
        Ok(())
    } else {
        Err(SettingError::new("userinfo_url", "is not used by this kind; use kind = \"oauth2\""))
    }
}

/// Parameters of the authorization request that are Doorward's own, besides those of every request.
const OWN: &[ReservedParam] = &[
    ReservedParam::new("id_token_hint"),
    ReservedParam::new("login_hint"),
    ReservedParam::new("max_age"),
    ReservedParam::with_hint("response_mode", "; use response_mode of this table"),
    ReservedParam::with_hint("acr_values", "; use acr_values of this table"),
];

/// Reads `authorize_params`: parameters that are added, and the prompts among them.
pub(crate) fn authorize_params(
    config: &ProviderConfig,
    settings: &mut Settings,
) -> Result<Vec<String>, SettingError> {
    let wrong = |why: String| SettingError::new("authorize_params", why);
    let read = AuthorizeParams::read(&config.authorize_params, OWN).map_err(wrong)?;
    for (name, value) in read.params {
        match settings.extra.iter().find(|(known, _)| *known == name) {
            Some((_, own)) if *own == value => {}
            Some((_, own)) => {
                return Err(wrong(format!("{name} is set by Doorward for this kind, to {own}")));
            }
            None => settings.extra.push((name, value)),
        }
    }
    Ok(read.prompts)
}
