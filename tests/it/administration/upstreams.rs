//! Upstreams: adding and deleting by API and command, and decisions about their tools.

use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via};

/// The stored and audited changes of one front end, with the upstream's name taken out.
async fn kept(stage: &Stage, name: &str, head: i64) -> String {
    let all = stage.store().await.upstreams().await.unwrap();
    let found = all.iter().find(|record| record.name.as_str() == name);
    let shown = found.map(|record| format!("{} {}", record.settings, record.secrets.is_some()));
    let entries = stage.entries(head).await;
    format!("{shown:?} {entries:?}").replace(name, "NAME")
}

#[tokio::test]
async fn upstreams_are_added_and_deleted_alike_by_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let url = "https://tools.example/mcp";
    let cases = [
        ("{name}", "http", url, None),
        ("Not A Name", "http", url, Some("invalid_setting")),
        ("{name}", "http", "nowhere", Some("invalid_setting")),
    ];
    for (at, (name, kind, url, code)) in cases.into_iter().enumerate() {
        let mut all = Vec::new();
        for via in [Via::Api, Via::Command] {
            let own = format!("u{at}-{}", via.suffix());
            let head = stage.head().await;
            let adding = Asked {
                page: ("", Vec::new()),
                api: (Method::POST, "/upstreams", json!({"name": name, "kind": kind, "url": url})),
                command: (vec!["upstream", "add", name, "--kind", kind, "--url", url], ""),
            };
            let outcome = stage.ask(via, &adding, &[("name", &own)]).await;
            assert_eq!(outcome.code.as_deref(), code, "{name} {url} by {via:?}");
            all.push(kept(&stage, &own, head).await);
            let deleting = Asked {
                page: ("", Vec::new()),
                api: (Method::DELETE, "/upstreams/{name}", Value::Null),
                command: (vec!["upstream", "delete", "{name}"], ""),
            };
            if code.is_none() {
                let again = stage.ask(via, &adding, &[("name", &own)]).await;
                assert_eq!(again.code.as_deref(), Some("name_taken"), "{via:?}");
                let head = stage.head().await;
                let outcome = stage.ask(via, &deleting, &[("name", &own)]).await;
                assert!(outcome.code.is_none(), "{via:?}: {outcome:?}");
                all.push(kept(&stage, &own, head).await);
            }
            let gone = stage.ask(via, &deleting, &[("name", &own)]).await;
            assert_eq!(gone.code.as_deref(), Some("not_found"), "{via:?}");
        }
        let (by_api, by_command) = all.split_at(all.len() / 2);
        assert_eq!(by_api, by_command);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_refused_alike_by_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let config = json!({"kind": "http", "url": "https://tools.example/mcp"});
    let config = serde_json::from_value(config).unwrap();
    stage.server.app.gateway.add("wiki", config).await.unwrap();
    let deciding = Asked {
        page: ("", Vec::new()),
        api: (Method::PUT, "/upstreams/wiki/tools/gone", json!({"decision": "approve"})),
        command: (vec!["upstream", "approve", "wiki", "gone"], ""),
    };
    for via in [Via::Api, Via::Command] {
        let outcome = stage.ask(via, &deciding, &[("etag", "x")]).await;
        assert_eq!(outcome.code.as_deref(), Some("not_found"), "{via:?}: {outcome:?}");
    }
}
