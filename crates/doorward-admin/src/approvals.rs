//! The list of the tools of all upstreams that wait for a decision.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Listed, ListedPlace, Refusal, ReviewState, Upstreams, WaitingTool,
    lists::{rows_asked, searched},
};

/// Selection of the tools that await a decision.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalList {
    /// Only tools with this text in their name, their description or the name of their upstream.
    #[schemars(length(max = 200))]
    pub search: Option<String>,
    /// Only tools in this state.
    pub state: Option<ApprovalState>,
    /// Maximum number, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    pub after: Option<String>,
    /// The end of the part: `previous` of the one after.
    pub before: Option<String>,
}

/// A state of tools that wait for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// No administrator decided about it.
    Waiting,
    /// It changed after it was approved.
    Changed,
}

impl Upstreams {
    /// A part of the list of tools that wait for a decision, by upstream and name.
    pub async fn list_waiting(&self, asked: &ApprovalList) -> Result<Listed<WaitingTool>, Refusal> {
        let limit = rows_asked(asked.limit)?;
        let search = searched(asked.search.as_deref())?.unwrap_or_default().to_lowercase();
        let mut tools = self.waiting().await?;
        tools.retain(|one| {
            let state = match one.tool.state() {
                ReviewState::Changed => Some(ApprovalState::Changed),
                ReviewState::Waiting => Some(ApprovalState::Waiting),
                ReviewState::Approved | ReviewState::Rejected => None,
            };
            let names = [one.tool.pin.tool.as_str(), one.upstream.name.as_str()];
            let texts = names.into_iter().chain([one.upstream.title.as_str()]);
            (asked.state.is_none() || asked.state == state)
                && (search.is_empty()
                    || texts.into_iter().any(|text| text.to_lowercase().contains(&search))
                    || one.tool.description().to_lowercase().contains(&search))
        });
        let (after, before) = (asked.after.as_deref(), asked.before.as_deref());
        Ok(Listed::of_all(tools, ListedPlace { limit, after, before }, WaitingTool::key))
    }
}
