//! Versions of the policy: saved, listed and restored. The configuration file owns the policy where
//! it has one.

use doorward_accounts::Authority;
use doorward_model::{
    AuditSubject, Change, Effect, PolicySource, PolicyVersion, Rules, ToolPolicy, UnitOfWork,
    policy_version::{MOST_RULES, MOST_TEXT},
    setting,
};
use doorward_store::{Condition, Store, StoreError};

use super::Policies;
use crate::Refusal;

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

/// The newest version. The setting that tells other processes about it is read from a cache, which a
/// write of another process makes stale, and decides nothing here.
async fn newest(store: &Store) -> Result<Option<PolicyVersion>, StoreError> {
    Ok(store.policy_versions(None, 1).await?.pop())
}

/// The number of the newest version; 0 if there is none.
async fn newest_number(store: &Store) -> Result<i64, StoreError> {
    Ok(newest(store).await?.map_or(0, |version| version.number))
}

/// The policy that administrators saved last, with its number.
pub async fn saved_policy(store: &Store) -> Result<Option<(i64, ToolPolicy)>, Refusal> {
    let Some(version) = newest(store).await? else { return Ok(None) };
    let policy = version.policy().map_err(|error| Refusal::PolicyRule(error.to_string()))?;
    Ok(Some((version.number, policy)))
}

/// The rules as they are stored, and their policy.
fn checked(rules: &[String], default: &str) -> Result<(Vec<String>, ToolPolicy), Refusal> {
    let rules: Vec<String> =
        rules.iter().map(|rule| rule.trim().to_owned()).filter(|rule| !rule.is_empty()).collect();
    let length: usize = rules.iter().map(|rule| rule.chars().count()).sum();
    if rules.len() > MOST_RULES || length > MOST_TEXT {
        let most = format!("at most {MOST_RULES} rules and {MOST_TEXT} characters");
        return Err(Refusal::PolicyRule(most));
    }
    let policy = ToolPolicy::parse(&rules, default)
        .map_err(|error| Refusal::PolicyRule(error.to_string()))?;
    Ok((rules, policy))
}

impl Policies {
    /// The number of the newest version; 0 if there is none.
    pub async fn newest_version(&self) -> Result<i64, Refusal> {
        Ok(newest_number(&self.store).await?)
    }

    /// The newest versions, with numbers below `before`.
    pub async fn versions(
        &self,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<PolicyVersion>, Refusal> {
        Ok(self.store.policy_versions(before, limit).await?)
    }

    /// The version of this number.
    pub async fn version(&self, number: i64) -> Result<PolicyVersion, Refusal> {
        let found = self.store.policy_version(number).await?;
        found.ok_or_else(|| Refusal::missing(AuditSubject::Policy, number.to_string()))
    }

    /// Saves rules as the next version and puts them in effect: here at once, in other processes
    /// within a second.
    pub async fn save(
        &self,
        authority: &Authority,
        new: NewPolicy<'_>,
    ) -> Result<PolicyVersion, Refusal> {
        self.put(authority, new, None).await
    }

    /// Saves the rules of an earlier version as the next version.
    pub async fn restore(
        &self,
        authority: &Authority,
        number: i64,
        author: &str,
        seen: Option<i64>,
    ) -> Result<PolicyVersion, Refusal> {
        let earlier = self.version(number).await?;
        let (rules, default) = (&earlier.rules, earlier.default.as_str());
        let new = NewPolicy { rules, default, author, seen };
        self.put(authority, new, Some(number)).await
    }

    async fn put(
        &self,
        _: &Authority,
        new: NewPolicy<'_>,
        restores: Option<i64>,
    ) -> Result<PolicyVersion, Refusal> {
        if self.rules.now().policy_source == PolicySource::File {
            return Err(Refusal::PolicyInFile);
        }
        let (rules, policy) = checked(new.rules, new.default)?;
        let newest = newest_number(&self.store).await?;
        if new.seen.is_some_and(|seen| seen != newest) {
            return Err(Refusal::PolicyChanged);
        }
        let version = PolicyVersion {
            number: newest + 1,
            rules,
            default: Effect::parse(new.default).unwrap_or(Effect::Deny),
            author: new.author.to_owned(),
            created_at: self.clock.now(),
            restores,
        };
        let number = version.number;
        let unit: UnitOfWork = [
            Change::InsertPolicyVersion(version.clone()),
            Change::PutSetting {
                key: setting::POLICY_VERSION.to_owned(),
                value: number.to_string(),
            },
        ]
        .into_iter()
        .collect();
        match self.store.apply(unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(Condition::InsertPolicyVersion)) => {
                return Err(Refusal::PolicyChanged);
            }
            Err(error) => return Err(error.into()),
        }
        self.rules.update(|rules| match rules.policy_source {
            // Meanwhile the file has rules, or another process saved a newer version.
            PolicySource::File => rules.clone(),
            PolicySource::Version(other) if other > number => rules.clone(),
            PolicySource::Version(_) | PolicySource::Unset => {
                Rules { policy, policy_source: PolicySource::Version(number), ..rules.clone() }
            }
        });
        Ok(version)
    }
}
