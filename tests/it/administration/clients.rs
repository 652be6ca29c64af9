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
        client.service.is_some(),
        client.jwks.clone(),
        client.openid.clone(),
        client.rules,
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

/// Keys for a client's authentication, and an invalid set.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// A client of a service. `keys` is a file with `text`.
fn serving<'a>(service: &'a str, scope: &'a str, keys: Option<(&'a str, &'a str)>) -> Asked<'a> {
    let mut form = vec![("do", "add-service"), ("name", "{name}"), ("service", service)];
    let mut command = vec!["client", "add", "{name}", "--service", service, "--scope", scope];
    let mut body = json!({"name": "{name}", "service": service, "scopes": [scope]});
    // The form offers the scopes that there are; another field is none of them.
    form.push((if scope == "mcp:write" { "scope-mcp:write" } else { "scope-none" }, "1"));
    if let Some((file, text)) = keys {
        form.push(("jwks", text));
        command.extend(["--auth-method", "private_key_jwt", "--jwks", file]);
        body["token_endpoint_auth_method"] = "private_key_jwt".into();
        body["jwks"] = serde_json::from_str(text).unwrap();
    }
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

/// A relying party with these flags.
fn relying<'a>(uri: &'a str, flags: &[&'static str], admin: bool) -> Asked<'a> {
    let mut asked = adding(uri, true, admin);
    let mut openid = json!({});
    asked.page.1.push(("openid", "1"));
    asked.command.0.push("--openid");
    for flag in flags {
        asked.page.1.push((flag, "1"));
        let option = if *flag == "pairwise" { "--pairwise" } else { "--signed-userinfo" };
        asked.command.0.push(option);
        openid[*flag] = true.into();
    }
    asked.api.2["openid"] = openid;
    asked
}

/// A client with these rules for its requests, of which the names are the same everywhere.
fn strict<'a>(uri: &'a str, rules: &[(&'static str, &'static str)]) -> Asked<'a> {
    let mut asked = adding(uri, false, false);
    for (name, option) in rules {
        asked.page.1.push((name, "1"));
        asked.command.0.push(option);
        asked.api.2[*name] = true.into();
    }
    asked
}

/// A relying party that is told when sessions end.
fn told<'a>(uri: &'a str, after: &'a str, at: &'a str) -> Asked<'a> {
    let mut asked = relying(uri, &[], false);
    asked.page.1.extend([
        ("post_logout_redirect_uris", after),
        ("backchannel_logout_uri", at),
        ("backchannel_logout_session_required", "1"),
    ]);
    asked.api.2["openid"] = json!({
        "post_logout_redirect_uris": [after], "backchannel_logout_uri": at,
        "backchannel_logout_session_required": true,
    });
    asked.command.0.extend([
        "--post-logout-redirect-uri",
        after,
        "--backchannel-logout-uri",
        at,
        "--backchannel-logout-session-required",
    ]);
    asked
}

#[tokio::test]
async fn par_5_dpop_7_rules_and_urls_of_signing_out_are_set_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let uri = "https://app.example/callback";
    let pushed =
        ("require_pushed_authorization_requests", "--require-pushed-authorization-requests");
    let bound = ("dpop_bound_access_tokens", "--dpop-bound-access-tokens");
    let (after, at) = ("https://app.example/bye", "https://app.example/told");
    let cases = [
        done("pushed requests", strict(uri, &[pushed])),
        done("bound tokens", strict(uri, &[bound])),
        done("both", strict(uri, &[pushed, bound])),
        done("signing out", told(uri, after, at)),
        refused("no URL to be told at", "invalid_metadata", told(uri, after, "mailto:a@b.example")),
        refused("no URL to return to", "invalid_metadata", told(uri, "javascript:x", at)),
    ];
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
    let all = stage.store().await.clients(ClientFilter::default(), 100).await.unwrap();
    let strict = |client: &&Client| client.rules.require_pushed_authorization_requests;
    assert_eq!(all.iter().filter(strict).count(), 6);
    let told = |client: &&Client| {
        client.openid.as_ref().is_some_and(|openid| openid.backchannel_logout_session_required)
    };
    assert_eq!(all.iter().filter(told).count(), 3);
}

#[tokio::test]
async fn relying_parties_are_added_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let uri = "https://app.example/callback";
    let cases = [
        done("a relying party", relying(uri, &[], false)),
        done("one of administrators", relying(uri, &[], true)),
        done("signed userinfo", relying(uri, &["signed_userinfo"], false)),
        done("pairwise subjects", relying(uri, &["pairwise", "signed_userinfo"], false)),
        refused(
            "pairwise subjects without a host",
            "invalid_metadata",
            relying("cursor://anysphere.cursor-mcp/oauth/callback", &["pairwise"], false),
        ),
    ];
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
    let party = stage.store().await.clients(ClientFilter::default(), 100).await.unwrap();
    let flags = party.iter().filter_map(|client| client.openid.clone());
    assert_eq!(flags.filter(|openid| openid.sector.as_deref() == Some("app.example")).count(), 3);
}

#[tokio::test]
async fn clients_of_services_are_added_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let folder = std::env::temp_dir().join(format!("doorward-jwks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // The account exists already, so that its random id is in no entry.
    let nightly = doorward_admin::NewService {
        name: "first".to_owned(),
        service: "nightly".to_owned(),
        scopes: vec!["mcp:read".to_owned()],
        ..doorward_admin::NewService::default()
    };
    let clients = &stage.server.app.admin.clients;
    clients.add_service(&Authority::operator(), nightly).await.unwrap();
    let (keys, none) = (file("keys.json", KEYS), file("none.json", r#"{"keys":"none"}"#));
    let cases = [
        done("with a secret", serving("nightly", "mcp:write", None)),
        done("with keys", serving("nightly", "mcp:write", Some((&keys, KEYS)))),
        refused("a user", "not_a_service", serving("root", "mcp:write", None)),
        refused("no name", "invalid_name", serving("no name", "mcp:write", None)),
        refused("no scope", "invalid_scope", serving("nightly", "mcp:none", None)),
        refused(
            "no keys",
            "invalid_metadata",
            serving("nightly", "mcp:write", Some((&none, r#"{"keys":"none"}"#))),
        ),
    ];
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
    std::fs::remove_dir_all(folder).unwrap();
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
