//! One provider, ready to be used.

use doorward_keys::ClientKey;
use doorward_model::{NewUsers, ProviderId, nearest};
use doorward_transport::{Outbound, OutboundConfig, PeerPermissions};
use url::Url;

use crate::{
    claims::ClaimNames,
    client::{Client, ProviderServices},
    config::{ProviderConfig, SettingError},
    kinds::{self, Kind},
    policy::{Policy, SecondFactorPolicy, domain_of},
    protocol::{
        Protocol,
        openid::{OpenIdConnect, Setup},
        plain::Plain,
    },
    settings::{AuthMethod, Settings, Speaks, authorize_params},
    sign_up,
};

/// Origin of a provider's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration file or the environment.
    File,
    /// An administrator, on a page, by the API or by a command.
    Added,
}

impl Source {
    /// The name for programs. The audit has the user or the command that added it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "configuration",
            Self::Added => "added",
        }
    }
}

/// An identity provider.
pub struct Provider {
    /// Its name in URLs and commands.
    pub id: ProviderId,
    /// Its kind.
    pub kind: &'static Kind,
    /// Its display name.
    pub name: String,
    /// The origin of its settings.
    pub source: Source,
    pub(crate) config: ProviderConfig,
    pub(crate) policy: Policy,
    pub(crate) new_users: NewUsers,
    pub(crate) claims: ClaimNames,
    /// A claim that names the user's organisation, where the e-mail address does not decide.
    pub(crate) domain_claim: Option<&'static str>,
    pub(crate) protocol: Box<dyn Protocol>,
    pub(crate) outbound: Outbound,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.id)
    }
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
    /// The prompts of `authorize_params`.
    prompts: Vec<String>,
    policy: Policy,
    new_users: NewUsers,
    key: Option<ClientKey>,
}

/// The private key of `private_key_jwt`.
fn private_key(config: &ProviderConfig) -> Result<Option<ClientKey>, SettingError> {
    if config.private_key_file.is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| {
        SettingError::new("private_key_file", format!("{}: {why}", config.private_key_file))
    };
    let pem = std::fs::read(&config.private_key_file).map_err(|error| wrong(error.to_string()))?;
    let named = (!config.private_key_id.is_empty()).then(|| config.private_key_id.clone());
    ClientKey::from_pem(&pem, named).map(Some).map_err(|error| wrong(error.to_string()))
}

/// Numbers and words of the configuration that have bounds.
fn bounded(config: &ProviderConfig) -> Result<(), SettingError> {
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
    Ok(())
}

