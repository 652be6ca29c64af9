//! `doorward policy tools`.

use std::process::ExitCode;

use clap::Args;
use doorward_admin::{Answer, ToolPermission, ToolsQuestion};
use doorward_model::ToolClass;
use serde_json::{Value, json};

use super::{context::Context, given::unanswered, print_json, print_table, who};
use crate::Failed;

/// The tools of a user.
#[derive(Args, Debug)]
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
    /// Only tools of this upstream; - for the built-in ones.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// Only tools of this class.
    #[arg(long, value_parser = ToolClass::ALL.map(ToolClass::as_str))]
    class: Option<String>,
    /// Only tools with this answer.
    #[arg(long, value_parser = Answer::ALL.map(Answer::as_str))]
    answer: Option<String>,
    /// Only tools with this text in their name.
    #[arg(long, default_value = "", hide_default_value = true)]
    search: String,
}

fn describe(ToolPermission { upstream, class, explained, roles }: &ToolPermission) -> Value {
    json!({
        "tool": explained.item, "upstream": upstream, "class": class.as_str(),
        "answer": explained.answer.as_str(),
        "reason": explained.reason.as_ref().map(ToString::to_string),
        "roles": who::roles_as_json(roles),
    })
}

fn row(ToolPermission { class, explained, roles, .. }: &ToolPermission) -> Vec<String> {
    vec![
        explained.item.clone(),
        class.as_str().to_owned(),
        explained.answer.as_str().to_owned(),
        explained.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        who::roles_in_line(roles),
    ]
}

pub(super) async fn run(context: &Context, asked: &Question) -> Result<ExitCode, Failed> {
    let policies = context.policies(&context.store().await?).await?;
    let question = ToolsQuestion {
        user: &asked.user,
        client: &asked.client,
        toolset: &asked.toolset,
        search: &asked.search,
        upstream: asked.upstream.as_deref(),
        class: asked.class.as_deref().and_then(ToolClass::parse),
        answer: asked.answer.as_deref().and_then(Answer::parse),
    };
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let part = match policies.tools_of(question, Some(200), after.as_deref()).await {
            Ok(part) => part,
            Err(refusal) => return Err(unanswered(&policies, refusal).await?),
        };
        all.extend(part.rows);
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    if context.json {
        print_json(&all.iter().map(describe).collect());
    } else {
        let rows: Vec<_> = all.iter().map(row).collect();
        print_table(&["TOOL", "CLASS", "ANSWER", "DECISION", "ROLES"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}
