//! The approved definition of each tool, and changes since (CS14, GW-09).
//!
//! The whole definition of a tool is pinned when it is first approved, and a tool is served from
//! its pinned definition. A user for whom the upstream lists another definition under the same name
//! is not offered the tool: it is in quarantine until an administrator reviewed the difference. A
//! listing is evaluated before anything of it is stored, and the stored definitions of one upstream
//! are limited in number and bytes.

use std::collections::{HashMap, HashSet};

use doorward_model::{
    Change, Timestamp, UnitOfWork, UpstreamChange, UpstreamName, foreign,
    upstream::{Pinned, PinnedTool, ToolState},
};
use doorward_store::StoreError;

use crate::{
    Inner,
    definition::Shown,
    left_out::{LeftOut, Why},
    names,
    upstream::Upstream,
    warning::warnings,
};

/// For how many seconds a tool on which nothing was decided is kept although one user's list does
/// not name it: another user's may.
const KEPT_FOR_OTHERS: i64 = 24 * 60 * 60;
/// Maximum number of changes of one unit of work, so that a long list does not hold up other
/// writes.
const CHANGES: usize = 100;

/// The rules and pins for the evaluation of a listing.
pub(crate) struct Rule {
    pub(crate) upstream: UpstreamName,
    /// The origin of the upstream in the operator's settings.
    pub(crate) origin: String,
    /// New tools wait for an administrator.
    pub(crate) manual: bool,
    /// Lists differ from user to user.
    pub(crate) personal: bool,
    /// Maximum number of tools and bytes that are stored.
    pub(crate) tools: usize,
    pub(crate) bytes: usize,
    /// All upstreams; a tool must not imitate their names.
    pub(crate) others: Vec<UpstreamName>,
    pub(crate) now: Timestamp,
}

impl Rule {
    pub(crate) fn of(inner: &Inner, upstream: &Upstream) -> Self {
        Self {
            upstream: upstream.name,
            origin: upstream.place(),
            manual: upstream.config.approve == "manual",
            personal: upstream.lists_are_personal(),
            tools: upstream.config.list_tools,
            bytes: upstream.config.list_bytes,
            others: inner.settings.resources.upstreams(),
            now: inner.services.clock.now(),
        }
    }
}

/// The outcome of a listing.
#[derive(Default)]
pub(crate) struct Evaluated {
    /// The tools that may be used, by name, each with the definition that is shown and approved.
    pub(crate) usable: HashMap<String, String>,
    pub(crate) changes: Vec<UpstreamChange>,
    pub(crate) left_out: LeftOut,
}

/// The numbers that are stored of an upstream.
struct Usage<'r> {
    rule: &'r Rule,
    tools: usize,
    bytes: usize,
}

fn size(tool: &PinnedTool) -> usize {
    tool.definition.len() + tool.changed.as_ref().map_or(0, String::len)
}

/// A tool on which neither an administrator nor the rule of the upstream has decided.
fn is_undecided(tool: &PinnedTool) -> bool {
    tool.state == ToolState::Waiting && tool.class.is_none()
}

impl Usage<'_> {
    fn take(&mut self, tools: usize, bytes: usize) -> Result<(), Why> {
        if self.tools + tools > self.rule.tools {
            return Err(Why::TooMany);
        }
        if self.bytes + bytes > self.rule.bytes {
            return Err(Why::TooLong);
        }
        self.tools += tools;
        self.bytes += bytes;
        Ok(())
    }
}

