//! What upstreams offer, as it was last listed: kept for a while, refreshed in the background,
//! never waited for longer than a moment. An upstream that is slow, dead or not authorised delays
//! nobody and empties nothing (CA29, CA36).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use doorward_mcp::{
    Change, Changed, Offers, ToolSpec,
    apps::map_references,
    uri::{own_uri, public_uri},
};
use doorward_model::{
    Person, ToolClass, UpstreamName, UserId, foreign,
    upstream::{PinnedTool, ToolState},
};
use doorward_transport::budget;
use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};
use tokio::{sync::Notify, time::Instant};

use crate::{
    Inner, approval,
    definition::{Shown, class_of},
    left_out::LeftOut,
    link::{Link, LinkError},
    listing::{Listed, lists},
    names, pins,
    upstream::{Shared, Upstream},
    upstreams::openapi,
};

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
    /// The operations behind the tools of a REST API, by the tools' own names, as they were pinned.
    operations: HashMap<String, Arc<openapi::Operation>>,
    /// The tools that are listed there and not offered.
    pub(crate) left_out: LeftOut,
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
        // Read anew and the same: every call comes by here, so that this must be found out only
        // once.
        let same = *held == *pins;
        if same {
            *held = Arc::clone(pins);
        }
        same
    }
    /// The operation behind a tool of a REST API, by the tool's own name.
    pub(crate) fn operation(&self, own_name: &str) -> Option<&Arc<openapi::Operation>> {
        self.operations.get(own_name)
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
            let oldest = slots
                .iter()
                .min_by_key(|(_, (_, slot))| slot.state().tried_at)
                .map(|(key, _)| key.clone());
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
        self.lock().retain(|(upstream, owner), _| {
            *upstream != name || (person.is_some() && owner.as_ref() != person)
        });
    }
    /// The tools that the newest list of an upstream left out.
    pub(crate) fn left_out(&self, name: UpstreamName) -> LeftOut {
        let slots: Vec<Arc<Slot>> = self
            .lock()
            .iter()
            .filter(|((upstream, _), _)| *upstream == name)
            .map(|(_, (_, slot))| Arc::clone(slot))
            .collect();
        let newest = slots
            .iter()
            .filter_map(|slot| slot.state().catalogue.clone())
            .max_by_key(|catalogue| catalogue.listed_at);
        newest.map(|catalogue| catalogue.left_out.clone()).unwrap_or_default()
    }
    /// Forgets what belongs to upstreams that are gone or changed.
    pub(crate) fn keep_only(&self, upstreams: &[Shared]) {
        self.lock()
            .retain(|_, (known, _)| upstreams.iter().any(|upstream| Arc::ptr_eq(upstream, known)));
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

    /// What an upstream offers to this person, as far as it is known within the time that the
    /// upstream has for it.
    pub(crate) async fn catalogue(
        self: &Arc<Self>,
        upstream: &Shared,
        person: &Arc<Person>,
    ) -> Look {
        let slot = self.catalogues.slot(upstream, &Self::list_key(upstream, person));
        let deadline = Instant::now() + Duration::from_millis(upstream.config.list_wait_ms);
        loop {
            // Registered before the state is looked at, so that no refresh is missed in between.
            let refreshed = slot.refreshed.notified();
            let pins = self.parts.store.pinned_tools(upstream.name).await.ok();
            let (known, problem, due) = {
                let state = slot.state();
                let age = Duration::from_secs(upstream.config.list_seconds);
                // An administrator's decision counts at once, also one that was made at another
                // replica.
                let decided = |catalogue: &Arc<Catalogue>| {
                    pins.as_ref().is_none_or(|pins| catalogue.is_made_with(pins))
                };
                let fresh = state.catalogue.as_ref().is_some_and(|catalogue| {
                    catalogue.listed_at.elapsed() < age && decided(catalogue)
                });
                let rested = state.tried_at.is_none_or(|at| at.elapsed() >= PAUSE);
                let due = (!fresh && (rested || state.problem.is_none()))
                    || slot.stale.load(Ordering::Acquire);
                (state.catalogue.clone().filter(decided), state.problem.clone(), due)
            };
            if due {
                self.refresh(upstream, person, &slot);
            }
            if known.is_some() || (!due && !slot.refreshing.load(Ordering::Acquire)) {
                return Look { catalogue: known, problem };
            }
            if tokio::time::timeout_at(deadline, refreshed).await.is_err() {
                return Look {
                    catalogue: None,
                    problem: problem
                        .or_else(|| Some(LinkError::Failed("it has not answered yet".to_owned()))),
                };
            }
        }
    }

    /// Lists in the background, once at a time. The task owns the listing and its mark, not a
    /// request.
    fn refresh(self: &Arc<Self>, upstream: &Shared, person: &Arc<Person>, slot: &Arc<Slot>) {
        let Some(under_way) = UnderWay::begin(slot) else { return };
        let (inner, upstream, person) =
            (Arc::clone(self), Arc::clone(upstream), Arc::clone(person));
        tokio::spawn(async move {
            let late = || Err(LinkError::Failed("listing took too long".to_owned()));
            let listed = tokio::time::timeout(LIST_WITHIN, inner.list(&upstream, &person))
                .await
                .unwrap_or_else(|_| late());
            let whose = upstream.lists_are_personal().then(|| person.id.clone());
            for what in under_way.end(&upstream, listed) {
                inner.parts.changes.tell(Change {
                    upstream: Some(upstream.name),
                    person: whose.clone(),
                    what,
                });
            }
        });
    }

    async fn list(
        self: &Arc<Self>,
        upstream: &Shared,
        person: &Arc<Person>,
    ) -> Result<Catalogue, LinkError> {
        let listed = if upstream.kind.name == "openapi" {
            let pins = self.parts.store.pinned_tools(upstream.name).await;
            let pins = pins.map_err(|error| LinkError::Failed(error.to_string()))?;
            let api = openapi::load(upstream, pins).await?;
            Listed { tools: api.tools, left_out: api.left_out, ..Listed::default() }
        } else {
            let link = self.link(upstream, person).await?;
            link.stale.store(false, Ordering::Release);
            lists(upstream, &link).await?
        };
        self.judge(upstream, listed).await
    }

    /// Evaluates a listing, stores what it came to, and makes the list of what was pinned.
    async fn judge(&self, upstream: &Shared, mut listed: Listed) -> Result<Catalogue, LinkError> {
        let failed = |error: &dyn std::fmt::Display| LinkError::Failed(error.to_string());
        let store = &self.parts.store;
        let pinned = store.pinned_tools(upstream.name).await.map_err(|error| failed(&error))?;
        let entries = approval::entries(upstream, &mut listed);
        let (rule, owned, shown) = (
            pins::Rule::of(self, upstream),
            Arc::clone(upstream),
            std::mem::take(&mut listed.tools),
        );
        let evaluate = move || {
            let offered: Vec<Shown> = shown
                .into_iter()
                .filter(|one| owned.offers(&one.tool.name))
                .chain(entries)
                .collect();
            pins::evaluate(&rule, &pinned, &offered)
        };
        let judged = budget::off_thread(evaluate).await.map_err(|error| failed(&error))?;
        pins::keep(self, judged.changes).await.map_err(|error| failed(&error))?;
        let mut left_out = judged.left_out;
        left_out.join(std::mem::take(&mut listed.left_out));
        if left_out.count() > 0 {
            tracing::warn!(upstream = %upstream.name, tools = %left_out, "tools of an upstream are left out");
        } else if !left_out.is_empty() {
            tracing::info!(upstream = %upstream.name, parts = %left_out, "tools of an upstream are offered without some of their parts");
        }
        listed.left_out = left_out;
        approval::withhold(upstream, &mut listed, &judged.usable);
        let pins = store.pinned_tools(upstream.name).await.map_err(|error| failed(&error))?;
        let (owned, usable) = (Arc::clone(upstream), judged.usable);
        budget::off_thread(move || build(&owned, listed, &usable, pins))
            .await
            .map_err(|error| failed(&error))
    }

    /// Notes that an upstream said that its lists changed.
    pub(crate) fn note_stale(&self, upstream: &Shared, person: &Person, link: &Link) {
        if link.stale.swap(false, Ordering::AcqRel) {
            self.catalogues
                .slot(upstream, &Self::list_key(upstream, person))
                .stale
                .store(true, Ordering::Release);
        }
    }

    /// The tools of an upstream that cannot be listed now, as far as approved definitions tell; on
    /// demand with the hint that the user must connect first.
    pub(crate) async fn pinned(&self, upstream: &Shared, hint: bool) -> Vec<Arc<ToolSpec>> {
        let Ok(pins) = self.parts.store.pinned_tools(upstream.name).await else {
            return Vec::new();
        };
        let approved = pins.iter().filter(|pin| {
            pin.state == ToolState::Approved
                && !approval::is_entry(&pin.tool)
                && upstream.offers(&pin.tool)
        });
        approved
            .filter_map(|pin| {
                Some(Arc::new(spec(upstream, Shown::of(&pin.definition)?.tool, Some(pin), hint)))
            })
            .collect()
    }
}

