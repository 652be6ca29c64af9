//! `doorward policy who`.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use doorward_admin::{Named, Permitted, RoleSource, SourcedRole, UsersWith};
use serde_json::{Value, json};

use super::{context::Context, given::unanswered, print_json, print_table, user};
use crate::Failed;

/// The users who may.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("object").required(true))]
pub(super) struct Question {
    /// The tool, by its name at /mcp.
    #[arg(long, value_name = "NAME", group = "object")]
    tool: Option<String>,
    /// The prompt, by its name at /mcp.
    #[arg(long, value_name = "NAME", group = "object")]
    prompt: Option<String>,
    /// The resource, by its URI at /mcp (UPSTREAM+URI).
    #[arg(long, value_name = "URI", group = "object")]
    resource: Option<String>,
    /// The resource template, by its URI at /mcp.
    #[arg(long, value_name = "URI", group = "object")]
    template: Option<String>,
    /// The upstream as a whole.
    #[arg(long, value_name = "NAME", group = "object")]
    upstream: Option<String>,
    /// The role, or group:NAME for the members of a group.
    #[arg(long, value_name = "ROLE", group = "object")]
    role: Option<String>,
}

/// The roles with their sources, in one line.
pub(super) fn roles_in_line(roles: &[SourcedRole]) -> String {
    let role = |one: &SourcedRole| format!("{} ({})", one.role, sources(one).join(", "));
    roles.iter().map(role).collect::<Vec<_>>().join("; ")
}

/// The roles with their sources, as JSON.
pub(super) fn roles_as_json(roles: &[SourcedRole]) -> Value {
    let role = |one: &SourcedRole| json!({"role": one.role.as_str(), "sources": sources(one)});
    roles.iter().map(role).collect()
}

fn sources(SourcedRole { sources, .. }: &SourcedRole) -> Vec<String> {
    let named = |source: &RoleSource| match source {
        RoleSource::Administrator => "administrator".to_owned(),
        RoleSource::Provider(name) => format!("provider {name}"),
        RoleSource::Group(name) => format!("group {name}"),
    };
    sources.iter().map(named).collect()
}

fn describe(Permitted { user, explained, roles }: &Permitted) -> Value {
    json!({
        "id": user.id.as_str(), "name": user.name.as_str(),
        "answer": explained.as_ref().map(|one| one.answer.as_str()),
        "why": explained.iter().flat_map(|one| &one.why).map(ToString::to_string)
            .collect::<Vec<_>>(),
        "roles": roles_as_json(roles),
    })
}

fn row(Permitted { user, explained, roles }: &Permitted) -> Vec<String> {
    let why = explained.as_ref().and_then(|one| one.reason.as_ref());
    vec![
        user.name.to_string(),
        explained.as_ref().map(|one| one.answer.as_str().to_owned()).unwrap_or_default(),
        why.map(ToString::to_string).unwrap_or_default(),
        roles_in_line(roles),
    ]
}

pub(super) async fn run(context: &Context, asked: &Question) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let policies = context.policies(&store).await?;
    if let Some(role) = &asked.role {
        user::note_roles(context, &context.users(&store).await?, std::slice::from_ref(role))
            .await?;
    }
    let whom = match &asked.role {
        Some(role) => UsersWith::Role(role),
        None => UsersWith::Permission(Named {
            tool: asked.tool.as_deref(),
            prompt: asked.prompt.as_deref(),
            resource: asked.resource.as_deref(),
            template: asked.template.as_deref(),
            upstream: asked.upstream.as_deref(),
        }),
    };
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let part = match policies.who(whom, Some(200), after.as_deref()).await {
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
        print_table(&["NAME", "ANSWER", "DECISION", "ROLES"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}
