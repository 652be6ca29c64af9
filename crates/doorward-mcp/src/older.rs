//! The forms that clients before 2026-07-28 can read. There, a tool's result and its schema are
//! objects (2025-11-25, Tools, Structured Content); later, they are any JSON value. The client of
//! an SDK rejects a whole list for one other schema.

use rmcp::model::{CallToolResult, ContentBlock, Tool};
use serde_json::Value;

/// Leaves out the schema of results that are not objects.
pub(crate) fn tool(tool: &mut Tool) {
    let is_object = |schema: &serde_json::Map<String, Value>| {
        schema.get("type").and_then(Value::as_str) == Some("object")
    };
    if tool.output_schema.as_deref().is_some_and(|schema| !is_object(schema)) {
        tool.output_schema = None;
    }
}

/// Moves a structured result that is not an object into the text, unless the text has it already.
pub(crate) fn result(result: &mut CallToolResult) {
    if result.structured_content.as_ref().is_none_or(Value::is_object) {
        return;
    }
    let Some(value) = result.structured_content.take() else { return };
    if result.content.is_empty() {
        result.content = vec![ContentBlock::text(value.to_string())];
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_of_results_that_are_no_objects_is_left_out() {
        for (schema, stays) in [
            (json!({"type": "object", "properties": {}}), true),
            (json!({"type": "array", "items": {}}), false),
            (json!({"type": ["object", "null"]}), false),
            (json!({"oneOf": [{"type": "object"}, {"type": "string"}]}), false),
            (json!({}), false),
        ] {
            let mut one = Tool::new("t", "t", serde_json::Map::new());
            one.output_schema = schema.as_object().cloned().map(Arc::new);
            tool(&mut one);
            assert_eq!(one.output_schema.is_some(), stays, "{schema}");
        }
    }

    #[test]
    fn a_structured_result_that_is_no_object_is_text() {
        for (value, content, expected) in [
            (json!([1, 2]), vec![], "[1,2]"),
            (json!("plain"), vec![], "\"plain\""),
            (json!([1, 2]), vec![ContentBlock::text("[1, 2]")], "[1, 2]"),
        ] {
            let mut one = CallToolResult::success(content);
            one.structured_content = Some(value);
            result(&mut one);
            assert!(one.structured_content.is_none());
            assert_eq!(one.content[0].as_text().unwrap().text, expected);
        }
        let mut object = crate::structured_result(json!({"a": 1}));
        result(&mut object);
        assert_eq!(object.structured_content, Some(json!({"a": 1})));
    }
}
