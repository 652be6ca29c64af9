//! Input of commands: settings, and names that are missing.

use crate::{Failed, nearest};

/// A refusal that ends with what was probably meant, where something is missing.
pub(super) fn hinted<T: AsRef<str>>(
    refusal: &doorward_admin::Refusal,
    name: &str,
    known: impl IntoIterator<Item = T>,
) -> Failed {
    let hint = match refusal.code() {
        doorward_admin::Code::NotFound => nearest::hint(name, known),
        _ => String::new(),
    };
    Failed(format!("{refusal}{hint} [{}]", refusal.code()))
}

/// Settings that were written as a table, as operations take them.
pub(super) fn settings_of(
    table: toml::Table,
) -> Result<serde_json::Map<String, serde_json::Value>, Failed> {
    match serde_json::to_value(table).map_err(Failed::because)? {
        serde_json::Value::Object(settings) => Ok(settings),
        _ => Err(Failed("the settings are not a table".to_owned())),
    }
}
