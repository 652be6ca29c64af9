//! With whose rights an upstream is called, and how such access ends.

use doorward_testkit::{Browser, FakeUpstream, form_value};
use serde_json::{Value, json};

use super::{connect, someone, text, tools, with, with_config};

#[tokio::test]
async fn cf2_cw9_an_identity_token_names_the_person_and_is_for_that_upstream_alone() {
    let wiki = FakeUpstream::start().await;
    let server = with(&[("wiki", &wiki, "identity")]).await;
    let (alice, bob) = (someone(&server, "alice").await, someone(&server, "bob").await);
    let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.expect(200).json();
    let mut subjects = Vec::new();
    for person in [&alice, &bob, &alice] {
        let said = text(&server.call(&person.token, "wiki_echo", json!({"text": "x"})).await.expect(200));
        let token = said.strip_prefix("x for ").unwrap();
        assert_ne!(token, person.token);
        let (typ, claims): (_, Value) = doorward_keys::verify_signature(token, &jwks).unwrap();
        assert_eq!((typ.as_deref(), &claims["aud"], &claims["iss"]), (Some("JWT"), &json!(wiki.url), &json!(server.url)));
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 300);
        subjects.push((claims["sub"].clone(), claims["preferred_username"].clone(), token.to_owned()));
        // It opens nothing here.
        assert_eq!(server.call(token, "whoami", json!({})).await.status, 401);
    }
    assert_ne!(subjects[0].0, subjects[1].0);
    assert_eq!(subjects[0], subjects[2], "kept while it is good, for each person");
    assert_eq!((subjects[0].1.as_str(), subjects[1].1.as_str()), (Some("alice"), Some("bob")));
}

#[tokio::test]
async fn ca26_ca37_fixed_credentials_are_sealed_and_sent_to_the_upstream_alone() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "basic")], |config| {
        let wiki = config.upstreams.get_mut("wiki").unwrap();
        wiki.username = "service".to_owned();
        wiki.password = "open-sesame-1".to_owned();
    })
    .await;
    let alice = someone(&server, "alice").await;
    server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert!(wiki.state().authorizations.iter().all(|header| header == "Basic c2VydmljZTpvcGVuLXNlc2FtZS0x"));
    // One that is added by command is stored sealed.
    let mut config = wiki.config("header");
    config.header = "X-Key: hidden-value-7".to_owned();
    server.app.gateway.add("other", config).await.unwrap();
    let stored = server.app.store.upstreams().await.unwrap();
    assert!(!format!("{stored:?}").contains("hidden-value-7"));
    let upstream = server.app.gateway.named("other").await.unwrap();
    assert!(!serde_json::to_string(&upstream.public_config()).unwrap().contains("hidden-value-7"));
}

#[tokio::test]
async fn ca28_g29_a_refused_refresh_ends_this_connection_alone_and_says_so() {
    let (wiki, mail) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
    let server = with(&[("wiki", &wiki, "oauth"), ("mail", &mail, "oauth")]).await;
    let (alice, bob) = (someone(&server, "alice").await, someone(&server, "bob").await);
    for person in [&alice, &bob] {
        connect(&server, &person.browser, "wiki").await;
        connect(&server, &person.browser, "mail").await;
    }
    wiki.state().refresh_error = Some("invalid_grant");
    wiki.state().valid.retain(|token| !token.starts_with("access-1-"));
    let refused = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(refused.to_string().contains("no longer accepts") && refused.to_string().contains("/connect/wiki"), "{refused}");
    assert!(text(&server.call(&alice.token, "mail_echo", json!({"text": "x"})).await).contains("access-1-"), "another upstream is not concerned");
    assert!(text(&server.call(&bob.token, "wiki_echo", json!({"text": "x"})).await).contains("access-2-"), "another person is not concerned");
    let page = alice.browser.get(&server.at("/account")).await.expect(200);
    assert!(page.body.contains("connect again") && page.body.contains("no longer accepts"));
    connect(&server, &alice.browser, "wiki").await;
    assert!(text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await).contains("access-3-"));
}

#[tokio::test]
async fn a_refresh_that_cannot_be_made_now_keeps_the_connection() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = someone(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    assert!(text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await).contains("access-1-"));
    wiki.state().valid.clear();
    wiki.state().refresh_error = Some("temporarily_unavailable");
    let refused = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(refused["result"]["isError"].as_bool().unwrap() && !refused.to_string().contains("/connect/"), "{refused}");
    wiki.state().refresh_error = None;
    for _ in 0..50 {
        let page = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
        if text(&page).contains("access-1-") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the connection did not come back");
}

#[tokio::test]
async fn ca28_a_connection_ends_after_its_time_and_when_its_person_ends_it() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = someone(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    let page = alice.browser.get(&server.at("/account")).await.expect(200);
    let csrf = form_value(&page.body[page.body.find("/account/connections").unwrap()..], "csrf").unwrap();
    let end = [("csrf", csrf.as_str()), ("upstream", "wiki")];
    assert_eq!(Browser::new().post(&server.at("/account/connections"), &end).await.status, 303, "to the sign-in page");
    assert!(text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await).contains("access-1-"));
    alice.browser.post(&server.at("/account/connections"), &end).await.expect(303);
    let refused = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(refused.to_string().contains("/connect/wiki"));
    connect(&server, &alice.browser, "wiki").await;
    server.clock.advance(30 * 86_400);
    let alice = super::signed_in(&server, "alice", "mcp:read").await;
    let refused = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(refused.to_string().contains("/connect/wiki"), "{refused}");
    assert!(!tools(&server, &alice.token).await.is_empty());
}
