//! The hints below the fields of an upstream's and an identity provider's settings, by the names of
//! the settings.

use doorward_admin::Family;
use doorward_language::{Message, text};

/// A hint by the name of its setting.
type Hint = (&'static str, fn() -> Message);

const UPSTREAM: &[Hint] = &[
    ("kind", text::hint_upstream_kind),
    ("title", text::hint_upstream_title),
    ("enabled", text::hint_upstream_enabled),
    ("url", text::hint_upstream_url),
    ("document", text::hint_upstream_document),
    ("origins", text::hint_upstream_origins),
    ("auth", text::hint_upstream_auth),
    ("header", text::hint_upstream_header),
    ("username", text::hint_upstream_username),
    ("password", text::hint_upstream_password),
    ("identity_provider", text::hint_upstream_identity_provider),
    ("client_id", text::hint_upstream_client_id),
    ("client_secret", text::hint_upstream_client_secret),
    ("private_key", text::hint_upstream_private_key),
    ("issuer", text::hint_upstream_issuer),
    ("scopes", text::hint_upstream_scopes),
    ("dpop", text::hint_upstream_dpop),
    ("private_key_id", text::hint_upstream_private_key_id),
    ("authorize_params", text::hint_upstream_authorize_params),
    ("trust_pkce", text::hint_upstream_trust_pkce),
    ("offline_prompt", text::hint_upstream_offline_prompt),
    ("send_resource", text::hint_upstream_send_resource),
    ("token_auth_method", text::hint_upstream_token_auth_method),
    ("audience", text::hint_upstream_audience),
    ("discovery_url", text::hint_upstream_discovery_url),
    ("authorize_url", text::hint_upstream_authorize_url),
    ("token_url", text::hint_upstream_token_url),
    ("registration_url", text::hint_upstream_registration_url),
    ("revocation_url", text::hint_upstream_revocation_url),
    ("connection_days", text::hint_upstream_connection_days),
    ("include", text::hint_upstream_include),
    ("exclude", text::hint_upstream_exclude),
    ("roles", text::hint_upstream_roles),
    ("own_scopes", text::hint_upstream_own_scopes),
    ("approve", text::hint_upstream_approve),
    ("classes", text::hint_upstream_classes),
    ("capabilities", text::hint_upstream_capabilities),
    ("prompts", text::hint_upstream_prompts),
    ("resources", text::hint_upstream_resources),
    ("networks", text::hint_upstream_networks),
    ("http_on_loopback", text::hint_upstream_http_on_loopback),
    ("list_tools", text::hint_upstream_list_tools),
    ("list_bytes", text::hint_upstream_list_bytes),
    ("list_seconds", text::hint_upstream_list_seconds),
    ("list_wait_ms", text::hint_upstream_list_wait_ms),
    ("connect_seconds", text::hint_upstream_connect_seconds),
    ("call_seconds", text::hint_upstream_call_seconds),
    ("calls_per_minute", text::hint_upstream_calls_per_minute),
    ("calls_at_once", text::hint_upstream_calls_at_once),
    ("result_bytes", text::hint_upstream_result_bytes),
    ("idle_seconds", text::hint_upstream_idle_seconds),
];

const PROVIDER: &[Hint] = &[
    ("kind", text::hint_provider_kind),
    ("name", text::hint_provider_name),
    ("enabled", text::hint_provider_enabled),
    ("issuer", text::hint_provider_issuer),
    ("tenants", text::hint_provider_tenants),
    ("client_id", text::hint_provider_client_id),
    ("client_secret", text::hint_provider_client_secret),
    ("token_auth_method", text::hint_provider_token_auth_method),
    ("private_key_id", text::hint_provider_private_key_id),
    ("sign_up", text::hint_provider_sign_up),
    ("allowed_domains", text::hint_provider_allowed_domains),
    ("allowed_groups", text::hint_provider_allowed_groups),
    ("required_claims", text::hint_provider_required_claims),
    ("roles", text::hint_provider_roles),
    ("authoritative_domains", text::hint_provider_authoritative_domains),
    ("home_domains", text::hint_provider_home_domains),
    ("trust_email", text::hint_provider_trust_email),
    ("second_factor", text::hint_provider_second_factor),
    ("trusted_factors", text::hint_provider_trusted_factors),
    ("scopes", text::hint_provider_scopes),
    ("authorize_params", text::hint_provider_authorize_params),
    ("pkce", text::hint_provider_pkce),
    ("offline_prompt", text::hint_provider_offline_prompt),
    ("response_mode", text::hint_provider_response_mode),
    ("acr_values", text::hint_provider_acr_values),
    ("discovery_url", text::hint_provider_discovery_url),
    ("authorize_url", text::hint_provider_authorize_url),
    ("token_url", text::hint_provider_token_url),
    ("userinfo_url", text::hint_provider_userinfo_url),
    ("jwks_url", text::hint_provider_jwks_url),
    ("end_session_url", text::hint_provider_end_session_url),
    ("claim_subject", text::hint_provider_claim_subject),
    ("claim_username", text::hint_provider_claim_username),
    ("claim_email", text::hint_provider_claim_email),
    ("claim_email_verified", text::hint_provider_claim_email_verified),
    ("claim_name", text::hint_provider_claim_name),
    ("claim_groups", text::hint_provider_claim_groups),
    ("networks", text::hint_provider_networks),
    ("refresh_seconds", text::hint_provider_refresh_seconds),
    ("grace_seconds", text::hint_provider_grace_seconds),
    ("confirm_seconds", text::hint_provider_confirm_seconds),
    ("logout_ends_grants", text::hint_provider_logout_ends_grants),
    ("assertions", text::hint_provider_assertions),
];

fn hints(family: Family) -> &'static [Hint] {
    match family {
        Family::Upstream => UPSTREAM,
        Family::Provider => PROVIDER,
    }
}

/// The hint of a setting.
pub(super) fn of(family: Family, setting: &str) -> Option<Message> {
    let hint = hints(family).iter().find(|(name, _)| *name == setting)?;
    Some(hint.1())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use doorward_language::Language;

    use super::*;

    /// The words of a hint that are the same in every language: names of settings, rules, URLs.
    fn fixed(text: &str) -> BTreeSet<&str> {
        let words = text.split([' ', '\u{a0}', '\u{202f}']);
        let words = words.map(|word| word.trim_matches(['.', ',', ':', ';', '(', ')']));
        words.filter(|word| word.contains(['_', '=', '/', '*', '>'])).collect()
    }

    #[test]
    fn every_setting_of_a_form_has_its_own_hint_in_each_language() {
        for family in [Family::Upstream, Family::Provider] {
            let shown: Vec<_> = family
                .settings()
                .into_iter()
                .flat_map(|(_, settings)| settings.into_iter().map(|setting| setting.name))
                .collect();
            let named: Vec<_> = hints(family).iter().map(|(name, _)| *name).collect();
            assert_eq!(
                named, shown,
                "{family:?}: the table has the settings of the form, in order"
            );
            for name in shown {
                let hint = of(family, name).unwrap();
                assert!(hint.key().ends_with(&format!("_{name}")), "{name}: {}", hint.key());
                let english = hint.say(Language::English);
                for (language, _) in Language::ALL {
                    let said = hint.say(language);
                    assert_eq!(fixed(&said), fixed(&english), "{name} in {language:?}");
                    assert!(said.ends_with('.'), "{name} in {language:?}: {said}");
                    let is_first = language == Language::English;
                    assert_eq!(said == english, is_first, "{name} in {language:?}: {said}");
                }
            }
        }
    }
}
