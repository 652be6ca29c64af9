//! Credentials for calls of an upstream, and the end of such access.

use doorward_testkit::{Browser, FakeUpstream, form_value};
use serde_json::{Value, json};

use super::{connect, gateway_user, text, tools, with, with_config};

#[tokio::test]
async fn cf2_cw9_an_identity_token_names_the_user_and_is_for_that_upstream_alone() {
    let wiki = FakeUpstream::start().await;
    let server = with(&[("wiki", &wiki, "identity")]).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.expect(200).json();
    let mut subjects = Vec::new();
    for user in [&alice, &bob, &alice] {
        let said =
            text(&server.call(&user.token, "wiki_echo", json!({"text": "x"})).await.expect(200));
        let token = said.strip_prefix("x for ").unwrap();
        assert_ne!(token, user.token);
        let (typ, claims): (_, Value) = doorward_keys::verify_signature(token, &jwks).unwrap();
        assert_eq!(
            (typ.as_deref(), &claims["aud"], &claims["iss"]),
            (Some("JWT"), &json!(wiki.url), &json!(server.url))
        );
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 300);
        subjects.push((
            claims["sub"].clone(),
            claims["preferred_username"].clone(),
            token.to_owned(),
        ));
        // It opens nothing here.
        assert_eq!(server.call(token, "whoami", json!({})).await.status, 401);
    }
    assert_ne!(subjects[0].0, subjects[1].0);
    assert_eq!(subjects[0], subjects[2], "kept while it is good, for each user");
    assert_eq!((subjects[0].1.as_str(), subjects[1].1.as_str()), (Some("alice"), Some("bob")));
}

#[tokio::test]
async fn ca26_ca37_fixed_credentials_are_sealed_and_sent_to_the_upstream_alone() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "basic")], |config| {
        let wiki = config.upstreams.get_mut("wiki").unwrap();
        wiki.username = "service".to_owned();
        wiki.password = "open-sesame-1".into();
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert!(
        wiki.state()
            .authorizations
            .iter()
            .all(|header| header == "Basic c2VydmljZTpvcGVuLXNlc2FtZS0x")
    );
    // One that is added by command is stored sealed.
    let mut config = wiki.config("header");
    config.header = "X-Key: hidden-value-7".into();
    server.app.gateway.add("other", config).await.unwrap();
    let stored = server.app.store.upstreams().await.unwrap();
    assert!(!format!("{stored:?}").contains("hidden-value-7"));
    let upstream = server.app.gateway.named("other").await.unwrap();
    assert!(!serde_json::to_string(&upstream.public_config()).unwrap().contains("hidden-value-7"));
}

#[tokio::test]
async fn ca28_g29_a_refused_refresh_ends_this_connection_alone_and_reports_it() {
    let (wiki, mail) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
    let server = with(&[("wiki", &wiki, "oauth"), ("mail", &mail, "oauth")]).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    for user in [&alice, &bob] {
        connect(&server, &user.browser, "wiki").await;
        connect(&server, &user.browser, "mail").await;
    }
    wiki.state().refresh_error = Some("invalid_grant");
    wiki.state().valid.retain(|token| !token.starts_with("access-1-"));
    let refused =
        server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(
        refused.to_string().contains("no longer accepts")
            && refused.to_string().contains("/connect/wiki"),
        "{refused}"
    );
    assert!(
        text(&server.call(&alice.token, "mail_echo", json!({"text": "x"})).await)
            .contains("access-1-"),
        "another upstream is not concerned"
    );
    assert!(
        text(&server.call(&bob.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-2-"),
        "another user is not concerned"
    );
    let page = alice.browser.get(&server.at("/account")).await.expect(200);
    assert!(page.body.contains("connection expired") && page.body.contains("no longer accepts"));
    connect(&server, &alice.browser, "wiki").await;
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-3-")
    );
}

#[tokio::test]
async fn a_refresh_that_cannot_be_made_now_keeps_the_connection() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-1-")
    );
    wiki.state().valid.clear();
    wiki.state().refresh_error = Some("temporarily_unavailable");
    let refused =
        server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(
        refused["result"]["isError"].as_bool().unwrap()
            && !refused.to_string().contains("/connect/"),
        "{refused}"
    );
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
async fn ca28_a_connection_ends_after_its_time_and_when_its_user_ends_it() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    let page = alice.browser.get(&server.at("/account")).await.expect(200);
    let csrf =
        form_value(&page.body[page.body.find("/account/connections").unwrap()..], "csrf").unwrap();
    let end = [("csrf", csrf.as_str()), ("upstream", "wiki")];
    assert_eq!(
        Browser::new().post(&server.at("/account/connections"), &end).await.status,
        303,
        "to the sign-in page"
    );
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-1-")
    );
    alice.browser.post(&server.at("/account/connections"), &end).await.expect(303);
    let refused =
        server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(refused.to_string().contains("/connect/wiki"));
    connect(&server, &alice.browser, "wiki").await;
    server.clock.advance(30 * 86_400);
    let alice = super::signed_in(&server, "alice", "mcp:read").await;
    let refused =
        server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).json();
    assert!(refused.to_string().contains("/connect/wiki"), "{refused}");
    assert!(!tools(&server, &alice.token).await.is_empty());
}

