//! `doorward policy …`.

use std::{process::ExitCode, sync::Arc};

use clap::Subcommand;
use doorward_mcp::{Judge, Subject, ToolSpec, Verdict, tools::BUILT_IN};
use doorward_model::ClientId;
use serde_json::json;

use super::{context::Context, print_json};
use crate::Failed;

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
    let known = store.clients(doorward_store::ClientFilter::default(), 10_000).await?;
    let found = known.iter().find(|known| known.id.as_str() == client).or_else(|| known.iter().find(|known| !client.is_empty() && known.name == client));
    let (client_id, client_name) = found.map_or_else(|| (ClientId::from_text(client.clone()), client.clone()), |found| (found.id.clone(), found.name.clone()));
    let gateway = context.gateway(&store).await?;
    let built_in = BUILT_IN.iter().find(|known| known.name == tool).map(doorward_mcp::tools::BuiltIn::spec);
    let (spec, mut before) = match built_in {
        Some(spec) => (Arc::new(spec), Vec::new()),
        None => gateway.explain(&tool, &person).await?.ok_or_else(|| Failed(format!("no tool {tool} was ever seen; doorward upstream tools lists them")))?,
    };
    let blocked = before.iter().any(|(good, _)| !good);
    let judge = Judge::new(Arc::new(context.checked.access.clone()), Arc::new(context.checked.policy.clone()));
    let (verdict, steps) = judge.explain(Subject { person: &person, client_id: &client_id, client_name: &client_name }, &spec);
    before.extend(steps.into_iter().map(|step| (true, step)));
    let answer = match verdict {
        _ if blocked => "not offered",
        Verdict::Allow => "allow",
        Verdict::Confirm => "confirm",
        Verdict::Refuse => "deny",
    };
    print(context, &spec, answer, before.into_iter().map(|(_, step)| step).collect());
    Ok(ExitCode::SUCCESS)
}

fn print(context: &Context, spec: &ToolSpec, answer: &str, steps: Vec<String>) {
    if context.json {
        print_json(&json!({"tool": spec.name(), "answer": answer, "why": steps}));
        return;
    }
    println!("{}: {answer}", spec.name());
    for step in steps {
        println!("  {step}");
    }
}
