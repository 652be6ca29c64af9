//! `doorward keys …`.

use clap::Subcommand;
use doorward_model::{Clock, SigningKey, Timestamp, ports::SystemClock};
use serde_json::json;

use super::{context::Context, moment, print_json, print_table};
use crate::{Failed, app, keys};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists signing keys.
    List,
    /// Makes a new signing key. It is published at once and signs after keys.publish_ahead_seconds;
    /// older keys stay published until everything that they signed has ended.
    Rotate {
        /// Let the new key sign at once. Whoever caches the key set may refuse tokens until it
        /// fetches it again.
        #[arg(long)]
        now: bool,
    },
}

fn state(key: &SigningKey, active: Option<&str>, now: Timestamp) -> &'static str {
    if key.retires_at.is_some_and(|end| now >= end) {
        "retired"
    } else if active == Some(key.kid.as_str()) {
        "active"
    } else if key.activates_at > now {
        "next"
    } else {
        "verifies"
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let now = SystemClock.now();
    match command {
        Command::List => {
            let all = store.signing_keys().await?;
            let active = all
                .iter()
                .filter(|key| key.activates_at <= now)
                .max_by_key(|key| key.activates_at)
                .map(|key| key.kid.as_str());
            if context.json {
                let describe = |key: &SigningKey| {
                    json!({
                        "kid": key.kid, "algorithm": key.algorithm.as_str(), "state": state(key, active, now), "created_at": key.created_at.0,
                        "activates_at": key.activates_at.0, "retires_at": key.retires_at.map(|at| at.0),
                    })
                };
                print_json(&all.iter().map(describe).collect());
            } else {
                let row = |key: &SigningKey| {
                    let retires = key.retires_at.map_or_else(|| "-".to_owned(), moment);
                    vec![
                        key.kid.clone(),
                        key.algorithm.as_str().to_owned(),
                        state(key, active, now).to_owned(),
                        moment(key.activates_at),
                        retires,
                    ]
                };
                print_table(
                    &["KID", "ALGORITHM", "STATE", "SIGNS FROM", "RETIRES"],
                    &all.iter().map(row).collect::<Vec<_>>(),
                );
            }
        }
        Command::Rotate { now: at_once } => {
            let master = keys::open_master_key(
                context.config.keys.master_key.reveal(),
                context.data_dir.path(),
                &store,
            )
            .await?;
            let mut rotation = app::rotation(&context.config, &context.checked);
            if at_once {
                rotation.publish_ahead = 0;
            }
            let key = keys::rotate(&store, &master, rotation, now).await?;
            if context.json {
                print_json(
                    &json!({"kid": key.kid, "algorithm": key.algorithm.as_str(), "activates_at": key.activates_at.0}),
                );
            } else {
                say!(
                    "Made {} ({}); it signs from {}.",
                    key.kid,
                    key.algorithm.as_str(),
                    moment(key.activates_at)
                );
            }
        }
    }
    Ok(())
}
