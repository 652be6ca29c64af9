//! How pages look.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How pages look.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name that pages show at the top and in their titles.
    pub name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { name: "Doorward".to_owned() }
    }
}
