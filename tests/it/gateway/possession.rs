//! Tokens of upstreams that are bound to a key of this server (`dpop`, RFC 9449): each request is
//! proven, and a stolen token is of no use.

use std::collections::HashSet;

use doorward_testkit::{Bindings, FakeUpstream, TestServer};
use serde_json::{Value, json};

use super::{GatewayUser, connect, gateway_user, own::own_api, text, tools, with_config};

/// A server with the upstream `wiki` that binds its tokens: for users, for itself, and as an API.
async fn stage(wiki: &FakeUpstream) -> TestServer {
    wiki.state().bindings = Some(Bindings::demanding());
    let all = [
        ("wiki", wiki.config("oauth")),
        ("own", own_api(wiki, "client_credentials")),
        ("api", wiki.api_config("oauth")),
    ];
    let all: Vec<_> = all.into_iter().collect();
    with_config(&[], |config| {
        config.issuer.access_token_seconds = 7200;
        for (name, upstream) in all {
            let bound = doorward_gateway::UpstreamConfig { dpop: true, ..upstream };
            config.upstreams.insert(name.to_owned(), bound);
        }
    })
    .await
}

async fn call(server: &TestServer, user: &GatewayUser, tool: &str) -> String {
    server.call(&user.token, tool, json!({"text": "x"})).await.body
}

/// The claims of the proofs that counted.
fn proven(wiki: &FakeUpstream) -> Vec<Value> {
    wiki.state().bindings.as_ref().unwrap().proven.values().cloned().collect()
}

#[tokio::test]
async fn dpop_tokens_are_bound_and_each_request_is_proven_once_with_the_nonce_of_its_server() {
    let wiki = FakeUpstream::protected().await;
    let server = stage(&wiki).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    for (user, name) in [(&alice, "wiki"), (&bob, "wiki"), (&alice, "api")] {
        connect(&server, &user.browser, name).await;
    }
    for tool in ["wiki_echo", "own_holder", "api_holder"] {
        assert!(tools(&server, &alice.token).await.contains(&tool.to_owned()), "{tool}");
    }
    assert!(call(&server, &alice, "wiki_echo").await.contains("x for access-1-"));
    assert!(call(&server, &bob, "wiki_echo").await.contains("x for access-2-"));
    assert!(call(&server, &alice, "own_holder").await.contains("own-1"));
    assert!(call(&server, &bob, "own_holder").await.contains("own-1"));
    assert!(call(&server, &alice, "api_holder").await.contains("access-3-"));
    bound_with_keys_of_their_own(&wiki);
    for claims in proven(&wiki) {
        let url = claims["htu"].as_str().unwrap();
        assert_eq!(claims.get("ath").is_some(), !url.ends_with("/token"), "{claims}");
        assert!(!url.contains('?'), "{claims}");
    }
    // A refresh proves the same key, and a token that was refused is replaced.
    let before = wiki.state().bindings.as_ref().unwrap().bound.clone();
    wiki.state().valid.retain(|token| !token.starts_with("access-1-"));
    assert!(call(&server, &alice, "wiki_echo").await.contains("x for access-1-"));
    assert_eq!(wiki.state().refreshes, 1);
    let state = wiki.state();
    let after = &state.bindings.as_ref().unwrap().bound;
    let new = after.iter().find(|(token, _)| !before.contains_key(*token)).unwrap();
    let old = before.iter().find(|(token, _)| token.starts_with("access-1-")).unwrap();
    assert_eq!(new.1, old.1);
}

/// Checks that each access has a key of its own, which its code named, and is never a bearer token.
fn bound_with_keys_of_their_own(wiki: &FakeUpstream) {
    let state = wiki.state();
    let bindings = state.bindings.as_ref().unwrap();
    // One nonce serves all requests to one server: only those that begin before it is known ask.
    assert!((1..=2).contains(&bindings.challenges), "{}", bindings.challenges);
    let keys: HashSet<&String> = bindings.bound.values().collect();
    assert_eq!(keys.len(), bindings.bound.len(), "no two accesses have a key in common");
    let codes: Vec<&String> = state.authorizes.iter().map(|request| &request["dpop_jkt"]).collect();
    assert!(codes.iter().all(|jkt| keys.contains(jkt)), "the codes are bound, too");
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 3);
    for sent in state.authorizations.iter().filter(|sent| !sent.is_empty()) {
        assert!(sent.starts_with("DPoP "), "{sent}");
    }
}

#[tokio::test]
async fn dpop_a_server_that_downgrades_or_never_is_content_ends_no_access_and_is_asked_twice() {
    let wiki = FakeUpstream::protected().await;
    let server = stage(&wiki).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "api").await;
    tools(&server, &alice.token).await;
    assert!(call(&server, &alice, "api_holder").await.contains("access-1-"));
    assert!(call(&server, &alice, "own_holder").await.contains("own-1"));
    let bind = |change: fn(&mut Bindings)| change(wiki.state().bindings.as_mut().unwrap());
    // A bearer token in place of a bound one is not accepted.
    bind(|bindings| bindings.issues_bearer = true);
    wiki.state().valid.clear();
    let said = call(&server, &alice, "own_holder").await;
    assert!(said.contains("is not bound to the key"), "{said}");
    let sent = wiki.state().authorizations.clone();
    assert!(!sent.iter().any(|sent| sent.contains("own-2")), "{sent:?}");
    bind(|bindings| bindings.issues_bearer = false);
    server.clock.advance(30);
    assert!(call(&server, &alice, "own_holder").await.contains("own-3"));
    // Nonces without an end: each request is repeated once, no token is replaced for it, and the
    // user's connection stays.
    let refreshes = wiki.state().refreshes;
    let tokens = wiki.state().token_requests;
    assert!(call(&server, &alice, "api_holder").await.contains("access-1-"));
    bind(|bindings| bindings.never_content = true);
    let before = wiki.state().bindings.as_ref().unwrap().challenges;
    for tool in ["api_holder", "own_holder"] {
        let said = call(&server, &alice, tool).await;
        assert!(said.contains("another nonce"), "{said}");
    }
    {
        let state = wiki.state();
        let challenges = state.bindings.as_ref().unwrap().challenges - before;
        assert!(challenges <= 4, "{challenges}");
        assert!(state.token_requests <= tokens + 2 && state.refreshes <= refreshes + 1);
    }
    bind(|bindings| bindings.never_content = false);
    assert!(call(&server, &alice, "api_holder").await.contains("access-1-"));
}

#[tokio::test]
async fn dpop_tokens_of_before_are_bound_by_their_next_refresh() {
    let wiki = FakeUpstream::protected().await;
    let server = super::with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    let said = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await;
    assert!(text(&said).contains("access-1-"));
    // The operator turns it on: a server that starts with the same data.
    let mut config = server.config.clone();
    config.upstreams.get_mut("wiki").unwrap().dpop = true;
    config.server.public_url.clone_from(&server.url);
    let data = server.data_dir.clone();
    let other = TestServer::start_on(config, data).await;
    assert!(call(&other, &alice, "wiki_echo").await.contains("x for access-1-"));
    wiki.state().bindings = Some(Bindings::demanding());
    wiki.state().valid.clear();
    assert!(call(&other, &alice, "wiki_echo").await.contains("x for access-1-"));
    let sent = wiki.state().authorizations.last().unwrap().clone();
    assert!(sent.starts_with("DPoP access-1-"), "{sent}");
}
