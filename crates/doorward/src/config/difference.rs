//! The difference between two configurations, as it may be shown.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::secret_setting::HIDDEN;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Key, Loaded, keys_in_force};

/// The sections that a reload puts in effect. All others are read when the server starts.
pub const RELOADED: [&str; 6] =
    ["access", "limits", "policy", "providers", "registration", "upstreams"];

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The setting, as `section.key`.
    pub key: String,
    /// The value before; `null` where its section did not exist.
    pub before: Value,
    /// The value afterwards; `null` where its section was removed.
    pub after: Value,
    /// It takes effect only when the server is started again.
    pub needs_restart: bool,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let restart = if self.needs_restart { " (needs a restart)" } else { "" };
        let shown = |value: &Value| {
            if value.is_null() { "nothing".to_owned() } else { value.to_string() }
        };
        write!(f, "{}: {} -> {}{restart}", self.key, shown(&self.before), shown(&self.after))
    }
}

/// The value of a key as it may be shown: secrets are written as a sign by their type.
pub fn shown(values: &Value, key: &Key) -> Value {
    let value = key
        .section
        .split('.')
        .try_fold(values, |place, part| place.get(part))
        .and_then(|section| section.get(&key.name))
        .cloned()
        .unwrap_or_default();
    if value == HIDDEN { "(set)".into() } else { value }
}

/// All values in force, by key.
fn values(loaded: &Loaded) -> BTreeMap<String, (Key, Value)> {
    let values = serde_json::to_value(&loaded.config).unwrap_or_default();
    let with_value = |key: Key| {
        let value = shown(&values, &key);
        (key.path(), (key, value))
    };
    keys_in_force(&loaded.config).into_iter().map(with_value).collect()
}

/// The settings that differ between two configurations. Secrets are compared and not shown. Of a
/// provider or upstream that only one of them has, the settings that are not defaults.
pub fn differences(before: &Loaded, after: &Loaded) -> Vec<Difference> {
    let (old, new) = (values(before), values(after));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let key = old.get(path).or_else(|| new.get(path)).map(|(key, _)| key);
        let Some(key) = key else { continue };
        let value = |all: &BTreeMap<String, (Key, Value)>| {
            all.get(path).map_or(Value::Null, |(_, value)| value.clone())
        };
        let (was, mut is) = (value(&old), value(&new));
        let secrets = (before.secrets.get(path), after.secrets.get(path));
        if was == is && secrets.0 != secrets.1 {
            is = "(another value)".into();
        }
        let is_default = |value: &Value| {
            let text = value.to_string();
            value.is_null() || text == key.default
        };
        let one_sided = !old.contains_key(path) || !new.contains_key(path);
        if was == is || one_sided && is_default(&was) && is_default(&is) {
            continue;
        }
        let section = key.section.split('.').next().unwrap_or_default();
        let needs_restart = !RELOADED.contains(&section);
        found.push(Difference { key: path.clone(), before: was, after: is, needs_restart });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::load::load_text, *};
    use crate::config::Environment;

    fn loaded(text: &str) -> Loaded {
        load_text(text, "doorward.toml", &Environment::default()).unwrap()
    }

    #[test]
    fn differences_name_what_changes_when_it_counts_and_no_secret() {
        let before = loaded(
            "[server]\nmax_connections = 5\n[upstreams.wiki]\nkind = \"http\"\nurl = \"https://a.example/mcp\"\nauth = \"header\"\nheader = \"X-Key: hunter2\"\n",
        );
        let after = loaded(
            "[server]\nmax_connections = 6\n[policy]\ndefault = \"deny\"\n[upstreams.wiki]\nkind = \"http\"\nurl = \"https://a.example/mcp\"\nauth = \"header\"\nheader = \"X-Key: swordfish\"\n[upstreams.new]\nkind = \"http\"\nurl = \"https://b.example/mcp\"\n",
        );
        let all: Vec<String> =
            differences(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            [
                "policy.default: \"allow\" -> \"deny\"",
                "server.max_connections: 5 -> 6 (needs a restart)",
                "upstreams.new.kind: nothing -> \"http\"",
                "upstreams.new.url: nothing -> \"https://b.example/mcp\"",
                "upstreams.wiki.header: \"X-Key: …\" -> \"(another value)\"",
            ]
        );
        assert_eq!(differences(&before, &before), []);
    }
}
