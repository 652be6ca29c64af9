//! Texts of the model's values. A value without a text does not compile.

use doorward_model::{
    Admits, AuditKind, NewUsers, Outcome, RecordedKind, Scope, ToolClass,
    upstream::ConnectionProblem,
};

use crate::{Message, text};

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

/// The meaning of a kind of events.
pub fn audit_kind(kind: AuditKind) -> Message {
    match kind {
        AuditKind::SignedIn => text::audit_signed_in(),
        AuditKind::SignInFailed => text::audit_sign_in_failed(),
        AuditKind::SessionEnded => text::audit_session_ended(),
        AuditKind::UserAdded => text::audit_user_added(),
        AuditKind::UserChanged => text::audit_user_changed(),
        AuditKind::UserDeleted => text::audit_user_deleted(),
        AuditKind::UserInvited => text::audit_user_invited(),
        AuditKind::PasswordChanged => text::audit_password_changed(),
        AuditKind::IdentityLinked => text::audit_identity_linked(),
        AuditKind::IdentityUnlinked => text::audit_identity_unlinked(),
        AuditKind::ChatLinked => text::audit_chat_linked(),
        AuditKind::ChatUnlinked => text::audit_chat_unlinked(),
        AuditKind::GroupJoined => text::audit_group_joined(),
        AuditKind::GroupLeft => text::audit_group_left(),
        AuditKind::GroupAdded => text::audit_group_added(),
        AuditKind::GroupChanged => text::audit_group_changed(),
        AuditKind::GroupDeleted => text::audit_group_deleted(),
        AuditKind::FactorAdded => text::audit_factor_added(),
        AuditKind::FactorRemoved => text::audit_factor_removed(),
        AuditKind::AdminLinkMade => text::audit_admin_link_made(),
        AuditKind::AdminLinkUsed => text::audit_admin_link_used(),
        AuditKind::ClientAdded => text::audit_client_added(),
        AuditKind::ClientChanged => text::audit_client_changed(),
        AuditKind::ClientDeleted => text::audit_client_deleted(),
        AuditKind::ConsentAllowed => text::audit_consent_allowed(),
        AuditKind::ConsentDenied => text::audit_consent_denied(),
        AuditKind::GrantGiven => text::audit_grant_given(),
        AuditKind::GrantRevoked => text::audit_grant_revoked(),
        AuditKind::GrantNarrowed => text::audit_grant_narrowed(),
        AuditKind::TokenRefreshed => text::audit_token_refreshed(),
        AuditKind::TokenIssued => text::audit_token_issued(),
        AuditKind::TokenRefused => text::audit_token_refused(),
        AuditKind::AccessTokenAdded => text::audit_access_token_added(),
        AuditKind::AccessTokenRotated => text::audit_access_token_rotated(),
        AuditKind::AccessTokenRevoked => text::audit_access_token_revoked(),
        AuditKind::ToolCalled => text::audit_tool_called(),
        AuditKind::ToolRefused => text::audit_tool_refused(),
        AuditKind::PromptUsed => text::audit_prompt_used(),
        AuditKind::ResourceRead => text::audit_resource_read(),
        AuditKind::ResourceWatched => text::audit_resource_watched(),
        AuditKind::ArgumentCompleted => text::audit_argument_completed(),
        AuditKind::LogLevelSet => text::audit_log_level_set(),
        AuditKind::ToolChanged => text::audit_tool_changed(),
        AuditKind::ToolDecided => text::audit_tool_decided(),
        AuditKind::UpstreamAdded => text::audit_upstream_added(),
        AuditKind::UpstreamChanged => text::audit_upstream_changed(),
        AuditKind::UpstreamDeleted => text::audit_upstream_deleted(),
        AuditKind::UpstreamMoved => text::audit_upstream_moved(),
        AuditKind::UpstreamNamesAnother => text::audit_upstream_names_another(),
        AuditKind::UpstreamServerAccepted => text::audit_upstream_server_accepted(),
        AuditKind::ResourceAdded => text::audit_external_resource_added(),
        AuditKind::ResourceChanged => text::audit_external_resource_changed(),
        AuditKind::ResourceRemoved => text::audit_external_resource_removed(),
        AuditKind::ConnectionMade => text::audit_connection_made(),
        AuditKind::ConnectionEnded => text::audit_connection_ended(),
        AuditKind::ProviderAdded => text::audit_provider_added(),
        AuditKind::ProviderChanged => text::audit_provider_changed(),
        AuditKind::ProviderDeleted => text::audit_provider_deleted(),
        AuditKind::KeyAdded => text::audit_key_added(),
        AuditKind::TestMailSent => text::audit_test_mail_sent(),
        AuditKind::PolicyChanged => text::audit_policy_changed(),
        AuditKind::SettingChanged => text::audit_setting_changed(),
        AuditKind::ConfigurationReloaded => text::audit_configuration_reloaded(),
        AuditKind::ConfigurationRefused => text::audit_configuration_refused(),
        AuditKind::AdminRefused => text::audit_admin_refused(),
        AuditKind::RecordRead => text::audit_record_read(),
        AuditKind::AuditExported => text::audit_audit_exported(),
        AuditKind::AuditTrimmed => text::audit_audit_trimmed(),
        AuditKind::BackupMade => text::audit_backup_made(),
    }
}
