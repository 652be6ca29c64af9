//! What upstreams offer, as it was last listed: kept for a while, refreshed in the background, never waited for longer than a moment.
//! An upstream that is slow, dead or not authorised delays nobody and empties nothing (CA29, CA36).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use doorward_mcp::{Change, Changed, Offers, ToolSpec};
use doorward_model::{Person, ToolClass, UpstreamName, UserId, upstream::PinnedTool};
use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest, PaginatedRequestParams, Prompt, Resource,
    ResourceTemplate, ServerResult, Tool,
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    Inner,
    link::{Link, LinkError},
    names, pins,
    upstream::{Shared, Upstream},
    upstreams::openapi,
};

/// The most pages and items of one list of an upstream.
const MOST_PAGES: usize = 200;
const MOST_ITEMS: usize = 10_000;
/// The most bytes of one definition.
const MOST_BYTES: usize = 128 * 1024;
/// How long listing may take in all.
const LIST_WITHIN: Duration = Duration::from_mins(1);
/// How long a list that failed is not tried again by itself.
const PAUSE: Duration = Duration::from_secs(2);
/// The most lists that are kept.
const MOST: usize = 5000;

/// What one upstream offers to one person, or to everybody.
pub(crate) struct Catalogue {
    /// Its tools, under the names that they have among those of all.
    pub(crate) tools: Vec<Arc<ToolSpec>>,
    by_public: HashMap<String, usize>,
    by_own: HashMap<String, usize>,
    /// The same under their own names, for the upstream's own address.
    pub(crate) own_tools: Vec<Arc<ToolSpec>>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) templates: Vec<ResourceTemplate>,
    pub(crate) offers: Offers,
    /// The operations behind the tools of a REST API.
    pub(crate) api: Option<Arc<openapi::Api>>,
    pins: Mutex<Arc<Vec<PinnedTool>>>,
    listed_at: Instant,
}

impl Catalogue {
    /// A tool by its name at `/mcp`.
    pub(crate) fn public(&self, name: &str) -> Option<&Arc<ToolSpec>> {
        self.by_public.get(name).and_then(|index| self.tools.get(*index))
    }
    /// Whether it was made with what is pinned now.
    fn is_made_with(&self, pins: &Arc<Vec<PinnedTool>>) -> bool {
        let mut held = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&held, pins) {
            return true;
        }
        // Read anew and the same: every call comes by here, so that this must be found out only once.
        let same = *held == *pins;
        if same {
            *held = Arc::clone(pins);
        }
        same
    }
    /// A tool by its name at the upstream's own address.
    pub(crate) fn own(&self, name: &str) -> Option<&Arc<ToolSpec>> {
        self.by_own.get(name).and_then(|index| self.own_tools.get(*index))
    }
}

/// Whose list it is.
type Key = (UpstreamName, Option<UserId>);

#[derive(Default)]
struct State {
    catalogue: Option<Arc<Catalogue>>,
    problem: Option<LinkError>,
    tried_at: Option<Instant>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    refreshing: AtomicBool,
    refreshed: Notify,
    // The upstream said that its list changed.
    stale: AtomicBool,
}

impl Slot {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All lists of this process.
#[derive(Default)]
pub(crate) struct Catalogues(Mutex<HashMap<Key, (Shared, Arc<Slot>)>>);

impl Catalogues {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Shared, Arc<Slot>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn slot(&self, upstream: &Shared, key: &Key) -> Arc<Slot> {
        let mut slots = self.lock();
        if let Some((known, slot)) = slots.get(key)
            && Arc::ptr_eq(known, upstream)
        {
            return Arc::clone(slot);
        }
        if slots.len() >= MOST {
            // Rare, and harmless: what is needed is listed anew.
            let oldest = slots.iter().min_by_key(|(_, (_, slot))| slot.state().tried_at).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                slots.remove(&oldest);
            }
        }
        let slot = Arc::new(Slot::default());
        slots.insert(key.clone(), (Arc::clone(upstream), Arc::clone(&slot)));
        slot
    }
    /// Forgets the lists of an upstream: one person's, or everybody's.
    pub(crate) fn forget(&self, name: UpstreamName, person: Option<&UserId>) {
        self.lock().retain(|(upstream, owner), _| *upstream != name || (person.is_some() && owner.as_ref() != person));
    }
    /// Forgets what belongs to upstreams that are gone or changed.
    pub(crate) fn keep_only(&self, upstreams: &[Shared]) {
        self.lock().retain(|_, (known, _)| upstreams.iter().any(|upstream| Arc::ptr_eq(upstream, known)));
    }
}

