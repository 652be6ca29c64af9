//! Many tools behind three: `search_tools` finds, `describe_tool` shows, `call_tool` calls.
//! Whatever is called through them is judged exactly as if it were called by its own name
//! (CW10–CW13).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use doorward_model::{Scope, ToolClass};
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::tools::{CallLimits, ToolError, ToolSpec};

/// The three tools.
pub(crate) const SEARCH: &str = "search_tools";
pub(crate) const DESCRIBE: &str = "describe_tool";
pub(crate) const CALL: &str = "call_tool";
/// The address of the list of all tools.
pub(crate) const CATALOGUE: &str = "doorward://catalogue";

/// The most tools that one search answers.
const MOST_FOUND: usize = 20;
/// Words that say that something is to be changed.
const CHANGING: &[&str] = &[
    "add", "append", "approve", "archive", "assign", "cancel", "change", "clear", "close",
    "create", "delete", "deploy", "disable", "edit", "enable", "insert", "invite", "merge",
    "modify", "move", "post", "publish", "put", "remove", "rename", "reply", "restore", "revoke",
    "save", "schedule", "send", "set", "start", "stop", "submit", "update", "upload", "write",
];

/// What to look for.
#[derive(Deserialize, JsonSchema)]
struct SearchArguments {
    /// What you want to do, in a few words of at least three letters together, such as "list open
    /// issues".
    query: String,
    /// Only tools of this service, by the name that results give it.
    #[serde(default)]
    service: Option<String>,
    /// Names of arguments whose values you already know; tools that take them come first.
    #[serde(default, alias = "knownArguments")]
    known_arguments: Vec<String>,
    /// Whether to show tools that change something although the query does not say so.
    #[serde(default, alias = "includeMutating")]
    include_mutating: bool,
    /// How many tools to show, at most 20.
    #[serde(default)]
    limit: Option<usize>,
}

/// Which tool to describe.
#[derive(Deserialize, JsonSchema)]
struct DescribeArguments {
    /// The exact name, as search_tools gives it.
    #[serde(alias = "tool", alias = "tool_name", alias = "toolName")]
    name: String,
}

/// What to call.
#[derive(Deserialize, JsonSchema)]
struct CallArguments {
    /// The exact name, as search_tools gives it.
    #[serde(alias = "tool", alias = "tool_name", alias = "toolName")]
    name: String,
    /// The tool's own arguments.
    #[serde(
        default,
        alias = "args",
        alias = "parameters",
        alias = "tool_arguments",
        alias = "toolArguments"
    )]
    arguments: Map<String, Value>,
    /// The code of a confirmation, where one was asked for.
    #[serde(default, alias = "confirmWrite")]
    confirm_write: Option<String>,
}

fn spec(
    name: &'static str,
    title: &str,
    description: &'static str,
    schema: Map<String, Value>,
    read_only: bool,
) -> Arc<ToolSpec> {
    let mut tool = Tool::new(name, description, Arc::new(schema));
    tool.title = Some(title.to_owned());
    let mut annotations = ToolAnnotations::default();
    annotations.read_only_hint = Some(read_only);
    annotations.destructive_hint = Some(!read_only);
    annotations.idempotent_hint = Some(read_only);
    annotations.open_world_hint = Some(!read_only);
    tool.annotations = Some(annotations);
    Arc::new(ToolSpec {
        tool,
        upstream: None,
        own_name: name.to_owned(),
        listed_as: name.to_owned(),
        class: ToolClass::Read,
        scope: Scope::Read,
        open_world: !read_only,
        idempotent: read_only,
        limits: CallLimits::default(),
    })
}

/// The three tools as they are listed.
pub(crate) fn specs() -> &'static [Arc<ToolSpec>; 3] {
    static SPECS: OnceLock<[Arc<ToolSpec>; 3]> = OnceLock::new();
    SPECS.get_or_init(|| {
        [
            spec(
                CALL,
                "Call a tool",
                "Calls a tool that search_tools found, by its exact name, with the tool's own arguments. What the tool may do is decided by the tool, not by this one.",
                crate::tools::schema::<CallArguments>(),
                false,
            ),
            spec(
                DESCRIBE,
                "Describe a tool",
                "Shows the whole definition of one tool: what it does, its arguments, and what it answers.",
                crate::tools::schema::<DescribeArguments>(),
                true,
            ),
            spec(
                SEARCH,
                "Search for tools",
                "Finds tools among all that you may use here. Tools that change something are shown only if the query says so or include_mutating is set.",
                crate::tools::schema::<SearchArguments>(),
                true,
            ),
        ]
    })
}

