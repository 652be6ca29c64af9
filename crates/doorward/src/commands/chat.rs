//! `doorward chat …`: accounts at chat servers that are linked with users.

use clap::Subcommand;
use serde_json::json;

use super::{context::Context, moment, print_json, print_table};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward chat list
  doorward chat unlink cl_Y2hhdGxpbmtleGFtcGxlMQ";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists the accounts that are linked with users, the newest first.
    List,
    /// Ends a link: the account no longer acts for its user until they link it again.
    Unlink {
        /// The id of the link, as the list shows it.
        id: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let chats = context.chats(&context.store().await?).await?;
    match command {
        Command::List => {
            let all = chats.all().await?;
            if context.json {
                let described = all.iter().map(|(link, _)| {
                    json!({
                        "id": link.id.as_str(), "server": link.server, "account": link.account, "name": link.name,
                        "user_id": link.user_id.as_str(), "created_at": link.created_at.0,
                    })
                });
                print_json(&described.collect());
                return Ok(());
            }
            let rows: Vec<Vec<String>> = all
                .iter()
                .map(|(link, user)| {
                    let user = user.as_ref().map(|user| user.name.to_string());
                    vec![
                        link.id.to_string(),
                        link.name.clone(),
                        link.account.clone(),
                        link.server.clone(),
                        user.unwrap_or_else(|| link.user_id.to_string()),
                        moment(link.created_at),
                    ]
                })
                .collect();
            print_table(&["ID", "NAME", "ACCOUNT", "SERVER", "USER", "LINKED"], &rows);
        }
        Command::Unlink { id } => {
            chats.end(&id).await?;
            report!("Ended the link {id}.");
        }
    }
    Ok(())
}
