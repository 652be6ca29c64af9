//! The rules of every HTTP message: inbound parameters, answers, cookies, CSRF, limits, CORS, the
//! accept loop; and the one outbound client with its guard against requests to internal networks.
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

pub mod address;
pub mod allowance;
pub mod answer;
pub mod bearer;
pub mod budget;
pub mod config;
pub mod cookies;
pub mod cors;
pub mod csrf;
pub mod host;
mod leftover;
pub mod limit;
pub mod listeners;
pub mod media_type;
pub mod multipart;
pub mod news;
pub mod oauth;
pub mod outbound;
mod pace;
pub mod params;
mod peers;
pub mod possession;
pub mod request_log;
mod response;
pub mod routing;
pub mod serve;
pub mod single_flight;
mod socket;
pub mod tls;

pub use address::ClientAddress;
pub use budget::{Budget, off_thread};
pub use config::{OutboundConfig, ServerConfig};
pub use csrf::Csrf;
pub use limit::AddressLimiter;
pub use listeners::{Listen, Listeners};
pub use outbound::{
    EndpointError, Fetched, OperatorEndpoint, Outbound, OutboundError, PeerPermissions,
};
pub use params::{Params, ParamsError};
pub use single_flight::{FlightError, SingleFlight};
pub use tls::Tls;