/// What is known of an upstream's list.
pub(crate) struct Look {
    pub(crate) catalogue: Option<Arc<Catalogue>>,
    pub(crate) problem: Option<LinkError>,
}

impl Inner {
    fn list_key(upstream: &Upstream, person: &Person) -> Key {
        (upstream.name, upstream.lists_are_personal().then(|| person.id.clone()))
    }

    /// What an upstream offers to this person, as far as it is known within the time that the upstream has for it.
    pub(crate) async fn catalogue(self: &Arc<Self>, upstream: &Shared, person: &Arc<Person>) -> Look {
        let slot = self.catalogues.slot(upstream, &Self::list_key(upstream, person));
        let deadline = Instant::now() + Duration::from_millis(upstream.config.list_wait_ms);
        loop {
            // Registered before the state is looked at, so that no refresh is missed in between.
            let refreshed = slot.refreshed.notified();
            let pins = self.parts.store.pinned_tools(upstream.name).await.ok();
            let (known, problem, due) = {
                let state = slot.state();
                let age = Duration::from_secs(upstream.config.list_seconds);
                // An administrator's decision counts at once, also one that was made at another replica.
                let decided = |catalogue: &Arc<Catalogue>| pins.as_ref().is_none_or(|pins| catalogue.is_made_with(pins));
                let fresh = state.catalogue.as_ref().is_some_and(|catalogue| catalogue.listed_at.elapsed() < age && decided(catalogue));
                let rested = state.tried_at.is_none_or(|at| at.elapsed() >= PAUSE);
                let due = (!fresh && (rested || state.problem.is_none())) || slot.stale.load(Ordering::Acquire);
                (state.catalogue.clone().filter(decided), state.problem.clone(), due)
            };
            if due {
                self.refresh(upstream, person, &slot);
            }
            if known.is_some() || (!due && !slot.refreshing.load(Ordering::Acquire)) {
                return Look { catalogue: known, problem };
            }
            if tokio::time::timeout_at(deadline, refreshed).await.is_err() {
                return Look { catalogue: None, problem: problem.or_else(|| Some(LinkError::Failed("it has not answered yet".to_owned()))) };
            }
        }
    }

    /// Lists in the background, once at a time.
    fn refresh(self: &Arc<Self>, upstream: &Shared, person: &Arc<Person>, slot: &Arc<Slot>) {
        if slot.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        slot.stale.store(false, Ordering::Release);
        let (inner, upstream, person, slot) = (Arc::clone(self), Arc::clone(upstream), Arc::clone(person), Arc::clone(slot));
        tokio::spawn(async move {
            let late = || Err(LinkError::Failed("listing took too long".to_owned()));
            let listed = tokio::time::timeout(LIST_WITHIN, inner.list(&upstream, &person)).await.unwrap_or_else(|_| late());
            let mut changed = false;
            {
                let mut state = slot.state();
                state.tried_at = Some(Instant::now());
                match listed {
                    Ok(catalogue) => {
                        let same = |old: &Arc<Catalogue>| {
                            old.tools.len() == catalogue.tools.len() && old.tools.iter().zip(&catalogue.tools).all(|(one, other)| one.tool == other.tool)
                        };
                        changed = !state.catalogue.as_ref().is_some_and(same);
                        state.catalogue = Some(Arc::new(catalogue));
                        state.problem = None;
                    }
                    Err(LinkError::Connect | LinkError::MoreScope) if upstream.needs_connection() => {
                        // What one person could see with their own access is gone with it.
                        state.catalogue = None;
                        state.problem = Some(LinkError::Connect);
                    }
                    Err(problem) => {
                        tracing::info!(upstream = %upstream.name, %problem, "an upstream could not be listed; what was listed before stays");
                        state.problem = Some(problem);
                    }
                }
            }
            slot.refreshing.store(false, Ordering::Release);
            slot.refreshed.notify_waiters();
            if changed {
                let whose = upstream.lists_are_personal().then(|| person.id.clone());
                inner.parts.changes.tell(Change { upstream: Some(upstream.name), person: whose, what: Changed::Tools });
            }
        });
    }

    async fn list(self: &Arc<Self>, upstream: &Shared, person: &Arc<Person>) -> Result<Catalogue, LinkError> {
        let store_failed = |error: doorward_store::StoreError| LinkError::Failed(error.to_string());
        if upstream.kind.name == "openapi" {
            let api = Arc::new(openapi::load(upstream).await?);
            let tools = api.tools();
            let usable = pins::compare(self, upstream, &tools).await.map_err(store_failed)?;
            let pins = self.parts.store.pinned_tools(upstream.name).await.map_err(store_failed)?;
            return Ok(build(upstream, Listed { tools, ..Listed::default() }, &usable, pins, Some(api)));
        }
        let link = self.link(upstream, person).await?;
        link.stale.store(false, Ordering::Release);
        let listed = lists(upstream, &link).await?;
        let usable = pins::compare(self, upstream, &listed.tools).await.map_err(store_failed)?;
        let pins = self.parts.store.pinned_tools(upstream.name).await.map_err(store_failed)?;
        Ok(build(upstream, listed, &usable, pins, None))
    }