/// Compares an upstream's listing with the pinned definitions: the usable items, the changes to
/// store, and the omissions. Nothing is stored yet.
pub(crate) fn evaluate(rule: &Rule, pinned: &[PinnedTool], shown: &[Shown]) -> Evaluated {
    let by_name: HashMap<&str, &PinnedTool> =
        pinned.iter().map(|tool| (tool.tool.as_str(), tool)).collect();
    let mut judged = Evaluated::default();
    // Decided items are kept whatever their number; undecided ones use the rest of the limit.
    let decided = pinned.iter().filter(|tool| !is_undecided(tool));
    let (tools, bytes) =
        decided.fold((0, 0), |(tools, bytes), tool| (tools + 1, bytes + size(tool)));
    let mut usage = Usage { rule, tools, bytes };
    let (mut new, mut kept) = (Vec::new(), HashSet::new());
    for one in shown {
        let name = one.tool.name.as_ref();
        let definition = one.whole();
        let problem = if !names::is_tool_name(name) {
            Some(Why::Name)
        } else if !one.is_sound(&definition) {
            Some(Why::Definition)
        } else if kept.contains(name) {
            Some(Why::Twice)
        } else {
            None
        };
        if let Some(why) = problem {
            judged.left_out.add(name, why);
            continue;
        }
        match by_name.get(name) {
            Some(known) => {
                if is_undecided(known)
                    && let Err(why) = usage.take(1, size(known))
                {
                    judged.left_out.add(name, why);
                    continue;
                }
                again(rule, known, Listed { shown: one, definition }, &mut usage, &mut judged);
            }
            None => match usage.take(1, definition.len()) {
                Ok(()) => {
                    let pin = first(rule, name, definition);
                    if pin.state == ToolState::Approved {
                        judged.usable.insert(pin.tool.clone(), pin.definition.clone());
                    }
                    new.push(pin);
                }
                Err(why) => {
                    judged.left_out.add(name, why);
                    continue;
                }
            },
        }
        kept.insert(name);
    }
    let old =
        |tool: &&PinnedTool| !rule.personal || tool.first_seen_at.plus(KEPT_FOR_OTHERS) <= rule.now;
    let gone = pinned
        .iter()
        .filter(|tool| is_undecided(tool) && !kept.contains(tool.tool.as_str()))
        .filter(old);
    let gone: Vec<String> = gone.map(|tool| tool.tool.clone()).collect();
    if !gone.is_empty() {
        judged
            .changes
            .push(UpstreamChange::ForgetUndecided { upstream: rule.upstream, tools: gone });
    }
    if !new.is_empty() {
        judged.changes.push(UpstreamChange::PinNew(new));
    }
    judged
}

/// A tool that is seen for the first time.
fn first(rule: &Rule, name: &str, definition: String) -> PinnedTool {
    let suspicious = warnings(rule.upstream, &definition, &rule.others);
    if !suspicious.is_empty() {
        let texts: Vec<String> = suspicious.iter().map(ToString::to_string).collect();
        let warnings = texts.join("; ");
        tracing::warn!(upstream = %rule.upstream, tool = %foreign::escaped(name), warnings = %foreign::escaped(&warnings), "a new tool awaits the approval of an administrator");
    }
    let waits = rule.manual || !suspicious.is_empty();
    PinnedTool {
        upstream: rule.upstream,
        tool: name.to_owned(),
        state: if waits { ToolState::Waiting } else { ToolState::Approved },
        definition,
        pinned: Pinned::Whole,
        origin: Some(rule.origin.clone()),
        changed: None,
        class: None,
        first_seen_at: rule.now,
        decided_at: (!waits).then_some(rule.now),
    }
}

/// A tool of a listing, with its whole definition as text.
struct Listed<'a> {
    shown: &'a Shown,
    definition: String,
}

