//! Routes of toolsets.

use doorward_model::routes;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    routes_of_pages::text,
    stage::{FEW, Stage},
};

fn toolset(number: u64) -> Value {
    json!({"name": format!("set-{number}"), "selection": ["upstream=wiki tool=echo"]})
}

/// A toolset that was added: its path and its state.
async fn added(stage: &Stage, number: u64) -> (String, String) {
    let (shown, _) = stage.ask(Method::POST, routes::API_TOOLSETS, &toolset(number)).await;
    let path = routes::API_TOOLSET.replace("{toolset}", text(&shown, "name"));
    (path, text(&shown, "etag").to_owned())
}

pub(super) async fn add(stage: &Stage) -> Vec<Vec<u8>> {
    (0..FEW).map(|number| stage.api("POST", routes::API_TOOLSETS, None, &toolset(number))).collect()
}

pub(super) async fn change(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (path, etag) = added(stage, 1000 + number).await;
        all.push(stage.api("PATCH", &path, Some(&etag), &json!({"title": "Another"})));
    }
    all
}

pub(super) async fn remove(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (path, etag) = added(stage, 2000 + number).await;
        all.push(stage.api("DELETE", &path, Some(&etag), &Value::Null));
    }
    all
}

pub(super) async fn mcp(stage: &Stage) -> Vec<Vec<u8>> {
    added(stage, 3000).await;
    stage.calls(&routes::MCP_TOOLSET.replace("{toolset}", "set-3000"), &stage.token, "wiki_echo")
}

pub(super) async fn mcp_key(stage: &Stage) -> Vec<Vec<u8>> {
    added(stage, 3001).await;
    let path = routes::MCP_KEY_TOOLSET.replace("{toolset}", "set-3001");
    stage.calls(&path, &stage.token, "wiki_echo")
}
