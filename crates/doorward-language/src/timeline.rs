//! Texts of connection attempts. A value without a text does not compile.

use doorward_model::{
    Reason, StepKind,
    timeline::{Cause, Quirk, Standing, Stop, Verdict},
};

use crate::{Message, text};

/// The meaning of a step.
pub fn step_kind(kind: StepKind) -> Message {
    match kind {
        StepKind::Challenged => text::timeline_challenged(),
        StepKind::ResourceMetadata => text::timeline_resource_metadata(),
        StepKind::ServerMetadata => text::timeline_server_metadata(),
        StepKind::Registered => text::timeline_registered(),
        StepKind::Document => text::timeline_document(),
        StepKind::Authorize => text::timeline_authorize(),
        StepKind::Pushed => text::timeline_pushed(),
        StepKind::Device => text::timeline_device(),
        StepKind::SignedIn => text::timeline_signed_in(),
        StepKind::Asked => text::timeline_asked(),
        StepKind::Answered => text::timeline_answered(),
        StepKind::Token => text::timeline_token(),
        StepKind::DeviceToken => text::timeline_device_token(),
        StepKind::ServiceToken => text::timeline_service_token(),
        StepKind::Refresh => text::timeline_refresh(),
        StepKind::Assertion => text::timeline_assertion(),
        StepKind::Exchange => text::timeline_exchange(),
        StepKind::Called => text::timeline_called(),
        StepKind::Revoke => text::timeline_revoke(),
        StepKind::Introspect => text::timeline_introspect(),
    }
}

/// The standing of an attempt.
pub fn standing(standing: Standing) -> Message {
    match standing {
        Standing::Connected => text::timeline_standing_connected(),
        Standing::UnderWay => text::timeline_standing_under_way(),
        Standing::Refused => text::timeline_standing_refused(),
        Standing::Stopped => text::timeline_standing_stopped(),
    }
}

/// The event behind a verdict.
pub fn cause(cause: Cause) -> Message {
    match cause {
        Cause::Refused(refused) => reason(refused),
        Cause::Stopped(stop) => match stop {
            Stop::Nothing => text::timeline_nothing(),
            Stop::Connected => text::timeline_connected(),
            Stop::NoCall => text::timeline_no_call(),
            Stop::NoToken => text::timeline_no_token(),
            Stop::NotFetched => text::timeline_not_fetched(),
            Stop::NotEntered => text::timeline_not_entered(),
            Stop::NoAnswer => text::timeline_no_answer(),
            Stop::NoSignIn => text::timeline_no_sign_in(),
            Stop::NotContinued => text::timeline_not_continued(),
            Stop::NoAuthorize => text::timeline_no_authorize(),
            Stop::OnlyMetadata => text::timeline_only_metadata(),
            Stop::OnlyChallenged => text::timeline_only_challenged(),
            Stop::OnlyAside => text::timeline_only_aside(),
        },
    }
}

/// The remedy for a verdict, if there is something to remedy.
pub fn advice(cause: Cause) -> Option<Message> {
    match cause {
        Cause::Refused(reason) => Some(reason_advice(reason)),
        Cause::Stopped(stop) => Some(match stop {
            Stop::Nothing | Stop::Connected => return None,
            Stop::NoCall => text::timeline_no_call_advice(),
            Stop::NoToken => text::timeline_no_token_advice(),
            Stop::NotFetched => text::timeline_not_fetched_advice(),
            Stop::NotEntered => text::timeline_not_entered_advice(),
            Stop::NoAnswer => text::timeline_no_answer_advice(),
            Stop::NoSignIn => text::timeline_no_sign_in_advice(),
            Stop::NotContinued => text::timeline_start_again(),
            Stop::NoAuthorize => text::timeline_no_authorize_advice(),
            Stop::OnlyMetadata => text::timeline_only_metadata_advice(),
            Stop::OnlyChallenged => text::timeline_only_challenged_advice(),
            Stop::OnlyAside => text::timeline_only_aside_advice(),
        }),
    }
}

/// The event behind a verdict with its detail, in one line.
pub fn verdict(verdict: &Verdict) -> String {
    let cause = cause(verdict.cause);
    if verdict.detail.is_empty() {
        cause.to_string()
    } else {
        format!("{cause} ({})", verdict.detail)
    }
}

