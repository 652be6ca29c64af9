//! The search for tools.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use doorward_model::ToolClass;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::SearchArguments;
use crate::tools::{ToolError, ToolSpec};

/// The most tools that one search answers.
const MOST_FOUND: usize = 20;

/// Words that say that something is to be changed.
const CHANGING: &[&str] = &[
    "add", "append", "approve", "archive", "assign", "cancel", "change", "clear", "close",
    "create", "delete", "deploy", "disable", "edit", "enable", "insert", "invite", "merge",
    "modify", "move", "post", "publish", "put", "remove", "rename", "reply", "restore", "revoke",
    "save", "schedule", "send", "set", "start", "stop", "submit", "update", "upload", "write",
];

/// Words in lower case, `camelCase` and `snake_case` taken apart, endings cut.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut last_lower = false;
    for letter in text.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && last_lower) {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        last_lower = letter.is_lowercase();
    }
    words.push(word);
    words.into_iter().filter(|word| !word.is_empty()).map(|word| stem(&word)).collect()
}

/// A word without the endings that do not change its meaning.
fn stem(word: &str) -> String {
    for (ending, instead) in [("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")] {
        if let Some(short) = word.strip_suffix(ending)
            && short.chars().count() >= 3
        {
            return format!("{short}{instead}");
        }
    }
    word.to_owned()
}

fn argument_names(spec: &ToolSpec) -> Vec<&str> {
    spec.tool
        .input_schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|members| members.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

pub(super) fn required(spec: &ToolSpec) -> Vec<&str> {
    spec.tool
        .input_schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// The frequency of each word in a tool, weighted by its place.
fn weighed(spec: &ToolSpec) -> HashMap<String, f64> {
    let mut weights: HashMap<String, f64> = HashMap::new();
    let mut add = |text: &str, weight: f64| {
        for word in words(text) {
            let held = weights.entry(word).or_default();
            *held = held.max(weight) + 0.1;
        }
    };
    add(spec.name(), 3.0);
    add(spec.tool.title.as_deref().unwrap_or_default(), 2.0);
    add(spec.tool.description.as_deref().unwrap_or_default(), 1.0);
    for name in argument_names(spec) {
        add(name, 1.5);
    }
    weights
}

fn same_name(one: &str, other: &str) -> bool {
    words(one) == words(other)
}

/// Searches among the tools that the caller may use.
pub(crate) fn search(
    tools: &[Arc<ToolSpec>],
    arguments: Map<String, Value>,
) -> Result<CallToolResult, ToolError> {
    let asked: SearchArguments = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ToolError::Arguments(format!("search_tools requires a query: {error}")))?;
    if asked.query.chars().filter(|letter| letter.is_alphanumeric()).count() < 3 {
        return Err(ToolError::Arguments("query must have at least three letters".to_owned()));
    }
    let limit = asked.limit.unwrap_or(8).clamp(1, MOST_FOUND);
    let query: Vec<String> = words(&asked.query);
    let wants_change = asked.include_mutating
        || query.iter().any(|word| CHANGING.iter().any(|verb| stem(verb) == *word));
    let weights: Vec<(&Arc<ToolSpec>, HashMap<String, f64>)> =
        tools.iter().map(|spec| (spec, weighed(spec))).collect();
    #[expect(clippy::cast_precision_loss, reason = "there are no 2^52 tools")]
    let rarity = |word: &str| {
        let with = weights.iter().filter(|(_, weights)| weights.contains_key(word)).count();
        (1.0 + (weights.len() as f64 - with as f64 + 0.5) / (with as f64 + 0.5)).ln().max(0.05)
    };
    let rarities: HashMap<&String, f64> = query.iter().map(|word| (word, rarity(word))).collect();
    let mut hidden = 0;
    let mut found = Vec::new();
    for (spec, weights) in &weights {
        let service = spec.upstream.map(|upstream| upstream.to_string()).unwrap_or_default();
        if asked.service.as_deref().is_some_and(|wanted| wanted != service) {
            continue;
        }
        let score_of = |word: &String| {
            let exact = weights.get(word).copied().unwrap_or_default();
            let partly = || {
                weights
                    .iter()
                    .filter(|(held, _)| word.len() >= 3 && held.starts_with(word.as_str()))
                    .map(|(_, weight)| weight * 0.5)
                    .fold(0.0, f64::max)
            };
            let weight = if exact > 0.0 { exact } else { partly() };
            weight * rarities.get(word).copied().unwrap_or(1.0)
        };
        let text_score: f64 = query.iter().collect::<HashSet<_>>().into_iter().map(score_of).sum();
        if text_score <= 0.0 {
            continue;
        }
        if spec.class != ToolClass::Read && !wants_change {
            hidden += 1;
            continue;
        }
        let takes =
            |known: &&String| argument_names(spec).iter().any(|name| same_name(name, known));
        #[expect(clippy::cast_precision_loss, reason = "there are no 2^52 arguments")]
        let known = asked.known_arguments.iter().filter(takes).count() as f64;
        found.push((text_score + known, *spec));
    }
    // The score decides, then the name: the same query always has the same result.
    found.sort_by(|(one, first), (other, second)| {
        other.total_cmp(one).then_with(|| first.name().cmp(second.name()))
    });
    let total = found.len();
    let shown: Vec<Value> = found
        .into_iter()
        .take(limit)
        .map(|(score, spec)| describe_short(spec, score, &asked.known_arguments))
        .collect();
    let mut answer =
        json!({"tools": shown, "found": total, "hidden_because_they_change_something": hidden});
    if hidden > 0
        && let Value::Object(members) = &mut answer
    {
        members.insert(
            "hint".to_owned(),
            "set include_mutating to see tools that change something".into(),
        );
    }
    Ok(CallToolResult::structured(answer))
}

pub(super) fn describe_short(spec: &ToolSpec, score: f64, known: &[String]) -> Value {
    let description: String =
        spec.tool.description.as_deref().unwrap_or_default().chars().take(300).collect();
    let missing: Vec<&str> = required(spec)
        .into_iter()
        .filter(|name| !known.iter().any(|known| same_name(known, name)))
        .collect();
    json!({
        "name": spec.name(),
        "title": spec.tool.title,
        "service": spec.upstream.map(|upstream| upstream.to_string()),
        "description": description,
        "class": spec.class.as_str(),
        "arguments": argument_names(spec),
        "missing_required": missing,
        "score": (score * 100.0).round() / 100.0,
    })
}
