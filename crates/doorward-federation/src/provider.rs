//! One provider, ready to be used.

use doorward_keys::ClientKey;
use doorward_model::{IdentityId, Pattern, ProviderId};
use doorward_transport::{Correspondent, Outbound, OutboundConfig};
use url::Url;

use crate::{
    claims::{ClaimNames, Condition, RoleRule},
    config::{ProviderConfig, SettingError},
    kinds::{self, Kind, Protocol, Settings},
    openid::Discovery,
};

/// How we prove ourselves at a token endpoint (OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    SecretBasic,
    SecretPost,
    PrivateKeyJwt,
    Nothing,
}

/// Whether people who come from a provider must prove a second factor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorPolicy {
    /// No: that is the provider's business.
    Never,
    /// Those who set one up.
    Enrolled,
    /// Everybody.
    Required,
}

/// Where a provider's settings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration file or the environment.
    File,
    /// `doorward provider add`.
    Command,
}

/// Who may come in, and as what.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) domains: Vec<String>,
    pub(crate) groups: Vec<Pattern>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) open: bool,
    pub(crate) authoritative: Vec<String>,
    pub(crate) home: Vec<String>,
    pub(crate) roles: Vec<RoleRule>,
    pub(crate) second_factor: SecondFactorPolicy,
}

/// An upstream provider.
pub struct Provider {
    /// Its name in addresses and commands.
    pub id: ProviderId,
    /// What it is.
    pub kind: &'static Kind,
    /// Its name for people.
    pub name: String,
    /// Where its settings come from.
    pub source: Source,
    pub(crate) config: ProviderConfig,
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    pub(crate) key: Option<ClientKey>,
    pub(crate) outbound: Outbound,
    pub(crate) discovery: Option<Discovery>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.id)
    }
}

fn domains(key: &'static str, texts: &[String]) -> Result<Vec<String>, SettingError> {
    let one = |text: &String| {
        let domain = text.trim().trim_start_matches('@').to_lowercase();
        let plain = domain.contains('.') && !domain.contains(['@', '/', ' ', '*']);
        if plain {
            Ok(domain)
        } else {
            Err(SettingError::new(key, format!("{text:?} is not a domain like example.com")))
        }
    };
    texts.iter().map(one).collect()
}

fn policy(config: &ProviderConfig) -> Result<Policy, SettingError> {
    let allowed = domains("allowed_domains", &config.allowed_domains)?;
    let home = domains("home_domains", &config.home_domains)?;
    Ok(Policy {
        home: if home.is_empty() { allowed.clone() } else { home },
        domains: allowed,
        groups: config.allowed_groups.iter().map(Pattern::new).collect(),
        conditions: config
            .required_claims
            .iter()
            .map(|text| Condition::parse("required_claims", text))
            .collect::<Result<_, _>>()?,
        open: match config.sign_up.as_str() {
            "open" => true,
            "invited" => false,
            other => {
                return Err(SettingError::new(
                    "sign_up",
                    format!("must be open or invited, not {other:?}"),
                ));
            }
        },
        authoritative: domains("authoritative_domains", &config.authoritative_domains)?,
        roles: config.roles.iter().map(|text| RoleRule::parse(text)).collect::<Result<_, _>>()?,
        second_factor: match config.second_factor.as_str() {
            "never" => SecondFactorPolicy::Never,
            "enrolled" => SecondFactorPolicy::Enrolled,
            "required" => SecondFactorPolicy::Required,
            other => {
                return Err(SettingError::new(
                    "second_factor",
                    format!("must be never, enrolled or required, not {other:?}"),
                ));
            }
        },
    })
}

fn auth_method(config: &ProviderConfig, default: AuthMethod) -> Result<AuthMethod, SettingError> {
    let method = match config.token_auth_method.as_str() {
        "" => default,
        "client_secret_basic" => AuthMethod::SecretBasic,
        "client_secret_post" => AuthMethod::SecretPost,
        "private_key_jwt" => AuthMethod::PrivateKeyJwt,
        "none" => AuthMethod::Nothing,
        other => {
            let why = format!(
                "must be client_secret_basic, client_secret_post, private_key_jwt or none, not {other:?}"
            );
            return Err(SettingError::new("token_auth_method", why));
        }
    };
    if matches!(method, AuthMethod::SecretBasic | AuthMethod::SecretPost)
        && config.client_secret.is_empty()
    {
        return Err(SettingError::new(
            "client_secret",
            "is needed (or set token_auth_method to private_key_jwt or none)",
        ));
    }
    Ok(method)
}

fn claim_names(config: &ProviderConfig, names: &mut ClaimNames) {
    for (configured, name) in [
        (&config.claim_subject, &mut names.subject),
        (&config.claim_username, &mut names.username),
        (&config.claim_email, &mut names.email),
        (&config.claim_email_verified, &mut names.email_verified),
        (&config.claim_name, &mut names.name),
        (&config.claim_groups, &mut names.groups),
    ] {
        if !configured.is_empty() {
            name.clone_from(configured);
        }
    }
}

