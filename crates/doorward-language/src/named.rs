//! Texts of the model's values. A value without a text does not compile; kinds of audit entries and
//! of objects name theirs by their own key, which the tests check.

use doorward_model::{
    Admits, AuditKind, NewUsers, Outcome, RecordedKind, Scope, ToolClass,
    upstream::ConnectionProblem,
};

use crate::{Message, Value, bundles, text};

/// The name of a scope on the consent page.
pub fn scope_title(scope: Scope) -> Message {
    let title = match scope {
        Scope::Read | Scope::At(ToolClass::Read, _) => text::scope_read(),
        Scope::Write | Scope::At(ToolClass::Write, _) => text::scope_write(),
        Scope::Destructive | Scope::At(ToolClass::Destructive, _) => text::scope_destructive(),
        Scope::AdminRead => text::scope_admin_read(),
        Scope::AdminUpstreams => text::scope_admin_upstreams(),
        Scope::Admin => text::scope_admin(),
        Scope::OpenId => text::scope_openid(),
        Scope::Profile => text::scope_profile(),
        Scope::Email => text::scope_email(),
        Scope::Groups => text::scope_groups(),
        Scope::External(name) => text::scope_external(name.as_str()),
        Scope::OfflineAccess => text::scope_offline_access(),
    };
    match scope.upstream() {
        Some(upstream) => text::scope_at(title, upstream.as_str()),
        None => title,
    }
}

/// The effect of a scope, in words for the user.
pub fn scope_description(scope: Scope) -> Message {
    let description = match scope {
        Scope::Read | Scope::At(ToolClass::Read, _) => text::scope_read_description(),
        Scope::Write | Scope::At(ToolClass::Write, _) => text::scope_write_description(),
        Scope::Destructive | Scope::At(ToolClass::Destructive, _) => {
            text::scope_destructive_description()
        }
        Scope::AdminRead => text::scope_admin_read_description(),
        Scope::AdminUpstreams => text::scope_admin_upstreams_description(),
        Scope::Admin => text::scope_admin_description(),
        Scope::OpenId => text::scope_openid_description(),
        Scope::Profile => text::scope_profile_description(),
        Scope::Email => text::scope_email_description(),
        Scope::Groups => text::scope_groups_description(),
        Scope::External(_) => text::scope_external_description(),
        Scope::OfflineAccess => text::scope_offline_access_description(),
    };
    match scope.upstream() {
        Some(upstream) => text::scope_at_description(description, upstream.as_str()),
        None => description,
    }
}

/// The reason for which a connection to an upstream ended, as a part of a sentence.
pub fn connection_problem(problem: ConnectionProblem) -> Message {
    match problem {
        ConnectionProblem::Expired => text::account_problem_expired(),
        ConnectionProblem::Refused => text::account_problem_refused(),
        ConnectionProblem::CallRefused => text::account_problem_call_refused(),
        ConnectionProblem::UnknownClient | ConnectionProblem::RegistrationGone => {
            text::account_problem_unknown_client()
        }
    }
}

/// The users whom the settings of an identity provider admit, in one line.
pub fn admits(admits: &Admits) -> Message {
    if !admits.enabled {
        return text::admin_admits_off();
    }
    let rules = admits.rules.join("; ");
    match (admits.new_users, admits.public, rules.is_empty()) {
        (NewUsers::Open, _, false) => text::admin_admits_open_rules(rules),
        (NewUsers::Open, Some(service), true) => text::admin_admits_open_public(service),
        (NewUsers::Open, None, true) => text::admin_admits_open(),
        (NewUsers::Invited, _, false) => text::admin_admits_invited_rules(rules),
        (NewUsers::Invited, _, true) => text::admin_admits_invited(),
        (NewUsers::Undecided, service, _) => {
            text::admin_admits_undecided(service.unwrap_or_default())
        }
    }
}

/// The outcome of an event.
pub fn outcome(outcome: Outcome) -> Message {
    match outcome {
        Outcome::Ok => text::audit_outcome_ok(),
        Outcome::Refused => text::audit_outcome_refused(),
        Outcome::Failed => text::audit_outcome_failed(),
    }
}

/// The meaning of a recorded kind of events.
pub fn recorded_kind(kind: &RecordedKind) -> Message {
    kind.known().map_or_else(text::audit_unknown, audit_kind)
}

/// The meaning of a kind of events: its key is `audit_` and the stored text of the kind.
pub fn audit_kind(kind: AuditKind) -> Message {
    keyed("audit", kind.as_str(), Vec::new()).unwrap_or_else(text::audit_unknown)
}

/// The names in an entry of the audit; empty where it has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct SaidNames<'a> {
    /// The acting user.
    pub user: &'a str,
    /// The object, or the tool that was called.
    pub object: &'a str,
    /// The client, or the token.
    pub client: &'a str,
}

/// An event as a sentence: its key is `said_` and the stored text of the kind.
pub fn audit_sentence(kind: &RecordedKind, names: SaidNames<'_>) -> Message {
    let Some(kind) = kind.known() else { return text::audit_unknown() };
    let filled = |name: &str, otherwise: fn() -> Message| {
        if name.is_empty() { Value::Message(otherwise()) } else { Value::Text(name.to_owned()) }
    };
    let values = vec![
        ("user", filled(names.user, text::said_server)),
        ("object", Value::Text(names.object.to_owned())),
        ("client", filled(names.client, text::said_client)),
    ];
    keyed("said", kind.as_str(), values).unwrap_or_else(|| audit_kind(kind))
}

/// The statement that there is no such object: its key is `refusal_missing_` and the kind of the
/// object, as in the audit.
pub fn missing(kind: &str, name: &str) -> Message {
    let values = vec![("name", Value::Text(name.to_owned()))];
    keyed("refusal_missing", kind, values).unwrap_or_else(|| text::refusal_missing(name))
}

/// The text with the key `AREA_NAME`, if there is one. The tests state which names must have one.
fn keyed(area: &str, name: &str, values: Vec<(&'static str, Value)>) -> Option<Message> {
    let key = format!("{area}_{}", name.replace('.', "_"));
    let at = bundles::KEYS.binary_search(&key.as_str()).ok()?;
    Some(Message::new(bundles::KEYS.get(at)?, values))
}
