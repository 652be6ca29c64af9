//! `doorward policy …`.

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgGroup, Args, Subcommand};
use doorward_accounts::Authority;
use doorward_admin::{
    Call, CaseResult, DryRun, Explained, Impact, Named, NewPolicy, PolicyCase, PolicyVersion,
    try_cases,
};
use doorward_model::{Clock, ports::SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{context::Context, given::unanswered, print_json, print_table, user_tools, who};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward policy list
  doorward policy explain --user ada --tool wiki_search
  doorward policy who --tool wiki_delete
  doorward policy tools --user ada --answer deny
  doorward policy test policy-cases.toml
  doorward policy dry-run doorward-new.toml --days 7";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Explains whether a user may use a tool, a prompt, a resource or an upstream through a
    /// client.
    Explain(Question),
    /// Lists the enabled users who may use a tool, a prompt, a resource or an upstream, or who have
    /// a role, each with the reasons.
    Who(who::Question),
    /// Lists the tools of all upstreams and the built-in ones, each with the decision for a user
    /// and the reason.
    Tools(user_tools::Question),
    /// Lists the rules in order, each with the calls of the last 30 days on which it decided.
    List,
    /// Evaluates the cases of a file under the configuration, and fails if an effect differs from
    /// the expected one. Needs no database, so that CI can check the configuration.
    Test {
        /// A TOML file with `[[case]]` tables: name, roles, user, email, client, upstream, tool,
        /// kind, class, hints, expect.
        file: PathBuf,
    },
    /// Saves the rules of a file as the next version, in effect within a second on a running
    /// server. Refused if the configuration has `[policy]`.
    Save {
        /// A TOML file; its `[policy]` is saved.
        file: PathBuf,
    },
    /// Lists the saved versions, the newest first.
    Versions {
        /// The maximum number.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Shows the rules of a version as a file that can be saved.
    Show {
        /// The number of the version.
        version: i64,
    },
    /// Saves the rules of an earlier version as the next version.
    RollBack {
        /// The number of the earlier version.
        version: i64,
    },
    /// Compares the rules of another configuration file with those in effect, by the calls of the
    /// audit. Nothing is changed.
    DryRun {
        /// The file; its `[policy]` is tried.
        file: PathBuf,
        /// The number of days of the audit to examine.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=90))]
        days: u32,
    },
}

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<PolicyCase>,
}

/// The part of a configuration file that is tried.
#[derive(Deserialize)]
struct Candidate {
    policy: crate::config::PolicyConfig,
}

/// Reads a TOML file.
pub(super) fn read<T: serde::de::DeserializeOwned>(file: &std::path::Path) -> Result<T, Failed> {
    let path = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| Failed(format!("{path}: {error}")))?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        Failed(format!("{path}, line {line}: {}", error.message()))
    })
}

