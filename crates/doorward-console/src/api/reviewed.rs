//! Tools as an administrator reviews them.

use doorward_admin::{ReviewedTool, tool_etag};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::edits::ToolDiffers;

/// A tool as an administrator reviews it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReviewedTool")]
pub(super) struct Reviewed {
    /// Its name at the upstream.
    tool: String,
    /// `approved`, `waiting`, `rejected` or `changed`.
    state: String,
    /// `read`, `write` or `destructive`.
    class: String,
    class_set_by_administrator: bool,
    /// Warnings.
    warnings: Vec<String>,
    /// Differences from the approved definition.
    differences: Vec<ToolDiffers>,
    definition: Value,
    /// Names this state, for If-Match.
    etag: String,
}

impl From<ReviewedTool> for Reviewed {
    fn from(tool: ReviewedTool) -> Self {
        Self {
            tool: tool.pin.tool.clone(),
            state: tool.state().as_str().to_owned(),
            class: tool.class().as_str().to_owned(),
            class_set_by_administrator: tool.pin.class.is_some(),
            definition: serde_json::from_str(&tool.pin.definition).unwrap_or_default(),
            etag: tool_etag(&tool.pin),
            warnings: tool.warning_texts(),
            differences: tool.differences.into_iter().map(ToolDiffers::from).collect(),
        }
    }
}
