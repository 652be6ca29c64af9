//! The policy: its rules, explanations of its decisions, and trials of other rules.

mod tools;
mod versions;
mod who;

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::{Call, CaseResult, DryRun, Impact, Named, PolicyCase};
use doorward_model::{RuleSource, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{Answered, JsonBody, Operation, QueryParams, needs, show, show_state};
use crate::Console;

pub(super) use versions::{VersionsQuery, number as version_number, seen};

#[expect(clippy::too_many_lines, reason = "a table: one entry for each operation")]
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_POLICY,
            "listPolicy",
            "Lists the rules of the policy in order, each with the calls of the last 30 days on which \
             it decided.",
            list,
        )
        .answer::<RulesView>(200, "The rules.")
        .with_etag(),
        Operation::put(
            needs::ALL,
            routes::API_POLICY,
            "savePolicy",
            "Saves rules as the next version of the policy and puts them in effect.",
            versions::save,
        )
        .body::<versions::Rules>()
        .answer::<versions::Version>(200, "The version.")
        .with_etag()
        .if_match()
        .problem(409, "The configuration file has rules."),
        Operation::get(
            needs::READ,
            routes::API_POLICY_VERSIONS,
            "listPolicyVersions",
            "Lists the versions of the policy, the newest first.",
            versions::list,
        )
        .query::<versions::VersionsQuery>()
        .answer::<versions::Versions>(200, "The versions."),
        Operation::get(
            needs::READ,
            routes::API_POLICY_VERSION,
            "showPolicyVersion",
            "Shows a version of the policy.",
            versions::one,
        )
        .answer::<versions::Version>(200, "The version.")
        .missing("There is no such version."),
        Operation::post(
            needs::ALL,
            routes::API_POLICY_RESTORE,
            "restorePolicyVersion",
            "Saves the rules of an earlier version as the next version.",
            versions::restore,
        )
        .answer::<versions::Version>(200, "The new version.")
        .with_etag()
        .if_match()
        .missing("There is no such version.")
        .problem(409, "The configuration file has rules."),
        Operation::post(
            needs::ALL,
            routes::API_POLICY_DRY_RUN,
            "tryPolicy",
            "Compares other rules with those in effect by the calls of the audit. Nothing is changed.",
            dry_run,
        )
        .body::<ProposedRules>()
        .answer::<DryRunShown>(200, "The calls that would have been decided otherwise."),
        Operation::post(
            needs::ALL,
            routes::API_POLICY_TEST,
            "testPolicy",
            "Decides about cases under the rules in effect, and compares each effect with the \
             expected one.",
            test,
        )
        .body::<Cases>()
        .answer::<Tested>(200, "The results."),
        Operation::get(
            needs::READ,
            routes::API_EXPLAIN,
            "explainPolicy",
            "Explains whether a user may use a tool, a prompt, a resource or an upstream through a \
             client.",
            explain,
        )
        .query::<ExplainQuery>()
        .answer::<Explained>(200, "The decision, step by step.")
        .problem(400, "None or several of tool, prompt, resource, template and upstream are given.")
        .missing("There is no such user, tool or upstream."),
        who::operation(),
        tools::operation(),
    ]
}

/// The use to be explained. Exactly one of `tool`, `prompt`, `resource`, `template` and `upstream`
/// is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichCall")]
struct ExplainQuery {
    /// The user's ID or sign-in name.
    user: String,
    /// The tool, by its name at /mcp.
    tool: Option<String>,
    /// The prompt, by its name at /mcp.
    prompt: Option<String>,
    /// The resource, by its URI at /mcp.
    resource: Option<String>,
    /// The resource template, by its URI at /mcp.
    template: Option<String>,
    /// The upstream as a whole, by its name.
    upstream: Option<String>,
    /// The client's ID or name; by default any client.
    client: Option<String>,
    /// The name of the toolset at whose URL the client calls; by default /mcp.
    toolset: Option<String>,
}

/// The answer.
#[derive(Serialize, JsonSchema)]
struct Explained {
    /// The item, under its name at /mcp.
    item: String,
    /// `allow`, `confirm`, `needs approval`, `deny` or `not offered`.
    answer: String,
    why: Vec<String>,
}

async fn explain(
    State(console): State<Arc<Console>>,
    QueryParams(which): QueryParams<ExplainQuery>,
) -> Answered {
    let client = which.client.as_deref().unwrap_or_default();
    let item = Named {
        tool: which.tool.as_deref(),
        prompt: which.prompt.as_deref(),
        resource: which.resource.as_deref(),
        template: which.template.as_deref(),
        upstream: which.upstream.as_deref(),
    };
    let toolset = which.toolset.as_deref().unwrap_or_default();
    let call = Call { user: &which.user, client, toolset, item };
    let explained = console.admin.policies.explain(call).await?;
    Ok(show(
        StatusCode::OK,
        &Explained {
            item: explained.item,
            answer: explained.answer.as_str().to_owned(),
            why: explained.why.iter().map(ToString::to_string).collect(),
        },
    ))
}

/// The rules in effect.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyShown")]
struct RulesView {
    /// The owner of the rules: `configuration`, where they are changed in its file, or
    /// `administrators`.
    owner: &'static str,
    /// The number of the newest version that administrators saved; 0 if none was.
    version: i64,
    /// The effect where no rule matches.
    default: &'static str,
    rules: Vec<RuleShown>,
    /// The calls of the last 30 days that no rule matched.
    default_hits: i64,
}

