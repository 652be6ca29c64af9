//! The offers of an upstream, made of its pinned definitions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use doorward_mcp::{
    Offers, ToolSpec,
    apps::map_references,
    uri::{own_uri, public_uri, usable_uri},
};
use doorward_model::{
    ToolClass, foreign,
    upstream::{PinnedTool, ToolState},
};
use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};
use tokio::time::Instant;

use crate::{
    approval,
    definition::{self, Operation, class_of},
    left_out::LeftOut,
    listed::Listed,
    names,
    upstream::Upstream,
};

/// The offers of one upstream to one user, or to all.
pub(crate) struct Catalogue {
    /// Its tools, under the names that they have among those of all.
    pub(crate) tools: Vec<Arc<ToolSpec>>,
    by_public: HashMap<String, usize>,
    by_own: HashMap<String, usize>,
    /// The same under their own names, for the upstream's own URL.
    pub(crate) own_tools: Vec<Arc<ToolSpec>>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) templates: Vec<ResourceTemplate>,
    pub(crate) offers: Offers,
    /// The operations behind tools, by the tools' own names, as they were pinned.
    operations: HashMap<String, Arc<dyn Operation>>,
    /// The listed tools that are not offered.
    pub(crate) left_out: LeftOut,
    pins: Mutex<Arc<Vec<PinnedTool>>>,
    pub(crate) listed_at: Instant,
}

impl Catalogue {
    /// A tool by its name at `/mcp`.
    pub(crate) fn public(&self, name: &str) -> Option<&Arc<ToolSpec>> {
        self.by_public.get(name).and_then(|index| self.tools.get(*index))
    }
    /// Reports a catalogue that was made with the present pins.
    pub(crate) fn is_made_with(&self, pins: &Arc<Vec<PinnedTool>>) -> bool {
        let mut held = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&held, pins) {
            return true;
        }
        // Read again and unchanged: this path is common to all calls, so that this must be found out
        // only once.
        let same = *held == *pins;
        if same {
            *held = Arc::clone(pins);
        }
        same
    }
    /// The operation behind a tool, by the tool's own name.
    pub(crate) fn operation(&self, own_name: &str) -> Option<&dyn Operation> {
        self.operations.get(own_name).map(AsRef::as_ref)
    }
    /// A tool by its name at the upstream's own URL.
    pub(crate) fn own(&self, name: &str) -> Option<&Arc<ToolSpec>> {
        self.by_own.get(name).and_then(|index| self.own_tools.get(*index))
    }
}

/// A tool as it is listed and judged.
pub(crate) fn spec(
    upstream: &Upstream,
    mut tool: Tool,
    pin: Option<&PinnedTool>,
    hint: bool,
) -> ToolSpec {
    let own_name = tool.name.to_string();
    let ruled = upstream
        .classes
        .iter()
        .find(|(pattern, _)| pattern.matches(&own_name))
        .map(|(_, class)| *class);
    let class = pin
        .and_then(|pin| pin.class)
        .or(ruled)
        .or_else(|| class_of(&tool).ok())
        .unwrap_or(ToolClass::Destructive);
    let annotation = |get: fn(&rmcp::model::ToolAnnotations) -> Option<bool>, unless: bool| {
        tool.annotations.as_ref().and_then(get).unwrap_or(unless)
    };
    let (open_world, idempotent) = (
        annotation(|hints| hints.open_world_hint, true),
        annotation(|hints| hints.idempotent_hint, false),
    );
    tool.name = names::public(upstream.name, &own_name).into();
    if let Some(meta) = &mut tool.meta {
        map_references(meta, |uri| Some(public_uri(upstream.name, uri)));
    }
    // Clients load pictures by themselves.
    if let Some(icons) = &mut tool.icons {
        icons.retain(|icon| {
            foreign::https_link(&icon.src).is_some() || foreign::is_picture(&icon.src)
        });
    }
    if hint {
        let told = format!(
            "{} (You are not connected to {} yet; calling this tool gives you a link to connect.)",
            tool.description.as_deref().unwrap_or_default(),
            upstream.title
        );
        tool.description = Some(told.trim().to_owned().into());
    }
    ToolSpec {
        upstream: Some(upstream.name),
        listed_as: tool.name.to_string(),
        own_name,
        class,
        scope: upstream.scope(class),
        open_world,
        idempotent,
        limits: upstream.limits(),
        tool,
    }
}

/// Reports a tool whose class is clear. Contradictory annotations hide a tool until an administrator
/// sets its class (CF14).
pub(crate) fn is_clear(upstream: &Upstream, pin: &PinnedTool, tool: &Tool) -> bool {
    pin.class.is_some()
        || upstream.classes.iter().any(|(pattern, _)| pattern.matches(&tool.name))
        || class_of(tool).is_ok()
}

/// A tool under its own name, as far as every client accepts that.
fn own(spec: &ToolSpec) -> ToolSpec {
    let mut spec = spec.clone();
    spec.tool.name = names::usable(&spec.own_name).into();
    if let Some(meta) = &mut spec.tool.meta {
        map_references(meta, |uri| own_uri(uri).map(|own| usable_uri(&own.uri).into_owned()));
    }
    spec
}

/// The same tools, under their own names, for an upstream's own URL.
pub(crate) fn under_own_names(tools: &[Arc<ToolSpec>]) -> Vec<Arc<ToolSpec>> {
    tools.iter().map(|spec| Arc::new(own(spec))).collect()
}

/// Makes the catalogue of the pinned definitions: of a listing, only the names of the tools enter
/// it.
pub(crate) fn build(
    upstream: &Upstream,
    listed: Listed,
    usable: &HashMap<String, String>,
    pins: Arc<Vec<PinnedTool>>,
) -> Catalogue {
    let (mut tools, mut operations) = (Vec::new(), HashMap::new());
    let approved = |pin: &&PinnedTool| {
        pin.state == ToolState::Approved && usable.get(&pin.tool) == Some(&pin.definition)
    };
    for pin in pins.iter().filter(approved).filter(|pin| !approval::is_entry(&pin.tool)) {
        let Some((tool, operation)) = definition::pinned(&pin.definition) else { continue };
        if !is_clear(upstream, pin, &tool) {
            tracing::info!(upstream = %upstream.name, tool = %foreign::escaped(&tool.name), "a tool is left out until it is classified: its annotations contradict each other");
            continue;
        }
        let driver = upstream.kind.driver;
        if let Some(operation) = operation.and_then(|pinned| driver.operation(pinned)) {
            operations.insert(pin.tool.clone(), operation);
        }
        tools.push(Arc::new(spec(upstream, tool, Some(pin), false)));
    }
    tools.sort_by(|one, other| one.name().cmp(other.name()));
    let mut own_tools = under_own_names(&tools);
    own_tools.sort_by(|one, other| one.name().cmp(other.name()));
    let index = |tools: &[Arc<ToolSpec>]| {
        tools.iter().enumerate().map(|(index, spec)| (spec.name().to_owned(), index)).collect()
    };
    let mut by_own: HashMap<String, usize> = index(&own_tools);
    for (index, spec) in own_tools.iter().enumerate() {
        // Known from elsewhere, a tool's own name works too.
        by_own.entry(spec.own_name.clone()).or_insert(index);
    }
    Catalogue {
        by_public: index(&tools),
        by_own,
        own_tools,
        tools,
        prompts: listed.prompts,
        resources: listed.resources,
        templates: listed.templates,
        offers: listed.offers,
        operations,
        left_out: listed.left_out,
        pins: Mutex::new(pins),
        listed_at: Instant::now(),
    }
}
