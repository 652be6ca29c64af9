//! Values of arguments as text.

use doorward_mcp::ToolError;
use serde_json::Value;

/// A required argument is missing.
pub(super) fn missing(argument: &str) -> ToolError {
    ToolError::Arguments(format!("the argument {argument} is missing"))
}

/// A value as text: a string as it is, everything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
