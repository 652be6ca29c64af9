//! The settings of upstreams and identity providers that administrators may choose on pages and by
//! the API. Settings that run a program, read a file of this machine or open the guard of outbound
//! requests are reserved for operators with access to the machine: for its configuration file and
//! its commands. A setting that is in neither list is refused.

use doorward_federation::ProviderConfig;
use doorward_gateway::{UpstreamConfig, upstreams::KINDS};
use doorward_model::{SecretSettings as _, uri};
use doorward_transport::outbound::Bounds;
use serde_json::{Map, Value};

use crate::Refusal;

/// The reach of the administrator who adds an identity provider or an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The operator with access to the machine, by command: every setting.
    Machine,
    /// An administrator on a page or by the API: the settings that this module names.
    Administered,
}

impl Reach {
    /// The bounds within which settings must be; `None` for no bounds.
    pub(crate) fn bounds(self, administered: &Bounds) -> Option<&Bounds> {
        match self {
            Self::Machine => None,
            Self::Administered => Some(administered),
        }
    }
}

/// A group of settings of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The kind and place of the object, and the credentials of this server there.
    Basics,
    /// The rules of who can sign in through an identity provider.
    SignIn,
    /// The part of an upstream that is offered, and the users to whom it is.
    Offer,
    /// The authorization request and endpoints set by hand.
    Authorization,
    /// The claims of an identity provider.
    Claims,
    /// Times, limits and networks.
    Limits,
}

/// The family of the object that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Upstreams.
    Upstream,
    /// Identity providers.
    Provider,
}

impl Family {
    /// All settings with their defaults.
    pub(crate) fn defaults(self) -> Map<String, Value> {
        let all = match self {
            Self::Upstream => serde_json::to_value(UpstreamConfig::default()),
            Self::Provider => serde_json::to_value(ProviderConfig::default()),
        };
        match all {
            Ok(Value::Object(all)) => all,
            _ => Map::new(),
        }
    }

    /// The names of all settings.
    fn known(self) -> Vec<String> {
        self.defaults().keys().cloned().collect()
    }

    /// The settings that administrators may choose, some of them within bounds, in the groups and
    /// the order of forms.
    pub(crate) fn groups(self) -> &'static [(Group, &'static [&'static str])] {
        match self {
            Self::Upstream => UPSTREAM,
            Self::Provider => PROVIDER,
        }
    }

    /// Reports a setting that is a secret.
    pub(crate) fn is_secret(self, key: &str) -> bool {
        match self {
            Self::Upstream => UpstreamConfig::is_secret(key),
            Self::Provider => ProviderConfig::is_secret(key),
        }
    }

    /// Reports a setting that administrators may choose.
    fn is_chosen(self, key: &str) -> bool {
        self.groups().iter().any(|(_, names)| names.contains(&key))
    }
}

const UPSTREAM: &[(Group, &[&str])] = &[
    (
        Group::Basics,
        &[
            "kind",
            "title",
            "enabled",
            "url",
            "document",
            "origins",
            "auth",
            "header",
            "username",
            "password",
            "identity_provider",
            "client_id",
            "client_secret",
            "private_key",
        ],
    ),
    (
        Group::Authorization,
        &[
            "issuer",
            "scopes",
            "dpop",
            "private_key_id",
            "authorize_params",
            "trust_pkce",
            "offline_prompt",
            "send_resource",
            "token_auth_method",
            "audience",
            "discovery_url",
            "authorize_url",
            "token_url",
            "registration_url",
            "revocation_url",
            "connection_days",
        ],
    ),
    (
        Group::Offer,
        &[
            "include",
            "exclude",
            "roles",
            "own_scopes",
            "approve",
            "classes",
            "capabilities",
            "prompts",
            "resources",
        ],
    ),
    (
        Group::Limits,
        &[
            "networks",
            "http_on_loopback",
            "list_tools",
            "list_bytes",
            "list_seconds",
            "list_wait_ms",
            "connect_seconds",
            "call_seconds",
            "calls_per_minute",
            "calls_at_once",
            "result_bytes",
            "idle_seconds",
        ],
    ),
];

