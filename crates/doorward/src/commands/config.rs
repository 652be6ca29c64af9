//! `doorward config …`.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{print_json, print_table};
use crate::{
    Failed,
    config::{self, Environment},
};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Checks the configuration and says what is wrong with it.
    Check,
    /// Shows the values in force and where they come from. Secrets are not shown.
    Show,
    /// Prints the JSON Schema of doorward.toml.
    Schema,
}

/// Keys whose values are not for the eye.
const SECRET: &[&str] = &["keys.master_key", "store.url", "audit.webhook_token", "mail.password"];

pub(super) fn run(command: &Command, file: Option<&Path>, as_json: bool) -> Result<(), Failed> {
    if matches!(command, Command::Schema) {
        print_json(&config::schema());
        return Ok(());
    }
    let loaded = config::load(file, &Environment::of_process())?;
    if matches!(command, Command::Check) {
        loaded.check()?;
        if as_json {
            print_json(&json!({"ok": true}));
        } else {
            say!("The configuration is fine.");
        }
        return Ok(());
    }
    let values = serde_json::to_value(&loaded.config).map_err(Failed::because)?;
    let shown = |path: &str, section: &str, name: &str| {
        let value = section.split('.').try_fold(&values, |place, part| place.get(part)).and_then(|section| section.get(name)).cloned().unwrap_or_default();
        let is_secret = (SECRET.contains(&path) || name == "client_secret") && value.as_str().is_some_and(|text| !text.is_empty());
        if is_secret { "(set)".into() } else { value }
    };
    let keys = config::keys_in_force(&loaded.config);
    if as_json {
        let all = keys.iter().map(|key| {
            let origin = loaded.origins.get(&key.path()).map_or_else(|| "default".to_owned(), ToString::to_string);
            (key.path(), json!({"value": shown(&key.path(), &key.section, &key.name), "origin": origin}))
        });
        print_json(&serde_json::Value::Object(all.collect()));
    } else {
        let rows: Vec<_> = keys
            .iter()
            .map(|key| {
                let origin = loaded.origins.get(&key.path()).map_or_else(|| "default".to_owned(), ToString::to_string);
                vec![key.path(), shown(&key.path(), &key.section, &key.name).to_string(), origin]
            })
            .collect();
        print_table(&["KEY", "VALUE", "FROM"], &rows);
    }
    Ok(())
}
