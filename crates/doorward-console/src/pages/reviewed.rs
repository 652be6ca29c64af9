//! Tools as an administrator reviews them, and the authorization server that an upstream names.

use doorward_admin::{Decision, Difference, ReviewState, ReviewedTool, tool_etag};
use doorward_language::{Message, text};
use doorward_model::{ServerPin, ToolClass, UpstreamTrust, foreign};
use doorward_web::table::{Badge, Cell, Row, Target};

use crate::findings::{review_state, tool_class, tool_warning};

/// Maximum number of characters of a tool's description in a list, of it on a page, and of one side
/// of a difference.
const SUMMARY: usize = 120;
const DESCRIPTION: usize = 400;
const DIFFERENCE: usize = 20_000;

/// The accepted authorization server with its resource, and the one that is named now.
pub(super) struct NamedServer {
    pub(super) issuer: String,
    pub(super) resource: String,
    pub(super) named_issuer: String,
    pub(super) named_resource: String,
    /// The etag of the state shown.
    pub(super) seen: String,
}

pub(super) fn named_server(trust: UpstreamTrust) -> Option<NamedServer> {
    let named = trust.named?;
    let shown = |text: &str| foreign::line(text, foreign::LINE).into_owned();
    let resource = |pin: &ServerPin| shown(pin.resource.as_deref().unwrap_or_default());
    Some(NamedServer {
        issuer: trust.server.as_ref().map(|pin| shown(&pin.issuer)).unwrap_or_default(),
        resource: trust.server.as_ref().map(resource).unwrap_or_default(),
        named_issuer: shown(&named.issuer),
        named_resource: resource(&named),
        seen: named.etag(),
    })
}

/// A tool as the page shows it.
pub(super) struct Tool {
    pub(super) name: String,
    /// The name with hidden characters made visible.
    pub(super) shown_name: String,
    pub(super) state: ReviewState,
    pub(super) state_text: Message,
    pub(super) class: ToolClass,
    pub(super) class_text: Message,
    pub(super) description: String,
    pub(super) warnings: Vec<Message>,
    pub(super) changes: Vec<ChangedPart>,
    /// The etag of the state that is shown.
    pub(super) seen: String,
}

/// A part of a definition that changed.
pub(super) struct ChangedPart {
    pub(super) part: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// A difference. Hidden characters are shown rather than dropped, since they may be the difference;
/// line breaks stay.
fn changed_part(one: &Difference) -> ChangedPart {
    let shown = |text: &str| {
        let lines: Vec<_> = text.lines().map(foreign::escaped).collect();
        let whole = lines.join("\n");
        let mut kept: String = whole.chars().take(DIFFERENCE).collect();
        if kept.len() < whole.len() {
            kept.push('…');
        }
        kept
    };
    ChangedPart { part: one.part.clone(), before: shown(&one.before), after: shown(&one.after) }
}

/// The message about a decision on several tools.
pub(super) fn tools_decided(decision: Decision, count: usize) -> Message {
    match decision {
        Decision::Reject => text::console_tools_rejected(count),
        Decision::Approve | Decision::Classify(_) => text::console_tools_approved(count),
    }
}

/// The row of a tool in a list, with the cell of its upstream where the list has several.
pub(super) fn tool_row(
    key: String,
    path: String,
    upstream: Option<Cell>,
    tool: &ReviewedTool,
) -> Row {
    let name = foreign::escaped(&tool.pin.tool).into_owned();
    let is_approved = tool.state() == ReviewState::Approved;
    let mut states = vec![Badge::new(review_state(tool.state()), is_approved)];
    if !tool.warnings.is_empty() {
        states.push(Badge::new(text::console_tool_warnings(tool.warnings.len()), false));
    }
    let own = [
        Cell::Text(tool_class(tool.class()).to_string()),
        Cell::Text(foreign::line(&tool.description(), SUMMARY).into_owned()),
        Cell::Badges(states),
    ];
    let cells = upstream.into_iter().chain(own);
    Row::linked(key, name, Target::page(path), cells).with_value(tool_etag(&tool.pin))
}

pub(super) fn tool(tool: ReviewedTool) -> Tool {
    Tool {
        shown_name: foreign::escaped(&tool.pin.tool).into_owned(),
        state: tool.state(),
        state_text: review_state(tool.state()),
        class: tool.class(),
        class_text: tool_class(tool.class()),
        description: foreign::line(&tool.description(), DESCRIPTION).into_owned(),
        seen: tool_etag(&tool.pin),
        changes: tool.differences.iter().map(changed_part).collect(),
        warnings: tool.warnings.iter().map(tool_warning).collect(),
        name: tool.pin.tool,
    }
}
