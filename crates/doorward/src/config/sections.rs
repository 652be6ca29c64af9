//! Sections of the configuration that belong to the program itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Metrics for Prometheus.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// The listener for metrics, at `/metrics`: an IP address and port such as `127.0.0.1:9464`.
    /// Empty serves none. Metrics name no user and no client.
    pub listen: String,
}

/// The log, which goes to standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `text` for reading, `json` for log collectors.
    pub format: String,
    /// `error`, `warn`, `info`, `debug` or `trace`; or a filter such as
    /// `info,doorward_issuer=debug`. No level ever shows a secret.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: "text".to_owned(), level: "info".to_owned() }
    }
}
