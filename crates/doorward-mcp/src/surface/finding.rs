//! `search_tools`: its arguments and its answer.

use std::sync::Arc;

use doorward_model::Members;
use rmcp::model::CallToolResult;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    document::argument_names,
    ranking::{Found, Ranked, order, rank},
    segment::Segment,
    words::{split, stem},
};
use crate::{item::ToolSpec, results::structured_result, tools::ToolError};

/// Maximum number of tools that one search answers.
const MOST_FOUND: usize = 20;
/// Maximum number of letters of a question that are read.
const MOST_QUERY: usize = 2000;
/// Weight of an argument that the caller can fill.
const KNOWN_ARGUMENT: f64 = 0.3;

/// The search.
#[derive(Deserialize, JsonSchema)]
pub(super) struct SearchArguments {
    /// The task, in a few words of at least three letters together, such as "list open
    /// issues".
    query: String,
    /// Only tools of this service, by the name that results give it.
    #[serde(default)]
    service: Option<String>,
    /// Names of arguments with values that you already know; tools that take them rank higher.
    #[serde(default, alias = "knownArguments")]
    known_arguments: Vec<String>,
    /// True if to show tools that change something although the query does not ask for them.
    #[serde(default, alias = "includeMutating")]
    include_mutating: bool,
    /// Number of tools to show, at most 20.
    #[serde(default)]
    limit: Option<usize>,
}

/// The arguments that a call must have.
pub(super) fn required(spec: &ToolSpec) -> Vec<&str> {
    spec.tool
        .input_schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// A name as its words, so that `filePath` is `file_path`.
fn plain(name: &str) -> Vec<String> {
    split(name).iter().map(|word| stem(word)).collect()
}

/// Names that the caller has values for.
struct KnownArguments(Vec<Vec<String>>);

impl KnownArguments {
    fn has(&self, name: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&plain(name))
    }

    fn raised(&self, spec: &ToolSpec) -> f64 {
        let taken = argument_names(spec).into_iter().filter(|name| self.has(name)).count();
        super::document::number(taken).mul_add(KNOWN_ARGUMENT, 1.0)
    }
}

fn service_of(spec: &ToolSpec) -> Option<String> {
    spec.upstream.map(|upstream| upstream.to_string())
}

/// Searches the indexes of the tools that the caller may use.
pub(crate) fn search(
    segments: &[Arc<Segment>],
    arguments: Map<String, Value>,
) -> Result<CallToolResult, ToolError> {
    let asked: SearchArguments =
        Members::Arguments.read(arguments).map_err(ToolError::Arguments)?;
    if asked.query.chars().filter(|letter| letter.is_alphanumeric()).count() < 3 {
        return Err(ToolError::Arguments("query must have at least three letters".to_owned()));
    }
    let query: String = asked.query.chars().take(MOST_QUERY).collect();
    let limit = asked.limit.unwrap_or(8).clamp(1, MOST_FOUND);
    let is_wanted = |segment: &&Segment| {
        asked.service.is_none()
            || segment.specs.first().is_some_and(|spec| service_of(spec) == asked.service)
    };
    let searched = segments.iter().map(AsRef::as_ref).filter(is_wanted);
    let Ranked { mut found, hidden, work } = rank(searched, &query, asked.include_mutating);
    tracing::debug!(entries = work, found = found.len(), hidden, "tools searched");
    let known = KnownArguments(asked.known_arguments.iter().map(|name| plain(name)).collect());
    if !known.0.is_empty() {
        for one in &mut found {
            one.score *= known.raised(one.spec);
        }
        found.sort_by(order);
    }
    let shown: Vec<Value> =
        found.iter().take(limit).map(|one| describe_found(one, &known)).collect();
    let mut answer = json!({
        "tools": shown,
        "found": found.len(),
        "hidden_because_they_change_something": hidden,
    });
    let hint = match &asked.service {
        Some(service) if !segments.iter().any(|segment| is_wanted(&segment.as_ref())) => Some(
            format!("there is no service {service:?} with tools that you may use; leave it out"),
        ),
        _ if hidden > 0 => {
            Some("set include_mutating to see tools that change something".to_owned())
        }
        _ => None,
    };
    if let (Some(hint), Value::Object(members)) = (hint, &mut answer) {
        members.insert("hint".to_owned(), hint.into());
    }
    Ok(structured_result(answer))
}

fn describe_found(found: &Found<'_>, known: &KnownArguments) -> Value {
    let mut shown = describe_short(found.spec);
    if let Value::Object(members) = &mut shown {
        let missing = required(found.spec).into_iter().filter(|name| !known.has(name));
        members.insert("missing_required".to_owned(), missing.collect());
        members.insert("score".to_owned(), json!((found.score * 100.0).round() / 100.0));
    }
    shown
}

/// A tool in a few lines.
pub(super) fn describe_short(spec: &ToolSpec) -> Value {
    let description: String =
        spec.tool.description.as_deref().unwrap_or_default().chars().take(300).collect();
    json!({
        "name": spec.name(),
        "title": spec.tool.title,
        "service": service_of(spec),
        "description": description,
        "class": spec.class.as_str(),
        "arguments": argument_names(spec),
        "required": required(spec),
    })
}