#[tokio::test]
async fn cw9_a_token_of_doorward_is_exchanged_at_the_upstreams_server_and_kept_while_it_is_valid() {
    let wiki = FakeUpstream::protected().await;
    let token_url = format!("{}/token", wiki.origin);
    let server = with_config(&[("wiki", &wiki, "exchange")], |config| {
        let wiki = config.upstreams.get_mut("wiki").unwrap();
        wiki.token_url.clone_from(&token_url);
        "gateway".clone_into(&mut wiki.client_id);
        wiki.client_secret = "its-secret-3".into();
        "wiki-api".clone_into(&mut wiki.audience);
        wiki.scopes = vec!["read".to_owned()];
    })
    .await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.expect(200).json();
    let mut tokens = Vec::new();
    for user in [&alice, &alice, &bob] {
        tokens.push(text(
            &server.call(&user.token, "wiki_echo", json!({"text": "x"})).await.expect(200),
        ));
    }
    assert_eq!(tokens[0], tokens[1], "asked for once");
    assert_ne!(tokens[0], tokens[2], "for each user");
    {
        let state = wiki.state();
        assert_eq!(state.exchanges.len(), 2);
        let form = &state.exchanges[0];
        assert_eq!(
            (form["audience"].as_str(), form["resource"].as_str(), form["scope"].as_str()),
            ("wiki-api", wiki.url.as_str(), "read")
        );
        assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
        let (_, claims): (_, Value) =
            doorward_keys::verify_signature(&form["subject_token"], &jwks).unwrap();
        assert_eq!(
            (&claims["aud"], &claims["preferred_username"]),
            (&json!(token_url), &json!("alice")),
            "for that token endpoint alone"
        );
        assert!(
            !state.authorizations.iter().any(|header| header.contains(&alice.token)),
            "never the client's own token"
        );
    }
    // After its time it is asked for again, and a server that says no is said to say no.
    server.clock.advance(61);
    assert_ne!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200)),
        tokens[0]
    );
}

#[tokio::test]
async fn the_old_http_and_sse_transport_is_spoken_too_and_its_stream_cannot_lead_elsewhere() {
    let (wiki, evil) = (FakeUpstream::protected().await, FakeUpstream::start().await);
    let sse = |config: &mut doorward::config::Config, name: &str, upstream: &FakeUpstream| {
        let mut wiki = upstream.config("header");
        "sse".clone_into(&mut wiki.kind);
        wiki.url = format!("{}/sse", upstream.origin);
        wiki.header = "Authorization: Bearer fixed-5".into();
        config.upstreams.insert(name.to_owned(), wiki);
    };
    wiki.state().valid.insert("fixed-5".to_owned());
    let server = with_config(&[], |config| sse(config, "wiki", &wiki)).await;
    let alice = gateway_user(&server, "alice").await;
    assert!(tools(&server, &alice.token).await.contains(&"wiki_echo".to_owned()));
    assert_eq!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "old"})).await.expect(200)),
        "old for fixed-5"
    );
    // A stream that names another origin would send it the credential.
    wiki.state().post_to = Some(format!("{}/messages?stream=0", evil.origin));
    let careful = with_config(&[], |config| sse(config, "wiki", &wiki)).await;
    let bob = gateway_user(&careful, "bob").await;
    assert!(!tools(&careful, &bob.token).await.iter().any(|name| name.starts_with("wiki_")));
    assert!(evil.state().authorizations.is_empty(), "nothing was sent there");
}

#[tokio::test]
async fn ca37_a_private_authority_and_a_private_network_count_for_the_upstream_they_are_named_for()
{
    let https = doorward_testkit::HttpsServer::start().await;
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "servers": [{"url": https.url}],
        "paths": {"/pets": {"get": {"operationId": "pets", "responses": {"200": {"description": "ok"}}}}},
    });
    https.json("/openapi.json", &document, "");
    https.json("/pets", &json!(["tabby"]), "");
    for (ca, networks, works) in [(true, true, true), (false, true, false), (true, false, false)] {
        let server = with_config(&[], |config| {
            let pets = doorward_gateway::UpstreamConfig {
                kind: "openapi".to_owned(),
                document: format!("{}/openapi.json", https.url),
                auth: "none".to_owned(),
                ca_file: if ca { https.ca_file.display().to_string() } else { String::new() },
                networks: if networks {
                    vec!["127.0.0.0/8".to_owned(), "::1".to_owned()]
                } else {
                    Vec::new()
                },
                ..doorward_gateway::UpstreamConfig::default()
            };
            config.upstreams.insert("pets".to_owned(), pets);
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        let called = server.call(&alice.token, "pets_pets", json!({})).await.expect(200);
        assert_eq!(
            called.body.contains("tabby"),
            works,
            "ca {ca}, networks {networks}: {}",
            called.body
        );
    }
}
