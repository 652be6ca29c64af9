//! Many tools behind three: `search_tools` finds, `describe_tool` shows, `call_tool` calls.
//! Whatever is called through them is judged exactly as if it were called by its own name
//! (CW10–CW13).

mod ranking;

use std::sync::{Arc, OnceLock};

use doorward_model::{Scope, ToolClass};
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::tools::{CallLimits, ToolError, ToolSpec};
use ranking::describe_short;
pub(crate) use ranking::search;

/// The three tools.
pub(crate) const SEARCH: &str = "search_tools";

pub(crate) const DESCRIBE: &str = "describe_tool";

pub(crate) const CALL: &str = "call_tool";

/// The URI of the list of all tools.
pub(crate) const CATALOGUE: &str = "doorward://catalogue";

/// The search.
#[derive(Deserialize, JsonSchema)]
struct SearchArguments {
    /// The task, in a few words of at least three letters together, such as "list open
    /// issues".
    query: String,
    /// Only tools of this service, by the name that results give it.
    #[serde(default)]
    service: Option<String>,
    /// Names of arguments with values that you already know; tools that take them come first.
    #[serde(default, alias = "knownArguments")]
    known_arguments: Vec<String>,
    /// True if to show tools that change something although the query does not ask for them.
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

/// The tool to call.
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
    /// The code of a confirmation, where one is required.
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
                "Calls a tool that search_tools found, by its exact name, with the tool's own \
                 arguments. The effect is that of the called tool, not of this one.",
                crate::tools::schema::<CallArguments>(),
                false,
            ),
            spec(
                DESCRIBE,
                "Describe a tool",
                "Shows the whole definition of one tool: its description, arguments and result.",
                crate::tools::schema::<DescribeArguments>(),
                true,
            ),
            spec(
                SEARCH,
                "Search for tools",
                "Finds tools among all that you may use here. Tools that change something are \
                 shown only if the query states it or include_mutating is set.",
                crate::tools::schema::<SearchArguments>(),
                true,
            ),
        ]
    })
}

/// True if a name is one of the three.
pub(crate) fn is_one(name: &str) -> bool {
    matches!(name, SEARCH | DESCRIBE | CALL)
}

/// The call within a `call_tool`.
pub(crate) fn inner(params: &CallToolRequestParams) -> Result<CallToolRequestParams, ToolError> {
    let arguments = Value::Object(params.arguments.clone().unwrap_or_default());
    let asked: CallArguments = serde_json::from_value(arguments).map_err(|error| {
        ToolError::Arguments(format!("call_tool requires a name and arguments: {error}"))
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

/// The name in the arguments of a `call_tool`, in any member that clients use.
pub(crate) fn inner_name(arguments: &Value) -> Option<&str> {
    ["name", "tool", "tool_name", "toolName"]
        .iter()
        .find_map(|key| arguments.get(key))
        .and_then(Value::as_str)
}

/// The whole definition of one tool.
pub(crate) fn describe(
    tools: &[Arc<ToolSpec>],
    arguments: Map<String, Value>,
) -> Result<CallToolResult, ToolError> {
    let asked: DescribeArguments = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ToolError::Arguments(format!("describe_tool requires a name: {error}")))?;
    let spec =
        tools.iter().find(|spec| spec.name() == asked.name).ok_or_else(|| unknown(&asked.name))?;
    let mut definition = serde_json::to_value(&spec.tool).unwrap_or_default();
    if let Value::Object(members) = &mut definition {
        members.insert("class".to_owned(), spec.class.as_str().into());
        members.insert("scope".to_owned(), spec.scope.name().into());
    }
    Ok(CallToolResult::structured(definition))
}

/// The answer to a wrong name.
pub(crate) fn unknown(name: &str) -> ToolError {
    ToolError::Arguments(format!(
        "there is no tool {name:?} that you may use; search_tools finds the available ones"
    ))
}

/// All tools, for reading through.
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
            tracing::error!(%error, "a tool could not be called");
            failed("the server cannot respond at the moment; try again shortly".to_owned())
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
            tracing::error!(%error, "a request received no response");
            rmcp::ErrorData::internal_error(
                "the server cannot respond at the moment; try again shortly",
                None,
            )
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
