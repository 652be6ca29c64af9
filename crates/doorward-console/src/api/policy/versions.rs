//! Versions of the policy: saving, listing and restoring.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use doorward_accounts::Authority;
use doorward_admin::{NewPolicy, PolicyVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::operation::{
    Answered, ApiCaller, IfMatch, JsonBody, PathValue, QueryParams, Refused, show, show_state,
};
use crate::Console;

/// Rules to save.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyToSave")]
pub(super) struct Rules {
    /// The rules in order, such as `deny role=guest class=write`.
    #[schemars(length(max = 500))]
    rules: Vec<String>,
    /// `allow`, `deny` or `confirm`: the effect where no rule matches.
    default: String,
}

/// A version of the policy.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyVersion")]
pub(super) struct Version {
    #[serde(rename = "version")]
    number: i64,
    rules: Vec<String>,
    /// The effect where no rule matches.
    default: &'static str,
    /// The sign-in name of the administrator who saved it.
    author: String,
    /// In seconds since 1970.
    created_at: i64,
    /// The version that it restores.
    #[serde(skip_serializing_if = "Option::is_none")]
    restores: Option<i64>,
}

impl From<PolicyVersion> for Version {
    fn from(version: PolicyVersion) -> Self {
        Self {
            number: version.number,
            rules: version.rules,
            default: version.default.as_str(),
            author: version.author,
            created_at: version.created_at.0,
            restores: version.restores,
        }
    }
}

/// Some versions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyVersions")]
pub(super) struct Versions {
    versions: Vec<Version>,
    /// The parameter `before` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// The versions to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichVersions")]
pub(in crate::api) struct VersionsQuery {
    /// Only versions with smaller numbers: `next` of the page before.
    pub(in crate::api) before: Option<i64>,
    /// Maximum number, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::api) limit: Option<u64>,
}

fn answer(version: PolicyVersion) -> Response {
    let etag = version.number.to_string();
    show_state(StatusCode::OK, &Version::from(version), &etag)
}

/// The version that was read. An etag of another form names no version.
pub(in crate::api) fn seen(etag: &str) -> i64 {
    etag.parse().unwrap_or(-1)
}

pub(super) async fn save(
    State(console): State<Arc<Console>>,
    IfMatch(etag): IfMatch,
    ApiCaller(caller): ApiCaller,
    JsonBody(asked): JsonBody<Rules>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let new = NewPolicy {
        rules: &asked.rules,
        default: &asked.default,
        author: caller.user.name.as_str(),
        seen: Some(seen(&etag)),
    };
    Ok(answer(console.admin.policies.save(&authority, new).await?))
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    QueryParams(which): QueryParams<VersionsQuery>,
) -> Answered {
    let most = which.limit.unwrap_or(50);
    let mut versions = console.admin.policies.versions(which.before, most + 1).await?;
    let more = u64::try_from(versions.len()).unwrap_or(u64::MAX) > most;
    versions.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let next = versions.last().filter(|_| more).map(|version| version.number);
    let versions = versions.into_iter().map(Version::from).collect();
    Ok(show(StatusCode::OK, &Versions { versions, next }))
}

/// The number of a version in a path.
pub(in crate::api) fn number(text: &str) -> Result<i64, Refused> {
    text.parse().map_err(|_| Refused::missing("version"))
}

pub(super) async fn one(
    State(console): State<Arc<Console>>,
    PathValue(version): PathValue,
) -> Answered {
    let version = console.admin.policies.version(number(&version)?).await?;
    Ok(show(StatusCode::OK, &Version::from(version)))
}

pub(super) async fn restore(
    State(console): State<Arc<Console>>,
    PathValue(version): PathValue,
    IfMatch(etag): IfMatch,
    ApiCaller(caller): ApiCaller,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let (number, author) = (number(&version)?, caller.user.name.as_str());
    let policies = &console.admin.policies;
    Ok(answer(policies.restore(&authority, number, author, Some(seen(&etag))).await?))
}
