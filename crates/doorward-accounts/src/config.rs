//! Users, passwords and sessions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Users, passwords and sessions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// True if users may sign in with a password. Otherwise they sign in through an identity
    /// provider or with a passkey; with exactly one provider, the sign-in page redirects to it at
    /// once.
    pub passwords: bool,
    /// Second factor after a password: `enrolled` (for users who have one) or `required` (for all
    /// users; a user without one sets it up at the next sign-in).
    pub second_factor: String,
    /// Minimum number of characters of a password.
    pub password_min_length: usize,
    /// Memory of one argon2id hash, in KiB. Existing passwords move to a new value when their owner
    /// signs in.
    pub argon2_memory_kib: u32,
    /// Passes of argon2id.
    pub argon2_passes: u32,
    /// Lanes of argon2id.
    pub argon2_lanes: u32,
    /// Number of passwords hashed at once; 0 for one per processor. Further sign-ins wait, so that
    /// memory stays bounded.
    pub argon2_concurrency: usize,
    /// Number of passwords that may wait for each one being hashed. Further sign-ins receive 503 at
    /// once.
    pub argon2_queue: usize,
    /// Seconds without use after which a session ends.
    pub session_idle_seconds: i64,
    /// Seconds after which a session ends, even if it is used.
    pub session_max_seconds: i64,
    /// Number of wrong passwords for one account before each further attempt is delayed, each time
    /// longer.
    pub failures_before_delay: u32,
    /// Number of wrong passwords from one IP address, over all accounts, before each further
    /// attempt is delayed.
    pub address_failures_before_delay: u32,
    /// Maximum delay between attempts, in seconds.
    pub longest_delay_seconds: i64,
    /// Lifetime of a one-time administrator link, in seconds.
    pub admin_link_seconds: i64,
    /// True if users may create personal access tokens for programs that cannot sign in with a
    /// browser.
    pub access_tokens: bool,
    /// Maximum lifetime of a personal access token, in days.
    pub access_token_max_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            passwords: true,
            second_factor: "enrolled".to_owned(),
            password_min_length: 10,
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            argon2_lanes: 1,
            argon2_concurrency: 0,
            argon2_queue: 64,
            session_idle_seconds: 7 * 86_400,
            session_max_seconds: 30 * 86_400,
            failures_before_delay: 5,
            address_failures_before_delay: 30,
            longest_delay_seconds: 900,
            admin_link_seconds: 86_400,
            access_tokens: true,
            access_token_max_days: 366,
        }
    }
}