/// A tool that is known.
fn again(
    rule: &Rule,
    known: &PinnedTool,
    listed: Listed<'_>,
    usage: &mut Usage<'_>,
    judged: &mut Evaluated,
) {
    let Listed { shown, definition } = listed;
    let same = match known.pinned {
        Pinned::Whole => known.definition == definition || shown.supersedes(&known.definition),
        Pinned::Parts | Pinned::PartsThenWhole => known.definition == shown.parts(),
    };
    let moved = known.origin.as_ref().is_some_and(|origin| *origin != rule.origin);
    let repin = |tool: PinnedTool| UpstreamChange::Repin {
        tool: Box::new(tool),
        seen_definition: known.definition.clone(),
        seen_state: known.state,
    };
    match (same, moved) {
        (true, false) => {
            if known.state == ToolState::Approved {
                judged.usable.insert(known.tool.clone(), definition.clone());
            }
            // A row of an older version: the decision stays, and applies from now on to the
            // complete definition listed at this moment.
            let is_older = known.pinned != Pinned::Whole || known.definition != definition;
            if is_older || known.origin.is_none() {
                let changed = known.changed.clone().filter(|_| known.pinned != Pinned::Parts);
                judged.changes.push(repin(PinnedTool {
                    definition,
                    pinned: Pinned::Whole,
                    origin: Some(rule.origin.clone()),
                    changed,
                    ..known.clone()
                }));
            }
        }
        // A rejected definition stays rejected, whichever user lists it.
        (true, true) if known.state == ToolState::Rejected => {}
        (false, true) if known.state != ToolState::Rejected => {
            moved_on(rule, known, definition, &repin, judged);
        }
        (true, true) => moved_on(rule, known, definition, &repin, judged),
        (false, _) => {
            if known.changed.as_deref() == Some(definition.as_str()) {
                return;
            }
            let first = known.changed.is_none();
            if first {
                tracing::warn!(upstream = %rule.upstream, tool = %foreign::escaped(&known.tool), "a tool's definition changed: it is in quarantine until an administrator approves it (doorward upstream tools {})", rule.upstream);
            }
            // It is in quarantine in any case; its new definition counts towards the limit.
            match usage.take(
                0,
                definition.len().saturating_sub(known.changed.as_ref().map_or(0, String::len)),
            ) {
                Ok(()) => {
                    let pinned = if known.pinned == Pinned::Whole {
                        Pinned::Whole
                    } else {
                        Pinned::PartsThenWhole
                    };
                    let (upstream, tool) = (rule.upstream, known.tool.clone());
                    judged.changes.push(UpstreamChange::NoteChanged {
                        upstream,
                        tool,
                        definition,
                        pinned,
                        first,
                    });
                }
                Err(why) => judged.left_out.add(&known.tool, why),
            }
        }
    }
}

/// A tool of an upstream that the operator moved elsewhere counts as new: the decisions were about
/// another server.
fn moved_on(
    rule: &Rule,
    known: &PinnedTool,
    definition: String,
    repin: &impl Fn(PinnedTool) -> UpstreamChange,
    judged: &mut Evaluated,
) {
    let pin = first(rule, &known.tool, definition);
    if pin.state == ToolState::Approved {
        judged.usable.insert(pin.tool.clone(), pin.definition.clone());
    }
    judged.changes.push(repin(pin));
}

