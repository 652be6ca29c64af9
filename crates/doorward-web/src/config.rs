//! Appearance of pages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Appearance of pages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name that pages show at the top and in their titles.
    pub name: String,
    /// A picture for the top of pages instead of Doorward's: an .svg or .png file of at most 256
    /// KiB, 28 pixels high.
    pub logo: String,
    /// The colour of links and buttons, such as `#1c6b72`. It must be dark enough to be read on
    /// white.
    pub accent: String,
    /// The colour of links and buttons if the browser prefers dark pages.
    pub accent_dark: String,
    /// A page or mailbox with help for users: an https or `mailto:` URL. Pages link to it in their
    /// footer.
    pub support: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Doorward".to_owned(),
            logo: String::new(),
            accent: String::new(),
            accent_dark: String::new(),
            support: String::new(),
        }
    }
}