/// The mark that a list is being made. However its task ends, a panic included, the mark is taken
/// back and those who wait are told.
struct UnderWay(Arc<Slot>);

impl UnderWay {
    /// Marks the list; `None` if it is being made already.
    fn begin(slot: &Arc<Slot>) -> Option<Self> {
        if slot.refreshing.swap(true, Ordering::AcqRel) {
            return None;
        }
        slot.stale.store(false, Ordering::Release);
        slot.state().tried_at = Some(Instant::now());
        Some(Self(Arc::clone(slot)))
    }

    /// Keeps the result. Answers the lists that are others than before.
    fn end(self, upstream: &Upstream, listed: Result<Catalogue, LinkError>) -> Vec<Changed> {
        let mut state = self.0.state();
        state.tried_at = Some(Instant::now());
        match listed {
            Ok(catalogue) => {
                let same = |old: &Arc<Catalogue>| {
                    old.tools.len() == catalogue.tools.len()
                        && old
                            .tools
                            .iter()
                            .zip(&catalogue.tools)
                            .all(|(one, other)| one.tool == other.tool)
                };
                let old = state.catalogue.as_ref();
                let told = [
                    (Changed::Tools, old.is_some_and(same)),
                    (
                        Changed::Prompts,
                        old.map_or(catalogue.prompts.is_empty(), |old| {
                            old.prompts == catalogue.prompts
                        }),
                    ),
                    (
                        Changed::Resources,
                        old.map_or(catalogue.resources.is_empty(), |old| {
                            old.resources == catalogue.resources
                        }),
                    ),
                ];
                state.catalogue = Some(Arc::new(catalogue));
                state.problem = None;
                return told.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect();
            }
            Err(LinkError::Connect | LinkError::MoreScope) if upstream.needs_connection() => {
                // What one user could see with their own access is gone with it.
                state.catalogue = None;
                state.problem = Some(LinkError::Connect);
            }
            Err(problem) => {
                tracing::info!(upstream = %upstream.name, problem = %foreign::escaped(&problem.to_string()), "an upstream could not be listed; what was listed before stays");
                state.problem = Some(problem);
            }
        }
        Vec::new()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("listing an upstream ended unexpectedly; it is tried again");
            let mut state = self.0.state();
            state.problem =
                Some(LinkError::Failed("listing ended unexpectedly; it is tried again".to_owned()));
        }
        self.0.refreshing.store(false, Ordering::Release);
        self.0.refreshed.notify_waiters();
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
            foreign::https_link(&icon.src).is_some() || icon.src.starts_with("data:image/")
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

/// A tool under its own name.
fn own(spec: &ToolSpec) -> ToolSpec {
    let mut spec = spec.clone();
    spec.tool.name = spec.own_name.clone().into();
    if let Some(meta) = &mut spec.tool.meta {
        map_references(meta, |uri| own_uri(uri).map(|(_, own)| own));
    }
    spec
}

/// The same tools, under their own names, for an upstream's own address.
pub(crate) fn under_own_names(tools: &[Arc<ToolSpec>]) -> Vec<Arc<ToolSpec>> {
    tools.iter().map(|spec| Arc::new(own(spec))).collect()
}

/// Makes the list of what was pinned: of a listing, nothing enters it but the names of the tools.
fn build(
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
        let Some(Shown { tool, operation }) = Shown::of(&pin.definition) else { continue };
        // Contradictory annotations hide a tool until an administrator said what it does (CF14).
        let ruled = pin.class.is_some()
            || upstream.classes.iter().any(|(pattern, _)| pattern.matches(&tool.name));
        if class_of(&tool).is_err() && !ruled {
            tracing::info!(upstream = %upstream.name, tool = %foreign::escaped(&tool.name), "a tool is left out until it is classified: its annotations contradict each other");
            continue;
        }
        if let Some(operation) = operation {
            operations.insert(pin.tool.clone(), Arc::new(operation));
        }
        tools.push(Arc::new(spec(upstream, tool, Some(pin), false)));
    }
    tools.sort_by(|one, other| one.name().cmp(other.name()));
    let mut own_tools = under_own_names(&tools);
    own_tools.sort_by(|one, other| one.name().cmp(other.name()));
    let index = |tools: &[Arc<ToolSpec>]| {
        tools.iter().enumerate().map(|(index, spec)| (spec.name().to_owned(), index)).collect()
    };
    Catalogue {
        by_public: index(&tools),
        by_own: index(&own_tools),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_while_listing_leaves_no_list_stale_for_ever() {
        let slot = Arc::new(Slot::default());
        let waiting = slot.refreshed.notified();
        let under_way = UnderWay::begin(&slot).unwrap();
        assert!(UnderWay::begin(&slot).is_none(), "once at a time");
        let task = tokio::spawn(async move {
            let _held = under_way;
            panic!("in the middle");
        });
        assert!(task.await.is_err());
        tokio::time::timeout(Duration::from_secs(5), waiting)
            .await
            .expect("those who wait are told");
        assert!(slot.state().problem.is_some() && slot.state().tried_at.is_some());
        drop(UnderWay::begin(&slot).expect("it can be listed again"));
        let ended = tokio::spawn({
            let slot = Arc::clone(&slot);
            async move {
                let _held = UnderWay::begin(&slot);
                std::future::pending::<()>().await;
            }
        });
        tokio::task::yield_now().await;
        ended.abort();
        assert!(
            ended.await.is_err() && UnderWay::begin(&slot).is_some(),
            "a task that is cancelled gives the mark back too"
        );
    }
}