    /// Notes that an upstream said that its lists changed.
    pub(crate) fn note_stale(&self, upstream: &Shared, person: &Person, link: &Link) {
        if link.stale.swap(false, Ordering::AcqRel) {
            self.catalogues.slot(upstream, &Self::list_key(upstream, person)).stale.store(true, Ordering::Release);
        }
    }

    /// The tools of an upstream that cannot be listed now, as far as approved definitions tell; on demand with the hint that somebody must connect first.
    pub(crate) async fn pinned(&self, upstream: &Shared, hint: bool) -> Vec<Arc<ToolSpec>> {
        let Ok(pins) = self.parts.store.pinned_tools(upstream.name).await else { return Vec::new() };
        let approved = pins.iter().filter(|pin| pin.state == doorward_model::upstream::ToolState::Approved && upstream.offers(&pin.tool));
        approved.filter_map(|pin| Some(Arc::new(spec(upstream, pins::tool_of(&pin.definition)?, Some(pin), hint)))).collect()
    }
}

#[derive(Default)]
struct Listed {
    tools: Vec<Tool>,
    prompts: Vec<Prompt>,
    resources: Vec<Resource>,
    templates: Vec<ResourceTemplate>,
    offers: Offers,
}

/// Reads all pages of one list. An upstream that goes round in circles or has no end is cut off.
async fn pages<T>(
    link: &Arc<Link>,
    request: impl Fn(Option<PaginatedRequestParams>) -> ClientRequest,
    take: impl Fn(ServerResult) -> Option<(Vec<T>, Option<String>)>,
) -> Result<Vec<T>, LinkError> {
    let (mut all, mut cursor, mut seen) = (Vec::new(), None::<String>, std::collections::HashSet::new());
    for _ in 0..MOST_PAGES {
        let params = cursor.take().map(|cursor| {
            let mut params = PaginatedRequestParams::default();
            params.cursor = Some(cursor);
            params
        });
        let answer = link.ask(request(params)).await.map_err(|error| LinkError::of(&error))?;
        let (items, next) = take(answer).ok_or_else(|| LinkError::Failed("it answered a list with something else".to_owned()))?;
        all.extend(items);
        if all.len() > MOST_ITEMS {
            all.truncate(MOST_ITEMS);
            tracing::warn!("a list has more than {MOST_ITEMS} items; the rest is left out");
            return Ok(all);
        }
        match next {
            Some(next) if !next.is_empty() && seen.insert(next.clone()) => cursor = Some(next),
            _ => return Ok(all),
        }
    }
    Ok(all)
}

async fn lists(upstream: &Upstream, link: &Arc<Link>) -> Result<Listed, LinkError> {
    let capabilities = link.info().map(|info| info.capabilities.clone()).unwrap_or_default();
    let mut listed = Listed::default();
    if capabilities.tools.is_some() {
        listed.tools = pages(
            link,
            |params| ClientRequest::ListToolsRequest(ListToolsRequest { params, ..Default::default() }),
            |answer| match answer {
                ServerResult::ListToolsResult(list) => Some((list.tools, list.next_cursor)),
                _ => None,
            },
        )
        .await?;
    }
    if capabilities.prompts.is_some() && upstream.config.prompts {
        listed.offers.prompts = true;
        let prompts = pages(
            link,
            |params| ClientRequest::ListPromptsRequest(ListPromptsRequest { params, ..Default::default() }),
            |answer| match answer {
                ServerResult::ListPromptsResult(list) => Some((list.prompts, list.next_cursor)),
                _ => None,
            },
        );
        // Prompts and resources that cannot be listed are no reason to lose the tools.
        listed.prompts = prompts.await.unwrap_or_default();
    }
    if capabilities.resources.is_some() && upstream.config.resources {
        listed.offers.resources = true;
        let resources = pages(
            link,
            |params| ClientRequest::ListResourcesRequest(ListResourcesRequest { params, ..Default::default() }),
            |answer| match answer {
                ServerResult::ListResourcesResult(list) => Some((list.resources, list.next_cursor)),
                _ => None,
            },
        );
        listed.resources = resources.await.unwrap_or_default();
        let templates = pages(
            link,
            |params| ClientRequest::ListResourceTemplatesRequest(ListResourceTemplatesRequest { params, ..Default::default() }),
            |answer| match answer {
                ServerResult::ListResourceTemplatesResult(list) => Some((list.resource_templates, list.next_cursor)),
                _ => None,
            },
        );
        listed.templates = templates.await.unwrap_or_default();
    }
    listed.offers.completions = capabilities.completions.is_some();
    listed.offers.logging = capabilities.logging.is_some();
    Ok(listed)
}

