//! The definition of a tool: everything that clients receive of it and everything that determines
//! the effect of a call, as one canonical text. This text is pinned, compared, reviewed and served.

use std::{any::Any, fmt::Debug, sync::Arc};

use doorward_model::ToolClass;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value};

use crate::names;

/// Maximum number of bytes of one definition.
const MOST_BYTES: usize = 128 * 1024;
/// The member that holds the [`Operation`] beside those of the protocol.
const OPERATION: &str = "operation";
/// The members that were pinned before definitions were pinned whole.
const PARTS: &[&str] =
    &["name", "title", "description", "annotations", "inputSchema", "outputSchema"];
/// The members in the order in which differences are shown; others follow.
const SHOWN_FIRST: &[&str] =
    &["name", "title", "description", "annotations", "inputSchema", "outputSchema", OPERATION];

/// The execution of a call, where the kind of upstream pins it with the tool: the conversion of a
/// call into a request to a REST API.
pub(crate) trait Operation: Any + Debug + Send + Sync {
    /// The member `operation` of the definition.
    fn to_value(&self) -> Value;
    /// Reports the operation that an older version pinned, read more completely.
    fn supersedes(&self, pinned: &Value) -> bool;
}

/// A tool as its upstream defines it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The tool of the protocol.
    pub(crate) tool: Tool,
    /// The operation that its calls carry out; `None` where the upstream is called by MCP.
    pub(crate) operation: Option<Arc<dyn Operation>>,
}

/// The tool and the operation of a pinned definition. `None` if it cannot be offered: it cannot be
/// read, or its name is not one.
pub(crate) fn pinned(definition: &str) -> Option<(Tool, Option<Value>)> {
    let mut members: Map<String, Value> = serde_json::from_str(definition).ok()?;
    let operation = members.remove(OPERATION);
    let tool: Tool = serde_json::from_value(Value::Object(members)).ok()?;
    names::is_tool_name(&tool.name).then_some((tool, operation))
}

/// The tool alone.
pub(crate) fn pinned_tool(definition: &str) -> Option<Tool> {
    pinned(definition).map(|(tool, _)| tool)
}

impl From<Tool> for Shown {
    fn from(tool: Tool) -> Self {
        Self { tool, operation: None }
    }
}

fn canonical(members: Map<String, Value>) -> String {
    let mut text = String::new();
    doorward_mcp::write_sorted(&Value::Object(members), &mut text);
    text
}

impl Shown {
    fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(&self.tool) {
            Ok(Value::Object(members)) => {
                members.into_iter().filter(|(_, value)| !value.is_null()).collect()
            }
            _ => Map::new(),
        }
    }

    /// The whole definition as canonical JSON: members in order, nothing left out and nothing cut.
    pub(crate) fn whole(&self) -> String {
        let mut members = self.members();
        if let Some(operation) = &self.operation {
            members.insert(OPERATION.to_owned(), operation.to_value());
        }
        canonical(members)
    }

    /// The definition as versions before 0.2 pinned it.
    pub(crate) fn parts(&self) -> String {
        canonical(
            self.members().into_iter().filter(|(name, _)| PARTS.contains(&name.as_str())).collect(),
        )
    }

    /// Reports the pinned definition of a REST API's tool by an older version, which read less of
    /// the document: the same operation and texts, with a more complete description of the
    /// arguments.
    pub(crate) fn supersedes(&self, pinned: &str) -> bool {
        let Some(operation) = &self.operation else { return false };
        let (pinned, own) = (read(pinned), self.members());
        pinned.get(OPERATION).is_some_and(|older| operation.supersedes(older))
            && ["name", "title", "description"]
                .iter()
                .all(|part| pinned.get(*part) == own.get(*part))
    }

    /// Reports a definition that is fit to be passed on: clients drop the whole list for one that
    /// is not.
    pub(crate) fn is_sound(&self, definition: &str) -> bool {
        self.tool.input_schema.get("type").and_then(Value::as_str) == Some("object")
            && definition.len() <= MOST_BYTES
    }
}

