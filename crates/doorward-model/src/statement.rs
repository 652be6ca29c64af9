//! Statements of identity providers about users, with the verdicts of the rules that read them, as
//! administrators see them.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A claim that rules read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedClaim {
    /// Its name, or a JSON pointer.
    pub name: String,
    /// Its values, cleaned and cut; none where the provider stated none.
    pub values: Vec<String>,
    /// The number of further values, which are not kept.
    #[serde(default)]
    pub more: usize,
}

/// The verdict of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// The rule as it was written at that time.
    pub rule: String,
    /// True if it held.
    pub holds: bool,
}

/// A provider's statement about a user at a sign-in or check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The time of it.
    pub at: Timestamp,
    /// The claims that rules read. No other claim is kept.
    pub claims: Vec<StatedClaim>,
    /// The verdict of each rule.
    pub rules: Vec<RuleVerdict>,
}
