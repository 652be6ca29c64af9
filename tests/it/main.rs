//! Whole-server tests over HTTP. Names read as sentences and begin with the numbers that they
//! prove.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is the report"
)]

mod access_tokens;
mod account;
mod admin;
mod administration;
mod architecture;
mod assertions;
mod attacks;
mod audit;
mod authorize;
mod client_auth;
mod client_credentials;
mod commands;
mod connections;
mod costs;
mod crash;
mod deploy;
mod device;
mod disconnects;
mod documentation;
mod documents;
mod dpop;
mod edit_forms;
mod edits;
mod enterprise;
mod entry_limits;
mod exchange;
mod export;
mod factors;
mod federation;
mod first_password;
mod fixtures;
mod forward_auth;
mod fuzz;
mod gateway;
mod guessing;
mod health;
mod identifiers;
mod immediate;
mod keys;
mod lasting_access;
mod licences;
mod localhost;
mod login;
mod mail;
mod mattermost;
mod mcp;
mod media_types;
mod metadata_documents;
mod mistakes;
mod openid;
mod operations;
mod private_networks;
mod pushed;
mod reasons;
mod reconnect;
mod reference;
mod refresh;
mod register;
mod registrations;
mod reload;
mod replicas;
mod resources;
mod rmcp_client;
mod robustness;
mod secrets;
mod store;
#[cfg(debug_assertions)]
mod supervision;
mod terminal;
mod timeline;
mod tls;
mod token;
mod workload;
mod writes;