/// The class of a tool by its annotations (CF14): missing ones mean the most dangerous class, and
/// contradictory ones have to be reviewed.
pub(crate) fn class_of(tool: &Tool) -> Result<ToolClass, &'static str> {
    let hint = |get: fn(&ToolAnnotations) -> Option<bool>| tool.annotations.as_ref().and_then(get);
    match (
        hint(|annotations| annotations.read_only_hint),
        hint(|annotations| annotations.destructive_hint),
    ) {
        (Some(true), Some(true)) => {
            Err("it states both that it only reads and that it may destroy")
        }
        (Some(true), _) => Ok(ToolClass::Read),
        (_, Some(false)) => Ok(ToolClass::Write),
        _ => Ok(ToolClass::Destructive),
    }
}

/// A part of two definitions that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The part.
    pub part: String,
    /// The approved text.
    pub before: String,
    /// The present text.
    pub after: String,
}

fn read(definition: &str) -> Map<String, Value> {
    serde_json::from_str(definition).unwrap_or_default()
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// A part of a definition as it is shown.
pub(crate) fn part(definition: &str, name: &str) -> String {
    text_of(read(definition).get(name))
}

/// The differences between two definitions, in any member of either.
pub(crate) fn differences(before: &str, after: &str) -> Vec<Difference> {
    let (before, after) = (read(before), read(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_by_key(|name| {
        (SHOWN_FIRST.iter().position(|first| first == name).unwrap_or(usize::MAX), *name)
    });
    names.dedup();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing
        .map(|name| Difference {
            part: name.clone(),
            before: text_of(before.get(name)),
            after: text_of(after.get(name)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(json: Value) -> Shown {
        serde_json::from_value::<Tool>(json).unwrap().into()
    }

    #[test]
    fn cf14_missing_annotations_mean_destructive_and_contradictions_are_reviewed() {
        let class = |annotations: Value| {
            class_of(&shown(json!({"name": "t", "inputSchema": {"type": "object"}, "annotations": annotations})).tool)
        };
        assert_eq!(class(json!({})), Ok(ToolClass::Destructive));
        assert_eq!(class(json!({"readOnlyHint": true})), Ok(ToolClass::Read));
        assert_eq!(class(json!({"readOnlyHint": false})), Ok(ToolClass::Destructive));
        assert_eq!(
            class(json!({"readOnlyHint": false, "destructiveHint": false})),
            Ok(ToolClass::Write)
        );
        assert_eq!(class(json!({"destructiveHint": true})), Ok(ToolClass::Destructive));
        assert!(class(json!({"readOnlyHint": true, "destructiveHint": true})).is_err());
        assert_eq!(
            class_of(&shown(json!({"name": "t", "inputSchema": {"type": "object"}})).tool),
            Ok(ToolClass::Destructive)
        );
    }

    #[test]
    fn a_definition_is_the_same_in_any_order_and_whatever_clients_are_given_counts() {
        let full = json!({
            "name": "t", "title": "T", "description": "d", "inputSchema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}},
            "outputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}, "icons": [{"src": "https://a.example/i"}], "_meta": {"x": 1},
        });
        let one = shown(full.clone());
        let other = shown(json!({
            "_meta": {"x": 1}, "icons": [{"src": "https://a.example/i"}], "annotations": {"readOnlyHint": true}, "outputSchema": {"type": "object"},
            "inputSchema": {"properties": {"b": {}, "a": {"type": "string"}}, "type": "object"}, "description": "d", "title": "T", "name": "t",
        }));
        assert_eq!(one.whole(), other.whole());
        assert_eq!(
            Shown::from(pinned_tool(&one.whole()).unwrap()).whole(),
            one.whole(),
            "what is served is what was pinned"
        );
        // Every member that the protocol library passes on, future ones too.
        for name in serde_json::to_value(&one.tool).unwrap().as_object().unwrap().keys() {
            let mut changed = full.clone();
            match &mut changed[name] {
                Value::String(text) => text.push('x'),
                Value::Array(items) => items.clear(),
                Value::Object(members) => {
                    members.insert("idempotentHint".to_owned(), Value::Bool(true));
                }
                other => panic!("{name}: {other}"),
            }
            let changed = shown(changed).whole();
            assert_ne!(changed, one.whole(), "{name}");
            assert_eq!(
                differences(&one.whole(), &changed)
                    .iter()
                    .map(|one| one.part.as_str())
                    .collect::<Vec<_>>(),
                [name.as_str()]
            );
        }
    }
}
