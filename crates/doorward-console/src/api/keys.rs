//! Signing keys.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_model::{SigningKey, routes};
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::{Answered, Operation, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_KEYS,
            "listKeys",
            "Lists signing keys, the oldest first.",
            list,
        )
        .answer::<Keys>(200, "The keys."),
        Operation::post(
            needs::ALL,
            routes::API_KEYS_ROTATE,
            "rotateKeys",
            "Creates a new signing key. The others are retired when everything that they signed \
             has expired.",
            rotate,
        )
        .answer::<Keys>(200, "The keys after the rotation.")
        .problem(409, "Another administrator rotated the keys at the same moment."),
    ]
}

/// A signing key: its public side's name and its life.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningKey")]
struct KeyView {
    kid: String,
    algorithm: String,
    created_at: i64,
    activates_at: i64,
    retires_at: Option<i64>,
}

/// All signing keys.
#[derive(Serialize, JsonSchema)]
struct Keys {
    keys: Vec<KeyView>,
}

async fn keys(console: &Console) -> Answered {
    let shown = |key: &SigningKey| KeyView {
        kid: key.kid.clone(),
        algorithm: key.algorithm.as_str().to_owned(),
        created_at: key.created_at.0,
        activates_at: key.activates_at.0,
        retires_at: key.retires_at.map(|at| at.0),
    };
    let keys = console.admin.keys.all().await?;
    Ok(show(StatusCode::OK, &Keys { keys: keys.iter().map(|(key, _)| shown(key)).collect() }))
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    keys(&console).await
}

async fn rotate(State(console): State<Arc<Console>>) -> Answered {
    console.admin.keys.rotate(false).await?;
    keys(&console).await
}
