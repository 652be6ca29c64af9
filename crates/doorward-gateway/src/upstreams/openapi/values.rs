//! Values of arguments as text.

use doorward_mcp::ToolError;
use serde_json::Value;

/// A required argument is missing.
pub(super) fn missing(argument: &str) -> ToolError {
    ToolError::Arguments(format!("the argument {argument} is missing"))
}

/// A switch of a document: true or false, also in the words that older YAML and generators have for
/// them. `None` for anything else.
pub(super) fn switch(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(on) => Some(*on),
        Value::String(word) => match word.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A value as text: a string as it is, everything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_switch_is_read_in_every_word_for_it() {
        for (value, read) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!(" True "), Some(true)),
            (json!("yes"), Some(true)),
            (json!("ON"), Some(true)),
            (json!(false), Some(false)),
            (json!("FALSE"), Some(false)),
            (json!("no"), Some(false)),
            (json!("off"), Some(false)),
            (json!("never"), None),
            (json!(""), None),
            (json!(1), None),
            (json!(null), None),
            (json!([true]), None),
        ] {
            assert_eq!(switch(Some(&value)), read, "{value}");
        }
        assert_eq!(switch(None), None);
    }
}