/// A tool as it is listed and judged.
pub(crate) fn spec(upstream: &Upstream, mut tool: Tool, pin: Option<&PinnedTool>, hint: bool) -> ToolSpec {
    let own_name = tool.name.to_string();
    let ruled = upstream.classes.iter().find(|(pattern, _)| pattern.matches(&own_name)).map(|(_, class)| *class);
    let class = pin.and_then(|pin| pin.class).or(ruled).or_else(|| pins::class_of(&tool).ok()).unwrap_or(ToolClass::Destructive);
    let annotation = |get: fn(&rmcp::model::ToolAnnotations) -> Option<bool>, unless: bool| tool.annotations.as_ref().and_then(get).unwrap_or(unless);
    let (open_world, idempotent) = (annotation(|hints| hints.open_world_hint, true), annotation(|hints| hints.idempotent_hint, false));
    tool.name = names::public(upstream.name, &own_name).into();
    if hint {
        let told = format!(
            "{} (You are not connected to {} yet; calling this tool gives you a link to connect.)",
            tool.description.as_deref().unwrap_or_default(),
            upstream.title
        );
        tool.description = Some(told.trim().to_owned().into());
    }
    ToolSpec { upstream: Some(upstream.name), own_name, class, scope: upstream.scope(class), open_world, idempotent, limits: upstream.limits(), tool }
}

/// A tool under its own name.
fn own(spec: &ToolSpec) -> ToolSpec {
    let mut spec = spec.clone();
    spec.tool.name = spec.own_name.clone().into();
    spec
}

/// The same tools, under their own names, for an upstream's own address.
pub(crate) fn under_own_names(tools: &[Arc<ToolSpec>]) -> Vec<Arc<ToolSpec>> {
    tools.iter().map(|spec| Arc::new(own(spec))).collect()
}

/// Whether a definition is fit to be passed on: clients drop the whole list for one that is not.
fn is_sound(tool: &Tool) -> bool {
    let object = tool.input_schema.get("type").and_then(serde_json::Value::as_str) == Some("object");
    let short = !tool.name.is_empty() && tool.name.len() <= 256 && !tool.name.chars().any(char::is_control);
    object && short && serde_json::to_vec(tool).is_ok_and(|bytes| bytes.len() <= MOST_BYTES)
}

fn build(upstream: &Upstream, listed: Listed, usable: &HashMap<String, PinnedTool>, pins: Arc<Vec<PinnedTool>>, api: Option<Arc<openapi::Api>>) -> Catalogue {
    let mut tools = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for tool in listed.tools {
        let Some(pin) = usable.get(tool.name.as_ref()).filter(|_| upstream.offers(&tool.name)) else { continue };
        if !is_sound(&tool) {
            tracing::warn!(upstream = %upstream.name, tool = %tool.name.chars().take(80).collect::<String>(), "a tool is left out: its definition is not one");
            continue;
        }
        // Contradictory annotations hide a tool until somebody said what it does (CF14).
        let ruled = pin.class.is_some() || upstream.classes.iter().any(|(pattern, _)| pattern.matches(&tool.name));
        if pins::class_of(&tool).is_err() && !ruled {
            tracing::info!(upstream = %upstream.name, tool = %tool.name, "a tool is left out until it is classified: its annotations contradict each other");
            continue;
        }
        if seen.insert(tool.name.clone()) {
            tools.push(Arc::new(spec(upstream, tool, Some(pin), false)));
        }
    }
    tools.sort_by(|one, other| one.name().cmp(other.name()));
    let mut own_tools = under_own_names(&tools);
    own_tools.sort_by(|one, other| one.name().cmp(other.name()));
    let index = |tools: &[Arc<ToolSpec>]| tools.iter().enumerate().map(|(index, spec)| (spec.name().to_owned(), index)).collect();
    Catalogue {
        by_public: index(&tools),
        by_own: index(&own_tools),
        own_tools,
        tools,
        prompts: listed.prompts,
        resources: listed.resources,
        templates: listed.templates,
        offers: listed.offers,
        api,
        pins: Mutex::new(pins),
        listed_at: Instant::now(),
    }
}
