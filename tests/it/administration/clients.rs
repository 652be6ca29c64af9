//! Clients: adding and deciding.

use doorward_accounts::Authority;
use doorward_admin::{ClientDecision, NewClient};
use doorward_model::Client;
use doorward_store::ClientFilter;
use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Case, Object, Stage, compare, done, refused};

fn object(client: Option<&Client>) -> Object {
    let Some(client) = client else { return Object::default() };
    let uris: Vec<_> = client.redirect_uris.iter().map(ToString::to_string).collect();
    let facts = (
        client.auth_method.as_str(),
        client.secret.is_some(),
        client.scopes.to_string(),
        client.disabled_at.is_some(),
        client.approved_at.is_some(),
        client.pinned_at.is_some(),
    );
    Object { id: client.id.to_string(), etag: client.etag(), state: format!("{uris:?} {facts:?}") }
}

async fn find(stage: &Stage, name: &str) -> Object {
    let filter = ClientFilter { search: Some(name.to_owned()), ..ClientFilter::default() };
    let found = stage.store().await.clients(filter, 10).await.unwrap();
    object(found.iter().find(|client| client.name == name))
}

fn adding(uri: &str, confidential: bool, admin: bool) -> Asked<'_> {
    let mut form = vec![("do", "add"), ("name", "{name}"), ("redirect_uris", uri)];
    let method = if confidential { "client_secret_basic" } else { "none" };
    let mut command =
        vec!["client", "add", "{name}", "--redirect-uri", uri, "--auth-method", method];
    if confidential {
        form.push(("confidential", "1"));
    }
    if admin {
        form.push(("admin", "1"));
        command.push("--admin");
    }
    let body = json!({
        "name": "{name}", "redirect_uris": [uri], "token_endpoint_auth_method": method,
        "admin": admin,
    });
    Asked {
        page: ("/admin/clients", form),
        api: (Method::POST, "/clients", body),
        command: (command, ""),
    }
}

fn deciding<'a>(decision: &'a str, word: &'a str) -> Asked<'a> {
    let form = vec![("client_id", "{id}"), ("decision", decision), ("sure", "1")];
    let api = if decision == "delete" {
        (Method::DELETE, "/clients/{id}", Value::Null)
    } else {
        (Method::POST, "/clients/{id}/decision", json!({"decision": decision}))
    };
    Asked {
        page: ("/admin/clients/one?client_id={id}", form),
        api,
        command: (vec!["client", word, "{id}"], ""),
    }
}

#[tokio::test]
async fn clients_are_added_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let uri = "https://app.example/callback";
    let cases = [
        done("public", adding(uri, false, false)),
        done("confidential", adding(uri, true, false)),
        done("for administration", adding(uri, true, true)),
        refused("no redirect URI", "invalid_metadata", adding("nowhere", false, false)),
        refused("a fragment", "invalid_metadata", adding("https://app.example/#x", true, false)),
    ];
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
}

#[tokio::test]
async fn clients_are_decided_on_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let cases: Vec<Case<'_>> = vec![
        done("block", deciding("block", "disable")),
        done("unblock", deciding("unblock", "enable")).silent(),
        done("approve", deciding("approve", "approve")),
        done("deny", deciding("deny", "deny")).silent(),
        refused("pin", "no_document", deciding("pin", "pin")),
        refused("unpin", "no_document", deciding("unpin", "unpin")),
        done("delete", deciding("delete", "delete")),
    ];
    let prepare = async |name: &str| {
        let new = NewClient {
            name: name.to_owned(),
            redirect_uris: vec!["https://app.example/callback".to_owned()],
            ..NewClient::default()
        };
        let clients = &stage.server.app.admin.clients;
        object(Some(&clients.add(&Authority::operator(), new).await.unwrap().client))
    };
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, prepare, find).await;
    let gone = async |_: &str| Object { id: "c_none".to_owned(), ..Object::default() };
    let missing = [refused("missing", "not_found", deciding("block", "disable"))];
    compare(&stage, &missing, gone, find).await;
    let cleaning = Asked {
        page: ("/admin/clients", vec![("do", "clean-up"), ("days", "5000")]),
        api: (Method::POST, "/clients/clean-up", json!({"unused_days": 5000})),
        command: (vec!["client", "clean-up", "--days", "5000"], ""),
    };
    let cases = [refused("too many days", "invalid_days", cleaning)];
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
}

#[tokio::test]
async fn a_client_that_another_administrator_changed_is_not_decided_on() {
    let stage = Stage::on(TestServer::start().await).await;
    let clients = &stage.server.app.admin.clients;
    let new = NewClient {
        name: "app".to_owned(),
        redirect_uris: vec!["https://app.example/callback".to_owned()],
        ..NewClient::default()
    };
    let client = clients.add(&Authority::operator(), new).await.unwrap().client;
    let (id, seen) = (client.id.to_string(), client.etag());
    clients.decide(&id, ClientDecision::Block, Some(&seen)).await.unwrap();
    let refusal = clients.decide(&id, ClientDecision::Delete, Some(&seen)).await.unwrap_err();
    assert_eq!(refusal.code(), doorward_admin::Code::Changed);
    assert_eq!(clients.with_id("none").await.unwrap_err().code(), doorward_admin::Code::NotFound);
}
