//! Service tokens: made by API and command, revoked by all.

use doorward_accounts::Authority;
use doorward_admin::{Holder, NewToken};
use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Object, Stage, Via, alike, compare, done, refused};

fn new(scope: &str) -> NewToken {
    NewToken {
        name: "ci".to_owned(),
        scopes: vec![scope.to_owned()],
        upstreams: Vec::new(),
        days: 30,
    }
}

/// A token that is made: the page makes none for services, so that it is the API's request twice.
async fn made(stage: &Stage, via: Via, service: &str, scope: &str, days: u32) -> Option<String> {
    let text = days.to_string();
    let mut command = vec!["token", "create", "ci", "--service", service, "--scope", scope];
    command.extend(["--days", &text]);
    let body = json!({"service": service, "name": "ci", "scopes": [scope], "days": days});
    let asked = Asked {
        page: ("", Vec::new()),
        api: (Method::POST, "/tokens", body),
        command: (command, ""),
    };
    stage.ask(via, &asked, &[]).await.code
}

#[tokio::test]
async fn service_tokens_are_made_with_their_account_or_not_at_all() {
    let stage = Stage::on(TestServer::start().await).await;
    stage.server.user("human").await;
    for (at, (service, scope, days, code)) in [
        ("bot", "mcp:read", 30, None),
        ("bot", "mcp:everything", 30, Some("invalid_scope")),
        ("bot", "mcp:read", 0, Some("invalid_days")),
        ("bot", "mcp:read", 99_999, Some("invalid_days")),
        ("bot", "admin", 30, Some("too_much")),
        ("no name", "mcp:read", 30, Some("invalid_name")),
        ("human", "mcp:read", 30, Some("not_a_service")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut kept = Vec::new();
        for via in [Via::Api, Via::Command] {
            let service = if service == "bot" {
                format!("bot{at}-{}", via.suffix())
            } else {
                service.to_owned()
            };
            let head = stage.head().await;
            let told = made(&stage, via, &service, scope, days).await;
            assert_eq!(told.as_deref(), code, "{service} {scope} {days} by {via:?}");
            let kinds: Vec<String> = stage
                .entries(head)
                .await
                .iter()
                .map(|entry| entry.split(' ').take(2).collect::<Vec<_>>().join(" "))
                .collect();
            // A refused token leaves no account behind.
            assert_eq!(kinds.is_empty(), code.is_some(), "{kinds:?}");
            if service.starts_with("bot") {
                assert_eq!(stage.user(&service).await.is_some(), code.is_none(), "{service}");
            }
            kept.push(alike(&kinds.join(","), &[(&service, "NAME")]));
        }
        assert_eq!(kept[0], kept[1]);
    }
}

#[tokio::test]
async fn tokens_are_revoked_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let tokens = &stage.server.app.admin.tokens;
    let prepare = async |name: &str| {
        let holder = Holder::Service(name.to_owned());
        let made = tokens.make(&Authority::operator(), &holder, new("mcp:read")).await.unwrap();
        Object { id: made.made.token.id.to_string(), ..Object::default() }
    };
    let find = async |name: &str| {
        let store = stage.store().await;
        let Some(holder) = stage.user(name).await else { return Object::default() };
        let held = store.access_tokens_of(&holder.id).await.unwrap();
        let states: Vec<bool> = held.iter().map(|token| token.revoked_at.is_some()).collect();
        Object { state: format!("{states:?}"), ..Object::default() }
    };
    let revoking = || Asked {
        page: ("/admin/tokens", vec![("do", "revoke"), ("row-{id}", "1"), ("sure", "1")]),
        api: (Method::DELETE, "/tokens/{id}", Value::Null),
        command: (vec!["token", "revoke", "{id}"], ""),
    };
    compare(&stage, &[done("revoked", revoking())], prepare, find).await;
    let none = async |_: &str| Object { id: "t_none".to_owned(), ..Object::default() };
    compare(&stage, &[refused("missing", "not_found", revoking())], none, find).await;
}