/// The fact about a client.
pub fn quirk(quirk: Quirk) -> Message {
    match quirk {
        Quirk::McpRemoteRegistration => text::timeline_quirk_mcp_remote_unknown(),
        Quirk::McpRemoteShared => text::timeline_quirk_mcp_remote_reused(),
        Quirk::CursorToken => text::timeline_quirk_cursor_token(),
        Quirk::CursorLink => text::timeline_quirk_cursor_link(),
        Quirk::ClaudeRegistration => text::timeline_quirk_claude_unknown(),
        Quirk::ClaudeCodePort => text::timeline_quirk_claude_code_port(),
        Quirk::ChatGptPublic => text::timeline_quirk_chatgpt_public(),
        Quirk::VsCodeRegistration => text::timeline_quirk_vscode_unknown(),
        Quirk::CodexDocument => text::timeline_quirk_codex_document(),
        Quirk::OpenWebUiRegistration => text::timeline_quirk_open_webui(),
        Quirk::GeminiUrl => text::timeline_quirk_gemini(),
    }
}

/// The event behind a reason.
pub fn reason(reason: Reason) -> Message {
    match reason {
        Reason::RedirectUri => text::reason_redirect_uri(),
        Reason::RedirectUriRefused => text::reason_redirect_uri_refused(),
        Reason::MetadataRefused => text::reason_metadata_refused(),
        Reason::RegistrationOff => text::reason_registration_off(),
        Reason::RegistrationLimited => text::reason_registration_limited(),
        Reason::ClientUnknown => text::reason_client_unknown(),
        Reason::ClientDisabled => text::reason_client_disabled(),
        Reason::ClientWaiting => text::reason_client_waiting(),
        Reason::DocumentUnreachable => text::reason_document_unreachable(),
        Reason::DocumentInvalid => text::reason_document_invalid(),
        Reason::DocumentPinned => text::reason_document_pinned(),
        Reason::PkceMissing => text::reason_pkce_missing(),
        Reason::PkceMethod => text::reason_pkce_method(),
        Reason::Resource => text::reason_resource(),
        Reason::ResponseType => text::reason_response_type(),
        Reason::Scope => text::reason_scope(),
        Reason::Request => text::reason_request(),
        Reason::RequestExpired => text::reason_request_expired(),
        Reason::PushedUnknown => text::reason_pushed_unknown(),
        Reason::PushedRequired => text::reason_pushed_required(),
        Reason::SignIn => text::reason_sign_in(),
        Reason::UserDisabled => text::reason_user_disabled(),
        Reason::Denied => text::reason_denied(),
        Reason::Role => text::reason_role(),
        Reason::CodeExpired => text::reason_code_expired(),
        Reason::CodeSpent => text::reason_code_spent(),
        Reason::CodeForeign => text::reason_code_foreign(),
        Reason::CodeClient => text::reason_code_client(),
        Reason::Verifier => text::reason_verifier(),
        Reason::TokenRedirectUri => text::reason_token_redirect_uri(),
        Reason::ClientAuth => text::reason_client_auth(),
        Reason::Clock => text::reason_clock(),
        Reason::TrustUnknown => text::reason_trust_unknown(),
        Reason::TrustMismatch => text::reason_trust_mismatch(),
        Reason::AssertionInvalid => text::reason_assertion_invalid(),
        Reason::AssertionTime => text::reason_assertion_time(),
        Reason::AssertionSpent => text::reason_assertion_spent(),
        Reason::AssertionProvider => text::reason_assertion_provider(),
        Reason::AssertionClaim => text::reason_assertion_claim(),
        Reason::AssertionUser => text::reason_assertion_user(),
        Reason::SubjectToken => text::reason_subject_token(),
        Reason::KeyProof => text::reason_key_proof(),
        Reason::AssertionKeys => text::reason_assertion_keys(),
        Reason::GrantType => text::reason_grant_type(),
        Reason::RefreshReused => text::reason_refresh_reused(),
        Reason::RefreshUnknown => text::reason_refresh_unknown(),
        Reason::TokenExpired => text::reason_token_expired(),
        Reason::TokenAudience => text::reason_token_audience(),
        Reason::TokenRevoked => text::reason_token_revoked(),
        Reason::TokenForeign => text::reason_token_foreign(),
        Reason::TokenPlace => text::reason_token_place(),
        Reason::Host => text::reason_host(),
        Reason::Origin => text::reason_origin(),
        Reason::SwitchedOff => text::reason_switched_off(),
        Reason::Server => text::reason_server(),
    }
}

