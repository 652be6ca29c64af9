//! Values of administration as texts of pages.

use doorward_admin::{Fault, ItemKind, Part, PartState, ReviewState, State, Why};
use doorward_federation::{CheckSubject as Subject, Finding};
use doorward_gateway::{CheckSubject as Tested, Finding as Found, Warning};
use doorward_language::{Message, moment, text};
use doorward_model::{Dependency, Timestamp, ToolClass, routes};

use crate::Console;

const MIB: u64 = 1024 * 1024;

/// The attention that a finding needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// It is well.
    Good,
    /// It may need attention.
    Attention,
    /// It is a problem.
    Bad,
}

impl Level {
    /// The name of its style.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Bad => "bad",
        }
    }

    /// Its text.
    pub(crate) fn label(self) -> Message {
        match self {
            Self::Good => text::admin_good(),
            Self::Attention => text::overview_attention(),
            Self::Bad => text::admin_bad(),
        }
    }

    fn of(state: &Result<State, Fault>) -> Self {
        match state {
            Ok(State::NeedsRestart(_) | State::NotBackedUp)
            | Err(Fault::NotAsked | Fault::NotAskedSince(_)) => Self::Attention,
            Ok(
                State::Version(_)
                | State::InEffect
                | State::Responds(_)
                | State::Active(_)
                | State::Equal
                | State::Entries(..)
                | State::Waiting(_)
                | State::Answered(..)
                | State::Off
                | State::Free(_)
                | State::BackedUp(_),
            ) => Self::Good,
            Err(
                Fault::Configuration(_)
                | Fault::ClocksDiffer
                | Fault::Behind(_)
                | Fault::Down { .. }
                | Fault::Full(_)
                | Fault::Failed(_),
            ) => Self::Bad,
        }
    }
}

/// A finding as pages show it.
pub(crate) struct Check {
    /// The subject.
    pub(crate) subject: Message,
    /// True if it is well.
    pub(crate) good: bool,
    /// The attention that it needs.
    pub(crate) level: Level,
    /// The state, or the problem and its solution.
    pub(crate) text: String,
}

impl Check {
    /// A part of the server.
    pub(crate) fn of_part(found: PartState) -> Self {
        let subject = match found.part {
            Part::Version => text::health_version(),
            Part::Configuration => text::health_configuration(),
            Part::Database => text::health_database(),
            Part::Keys => text::health_keys(),
            Part::Clock => text::health_clock(),
            Part::Audit => text::health_audit(),
            Part::Export(destination) => text::health_export(destination),
            Part::Dependency(dependency, name) => named(dependency, name),
            Part::Dependencies => text::health_dependencies(),
            Part::Disk => text::health_disk(),
            Part::Backup => text::health_backup(),
        };
        let (good, level) = (found.state.is_ok(), Level::of(&found.state));
        let text = match found.state {
            Ok(State::Version(version)) => version.to_owned(),
            Ok(State::InEffect) => text::health_configuration_in_effect().to_string(),
            Ok(State::NeedsRestart(settings)) => {
                text::health_configuration_restart(settings.join(", ")).to_string()
            }
            Ok(State::Responds(database)) => text::health_database_answers(database).to_string(),
            Ok(State::Active(keys)) => text::health_keys_active(keys).to_string(),
            Ok(State::Equal) => text::health_clock_equal().to_string(),
            Ok(State::Entries(count, hash)) => text::health_audit_entries(count, hash).to_string(),
            Ok(State::Waiting(count)) => text::health_export_waiting(count).to_string(),
            Ok(State::Answered(at, took)) => {
                text::health_dependency_answered(took, moment(at)).to_string()
            }
            Ok(State::Off) => text::health_dependency_off().to_string(),
            Ok(State::Free(bytes)) => text::health_disk_free(bytes / MIB).to_string(),
            Ok(State::BackedUp(at)) => text::health_backup_made(moment(at)).to_string(),
            Ok(State::NotBackedUp) => text::health_backup_none().to_string(),
            Err(Fault::Down { error, at, last_success }) => {
                down(error, at, last_success).to_string()
            }
            Err(Fault::NotAsked) => text::health_dependency_not_asked().to_string(),
            Err(Fault::NotAskedSince(at)) => {
                text::health_dependency_not_asked_since(moment(at)).to_string()
            }
            Err(Fault::Configuration(detail)) => {
                text::health_configuration_wrong(detail).to_string()
            }
            Err(Fault::ClocksDiffer) => text::health_clock_differs().to_string(),
            Err(Fault::Behind(count)) => text::health_export_behind(count).to_string(),
            Err(Fault::Full(bytes)) => text::health_disk_full(bytes / MIB).to_string(),
            Err(Fault::Failed(detail)) => text::health_failed(detail).to_string(),
        };
        Self { subject, good, level, text }
    }

    /// A finding of the test of an identity provider. Its text is for the operator, in English.
    pub(crate) fn of_finding(found: Finding) -> Self {
        let subject = match found.subject {
            Subject::Discovery => text::health_look_discovery(),
            Subject::Keys => text::health_look_keys(),
            Subject::Redirect => text::health_look_redirect(),
            Subject::Client => text::health_look_client(),
            Subject::Clock => text::health_look_clock(),
            Subject::Claims => text::health_look_claims(),
            Subject::LeftOut => text::health_look_left_out(),
        };
        let good = found.result.is_ok();
        let (Ok(text) | Err(text)) = found.result;
        Self { subject, good, level: if good { Level::Good } else { Level::Bad }, text }
    }

