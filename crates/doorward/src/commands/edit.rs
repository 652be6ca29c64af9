//! The words of the commands that change settings.

use doorward_admin::{Edit, Effect};
use serde_json::{Value, json};

use super::print_json;
use crate::{
    Failed,
    config::{known_keys, value_from_text},
    nearest,
};

/// The effect of a command that may only show.
pub(super) fn effect(dry_run: bool) -> Effect {
    if dry_run { Effect::Show } else { Effect::Apply }
}

/// Reads `KEY=VALUE` as a setting of a section. A repeated list is extended.
pub(super) fn read(section: &str, settings: &mut toml::Table, text: &str) -> Result<(), Failed> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| Failed(format!("{text}: write KEY=VALUE")))?;
    let known = known_keys();
    let key = known.iter().find(|key| key.section == section && key.name == name);
    let key = key.ok_or_else(|| {
        let names = known.iter().filter(|key| key.section == section).map(|key| &key.name);
        let hint = match nearest::hint(name, names) {
            none if none.is_empty() => "; the reference of the configuration lists them".to_owned(),
            hint => hint,
        };
        Failed(format!("{name}: is not a key of [{section}]{hint}"))
    })?;
    let value = value_from_text(key.kind, value.to_owned())
        .map_err(|demand| Failed(format!("{name}: {demand}")))?;
    match (settings.get_mut(name), value) {
        (Some(toml::Value::Array(held)), toml::Value::Array(more)) => held.extend(more),
        (_, value) => {
            settings.insert(name.to_owned(), value);
        }
    }
    Ok(())
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
