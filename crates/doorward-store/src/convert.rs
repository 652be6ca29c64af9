//! Values of columns. One that does not parse is damage, reported with table and key.

use doorward_model::{Authentication, Level, Role, UpstreamName};

use crate::StoreError;

pub(crate) fn list_to_text<'a>(items: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::Array(items.map(serde_json::Value::from).collect()).to_string()
}

pub(crate) fn list_from_text(
    table: &'static str,
    key: &str,
    text: &str,
) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| damaged(table, key))
}

pub(crate) fn damaged(table: &'static str, key: &str) -> StoreError {
    StoreError::Damaged { table, key: key.to_owned() }
}

pub(crate) fn roles(table: &'static str, key: &str, text: &str) -> Result<Vec<Role>, StoreError> {
    list_from_text(table, key, text)?
        .iter()
        .map(|role| Role::named(role))
        .collect::<Result<_, _>>()
        .map_err(|_| damaged(table, key))
}

pub(crate) fn roles_to_text(roles: &[Role]) -> String {
    list_to_text(roles.iter().map(Role::as_str))
}

pub(crate) fn authentication(
    table: &'static str,
    key: &str,
    acr: &str,
    amr: &str,
) -> Result<Authentication, StoreError> {
    Ok(Authentication { level: Level::parse(acr), amr: list_from_text(table, key, amr)? })
}

pub(crate) fn amr_to_text(authentication: &Authentication) -> String {
    list_to_text(authentication.amr.iter().map(String::as_str))
}

pub(crate) fn upstream_name(table: &'static str, text: &str) -> Result<UpstreamName, StoreError> {
    UpstreamName::parse(text).map_err(|_| damaged(table, text))
}
