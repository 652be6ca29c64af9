//! `doorward policy …`.

use std::{process::ExitCode, sync::Arc};

use clap::Subcommand;
use doorward_mcp::Judge;
use serde_json::json;

use super::{context::Context, print_json};
use crate::{
    Failed,
    explain::{self, Explained},
};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Says whether a person may call a tool through a client, and why.
    Explain {
        /// The person's sign-in name.
        #[arg(long, value_name = "NAME")]
        user: String,
        /// The client's id or name; without one, any client.
        #[arg(long, value_name = "ID|NAME", default_value = "")]
        client: String,
        /// The tool, by its name at /mcp.
        #[arg(long, value_name = "NAME")]
        tool: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let Command::Explain { user, client, tool } = command;
    let store = context.store().await?;
    let person = context.person(&store, &user).await?;
    let gateway = context.gateway(&store).await?;
    let judge = Judge::new(
        Arc::new(context.checked.access.clone()),
        Arc::new(context.checked.policy.clone()),
    );
    let found = explain::explain(&store, &gateway, &judge, (&person, &client, &tool)).await?;
    let Explained { tool, answer, why } = found.ok_or_else(|| {
        Failed(format!("no tool {tool} was ever seen; doorward upstream tools lists them"))
    })?;
    if context.json {
        print_json(&json!({"tool": tool, "answer": answer, "why": why}));
        return Ok(ExitCode::SUCCESS);
    }
    say!("{tool}: {answer}");
    for step in why {
        say!("  {step}");
    }
    Ok(ExitCode::SUCCESS)
}
