//! Access for which the user's identity provider asserts the user (`auth = "assertion"`).

use doorward_gateway::UpstreamConfig;
use doorward_testkit::{FakeProvider, FakeUpstream, OAuthClient, Place, TestServer};
use serde_json::json;

use super::{text, tools};
use crate::federation;

/// A server with the provider `corp` and the upstream `wiki`, which asks it about its users.
async fn stage(wiki: &FakeUpstream, provider: &FakeProvider) -> TestServer {
    let config = UpstreamConfig {
        identity_provider: "corp".to_owned(),
        client_id: "at-upstream".to_owned(),
        client_secret: "wiki-secret".into(),
        ..wiki.config("assertion")
    };
    wiki.state()
        .metadata
        .insert("token_endpoint_auth_methods_supported", json!(["client_secret_basic"]));
    federation::server_with(provider, |_, whole| {
        whole.upstreams.insert("wiki".to_owned(), config);
    })
    .await
}

#[tokio::test]
async fn ca38_the_users_identity_provider_gives_access_to_an_upstream_without_a_page() {
    let (wiki, provider) = (FakeUpstream::protected().await, FakeProvider::start().await);
    let server = stage(&wiki, &provider).await;
    let browser = federation::signed_in(&server, &provider).await;
    let client = OAuthClient::register(&server).await;
    let token = client.tokens(&browser, &[("scope", "mcp:destructive")]).await.access;
    assert!(tools(&server, &token).await.contains(&"wiki_echo".to_owned()));
    let call = async || server.call(&token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    for _ in 0..3 {
        assert_eq!(text(&call().await), "x for asserted-1", "kept for this user");
    }
    // The provider is told for whom and for what, and the upstream's server gets the assertion.
    let asked: Vec<_> = provider
        .seen()
        .into_iter()
        .filter(|(_, _, body)| body.contains("token-exchange"))
        .collect();
    let [(_, path, body)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(path, "/token");
    let form: std::collections::HashMap<_, _> =
        url::form_urlencoded::parse(body.split(' ').next().unwrap().as_bytes()).collect();
    assert_eq!(
        (&*form["audience"], &*form["resource"], &*form["scope"]),
        (wiki.origin.as_str(), wiki.url.as_str(), "all")
    );
    let sent = wiki.state().assertions.clone();
    let [sent] = sent.as_slice() else { panic!("{sent:?}") };
    let jwks = doorward_testkit::Browser::new()
        .get(&format!("{}/jwks", provider.issuer))
        .await
        .expect(200)
        .json();
    let (_, claims): (_, serde_json::Value) =
        doorward_keys::verify_signature(&sent["assertion"], &jwks).unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("u-1"), &json!(wiki.origin)));
    assert_eq!(wiki.state().registrations, 0);
    assert!(wiki.state().authorizes.is_empty(), "no user is sent anywhere");
    // A token that the upstream refuses, or that ends, is replaced without a page.
    wiki.state().valid.clear();
    assert_eq!(text(&call().await), "x for asserted-2");
    server.clock.advance(3600);
    let token = client.tokens(&browser, &[("scope", "mcp:destructive")]).await.access;
    let call = async || server.call(&token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert_eq!(text(&call().await), "x for asserted-3");
    // The refresh token that the provider replaced at each use still serves the checks.
    server.clock.advance(86_400);
    assert_eq!(server.app.federation.check_due().await.unwrap().confirmed, 1);
}

#[tokio::test]
async fn without_the_provider_there_is_no_access_and_the_reason_is_told() {
    let (wiki, provider) = (FakeUpstream::protected().await, FakeProvider::start().await);
    let server = stage(&wiki, &provider).await;
    // A user of a password has no account at the provider.
    let bob = super::gateway_user(&server, "bob").await;
    let told = server.call(&bob.token, "connections", json!({})).await.expect(200).body;
    assert!(told.contains("sign in to this server through corp again"), "{told}");
    let browser = federation::signed_in(&server, &provider).await;
    let client = OAuthClient::register(&server).await;
    let token = client.tokens(&browser, &[("scope", "mcp:destructive")]).await.access;
    tools(&server, &token).await;
    let call = async || {
        // The token of before does not count any more: another one is needed.
        wiki.state().valid.clear();
        server.call(&token, "wiki_echo", json!({"text": "x"})).await.body
    };
    // The provider asserts no user to this server.
    provider.refuse_assertions(Some((400, "access_denied")));
    let told = call().await;
    assert!(told.contains("the identity provider corp gives no access"), "{told}");
    provider.refuse_assertions(None);
    // The upstream's server does not accept the assertion.
    wiki.state().assertion_error = Some("invalid_grant");
    let told = call().await;
    assert!(told.contains("no token was issued for the assertion"), "{told}");
    wiki.state().assertion_error = None;
    let told = call().await;
    assert!(told.contains("x for asserted-2"), "{told}");
    // Of a user whom the provider refuses, the access ends at the next check, which is due at once.
    provider.refuse_refresh(Some((400, "invalid_grant")));
    let told = call().await;
    assert!(told.contains("sign in to this server through corp again"), "{told}");
    assert_eq!(server.app.federation.check_due().await.unwrap().ended, 1);
    assert!(!server.calls(&token).await);
}

#[tokio::test]
async fn access_is_renewed_without_discovering_the_server_for_ten_minutes() {
    let (wiki, provider) = (FakeUpstream::protected().await, FakeProvider::start().await);
    let server = stage(&wiki, &provider).await;
    let browser = federation::signed_in(&server, &provider).await;
    let client = OAuthClient::register(&server).await;
    wiki.state().expires_in = 60;
    let scope = [("scope", "mcp:destructive")];
    let token = client.tokens(&browser, &scope).await.access;
    let call = async |token: &str| server.call(token, "wiki_echo", json!({"text": "x"})).await;
    assert!(tools(&server, &token).await.contains(&"wiki_echo".to_owned()));
    assert_eq!(text(&call(&token).await), "x for asserted-1");
    let gone = |gone: bool| {
        let mut state = wiki.state();
        for path in
            ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"]
        {
            state.places.remove(path);
            if gone {
                state.places.insert(path.to_owned(), Place::status(503));
            }
        }
    };
    gone(true);
    server.clock.advance(60);
    assert_eq!(text(&call(&token).await), "x for asserted-2");
    // Its server refuses: it may be another one now.
    wiki.state().assertion_error = Some("invalid_grant");
    server.clock.advance(60);
    assert!(call(&token).await.body.contains("no token was issued for the assertion"));
    wiki.state().assertion_error = None;
    let told = call(&token).await;
    assert!(told.body.contains("no token was issued for the assertion"), "{}", told.body);
    gone(false);
    assert_eq!(text(&call(&token).await), "x for asserted-3");
    // And it is discovered again after a while.
    gone(true);
    server.clock.advance(600);
    let token = client.tokens(&browser, &scope).await.access;
    assert!(call(&token).await.body.contains("no token was issued for the assertion"));
    gone(false);
    assert_eq!(text(&call(&token).await), "x for asserted-4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca38_f_06_two_replicas_share_the_refresh_token_that_the_provider_replaces_at_each_use() {
    let (wiki, provider) = (FakeUpstream::protected().await, FakeProvider::start().await);
    let server = stage(&wiki, &provider).await;
    let mut config = server.config.clone();
    config.server.public_url.clone_from(&server.url);
    let other = TestServer::start_on(config, server.data_dir.clone()).await;
    let browser = federation::signed_in(&server, &provider).await;
    let client = OAuthClient::register(&server).await;
    let token = client.tokens(&browser, &[("scope", "mcp:destructive")]).await.access;
    for replica in [&server, &other] {
        assert!(tools(replica, &token).await.contains(&"wiki_echo".to_owned()));
    }
    for _ in 0..3 {
        // Both need another token at once.
        wiki.state().valid.clear();
        let call = async |replica: &TestServer| {
            let page = replica.call(&token, "wiki_echo", json!({"text": "x"})).await;
            text(&page.expect(200))
        };
        let (here, there) = tokio::join!(call(&server), call(&other));
        assert!(here.starts_with("x for asserted-"), "{here}");
        assert!(there.starts_with("x for asserted-"), "{there}");
        assert_ne!(here, there, "each has its own");
    }
    // Neither used a refresh token that was replaced: the provider would have ended the access.
    assert_eq!(server.app.federation.check_due().await.unwrap().ended, 0);
    assert!(server.calls(&token).await && other.calls(&token).await);
}
