//! What was approved of each tool, and what changed since (CS14, GW-09).
//!
//! The definition of a tool — name, title, description, schemas, annotations — is pinned when it is first approved. Whoever is shown
//! another one under the same name is shown nothing: the tool is in quarantine until an administrator looked at the difference.

use std::collections::HashMap;

use doorward_mcp::{Change, Changed};
use doorward_model::{
    ToolClass, UpstreamChange, UpstreamName,
    upstream::{PinnedTool, ToolState},
};
use doorward_store::StoreError;
use rmcp::model::Tool;
use serde_json::{Map, Value, json};

use crate::{Gateway, Inner, upstream::Upstream};

/// The parts of a definition that are pinned, in the order in which differences are shown.
const PINNED: &[&str] = &["name", "title", "description", "annotations", "inputSchema", "outputSchema"];

/// The pinned parts of a definition as canonical JSON: members in order, nothing besides.
pub(crate) fn canonical(tool: &Tool) -> String {
    let whole = serde_json::to_value(tool).unwrap_or_default();
    let pinned: Map<String, Value> =
        PINNED.iter().filter_map(|name| whole.get(*name).filter(|value| !value.is_null()).map(|value| ((*name).to_owned(), value.clone()))).collect();
    let mut text = String::new();
    doorward_mcp::write_sorted(&Value::Object(pinned), &mut text);
    text
}

/// A tool as its pinned definition describes it.
pub(crate) fn tool_of(definition: &str) -> Option<Tool> {
    serde_json::from_str(definition).ok()
}

/// What a tool does by its annotations (CF14): nothing said means the worst, and what contradicts itself has to be reviewed.
pub(crate) fn class_of(tool: &Tool) -> Result<ToolClass, &'static str> {
    let hint = |get: fn(&rmcp::model::ToolAnnotations) -> Option<bool>| tool.annotations.as_ref().and_then(get);
    match (hint(|annotations| annotations.read_only_hint), hint(|annotations| annotations.destructive_hint)) {
        (Some(true), Some(true)) => Err("it says both that it only reads and that it may destroy"),
        (Some(true), _) => Ok(ToolClass::Read),
        (_, Some(false)) => Ok(ToolClass::Write),
        _ => Ok(ToolClass::Destructive),
    }
}

/// Letters that are not seen or change the order of others: with them a text says something else to a model than to a person.
fn is_hidden(letter: char) -> bool {
    matches!(u32::from(letter),
        0x00..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200c | 0x200e..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0e | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

fn texts_of(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, each)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            each(name);
            texts_of(value, each);
        }),
        _ => {}
    }
}

/// What an administrator should know before approving a definition.
pub(crate) fn warnings(upstream: UpstreamName, definition: &str, others: &[UpstreamName]) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(definition) else { return vec!["the definition cannot be read".to_owned()] };
    let mut found = Vec::new();
    let mut hidden = Vec::new();
    texts_of(&value, &mut |text| hidden.extend(text.chars().filter(|letter| is_hidden(*letter))));
    if !hidden.is_empty() {
        hidden.sort_unstable();
        hidden.dedup();
        let list = hidden.iter().take(8).map(|letter| format!("U+{:04X}", u32::from(*letter))).collect::<Vec<_>>().join(", ");
        found.push(format!("it holds hidden or direction-changing characters: {list}"));
    }
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
    let imitates = |other: &&UpstreamName| {
        **other != upstream && [format!("{other}_"), format!("{other}-"), format!("{other}.")].iter().any(|prefix| name.starts_with(prefix.as_str()))
    };
    if let Some(other) = others.iter().find(imitates) {
        found.push(format!("its name looks like a tool of {other}"));
    }
    if doorward_mcp::tools::BUILT_IN.iter().any(|tool| tool.name == name) || name.starts_with("doorward") {
        found.push("its name looks like one of this server's own tools".to_owned());
    }
    let description = value.get("description").and_then(Value::as_str).unwrap_or_default();
    let mentions = |other: &&UpstreamName| **other != upstream && description.contains(&format!("{other}_"));
    if let Some(other) = others.iter().find(mentions) {
        found.push(format!("its description speaks of tools of another upstream, {other}"));
    }
    if let Some(Err(why)) = tool_of(definition).as_ref().map(class_of) {
        found.push(why.to_owned());
    }
    found
}

