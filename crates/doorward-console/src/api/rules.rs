//! The rules that administrators save besides the policy: access rules, limits, and the admission
//! of clients.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::NewRules;
use doorward_model::{RuleSet, RuleSource, RuleVersion, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, QueryParams, Refused, needs,
        show, show_state,
    },
    policy::{DryRunShown, VersionsQuery, seen, version_number},
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There are no such rules: the sets are access, limits and registration.";
    const OWNED: &str = "The configuration file has the section.";
    vec![
        Operation::get(
            needs::READ,
            routes::API_RULES,
            "showRules",
            "Shows the settings in effect of a set of rules: `access`, `limits` or `registration`.",
            one_set,
        )
        .answer::<RulesShown>(200, "The settings.")
        .with_etag()
        .missing(NONE),
        Operation::put(
            needs::ALL,
            routes::API_RULES,
            "saveRules",
            "Saves the settings of a set of rules as its next version and puts them in effect.",
            save,
        )
        .body::<RulesToSave>()
        .answer::<VersionShown>(200, "The version.")
        .with_etag()
        .if_match()
        .missing(NONE)
        .problem(409, OWNED),
        Operation::get(
            needs::READ,
            routes::API_RULES_VERSIONS,
            "listRuleVersions",
            "Lists the versions of a set of rules, the newest first.",
            versions,
        )
        .query::<VersionsQuery>()
        .answer::<VersionsShown>(200, "The versions.")
        .missing(NONE),
        Operation::get(
            needs::READ,
            routes::API_RULES_VERSION,
            "showRuleVersion",
            "Shows a version of a set of rules.",
            version,
        )
        .answer::<VersionShown>(200, "The version.")
        .missing("There are no such rules, or no such version."),
        Operation::post(
            needs::ALL,
            routes::API_RULES_RESTORE,
            "restoreRuleVersion",
            "Saves the settings of an earlier version as the next version.",
            restore,
        )
        .answer::<VersionShown>(200, "The new version.")
        .with_etag()
        .if_match()
        .missing("There are no such rules, or no such version.")
        .problem(409, OWNED),
        Operation::post(
            needs::ALL,
            routes::API_RULES_DRY_RUN,
            "tryRules",
            "Compares other access rules with those in effect by the calls of the audit. Nothing is \
             changed.",
            dry_run,
        )
        .body::<RulesToTry>()
        .answer::<DryRunShown>(200, "The calls that would have been decided otherwise.")
        .missing(NONE),
    ]
}

/// A set of rules in effect.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rules")]
struct RulesShown {
    /// `access`, `limits` or `registration`.
    set: &'static str,
    /// `configuration` if the configuration file has the section and they can be changed there
    /// alone; else `administrators`.
    owner: &'static str,
    /// The number of the newest version that was saved; 0 if none was.
    version: i64,
    /// The settings, named as in the configuration.
    settings: Map<String, Value>,
}

/// The settings to save.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RulesToSave")]
struct RulesToSave {
    /// The settings, named as in the configuration. Those that are left out get their defaults.
    settings: Map<String, Value>,
}

/// The settings to try.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RulesToTry")]
struct RulesToTry {
    /// The settings, named as in the configuration. Those that are left out have their defaults.
    settings: Map<String, Value>,
    /// The number of days of the audit to examine, 1 to 90; 30 without it.
    #[schemars(range(min = 1, max = 90))]
    days: Option<u32>,
}

/// A version of a set of rules.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RuleVersion")]
struct VersionShown {
    /// `access`, `limits` or `registration`.
    set: &'static str,
    #[serde(rename = "version")]
    number: i64,
    /// The settings, named as in the configuration.
    settings: Map<String, Value>,
    /// The sign-in name of the administrator who saved it.
    author: String,
    /// In seconds since 1970.
    created_at: i64,
    /// The version that it restores.
    #[serde(skip_serializing_if = "Option::is_none")]
    restores: Option<i64>,
}

impl From<RuleVersion> for VersionShown {
    fn from(version: RuleVersion) -> Self {
        Self {
            set: version.set.as_str(),
            number: version.number,
            settings: serde_json::from_str(&version.content).unwrap_or_default(),
            author: version.author,
            created_at: version.created_at.0,
            restores: version.restores,
        }
    }
}

/// Some versions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RuleVersions")]
struct VersionsShown {
    versions: Vec<VersionShown>,
    /// The parameter `before` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// The set of a path.
fn set(name: &str) -> Result<RuleSet, Refused> {
    RuleSet::parse_beside_policy(name).ok_or_else(|| Refused::missing("set of rules"))
}

fn answer(version: RuleVersion) -> Response {
    let etag = version.number.to_string();
    show_state(StatusCode::OK, &VersionShown::from(version), &etag)
}

async fn one_set(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let set = set(&name)?;
    let now = console.admin.rule_sets.now(set).await?;
    let shown = RulesShown {
        set: set.as_str(),
        owner: match now.source {
            RuleSource::File => "configuration",
            RuleSource::Version(_) | RuleSource::Unset => "administrators",
        },
        version: now.version,
        settings: now.content.settings(),
    };
    Ok(show_state(StatusCode::OK, &shown, &now.version.to_string()))
}

async fn save(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    IfMatch(etag): IfMatch,
    ApiCaller(caller): ApiCaller,
    JsonBody(asked): JsonBody<RulesToSave>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let new = NewRules {
        set: set(&name)?,
        settings: Value::Object(asked.settings),
        author: caller.user.name.as_str(),
        seen: Some(seen(&etag)),
    };
    Ok(answer(console.admin.rule_sets.save(&authority, new).await?))
}

async fn versions(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    QueryParams(which): QueryParams<VersionsQuery>,
) -> Answered {
    let most = which.limit.unwrap_or(50);
    let mut versions =
        console.admin.rule_sets.versions(set(&name)?, which.before, most + 1).await?;
    let more = u64::try_from(versions.len()).unwrap_or(u64::MAX) > most;
    versions.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let next = versions.last().filter(|_| more).map(|version| version.number);
    let versions = versions.into_iter().map(VersionShown::from).collect();
    Ok(show(StatusCode::OK, &VersionsShown { versions, next }))
}

async fn version(
    State(console): State<Arc<Console>>,
    Path((name, number)): Path<(String, String)>,
) -> Answered {
    let (set, number) = (set(&name)?, version_number(&number)?);
    let version = console.admin.rule_sets.version(set, number).await?;
    Ok(show(StatusCode::OK, &VersionShown::from(version)))
}

async fn restore(
    State(console): State<Arc<Console>>,
    Path((name, number)): Path<(String, String)>,
    IfMatch(etag): IfMatch,
    ApiCaller(caller): ApiCaller,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let (set, number) = (set(&name)?, version_number(&number)?);
    let rule_sets = &console.admin.rule_sets;
    let earlier = rule_sets.version(set, number).await?;
    let author = caller.user.name.as_str();
    Ok(answer(rule_sets.restore(&authority, &earlier, author, Some(seen(&etag))).await?))
}

async fn dry_run(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    JsonBody(asked): JsonBody<RulesToTry>,
) -> Answered {
    let set = set(&name)?;
    let days = asked.days.unwrap_or(30);
    let since = console.clock.now().plus(-i64::from(days) * 86_400);
    let settings = Value::Object(asked.settings);
    let found = console.admin.policies.dry_run_of(set, settings, since).await?;
    Ok(show(StatusCode::OK, &DryRunShown::from(found)))
}
