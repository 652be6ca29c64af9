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
mod public;

use crate::{
    config::{ProviderConfig, SettingError},
    settings::Settings,
};

/// The holders of accounts at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accounts {
    /// Those to whom an organisation gave one: its own installation or tenant.
    Own,
    /// Anyone can create one.
    Public {
        /// The service.
        service: &'static str,
        /// A setting that limits them, as an example.
        limit: &'static str,
    },
}

/// A claim that providers of a kind send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownClaim {
    pub(crate) name: &'static str,
    /// The scopes of which each brings it; none for a claim that needs no scope.
    pub(crate) scopes: &'static [&'static str],
}

/// A claim with the scopes of which each brings it.
pub(crate) const fn claim(name: &'static str, scopes: &'static [&'static str]) -> KnownClaim {
    KnownClaim { name, scopes }
}

/// The claims that providers of a kind send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentClaims {
    /// Known claims, the kind's own before the standard ones.
    pub(crate) known: &'static [&'static [KnownClaim]],
    /// An installation can be set up to send others.
    pub(crate) others: bool,
}

/// Claims of ID tokens and of userinfo by their scopes (OpenID Connect Core §2 and §5.4).
pub(crate) const STANDARD: &[KnownClaim] = &[
    claim("sub", &[]),
    claim("iss", &[]),
    claim("aud", &[]),
    claim("azp", &[]),
    claim("acr", &[]),
    claim("amr", &[]),
    claim("auth_time", &[]),
    claim("name", &["profile"]),
    claim("family_name", &["profile"]),
    claim("given_name", &["profile"]),
    claim("middle_name", &["profile"]),
    claim("nickname", &["profile"]),
    claim("preferred_username", &["profile"]),
    claim("profile", &["profile"]),
    claim("picture", &["profile"]),
    claim("website", &["profile"]),
    claim("gender", &["profile"]),
    claim("birthdate", &["profile"]),
    claim("zoneinfo", &["profile"]),
    claim("locale", &["profile"]),
    claim("updated_at", &["profile"]),
    claim("email", &["email"]),
    claim("email_verified", &["email"]),
    claim("address", &["address"]),
    claim("phone_number", &["phone"]),
    claim("phone_number_verified", &["phone"]),
];

/// The sign on the button of a kind: Doorward's, not the brand's.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// The colour of the square.
    pub colour: &'static str,
    /// The SVG path of the drawing on 24 by 24.
    pub path: &'static str,
}

impl Sign {
    /// A key.
    pub const KEY: Self = Self {
        colour: "#5a6469",
        path: "M9 7a4 4 0 1 0 3.700 5.500H15V15h2.500v-2.500H19v-2h-6.300A4 4 0 0 0 9 7m0 2.500a1.500 1.500 0 1 1 0 3a1.500 1.500 0 1 1 0-3",
    };
}

/// A kind of provider.
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its display name.
    pub title: &'static str,
    /// A description for the reference.
    pub summary: &'static str,
    /// The sign on its button.
    pub sign: Sign,
    /// The keys that it needs besides `client_id`.
    pub needs: &'static [&'static str],
    /// The holders of accounts at a provider of these settings.
    pub(crate) accounts: fn(&ProviderConfig) -> Accounts,
    /// The claims that it sends.
    pub(crate) sent: SentClaims,
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
