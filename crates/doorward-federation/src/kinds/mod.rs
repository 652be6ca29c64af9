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

use crate::{
    config::{ProviderConfig, SettingError},
    settings::Settings,
};

/// A kind of provider.
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its display name.
    pub title: &'static str,
    /// A description for the reference.
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
