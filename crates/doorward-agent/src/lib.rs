//! The agent: a model behind an OpenAI-compatible chat endpoint, which answers users with the tools
//! that they may call, or a back end that calls these tools itself.
//!
//! The crate knows the endpoint and nothing of users, tools or the database: what it needs of them
//! it asks for through [`Toolbox`] and [`Ledger`], which the binary implements.
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

mod back_end;
mod config;
mod endpoint;
mod message;
mod names;
mod ports;
mod prompt;
mod reader;
mod reply;
mod sources;
mod spending;
mod sse;
mod turn;
mod turns;
mod wire;

pub use config::{AgentConfig, SettingError, check};
pub use doorward_model::Said;
pub use ports::{
    AgentTool, AskedUser, Ledger, Listener, MadeCall, Pass, Silent, Step, ToolOutcome, Toolbox,
    Unavailable, WaitingCall,
};
pub use sources::Citation;
pub use turn::{Agent, Answered, Problem, Turn};
