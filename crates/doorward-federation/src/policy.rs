//! Rules on admission from a provider.

use doorward_model::Pattern;

use crate::{
    claims::{Condition, RoleRule},
    config::{ProviderConfig, SettingError},
};

/// Demand for a second factor of this server for users of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorPolicy {
    /// No: that is the provider's business.
    Never,
    /// Users who have one.
    Enrolled,
    /// All users.
    Required,
}

/// Rules on admission and roles.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) domains: Vec<String>,
    pub(crate) groups: Vec<Pattern>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) authoritative: Vec<String>,
    pub(crate) home: Vec<String>,
    pub(crate) roles: Vec<RoleRule>,
    pub(crate) second_factor: SecondFactorPolicy,
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

impl Policy {
    /// The claims that its conditions and its rules of roles are about.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &str> {
        let conditions = self.conditions.iter().map(Condition::claim);
        conditions.chain(self.roles.iter().map(RoleRule::claim))
    }

    /// Reads the rules of a configuration.
    pub(crate) fn read(config: &ProviderConfig) -> Result<Self, SettingError> {
        let allowed = domains("allowed_domains", &config.allowed_domains)?;
        let home = domains("home_domains", &config.home_domains)?;
        Ok(Self {
            home: if home.is_empty() { allowed.clone() } else { home },
            domains: allowed,
            groups: config.allowed_groups.iter().map(Pattern::new).collect(),
            conditions: config
                .required_claims
                .iter()
                .map(|text| Condition::parse("required_claims", text))
                .collect::<Result<_, _>>()?,
            authoritative: domains("authoritative_domains", &config.authoritative_domains)?,
            roles: config
                .roles
                .iter()
                .map(|text| RoleRule::parse(text))
                .collect::<Result<_, _>>()?,
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
}

/// The domain of an e-mail address, in lower case.
pub(crate) fn domain_of(email: &str) -> Option<String> {
    email
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_lowercase())
        .filter(|domain| domain.contains('.'))
}
