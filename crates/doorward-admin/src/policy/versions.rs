//! Versions of the policy: one of the sets of rules that administrators save.

use doorward_accounts::Authority;
use doorward_model::{Effect, RuleSet, RuleVersion, Timestamp};
use serde_json::json;

use super::Policies;
use crate::{NewRules, Refusal, RuleContent};

/// Maximum number of rules of a version.
const MOST_RULES: usize = 500;
/// Maximum number of characters of all rules of a version.
const MOST_TEXT: usize = 20_000;

/// Rules to be saved, with the author and the version that they replace.
#[derive(Clone, Copy, Debug)]
pub struct NewPolicy<'a> {
    /// The rules, in order. Empty ones are left out.
    pub rules: &'a [String],
    /// `allow`, `deny` or `confirm`: the effect where no rule matches.
    pub default: &'a str,
    /// The name of the author.
    pub author: &'a str,
    /// The number of the version that was seen, 0 for none; `None` for the present one.
    pub seen: Option<i64>,
}

/// A version of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its number, from 1.
    pub number: i64,
    /// The rules, in order.
    pub rules: Vec<String>,
    /// The effect where no rule matches.
    pub default: Effect,
    /// The sign-in name of the administrator who saved it.
    pub author: String,
    /// The moment at which it was saved.
    pub created_at: Timestamp,
    /// The number of the version that it restores.
    pub restores: Option<i64>,
}

impl TryFrom<RuleVersion> for PolicyVersion {
    type Error = Refusal;

    fn try_from(version: RuleVersion) -> Result<Self, Refusal> {
        let RuleContent::Policy(config, policy) = RuleContent::of(&version)? else {
            return Err(Refusal::Rules("it is no version of the policy".to_owned()));
        };
        Ok(Self {
            number: version.number,
            rules: config.rules,
            default: policy.without_rule(),
            author: version.author,
            created_at: version.created_at,
            restores: version.restores,
        })
    }
}

/// The rules as they are stored.
fn checked(rules: &[String]) -> Result<Vec<String>, Refusal> {
    let rules: Vec<String> =
        rules.iter().map(|rule| rule.trim().to_owned()).filter(|rule| !rule.is_empty()).collect();
    let length: usize = rules.iter().map(|rule| rule.chars().count()).sum();
    if rules.len() > MOST_RULES || length > MOST_TEXT {
        let most = format!("at most {MOST_RULES} rules and {MOST_TEXT} characters");
        return Err(Refusal::Rules(most));
    }
    Ok(rules)
}

impl Policies {
    /// The number of the newest version; 0 if there is none.
    pub async fn newest_version(&self) -> Result<i64, Refusal> {
        self.sets.newest_number(RuleSet::Policy).await
    }

    /// The newest versions, with numbers below `before`.
    pub async fn versions(
        &self,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<PolicyVersion>, Refusal> {
        let versions = self.sets.versions(RuleSet::Policy, before, limit).await?;
        versions.into_iter().map(PolicyVersion::try_from).collect()
    }

    /// The version of this number.
    pub async fn version(&self, number: i64) -> Result<PolicyVersion, Refusal> {
        self.sets.version(RuleSet::Policy, number).await?.try_into()
    }

    /// Saves rules as the next version and puts them in effect: here at once, in other processes
    /// within a second.
    pub async fn save(
        &self,
        authority: &Authority,
        new: NewPolicy<'_>,
    ) -> Result<PolicyVersion, Refusal> {
        let NewPolicy { rules, default, author, seen } = new;
        let settings = json!({"rules": checked(rules)?, "default": default});
        let new = NewRules { set: RuleSet::Policy, settings, author, seen };
        self.sets.save(authority, new).await?.try_into()
    }

    /// Saves the rules of an earlier version as the next version.
    pub async fn restore(
        &self,
        authority: &Authority,
        number: i64,
        author: &str,
        seen: Option<i64>,
    ) -> Result<PolicyVersion, Refusal> {
        let earlier = self.sets.version(RuleSet::Policy, number).await?;
        self.sets.restore(authority, &earlier, author, seen).await?.try_into()
    }
}