struct Prepared {
    id: ProviderId,
    kind: &'static Kind,
    settings: Settings,
    policy: Policy,
    key: Option<ClientKey>,
}

fn prepare(name: &str, config: &ProviderConfig) -> Result<Prepared, SettingError> {
    let id =
        ProviderId::parse(name).map_err(|error| SettingError::new("name", error.to_string()))?;
    let kind = kinds::named(&config.kind).ok_or_else(|| {
        let known = kinds::KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        SettingError::new("kind", format!("must be one of {known}, not {:?}", config.kind))
    })?;
    if config.client_id.is_empty() {
        return Err(SettingError::new(
            "client_id",
            "is needed: the provider gives it when you register this server there",
        ));
    }
    let mut settings = (kind.prepare)(config)?;
    claim_names(config, &mut settings.claims);
    settings.auth_method = auth_method(config, settings.auth_method)?;
    if !matches!(config.response_mode.as_str(), "query" | "form_post") {
        return Err(SettingError::new(
            "response_mode",
            format!("must be query or form_post, not {:?}", config.response_mode),
        ));
    }
    for (key, value, least) in [
        ("refresh_seconds", config.refresh_seconds, 60),
        ("grace_seconds", config.grace_seconds, 0),
        ("confirm_seconds", config.confirm_seconds, 60),
    ] {
        if !(least..=366 * 86_400).contains(&value) {
            return Err(SettingError::new(
                key,
                format!("must be between {least} and {}, not {value}", 366 * 86_400),
            ));
        }
    }
    let key = if config.private_key_file.is_empty() {
        None
    } else {
        let wrong = |why: String| {
            SettingError::new("private_key_file", format!("{}: {why}", config.private_key_file))
        };
        let pem =
            std::fs::read(&config.private_key_file).map_err(|error| wrong(error.to_string()))?;
        let named = (!config.private_key_id.is_empty()).then(|| config.private_key_id.clone());
        Some(ClientKey::from_pem(&pem, named).map_err(|error| wrong(error.to_string()))?)
    };
    Ok(Prepared { id, kind, settings, policy: policy(config)?, key })
}

/// Checks settings without making anything of them.
pub(crate) fn check(name: &str, config: &ProviderConfig) -> Result<(), SettingError> {
    prepare(name, config)?;
    let outbound = OutboundConfig {
        allow_networks: config.networks.clone(),
        extra_ca_files: if config.ca_file.is_empty() {
            Vec::new()
        } else {
            vec![config.ca_file.clone()]
        },
        ..OutboundConfig::default()
    };
    doorward_transport::outbound::check(&outbound).map(drop).map_err(|error| outbound_error(&error))
}

fn outbound_error(error: &doorward_transport::outbound::OutboundSetupError) -> SettingError {
    let key = if matches!(error, doorward_transport::outbound::OutboundSetupError::Network(_)) {
        "networks"
    } else {
        "ca_file"
    };
    SettingError::new(key, error.to_string())
}

impl Provider {
    pub(crate) fn new(
        name: &str,
        config: ProviderConfig,
        source: Source,
        outbound: &Outbound,
        outbound_config: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        let Prepared { id, kind, settings, policy, key } = prepare(name, &config)?;
        let address = match &settings.protocol {
            Protocol::OpenId(open_id) => {
                open_id.discover_at.as_ref().unwrap_or(&open_id.issuer).clone()
            }
            Protocol::OAuth2(oauth2) => oauth2.token.to_string(),
        };
        let correspondent = Correspondent {
            networks: &config.networks,
            ca_file: (!config.ca_file.is_empty()).then_some(config.ca_file.as_str()),
            http_on_loopback: Url::parse(&address).is_ok_and(|url| url.scheme() == "http"),
        };
        let outbound = outbound
            .for_correspondent(outbound_config, correspondent)
            .map_err(|error| outbound_error(&error))?;
        let discovery = match &settings.protocol {
            Protocol::OpenId(open_id) => {
                Some(Discovery::new(id.clone(), outbound.clone(), open_id.clone()))
            }
            Protocol::OAuth2(_) => None,
        };
        let shown = if config.name.trim().is_empty() {
            kind.title.to_owned()
        } else {
            config.name.trim().to_owned()
        };
        Ok(Self {
            id,
            kind,
            name: shown,
            source,
            config,
            settings,
            policy,
            key,
            outbound,
            discovery,
        })
    }

