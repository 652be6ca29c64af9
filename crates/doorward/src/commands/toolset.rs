//! `doorward toolset …`: tools of several upstreams at an MCP URL of their own.

use std::{process::ExitCode, sync::Arc};

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{NewToolset, Objects, Proposal, Selected, ToolsetEdit, Toolsets};
use doorward_model::{Role, Toolset};

use super::{context::Context, edit, hinted, print_table, print_view};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward toolset add support --select 'upstream=wiki class=read' --select 'upstream=tickets'
  doorward toolset show support
  doorward toolset set support --role support --dry-run
  doorward toolset remove support";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a toolset and prints its URL.
    Add {
        /// The name in its URL, which never changes: lower-case letters, digits and -.
        name: String,
        /// A line of the selection: conditions that must all hold, upstream= among them. May be
        /// given several times; an item is selected by any of them.
        #[arg(long = "select", value_name = "CONDITIONS", required = true)]
        selection: Vec<String>,
        /// The display name; by default the name.
        #[arg(long, default_value = "")]
        title: String,
        /// The purpose, for users and for the models of clients.
        #[arg(long, default_value = "")]
        description: String,
        /// A role whose users may use it; by default all users may. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Lists toolsets.
    List,
    /// Shows a toolset with the tools that it selects at this moment.
    Show {
        /// The name.
        name: String,
    },
    /// Changes a toolset. Clients see it at their next call.
    Set {
        /// The name.
        name: String,
        /// A line of the selection; replaces all current ones. May be given several times.
        #[arg(long = "select", value_name = "CONDITIONS")]
        selection: Vec<String>,
        /// The display name.
        #[arg(long)]
        title: Option<String>,
        /// The purpose.
        #[arg(long)]
        description: Option<String>,
        /// A role; replaces all current ones. May be given several times.
        #[arg(long = "role", value_name = "ROLE", conflicts_with = "all_users")]
        roles: Vec<String>,
        /// Let all users use it.
        #[arg(long)]
        all_users: bool,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Removes a toolset. The access of clients to it ends.
    Remove {
        /// The name.
        name: String,
    },
}

fn joined(roles: &[Role]) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}

fn show(toolsets: &Toolsets, toolset: &Toolset, selected: Selected) {
    report!("name         {}", toolset.name);
    report!("title        {}", toolset.title);
    report!("description  {}", toolset.description);
    report!("url          {}", toolsets.url(toolset));
    report!("roles        {}", joined(&toolset.roles));
    for by in &selected.lines {
        let tools = match by.tools {
            None => String::new(),
            Some(0) => "  (selects no tool at this moment)".to_owned(),
            Some(count) => format!("  ({count} tools)"),
        };
        report!("selection    {}{tools}", by.line);
    }
    let row = |tool: doorward_admin::SelectedTool| {
        vec![tool.name, tool.class.as_str().to_owned(), tool.state.as_str().to_owned()]
    };
    let rows: Vec<_> = selected.tools.into_iter().map(row).collect();
    print_table(&["TOOL", "CLASS", "STATE"], &rows);
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let toolsets = context.toolsets(&store).await?;
    let all = toolsets.all().await?;
    let known = || all.iter().map(|toolset| toolset.name.to_string());
    let operator = Authority::operator();
    match command {
        Command::Add { name, selection, title, description, roles } => {
            let new = NewToolset { name, title, description, selection, roles };
            let toolset = toolsets.add(&operator, new).await?;
            if context.json {
                print_view(&toolsets.view(&toolset));
            } else {
                let url = toolsets.url(&toolset);
                report!("Added the toolset {}; clients use it at {url}.", toolset.name);
            }
        }
        Command::List if context.json => {
            print_view(&all.iter().map(|toolset| toolsets.view(toolset)).collect::<Vec<_>>());
        }
        Command::List => {
            let row = |toolset: &Arc<Toolset>| {
                let url = toolsets.url(toolset).to_string();
                vec![toolset.name.to_string(), toolset.title.clone(), url, joined(&toolset.roles)]
            };
            print_table(
                &["NAME", "TITLE", "URL", "ROLES"],
                &all.iter().map(row).collect::<Vec<_>>(),
            );
        }
        Command::Show { name } => {
            let found = toolsets.named(&name).await;
            let toolset = found.map_err(|refusal| hinted(&refusal, &name, known()))?;
            if context.json {
                print_view(&toolsets.details(&toolset).await?);
            } else {
                show(&toolsets, &toolset, toolsets.selected(&toolset).await?);
            }
        }
        Command::Set { name, selection, title, description, roles, all_users, dry_run } => {
            let change = ToolsetEdit {
                title,
                description,
                selection: Some(selection).filter(|lines| !lines.is_empty()),
                roles: Some(roles).filter(|roles| all_users || !roles.is_empty()),
            };
            let effect = edit::effect(dry_run);
            let proposal = Proposal { of: &name, change: &change, seen: None, effect };
            let done = toolsets.edit(&operator, proposal).await;
            let done = done.map_err(|refusal| hinted(&refusal, &name, known()))?;
            edit::print(context.json, &name, &done, effect);
        }
        Command::Remove { name } => {
            let removed = toolsets.remove(&name, None).await;
            removed.map_err(|refusal| hinted(&refusal, &name, known()))?;
            report!("Removed the toolset {name}; the access of clients to it has ended.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
