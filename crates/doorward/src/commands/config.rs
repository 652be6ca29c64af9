//! `doorward config …`.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{print_json, print_table};
use crate::{
    Failed,
    config::{self, Environment},
};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward config check --config doorward.toml
  doorward config show
  doorward config schema";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Checks the configuration and reports its errors.
    Check,
    /// Shows the values in effect with their sources. Secrets are not shown.
    Show,
    /// Prints the JSON Schema of doorward.toml.
    Schema,
}

pub(super) fn run(command: &Command, file: Option<&Path>, as_json: bool) -> Result<(), Failed> {
    if matches!(command, Command::Schema) {
        print_json(&config::schema());
        return Ok(());
    }
    let loaded = config::load(file, &Environment::of_process())?;
    if matches!(command, Command::Check) {
        loaded.check_to_serve()?;
        if as_json {
            print_json(&json!({"ok": true}));
        } else {
            report!("The configuration is valid.");
        }
        return Ok(());
    }
    let values = serde_json::to_value(&loaded.config).map_err(Failed::because)?;
    let shown = |key: &config::Key| config::shown(&values, key);
    let keys = config::keys_in_force(&loaded.config);
    if as_json {
        let all = keys.iter().map(|key| {
            let origin = loaded
                .origins
                .get(&key.path())
                .map_or_else(|| "default".to_owned(), ToString::to_string);
            (key.path(), json!({"value": shown(key), "origin": origin}))
        });
        print_json(&serde_json::Value::Object(all.collect()));
    } else {
        let rows: Vec<_> = keys
            .iter()
            .map(|key| {
                let origin = loaded
                    .origins
                    .get(&key.path())
                    .map_or_else(|| "default".to_owned(), ToString::to_string);
                vec![key.path(), shown(key).to_string(), origin]
            })
            .collect();
        print_table(&["KEY", "VALUE", "FROM"], &rows);
    }
    Ok(())
}