    /// The key of an account there. An issuer and a subject name one account (OpenID Connect Core
    /// §5.7). A server that speaks plain OAuth 2.0 states no issuer, so the provider's name here
    /// takes part: two of them at one origin have different users.
    pub(crate) fn key_of(&self, issuer: &str, subject: &str) -> IdentityId {
        match &self.settings.protocol {
            Protocol::OpenId(_) => IdentityId::of(issuer, subject),
            Protocol::OAuth2(_) => IdentityId::of(&format!("oauth2 {} {issuer}", self.id), subject),
        }
    }
    /// Whether accounts of this issuer are this provider's. A provider that is set to another
    /// server has none of the old one's.
    pub(crate) fn vouches_for(&self, issuer: &str) -> bool {
        self.issuers().iter().any(|own| own == issuer)
    }
    /// The issuers whose accounts are this provider's.
    pub(crate) fn issuers(&self) -> Vec<String> {
        match &self.settings.protocol {
            Protocol::OpenId(open_id) if open_id.tenants.is_empty() => vec![open_id.issuer.clone()],
            Protocol::OpenId(open_id) => open_id
                .tenants
                .iter()
                .map(|tenant| open_id.issuer.replace(kinds::TENANT, tenant))
                .collect(),
            Protocol::OAuth2(oauth2) => vec![oauth2.issuer.clone()],
        }
    }
    /// Whether people may sign in through it.
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }
    /// Whether people from this e-mail domain are sent here.
    pub fn is_home_of(&self, email: &str) -> bool {
        domain_of(email).is_some_and(|domain| self.policy.home.contains(&domain))
    }
    /// Whether it has people of its own by e-mail domain.
    pub fn has_home_domains(&self) -> bool {
        !self.policy.home.is_empty()
    }
    /// Whether its people must prove a second factor of ours.
    pub fn second_factor(&self) -> SecondFactorPolicy {
        self.policy.second_factor
    }
    /// Its settings, with the secret left out.
    pub fn public_config(&self) -> ProviderConfig {
        ProviderConfig {
            client_secret: doorward_model::SecretSetting::default(),
            ..self.config.clone()
        }
    }
    /// How many roles its rules can give.
    pub fn role_rules(&self) -> usize {
        self.policy.roles.len()
    }
}

/// The domain of an e-mail address, in lower case.
pub(crate) fn domain_of(email: &str) -> Option<String> {
    email
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_lowercase())
        .filter(|domain| domain.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(kind: &str) -> ProviderConfig {
        ProviderConfig {
            kind: kind.to_owned(),
            client_id: "id".to_owned(),
            client_secret: "secret".into(),
            ..ProviderConfig::default()
        }
    }

    #[test]
    fn presets_need_only_an_id_and_a_secret_and_an_address_where_everybody_has_their_own() {
        for kind in ["google", "gitlab", "github"] {
            check("p", &config(kind)).unwrap();
        }
        for (kind, key) in [
            ("oidc", "issuer"),
            ("okta", "issuer"),
            ("keycloak", "issuer"),
            ("mattermost", "issuer"),
            ("entra", "tenants"),
            ("oauth2", "claim_subject"),
            ("ldap", "kind"),
        ] {
            assert_eq!(check("p", &config(kind)).unwrap_err().key, key, "{kind}");
        }
        for kind in kinds::KINDS {
            assert!(kind.needs.iter().all(|key| {
                [
                    "issuer",
                    "client_secret",
                    "tenants",
                    "authorize_url",
                    "token_url",
                    "userinfo_url",
                    "claim_subject",
                ]
                .contains(key)
            }));
        }
    }

    #[test]
    fn wrong_settings_name_the_key() {
        let change = |change: fn(&mut ProviderConfig)| {
            let mut config = config("google");
            change(&mut config);
            check("p", &config).unwrap_err().key
        };
        assert_eq!(change(|config| config.client_id.clear()), "client_id");
        assert_eq!(
            change(|config| config.client_secret = doorward_model::SecretSetting::default()),
            "client_secret"
        );
        assert_eq!(change(|config| config.sign_up = "maybe".to_owned()), "sign_up");
        assert_eq!(change(|config| config.response_mode = "fragment".to_owned()), "response_mode");
        assert_eq!(change(|config| config.roles = vec!["groups".to_owned()]), "roles");
        assert_eq!(
            change(|config| config.allowed_domains = vec!["@example".to_owned()]),
            "allowed_domains"
        );
        assert_eq!(change(|config| config.networks = vec!["intranet".to_owned()]), "networks");
        assert_eq!(change(|config| config.ca_file = "/nonexistent.pem".to_owned()), "ca_file");
        assert_eq!(change(|config| config.refresh_seconds = 1), "refresh_seconds");
        let http =
            ProviderConfig { issuer: "http://login.example.com".to_owned(), ..config("oidc") };
        assert_eq!(check("p", &http).unwrap_err().key, "issuer");
        assert!(
            check(
                "p",
                &ProviderConfig { issuer: "http://127.0.0.1:7401".to_owned(), ..config("oidc") }
            )
            .is_ok()
        );
        assert_eq!(check("P", &config("google")).unwrap_err().key, "name");
    }
}