const PROVIDER: &[(Group, &[&str])] = &[
    (
        Group::Basics,
        &[
            "kind",
            "name",
            "enabled",
            "issuer",
            "tenants",
            "client_id",
            "client_secret",
            "token_auth_method",
            "private_key_id",
        ],
    ),
    (
        Group::SignIn,
        &[
            "sign_up",
            "allowed_domains",
            "allowed_groups",
            "required_claims",
            "roles",
            "authoritative_domains",
            "home_domains",
            "trust_email",
            "second_factor",
            "trusted_factors",
        ],
    ),
    (
        Group::Authorization,
        &[
            "scopes",
            "authorize_params",
            "pkce",
            "offline_prompt",
            "response_mode",
            "acr_values",
            "discovery_url",
            "authorize_url",
            "token_url",
            "userinfo_url",
            "jwks_url",
            "end_session_url",
        ],
    ),
    (
        Group::Claims,
        &[
            "claim_subject",
            "claim_username",
            "claim_email",
            "claim_email_verified",
            "claim_name",
            "claim_groups",
        ],
    ),
    (
        Group::Limits,
        &[
            "networks",
            "refresh_seconds",
            "grace_seconds",
            "confirm_seconds",
            "logout_ends_grants",
            "assertions",
        ],
    ),
];

/// The settings that run programs, read files of this machine, or say for whom this server signs.
#[cfg(test)]
const OF_THE_MACHINE: &[&str] = &[
    "command",
    "env",
    "pass_env",
    "user",
    "working_dir",
    "folders",
    "files",
    "exclude_files",
    "folder_roles",
    "document_url",
    "file_bytes",
    "most_documents",
    "scan_seconds",
    "uploads",
    "embedding_url",
    "embedding_model",
    "embedding_key_file",
    "embedding_passages",
    "sources",
    "source_token_file",
    "source_seconds",
    "source_documents",
    "source_bytes",
    "upload_documents",
    "upload_bytes",
    "per_user",
    "ca_file",
    "private_key_file",
    "assertion_file",
    "assertion_audience",
];

/// The settings that say where an object is. What the operator chose for one place is not used at
/// another that an administrator chooses.
const PLACES: [&str; 9] = [
    "kind",
    "url",
    "document",
    "origins",
    "issuer",
    "discovery_url",
    "authorize_url",
    "token_url",
    "userinfo_url",
];

/// Refuses a change by which an administrator moves an object and keeps what belongs to its place:
/// secrets that the change does not state, and networks or files that are not theirs to choose.
pub(crate) fn admit_move(
    family: Family,
    patch: &Map<String, Value>,
    changed: &Map<String, Value>,
    after: &impl serde::Serialize,
    bounds: Option<&Bounds>,
) -> Result<(), Refusal> {
    if bounds.is_none() || !changed.keys().any(|key| PLACES.contains(&key.as_str())) {
        return Ok(());
    }
    let Ok(Value::Object(after)) = serde_json::to_value(after) else { return Ok(()) };
    let defaults = family.defaults();
    let chosen: Map<String, Value> =
        after.into_iter().filter(|(key, value)| defaults.get(key) != Some(value)).collect();
    let kept = chosen.keys().find(|key| family.is_secret(key) && !patch.contains_key(key.as_str()));
    if let Some(kept) = kept {
        return Err(Refusal::Settings(format!(
            "{kept}: enter it again; a secret is sent only to the server for which it was entered"
        )));
    }
    admit(family, &chosen, bounds)
}

/// Refuses an object that is the operator's alone.
pub(crate) fn admit_kind(family: Family, kind: &str, reach: Reach) -> Result<(), Refusal> {
    let is_process = family == Family::Upstream && is_process(&kind.into());
    if is_process && reach == Reach::Administered {
        return Err(Refusal::OfTheMachine("kind".to_owned()));
    }
    Ok(())
}