fn test(context: &Context, file: &std::path::Path) -> Result<ExitCode, Failed> {
    let Cases { case } = read(file)?;
    let results = try_cases(&context.rules_of_file(), &case)?;
    let failed = results.iter().filter(|result| !result.is_ok()).count();
    if context.json {
        let describe = |result: &CaseResult| {
            json!({
                "name": result.name, "ok": result.is_ok(), "expected": result.expected.as_str(), "effect": result.effect.as_str(),
                "why": result.why.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        };
        let cases: Vec<Value> = results.iter().map(describe).collect();
        print_json(&json!({"ok": failed == 0, "cases": cases}));
    } else {
        for result in &results {
            let (expected, effect) = (result.expected.as_str(), result.effect.as_str());
            if result.is_ok() {
                report!("ok    {effect:<8} {}", result.name);
                continue;
            }
            report!("WRONG {effect:<8} {}: expected {expected}", result.name);
            for step in &result.why {
                report!("        {step}");
            }
        }
        report!("{} cases, {failed} with another effect than expected.", results.len());
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn tell(what: &str, impact: &Impact) {
    report!("{} calls of {} users {what}", impact.calls, impact.users);
    for (tool, calls) in &impact.tools {
        report!("  {calls:>8}  {tool}");
    }
}

fn value(impact: &Impact) -> Value {
    let tools = impact.tools.iter().map(|(tool, calls)| json!({"tool": tool, "calls": calls}));
    json!({"calls": impact.calls, "users": impact.users, "tools": tools.collect::<Vec<_>>()})
}

async fn dry_run(context: &Context, file: &std::path::Path, days: u32) -> Result<ExitCode, Failed> {
    let Candidate { policy } = read(file)?;
    let policies = context.policies(&context.store().await?).await?;
    let since = SystemClock.now().plus(-i64::from(days) * 86_400);
    let found = policies.dry_run(&policy.rules, &policy.default, since).await?;
    tell_dry_run(context, &found, days);
    Ok(ExitCode::SUCCESS)
}

/// Prints the result of a trial.
pub(super) fn tell_dry_run(context: &Context, found: &DryRun, days: u32) {
    if context.json {
        print_json(&json!({
            "calls": found.calls, "partial": found.partial, "refused": value(&found.refused),
            "confirmed": value(&found.confirmed), "opened": value(&found.opened),
        }));
        return;
    }
    let newest = if found.partial { " (the newest; there were more)" } else { "" };
    report!("{} calls of the last {days} days{newest}:", found.calls);
    tell("would have been refused.", &found.refused);
    tell("would have needed a confirmation.", &found.confirmed);
    tell("that are refused now would not have been.", &found.opened);
}

/// The author of versions that commands save.
pub(super) const AUTHOR: &str = "the command line";

fn tell_saved(context: &Context, version: &PolicyVersion) -> ExitCode {
    if context.json {
        print_json(&describe(version));
    } else {
        report!("Saved version {}. It is in effect within a second.", version.number);
    }
    ExitCode::SUCCESS
}

fn describe(version: &PolicyVersion) -> Value {
    json!({
        "version": version.number, "rules": version.rules, "default": version.default.as_str(),
        "author": version.author, "created_at": version.created_at.0, "restores": version.restores,
    })
}

async fn save(context: &Context, file: &std::path::Path) -> Result<ExitCode, Failed> {
    let Candidate { policy } = read(file)?;
    let policies = context.policies(&context.store().await?).await?;
    let (rules, default) = (&policy.rules, policy.default.as_str());
    let new = NewPolicy { rules, default, author: AUTHOR, seen: None };
    let version = policies.save(&Authority::operator(), new).await?;
    Ok(tell_saved(context, &version))
}

async fn roll_back(context: &Context, version: i64) -> Result<ExitCode, Failed> {
    let policies = context.policies(&context.store().await?).await?;
    let version = policies.restore(&Authority::operator(), version, AUTHOR, None).await?;
    Ok(tell_saved(context, &version))
}

async fn versions(context: &Context, limit: u64) -> Result<ExitCode, Failed> {
    let policies = context.policies(&context.store().await?).await?;
    let versions = policies.versions(None, limit).await?;
    if context.json {
        print_json(&versions.iter().map(describe).collect());
        return Ok(ExitCode::SUCCESS);
    }
    let row = |version: &PolicyVersion| {
        vec![
            version.number.to_string(),
            doorward_language::moment(version.created_at),
            version.author.clone(),
            version.rules.len().to_string(),
            version.restores.map(|number| number.to_string()).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = versions.iter().map(row).collect();
    print_table(&["VERSION", "SAVED", "BY", "RULES", "RESTORES"], &rows);
    Ok(ExitCode::SUCCESS)
}

async fn show(context: &Context, version: i64) -> Result<ExitCode, Failed> {
    let policies = context.policies(&context.store().await?).await?;
    let version = policies.version(version).await?;
    if context.json {
        print_json(&describe(&version));
        return Ok(ExitCode::SUCCESS);
    }
    let rules = version.rules.iter().map(|rule| toml::Value::from(rule.as_str()));
    report!("[policy]");
    report!("default = {}", toml::Value::from(version.default.as_str()));
    report!("rules = {}", toml::Value::Array(rules.collect()));
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context) -> Result<ExitCode, Failed> {
    let policies = context.policies(&context.store().await?).await?;
    let found = policies.rules_in_effect().await?;
    if context.json {
        let rules = found.rules.iter().map(|rule| {
            json!({"number": rule.number, "effect": rule.effect.as_str(), "rule": rule.text, "hits": rule.hits})
        });
        print_json(&json!({
            "rules": rules.collect::<Vec<_>>(), "default": found.default.as_str(), "default_hits": found.default_hits,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows: Vec<Vec<String>> = found
        .rules
        .iter()
        .map(|rule| vec![rule.number.to_string(), rule.hits.to_string(), rule.text.clone()])
        .collect();
    let default = format!("{} (policy.default)", found.default.as_str());
    rows.push(vec!["-".to_owned(), found.default_hits.to_string(), default]);
    print_table(&["RULE", "HITS", "TEXT"], &rows);
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("item").required(true).args(["tool", "prompt", "resource", "template", "upstream"])))]
pub(super) struct Question {
    /// The user's ID or sign-in name.
    #[arg(long, value_name = "ID|NAME")]
    user: String,
    /// The client's ID or name; by default any client.
    #[arg(long, value_name = "ID|NAME", default_value = "", hide_default_value = true)]
    client: String,
    /// The toolset at whose URL the client calls; by default /mcp.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    toolset: String,
    /// The tool, by its name at /mcp.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// The prompt, by its name at /mcp. Its completions follow it.
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// The resource, by its URI at /mcp (UPSTREAM+URI). Subscriptions follow it.
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// The resource template, by its URI at /mcp. Its completions follow it.
    #[arg(long, value_name = "URI")]
    template: Option<String>,
    /// The upstream as a whole: its capabilities, its log messages, changes of its lists.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let asked = match command {
        Command::Explain(asked) => asked,
        Command::Who(asked) => return who::run(context, &asked).await,
        Command::Tools(asked) => return user_tools::run(context, &asked).await,
        Command::List => return list(context).await,
        Command::Test { file } => return test(context, &file),
        Command::Save { file } => return save(context, &file).await,
        Command::Versions { limit } => return versions(context, limit).await,
        Command::Show { version } => return show(context, version).await,
        Command::RollBack { version } => return roll_back(context, version).await,
        Command::DryRun { file, days } => return dry_run(context, &file, days).await,
    };
    let policies = context.policies(&context.store().await?).await?;
    let item = Named {
        tool: asked.tool.as_deref(),
        prompt: asked.prompt.as_deref(),
        resource: asked.resource.as_deref(),
        template: asked.template.as_deref(),
        upstream: asked.upstream.as_deref(),
    };
    let (user, client, toolset) = (&asked.user, &asked.client, &asked.toolset);
    let call = Call { user, client, toolset, item };
    let Explained { item, answer, why, .. } = match policies.explain(call).await {
        Ok(explained) => explained,
        Err(refusal) => return Err(unanswered(&policies, refusal).await?),
    };
    let answer = answer.as_str();
    if context.json {
        print_json(
            &json!({"item": item, "answer": answer, "why": why.iter().map(ToString::to_string).collect::<Vec<_>>()}),
        );
        return Ok(ExitCode::SUCCESS);
    }
    report!("{item}: {answer}");
    for step in why {
        report!("  {step}");
    }
    Ok(ExitCode::SUCCESS)
}
