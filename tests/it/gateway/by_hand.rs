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
async fn an_issuer_is_reached_under_another_url_and_must_be_named_by_the_document_there() {
    let issuer = "https://login.corp.example/tenant";
    for (named, works) in [(issuer, true), ("https://other.example/tenant", false)] {
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

/// A server that announces too little, and the settings that complete it.
struct ByHand {
    about: &'static str,
    announced: fn(&FakeUpstream),
    set: fn(&mut UpstreamConfig, &str),
    /// Parameters of the authorization request.
    asked: &'static [(&'static str, &'static str)],
}

/// The settings of a client that is registered by hand.
fn known(config: &mut UpstreamConfig, origin: &str) {
    origin.clone_into(&mut config.issuer);
    "doorward".clone_into(&mut config.client_id);
}

fn announces(wiki: &FakeUpstream, name: &'static str, value: serde_json::Value) {
    wiki.state().metadata.insert(name, value);
}

/// Servers as products have them.
#[expect(clippy::too_many_lines, reason = "a row for each of them")]
fn incomplete() -> Vec<ByHand> {
    const TENANTS: &str = "https://login.corp.example/{tenantid}/v2.0";
    vec![
        ByHand {
            about: "Entra's document of several tenants names them by a placeholder",
            announced: |wiki| {
                announces(wiki, "issuer", json!(TENANTS));
                announces(wiki, "code_challenge_methods_supported", json!(null));
                wiki.state().iss = Some(String::new());
                wiki.state().places.insert("/organizations/document".to_owned(), Place::Server);
            },
            set: |config, origin| {
                known(config, TENANTS);
                config.discovery_url = format!("{origin}/organizations/document");
                config.trust_pkce = true;
            },
            asked: &[("client_id", "doorward")],
        },
        ByHand {
            about: "an issuer with a slash that the document does not have",
            announced: |_| {},
            set: |config, origin| known(config, &format!("{origin}/")),
            asked: &[("client_id", "doorward")],
        },
        ByHand {
            about: "an issuer without the slash that the document has",
            announced: |wiki| {
                let issuer = format!("{}/", wiki.origin);
                announces(wiki, "issuer", json!(issuer));
                wiki.state().iss = Some(issuer);
            },
            set: known,
            asked: &[],
        },
        ByHand {
            about: "a document without a token endpoint",
            announced: |wiki| announces(wiki, "token_endpoint", json!(null)),
            set: |config, origin| {
                known(config, origin);
                config.token_url = format!("{origin}/token");
            },
            asked: &[],
        },
        ByHand {
            about: "a document with an authorization endpoint that users cannot reach",
            announced: |wiki| {
                announces(wiki, "authorization_endpoint", json!("http://auth.internal/authorize"));
            },
            set: |config, origin| {
                known(config, origin);
                config.authorize_url = format!("{origin}/authorize?tenant=1");
            },
            asked: &[("tenant", "1")],
        },
        ByHand {
            about: "a document without a registration endpoint",
            announced: |wiki| announces(wiki, "registration_endpoint", json!(null)),
            set: |config, origin| {
                origin.clone_into(&mut config.issuer);
                config.registration_url = format!("{origin}/register");
            },
            asked: &[],
        },
        ByHand {
            about: "a policy in the endpoint of Azure AD B2C that the operator replaces",
            announced: |wiki| {
                let endpoint = format!("{}/authorize?p=b2c_1_a&x=1", wiki.origin);
                announces(wiki, "authorization_endpoint", json!(endpoint));
            },
            set: |config, origin| {
                known(config, origin);
                config.authorize_params = texts(&["p=b2c_1_b"]);
            },
            asked: &[("p", "b2c_1_b"), ("x", "1")],
        },
        ByHand {
            about: "scopes with commas, and scopes that are URLs",
            announced: |wiki| announces(wiki, "scopes_supported", json!(null)),
            set: |config, _| {
                config.scopes = texts(&["read,write", "https://graph.example/.default"]);
            },
            asked: &[("scope", "read,write https://graph.example/.default")],
        },
        ByHand {
            about: "Google's parameters for lasting access",
            announced: |_| {},
            set: |config, _| {
                config.authorize_params = texts(&["access_type=offline", "prompt=consent"]);
            },
            asked: &[("access_type", "offline"), ("prompt", "consent")],
        },
        ByHand {
            about: "Auth0's audience, whose resource is no parameter",
            announced: |_| {},
            set: |config, _| {
                config.authorize_params = texts(&["audience=https://api.corp.example/"]);
                config.send_resource = false;
            },
            asked: &[("audience", "https://api.corp.example/")],
        },
        ByHand {
            about: "a realm and hints of Keycloak, Ping and Cognito",
            announced: |_| {},
            set: |config, _| {
                config.authorize_params = texts(&[
                    "kc_idp_hint=corp saml",
                    "acr_values=urn:a urn:b",
                    "identity_provider=Größe&Co",
                ]);
            },
            asked: &[
                ("kc_idp_hint", "corp saml"),
                ("acr_values", "urn:a urn:b"),
                ("identity_provider", "Größe&Co"),
            ],
        },
        ByHand {
            about: "a document of an issuer behind a path that a proxy removes",
            announced: |wiki| {
                let issuer = "https://login.corp.example/realms/a";
                announces(wiki, "issuer", json!(issuer));
                wiki.state().iss = Some(issuer.to_owned());
            },
            set: |config, origin| {
                known(config, "https://login.corp.example/realms/a/");
                config.discovery_url = format!("{origin}/.well-known/oauth-authorization-server");
            },
            asked: &[],
        },
    ]
}

#[tokio::test]
async fn settings_complete_what_a_server_announces() {
    let mut all = Vec::new();
    for row in incomplete() {
        let wiki = FakeUpstream::protected().await;
        (row.announced)(&wiki);
        all.push((row, wiki));
    }
    let server = with_config(&[], |config| {
        for (number, (row, wiki)) in all.iter().enumerate() {
            let mut upstream = wiki.config("oauth");
            (row.set)(&mut upstream, &wiki.origin);
            config.upstreams.insert(format!("wiki{number}"), upstream);
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    for (number, (row, wiki)) in all.iter().enumerate() {
        let (about, name) = (row.about, format!("wiki{number}"));
        let back = go(&server, &alice.browser, &name).await;
        let page = alice.browser.get(&back).await;
        assert!(page.status < 400, "{about}: {} {}", page.status, page.body);
        let tool = format!("{name}_echo");
        let said = server.call(&alice.token, &tool, json!({"text": "x"})).await.expect(200);
        assert!(said.body.contains("access-1-1"), "{about}: {}", said.body);
        let asked = wiki.state().authorizes[0].clone();
        for (name, value) in row.asked {
            assert_eq!(asked.get(*name).map(String::as_str), Some(*value), "{about}");
        }
    }
}