/// Whether a name is one of the three.
pub(crate) fn is_one(name: &str) -> bool {
    matches!(name, SEARCH | DESCRIBE | CALL)
}

/// The call that a `call_tool` stands for.
pub(crate) fn inner(params: &CallToolRequestParams) -> Result<CallToolRequestParams, ToolError> {
    let arguments = Value::Object(params.arguments.clone().unwrap_or_default());
    let asked: CallArguments = serde_json::from_value(arguments).map_err(|error| {
        ToolError::Arguments(format!("call_tool takes a name and arguments: {error}"))
    })?;
    let mut inner = params.clone();
    inner.name = asked.name.into();
    let mut arguments = asked.arguments;
    if let Some(code) = asked.confirm_write {
        arguments.insert(crate::confirm::ARGUMENT.to_owned(), code.into());
    }
    inner.arguments = Some(arguments);
    Ok(inner)
}

/// The name in the arguments of a `call_tool`, wherever a client put it.
pub(crate) fn inner_name(arguments: &Value) -> Option<&str> {
    ["name", "tool", "tool_name", "toolName"]
        .iter()
        .find_map(|key| arguments.get(key))
        .and_then(Value::as_str)
}

/// Words in lower case, `camelCase` and `snake_case` taken apart, endings cut.
fn words(text: &str) -> Vec<String> {
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

/// A word without the endings that say nothing about its meaning.
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

fn required(spec: &ToolSpec) -> Vec<&str> {
    spec.tool
        .input_schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// How often each word stands in a tool, by how much the place counts.
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
        .map_err(|error| ToolError::Arguments(format!("search_tools takes a query: {error}")))?;
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
    // The score decides, then the name: the same question always has the same answer.
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

fn describe_short(spec: &ToolSpec, score: f64, known: &[String]) -> Value {
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

/// The whole definition of one tool.
pub(crate) fn describe(
    tools: &[Arc<ToolSpec>],
    arguments: Map<String, Value>,
) -> Result<CallToolResult, ToolError> {
    let asked: DescribeArguments = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ToolError::Arguments(format!("describe_tool takes a name: {error}")))?;
    let spec =
        tools.iter().find(|spec| spec.name() == asked.name).ok_or_else(|| unknown(&asked.name))?;
    let mut definition = serde_json::to_value(&spec.tool).unwrap_or_default();
    if let Value::Object(members) = &mut definition {
        members.insert("class".to_owned(), spec.class.as_str().into());
        members.insert("scope".to_owned(), spec.scope.name().into());
    }
    Ok(CallToolResult::structured(definition))
}

/// What a wrong name is told.
pub(crate) fn unknown(name: &str) -> ToolError {
    ToolError::Arguments(format!(
        "there is no tool {name:?} that you may use; search_tools finds those that there are"
    ))
}

/// All tools, for those who want to read them through.
pub(crate) fn catalogue(tools: &[Arc<ToolSpec>]) -> String {
    let all: Vec<Value> = tools.iter().map(|spec| describe_short(spec, 0.0, &[])).collect();
    serde_json::to_string_pretty(&all).unwrap_or_default()
}

/// A refusal as a result that models read.
pub(crate) fn as_result(error: ToolError) -> Result<CallToolResult, rmcp::ErrorData> {
    let failed = |why: String| CallToolResult::error(vec![ContentBlock::text(why)]);
    Ok(match error {
        ToolError::Arguments(why) | ToolError::Failed(why) | ToolError::Unconfirmed(why) => {
            failed(why)
        }
        ToolError::Busy(why, seconds) => {
            let mut result = failed(why);
            let mut meta = rmcp::model::MetaObject::new();
            meta.0.insert("doorward/retryAfterSeconds".to_owned(), seconds.into());
            result.meta = Some(meta);
            result
        }
        ToolError::Protocol(error) => return Err(error),
        ToolError::Upstream(error) => return Err(crate::foreign::error(error)),
        ToolError::Unavailable(error) => {
            tracing::error!(%error, "a tool could not answer");
            failed("the server cannot answer now; try again shortly".to_owned())
        }
    })
}

/// A refusal of anything but a tool's call, as an error of the protocol.
pub(crate) fn as_error(error: ToolError) -> rmcp::ErrorData {
    match error {
        ToolError::Arguments(why) => rmcp::ErrorData::invalid_params(why, None),
        ToolError::Failed(why) => rmcp::ErrorData::internal_error(why, None),
        ToolError::Unconfirmed(why) => rmcp::ErrorData::invalid_request(why, None),
        ToolError::Busy(why, seconds) => rmcp::ErrorData::internal_error(
            why,
            Some(json!({"doorward/retryAfterSeconds": seconds})),
        ),
        ToolError::Protocol(error) => error,
        ToolError::Upstream(error) => crate::foreign::error(error),
        ToolError::Unavailable(error) => {
            tracing::error!(%error, "a request could not be answered");
            rmcp::ErrorData::internal_error("the server cannot answer now; try again shortly", None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(
        name: &'static str,
        description: &'static str,
        class: ToolClass,
        arguments: &[&str],
    ) -> Arc<ToolSpec> {
        let properties: Map<String, Value> =
            arguments.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        let schema = json!({"type": "object", "properties": properties, "required": arguments});
        let mut made = spec(
            name,
            name,
            description,
            schema.as_object().unwrap().clone(),
            class == ToolClass::Read,
        )
        .as_ref()
        .clone();
        made.class = class;
        made.upstream = doorward_model::UpstreamName::parse(name.split('_').next().unwrap()).ok();
        Arc::new(made)
    }

    fn some() -> Vec<Arc<ToolSpec>> {
        vec![
            tool(
                "git_list_issues",
                "Lists the open issues of a repository.",
                ToolClass::Read,
                &["owner", "repo"],
            ),
            tool(
                "git_create_issue",
                "Opens a new issue in a repository.",
                ToolClass::Write,
                &["owner", "repo", "title"],
            ),
            tool(
                "git_get_file",
                "Reads one file of a repository.",
                ToolClass::Read,
                &["owner", "repo", "filePath"],
            ),
            tool("mail_search_messages", "Searches mail.", ToolClass::Read, &["query"]),
            tool(
                "mail_delete_message",
                "Deletes a message for good.",
                ToolClass::Destructive,
                &["id"],
            ),
        ]
    }

    fn names(query: &Value) -> Vec<String> {
        let result = search(&some(), query.as_object().unwrap().clone()).unwrap();
        let found = result.structured_content.unwrap();
        found["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn cw11_writes_are_hidden_unless_the_query_implies_one() {
        assert_eq!(names(&json!({"query": "issues"})), ["git_list_issues"]);
        assert_eq!(
            names(&json!({"query": "create an issue"})).first().unwrap(),
            "git_create_issue"
        );
        assert!(
            names(&json!({"query": "issue", "include_mutating": true}))
                .contains(&"git_create_issue".to_owned())
        );
        assert!(
            names(&json!({"query": "messages"})).iter().all(|name| name != "mail_delete_message")
        );
    }

    #[test]
    fn cw11_known_arguments_service_and_limit_count() {
        assert_eq!(
            names(&json!({"query": "repository", "known_arguments": ["file_path"]}))
                .first()
                .unwrap(),
            "git_get_file"
        );
        assert_eq!(
            names(&json!({"query": "search messages", "service": "mail"})),
            ["mail_search_messages"]
        );
        assert_eq!(names(&json!({"query": "repository", "limit": 1})).len(), 1);
        assert!(search(&some(), json!({"query": "ab"}).as_object().unwrap().clone()).is_err());
        let result = search(
            &some(),
            json!({"query": "reading files", "knownArguments": ["owner", "repo"]})
                .as_object()
                .unwrap()
                .clone(),
        )
        .unwrap();
        assert_eq!(
            result.structured_content.unwrap()["tools"][0]["missing_required"],
            json!(["filePath"])
        );
    }

    #[test]
    fn cw12_call_tool_takes_either_spelling() {
        for arguments in [
            json!({"name": "a_b", "arguments": {"x": 1}}),
            json!({"toolName": "a_b", "args": {"x": 1}}),
            json!({"tool_name": "a_b", "parameters": {"x": 1}}),
        ] {
            let params = CallToolRequestParams::new(CALL)
                .with_arguments(arguments.as_object().unwrap().clone());
            let inner = inner(&params).unwrap();
            assert_eq!(
                (inner.name.as_ref(), inner.arguments.unwrap()["x"].as_i64()),
                ("a_b", Some(1))
            );
        }
        assert!(matches!(unknown("x"), ToolError::Arguments(why) if why.contains("search_tools")));
    }
}
