//! Results of tools.

use rmcp::model::{CallToolResult, ContentBlock};

/// Makes a structured result, with the same as a text for clients that read texts only.
pub fn structured_result(value: serde_json::Value) -> CallToolResult {
    // Written at once: the formatting of a value appends it in hundreds of pieces.
    let text = serde_json::to_string(&value).unwrap_or_else(|_| value.to_string());
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(value);
    result
}

/// Makes a result for models from a text, for sources without structured results.
pub fn text_result(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text.into())])
}
