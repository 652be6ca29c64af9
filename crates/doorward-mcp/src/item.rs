//! Items: the offers of an upstream, for judgement and counting. A list of unjudged items can be
//! opened in one place only, so that none is shown unjudged.

use std::sync::Arc;

use doorward_model::{Scope, ToolClass, UpstreamName, policy};
use rmcp::model::Tool;

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A template of resources.
    Template,
    /// The upstream itself: its capabilities, its log, that its lists changed.
    Upstream,
}

impl Kind {
    /// The kind in rules; `None` for the upstream itself, which only rules about whole upstreams
    /// concern.
    pub(crate) fn in_rules(self) -> Option<policy::ItemKind> {
        match self {
            Self::Tool => Some(policy::ItemKind::Tool),
            Self::Prompt => Some(policy::ItemKind::Prompt),
            Self::Resource | Self::Template => Some(policy::ItemKind::Resource),
            Self::Upstream => None,
        }
    }

    /// The name for it in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "resource template",
            Self::Upstream => "upstream",
        }
    }
}

/// A tool as it is listed and judged.
#[derive(Clone, Debug)]
pub struct ToolSpec {
    /// Its definition, under the name for clients.
    pub tool: Tool,
    /// The upstream that it belongs to; `None` for built-in tools.
    pub upstream: Option<UpstreamName>,
    /// Its name at the upstream.
    pub own_name: String,
    /// Its name among the tools of all upstreams. It stays the same at the upstream's own URL, so
    /// that rules, confirmations and the audit mean the same tool at every URL.
    pub listed_as: String,
    /// Its effect on the world.
    pub class: ToolClass,
    /// The scope that calling it needs.
    pub scope: Scope,
    /// It reaches beyond its server.
    pub open_world: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Limits of one call to it.
    pub limits: CallLimits,
}

impl ToolSpec {
    /// The name for clients.
    pub fn name(&self) -> &str {
        &self.tool.name
    }
}

/// Bounds of calls to one upstream. Zero means that only the general limits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls a minute, of all users together.
    pub per_minute: u32,
    /// Calls at once, of all users together.
    pub at_once: u32,
    /// Seconds that one call may take.
    pub seconds: u64,
    /// Bytes that one result may have.
    pub result_bytes: usize,
}

/// A prompt, a resource, a template, or an upstream itself, as it is judged. Its class is always
/// [`ToolClass::Read`].
#[derive(Clone, Debug)]
pub struct ItemSpec {
    /// Its kind.
    pub kind: Kind,
    /// The upstream that it belongs to.
    pub upstream: UpstreamName,
    /// Its name or URI at the upstream.
    pub own_name: String,
    /// Its name or URI among those of all upstreams.
    pub listed_as: String,
    /// The scope that using it needs.
    pub scope: Scope,
    /// Limits of one use of it.
    pub limits: CallLimits,
}

/// An item, as a source finds it.
#[derive(Clone, Debug)]
pub enum Item {
    /// A tool.
    Tool(Arc<ToolSpec>),
    /// Anything else.
    Other(Arc<ItemSpec>),
}

/// The facts of an item that judging, limits and the audit need.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its kind.
    pub kind: Kind,
    /// The upstream; `None` for built-in tools.
    pub upstream: Option<UpstreamName>,
    /// Its name or URI at the upstream.
    pub own_name: &'a str,
    /// Its name or URI among those of all upstreams, at every URL.
    pub listed_as: &'a str,
    /// The effect of its use on the world.
    pub class: ToolClass,
    /// The scope that using it needs.
    pub scope: Scope,
    /// It reaches beyond its server.
    pub open_world: bool,
    /// Repeated use has no further effect.
    pub idempotent: bool,
    /// Limits of one use of it.
    pub limits: CallLimits,
}

/// An item that can be judged.
pub trait Judged {
    /// The facts that judging needs.
    fn facts(&self) -> Facts<'_>;
}

impl Judged for ToolSpec {
    fn facts(&self) -> Facts<'_> {
        Facts {
            kind: Kind::Tool,
            upstream: self.upstream,
            own_name: &self.own_name,
            listed_as: &self.listed_as,
            class: self.class,
            scope: self.scope,
            open_world: self.open_world,
            idempotent: self.idempotent,
            limits: self.limits,
        }
    }
}

impl Judged for Arc<ToolSpec> {
    fn facts(&self) -> Facts<'_> {
        self.as_ref().facts()
    }
}

impl Item {
    /// True for a tool with structured results of a declared form.
    pub(crate) fn has_output_schema(&self) -> bool {
        match self {
            Self::Tool(spec) => spec.tool.output_schema.is_some(),
            Self::Other(_) => false,
        }
    }
}

impl Judged for ItemSpec {
    fn facts(&self) -> Facts<'_> {
        Facts {
            kind: self.kind,
            upstream: Some(self.upstream),
            own_name: &self.own_name,
            listed_as: &self.listed_as,
            class: ToolClass::Read,
            scope: self.scope,
            open_world: true,
            idempotent: true,
            limits: self.limits,
        }
    }
}

impl Judged for Item {
    fn facts(&self) -> Facts<'_> {
        match self {
            Self::Tool(spec) => spec.facts(),
            Self::Other(spec) => spec.facts(),
        }
    }
}

/// An item of a list with its definition.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The item.
    pub item: ItemSpec,
    /// Its definition, under the name for clients.
    pub shown: T,
}

impl<T> Judged for Listed<T> {
    fn facts(&self) -> Facts<'_> {
        self.item.facts()
    }
}

/// A list of a source before it is judged. Only `Mcp::allowed` opens it.
#[derive(Debug)]
pub struct Unjudged<T>(Vec<T>);

impl<T> Default for Unjudged<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Judged> Unjudged<T> {
    /// A list as the source has it.
    pub fn new(items: Vec<T>) -> Self {
        Self(items)
    }
    /// The items that `judge` permits.
    pub(crate) fn judged(self, judge: impl Fn(&Facts<'_>) -> bool) -> Vec<T> {
        let mut items = self.0;
        items.retain(|item| judge(&item.facts()));
        items
    }
}