/// The correct behaviour of the client, or the remedy.
fn reason_advice(reason: Reason) -> Message {
    match reason {
        Reason::RedirectUri => text::reason_redirect_uri_advice(),
        Reason::RedirectUriRefused => text::reason_redirect_uri_refused_advice(),
        Reason::MetadataRefused => text::reason_metadata_refused_advice(),
        Reason::RegistrationOff => text::reason_registration_off_advice(),
        Reason::RegistrationLimited => text::reason_registration_limited_advice(),
        Reason::ClientUnknown => text::reason_client_unknown_advice(),
        Reason::ClientDisabled => text::reason_client_disabled_advice(),
        Reason::ClientWaiting => text::reason_client_waiting_advice(),
        Reason::DocumentUnreachable => text::reason_document_unreachable_advice(),
        Reason::DocumentInvalid => text::reason_document_invalid_advice(),
        Reason::DocumentPinned => text::reason_document_pinned_advice(),
        Reason::PkceMissing => text::reason_pkce_missing_advice(),
        Reason::PkceMethod => text::reason_pkce_method_advice(),
        Reason::Resource => text::reason_resource_advice(),
        Reason::ResponseType => text::reason_response_type_advice(),
        Reason::Scope => text::reason_scope_advice(),
        Reason::Request => text::reason_request_advice(),
        Reason::RequestExpired => text::reason_request_expired_advice(),
        Reason::PushedUnknown => text::reason_pushed_unknown_advice(),
        Reason::PushedRequired => text::reason_pushed_required_advice(),
        Reason::SignIn => text::reason_sign_in_advice(),
        Reason::UserDisabled => text::reason_user_disabled_advice(),
        Reason::Denied => text::reason_denied_advice(),
        Reason::Role => text::reason_role_advice(),
        Reason::CodeExpired => text::reason_code_expired_advice(),
        Reason::CodeSpent => text::reason_code_spent_advice(),
        Reason::CodeForeign => text::reason_code_foreign_advice(),
        Reason::CodeClient => text::reason_code_client_advice(),
        Reason::Verifier => text::reason_verifier_advice(),
        Reason::TokenRedirectUri => text::reason_token_redirect_uri_advice(),
        Reason::ClientAuth => text::reason_client_auth_advice(),
        Reason::Clock => text::reason_clock_advice(),
        Reason::TrustUnknown => text::reason_trust_unknown_advice(),
        Reason::TrustMismatch => text::reason_trust_mismatch_advice(),
        Reason::AssertionInvalid => text::reason_assertion_invalid_advice(),
        Reason::AssertionTime => text::reason_assertion_time_advice(),
        Reason::AssertionSpent => text::reason_assertion_spent_advice(),
        Reason::AssertionProvider => text::reason_assertion_provider_advice(),
        Reason::AssertionClaim => text::reason_assertion_claim_advice(),
        Reason::AssertionUser => text::reason_assertion_user_advice(),
        Reason::SubjectToken => text::reason_subject_token_advice(),
        Reason::KeyProof => text::reason_key_proof_advice(),
        Reason::AssertionKeys => text::reason_assertion_keys_advice(),
        Reason::GrantType => text::reason_grant_type_advice(),
        Reason::RefreshReused => text::reason_refresh_reused_advice(),
        Reason::RefreshUnknown => text::reason_refresh_unknown_advice(),
        Reason::TokenExpired => text::reason_token_expired_advice(),
        Reason::TokenAudience => text::reason_token_audience_advice(),
        Reason::TokenRevoked => text::reason_token_revoked_advice(),
        Reason::TokenForeign => text::reason_token_foreign_advice(),
        Reason::TokenPlace => text::reason_token_place_advice(),
        Reason::Host => text::reason_host_advice(),
        Reason::Origin => text::reason_origin_advice(),
        Reason::SwitchedOff => text::reason_switched_off_advice(),
        Reason::Server => text::reason_server_advice(),
    }
}
