//! Connections of services to upstreams: listed and ended alike.

use doorward_accounts::Authority;
use doorward_admin::{Holder, NewToken};
use doorward_testkit::{FakeUpstream, TestServer};
use reqwest::Method;
use serde_json::Value;

use super::{Asked, Object, Stage, compare, done, refused};

/// A service with that name.
async fn service(server: &TestServer, name: &str) -> String {
    let new = NewToken {
        name: "ci".to_owned(),
        scopes: vec!["mcp:read".to_owned()],
        upstreams: Vec::new(),
        days: 30,
    };
    let holder = Holder::Service(name.to_owned());
    server.app.admin.tokens.make(&Authority::operator(), &holder, new).await.unwrap();
    server.app.accounts.find(name).await.unwrap().id.to_string()
}

/// A service that an administrator connected.
async fn connected(stage: &Stage, name: &str) -> String {
    let id = service(&stage.server, name).await;
    crate::gateway::services::connect(&stage.server, &stage.browser, name, "wiki").await;
    id
}

#[tokio::test]
async fn connections_of_services_are_listed_and_ended_alike_by_page_api_and_command() {
    let wiki = FakeUpstream::protected().await;
    let stage = Stage::on(TestServer::start().await).await;
    let server = &stage.server;
    // As commands know it too.
    server.app.gateway.add("wiki", wiki.config("oauth")).await.unwrap();
    let prepare =
        async |name: &str| Object { id: connected(&stage, name).await, ..Object::default() };
    let find = async |name: &str| {
        let Some(user) = stage.user(name).await else { return Object::default() };
        let held = stage.store().await.connections_of(&user.id).await.unwrap();
        let kept = held.iter().map(|one| one.upstream.to_string()).collect();
        Object { id: user.id.to_string(), state: kept, ..Object::default() }
    };
    let ending = |upstream: &'static str| Asked {
        page: ("/admin/users/{id}", vec![("do", "disconnect"), ("upstream", upstream)]),
        api: (
            Method::DELETE,
            if upstream == "wiki" {
                "/users/{id}/connections/wiki"
            } else {
                "/users/{id}/connections/none"
            },
            Value::Null,
        ),
        command: (vec!["user", "disconnect", "{name}", upstream], ""),
    };
    let ends = [done("ended", ending("wiki")), refused("no upstream", "not_found", ending("none"))];
    compare(&stage, &ends, prepare, find).await;
    let without =
        async |name: &str| Object { id: service(server, name).await, ..Object::default() };
    let none = [refused("no connection", "not_found", ending("wiki"))];
    compare(&stage, &none, without, find).await;
    let human = async |name: &str| Object {
        id: server.user(name).await.id.to_string(),
        ..Object::default()
    };
    let none = [refused("a user", "not_found", ending("wiki"))];
    compare(&stage, &none, human, find).await;
    // The lists name the page on which an administrator connects the service.
    let id = connected(&stage, "nightly").await;
    let page = server.at(&format!("/admin/users/{id}/connect/wiki"));
    let path = format!("/users/{id}/connections");
    let listed = stage.by_api(Method::GET, &path, Value::Null, "").await;
    let told: Value = serde_json::from_str(&listed.answer).unwrap();
    let one = &told["connections"][0];
    assert_eq!((&one["upstream"], &one["connect_url"]), (&"wiki".into(), &page.into()));
    assert_eq!((&one["connected"], &one["account"]), (&true.into(), &Value::Null));
    let words = ["user", "connections", "nightly"].map(str::to_owned);
    let listed = stage.by_command(&words, "").await;
    let told: Value = serde_json::from_str(&listed.answer).unwrap();
    assert_eq!((&told[0]["upstream"], &told[0]["connected"]), (&"wiki".into(), &true.into()));
    assert!(told[0]["connect_url"].as_str().unwrap().ends_with(&format!("/{id}/connect/wiki")));
}
