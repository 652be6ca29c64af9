//! Starts a whole server with fakes around it: a clock that a test sets, browsers with cookies,
//! OAuth clients, a hostile https server for metadata documents, and a database of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is for tests, where a panic is the report"
)]

mod api;
mod back_end;
mod browser;
mod client;
mod clock;
mod collector;
mod database;
mod embeddings;
mod https;
mod leftovers;
mod mail;
mod mattermost;
mod model;
mod odd;
mod packed;
mod platform;
mod process;
mod prover;
mod provider;
mod server;
mod tls;
mod upstream;

pub use api::{ApiState, FakeApi};
pub use back_end::{BackEndHabit, FakeBackEnd, ITS_TOKEN};
pub use browser::{Browser, Page, form_value};
pub use client::{OAuthClient, Pkce, Tokens};
pub use clock::ManualClock;
pub use collector::{Delivery, FakeCollector};
pub use database::fresh_database;
pub use doorward_transport::{
    Tls,
    serve::{Deadlines, Limits},
    tls::Files,
};
pub use embeddings::{FakeEmbedder, ModelHabit};
pub use https::HttpsServer;
pub use mail::{FakeMailServer, Mail};
pub use mattermost::{ChatFault, ChatMessage, FakeMattermost, button};
pub use model::{FakeModel, MODEL_KEY, ModelReply, tool_results};
pub use odd::{Expected, OddHabit, OddKind, OddState, OddUpstream, RawAnswer};
pub use packed::{deflated, gzipped};
pub use platform::{CurveKey, PlatformKey, signed_with_secret, with_other_signature};
pub use process::{DoorwardProcess, Visitor, binary, run_command};
pub use prover::{Prover, call_with, private_key};
pub use provider::{
    Answer, CLIENT_ID, CLIENT_SECRET, Effect, FakeProvider, Misbehaviour, Signature,
};
pub use server::{PASSWORD, TestServer, proxies};
pub use tls::{connect_tls, write_certificate};
pub use upstream::{
    AuthorizationHabit, Bindings, Connects, FakeUpstream, OddAnswer, Place, UpstreamState, tool,
};
