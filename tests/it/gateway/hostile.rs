//! An upstream that dies, hangs, floods or lies harms no other (F-09, P10).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doorward_testkit::{FakeUpstream, tool};
use serde_json::json;

use super::{gateway_user, text, tools, with_config};

/// A bad upstream, which is given little time, and a good one. `patient` is the bad one with all
/// the time that there is.
async fn pair() -> (FakeUpstream, FakeUpstream, Arc<doorward_testkit::TestServer>) {
    let (bad, good) = (FakeUpstream::start().await, FakeUpstream::start().await);
    bad.state().tools.extend(
        ["hang", "slow", "huge", "large", "flood", "lie", "garbage"].map(|name| tool(name, true)),
    );
    let all = [("bad", &bad, "none"), ("patient", &bad, "none"), ("good", &good, "none")];
    let server = with_config(&all, |config| {
        let bad = config.upstreams.get_mut("bad").unwrap();
        bad.call_seconds = 1;
        bad.calls_at_once = 4;
        bad.list_wait_ms = 500;
        bad.connect_seconds = 1;
        let patient = config.upstreams.get_mut("patient").unwrap();
        patient.list_wait_ms = 500;
        patient.connect_seconds = 1;
        config.limits.calls_waiting = 4;
        config.limits.wait_seconds = 1;
    })
    .await;
    (bad, good, Arc::new(server))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_09_wrong_slow_huge_and_endless_responses_are_errors_of_that_call_alone() {
    let (_bad, _good, server) = pair().await;
    let alice = gateway_user(&server, "alice").await;
    tools(&server, &alice.token).await;
    // Only the end of the call that hangs is one by time: the others end by what was said, however
    // long the machine takes to read it.
    for (upstream, name, said) in [
        ("bad", "hang", "did not respond within 1 s"),
        ("patient", "huge", "returned more than"),
        ("patient", "large", "bytes; at most"),
        (
            "patient",
            "lie",
            "responded to tools/call with a message that does not conform to the protocol",
        ),
        ("patient", "garbage", "with text that is not JSON"),
    ] {
        let started = Instant::now();
        let page =
            server.call(&alice.token, &format!("{upstream}_{name}"), json!({})).await.expect(200);
        let answer = page.json();
        assert!(
            answer["result"]["isError"].as_bool().unwrap_or(false),
            "{name}: {}",
            &page.body[..page.body.len().min(300)]
        );
        assert!(text(&page).contains(said), "{name}: {}", text(&page));
        assert!(started.elapsed() < Duration::from_secs(10), "{name} took {:?}", started.elapsed());
        assert_eq!(
            text(&server.call(&alice.token, "good_echo", json!({"text": "x"})).await),
            "x for ",
            "after {name}"
        );
    }
    // A flood of unrequested progress is discarded.
    let page = server.call(&alice.token, "patient_flood", json!({})).await.expect(200);
    assert!(page.body.len() < 1000, "{}", &page.body[..300]);
    assert_eq!(
        text(&server.call(&alice.token, "patient_echo", json!({"text": "still there"})).await),
        "still there for "
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_hanging_calls_take_no_other_users_place_and_their_queue_is_bounded() {
    let (_bad, _good, server) = pair().await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    tools(&server, &alice.token).await;
    let hanging: Vec<_> = (0..20)
        .map(|_| {
            let (server, token) = (Arc::clone(&server), alice.token.clone());
            tokio::spawn(async move { text(&server.call(&token, "bad_hang", json!({})).await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..20 {
        let started = Instant::now();
        assert_eq!(
            text(&server.call(&bob.token, "good_echo", json!({"text": "x"})).await),
            "x for "
        );
        assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
    }
    let mut refused = 0;
    for task in hanging {
        let said = task.await.unwrap();
        refused += usize::from(said.contains("try again in"));
        assert!(said.contains("try again in") || said.contains("did not respond within"), "{said}");
    }
    assert!(refused >= 12, "four run, four wait, the rest is told when to come again: {refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca36_an_upstream_that_is_killed_during_a_call_restarts_automatically() {
    let (bad, _good, server) = pair().await;
    let alice = gateway_user(&server, "alice").await;
    assert!(tools(&server, &alice.token).await.contains(&"bad_echo".to_owned()));
    let running = {
        let (server, token) = (Arc::clone(&server), alice.token.clone());
        tokio::spawn(
            async move { server.call(&token, "bad_slow", json!({"ms": 900})).await.json() },
        )
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    bad.kill();
    running.await.unwrap();
    // Its offers stay listed; calling one reports the problem; the rest works.
    let started = Instant::now();
    let names = tools(&server, &alice.token).await;
    assert!(names.contains(&"bad_echo".to_owned()) && names.contains(&"good_echo".to_owned()));
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(text(&server.call(&alice.token, "good_echo", json!({"text": "x"})).await), "x for ");
}

#[tokio::test]
async fn ca29_an_upstream_that_was_never_there_delays_a_list_for_a_moment_only() {
    let good = FakeUpstream::start().await;
    // A listener that takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let server = with_config(&[("good", &good, "none")], |config| {
        let mut mute = good.config("none");
        mute.url = format!("http://{address}/mcp");
        mute.list_wait_ms = 300;
        config.upstreams.insert("mute".to_owned(), mute);
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let started = Instant::now();
    let names = tools(&server, &alice.token).await;
    assert!(
        names.contains(&"good_echo".to_owned())
            && !names.iter().any(|name| name.starts_with("mute_"))
    );
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let told = server.call(&alice.token, "connections", json!({})).await.expect(200).json();
    let mute = told["result"]["structuredContent"]["services"]
        .as_array()
        .unwrap()
        .iter()
        .find(|service| service["name"] == "mute")
        .unwrap()
        .clone();
    assert_eq!(mute["state"], "unreachable");
}

#[tokio::test]
async fn limits_refuse_with_the_time_to_come_again() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.limits.calls_per_minute_user = 5;
        config.limits.argument_bytes = 1000;
    })
    .await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let long =
        server.call(&alice.token, "wiki_echo", json!({"text": "x".repeat(2000)})).await.expect(200);
    assert!(text(&long).contains("at most 1000"));
    for _ in 0..5 {
        assert_eq!(
            text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await),
            "x for "
        );
    }
    let refused = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert!(text(&refused).contains("try again in"));
    assert!(refused.json()["result"]["_meta"]["doorward/retryAfterSeconds"].as_u64().unwrap() > 0);
    assert_eq!(text(&server.call(&bob.token, "wiki_echo", json!({"text": "x"})).await), "x for ");
}
