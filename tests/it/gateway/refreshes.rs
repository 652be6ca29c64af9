//! Tokens that an authorization server replaces when it issues new ones: new ones are kept, even if
//! the request that needed them is dropped.

use std::time::Duration;

use doorward_testkit::{DoorwardProcess, FakeUpstream, TestServer, form_value, fresh_database};
use serde_json::json;

use super::{
    GatewayUser, connect, gateway_user, go, go_at, processes::call, signed_in, tools, with,
    with_config,
};

/// The time of an answer that a request does not live to see.
const LATE: Duration = Duration::from_millis(1500);

const BOTH: [(&str, &str); 2] = [("wiki", "wiki_echo"), ("api", "api_holder")];

/// An MCP server and a REST API, each with an authorization server of its own, and a user who has
/// connected both.
async fn both() -> (TestServer, [FakeUpstream; 2], GatewayUser) {
    let fakes = [FakeUpstream::protected().await, FakeUpstream::protected().await];
    let server = with_config(&[("wiki", &fakes[0], "oauth")], |config| {
        config.upstreams.insert("api".to_owned(), fakes[1].api_config("oauth"));
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    for (name, tool) in BOTH {
        connect(&server, &alice.browser, name).await;
        assert!(works(&server, &alice, tool).await.contains("access-1-1"));
    }
    (server, fakes, alice)
}

async fn until(holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to it");
}

/// The answer of a call, which may be refused for a while after its upstream failed.
async fn works(server: &TestServer, user: &GatewayUser, tool: &str) -> String {
    let mut said = String::new();
    for _ in 0..60 {
        said = server.call(&user.token, tool, json!({"text": "x"})).await.expect(200).body;
        if said.contains("access-") || said.contains("exchanged-") {
            return said;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the access did not come back: {said}");
}

#[tokio::test]
async fn a_replaced_token_is_kept_although_the_call_that_needed_it_is_dropped() {
    let (server, fakes, alice) = both().await;
    for (fake, (_, tool)) in fakes.iter().zip(BOTH) {
        // No connection with a task of its own is open.
        server.app.gateway.close();
        fake.state().valid.clear();
        fake.state().answer_delay = LATE;
        tokio::select! {
            page = server.call(&alice.token, tool, json!({"text": "x"})) => panic!("answered too early: {}", page.body),
            () = until(|| fake.state().issued == 2) => {}
        }
        fake.state().answer_delay = Duration::ZERO;
        assert!(works(&server, &alice, tool).await.contains("access-1-2"));
        assert_eq!(fake.state().refreshes, 1, "{tool}: one refresh, and what it gave is used");
    }
}

#[tokio::test]
async fn a_replaced_token_is_kept_although_the_connection_that_needed_it_takes_too_long() {
    for (kind, path) in [("http", "mcp"), ("sse", "sse")] {
        let wiki = FakeUpstream::protected().await;
        let server = with_config(&[("wiki", &wiki, "oauth")], |config| {
            let settings = config.upstreams.get_mut("wiki").unwrap();
            settings.connect_seconds = 2;
            kind.clone_into(&mut settings.kind);
            settings.url = format!("{}/{path}", wiki.origin);
            settings.issuer.clone_from(&wiki.origin);
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        assert!(works(&server, &alice, "wiki_echo").await.contains("access-1-1"));
        server.app.gateway.close();
        server.clock.advance(3590);
        let alice = signed_in(&server, "alice", "mcp:destructive").await;
        wiki.state().answer_delay = Duration::from_secs(4);
        server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
        wiki.state().answer_delay = Duration::ZERO;
        assert!(works(&server, &alice, "wiki_echo").await.contains("access-1-2"), "{kind}");
        assert_eq!(wiki.state().refreshes, 1, "{kind}");
    }
}

#[tokio::test]
async fn a_replaced_token_is_kept_although_the_rest_of_its_response_cannot_be_used() {
    let (server, fakes, alice) = both().await;
    for (fake, (_, tool)) in fakes.iter().zip(BOTH) {
        for spoiled in [
            (503, json!({})),
            (200, json!({"access_token": null})),
            (200, json!({"access_token": "two words"})),
            (200, json!({"token_type": "mac"})),
        ] {
            let issued = fake.state().issued;
            fake.state().valid.clear();
            fake.state().spoiled = Some(spoiled.clone());
            server.call(&alice.token, tool, json!({"text": "x"})).await.expect(200);
            let said = works(&server, &alice, tool).await;
            assert!(
                said.contains(&format!("access-1-{}", issued + 2)),
                "{tool} after {spoiled:?}: {said}"
            );
            assert!(fake.state().spoiled.is_none());
        }
    }
}

#[tokio::test]
async fn one_failure_after_a_refresh_ends_no_access_and_costs_no_second_refresh() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    assert!(works(&server, &alice, "wiki_echo").await.contains("access-1-1"));
    wiki.state().valid.clear();
    wiki.state().failing = 1;
    server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert!(works(&server, &alice, "wiki_echo").await.contains("access-1-2"));
    let state = wiki.state();
    assert_eq!((state.failing, state.refreshes), (0, 1));
}

#[tokio::test]
async fn a_token_that_ends_as_soon_as_it_is_given_is_used_once() {
    let wiki = FakeUpstream::protected().await;
    wiki.state().expires_in = 5;
    let server = with_config(&[], |config| {
        config.upstreams.insert("api".to_owned(), wiki.api_config("oauth"));
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "api").await;
    for number in 2..4 {
        assert!(works(&server, &alice, "api_holder").await.contains(&format!("access-1-{number}")));
    }
    assert_eq!(wiki.state().refreshes, 2);
}

#[tokio::test]
async fn redeemed_tokens_are_kept_although_the_browser_disconnects() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    let back = go(&server, &alice.browser, "wiki").await;
    wiki.state().answer_delay = LATE;
    tokio::select! {
        page = alice.browser.get(&back) => panic!("answered too early: {}", page.body),
        () = until(|| wiki.state().issued == 1) => {}
    }
    assert!(works(&server, &alice, "wiki_echo").await.contains("access-1-1"));
}

#[tokio::test]
async fn a_registration_at_an_upstreams_server_is_kept_although_the_browser_disconnects() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    let address = server.at("/connect/wiki");
    let page = alice.browser.get(&address).await.expect(200);
    let csrf =
        form_value(&page.body[page.body.find("/connect/wiki\"").unwrap()..], "csrf").unwrap();
    wiki.state().answer_delay = LATE;
    let fields = [("csrf", csrf.as_str())];
    tokio::select! {
        page = alice.browser.post(&address, &fields) => panic!("answered too early: {}", page.status),
        () = until(|| wiki.state().registrations == 1) => {}
    }
    wiki.state().answer_delay = Duration::ZERO;
    connect(&server, &alice.browser, "wiki").await;
    assert_eq!(wiki.state().registrations, 1);
}

#[tokio::test]
async fn calls_at_once_have_one_token_exchanged_which_is_kept_although_a_call_is_dropped() {
    let api = FakeUpstream::protected().await;
    let server = with_config(&[], |config| {
        let mut settings = api.api_config("exchange");
        settings.token_url = format!("{}/token", api.origin);
        "gateway".clone_into(&mut settings.client_id);
        settings.client_secret = "its-secret-3".into();
        "api".clone_into(&mut settings.audience);
        config.upstreams.insert("api".to_owned(), settings);
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    assert!(tools(&server, &alice.token).await.contains(&"api_holder".to_owned()));
    api.state().answer_delay = Duration::from_millis(300);
    let (one, two) =
        tokio::join!(works(&server, &alice, "api_holder"), works(&server, &alice, "api_holder"));
    assert!(one.contains("exchanged-1") && two.contains("exchanged-1"), "{one} {two}");
    assert_eq!(api.state().exchanges.len(), 1);
    server.clock.advance(61);
    api.state().answer_delay = LATE;
    tokio::select! {
        page = server.call(&alice.token, "api_holder", json!({})) => panic!("answered too early: {}", page.body),
        () = until(|| api.state().exchanges.len() == 2) => {}
    }
    assert!(works(&server, &alice, "api_holder").await.contains("exchanged-2"));
    assert_eq!(api.state().exchanges.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_token_is_kept_although_the_server_stops() {
    let fakes = [FakeUpstream::protected().await, FakeUpstream::protected().await];
    let folder = std::env::temp_dir().join(format!("doorward-stops-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("doorward.toml");
    let reached = "auth = \"oauth\"\nnetworks = [\"127.0.0.0/8\"]\nhttp_on_loopback = true\n";
    let origin = &fakes[1].origin;
    let text = format!(
        "[server]\nshutdown_seconds = 1\n[upstreams.wiki]\nkind = \"http\"\nurl = \"{}\"\n{reached}\
         [upstreams.api]\nkind = \"openapi\"\ndocument = \"{origin}/openapi.json\"\nurl = \"{origin}/api\"\nissuer = \"{origin}\"\n{reached}",
        fakes[0].url
    );
    std::fs::write(&file, text).unwrap();
    let (data, database) = (folder.join("data"), fresh_database().await);
    let variables = [
        ("DOORWARD_CONFIG", file.to_str().unwrap()),
        ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64"),
        ("DOORWARD_STORE__URL", database.as_str()),
    ];
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let base = server.url.clone();
    let alice = server.user(&data, &variables, "alice").await;
    let mut calls = Vec::new();
    for (fake, (name, tool)) in fakes.iter().zip(BOTH) {
        let back = go_at(&base, &alice.browser, name).await;
        alice.browser.get(&back).await.expect(303);
        let said = call(&base, &alice.token, tool).await;
        assert!(said.contains("access-1-1"), "{said}");
        fake.state().valid.clear();
        fake.state().answer_delay = Duration::from_secs(4);
        let (base, token) = (base.clone(), alice.token.clone());
        calls.push(tokio::spawn(async move { call(&base, &token, tool).await }));
    }
    until(|| fakes.iter().all(|fake| fake.state().issued == 2)).await;
    assert_eq!(server.terminate().await, Some(0));
    let mut server =
        DoorwardProcess::start(&data, base.trim_start_matches("http://"), &variables).await;
    for (fake, (_, tool)) in fakes.iter().zip(BOTH) {
        let said = call(&base, &alice.token, tool).await;
        assert!(said.contains("access-1-2"), "{tool}: {said}");
        assert_eq!(fake.state().refreshes, 1, "{tool}");
    }
    server.terminate().await;
    for call in calls {
        call.abort();
    }
    let _ = std::fs::remove_dir_all(&folder);
}
