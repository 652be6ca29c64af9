//! Review of tools, and decisions on them, by administrators.

use doorward_mcp::{Change, Changed};
use doorward_model::{
    ToolClass, UpstreamChange, UpstreamName,
    upstream::{Pinned, PinnedTool, ToolState},
};
use doorward_store::StoreError;
use serde_json::{Value, json};

use crate::{
    Gateway,
    definition::{self, Difference},
    left_out::LeftOut,
    names,
    warning::{self, Warning},
};

/// The state of a tool under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// It may be used.
    Approved,
    /// It waits for an administrator.
    Waiting,
    /// It may not be used.
    Rejected,
    /// It was approved and is defined otherwise now.
    Changed,
}

impl ReviewState {
    /// The state of a tool.
    pub(crate) const fn of(pin: &PinnedTool) -> Self {
        match pin.state {
            ToolState::Approved if pin.changed.is_some() => Self::Changed,
            ToolState::Approved => Self::Approved,
            ToolState::Waiting => Self::Waiting,
            ToolState::Rejected => Self::Rejected,
        }
    }

    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Waiting => "waiting",
            Self::Rejected => "rejected",
            Self::Changed => "changed",
        }
    }
}

impl std::fmt::Display for ReviewState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A tool as an administrator reviews it.
#[derive(Clone, Debug)]
pub struct ReviewedTool {
    /// Its pin.
    pub pin: PinnedTool,
    /// Its class by its annotations; an error where they contradict each other.
    pub annotated: Result<ToolClass, &'static str>,
    /// The differences, if it changed.
    pub differences: Vec<Difference>,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

impl ReviewedTool {
    /// The class that counts.
    pub fn class(&self) -> ToolClass {
        self.pin.class.or(self.annotated.ok()).unwrap_or(ToolClass::Destructive)
    }
    /// Its present description. Foreign text: clean it before it is shown.
    pub fn description(&self) -> String {
        definition::part(self.pin.changed.as_deref().unwrap_or(&self.pin.definition), "description")
    }
    /// Its state.
    pub fn state(&self) -> ReviewState {
        ReviewState::of(&self.pin)
    }
    /// The texts of the warnings, in English.
    pub fn warning_texts(&self) -> Vec<String> {
        self.warnings.iter().map(ToString::to_string).collect()
    }
    /// The review as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "tool": self.pin.tool,
            "state": self.state().as_str(),
            "class": self.class().as_str(),
            "class_set_by_administrator": self.pin.class.is_some(),
            "warnings": self.warning_texts(),
            "differences": self.differences.iter().map(|one| json!({"part": one.part, "before": one.before, "after": one.after})).collect::<Vec<_>>(),
            "definition": serde_json::from_str::<Value>(&self.pin.definition).unwrap_or_default(),
        })
    }
}

/// The decision of an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The tool may be used as it is defined now.
    Approve,
    /// It may not be used.
    Reject,
    /// Its effect, which replaces that of its annotations; `None` takes that back.
    Classify(Option<ToolClass>),
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Approve => f.write_str("approve"),
            Self::Reject => f.write_str("reject"),
            Self::Classify(Some(class)) => write!(f, "classify as {}", class.as_str()),
            Self::Classify(None) => f.write_str("classify by annotations"),
        }
    }
}

/// The reason for which a decision could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum ToolChangeError {
    /// No such tool.
    #[error("the upstream has no tool {0}; doorward upstream tools lists its tools")]
    Unknown(String),
    /// It changed while the administrator looked.
    #[error("the tool was changed in the meantime; check it and decide again")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Gateway {
    /// The names at /mcp of the approved tools of upstreams that are enabled.
    pub async fn approved_tool_names(&self) -> Result<Vec<String>, StoreError> {
        let mut all = Vec::new();
        for upstream in self.all_upstreams().await?.iter().filter(|known| known.is_enabled()) {
            let pins = self.inner.services.store.pinned_tools(upstream.name).await?;
            let approved = pins.iter().filter(|pin| pin.state == ToolState::Approved);
            all.extend(approved.map(|pin| names::public(upstream.name, &pin.tool)));
        }
        Ok(all)
    }

    /// The names at /mcp of all tools that upstreams listed.
    pub async fn tool_names(&self) -> Result<Vec<String>, StoreError> {
        let mut all = Vec::new();
        for upstream in self.all_upstreams().await? {
            let pins = self.inner.services.store.pinned_tools(upstream.name).await?;
            all.extend(pins.iter().map(|pin| names::public(upstream.name, &pin.tool)));
        }
        Ok(all)
    }

    /// The tools of an upstream as an administrator reviews them, by name.
    pub async fn review(&self, name: UpstreamName) -> Result<Vec<ReviewedTool>, StoreError> {
        let others: Vec<UpstreamName> =
            self.all_upstreams().await?.iter().map(|upstream| upstream.name).collect();
        let pins = self.inner.services.store.pinned_tools(name).await?;
        let reviewed = |pin: &PinnedTool| {
            let newest = pin.changed.as_deref().unwrap_or(&pin.definition);
            ReviewedTool {
                annotated: definition::pinned_tool(newest)
                    .map_or(Ok(ToolClass::Destructive), |tool| definition::class_of(&tool)),
                differences: pin
                    .changed
                    .as_deref()
                    .map(|changed| definition::differences(&pin.definition, changed))
                    .unwrap_or_default(),
                warnings: warning::warnings(name, newest, &others),
                pin: pin.clone(),
            }
        };
        Ok(pins.iter().map(reviewed).collect())
    }

    /// The omissions of this process from what an upstream sends: when it last listed the upstream,
    /// and in calls since then. Empty where it did not list it.
    pub fn left_out(&self, name: UpstreamName) -> LeftOut {
        self.inner.catalogues.left_out(name)
    }

    /// Keeps an administrator's decision about a tool that they saw in this state.
    pub async fn decide(
        &self,
        seen: &PinnedTool,
        decision: Decision,
        by: &str,
    ) -> Result<(), ToolChangeError> {
        let services = &self.inner.services;
        let mut tool = seen.clone();
        tool.decided_at = Some(services.clock.now());
        match decision {
            Decision::Approve => {
                tool.state = ToolState::Approved;
                if let Some(changed) = tool.changed.take() {
                    tool.definition = changed;
                    tool.pinned =
                        if tool.pinned == Pinned::Parts { Pinned::Parts } else { Pinned::Whole };
                }
            }
            Decision::Reject => tool.state = ToolState::Rejected,
            Decision::Classify(class) => tool.class = class,
        }
        let change = UpstreamChange::Decide { tool: Box::new(tool), seen: Box::new(seen.clone()) };
        match services.store.apply(change).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Err(ToolChangeError::Changed),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(upstream = %seen.upstream, tool = %doorward_model::foreign::escaped(&seen.tool), %decision, by, "an administrator decided on a tool");
        self.inner.catalogues.forget(seen.upstream, None);
        services.changes.tell(Change {
            upstream: Some(seen.upstream),
            user: None,
            what: Changed::Tools,
        });
        Ok(())
    }

    /// A tool by its name at the upstream.
    pub async fn pinned(
        &self,
        upstream: UpstreamName,
        tool: &str,
    ) -> Result<PinnedTool, ToolChangeError> {
        let pins = self.inner.services.store.pinned_tools(upstream).await?;
        pins.iter()
            .find(|pin| pin.tool == tool)
            .cloned()
            .ok_or_else(|| ToolChangeError::Unknown(tool.to_owned()))
    }
}