/// Compares what an upstream shows with what is pinned, pins what is new, and answers what may be used: by name, the pinned tool.
pub(crate) async fn compare(inner: &Inner, upstream: &Upstream, shown: &[Tool]) -> Result<HashMap<String, PinnedTool>, StoreError> {
    let parts = &inner.parts;
    let pinned = parts.store.pinned_tools(upstream.name).await?;
    let by_name: HashMap<&str, &PinnedTool> = pinned.iter().map(|tool| (tool.tool.as_str(), tool)).collect();
    let others = parts.resources.upstreams();
    let now = parts.clock.now();
    let (mut usable, mut new) = (HashMap::new(), Vec::new());
    for tool in shown {
        let definition = canonical(tool);
        match by_name.get(tool.name.as_ref()) {
            Some(known) if known.definition == definition => {
                if known.state == ToolState::Approved {
                    usable.insert(known.tool.clone(), (*known).clone());
                }
            }
            Some(known) => {
                if known.changed.as_deref() != Some(definition.as_str()) {
                    tracing::warn!(upstream = %upstream.name, tool = %tool.name, "a tool's definition changed: it is in quarantine until an administrator approves it (doorward upstream tools {})", upstream.name);
                    let note = UpstreamChange::NoteChanged { upstream: upstream.name, tool: tool.name.to_string(), definition: Some(definition) };
                    match parts.store.apply(note).await {
                        Ok(()) | Err(StoreError::Refused(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            None => {
                let suspicious = warnings(upstream.name, &definition, &others);
                let waits = upstream.config.approve == "manual" || !suspicious.is_empty();
                if !suspicious.is_empty() {
                    tracing::warn!(upstream = %upstream.name, tool = %tool.name, warnings = suspicious.join("; "), "a new tool waits for an administrator");
                }
                let state = if waits { ToolState::Waiting } else { ToolState::Approved };
                let pin = PinnedTool {
                    upstream: upstream.name,
                    tool: tool.name.to_string(),
                    state,
                    definition,
                    changed: None,
                    class: None,
                    first_seen_at: now,
                    decided_at: (!waits).then_some(now),
                };
                if !waits {
                    usable.insert(pin.tool.clone(), pin.clone());
                }
                new.push(pin);
            }
        }
    }
    if !new.is_empty() {
        parts.store.apply(UpstreamChange::PinNew(new)).await?;
    }
    Ok(usable)
}

/// What differs between two definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which part.
    pub part: &'static str,
    /// How it was approved.
    pub before: String,
    /// How it is now.
    pub after: String,
}

/// A tool as an administrator reviews it.
#[derive(Clone, Debug)]
pub struct ReviewedTool {
    /// What is remembered of it.
    pub pin: PinnedTool,
    /// What it does by its annotations; an error where they contradict each other.
    pub annotated: Result<ToolClass, &'static str>,
    /// What differs, if it changed.
    pub differences: Vec<Difference>,
    /// What looks wrong.
    pub warnings: Vec<String>,
}

impl ReviewedTool {
    /// The class that counts.
    pub fn class(&self) -> ToolClass {
        self.pin.class.or(self.annotated.ok()).unwrap_or(ToolClass::Destructive)
    }
    /// What it says that it does, as it is now.
    pub fn description(&self) -> String {
        part(self.pin.changed.as_deref().unwrap_or(&self.pin.definition), "description")
    }
    /// Its state in a word.
    pub fn state(&self) -> &'static str {
        if self.pin.changed.is_some() && self.pin.state == ToolState::Approved { "changed" } else { self.pin.state.as_str() }
    }
}

/// What an administrator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The tool may be used as it is defined now.
    Approve,
    /// It may not be used.
    Reject,
    /// It does this to the world, whatever its annotations say; `None` takes that back.
    Classify(Option<ToolClass>),
}

/// Why a decision could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum ToolChangeError {
    /// No such tool.
    #[error("there is no tool {0} there; doorward upstream tools lists them")]
    Unknown(String),
    /// It changed while the administrator looked.
    #[error("the tool changed meanwhile; look at it again")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A part of a definition as it is shown.
fn part(definition: &str, name: &str) -> String {
    let value: Value = serde_json::from_str(definition).unwrap_or_default();
    match value.get(name) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

impl Gateway {
    /// The tools of an upstream as an administrator reviews them, by name.
    pub async fn review(&self, name: UpstreamName) -> Result<Vec<ReviewedTool>, StoreError> {
        let others: Vec<UpstreamName> = self.all_upstreams().await?.iter().map(|upstream| upstream.name).collect();
        let pins = self.inner.parts.store.pinned_tools(name).await?;
        let reviewed = |pin: &PinnedTool| {
            let newest = pin.changed.as_deref().unwrap_or(&pin.definition);
            let difference = |changed: &str| {
                PINNED
                    .iter()
                    .map(|name| Difference { part: name, before: part(&pin.definition, name), after: part(changed, name) })
                    .filter(|difference| difference.before != difference.after)
                    .collect()
            };
            ReviewedTool {
                annotated: tool_of(newest).as_ref().map_or(Ok(ToolClass::Destructive), class_of),
                differences: pin.changed.as_deref().map(difference).unwrap_or_default(),
                warnings: warnings(name, newest, &others),
                pin: pin.clone(),
            }
        };
        Ok(pins.iter().map(reviewed).collect())
    }

    /// Keeps an administrator's decision about a tool that they saw in this state.
    pub async fn decide(&self, seen: &PinnedTool, decision: Decision, by: &str) -> Result<(), ToolChangeError> {
        let parts = &self.inner.parts;
        let mut tool = seen.clone();
        tool.decided_at = Some(parts.clock.now());
        match decision {
            Decision::Approve => {
                tool.state = ToolState::Approved;
                if let Some(changed) = tool.changed.take() {
                    tool.definition = changed;
                }
            }
            Decision::Reject => tool.state = ToolState::Rejected,
            Decision::Classify(class) => tool.class = class,
        }
        let change = UpstreamChange::Decide { tool: Box::new(tool), seen_definition: seen.definition.clone(), seen_changed: seen.changed.clone() };
        match parts.store.apply(change).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Err(ToolChangeError::Changed),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(upstream = %seen.upstream, tool = %seen.tool, ?decision, by, "a tool was decided on");
        self.inner.catalogues.forget(seen.upstream, None);
        parts.changes.tell(Change { upstream: Some(seen.upstream), person: None, what: Changed::Tools });
        Ok(())
    }

    /// A tool by its name there.
    pub async fn pinned(&self, upstream: UpstreamName, tool: &str) -> Result<PinnedTool, ToolChangeError> {
        let pins = self.inner.parts.store.pinned_tools(upstream).await?;
        pins.iter().find(|pin| pin.tool == tool).cloned().ok_or_else(|| ToolChangeError::Unknown(tool.to_owned()))
    }
}

impl ReviewedTool {
    /// The review as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "tool": self.pin.tool,
            "state": self.state(),
            "class": self.class().as_str(),
            "class_set_by_administrator": self.pin.class.is_some(),
            "warnings": self.warnings,
            "differences": self.differences.iter().map(|one| json!({"part": one.part, "before": one.before, "after": one.after})).collect::<Vec<_>>(),
            "definition": serde_json::from_str::<Value>(&self.pin.definition).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(json: Value) -> Tool {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn cf14_nothing_said_is_destructive_and_contradictions_are_reviewed() {
        let class = |annotations: Value| class_of(&tool(json!({"name": "t", "inputSchema": {"type": "object"}, "annotations": annotations})));
        assert_eq!(class(json!({})), Ok(ToolClass::Destructive));
        assert_eq!(class(json!({"readOnlyHint": true})), Ok(ToolClass::Read));
        assert_eq!(class(json!({"readOnlyHint": false})), Ok(ToolClass::Destructive));
        assert_eq!(class(json!({"readOnlyHint": false, "destructiveHint": false})), Ok(ToolClass::Write));
        assert_eq!(class(json!({"destructiveHint": true})), Ok(ToolClass::Destructive));
        assert!(class(json!({"readOnlyHint": true, "destructiveHint": true})).is_err());
        assert_eq!(class_of(&tool(json!({"name": "t", "inputSchema": {"type": "object"}}))), Ok(ToolClass::Destructive));
    }

    #[test]
    fn a_definition_is_the_same_in_any_order_and_icons_do_not_count() {
        let one = tool(json!({"name": "t", "description": "d", "inputSchema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}}}));
        let other = tool(
            json!({"inputSchema": {"properties": {"b": {}, "a": {"type": "string"}}, "type": "object"}, "description": "d", "name": "t", "_meta": {"x": 1}}),
        );
        assert_eq!(canonical(&one), canonical(&other));
        let changed = tool(json!({"name": "t", "description": "D", "inputSchema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}}}));
        assert_ne!(canonical(&one), canonical(&changed));
        assert_eq!(canonical(&tool_of(&canonical(&one)).unwrap()), canonical(&one));
    }

    #[test]
    fn hidden_letters_and_borrowed_names_are_flagged() {
        let names = ["wiki", "mail"].map(|name| UpstreamName::parse(name).unwrap());
        let warn = |value: Value| warnings(names[0], &value.to_string(), &names).len();
        assert_eq!(warn(json!({"name": "get_page", "description": "Gets a page – with “quotes”, ümlauts and 日本語.", "inputSchema": {"type": "object"}})), 0);
        assert_eq!(warn(json!({"name": "t", "description": "nice\u{200b}tool", "inputSchema": {"type": "object"}})), 1);
        assert_eq!(warn(json!({"name": "t", "description": "x", "inputSchema": {"type": "object", "properties": {"a": {"description": "\u{202e}evil"}}}})), 1);
        assert_eq!(warn(json!({"name": "t", "description": "\u{e0041}", "inputSchema": {"type": "object"}})), 1);
        assert_eq!(warn(json!({"name": "mail_send", "inputSchema": {"type": "object"}})), 1);
        assert_eq!(warn(json!({"name": "whoami", "inputSchema": {"type": "object"}})), 1);
        assert_eq!(warn(json!({"name": "t", "description": "Use this before mail_send.", "inputSchema": {"type": "object"}})), 1);
    }
}
