//! Authenticates users through identity providers. The only crate that names `openidconnect` (and
//! `oauth2` underneath it).
//!
//! A sign-in: [`Federation::begin`] redirects the browser, [`Federation::take_up`] recognises it at
//! the callback and obtains the user's identity from the provider, [`Federation::admit`] finds or
//! creates the user here. Afterwards [`Federation::check_due`] regularly asks the provider whether
//! it still vouches for the user.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

mod admission;
mod api;
mod asserting;
mod attempt;
mod brought;
mod check;
mod claims;
mod client;
mod config;
mod directory;
mod ending;
mod enterprise;
mod error;
mod external_identity;
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
mod rules;
mod settings;
mod sign_up;
mod trusted;

pub use admission::Admission;
pub use asserting::NotAsserted;
pub use attempt::{KeptArrival, ResumedSignIn, SignInBrowser};
pub use client::WantedAssertion;
pub use config::{ProviderConfig, SettingError};
pub use directory::{PreparedProvider, ProviderChangeError};
pub use error::{FederationError, NotAdmitted};
pub use external_identity::{ExternalIdentity, SignInPurpose};
pub use federation::{
    ConfiguredProviderError, ConfiguredProviders, Federation, FederationServices,
    FederationSettings, check_configured,
};
pub use logout::{LogoutForm, LogoutTokenRefusal, SignedOut};
pub use policy::SecondFactorPolicy;
pub use protocol::{CheckSubject, Finding, SignInOptions};
pub use provider::{Provider, Source};
pub use refresh::Round;
pub use trusted::check_issuer;