/// Refuses settings that administrators may not choose, or that exceed their bounds. Without
/// bounds, every one is refused.
pub(crate) fn admit(
    family: Family,
    settings: &Map<String, Value>,
    bounds: Option<&Bounds>,
) -> Result<(), Refusal> {
    let Some(bounds) = bounds else { return Ok(()) };
    for (key, value) in settings {
        match key.as_str() {
            "networks" => {
                let listed = value.as_array().is_some_and(|texts| {
                    texts.iter().all(|text| text.as_str().is_some_and(|text| bounds.hold(text)))
                });
                if !listed {
                    return Err(Refusal::OpensNetworks(key.clone()));
                }
            }
            "http_on_loopback" if value != &Value::Bool(false) && !bounds.hold_loopback() => {
                return Err(Refusal::OpensNetworks(key.clone()));
            }
            "document"
                if !value.as_str().is_some_and(|text| {
                    ["https", "http"].iter().any(|scheme| {
                        uri::after_scheme(text, scheme).is_some_and(|rest| rest.starts_with("//"))
                    })
                }) =>
            {
                return Err(Refusal::OfTheMachine(key.clone()));
            }
            "kind" if family == Family::Upstream && is_process(value) => {
                return Err(Refusal::OfTheMachine(key.clone()));
            }
            key if family.is_chosen(key) => {}
            // An unknown setting is refused where the settings are read.
            key if family.known().iter().any(|known| known == key) => {
                return Err(Refusal::OfTheMachine(key.to_owned()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reports a kind of upstream that runs a program of this machine.
fn is_process(kind: &Value) -> bool {
    KINDS.iter().any(|known| known.is_process && kind.as_str() == Some(known.name))
}

#[cfg(test)]
mod tests {
    use doorward_transport::OutboundConfig;
    use serde_json::json;

    use super::*;

    fn refused(family: Family, settings: &Value, networks: &[&str]) -> bool {
        let config = OutboundConfig {
            administered_networks: networks.iter().map(|text| (*text).to_owned()).collect(),
            ..OutboundConfig::default()
        };
        let bounds = Bounds::read(&config).unwrap();
        admit(family, settings.as_object().unwrap(), Some(&bounds)).is_err()
    }

    #[test]
    fn every_setting_states_whether_administrators_may_choose_it() {
        for family in [Family::Upstream, Family::Provider] {
            let known = family.known();
            assert!(known.len() > 20, "{family:?}: {known:?}");
            for name in family.groups().iter().flat_map(|(_, names)| *names) {
                assert!(known.iter().any(|known| known == name), "{family:?} has no {name}");
            }
            for name in known.iter().map(String::as_str) {
                let chosen = family.groups().iter().flat_map(|(_, names)| *names);
                let stated = chosen.chain(OF_THE_MACHINE).filter(|listed| **listed == name).count();
                assert_eq!(
                    stated, 1,
                    "{family:?} {name}: state in settable.rs whether administrators may choose it"
                );
                if OF_THE_MACHINE.contains(&name) {
                    assert!(refused(family, &json!({ name: "x" }), &["0.0.0.0/0"]), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_guard_of_outbound_requests_is_opened_within_the_files_bounds_only() {
        for family in [Family::Upstream, Family::Provider] {
            for (networks, bounds, expected) in [
                (json!([]), &[][..], false),
                (json!(["127.0.0.0/8"]), &[], true),
                (json!(["10.1.2.0/24"]), &["10.1.0.0/16"], false),
                (json!(["10.1.2.3"]), &["10.1.0.0/16"], false),
                (json!(["10.0.0.0/8"]), &["10.1.0.0/16"], true),
                (json!(["10.1.2.0/24", "169.254.0.0/16"]), &["10.1.0.0/16"], true),
                (json!(["0.0.0.0/0"]), &["10.1.0.0/16"], true),
                (json!(["::ffff:127.0.0.1"]), &["10.1.0.0/16"], true),
                (json!("10.1.2.0/24"), &["10.1.0.0/16"], true),
                (json!(["intranet"]), &["0.0.0.0/0"], true),
            ] {
                assert_eq!(
                    refused(family, &json!({ "networks": networks }), bounds),
                    expected,
                    "{networks} within {bounds:?}"
                );
            }
        }
        assert!(refused(Family::Upstream, &json!({"http_on_loopback": true}), &["10.0.0.0/8"]));
        assert!(!refused(Family::Upstream, &json!({"http_on_loopback": true}), &["127.0.0.0/8"]));
        assert!(!refused(Family::Upstream, &json!({"http_on_loopback": false}), &[]));
        for document in ["/etc/passwd", "file:///etc/passwd", "api.json"] {
            assert!(
                refused(Family::Upstream, &json!({"document": document}), &["0.0.0.0/0"]),
                "{document}"
            );
        }
        assert!(refused(Family::Upstream, &json!({"kind": "stdio"}), &["0.0.0.0/0"]));
    }
}
