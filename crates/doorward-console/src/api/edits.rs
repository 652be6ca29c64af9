//! Changes of settings, as the API takes and shows them.

use axum::{http::StatusCode, response::Response};
use doorward_admin::{Difference, Edit, Effect, Reach, SettingDifference, SettingsPatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::operation::show_state;

/// The settings that change. Omitted ones stay; null restores the default.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SettingsPatch")]
pub(super) struct Patch {
    /// Settings as in the table of the configuration file.
    #[serde(flatten)]
    pub(super) settings: Map<String, Value>,
}

/// Settings as an administrator changes them by the API.
pub(super) fn administered(settings: Map<String, Value>) -> SettingsPatch {
    SettingsPatch { settings, reach: Reach::Administered }
}

/// The effect of the change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// Only report the changes, without making them.
    #[serde(default)]
    dry_run: bool,
}

impl Trial {
    pub(super) fn effect(&self) -> Effect {
        if self.dry_run { Effect::Show } else { Effect::Apply }
    }
}

/// A setting that changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SettingDifference")]
pub(super) struct Differs {
    key: String,
    /// Its value before, as it may be shown.
    before: Value,
    /// Its value afterwards, as it may be shown.
    after: Value,
}

/// The settings that changed, or would.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Edit")]
pub(super) struct Edited {
    differences: Vec<Differs>,
    /// The access of users who are connected ends.
    ends_access: bool,
    /// The change took effect.
    applied: bool,
}

impl From<SettingDifference> for Differs {
    fn from(one: SettingDifference) -> Self {
        Self { key: one.key, before: one.before, after: one.after }
    }
}

/// Answers with an edit and the name of the state after it.
pub(super) fn answer(edit: Edit, effect: Effect) -> Response {
    let differences = edit.differences.into_iter().map(Into::into).collect();
    let edited =
        Edited { differences, ends_access: edit.ends_access, applied: effect == Effect::Apply };
    show_state(StatusCode::OK, &edited, &edit.etag)
}

/// A part of a definition that changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Difference")]
pub(super) struct ToolDiffers {
    part: String,
    before: String,
    after: String,
}

impl From<Difference> for ToolDiffers {
    fn from(one: Difference) -> Self {
        Self { part: one.part, before: one.before, after: one.after }
    }
}
