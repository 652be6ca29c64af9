//! The rules of a provider: the settings that read what it states about a user.

use doorward_model::{Admits, RuleVerdict, StatedClaim, Statement, Timestamp, foreign};
use serde_json::Value;

use crate::{
    claims::{self, Condition, RoleRule},
    config::SettingError,
    error::NotAdmitted,
    external_identity::ExternalIdentity,
    kinds::Accounts,
    policy::domain_of,
    provider::Provider,
    sign_up,
};

/// Maximum number of claims of a statement, values of a claim, and rules that are kept.
const MOST: usize = 50;
/// Maximum number of characters of a value that are kept.
const LONGEST: usize = 200;

enum Test<'a> {
    Domain,
    Group,
    Claim(&'a Condition),
    Role(&'a RoleRule),
}

/// A rule of a provider.
pub(crate) struct Rule<'a> {
    /// The setting as it is written.
    pub(crate) text: String,
    /// The claim that it reads.
    pub(crate) claim: &'a str,
    test: Test<'a>,
}

impl Rule<'_> {
    /// The refusal of a user for whom it does not hold; `None` for a rule that gives a role.
    fn refusal(&self) -> Option<NotAdmitted> {
        match self.test {
            Test::Domain => Some(NotAdmitted::Domain),
            Test::Group => Some(NotAdmitted::Group),
            Test::Claim(_) => Some(NotAdmitted::Claim),
            Test::Role(_) => None,
        }
    }
}

impl Provider {
    /// All rules: those on admission, in the order in which they are applied, then those that give
    /// roles.
    pub(crate) fn rules(&self) -> Vec<Rule<'_>> {
        let (config, policy) = (&self.config, &self.policy);
        let mut rules = Vec::new();
        if !policy.domains.is_empty() {
            rules.push(Rule {
                text: format!("allowed_domains = {}", policy.domains.join(", ")),
                claim: self.domain_claim.map_or(self.claims.email.as_str(), |claim| claim),
                test: Test::Domain,
            });
        }
        if !policy.groups.is_empty() {
            rules.push(Rule {
                text: format!("allowed_groups = {}", config.allowed_groups.join(", ")),
                claim: &self.claims.groups,
                test: Test::Group,
            });
        }
        for (text, condition) in config.required_claims.iter().zip(&policy.conditions) {
            rules.push(Rule {
                text: text.trim().to_owned(),
                claim: self.claim_of(condition),
                test: Test::Claim(condition),
            });
        }
        for (text, rule) in config.roles.iter().zip(&policy.roles) {
            rules.push(Rule {
                text: text.trim().to_owned(),
                claim: self.claim_of(rule.condition()),
                test: Test::Role(rule),
            });
        }
        rules
    }

    /// The provider's name of the claim of a condition.
    fn claim_of<'a>(&'a self, condition: &'a Condition) -> &'a str {
        match condition.claim() {
            "groups" => &self.claims.groups,
            "email" => &self.claims.email,
            claim => claim,
        }
    }

    /// Reports that a rule holds for a user.
    pub(crate) fn holds(&self, rule: &Rule<'_>, arrival: &ExternalIdentity) -> bool {
        let policy = &self.policy;
        match rule.test {
            Test::Domain => {
                let domain = match self.domain_claim {
                    Some(claim) => {
                        claims::text(&arrival.claims, claim).map(|domain| domain.to_lowercase())
                    }
                    None => arrival.verified_email().and_then(domain_of),
                };
                domain.is_some_and(|domain| policy.domains.contains(&domain))
            }
            Test::Group => {
                let fits = |group: &String| policy.groups.iter().any(|one| one.matches(group));
                arrival.groups.iter().any(fits)
            }
            Test::Claim(condition) => condition.holds(&arrival.as_subject()),
            Test::Role(rule) => rule.condition().holds(&arrival.as_subject()),
        }
    }

    /// Checks that the provider's rules admit this user.
    pub(crate) fn judge(&self, arrival: &ExternalIdentity) -> Result<(), NotAdmitted> {
        let refused = |rule: &Rule<'_>| rule.refusal().filter(|_| !self.holds(rule, arrival));
        self.rules().iter().find_map(refused).map_or(Ok(()), Err)
    }

    /// The statement about a user, as far as rules read it.
    pub(crate) fn statement(&self, arrival: &ExternalIdentity, at: Timestamp) -> Statement {
        let rules = self.rules();
        let mut names: Vec<&str> = Vec::new();
        for rule in &rules {
            names.push(rule.claim);
            if rule.claim == self.claims.email {
                names.push(&self.claims.email_verified);
            }
        }
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(*name));
        let verdict = |rule: &Rule<'_>| RuleVerdict {
            rule: foreign::line(&rule.text, foreign::LINE).into_owned(),
            holds: self.holds(rule, arrival),
        };
        Statement {
            at,
            claims: names.iter().take(MOST).map(|name| self.stated(name, arrival)).collect(),
            rules: rules.iter().take(MOST).map(verdict).collect(),
        }
    }

    fn stated(&self, name: &str, arrival: &ExternalIdentity) -> StatedClaim {
        let values = if name == self.claims.groups {
            arrival.groups.clone()
        } else {
            match claims::find(&arrival.claims, name) {
                Some(Value::String(text)) => vec![text.clone()],
                Some(_) => claims::list(&arrival.claims, name),
                None => Vec::new(),
            }
        };
        let more = values.len().saturating_sub(MOST);
        let clean = |value: &String| foreign::line(value, LONGEST).into_owned();
        StatedClaim {
            name: foreign::line(name, LONGEST).into_owned(),
            values: values.iter().take(MOST).map(clean).collect(),
            more,
        }
    }

    /// Fails if its settings leave open which users may create an account here.
    pub(crate) fn decided(&self) -> Result<(), SettingError> {
        sign_up::decided(self.kind, &self.config, self.new_users)
    }

    /// The users whom its settings admit.
    pub fn admits(&self) -> Admits {
        let tenants = &self.config.tenants;
        let tenants = (!tenants.is_empty()).then(|| format!("tenants = {}", tenants.join(", ")));
        let rules = self.rules().into_iter().filter(|rule| rule.refusal().is_some());
        Admits {
            enabled: self.is_enabled(),
            public: match (self.kind.accounts)(&self.config) {
                Accounts::Public { service, .. } => Some(service),
                Accounts::Own => None,
            },
            rules: tenants.into_iter().chain(rules.map(|rule| rule.text)).collect(),
            new_users: self.new_users,
        }
    }
}
