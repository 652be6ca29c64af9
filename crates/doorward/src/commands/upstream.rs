//! `doorward upstream …`.

mod secret;

use std::process::ExitCode;

use clap::Subcommand;
use doorward_admin::{
    Decision, Proposal, Reach, ReviewedTool, SettingsPatch, ToolVersion, Upstreams, WaitingTool,
    waits,
};
use doorward_gateway::{Upstream, upstreams::KINDS};
use doorward_model::{ToolClass, UpstreamTrust, foreign};
use serde_json::{Map, Value, json};

use super::{
    context::Context, edit, hinted, print_block, print_findings, print_json, print_table, reach,
    settings_of,
};
use crate::{Failed, config::UPSTREAMS};
use secret::read_secret;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward upstream add wiki --kind http --url https://wiki.example.com/mcp --auth oauth
  doorward upstream add notes --kind http --url http://notes:8000/mcp --set networks=172.18.0.0/16
  doorward upstream add files --kind stdio -- npx -y @modelcontextprotocol/server-filesystem /srv/files
  doorward upstream test wiki --user ada
  doorward upstream tools wiki --waiting";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds an upstream. A running server offers its tools within a second.
    Add {
        /// Its name in URLs and as prefix of its tools: lower-case letters, digits and '-'.
        name: String,
        /// Its kind.
        #[arg(long, value_parser = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>())]
        kind: String,
        /// Its URL.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Credentials of calls: none, header, basic, identity, exchange, assertion, oauth,
        /// client_credentials or workload.
        #[arg(long, value_name = "MODE")]
        auth: Option<String>,
        /// Read one secret from standard input, as KEY=VALUE: header=Name: value, password=…,
        /// client_secret=…, private_key=… or env=NAME=VALUE.
        #[arg(long)]
        secret_stdin: bool,
        /// Any other key of `[upstreams.NAME]`, such as --set approve=manual. May be given several
        /// times. Values of a list are separated by commas, or a JSON array of strings.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// The command of a local process and its arguments, after `--`.
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Changes settings of an upstream that was added. Connections and decisions about tools stay,
    /// unless its location changes.
    Set {
        /// Its name.
        name: String,
        /// Keys of `[upstreams.NAME]` with their values, such as title=Wiki. Values of a list are
        /// separated by commas, or a JSON array of strings.
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Read secrets from standard input, one KEY=VALUE per line.
        #[arg(long)]
        secret_stdin: bool,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists the upstreams of the configuration file and those that were added.
    List,
    /// Shows an upstream as JSON: its settings without secrets, and the state of its index of
    /// documents, if it has one.
    Show {
        /// Its name.
        name: String,
    },
    /// Tests an upstream (connection, authorization, tools) and describes problems with their
    /// remedies.
    Test {
        /// Its name.
        name: String,
        /// Test as this user, with the user's own access.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Lists an upstream again, and shows the list that a running server will use.
    Refresh {
        /// Its name.
        name: String,
        /// Test as this user, with the user's own access.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Shows the state of the index of a knowledge upstream: progress, numbers, and files that are
    /// left out.
    #[cfg(feature = "knowledge")]
    Index {
        /// Its name.
        name: String,
        /// Rebuild the index first. A running server does so itself.
        #[arg(long)]
        rebuild: bool,
    },
    /// Accepts the authorization server that an upstream names now. Connected users must connect
    /// again.
    Accept {
        /// Its name.
        name: String,
        /// The issuer to accept, as in `upstream list --json`; by default the one that the upstream
        /// named last.
        issuer: Option<String>,
    },
    /// Shows the tools of an upstream: approved, waiting, changed, rejected; with differences and
    /// warnings.
    Tools {
        /// Its name.
        name: String,
        /// Only tools that await a decision.
        #[arg(long)]
        waiting: bool,
    },
    /// Shows the tools of all upstreams that await a decision, with differences and warnings.
    Waiting,
    /// Approves a tool as it is defined now.
    Approve {
        /// The upstream's name.
        name: String,
        /// The tool's name at the upstream; by default all tools that await a decision.
        tool: Option<String>,
    },
    /// Rejects a tool: it is neither listed nor called.
    Reject {
        /// The upstream's name.
        name: String,
        /// The tool's name at the upstream.
        tool: String,
    },
    /// Sets the class of a tool whose annotations are missing or wrong.
    Classify {
        /// The upstream's name.
        name: String,
        /// The tool's name at the upstream.
        tool: String,
        /// read, write, destructive, or annotations to use those of the tool.
        #[arg(value_parser = ["read", "write", "destructive", "annotations"])]
        class: String,
    },
    /// Deletes an upstream that was added, with the connections of all users. The running server
    /// revokes their tokens at the issuer, and grants for this upstream alone end.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Command {
    /// The upstream that it is about, if there must be one.
    fn about(&self) -> Option<&str> {
        match self {
            // One whose settings cannot be used can still be deleted.
            Self::Add { .. } | Self::List | Self::Waiting | Self::Delete { .. } => None,
            #[cfg(feature = "knowledge")]
            Self::Index { name, .. } => Some(name),
            Self::Test { name, .. }
            | Self::Show { name }
            | Self::Set { name, .. }
            | Self::Refresh { name, .. }
            | Self::Accept { name, .. }
            | Self::Tools { name, .. }
            | Self::Approve { name, .. }
            | Self::Reject { name, .. }
            | Self::Classify { name, .. } => Some(name),
        }
    }
}

/// Refuses a name that no upstream has, with the one that was probably meant.
async fn exists(upstreams: &Upstreams, name: &str) -> Result<(), Failed> {
    let Err(refusal) = upstreams.named(name).await else {
        return Ok(());
    };
    let all = upstreams.all().await?;
    Err(hinted(&refusal, name, all.iter().map(|upstream| upstream.name.to_string())))
}

/// Decides about a tool.
async fn decide(
    upstreams: &Upstreams,
    name: &str,
    tool: &str,
    decision: Decision,
) -> Result<String, Failed> {
    let seen = ToolVersion { upstream: name, tool, seen: None };
    match upstreams.decide(seen, decision, BY).await {
        Ok(pin) => Ok(pin.tool),
        Err(refusal) => {
            let tools = upstreams.tools(name).await.unwrap_or_default();
            Err(hinted(&refusal, tool, tools.into_iter().map(|tool| tool.pin.tool)))
        }
    }
}

/// The arguments of `add` beside its settings.
struct Named {
    kind: String,
    url: Option<String>,
    auth: Option<String>,
    command: Vec<String>,
}

/// The settings for the arguments of `add`.
fn settings(
    words: &[String],
    named: Named,
    secret_stdin: bool,
) -> Result<Map<String, Value>, Failed> {
    let mut table = toml::Table::new();
    for text in words {
        edit::read(UPSTREAMS, &mut table, text)?;
    }
    let mut settings = settings_of(table)?;
    settings.insert("kind".to_owned(), named.kind.into());
    for (key, value) in [("url", named.url), ("auth", named.auth)] {
        if let Some(value) = value {
            settings.insert(key.to_owned(), value.into());
        }
    }
    if !named.command.is_empty() {
        settings.insert("command".to_owned(), named.command.into());
    }
    if secret_stdin {
        read_secret(&mut settings)?;
    }
    Ok(settings)
}

/// The name of the decider in the log.
const BY: &str = "the command line";

async fn approve(upstreams: &Upstreams, name: &str, tool: Option<&str>) -> Result<(), Failed> {
    let approved = match tool {
        Some(tool) => vec![decide(upstreams, name, tool, Decision::Approve).await?],
        None => upstreams.approve_waiting(name, BY).await?,
    };
    if approved.is_empty() {
        return Err(Failed("no tool awaits approval".to_owned()));
    }
    for tool in approved {
        report!("Approved {tool}.");
    }
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let upstreams = context.upstreams(&store).await?;
    if let Some(name) = command.about() {
        exists(&upstreams, name).await?;
    }
    match command {
        Command::Add { name, kind, url, auth, secret_stdin, settings: words, command } => {
            let named = Named { kind, url, auth, command };
            let mut settings = settings(&words, named, secret_stdin)?;
            reach::settle(context, &mut settings, None).await?;
            let name = upstreams.add(&name, settings, Reach::Machine).await?.name;
            if context.json {
                print_json(&json!({"name": name.as_str()}));
            } else {
                report!("Added {name}. Test it: doorward upstream test {name}");
            }
        }
        Command::Set { name, settings: words, secret_stdin, dry_run } => {
            let mut table = toml::Table::new();
            for text in &words {
                edit::read(UPSTREAMS, &mut table, text)?;
            }
            let mut patch = settings_of(table)?;
            if secret_stdin {
                read_secret(&mut patch)?;
            }
            let upstream = upstreams.named(&name).await?;
            let before = described(&upstreams, &upstream).await?;
            let before = before.get("settings").and_then(Value::as_object);
            reach::settle(context, &mut patch, before).await?;
            let effect = edit::effect(dry_run);
            let change = SettingsPatch { settings: patch, reach: Reach::Machine };
            let proposal = Proposal { of: &name, change: &change, seen: None, effect };
            let done = upstreams.edit(proposal).await?;
            edit::print(context.json, &name, &done, effect);
        }
        Command::List => list(context, &upstreams).await?,
        Command::Show { name } => {
            let upstream = upstreams.named(&name).await?;
            print_json(&described(&upstreams, &upstream).await?);
        }
        Command::Accept { name, issuer } => accept(&upstreams, &name, issuer.as_deref()).await?,
        Command::Test { name, user } => {
            return tried(context, &upstreams, &name, user.as_deref()).await;
        }
        Command::Refresh { name, user } => {
            upstreams.refresh(&name).await?;
            return tried(context, &upstreams, &name, user.as_deref()).await;
        }
        #[cfg(feature = "knowledge")]
        Command::Index { name, rebuild } => {
            super::index::run(context, &store, &name, rebuild).await?;
        }
        Command::Tools { name, waiting } => tools(context, &upstreams, &name, waiting).await?,
        Command::Waiting => waiting(context, &upstreams).await?,
        Command::Approve { name, tool } => approve(&upstreams, &name, tool.as_deref()).await?,
        Command::Reject { name, tool } => {
            decide(&upstreams, &name, &tool, Decision::Reject).await?;
            report!("Rejected {tool}.");
        }
        Command::Classify { name, tool, class } => {
            let decision = Decision::Classify(ToolClass::parse(&class));
            decide(&upstreams, &name, &tool, decision).await?;
            report!("{tool} has the class {class} now.");
        }
        Command::Delete { name } => {
            if let Err(refusal) = upstreams.delete(&name, None).await {
                let all = upstreams.all().await?;
                let names = all.iter().map(|upstream| upstream.name.to_string());
                return Err(hinted(&refusal, &name, names));
            }
            report!("Deleted {name} and the connections of all users to it.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tries an upstream out. This process has no list of it, and names what servers noted.
async fn tried(
    context: &Context,
    upstreams: &Upstreams,
    name: &str,
    user: Option<&str>,
) -> Result<ExitCode, Failed> {
    let findings = upstreams.test(name, user).await;
    upstreams.close();
    Ok(print_findings(context.json, &findings?))
}

/// The state of an upstream in the list.
fn state(upstream: &Upstream, trust: Option<&UpstreamTrust>) -> &'static str {
    match (upstream.is_enabled(), trust.is_some_and(|trust| trust.named.is_some())) {
        (false, _) => "off",
        (true, true) => "names another authorization server",
        (true, false) => "on",
    }
}

async fn accept(upstreams: &Upstreams, name: &str, issuer: Option<&str>) -> Result<(), Failed> {
    let upstream = upstreams.named(name).await?;
    let named = upstreams.trust(&upstream).await?.and_then(|trust| trust.named);
    if let (Some(issuer), Some(named)) = (issuer, &named)
        && !named.is_issued_by(issuer)
    {
        return Err(Failed(format!(
            "{name} names {}, not {issuer}",
            foreign::escaped(&named.issuer)
        )));
    }
    let seen = named.map(|named| named.etag());
    let accepted = upstreams.accept_server(name, seen.as_deref()).await?;
    report!("Accepted {} for {name}. All connected users must connect again.", accepted.issuer);
    Ok(())
}

/// An upstream as the API shows it.
async fn described(all: &Upstreams, upstream: &Upstream) -> Result<Value, Failed> {
    let (trust, index) = (all.trust(upstream).await?, all.index(upstream));
    Ok(doorward_console::api::describe_upstream(upstream, trust, index))
}

async fn list(context: &Context, all: &Upstreams) -> Result<(), Failed> {
    let mut upstreams = Vec::new();
    for upstream in all.all().await? {
        let trust = all.trust(&upstream).await?;
        upstreams.push((upstream, trust));
    }
    if context.json {
        let mut shown = Vec::new();
        for (upstream, _) in &upstreams {
            shown.push(described(all, upstream).await?);
        }
        print_json(&shown.into());
        return Ok(());
    }
    let row = |(upstream, trust): &(std::sync::Arc<Upstream>, Option<UpstreamTrust>)| {
        let config = upstream.public_config();
        let place = match (config.url.is_empty(), config.command.is_empty()) {
            (false, _) => config.url,
            (true, false) => config.command.join(" "),
            (true, true) => config.document,
        };
        vec![
            upstream.name.to_string(),
            upstream.kind.name.to_owned(),
            config.auth,
            upstream.source.as_str().to_owned(),
            state(upstream, trust.as_ref()).to_owned(),
            place,
        ]
    };
    print_table(
        &["NAME", "KIND", "ACCESS", "FROM", "STATE", "PLACE"],
        &upstreams.iter().map(row).collect::<Vec<_>>(),
    );
    Ok(())
}

async fn tools(
    context: &Context,
    upstreams: &Upstreams,
    name: &str,
    waiting: bool,
) -> Result<(), Failed> {
    let mut reviewed = upstreams.tools(name).await?;
    reviewed.retain(|tool| !waiting || waits(tool));
    if context.json {
        print_json(&reviewed.iter().map(doorward_admin::ReviewedTool::to_json).collect());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = reviewed
        .iter()
        .map(|tool| {
            vec![
                tool.pin.tool.clone(),
                tool.state().as_str().to_owned(),
                tool.class().as_str().to_owned(),
                tool.warning_texts().join("; "),
            ]
        })
        .collect();
    print_table(&["TOOL", "STATE", "CLASS", "WARNINGS"], &rows);
    print_differences(reviewed.iter().map(|tool| (tool.pin.tool.clone(), tool)));
    Ok(())
}

/// Prints what changed in tools, each under its name.
fn print_differences<'a>(tools: impl Iterator<Item = (String, &'a ReviewedTool)>) {
    for (name, tool) in tools.filter(|(_, tool)| !tool.differences.is_empty()) {
        report!("");
        report!("{name} changed:");
        for difference in &tool.differences {
            report!("  {}", difference.part);
            print_block("    - ", &difference.before);
            print_block("    + ", &difference.after);
        }
    }
}

async fn waiting(context: &Context, upstreams: &Upstreams) -> Result<(), Failed> {
    let waiting = upstreams.waiting().await?;
    if context.json {
        let described = waiting.iter().map(|one| {
            let mut tool = one.tool.to_json();
            if let Value::Object(members) = &mut tool {
                members.insert("upstream".to_owned(), one.upstream.name.as_str().into());
            }
            tool
        });
        print_json(&described.collect());
        return Ok(());
    }
    let row = |one: &WaitingTool| {
        vec![
            one.upstream.name.to_string(),
            one.tool.pin.tool.clone(),
            one.tool.state().as_str().to_owned(),
            one.tool.class().as_str().to_owned(),
            one.tool.warning_texts().join("; "),
        ]
    };
    let rows: Vec<_> = waiting.iter().map(row).collect();
    print_table(&["UPSTREAM", "TOOL", "STATE", "CLASS", "WARNINGS"], &rows);
    print_differences(waiting.iter().map(|one| (one.key(), &one.tool)));
    Ok(())
}
