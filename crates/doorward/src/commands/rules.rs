//! `doorward rules …`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Subcommand, ValueEnum};
use doorward_accounts::Authority;
use doorward_admin::{NewRules, RuleContent, RulesNow};
use doorward_model::{Clock, RuleSet, RuleSource, RuleVersion, ports::SystemClock};
use serde_json::{Map, Value, json};

use super::{context::Context, policy, print_json, print_table};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward rules show access
  doorward rules save access access.toml
  doorward rules versions limits
  doorward rules roll-back limits 2";

/// A set of rules besides the policy.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(super) enum Set {
    /// The roles that may have scopes and call tools, and where a second factor is needed.
    Access,
    /// The limits for each user, client and upstream.
    Limits,
    /// The admission of clients.
    Registration,
}

impl From<Set> for RuleSet {
    fn from(set: Set) -> Self {
        match set {
            Set::Access => Self::Access,
            Set::Limits => Self::Limits,
            Set::Registration => Self::Registration,
        }
    }
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Shows the settings in effect, or those of a version, as a file that can be saved.
    Show {
        /// The set of rules.
        set: Set,
        /// The number of the version; without it, the settings in effect.
        #[arg(long)]
        version: Option<i64>,
    },
    /// Saves the settings of a file as the next version, in effect within a second on a running
    /// server. Refused if the configuration has the section.
    Save {
        /// The set of rules.
        set: Set,
        /// A TOML file; its section with the name of the set is saved.
        file: PathBuf,
    },
    /// Lists the saved versions, the newest first.
    Versions {
        /// The set of rules.
        set: Set,
        /// The maximum number.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Saves the settings of an earlier version as the next version.
    RollBack {
        /// The set of rules.
        set: Set,
        /// The number of the earlier version.
        version: i64,
    },
    /// Compares the access rules of another configuration file with those in effect, by the calls
    /// of the audit. Nothing is changed.
    DryRun {
        /// The set of rules: access.
        set: Set,
        /// The file; its section with the name of the set is tried.
        file: PathBuf,
        /// The number of days of the audit to examine.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=90))]
        days: u32,
    },
}

/// The section of a file.
fn read(set: RuleSet, file: &std::path::Path) -> Result<Value, Failed> {
    let mut sections: Map<String, Value> = policy::read(file)?;
    let missing = || Failed(format!("{}: there is no [{}]", file.display(), set.as_str()));
    sections.remove(set.as_str()).ok_or_else(missing)
}

fn describe(version: &RuleVersion) -> Value {
    let settings: Value = serde_json::from_str(&version.content).unwrap_or_default();
    json!({
        "set": version.set.as_str(), "version": version.number, "settings": settings,
        "author": version.author, "created_at": version.created_at.0, "restores": version.restores,
    })
}

/// The section as a file has it.
fn tell(set: RuleSet, settings: &Map<String, Value>) -> Result<(), Failed> {
    let section = toml::to_string(&json!({set.as_str(): settings}))
        .map_err(|error| Failed(error.to_string()))?;
    for line in section.lines() {
        report!("{line}");
    }
    Ok(())
}

async fn show(context: &Context, set: RuleSet, number: Option<i64>) -> Result<ExitCode, Failed> {
    let rule_sets = context.rule_sets(&context.store().await?).await?;
    if let Some(number) = number {
        let version = rule_sets.version(set, number).await?;
        if context.json {
            print_json(&describe(&version));
        } else {
            tell(set, &serde_json::from_str(&version.content).unwrap_or_default())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let RulesNow { content, source, version } = rule_sets.now(set).await?;
    if context.json {
        let owner = match source {
            RuleSource::File => "configuration",
            RuleSource::Version(_) | RuleSource::Unset => "administrators",
        };
        print_json(&json!({
            "set": set.as_str(), "owner": owner, "version": version,
            "settings": RuleContent::settings(&content),
        }));
    } else {
        tell(set, &content.settings())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_saved(context: &Context, version: &RuleVersion) -> ExitCode {
    if context.json {
        print_json(&describe(version));
    } else {
        report!("Saved version {}. It is in effect within a second.", version.number);
    }
    ExitCode::SUCCESS
}

async fn versions(context: &Context, set: RuleSet, limit: u64) -> Result<ExitCode, Failed> {
    let rule_sets = context.rule_sets(&context.store().await?).await?;
    let versions = rule_sets.versions(set, None, limit).await?;
    if context.json {
        print_json(&versions.iter().map(describe).collect());
        return Ok(ExitCode::SUCCESS);
    }
    let row = |version: &RuleVersion| {
        vec![
            version.number.to_string(),
            doorward_language::moment(version.created_at),
            version.author.clone(),
            version.restores.map(|number| number.to_string()).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = versions.iter().map(row).collect();
    print_table(&["VERSION", "SAVED", "BY", "RESTORES"], &rows);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    match command {
        Command::Show { set, version } => show(context, set.into(), version).await,
        Command::Versions { set, limit } => versions(context, set.into(), limit).await,
        Command::Save { set, file } => {
            let set = set.into();
            let new =
                NewRules { set, settings: read(set, &file)?, author: policy::AUTHOR, seen: None };
            let rule_sets = context.rule_sets(&context.store().await?).await?;
            let version = rule_sets.save(&Authority::operator(), new).await?;
            Ok(tell_saved(context, &version))
        }
        Command::RollBack { set, version } => {
            let rule_sets = context.rule_sets(&context.store().await?).await?;
            let earlier = rule_sets.version(set.into(), version).await?;
            let (operator, author) = (Authority::operator(), policy::AUTHOR);
            let version = rule_sets.restore(&operator, &earlier, author, None).await?;
            Ok(tell_saved(context, &version))
        }
        Command::DryRun { set, file, days } => {
            let set = set.into();
            let settings = read(set, &file)?;
            let policies = context.policies(&context.store().await?).await?;
            let since = SystemClock.now().plus(-i64::from(days) * 86_400);
            let found = policies.dry_run_of(set, settings, since).await?;
            policy::tell_dry_run(context, &found, days);
            Ok(ExitCode::SUCCESS)
        }
    }
}
