//! The kinds of provider, one file each. Configuration, buttons, commands and the reference read
//! this table.

mod entra;
mod github;
mod gitlab;
mod google;
mod keycloak;
mod mattermost;
mod oauth2;
mod oidc;
mod okta;

use std::{future::Future, pin::Pin};

use serde_json::Value;
use url::Url;

use crate::{
    claims::ClaimNames,
    config::{ProviderConfig, SettingError},
    oauth::Api,
    provider::AuthMethod,
};

pub(crate) use entra::TENANT;

/// A kind of provider.
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is, for the reference.
    pub summary: &'static str,
    /// The keys that it needs besides `client_id`.
    pub needs: &'static [&'static str],
    pub(crate) prepare: fn(&ProviderConfig) -> Result<Settings, SettingError>,
}

/// All kinds.
pub const KINDS: &[Kind] = &[
    oidc::KIND,
    oauth2::KIND,
    google::KIND,
    entra::KIND,
    okta::KIND,
    keycloak::KIND,
    gitlab::KIND,
    github::KIND,
    mattermost::KIND,
];

/// The kind of that name.
pub fn named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What a kind makes of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) protocol: Protocol,
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the authorization request.
    pub(crate) extra: Vec<(&'static str, String)>,
    pub(crate) claims: ClaimNames,
    pub(crate) auth_method: AuthMethod,
    /// A claim that says to which organisation the person belongs, where that is not for the e-mail
    /// address to say.
    pub(crate) domain_claim: Option<&'static str>,
}

/// How to talk to a provider.
#[derive(Clone, Debug)]
pub(crate) enum Protocol {
    OpenId(OpenId),
    OAuth2(OAuth2),
}

/// OpenID Connect.
#[derive(Clone, Debug)]
pub(crate) struct OpenId {
    /// The issuer; with `{tenantid}` in it where each tenant is one.
    pub(crate) issuer: String,
    /// Where to discover, if that is not the issuer itself.
    pub(crate) discover_at: Option<String>,
    /// The tenants whose issuers count.
    pub(crate) tenants: Vec<String>,
    /// Whether to ask for `offline_access` where the provider offers it.
    pub(crate) offline: bool,
    /// Whether the userinfo endpoint is asked.
    pub(crate) userinfo: bool,
}

/// Plain OAuth 2.0 with an address that tells who somebody is.
#[derive(Clone, Debug)]
pub(crate) struct OAuth2 {
    pub(crate) issuer: String,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) profile: Profile,
}

/// What tells who the holder of an access token is: one object of claims.
pub(crate) type Profile =
    fn(
        &ProviderConfig,
        Api,
    ) -> Pin<Box<dyn Future<Output = Result<Value, crate::FederationError>> + Send>>;

/// Reads an address from the configuration: https, or http on this machine. Answers it without a
/// trailing slash.
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
        SettingError::new(key, format!("{text:?} is not an address like https://login.example.com"))
    })?;
    let plain = url.scheme() == "http" && doorward_model::public_url::is_loopback(&url);
    if url.scheme() != "https" && !plain {
        return Err(SettingError::new(
            key,
            "must be https (http only for a provider on this very machine)",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(SettingError::new(key, "must not hold a user name, password or fragment"));
    }
    Ok(url)
}

/// An address below a base.
pub(crate) fn below(base: &Url, path: &str) -> Result<Url, SettingError> {
    let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text)
        .map_err(|_| SettingError::new("issuer", format!("{text:?} is not an address")))
}

/// The configured scopes, or these.
pub(crate) fn scopes(config: &ProviderConfig, default: &[&str]) -> Vec<String> {
    if config.scopes.is_empty() {
        default.iter().map(|scope| (*scope).to_owned()).collect()
    } else {
        config.scopes.clone()
    }
}

/// Settings of an OpenID provider whose every answer is standard.
pub(crate) fn open_id(
    config: &ProviderConfig,
    issuer: String,
    default_scopes: &[&str],
) -> Settings {
    Settings {
        protocol: Protocol::OpenId(OpenId {
            issuer,
            discover_at: None,
            tenants: Vec::new(),
            offline: true,
            userinfo: true,
        }),
        scopes: scopes(config, default_scopes),
        extra: Vec::new(),
        claims: ClaimNames::standard(),
        auth_method: AuthMethod::SecretBasic,
        domain_claim: None,
    }
}
