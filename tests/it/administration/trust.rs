//! Trust rules: adding, changing and deleting.

use doorward_accounts::Authority;
use doorward_admin::{NewTrust, TrustChange};
use doorward_model::Client;
use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Case, Object, Stage, compare, done, refused};

const ISSUER: &str = "https://ci.example";

fn object(client: Option<&Client>) -> Object {
    let Some(client) = client else { return Object::default() };
    let facts = (
        client.auth_method.as_str(),
        client.grant_types.names().collect::<Vec<_>>(),
        client.scopes.to_string(),
        client.service.is_some(),
        client.trust.clone(),
        client.disabled_at.is_some(),
    );
    Object { id: client.id.to_string(), etag: client.etag(), state: format!("{facts:?}") }
}

async fn find(stage: &Stage, name: &str) -> Object {
    let found = stage.store().await.trusting_clients(None, 1000).await.unwrap();
    object(found.iter().find(|client| client.name == name))
}

/// A rule with these differences from one that is accepted.
struct New<'a> {
    issuer: &'a str,
    service: &'a str,
    scope: &'a str,
    subject: &'a str,
    claim: Option<(&'a str, &'a str)>,
    jwks_uri: Option<&'a str>,
}

const NEW: New<'static> = New {
    issuer: ISSUER,
    service: "release",
    scope: "mcp:write",
    subject: "repo:acme/tools:*",
    claim: None,
    jwks_uri: None,
};

fn adding<'a>(new: &New<'a>, line: &'a str) -> Asked<'a> {
    let mut form = vec![
        ("do", "add"),
        ("name", "{name}"),
        ("service", new.service),
        ("issuer", new.issuer),
        ("subject", new.subject),
        ("claims", line),
    ];
    form.push((if new.scope == "mcp:write" { "scope-mcp:write" } else { "scope-none" }, "1"));
    let mut command = vec!["trust", "add", "{name}", "--issuer", new.issuer];
    command.extend(["--service", new.service, "--scope", new.scope, "--subject", new.subject]);
    let mut body = json!({
        "name": "{name}", "service": new.service, "scopes": [new.scope], "issuer": new.issuer,
        "subject": new.subject,
    });
    if let Some((name, pattern)) = new.claim {
        command.extend(["--claim", line]);
        body["claims"] = json!({name: pattern});
    }
    if let Some(uri) = new.jwks_uri {
        form.push(("jwks_uri", uri));
        command.extend(["--jwks-uri", uri]);
        body["jwks_uri"] = uri.into();
    }
    Asked {
        page: ("/admin/trust?add=1 > /admin/trust", form),
        api: (Method::POST, "/trust", body),
        command: (command, ""),
    }
}

#[tokio::test]
async fn trust_rules_are_added_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    // The account exists already, so that its random id is in no entry.
    let first = NewTrust {
        name: "first".to_owned(),
        service: "release".to_owned(),
        scopes: vec!["mcp:read".to_owned()],
        issuer: ISSUER.to_owned(),
        more: TrustChange { subject: Some("x".to_owned()), ..TrustChange::default() },
    };
    stage.server.app.admin.trusts.add(&Authority::operator(), first).await.unwrap();
    let (uri, plain) = ("https://keys.example/jwks", "http://keys.example/jwks");
    let owner = Some(("repository_owner_id", "65"));
    let cases = [
        done("plain", adding(&NEW, "")),
        done("claims", adding(&New { claim: owner, ..NEW }, "repository_owner_id=65")),
        done(
            "all subjects of one owner",
            adding(&New { claim: owner, subject: "*", ..NEW }, "repository_owner_id=65"),
        ),
        done("keys", adding(&New { jwks_uri: Some(uri), issuer: "cluster", ..NEW }, "")),
        refused("any subject", "invalid_setting", adding(&New { subject: "*", ..NEW }, "")),
        refused(
            "any owner",
            "invalid_setting",
            adding(
                &New { subject: "*:x", claim: Some(("repository_owner_id", "*")), ..NEW },
                "repository_owner_id=*",
            ),
        ),
        refused("no URL", "invalid_setting", adding(&New { issuer: "ci", ..NEW }, "")),
        refused(
            "no TLS",
            "invalid_setting",
            adding(&New { issuer: "http://ci.example", ..NEW }, ""),
        ),
        refused(
            "keys without TLS",
            "invalid_setting",
            adding(&New { jwks_uri: Some(plain), ..NEW }, ""),
        ),
        refused("a user", "not_a_service", adding(&New { service: "root", ..NEW }, "")),
        refused("no scope", "invalid_scope", adding(&New { scope: "mcp:none", ..NEW }, "")),
    ];
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
}

#[tokio::test]
async fn trust_rules_are_changed_and_deleted_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let changing = |subject: &'static str| Asked {
        page: (
            "/admin/trust?rule={id} > /admin/trust",
            vec![
                ("do", "save"),
                ("rule", "{id}"),
                ("name", "{name}"),
                ("subject", subject),
                ("audience", "https://mcp.example"),
                ("scope-mcp:read", "1"),
            ],
        ),
        api: (Method::PATCH, "/trust/{id}", json!({"subject": subject})),
        command: (vec!["trust", "set", "{id}", "--subject", subject], ""),
    };
    let deleting = || Asked {
        page: (
            "/admin/trust?rule={id} > /admin/trust",
            vec![("do", "delete"), ("rule", "{id}"), ("sure", "1")],
        ),
        api: (Method::DELETE, "/trust/{id}", Value::Null),
        command: (vec!["trust", "remove", "{id}"], ""),
    };
    let prepare = async |name: &str| {
        let new = NewTrust {
            name: name.to_owned(),
            service: "release".to_owned(),
            scopes: vec!["mcp:read".to_owned()],
            issuer: ISSUER.to_owned(),
            more: TrustChange {
                subject: Some("repo:acme/tools:*".to_owned()),
                audience: Some("https://mcp.example".to_owned()),
                ..TrustChange::default()
            },
        };
        let added = stage.server.app.admin.trusts.add(&Authority::operator(), new).await;
        object(Some(&added.unwrap()))
    };
    let cases: Vec<Case<'_>> = vec![
        done("change", changing("repo:acme/other:*")),
        refused("too wide", "invalid_setting", changing("*")),
        done("delete", deleting()),
    ];
    let find = async |name: &str| find(&stage, name).await;
    compare(&stage, &cases, prepare, find).await;
    let gone = async |_: &str| Object { id: "c_none".to_owned(), ..Object::default() };
    let missing = [
        refused("missing", "not_found", changing("repo:acme/other:*")),
        refused("none to delete", "not_found", deleting()),
    ];
    compare(&stage, &missing, gone, find).await;
}