fn prepare(name: &str, config: &ProviderConfig) -> Result<Prepared, SettingError> {
    let id =
        ProviderId::parse(name).map_err(|error| SettingError::new("name", error.to_string()))?;
    let kind = kinds::named(&config.kind).ok_or_else(|| {
        let known: Vec<&str> = kinds::KINDS.iter().map(|kind| kind.name).collect();
        let (hint, known) = (nearest::hint(&config.kind, &known), known.join(", "));
        SettingError::new("kind", format!("must be one of {known}, not {:?}{hint}", config.kind))
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
    let prompts = authorize_params(config, &mut settings)?;
    if !config.pkce && settings.auth_method == AuthMethod::Nothing {
        return Err(SettingError::new(
            "pkce",
            "cannot be off with token_auth_method = \"none\": any holder of the code could redeem \
             it",
        ));
    }
    bounded(config)?;
    if config.assertions && matches!(settings.speaks, Speaks::OAuth2(_)) {
        return Err(SettingError::new("assertions", "needs a provider that speaks OpenID Connect"));
    }
    let (key, policy) = (private_key(config)?, Policy::read(config)?);
    let new_users = sign_up::new_users(kind, config, &policy)?;
    Ok(Prepared { id, kind, settings, prompts, policy, new_users, key })
}

/// Checks settings without making anything of them.
pub(crate) fn check(name: &str, config: &ProviderConfig) -> Result<(), SettingError> {
    let prepared = prepare(name, config)?;
    sign_up::decided(prepared.kind, config, prepared.new_users)?;
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
    SettingError::new(error.setting(), error.to_string())
}

/// Reports that one of the requested URLs is on this machine without TLS, where that is allowed.
fn asks_without_tls(settings: &Settings) -> bool {
    let plain = |url: &Url| url.scheme() == "http";
    let parsed = |text: &str| Url::parse(text).is_ok_and(|url| plain(&url));
    match &settings.speaks {
        Speaks::OpenId(open_id) => {
            let by_hand = &open_id.by_hand;
            parsed(open_id.document.as_ref().unwrap_or(&open_id.issuer))
                || [&by_hand.token, &by_hand.userinfo, &by_hand.jwks]
                    .into_iter()
                    .any(|url| url.as_ref().is_some_and(plain))
        }
        Speaks::OAuth2(oauth2) => plain(&oauth2.token),
    }
}

/// The protocol of a provider, set up.
fn protocol(
    config: &ProviderConfig,
    id: &ProviderId,
    settings: Settings,
    prompts: Vec<String>,
    client: Client,
) -> Box<dyn Protocol> {
    let Settings { speaks, scopes, extra, login_hint, .. } = settings;
    match speaks {
        Speaks::OpenId(open_id) => Box::new(OpenIdConnect::new(Setup {
            provider: id.to_string(),
            client,
            open_id: *open_id,
            scopes,
            extra,
            prompts,
            login_hint,
            acr_values: config.acr_values.clone(),
            response_mode: config.response_mode.clone(),
            offline_prompt: config.offline_prompt,
        })),
        Speaks::OAuth2(urls) => Box::new(Plain {
            provider: id.to_string(),
            client,
            urls,
            scopes,
            extra,
            prompts,
            login_hint,
        }),
    }
}

impl Provider {
    pub(crate) fn new(
        name: &str,
        config: ProviderConfig,
        source: Source,
        provider_services: &ProviderServices,
    ) -> Result<Self, SettingError> {
        let Prepared { id, kind, settings, prompts, policy, new_users, key } =
            prepare(name, &config)?;
        match source {
            Source::File => sign_up::decided(kind, &config, new_users)?,
            // One of an earlier version keeps its users; new ones are refused.
            Source::Added => {}
        }
        let listed =
            config.networks.iter().chain(&provider_services.outbound_config.allow_networks);
        let plain: Vec<String> = listed.filter(|_| asks_without_tls(&settings)).cloned().collect();
        let correspondent = PeerPermissions {
            networks: &config.networks,
            ca_file: (!config.ca_file.is_empty()).then_some(config.ca_file.as_str()),
            plain: &plain,
        };
        let outbound = provider_services
            .outbound
            .for_correspondent(&provider_services.outbound_config, correspondent)
            .map_err(|error| outbound_error(&error))?;
        let client = Client {
            id: config.client_id.clone(),
            secret: config.client_secret.clone(),
            method: settings.auth_method,
            key,
            outbound: outbound.clone(),
            interpret: settings.interpret,
            pkce: config.pkce,
            provider_services: provider_services.clone(),
        };
        let shown = if config.name.trim().is_empty() {
            kind.title.to_owned()
        } else {
            config.name.trim().to_owned()
        };
        let (claims, domain_claim) = (settings.claims.clone(), settings.domain_claim);
        let protocol = protocol(&config, &id, settings, prompts, client);
        Ok(Self {
            id,
            kind,
            name: shown,
            source,
            config,
            policy,
            new_users,
            claims,
            domain_claim,
            protocol,
            outbound,
        })
    }

    /// Reports that accounts of this issuer are this provider's. A provider that is set to another
    /// server has none of the old one's.
    pub(crate) fn vouches_for(&self, issuer: &str) -> bool {
        self.protocol.issuers().iter().any(|own| own == issuer)
    }
    /// Reports that users may sign in through it.
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }
    /// Reports that users from this e-mail domain are sent here.
    pub fn is_home_of(&self, email: &str) -> bool {
        domain_of(email).is_some_and(|domain| self.policy.home.contains(&domain))
    }
    /// True if e-mail domains direct users to it.
    pub fn has_home_domains(&self) -> bool {
        !self.policy.home.is_empty()
    }
    /// Its demand for a second factor of this server.
    pub fn second_factor(&self) -> SecondFactorPolicy {
        self.policy.second_factor
    }
    /// Its settings. The secret is of a type that is never printed.
    pub fn settings(&self) -> &ProviderConfig {
        &self.config
    }
    /// The number of its rules that give roles.
    pub fn role_rules(&self) -> usize {
        self.policy.roles.len()
    }
}

#[cfg(test)]
mod tests;
