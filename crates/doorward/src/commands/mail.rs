//! `doorward mail …`.

use clap::Subcommand;
use serde_json::json;

use super::{context::Context, print_json};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward mail test ada@example.com";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Sends a test mail and waits until the mail server has accepted it.
    Test {
        /// The recipient's e-mail address.
        #[arg(value_name = "E-MAIL")]
        to: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let Command::Test { to } = command;
    let to = context.mails(&context.store().await?)?.test(&to).await?;
    if context.json {
        print_json(&json!({"sent": true, "email": to}));
    } else {
        report!("The mail server accepted a test mail to {to}.");
    }
    Ok(())
}