/// Stores the outcome of a listing.
pub(crate) async fn keep(inner: &Inner, changes: Vec<UpstreamChange>) -> Result<(), StoreError> {
    let mut changes = changes.into_iter().map(Change::Upstream).peekable();
    while changes.peek().is_some() {
        let unit: UnitOfWork = changes.by_ref().take(CHANGES).collect();
        inner.services.store.apply(unit).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rmcp::model::Tool;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn rule() -> Rule {
        let upstream = UpstreamName::parse("wiki").unwrap();
        let origin = "https://wiki.example".to_owned();
        Rule {
            upstream,
            origin,
            manual: false,
            personal: false,
            tools: 100,
            bytes: 100_000,
            others: vec![upstream],
            now: NOW,
        }
    }

    fn shown(name: &str, words: &str) -> Shown {
        serde_json::from_value::<Tool>(
            json!({"name": name, "description": words, "inputSchema": {"type": "object"}}),
        )
        .unwrap()
        .into()
    }

    fn pin(one: &Shown, state: ToolState) -> PinnedTool {
        PinnedTool { state, ..first(&rule(), &one.tool.name, one.whole()) }
    }

    /// The outcome for one tool: if it may be used, and the state of its new pin.
    fn judged(rule: &Rule, pinned: PinnedTool, one: &Shown) -> (bool, Option<ToolState>) {
        let evaluated = evaluate(rule, &[pinned], std::slice::from_ref(one));
        let repinned = evaluated.changes.iter().find_map(|change| {
            if let UpstreamChange::Repin { tool, .. } = change { Some(tool.state) } else { None }
        });
        (!evaluated.usable.is_empty(), repinned)
    }

    #[test]
    fn an_approval_is_about_one_definition_at_one_place_and_a_rejection_about_a_name() {
        use ToolState::{Approved, Rejected, Waiting};
        let (before, after) = (shown("t", "one"), shown("t", "two"));
        let here = rule();
        let moved = Rule { origin: "https://other.example".to_owned(), ..rule() };
        let moved_manual =
            Rule { manual: true, origin: "https://other.example".to_owned(), ..rule() };
        for (rule, state, one, expected) in [
            (&here, Approved, &before, (true, None)),
            (&here, Approved, &after, (false, None)),
            (&here, Rejected, &before, (false, None)),
            (&here, Rejected, &after, (false, None)),
            (&here, Waiting, &before, (false, None)),
            (&moved, Approved, &before, (true, Some(Approved))),
            (&moved, Approved, &after, (true, Some(Approved))),
            (&moved, Rejected, &before, (false, None)),
            (&moved, Rejected, &after, (false, None)),
            (&moved_manual, Approved, &before, (false, Some(Waiting))),
            (&moved_manual, Approved, &after, (false, Some(Waiting))),
        ] {
            assert_eq!(
                judged(rule, pin(&before, state), one),
                expected,
                "{} {state:?}",
                rule.origin
            );
        }
    }

    #[test]
    fn undecided_tools_go_when_they_are_not_listed_and_later_where_lists_are_personal() {
        let gone = |rule: &Rule, tool: PinnedTool| {
            evaluate(rule, &[tool], &[]).changes.iter().any(|change| matches!(change, UpstreamChange::ForgetUndecided { tools, .. } if tools == &["t"]))
        };
        let waiting = |age: i64| PinnedTool {
            first_seen_at: NOW.plus(-age),
            ..pin(&shown("t", "x"), ToolState::Waiting)
        };
        assert!(gone(&rule(), waiting(0)));
        let personal = Rule { personal: true, ..rule() };
        assert!(
            !gone(&personal, waiting(KEPT_FOR_OTHERS - 1))
                && gone(&personal, waiting(KEPT_FOR_OTHERS))
        );
        for decided in [
            pin(&shown("t", "x"), ToolState::Approved),
            pin(&shown("t", "x"), ToolState::Rejected),
            PinnedTool { class: Some(doorward_model::ToolClass::Read), ..waiting(0) },
        ] {
            assert!(!gone(&rule(), decided));
        }
    }

    #[test]
    fn decisions_count_towards_the_limits_before_new_tools() {
        let decided: Vec<PinnedTool> = (0..3)
            .map(|number| pin(&shown(&format!("old{number}"), "x"), ToolState::Approved))
            .collect();
        let listed: Vec<Shown> = (0..5)
            .map(|number| shown(&format!("new{number}"), "x"))
            .chain([shown("old0", "x")])
            .collect();
        let evaluated = evaluate(&Rule { tools: 5, ..rule() }, &decided, &listed);
        let mut usable: Vec<&str> = evaluated.usable.keys().map(String::as_str).collect();
        usable.sort_unstable();
        assert_eq!((usable, evaluated.left_out.count()), (vec!["new0", "new1", "old0"], 3));
        // A changed definition that exceeds the limits is in quarantine all the same.
        let evaluated =
            evaluate(&Rule { bytes: 10, ..rule() }, &decided[..1], &[shown("old0", "other")]);
        assert!(
            evaluated.usable.is_empty()
                && evaluated.changes.is_empty()
                && evaluated.left_out.count() == 1
        );
    }
}
