//! `doorward keys …`.

use clap::Subcommand;
use doorward_admin::KeyState;
use doorward_model::SigningKey;
use serde_json::json;

use super::{context::Context, moment, print_json, print_table};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward keys list
  doorward keys rotate";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists signing keys.
    List,
    /// Creates a new signing key. It is published at once and signs after
    /// keys.publish_ahead_seconds; older keys stay published until everything that they signed has
    /// expired.
    Rotate {
        /// Sign with the new key at once. Caches of the key set may refuse tokens until they fetch
        /// it again.
        #[arg(long)]
        now: bool,
    },
}

fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::Next => "next",
        KeyState::Verifies => "verifies",
        KeyState::Retired => "retired",
    }
}

fn list(context: &Context, keys: &[(SigningKey, KeyState)]) {
    if context.json {
        let describe = |(key, state): &(SigningKey, KeyState)| {
            json!({
                "kid": key.kid, "algorithm": key.algorithm.as_str(), "state": word(*state), "created_at": key.created_at.0,
                "activates_at": key.activates_at.0, "retires_at": key.retires_at.map(|at| at.0),
            })
        };
        return print_json(&keys.iter().map(describe).collect());
    }
    let row = |(key, state): &(SigningKey, KeyState)| {
        let retires = key.retires_at.map_or_else(|| "-".to_owned(), moment);
        vec![
            key.kid.clone(),
            key.algorithm.as_str().to_owned(),
            word(*state).to_owned(),
            moment(key.activates_at),
            retires,
        ]
    };
    print_table(
        &["KID", "ALGORITHM", "STATE", "SIGNS FROM", "RETIRES"],
        &keys.iter().map(row).collect::<Vec<_>>(),
    );
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let keys = context.keys(&context.store().await?).await?;
    match command {
        Command::List => list(context, &keys.all().await?),
        Command::Rotate { now } => {
            let key = keys.rotate(now).await?;
            if context.json {
                print_json(
                    &json!({"kid": key.kid, "algorithm": key.algorithm.as_str(), "activates_at": key.activates_at.0}),
                );
            } else {
                report!(
                    "Created {} ({}); it signs from {}.",
                    key.kid,
                    key.algorithm.as_str(),
                    moment(key.activates_at)
                );
            }
        }
    }
    Ok(())
}
