//! Statements of identity providers about users, as the API shows them.

use doorward_model::{RuleVerdict, StatedClaim, Statement};
use schemars::JsonSchema;
use serde::Serialize;

/// A statement of an identity provider about a user, at a sign-in or check.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Statement")]
pub(super) struct ProviderStatement {
    at: i64,
    /// The claims that rules read.
    claims: Vec<Claim>,
    /// The rules with their verdicts.
    rules: Vec<Verdict>,
}

/// A claim of a statement.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatedClaim")]
struct Claim {
    name: String,
    values: Vec<String>,
    /// Number of further values.
    more: usize,
}

/// The verdict of a rule.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RuleVerdict")]
struct Verdict {
    rule: String,
    holds: bool,
}

impl From<Statement> for ProviderStatement {
    fn from(statement: Statement) -> Self {
        let claim =
            |claim: StatedClaim| Claim { name: claim.name, values: claim.values, more: claim.more };
        let verdict = |one: RuleVerdict| Verdict { rule: one.rule, holds: one.holds };
        Self {
            at: statement.at.0,
            claims: statement.claims.into_iter().map(claim).collect(),
            rules: statement.rules.into_iter().map(verdict).collect(),
        }
    }
}
