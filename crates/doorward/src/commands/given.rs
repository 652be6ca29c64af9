//! Input of commands: settings, and names that are missing.

use doorward_admin::{Object, Policies, Refusal};
use doorward_model::AuditSubject;

use crate::{Failed, nearest};

/// A refusal that ends with what was probably meant, where something is missing.
pub(super) fn hinted<T: AsRef<str>>(
    refusal: &Refusal,
    name: &str,
    known: impl IntoIterator<Item = T>,
) -> Failed {
    let hint = match refusal.code() {
        doorward_admin::Code::NotFound => nearest::hint(name, known),
        _ => String::new(),
    };
    Failed(format!("{refusal}{hint} [{}]", refusal.code()))
}

/// A refusal of a question about the policy, with the name that was probably meant.
pub(super) async fn unanswered(policies: &Policies, refusal: Refusal) -> Result<Failed, Failed> {
    let (wanted, known) = match &refusal {
        Refusal::Missing(Object::Audited(AuditSubject::Tool), name) => {
            (name.as_str(), policies.tool_names().await?)
        }
        Refusal::Missing(Object::Audited(AuditSubject::Upstream), name) => {
            (name.as_str(), policies.upstream_names().await?)
        }
        Refusal::Missing(Object::Audited(AuditSubject::User), name) => {
            (name.as_str(), policies.user_names().await?)
        }
        _ => return Ok(refusal.into()),
    };
    Ok(hinted(&refusal, wanted, known))
}

/// Settings that were written as a table, as operations take them.
pub(super) fn settings_of(
    table: toml::Table,
) -> Result<serde_json::Map<String, serde_json::Value>, Failed> {
    match serde_json::to_value(table).map_err(Failed::because)? {
        serde_json::Value::Object(settings) => Ok(settings),
        _ => Err(Failed("the settings are not a table".to_owned())),
    }
}
