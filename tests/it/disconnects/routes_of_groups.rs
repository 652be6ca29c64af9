//! Routes of groups, and of the import of users.

use doorward_model::routes;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    routes_of_pages::text,
    stage::{FEW, Stage},
};

fn group(number: u64) -> Value {
    json!({"name": format!("group-{number}"), "roles": ["staff"]})
}

/// A group that was added: its path and its state.
async fn added(stage: &Stage, number: u64) -> (String, String) {
    let (shown, _) = stage.ask(Method::POST, routes::API_GROUPS, &group(number)).await;
    let path = routes::API_GROUP.replace("{group}", text(&shown, "name"));
    (path, text(&shown, "etag").to_owned())
}

pub(super) async fn add(stage: &Stage) -> Vec<Vec<u8>> {
    (0..FEW).map(|number| stage.api("POST", routes::API_GROUPS, None, &group(number))).collect()
}

pub(super) async fn change(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (path, etag) = added(stage, 1000 + number).await;
        all.push(stage.api("PATCH", &path, Some(&etag), &json!({"roles": ["lead"]})));
    }
    all
}

pub(super) async fn delete(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (path, etag) = added(stage, 2000 + number).await;
        all.push(stage.api("DELETE", &path, Some(&etag), &Value::Null));
    }
    all
}

pub(super) async fn members(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (path, _) = added(stage, 3000 + number).await;
        let (id, _) = stage.added(&format!("member{number}")).await;
        all.push(stage.api("POST", &format!("{path}/members"), None, &json!({"add": [id]})));
    }
    all
}

pub(super) async fn import(stage: &Stage) -> Vec<Vec<u8>> {
    let one = |number: u64| {
        let body = json!({"csv": format!("name,roles\nimported{number},staff\n")});
        stage.api("POST", routes::API_USERS_IMPORT, None, &body)
    };
    (0..FEW).map(one).collect()
}