    /// A finding of the test of an upstream. Its text is for the operator, in English.
    pub(crate) fn of_upstream(found: Found) -> Self {
        let subject = match found.subject {
            Tested::AuthorizationServer => text::health_look_authorization_server(),
            Tested::Metadata | Tested::LeftOut => text::health_look_left_out(),
            Tested::Pkce => text::health_look_pkce(),
            Tested::Registration => text::health_look_registration(),
            Tested::Redirect => text::health_look_redirect(),
            Tested::Document => text::health_look_document(),
            Tested::Connection => text::health_look_connection(),
            Tested::Tools => text::console_service_tools(),
            Tested::Approval => text::console_service_decide(),
        };
        let good = found.result.is_ok();
        let (Ok(text) | Err(text)) = found.result;
        Self { subject, good, level: if good { Level::Good } else { Level::Bad }, text }
    }
}

/// A dependency with its name.
pub(crate) fn named(dependency: Dependency, name: String) -> Message {
    match dependency {
        Dependency::Upstream => text::health_upstream(name),
        Dependency::Provider => text::health_provider(name),
        Dependency::Mail => text::health_mail(),
        Dependency::Export => text::health_deliveries(name),
    }
}

/// The failure of a dependency, with the time of its last answer if there was one.
fn down(error: String, at: Timestamp, last_success: Option<Timestamp>) -> Message {
    match last_success {
        Some(success) => text::health_dependency_down(error, moment(at), moment(success)),
        None => text::health_dependency_never(error, moment(at)),
    }
}

/// The facts that are public while the MCP server is enabled (CS1).
pub(crate) fn made_public(console: &Console) -> [Message; 4] {
    [
        text::health_public_issuer(console.public_url.to_string()),
        text::health_public_server(console.public_url.at(routes::MCP), console.web.name()),
        text::health_public_endpoints(),
        text::health_public_upstreams(),
    ]
}

/// The name of a kind of items.
pub(crate) fn item_kind(kind: ItemKind) -> Message {
    match kind {
        ItemKind::Tool => text::admin_item_tool(),
        ItemKind::Prompt => text::admin_item_prompt(),
        ItemKind::Resource => text::admin_item_resource(),
        ItemKind::Template => text::admin_item_template(),
        ItemKind::Upstream => text::admin_item_upstream(),
    }
}

/// The state of a tool under review.
pub(crate) fn review_state(state: ReviewState) -> Message {
    match state {
        ReviewState::Approved => text::admin_tool_state_approved(),
        ReviewState::Waiting => text::admin_tool_state_waiting(),
        ReviewState::Rejected => text::admin_tool_state_rejected(),
        ReviewState::Changed => text::admin_tool_state_changed(),
    }
}

/// A warning about the definition of a tool.
pub(crate) fn tool_warning(warning: &Warning) -> Message {
    match warning {
        Warning::Unreadable => text::warning_unreadable(),
        Warning::Hidden(list) => text::warning_hidden(list),
        Warning::Imitates(upstream) => text::warning_imitates(upstream.as_str()),
        Warning::ImitatesBuiltIn => text::warning_imitates_built_in(),
        Warning::Mentions(upstream) => text::warning_mentions(upstream.as_str()),
        Warning::Contradicts(_) => text::warning_contradicts(),
        Warning::Instructs(words) => text::warning_instructs(words),
        Warning::Tag(tag) => text::warning_tag(tag),
        Warning::Encoded(data) => text::warning_encoded(data),
        Warning::SendsData(url) => text::warning_sends_data(url),
    }
}

/// The class of a tool.
pub(crate) fn tool_class(class: ToolClass) -> Message {
    match class {
        ToolClass::Read => text::admin_tool_class_read(),
        ToolClass::Write => text::admin_tool_class_write(),
        ToolClass::Destructive => text::admin_tool_class_destructive(),
    }
}

/// The reason for which a tool or a part of it is left out, as a part of a sentence.
pub(crate) fn left_out_reason(why: Why) -> Message {
    match why {
        Why::Name => text::left_name(),
        Why::Definition => text::left_definition(),
        Why::Twice => text::left_twice(),
        Why::TooMany => text::left_too_many(),
        Why::TooLong => text::left_too_long(),
        Why::Unreadable => text::left_unreadable(),
        Why::Malformed => text::left_malformed(),
        Why::Repeated => text::left_repeated(),
        Why::Origin => text::left_origin(),
        Why::Server => text::left_server(),
        Why::Template => text::left_template(),
        Why::Method => text::left_method(),
        Why::Body => text::left_body(),
        Why::Reference => text::left_reference(),
        Why::Keyword => text::left_keyword(),
        Why::Parameter => text::left_parameter(),
        Why::Style => text::left_style(),
        Why::Reserved => text::left_reserved(),
        Why::Undescribed => text::left_undescribed(),
        Why::Unnamed => text::left_unnamed(),
        Why::Unread => text::left_unread(),
        Why::Deep => text::left_deep(),
        Why::Kind => text::left_kind(),
        Why::Hints => text::left_hints(),
        Why::NoSchema => text::left_no_schema(),
        Why::Untyped => text::left_untyped(),
        Why::NoName => text::left_no_name(),
        Why::Endless => text::left_endless(),
        Why::Unlisted => text::left_unlisted(),
        Why::Unannounced => text::left_unannounced(),
        Why::Question => text::left_question(),
        Why::Unasked => text::left_unasked(),
        Why::Unfillable => text::left_unfillable(),
        Why::Active => text::left_active(),
        Why::Icon => text::left_icon(),
    }
}
