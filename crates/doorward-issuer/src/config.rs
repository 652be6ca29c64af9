//! Lifetimes of codes, tokens and grants, and the number of requests that wait.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lifetimes of codes, tokens and grants, and the number of requests that wait.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Lifetime of an access token, in seconds.
    pub access_token_seconds: i64,
    /// Lifetime of an authorization code, in seconds.
    pub code_seconds: i64,
    /// Seconds without use after which a refresh token ends.
    pub refresh_token_idle_seconds: i64,
    /// Seconds after which a grant ends, regardless of refreshes: the user must consent again.
    pub grant_max_seconds: i64,
    /// Seconds for which a rotated refresh token may be presented again, because the response was
    /// lost or two processes of a client share it. It then yields the same successor. After that,
    /// or once the successor was used, it counts as stolen.
    pub refresh_grace_seconds: i64,
    /// Seconds that a user may take to sign in and decide.
    pub authorization_request_seconds: i64,
    /// Authorizations that one IP address may begin per minute without a browser, and as many at
    /// once: pushed requests and, counted separately, requests of devices. Each is stored until a
    /// user decides or it expires.
    pub begun_per_minute_per_address: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            access_token_seconds: 600,
            code_seconds: 60,
            refresh_token_idle_seconds: 30 * 86_400,
            grant_max_seconds: 365 * 86_400,
            refresh_grace_seconds: 60,
            authorization_request_seconds: 600,
            begun_per_minute_per_address: 300,
        }
    }
}
