//! Explanations of the policy as texts of pages.

use doorward_admin::{Answer, Explained, Step};
use doorward_language::{Message, text};
use doorward_model::{ClientSource, Effect};

use crate::findings::tool_class;

/// An explanation as the page shows it.
pub(crate) struct Explanation {
    /// The answer.
    pub(crate) word: Message,
    /// True if the user may use the item without a confirmation.
    pub(crate) allowed: bool,
    /// The reasons, step by step.
    pub(crate) why: Vec<Message>,
}

impl Explanation {
    pub(crate) fn of(explained: &Explained) -> Self {
        Self {
            word: answer(explained.answer),
            allowed: explained.answer == Answer::Allow,
            why: explained.why.iter().map(step).collect(),
        }
    }
}

/// The text of an answer.
pub(crate) fn answer(answer: Answer) -> Message {
    match answer {
        Answer::Allow => text::policy_allow(),
        Answer::Confirm => text::policy_confirm(),
        Answer::NeedsApproval => text::policy_needs_approval(),
        Answer::Deny => text::policy_deny(),
        Answer::NotOffered => text::policy_not_offered(),
    }
}

fn yes(is: bool) -> Message {
    if is { text::policy_yes() } else { text::policy_no() }
}

pub(crate) fn effect(effect: Effect) -> Message {
    match effect {
        Effect::Allow => text::policy_allow(),
        Effect::Confirm => text::policy_confirm(),
        Effect::Deny => text::policy_deny(),
    }
}

fn source(source: Option<ClientSource>) -> Message {
    match source {
        None => text::policy_client_unknown(),
        Some(ClientSource::Administrator) => text::admin_client_by_hand(),
        Some(ClientSource::MetadataDocument) => text::admin_client_document(),
        Some(ClientSource::Registration) => text::policy_client_registered(),
    }
}

pub(crate) fn step(step: &Step) -> Message {
    match step {
        Step::Enabled(upstream, is) => text::policy_enabled(upstream.as_str(), yes(*is)),
        Step::Offered(upstream, tool, is) => {
            text::policy_offered(upstream.as_str(), tool, yes(*is))
        }
        Step::Definition(state) => text::policy_definition(*state),
        Step::Setting(upstream, setting, is) => {
            text::policy_setting(upstream.as_str(), *setting, yes(*is))
        }
        Step::Approval(entry, state) => text::policy_approval(*entry, *state),
        Step::UpstreamRoles(upstream, is) => {
            text::policy_upstream_roles(upstream.as_str(), yes(*is))
        }
        Step::Client(id, known) => text::policy_client(id, source(*known)),
        Step::Toolset(toolset, is) => text::policy_toolset(toolset.as_str(), yes(*is)),
        Step::Class(class) => text::policy_class(tool_class(*class)),
        Step::Roles(name, id, roles) if roles.is_empty() => text::policy_no_roles(name, id),
        Step::Roles(name, id, roles) => text::policy_roles(name, id, roles.join(", ")),
        Step::ToolRoles(name, is) => text::policy_tool_roles(name, yes(*is)),
        Step::ScopeRoles(scope, is) => text::policy_scope_roles(scope.name(), yes(*is)),
        Step::Closed(is) => text::policy_closed(yes(*is)),
        Step::Rule(decided, number, rule) => text::policy_rule(effect(*decided), number, rule),
        Step::Default(decided) => text::policy_default(effect(*decided)),
        Step::TokenScope(scope) => text::policy_token_scope(scope.name()),
    }
}
