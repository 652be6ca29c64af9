//! `doorward policy …`.

use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use doorward_admin::{Call, Explained, Named, Object, Refusal};
use serde_json::json;

use super::{context::Context, hinted, print_json};
use crate::Failed;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Explains whether a user may use a tool, a prompt, a resource or an upstream through a
    /// client.
    Explain(Asked),
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("item").required(true).args(["tool", "prompt", "resource", "template", "upstream"])))]
pub(super) struct Asked {
    /// The user's ID or sign-in name.
    #[arg(long, value_name = "ID|NAME")]
    user: String,
    /// The client's ID or name; without one, any client.
    #[arg(long, value_name = "ID|NAME", default_value = "")]
    client: String,
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
    let Command::Explain(asked) = command;
    let policies = context.policies(&context.store().await?).await?;
    let item = Named {
        tool: asked.tool.as_deref(),
        prompt: asked.prompt.as_deref(),
        resource: asked.resource.as_deref(),
        template: asked.template.as_deref(),
        upstream: asked.upstream.as_deref(),
    };
    let call = Call { user: &asked.user, client: &asked.client, item };
    let Explained { item, answer, why } = match policies.explain(call).await {
        Ok(explained) => explained,
        Err(refusal) => {
            let (wanted, known) = match &refusal {
                Refusal::Missing(Object::Tool, name) => {
                    (name.as_str(), policies.tool_names().await?)
                }
                Refusal::Missing(Object::Upstream, name) => {
                    (name.as_str(), policies.upstream_names().await?)
                }
                Refusal::Missing(Object::User, name) => {
                    (name.as_str(), policies.user_names().await?)
                }
                _ => return Err(refusal.into()),
            };
            return Err(hinted(&refusal, wanted, known));
        }
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
