//! Asks an identity provider who a user is. The only crate that names `openidconnect` (and
//! `oauth2` underneath it).
//!
//! The way of a sign-in: [`Federation::begin`] sends the browser away, [`Federation::take_up`]
//! recognises it when it comes back and learns from the provider who it is, [`Federation::admit`]
//! decides who that is here. Afterwards [`Federation::check_due`] keeps asking whether the provider
//! still vouches for the user.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod admission;
mod api;
mod arrival;
mod attempt;
mod check;
mod claims;
mod client;
mod config;
mod directory;
mod ending;
mod error;
mod federation;
pub mod http;
pub mod kinds;
mod linking;
mod logout;
mod policy;
mod profile;
mod protocol;
mod provider;
mod refresh;
mod rotation;
mod settings;

pub use admission::Admission;
pub use arrival::{Arrival, Journey};
pub use attempt::{Departure, TakenUp};
pub use config::{ProviderConfig, SettingError};
pub use directory::{PreparedProvider, ProviderChangeError};
pub use error::{FederationError, NotAdmitted};
pub use federation::{
    ConfiguredProviderError, ConfiguredProviders, Federation, Parts, check_configured,
};
pub use logout::{LogoutForm, LogoutTokenRefusal, SignedOut};
pub use policy::SecondFactorPolicy;
pub use protocol::{Ask, Finding, Look};
pub use provider::{Provider, Source};
pub use refresh::Round;
