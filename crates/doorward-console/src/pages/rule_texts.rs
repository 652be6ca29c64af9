//! Texts of the rules that administrators save.

use doorward_language::{Message, text};
use doorward_model::RuleSet;

/// The title of a set.
pub(super) fn title(set: RuleSet) -> Message {
    match set {
        RuleSet::Policy => text::admin_policy(),
        RuleSet::Access => text::rules_access(),
        RuleSet::Limits => text::rules_limits(),
        RuleSet::Registration => text::rules_registration(),
    }
}

fn access(name: &str) -> Option<Message> {
    Some(match name {
        "scope_roles" => text::rules_access_scope_roles(),
        "tool_roles" => text::rules_access_tool_roles(),
        "second_factor_scopes" => text::rules_access_second_factor_scopes(),
        "second_factor_for_administrators" => text::rules_access_second_factor_for_administrators(),
        _ => return None,
    })
}

fn limits(name: &str) -> Option<Message> {
    Some(match name {
        "calls_per_minute_user" => text::rules_limits_calls_per_minute_user(),
        "calls_per_minute_client" => text::rules_limits_calls_per_minute_client(),
        "calls_at_once_user" => text::rules_limits_calls_at_once_user(),
        "calls_at_once_upstream" => text::rules_limits_calls_at_once_upstream(),
        "calls_waiting" => text::rules_limits_calls_waiting(),
        "wait_seconds" => text::rules_limits_wait_seconds(),
        "call_seconds" => text::rules_limits_call_seconds(),
        "argument_bytes" => text::rules_limits_argument_bytes(),
        "result_bytes" => text::rules_limits_result_bytes(),
        _ => return None,
    })
}

fn registration(name: &str) -> Option<Message> {
    Some(match name {
        "dynamic" => text::rules_registration_dynamic(),
        "metadata_documents" => text::rules_registration_metadata_documents(),
        "metadata_document_hosts" => text::rules_registration_metadata_document_hosts(),
        "known_clients" => text::rules_registration_known_clients(),
        "approval" => text::rules_registration_approval(),
        "private_schemes" => text::rules_registration_private_schemes(),
        "redirect_hosts" => text::rules_registration_redirect_hosts(),
        "max_redirect_uris" => text::rules_registration_max_redirect_uris(),
        "max_registrations" => text::rules_registration_max_registrations(),
        "unused_seconds" => text::rules_registration_unused_seconds(),
        "burst_per_address" => text::rules_registration_burst_per_address(),
        "per_minute_per_address" => text::rules_registration_per_minute_per_address(),
        "metadata_document_max_age_seconds" => {
            text::rules_registration_metadata_document_max_age_seconds()
        }
        _ => return None,
    })
}

/// The meaning of a setting. One that has no text here is shown by its name.
pub(super) fn hint(set: RuleSet, name: &str) -> Message {
    let known = match set {
        RuleSet::Policy => None,
        RuleSet::Access => access(name),
        RuleSet::Limits => limits(name),
        RuleSet::Registration => registration(name),
    };
    known.unwrap_or_else(|| title(set))
}

#[cfg(test)]
mod tests {
    use doorward_admin::RuleContent;

    use super::*;

    #[test]
    fn every_setting_has_a_text() {
        for (set, of) in [
            (RuleSet::Access, access as fn(&str) -> Option<Message>),
            (RuleSet::Limits, limits),
            (RuleSet::Registration, registration),
        ] {
            for (name, _) in &RuleContent::usual(set).settings() {
                assert!(of(name).is_some(), "{set:?} {name}");
            }
        }
    }
}
