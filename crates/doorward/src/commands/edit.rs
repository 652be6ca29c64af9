//! The words of the commands that change settings.

use doorward_admin::{Edit, Effect};
use serde_json::{Value, json};

use super::print_json;
use crate::{
    Failed,
    config::{Key, known_keys, value_from_text},
    nearest,
};

/// The effect of a command that may only show.
pub(super) fn effect(dry_run: bool) -> Effect {
    if dry_run { Effect::Show } else { Effect::Apply }
}

/// Reads settings of a section, each as `KEY=VALUE`. A repeated list is extended. Every fault is
/// told at once.
pub(super) fn read(section: &str, words: &[String]) -> Result<toml::Table, Failed> {
    let known: Vec<Key> = known_keys().into_iter().filter(|key| key.section == section).collect();
    let (mut settings, mut faults) = (toml::Table::new(), Vec::new());
    for text in words {
        match read_one(section, &known, text) {
            Ok((name, toml::Value::Array(more))) => match settings.get_mut(&name) {
                Some(toml::Value::Array(held)) => held.extend(more),
                _ => {
                    settings.insert(name, toml::Value::Array(more));
                }
            },
            Ok((name, value)) => {
                settings.insert(name, value);
            }
            Err(fault) => faults.push(fault),
        }
    }
    match faults.as_slice() {
        [] => Ok(settings),
        [one] => Err(Failed(one.clone())),
        many => Err(Failed(format!("{} errors:\n  {}", many.len(), many.join("\n  ")))),
    }
}

/// Reads one setting. The error is its fault, in words.
fn read_one(section: &str, known: &[Key], text: &str) -> Result<(String, toml::Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text}: write KEY=VALUE"))?;
    let key = known.iter().find(|key| key.name == name).ok_or_else(|| {
        let hint = match nearest::hint(name, known.iter().map(|key| &key.name)) {
            none if none.is_empty() => "; the reference of the configuration lists them".to_owned(),
            hint => hint,
        };
        format!("{name}: is not a key of [{section}]{hint}")
    })?;
    let value = value_from_text(key.kind, value.to_owned());
    value.map(|value| (name.to_owned(), value)).map_err(|demand| format!("{name}: {demand}"))
}

/// Prints an edit: the values before and afterwards.
pub(super) fn print(as_json: bool, name: &str, edit: &Edit, effect: Effect) {
    if as_json {
        print_json(&json!({
            "name": name, "differences": edit.differences, "ends_access": edit.ends_access,
            "applied": effect == Effect::Apply,
        }));
        return;
    }
    let shown = |value: &Value| value.to_string();
    for one in &edit.differences {
        report!("{}: {} -> {}", one.key, shown(&one.before), shown(&one.after));
    }
    if edit.ends_access {
        report!("Connected users lose access and must connect again.");
    }
    match (edit.differences.is_empty(), effect) {
        (true, _) => report!("{name} already has these settings."),
        (false, Effect::Show) => report!("Nothing was changed."),
        (false, Effect::Apply) => report!("Changed {name}."),
    }
}
