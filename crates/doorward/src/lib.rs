//! Reads configuration, wires the parts, runs the commands: the program as a library, so that tests
//! start it whole.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

#[cfg(feature = "agent")]
mod agent;
pub mod app;
mod certificate;
#[cfg(feature = "connectors")]
mod chat;
#[cfg(all(feature = "agent", feature = "connectors"))]
mod chat_agent;
pub mod commands;
pub mod config;
mod connected;
mod control;
pub mod data_dir;
mod entry;
#[cfg(debug_assertions)]
mod faults;
pub mod housekeeping;
mod http;
mod logging;
mod master_key;
mod metrics;
#[cfg(feature = "knowledge")]
mod mirrors;
mod numbers;
mod out;
#[cfg(any(feature = "agent", feature = "connectors"))]
mod own_client;
mod process;
mod programs;
mod readiness;
mod reload;
pub mod running;
pub mod serve;
mod services;
pub mod supervisor;
mod upstream_pages;

use doorward_model::nearest;

/// A failure for the terminal: one line with its solution.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

impl Failed {
    /// A failure from anything that explains itself.
    pub fn because(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl From<doorward_admin::Refusal> for Failed {
    /// The message, with its code for programs.
    fn from(refusal: doorward_admin::Refusal) -> Self {
        Self(format!("{refusal} [{}]", refusal.code()))
    }
}

macro_rules! failed_from {
    ($($error:ty),* $(,)?) => { $(impl From<$error> for Failed { fn from(error: $error) -> Self { Self::because(error) } })* };
}

failed_from!(
    config::ConfigError,
    config::ConfigErrors,
    data_dir::DataDirError,
    doorward_store::StoreError,
    doorward_keys::MasterKeyError,
    doorward_keys::RingError,
    doorward_accounts::HasherError,
    doorward_accounts::UserError,
    doorward_web::BrandError,
    doorward_mail::MailSetupError,
    doorward_registration::LookupError,
    doorward_registration::ClientChangeError,
    doorward_transport::outbound::OutboundSetupError,
    doorward_transport::tls::TlsError,
    doorward_gateway::ConfiguredUpstreamError,
    doorward_gateway::UpstreamChangeError,
    doorward_gateway::ToolChangeError,
    doorward_federation::ConfiguredProviderError,
    doorward_federation::ProviderChangeError,
    doorward_federation::FederationError,
    doorward_federation::SettingError,
);
