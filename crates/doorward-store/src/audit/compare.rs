//! Compares a row before and after a write, for its entry.

use doorward_model::AuditEvent;
use serde_json::{Map, Value, json};

use super::row::Row;

/// The members of a row before and after a write; null if there is no row.
pub(crate) struct States {
    pub(crate) was: Value,
    pub(crate) now: Value,
}

/// The entry with the difference in it, or `None` if there is none and the entry is only wanted
/// with one.
pub(crate) fn entry(
    mut event: AuditEvent,
    row: &dyn Row,
    states: &States,
    only_if_different: bool,
) -> Option<AuditEvent> {
    let States { was, now } = states;
    let (before, after) = (members(was, now), members(now, was));
    if only_if_different && before.is_empty() && after.is_empty() {
        return None;
    }
    if let (Some(kind), true) = (row.kind_if_new(), was.is_null()) {
        event.kind = kind;
    }
    event.detail = json!({"before": before, "after": after}).to_string();
    Some(event)
}

/// The members of `value` that differ from those of `other`.
fn members(value: &Value, other: &Value) -> Map<String, Value> {
    let object = value.as_object().cloned().unwrap_or_default();
    object.into_iter().filter(|(name, held)| other.get(name) != Some(held)).collect()
}
