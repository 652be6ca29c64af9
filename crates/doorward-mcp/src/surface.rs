//! Many tools behind three: `search_tools` finds, `describe_tool` shows, `call_tool` calls.
//! Whatever is called through them is judged exactly as if it were called by its own name
//! (CW10–CW13).

mod document;
mod finding;
mod indexes;
mod question;
mod ranking;
mod segment;
mod vocabulary;
mod words;

use std::sync::{Arc, OnceLock};

use doorward_model::{Members, Scope, ToolClass};
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) use finding::search;
use finding::{SearchArguments, describe_short, required};
pub(crate) use indexes::Indexes;

use crate::{
    item::{CallLimits, ToolSpec},
    results::structured_result,
    size::json_size,
    tools::ToolError,
};

/// The three tools.
pub(crate) const SEARCH: &str = "search_tools";

pub(crate) const DESCRIBE: &str = "describe_tool";

pub(crate) const CALL: &str = "call_tool";

/// The URI of the list of all tools, and of its first page.
pub(crate) const CATALOGUE: &str = "doorward://catalogue";

/// The template of the URIs of its further pages.
pub(crate) const CATALOGUE_PAGES: &str = "doorward://catalogue{?after}";

/// Maximum number of bytes of one page of the list of all tools.
const CATALOGUE_BYTES: usize = 64 * 1024;

/// The tool to describe.
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
                "Shows all that a call of one tool needs: its description, arguments and result, the \
                 required arguments, its effect, and whether the user must confirm the call.",
                crate::tools::schema::<DescribeArguments>(),
                true,
            ),
            spec(
                SEARCH,
                "Search for tools",
                "Finds tools among all that you may use here, for a task in plain words. Tools that \
                 change something are shown only if the query implies a change or include_mutating \
                 is set; the result says how many were hidden.",
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
    let arguments = params.arguments.clone().unwrap_or_default();
    let asked: CallArguments = Members::Arguments.read(arguments).map_err(|fault| {
        ToolError::Arguments(format!("call_tool requires a name and arguments: {fault}"))
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

/// The tool that a `describe_tool` names.
pub(crate) fn named(
    tools: &[Arc<ToolSpec>],
    arguments: Map<String, Value>,
) -> Result<Arc<ToolSpec>, ToolError> {
    let asked: DescribeArguments = Members::Arguments
        .read(arguments)
        .map_err(|fault| ToolError::Arguments(format!("describe_tool requires a name: {fault}")))?;
    let found = tools.iter().find(|spec| spec.name() == asked.name);
    found.cloned().ok_or_else(|| unknown(&asked.name))
}

/// All that a call of a tool needs. `shown` is its definition as it is listed to this client.
pub(crate) fn describe(spec: &ToolSpec, shown: &Tool, must_confirm: bool) -> CallToolResult {
    let mut definition = serde_json::to_value(shown).unwrap_or_default();
    if let Value::Object(members) = &mut definition {
        let service = spec.upstream.map(|upstream| upstream.to_string());
        members.insert("class".to_owned(), spec.class.as_str().into());
        members.insert("scope".to_owned(), spec.scope.name().into());
        members.insert("service".to_owned(), service.into());
        members.insert("required".to_owned(), required(spec).into());
        members.insert("user_must_confirm".to_owned(), must_confirm.into());
        let call = json!({"tool": CALL, "arguments": {"name": spec.name(), "arguments": {}}});
        members.insert("call_with".to_owned(), call);
    }
    structured_result(definition)
}

/// The answer to a wrong name.
pub(crate) fn unknown(name: &str) -> ToolError {
    ToolError::Arguments(format!(
        "there is no tool {name:?} that you may use; search_tools finds the available ones"
    ))
}

/// The page of the list of all tools that a URI names: after this name, or from the beginning.
/// `None` if the URI names something else.
pub(crate) fn catalogue_page(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix(CATALOGUE)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix("?after=") }
}

/// One page of the list of all tools, which is in the order of their names, with the URI of the
/// next one.
pub(crate) fn catalogue(tools: &[Arc<ToolSpec>], after: &str, most: usize) -> String {
    let mut rest = tools.iter().filter(|spec| spec.name() > after).peekable();
    let (mut shown, mut bytes, mut last) = (Vec::new(), 0, after);
    while let Some(spec) = rest.peek() {
        let described = describe_short(spec);
        bytes += json_size(&described);
        if !shown.is_empty() && (shown.len() >= most || bytes > CATALOGUE_BYTES) {
            break;
        }
        last = spec.name();
        shown.push(described);
        rest.next();
    }
    let next = rest.peek().map(|_| format!("{CATALOGUE}?after={last}"));
    json!({"tools": shown, "total": tools.len(), "next": next}).to_string()
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
mod tests;