/// A rule in its place.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyRule")]
struct RuleShown {
    number: usize,
    effect: &'static str,
    rule: String,
    /// The calls of the last 30 days on which it decided.
    hits: i64,
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let found = console.admin.policies.rules_in_effect().await?;
    let rules = found.rules.into_iter().map(|rule| RuleShown {
        number: rule.number,
        effect: rule.effect.as_str(),
        rule: rule.text,
        hits: rule.hits,
    });
    let shown = RulesView {
        owner: match found.source {
            RuleSource::File => "configuration",
            RuleSource::Version(_) | RuleSource::Unset => "administrators",
        },
        version: found.version,
        default: found.default.as_str(),
        rules: rules.collect(),
        default_hits: found.default_hits,
    };
    Ok(show_state(StatusCode::OK, &shown, &found.version.to_string()))
}

/// Rules to try.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyToTry")]
struct ProposedRules {
    /// The rules in order, such as `deny role=guest class=write`.
    #[schemars(length(max = 500))]
    rules: Vec<String>,
    /// `allow`, `deny` or `confirm`: the effect where no rule matches.
    default: String,
    /// The number of days of the audit to examine, 1 to 90; 30 without it.
    #[schemars(range(min = 1, max = 90))]
    days: Option<u32>,
}

/// The effect of the rules on the calls of the audit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyDryRun")]
pub(super) struct DryRunShown {
    /// The calls that were read.
    calls: u64,
    /// True if there were more; the newest were read.
    partial: bool,
    /// Calls that were made and would be refused.
    refused: ImpactShown,
    /// Calls that were made without a confirmation and would need one.
    confirmed: ImpactShown,
    /// Calls that the rules in effect refuse and these would not.
    opened: ImpactShown,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyImpact")]
struct ImpactShown {
    calls: u64,
    users: usize,
    /// The tools with the most of these calls.
    tools: Vec<ToolCalls>,
}

#[derive(Serialize, JsonSchema)]
struct ToolCalls {
    tool: String,
    calls: u64,
}

impl From<Impact> for ImpactShown {
    fn from(impact: Impact) -> Self {
        let tools = impact.tools.into_iter().map(|(tool, calls)| ToolCalls { tool, calls });
        Self { calls: impact.calls, users: impact.users, tools: tools.collect() }
    }
}

impl From<DryRun> for DryRunShown {
    fn from(found: DryRun) -> Self {
        Self {
            calls: found.calls,
            partial: found.partial,
            refused: found.refused.into(),
            confirmed: found.confirmed.into(),
            opened: found.opened.into(),
        }
    }
}

async fn dry_run(
    State(console): State<Arc<Console>>,
    JsonBody(asked): JsonBody<ProposedRules>,
) -> Answered {
    let days = asked.days.unwrap_or(30);
    let since = console.clock.now().plus(-i64::from(days) * 86_400);
    let found = console.admin.policies.dry_run(&asked.rules, &asked.default, since).await?;
    Ok(show(StatusCode::OK, &DryRunShown::from(found)))
}

/// Cases with the effect that is expected.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyCases")]
struct Cases {
    #[schemars(length(max = 200))]
    cases: Vec<Case>,
}

/// A call, and the effect that the policy must have on it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyCase")]
struct Case {
    /// The name of the case.
    #[serde(default)]
    name: String,
    /// The ID of the user; without one, any.
    #[serde(default)]
    user: String,
    /// The verified e-mail address of the user.
    email: Option<String>,
    /// The roles of the user.
    #[serde(default)]
    roles: Vec<String>,
    /// The ID of the client or personal access token; without one, any.
    #[serde(default)]
    client: String,
    /// The upstream; none for built-in tools.
    #[serde(default)]
    upstream: String,
    /// `tool`, `prompt` or `resource`; without one, a tool.
    #[serde(default)]
    kind: String,
    /// The item's name at the upstream; the URI of a resource.
    tool: String,
    /// `read`, `write` or `destructive`; without one, `read`.
    #[serde(default)]
    class: String,
    /// `open-world` and `idempotent`, as far as they apply.
    #[serde(default)]
    hints: Vec<String>,
    /// `allow`, `deny` or `confirm`.
    expect: String,
}

/// The results of cases.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyTested")]
struct Tested {
    /// True if every effect is the expected one.
    ok: bool,
    cases: Vec<CaseShown>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyCaseResult")]
struct CaseShown {
    name: String,
    ok: bool,
    expected: &'static str,
    effect: &'static str,
    /// The reasons, step by step.
    why: Vec<String>,
}

async fn test(State(console): State<Arc<Console>>, JsonBody(sent): JsonBody<Cases>) -> Answered {
    let cases: Vec<PolicyCase> = sent
        .cases
        .into_iter()
        .map(|case| {
            let Case { name, user, email, roles, client, upstream, kind, tool, .. } = case;
            let (class, hints, expect) = (case.class, case.hints, case.expect);
            PolicyCase {
                name,
                user,
                email,
                roles,
                client,
                upstream,
                kind,
                tool,
                class,
                hints,
                expect,
            }
        })
        .collect();
    let results = console.admin.policies.try_cases(&cases)?;
    let shown = Tested {
        ok: results.iter().all(CaseResult::is_ok),
        cases: results
            .iter()
            .map(|result| CaseShown {
                name: result.name.clone(),
                ok: result.is_ok(),
                expected: result.expected.as_str(),
                effect: result.effect.as_str(),
                why: result.why.iter().map(ToString::to_string).collect(),
            })
            .collect(),
    };
    Ok(show(StatusCode::OK, &shown))
}
