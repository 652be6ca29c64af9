//! Versions of the policy that administrators saved. The one with the highest number is in effect,
//! unless the configuration file has rules.

use crate::{Effect, Timestamp, ToolPolicy, access::RuleError};

/// Maximum number of rules of a version.
pub const MOST_RULES: usize = 500;
/// Maximum number of characters of all rules of a version.
pub const MOST_TEXT: usize = 20_000;

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

impl PolicyVersion {
    /// The policy.
    pub fn policy(&self) -> Result<ToolPolicy, RuleError> {
        ToolPolicy::parse(&self.rules, self.default.as_str())
    }
}

/// The source of the policy in effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicySource {
    /// The configuration file: it cannot be changed elsewhere.
    File,
    /// The version of this number.
    Version(i64),
    /// Neither: everything that scopes and roles permit is allowed.
    #[default]
    Unset,
}
