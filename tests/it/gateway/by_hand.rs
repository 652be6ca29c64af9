//! Settings for facts about an authorization server that it does not announce.

use doorward_gateway::UpstreamConfig;
use doorward_testkit::{FakeUpstream, Place, TestServer};
use serde_json::json;

use super::{connect, gateway_user, go, with_config};

async fn set(wiki: &FakeUpstream, change: impl FnOnce(&mut UpstreamConfig)) -> TestServer {
    with_config(&[("wiki", wiki, "oauth")], |config| {
        change(config.upstreams.get_mut("wiki").unwrap());
    })
    .await
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn parameters_that_the_operator_adds_reach_the_authorization_server() {
    for (params, expected) in [
        (&["access_type=offline"][..], &[("access_type", "offline")][..]),
        (&["prompt=select_account"], &[("prompt", "select_account")]),
        (
            &["audience=https://api.example/?a=b&c", "domain_hint=corp.example"],
            &[("audience", "https://api.example/?a=b&c"), ("domain_hint", "corp.example")],
        ),
    ] {
        let wiki = FakeUpstream::protected().await;
        let server = set(&wiki, |config| config.authorize_params = texts(params)).await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        let asked = wiki.state().authorizes[0].clone();
        for (name, value) in expected {
            assert_eq!(asked.get(*name).map(String::as_str), Some(*value), "{params:?}");
        }
        assert_eq!(asked["redirect_uri"], server.at("/connect/wiki/callback"));
    }
}

#[tokio::test]
async fn prompts_are_joined_with_the_one_that_a_refresh_token_takes() {
    for (offline_prompt, params, expected) in [
        (true, &[][..], Some("consent")),
        (true, &["prompt=login"], Some("login consent")),
        (true, &["prompt=consent"], Some("consent")),
        (false, &["prompt=login"], Some("login")),
        (false, &[], None),
    ] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert("scopes_supported", json!(["all", "offline_access"]));
        let server = set(&wiki, |config| {
            config.authorize_params = texts(params);
            config.offline_prompt = offline_prompt;
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        let asked = wiki.state().authorizes[0].clone();
        assert_eq!(asked.get("prompt").map(String::as_str), expected, "{params:?}");
    }
}

#[tokio::test]
async fn an_endpoint_replaces_no_parameter_of_the_request() {
    let wiki = FakeUpstream::protected().await;
    let evil = format!(
        "{}/authorize?redirect_uri=https%3A%2F%2Fevil.example%2F&State=x&tenant=1",
        wiki.origin
    );
    wiki.state().metadata.insert("authorization_endpoint", json!(evil));
    let server = set(&wiki, |_| {}).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    let asked = wiki.state().authorizes[0].clone();
    assert_eq!((asked["tenant"].as_str(), asked.get("State")), ("1", None));
    assert_eq!(asked["redirect_uri"], server.at("/connect/wiki/callback"));
}

#[tokio::test]
async fn a_server_that_does_not_announce_pkce_is_used_where_the_operator_says_that_it_checks_it() {
    for methods in [json!(null), json!([]), json!(["plain"])] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert("code_challenge_methods_supported", methods.clone());
        let (origin, known) = (wiki.origin.clone(), |config: &mut UpstreamConfig| {
            "doorward".clone_into(&mut config.client_id);
        });
        let server = set(&wiki, |config| {
            known(config);
            config.issuer.clone_from(&origin);
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        let page = alice.browser.get(&server.at("/connect/wiki")).await.expect(502);
        assert!(page.body.contains("trust_pkce"), "{methods}: {}", page.body);
        let server = set(&wiki, |config| {
            known(config);
            config.issuer.clone_from(&origin);
            config.trust_pkce = true;
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        let asked = wiki.state().authorizes[0].clone();
        assert_eq!(
            (asked["code_challenge_method"].as_str(), asked["client_id"].as_str()),
            ("S256", "doorward")
        );
    }
}

#[tokio::test]
async fn pkce_is_announced_in_several_forms() {
    for methods in [json!("S256"), json!(["plain", "s256"]), json!([null, "S256"])] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert("code_challenge_methods_supported", methods.clone());
        let server = set(&wiki, |_| {}).await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        let asked = wiki.state().authorizes[0].clone();
        assert_eq!(asked["code_challenge_method"], "S256", "{methods}");
    }
}

#[tokio::test]
async fn an_issuer_is_reached_under_another_url_and_must_be_named_by_the_document_there() {
    let issuer = "https://login.corp.example/tenant";
    let several = "https://login.corp.example/common";
    for (issuer, named, works) in [
        (issuer, issuer, true),
        (issuer, "https://other.example/tenant", false),
        // The document of an authorization server with several tenants.
        (issuer, "https://login.corp.example/{tenantid}", true),
        (issuer, "https://login.corp.example/{tenantId}/", true),
        (several, "https://login.corp.example/{tenantid}", true),
        ("https://login.corp.example/organizations", "https://login.corp.example/{tenantid}", true),
        (issuer, "https://other.example/{tenantid}", false),
        (issuer, "https://{tenantid}/tenant", false),
        (issuer, "https://login.corp.example/{tenantid}/v2.0", false),
    ] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert("issuer", json!(named));
        wiki.state().metadata.insert("authorization_servers", json!([issuer]));
        wiki.state().iss = Some(issuer.to_owned());
        wiki.state().places.insert("/internal/metadata".to_owned(), Place::Server);
        let url = format!("{}/internal/metadata", wiki.origin);
        let server = set(&wiki, |config| {
            issuer.clone_into(&mut config.issuer);
            config.discovery_url = url;
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        if !works {
            alice.browser.get(&server.at("/connect/wiki")).await.expect(502);
            continue;
        }
        connect(&server, &alice.browser, "wiki").await;
        let said = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
        assert!(said.body.contains("access-1-1"), "{}", said.body);
        // A server that speaks for the issuer answers; another one does not.
        let other = gateway_user(&server, "bob").await;
        wiki.state().iss = Some(wiki.origin.clone());
        let back = go(&server, &other.browser, "wiki").await;
        assert_eq!(other.browser.get(&back).await.status, 502);
    }
}

#[tokio::test]
async fn endpoints_and_scopes_that_the_operator_set_are_used_without_any_metadata() {
    let wiki = FakeUpstream::protected().await;
    let issuer = "https://login.corp.example";
    for path in ["", "/mcp"] {
        wiki.state()
            .places
            .insert(format!("/.well-known/oauth-protected-resource{path}"), Place::status(404));
    }
    wiki.state()
        .places
        .insert("/.well-known/oauth-authorization-server".to_owned(), Place::status(404));
    wiki.state().iss = Some(String::new());
    let origin = wiki.origin.clone();
    let server = set(&wiki, |config| {
        issuer.clone_into(&mut config.issuer);
        config.authorize_url = format!("{origin}/authorize");
        config.token_url = format!("{origin}/token");
        config.revocation_url = format!("{origin}/revoke");
        "doorward".clone_into(&mut config.client_id);
        config.client_secret = "secret".to_owned().into();
        "client_secret_post".clone_into(&mut config.token_auth_method);
        config.scopes = texts(&["wiki.read", "wiki.write"]);
        config.trust_pkce = true;
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    let said = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert!(said.body.contains("access-1-1"), "{}", said.body);
    assert_eq!(wiki.state().authorizes[0]["scope"], "wiki.read wiki.write");
    // The secret went in the form, and the tokens are revoked where the operator said.
    assert_eq!(wiki.state().redeemed[0]["client_secret"], "secret");
    server.app.gateway.reconcile().await.unwrap();
    let upstreams = server.app.gateway.all_upstreams().await.unwrap();
    let findings = server.app.gateway.test(&upstreams[0], None).await;
    assert!(findings.iter().any(|one| one.subject.as_str() == "PKCE"), "{findings:?}");
}

#[tokio::test]
async fn settings_of_an_authorization_server_that_cannot_work_are_refused_with_their_name() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[], |_| {}).await;
    let url = "https://login.example/x".to_owned();
    let refused = async |change: &dyn Fn(&mut UpstreamConfig)| {
        let mut config = wiki.config("oauth");
        change(&mut config);
        let error = server.app.gateway.add("wiki", config).await.unwrap_err();
        error.to_string()
    };
    for param in ["state=x", "redirect_uri=x", "resource=x", "Client_ID=x", "nonsense", "scope=x"] {
        let why = refused(&|config| config.authorize_params = texts(&[param])).await;
        assert!(why.contains("authorize_params"), "{param}: {why}");
    }
    let why = refused(&|config| config.trust_pkce = true).await;
    assert!(why.contains("issuer") && why.contains("trust_pkce"), "{why}");
    let why = refused(&|config| {
        config.trust_pkce = true;
        config.issuer.clone_from(&url);
    })
    .await;
    assert!(why.contains("client_id") && why.contains("trust_pkce"), "{why}");
    for key in ["discovery_url", "authorize_url", "token_url", "registration_url", "revocation_url"]
    {
        let set = |config: &mut UpstreamConfig, value: &str| {
            let field = match key {
                "discovery_url" => &mut config.discovery_url,
                "authorize_url" => &mut config.authorize_url,
                "token_url" => &mut config.token_url,
                "registration_url" => &mut config.registration_url,
                _ => &mut config.revocation_url,
            };
            value.clone_into(field);
        };
        let why = refused(&|config| set(config, &url)).await;
        assert!(why.contains("issuer") && why.contains(key), "{key}: {why}");
        for wrong in [
            "login.example",
            "http://login.example/",
            "javascript:alert(1)",
            "https://a.example/#x",
        ] {
            let why = refused(&|config| {
                config.issuer.clone_from(&url);
                set(config, wrong);
            })
            .await;
            assert!(why.contains(key), "{key} = {wrong}: {why}");
        }
        let why = refused(&|config| {
            "none".clone_into(&mut config.auth);
            set(config, &url);
        })
        .await;
        assert!(why.contains(key) && why.contains("oauth"), "{key}: {why}");
    }
    let why = refused(&|config| {
        config.issuer.clone_from(&url);
        config.authorize_url.clone_from(&url);
        config.token_url.clone_from(&url);
    })
    .await;
    assert!(why.contains("trust_pkce"), "{why}");
    for method in ["basic", "private_key_jwt", "client_secret_post"] {
        let why = refused(&|config| method.clone_into(&mut config.token_auth_method)).await;
        assert!(why.contains("token_auth_method"), "{method}: {why}");
    }
}
