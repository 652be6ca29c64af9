//! `doorward group …`: groups of users, which carry roles.

use std::sync::Arc;

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{
    CountedGroup, GroupEdit, Groups, Members, NewGroup, Objects, Proposal, UserList, Users,
};
use doorward_model::{Role, ports::SystemClock};
use doorward_store::Store;
use serde_json::{Value, json};

use super::{context::Context, edit, moment, print_json, print_table, print_view};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward group add engineers --role developer --description 'Writes the software'
  doorward group join engineers ada grace
  doorward group set engineers --role developer --role deployer --dry-run
  doorward group show engineers";

/// Number of the members that are read at once.
const AT_ONCE: u64 = 500;

/// The operations on groups.
pub(super) fn operations(store: &Store) -> Groups {
    Groups::new(store.clone(), Arc::new(SystemClock))
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a group.
    Add {
        /// The name, which never changes: lower-case letters, digits, - and _.
        name: String,
        /// The purpose.
        #[arg(long, default_value = "")]
        description: String,
        /// A role of its members. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Lists groups.
    List,
    /// Shows a group and its members.
    Show {
        /// The name.
        name: String,
    },
    /// Changes a group. Roles take effect at the next call of each member.
    Set {
        /// The name.
        name: String,
        /// The purpose.
        #[arg(long)]
        description: Option<String>,
        /// A role; replaces all current ones. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Remove all roles.
        #[arg(long, conflicts_with = "roles")]
        no_roles: bool,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Makes users members, all or none.
    Join {
        /// The name of the group.
        name: String,
        /// The sign-in names or identifiers of the users.
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Ends memberships that an administrator gave, all or none.
    Leave {
        /// The name of the group.
        name: String,
        /// The sign-in names or identifiers of the users.
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Deletes a group: its members lose its roles.
    Delete {
        /// The name.
        name: String,
    },
}

fn list(context: &Context, groups: &Groups, all: &[CountedGroup]) {
    if context.json {
        return print_view(&all.iter().map(|one| groups.view(one)).collect::<Vec<_>>());
    }
    let row = |CountedGroup { group, members }: &CountedGroup| {
        let roles = group.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",");
        vec![group.name.to_string(), roles, members.to_string(), group.description.clone()]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    print_table(&["NAME", "ROLES", "MEMBERS", "PURPOSE"], &rows);
}

/// Every member, each with `true` if an administrator made them one.
async fn all_members(
    groups: &Groups,
    users: &Users,
    name: &str,
) -> Result<Vec<(String, String, bool)>, Failed> {
    let group = groups.named(name).await?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let asked = UserList { limit: Some(AT_ONCE), after, ..UserList::default() };
        let part = users.members(&group, asked).await?;
        all.extend(part.rows.into_iter().map(|(user, by_administrator)| {
            (user.name.to_string(), user.id.to_string(), by_administrator)
        }));
        after = part.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

async fn show(context: &Context, groups: &Groups, users: &Users, name: &str) -> Result<(), Failed> {
    let (counted, members) = (groups.counted(name).await?, all_members(groups, users, name).await?);
    if context.json {
        let mut described = serde_json::to_value(groups.view(&counted)).unwrap_or_default();
        let member = |(name, id, by_administrator): &(String, String, bool)| json!({"name": name, "id": id, "by_administrator": by_administrator});
        if let Value::Object(parts) = &mut described {
            parts.insert("members".to_owned(), members.iter().map(member).collect());
        }
        print_json(&described);
        return Ok(());
    }
    let group = &counted.group;
    report!("name      {}", group.name);
    report!("purpose   {}", group.description);
    report!("roles     {}", group.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", "));
    report!("created   {}", moment(group.created_at));
    report!("members   {}", members.len());
    for (name, id, by_administrator) in &members {
        let source = if *by_administrator { "" } else { ", by a rule of an identity provider" };
        report!("member    {name} ({id}){source}");
    }
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let (groups, operator) = (operations(&store), Authority::operator());
    match command {
        Command::Add { name, description, roles } => {
            let group = groups.add(&operator, NewGroup { name, description, roles }).await?;
            let counted = groups.counted(group.name.as_str()).await?;
            if context.json {
                print_view(&groups.view(&counted));
            } else {
                report!("Added the group {}; members: {}.", group.name, counted.members);
            }
        }
        Command::List => list(context, &groups, &groups.all().await?),
        Command::Show { name } => {
            show(context, &groups, &context.users(&store).await?, &name).await?;
        }
        Command::Set { name, description, roles, no_roles, dry_run } => {
            let roles = (no_roles || !roles.is_empty()).then_some(roles);
            let (change, effect) = (GroupEdit { description, roles }, edit::effect(dry_run));
            let proposal = Proposal { of: &name, change: &change, seen: None, effect };
            let done = groups.edit(&operator, proposal).await?;
            edit::print(context.json, &name, &done, effect);
        }
        Command::Join { name, users } => {
            let members = Members { add: &users, ..Members::default() };
            let (joined, _) = groups.change_members(&operator, &name, members).await?;
            report!("Members added to {name}: {joined}.");
        }
        Command::Leave { name, users } => {
            let members = Members { remove: &users, ..Members::default() };
            let (_, left) = groups.change_members(&operator, &name, members).await?;
            report!("Members removed from {name}: {left}.");
        }
        Command::Delete { name } => {
            groups.delete(&name, None).await?;
            report!("Deleted the group {name}; its members have lost its roles.");
        }
    }
    Ok(())
}
