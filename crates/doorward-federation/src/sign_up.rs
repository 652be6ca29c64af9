//! The decision on which users may create an account here.

use doorward_model::NewUsers;

use crate::{
    config::{ProviderConfig, SettingError},
    kinds::{Accounts, Kind},
    policy::Policy,
};

/// Claims with one value for all users of a provider.
const OF_ALL: &[&str] = &["iss", "aud", "azp", "email_verified", "xms_edov"];

/// A pattern that limits: `*`, `*@*` and the like fit everything.
fn limits(pattern: &str) -> bool {
    pattern.chars().any(char::is_alphanumeric)
}

/// Reports that a rule on admission leaves out some of a provider's users.
fn is_limited(config: &ProviderConfig, policy: &Policy) -> bool {
    let of_all =
        |claim: &str| OF_ALL.contains(&claim) || claim == config.claim_email_verified.as_str();
    let groups = &policy.groups;
    !policy.domains.is_empty()
        || (!groups.is_empty() && groups.iter().all(|pattern| limits(pattern.as_str())))
        || policy
            .conditions
            .iter()
            .any(|condition| limits(condition.pattern()) && !of_all(condition.claim()))
}

/// The treatment of new users, by the kind's table and the settings: the one place that decides
/// which users may create an account here.
pub(crate) fn new_users(
    kind: &Kind,
    config: &ProviderConfig,
    policy: &Policy,
) -> Result<NewUsers, SettingError> {
    match config.sign_up.as_str() {
        "open" => Ok(NewUsers::Open),
        "invited" => Ok(NewUsers::Invited),
        "" => Ok(match (kind.accounts)(config) {
            Accounts::Public { .. } if !is_limited(config, policy) => NewUsers::Undecided,
            Accounts::Public { .. } | Accounts::Own => NewUsers::Open,
        }),
        other => {
            Err(SettingError::new("sign_up", format!("must be open or invited, not {other:?}")))
        }
    }
}

/// Refuses settings that leave open which users may create an account here. A provider that is
/// disabled admits no user.
pub(crate) fn decided(
    kind: &Kind,
    config: &ProviderConfig,
    new_users: NewUsers,
) -> Result<(), SettingError> {
    if !config.enabled {
        return Ok(());
    }
    match ((kind.accounts)(config), new_users) {
        (Accounts::Public { service, limit }, NewUsers::Undecided) => Err(SettingError::new(
            "sign_up",
            format!(
                "is needed, because anyone can have a {service} account: set it to \"invited\" (only users whom you invite), or limit who is admitted by allowed_domains, allowed_groups or required_claims, for example {limit}. \"open\" gives an account here to every {service} user"
            ),
        )),
        (Accounts::Own, _) | (Accounts::Public { .. }, NewUsers::Open | NewUsers::Invited) => {
            Ok(())
        }
    }
}
