//! Changes of settings as all front ends show and confirm them: the values before and afterwards,
//! and the end of access with it.

use serde::Serialize;
use serde_json::{Map, Value};

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingDifference {
    /// The setting.
    pub key: String,
    /// Its value before, as it may be shown.
    pub before: Value,
    /// Its value afterwards, as it may be shown.
    pub after: Value,
}

/// An edit that is looked at before it takes effect, or that took effect.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The settings that change.
    pub differences: Vec<SettingDifference>,
    /// Access of users ends, because the object is another one afterwards.
    pub ends_access: bool,
    /// The etag of the state that the edit is about; after it took effect, of the new state.
    pub etag: String,
}

/// The effect of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Only show it.
    Show,
    /// Put it in effect.
    Apply,
}

/// The settings that differ. `same_secret` compares those that are never shown.
pub(crate) fn differences(
    before: &impl Serialize,
    after: &impl Serialize,
    same_secret: impl Fn(&str) -> bool,
) -> Vec<SettingDifference> {
    let object = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let (old, new) = (object(serde_json::to_value(before)), object(serde_json::to_value(after)));
    let mut found = Vec::new();
    for (key, after) in &new {
        let before = old.get(key).cloned().unwrap_or_default();
        if before == *after && same_secret(key) {
            continue;
        }
        let hidden = before == *after;
        let after = if hidden { "(another value)".into() } else { after.clone() };
        found.push(SettingDifference { key: key.clone(), before, after });
    }
    found
}
