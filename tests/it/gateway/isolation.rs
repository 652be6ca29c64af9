//! Two users at once never see each other's tools, results or tokens.

use std::{sync::Arc, time::Duration};

use doorward_testkit::{FakeUpstream, TestServer};
use serde_json::json;

use super::{connect, gateway_user, text, tools, with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca31_g1_a_thousand_interleaved_calls_never_mix_two_users_up() {
    let wiki = FakeUpstream::protected().await;
    let server = Arc::new(with(&[("wiki", &wiki, "oauth")]).await);
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    connect(&server, &alice.browser, "wiki").await;
    connect(&server, &bob.browser, "wiki").await;
    let mut tasks = Vec::new();
    for worker in 0..10 {
        let (token, account) =
            if worker % 2 == 0 { (alice.token.clone(), 1) } else { (bob.token.clone(), 2) };
        let server = Arc::clone(&server);
        tasks.push(tokio::spawn(async move {
            for number in 0..110 {
                let said = format!("{worker} {number}");
                let page =
                    server.call(&token, "wiki_echo", json!({ "text": said })).await.expect(200);
                let answer = text(&page);
                assert!(answer.starts_with(&format!("{said} for access-{account}-")), "{answer}");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let state = wiki.state();
    assert_eq!(state.calls, 1100);
    // G1: nothing that a client sends to this server is passed on.
    assert!(
        !state
            .authorizations
            .iter()
            .any(|header| header.contains(&alice.token) || header.contains(&bob.token))
    );
}

#[tokio::test]
async fn ca30_a_user_without_a_connection_gets_no_results_of_others() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    assert!(
        tools(&server, &bob.token).await.contains(&"wiki_connect".to_owned()),
        "no user has listed its tools yet"
    );
    connect(&server, &alice.browser, "wiki").await;
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-1-")
    );
    // Definitions are known now; using them takes access of the user's own.
    let listed = super::list(&server, &bob.token).await;
    let echo = listed.iter().find(|tool| tool["name"] == "wiki_echo").unwrap();
    assert!(echo["description"].as_str().unwrap().contains("not connected"));
    let calls = wiki.state().calls;
    let refused =
        server.call(&bob.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(
        refused["result"]["isError"].as_bool().unwrap()
            && refused.to_string().contains("/connect/wiki")
    );
    assert_eq!(wiki.state().calls, calls, "nothing was sent");
    // P3: disabling a user ends their use at once, others go on.
    connect(&server, &bob.browser, "wiki").await;
    assert!(
        text(&server.call(&bob.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-2-")
    );
}

async fn eight_at_once(servers: &[Arc<TestServer>], token: &str) {
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (server, token) = (Arc::clone(&servers[number % servers.len()]), token.to_owned());
            tokio::spawn(async move {
                text(&server.call(&token, "wiki_echo", json!({"text": "x"})).await.expect(200))
            })
        })
        .collect();
    for task in tasks {
        let said = task.await.unwrap();
        assert!(said.starts_with("x for access-1-"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g30_eight_parallel_calls_with_an_expired_token_refresh_it_once() {
    let wiki = FakeUpstream::protected().await;
    let server = Arc::new(with(&[("wiki", &wiki, "oauth")]).await);
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    wiki.state().refresh_delay = Duration::from_millis(200);
    eight_at_once(&[Arc::clone(&server)], &alice.token).await;
    assert_eq!(wiki.state().refreshes, 0);
    server.clock.advance(3590);
    let alice = super::signed_in(&server, "alice", "mcp:destructive").await;
    eight_at_once(&[Arc::clone(&server)], &alice.token).await;
    assert_eq!(wiki.state().refreshes, 1, "early, and once");
    // A token that the upstream refuses before its time is refreshed once too.
    wiki.state().valid.clear();
    eight_at_once(&[Arc::clone(&server)], &alice.token).await;
    assert_eq!(wiki.state().refreshes, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g30_cs18_two_replicas_refresh_once_together() {
    let wiki = FakeUpstream::protected().await;
    let one = Arc::new(with(&[("wiki", &wiki, "oauth")]).await);
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = Arc::new(TestServer::start_on(config, one.data_dir.clone()).await);
    let alice = gateway_user(&one, "alice").await;
    connect(&one, &alice.browser, "wiki").await;
    eight_at_once(&[Arc::clone(&one), Arc::clone(&other)], &alice.token).await;
    wiki.state().refresh_delay = Duration::from_millis(300);
    for round in 1..=3 {
        wiki.state().valid.clear();
        eight_at_once(&[Arc::clone(&one), Arc::clone(&other)], &alice.token).await;
        assert_eq!(wiki.state().refreshes, round);
    }
}
