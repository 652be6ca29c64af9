//! Settings of the audit.

use doorward_model::{SecretSetting, SecretUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The record of events.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Days after which entries are deleted; 0 keeps them permanently.
    pub retention_days: u32,
    /// Days after which the hourly usage numbers are deleted; 0 keeps them permanently. They are
    /// counted from the entries, hold no arguments, results or IP addresses, and are never deleted
    /// before their entries.
    pub usage_days: u32,
    /// Tools whose arguments and results are recorded, sealed and without values that look like
    /// secrets, for users with the role `auditor`; `*` in a name matches any text. Empty records
    /// none.
    pub record: Vec<String>,
    /// Days after which recorded arguments and results are deleted.
    pub record_days: u32,
    /// The https URL to which entries are sent as they happen, as JSON lines by POST. Empty sends
    /// none. Only its origin is ever shown. A bearer token for it is a secret: set it by
    /// `DOORWARD_AUDIT__WEBHOOK_TOKEN_FILE`.
    pub webhook: SecretUrl,
    /// The bearer token for the webhook.
    pub webhook_token: SecretSetting,
    /// The server to which entries are sent as syslog messages (RFC 5424): `udp://HOST:PORT` or
    /// `tcp://HOST:PORT`. Empty sends none.
    pub syslog: String,
    /// The collector's URL to which entries are sent as OpenTelemetry logs (OTLP over HTTP, JSON),
    /// such as `http://127.0.0.1:4318/v1/logs`. Empty sends none. Only its origin is ever shown.
    pub otlp: SecretUrl,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retention_days: 400,
            usage_days: 1200,
            record: Vec::new(),
            record_days: 30,
            webhook: SecretUrl::default(),
            webhook_token: SecretSetting::default(),
            syslog: String::new(),
            otlp: SecretUrl::default(),
        }
    }
}

/// A setting that cannot work: the key below `audit`, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit.{key}: {message}")]
pub struct SettingError {
    /// The key.
    pub key: &'static str,
    /// The problem and its solution.
    pub message: String,
}
