//! Accounts at identity providers on the page of a user.

use doorward_language::{Message, text};
use doorward_model::{LinkedIdentity, RuleVerdict, StatedClaim, Statement};
use doorward_web::moment;

/// An account at an identity provider.
pub(super) struct Linked {
    pub(super) provider: String,
    pub(super) account: String,
    pub(super) statement: Option<Stated>,
}

/// A claim of a statement.
pub(super) struct ClaimShown {
    pub(super) name: String,
    pub(super) values: String,
}

/// The last statement of an identity provider, as far as rules read it.
pub(super) struct Stated {
    pub(super) title: Message,
    pub(super) claims: Vec<ClaimShown>,
    pub(super) rules: Vec<RuleVerdict>,
}

fn stated(provider: &str, statement: Statement) -> Stated {
    let values = |claim: StatedClaim| {
        let values = claim.values.join(", ");
        let shown = match (claim.values.is_empty(), claim.more) {
            (true, _) => text::admin_user_stated_nothing().to_string(),
            (false, 0) => values,
            (false, more) => text::admin_user_stated_more(values, more).to_string(),
        };
        ClaimShown { name: claim.name, values: shown }
    };
    Stated {
        title: text::admin_user_stated(provider, moment(statement.at)),
        claims: statement.claims.into_iter().map(values).collect(),
        rules: statement.rules,
    }
}

impl From<LinkedIdentity> for Linked {
    fn from(identity: LinkedIdentity) -> Self {
        let provider = identity.provider.to_string();
        Self {
            statement: identity.statement.map(|statement| stated(&provider, statement)),
            account: identity.email.unwrap_or(identity.subject),
            provider,
        }
    }
}
