//! Access of this server itself at an upstream, the same for all users: `auth =
//! "client_credentials"` and `auth = "workload"`.

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_gateway::UpstreamConfig;
use doorward_model::Clock;
use doorward_testkit::{Browser, FakeUpstream, Place, TestServer, private_key};
use serde_json::{Value, json};

use super::{gateway_user, text, tools, with_config};

/// The settings of an upstream whose authorization server knows this server by a secret.
pub(super) fn own(upstream: &FakeUpstream, auth: &str) -> UpstreamConfig {
    let secret = if auth == "client_credentials" { "own-secret-7" } else { "" };
    UpstreamConfig {
        issuer: upstream.origin.clone(),
        client_id: "door ward".to_owned(),
        client_secret: secret.into(),
        ..upstream.config(auth)
    }
}

/// The same for its REST API, whose tool `holder` returns the token of the call.
pub(super) fn own_api(upstream: &FakeUpstream, auth: &str) -> UpstreamConfig {
    let api = upstream.api_config(auth);
    let UpstreamConfig { kind, document, url, .. } = api;
    UpstreamConfig { kind, document, url, ..own(upstream, auth) }
}

/// The claims of a signed token, unverified.
fn claims(token: &str) -> Value {
    doorward_transport::oauth::part_of_token(token.split('.').nth(1).unwrap()).unwrap()
}

async fn server_of(all: Vec<(&str, UpstreamConfig)>) -> TestServer {
    with_config(&[], |config| {
        config.issuer.access_token_seconds = 7200;
        for (name, upstream) in all {
            config.upstreams.insert(name.to_owned(), upstream);
        }
    })
    .await
}

/// Checks the first requests for tokens of each way of authentication.
fn presented(basic: &FakeUpstream, post: &FakeUpstream, signed: &FakeUpstream) {
    let sent = |upstream: &FakeUpstream| upstream.state().own[0].clone();
    let form = sent(basic);
    let secret = STANDARD.encode("door+ward:own-secret-7");
    assert_eq!(form["authorization"], format!("Basic {secret}"));
    assert_eq!(
        (form["scope"].as_str(), form["resource"].as_str()),
        ("read find", basic.url.as_str())
    );
    assert!(!form.contains_key("client_secret") && !form.contains_key("audience"));
    let form = sent(post);
    assert_eq!(
        (form["client_id"].as_str(), form["client_secret"].as_str()),
        ("door ward", "own-secret-7")
    );
    assert_eq!(form["audience"], "https://api.example");
    assert_eq!(form["scope"], "all", "as the upstream asks");
    assert!(!form.contains_key("resource") && !form.contains_key("authorization"));
    let form = sent(signed);
    let claims = claims(&form["client_assertion"]);
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("door ward"), &json!("door ward")));
    assert_eq!(claims["aud"], json!(signed.origin), "for this server alone");
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((60..=300).contains(&life), "{claims}");
}

#[tokio::test]
async fn the_servers_own_credentials_open_an_upstream_for_all_users() {
    let [basic, post, signed] = [
        FakeUpstream::protected().await,
        FakeUpstream::protected().await,
        FakeUpstream::protected().await,
    ];
    let methods = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    for upstream in [&basic, &post, &signed] {
        let mut state = upstream.state();
        state.metadata.insert("token_endpoint_auth_methods_supported", methods.clone());
        // A server that issues no codes checks none.
        state.metadata.insert("code_challenge_methods_supported", json!([]));
        state.metadata.insert("authorization_endpoint", Value::Null);
        state.expires_in = 60;
    }
    let server = server_of(vec![
        (
            "basic",
            UpstreamConfig {
                scopes: vec!["read".into(), "find".into()],
                ..own(&basic, "client_credentials")
            },
        ),
        (
            "post",
            UpstreamConfig {
                token_auth_method: "client_secret_post".into(),
                audience: "https://api.example".into(),
                send_resource: false,
                ..own(&post, "client_credentials")
            },
        ),
        (
            "signed",
            UpstreamConfig {
                client_secret: "".into(),
                // As it arrives from a field of one line.
                private_key: private_key().replace('\n', " ").into(),
                private_key_id: "k-1".into(),
                ..own(&signed, "client_credentials")
            },
        ),
    ])
    .await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let call = async |token: &str, name: &str| {
        text(&server.call(token, &format!("{name}_echo"), json!({"text": "x"})).await.expect(200))
    };
    for name in ["basic", "post", "signed"] {
        assert!(tools(&server, &alice.token).await.contains(&format!("{name}_echo")), "{name}");
        assert_eq!(call(&alice.token, name).await, "x for own-1", "{name}");
        assert_eq!(call(&bob.token, name).await, "x for own-1", "{name}: for all users");
    }
    presented(&basic, &post, &signed);
    // Renewed before its end, by one request for all calls, and once more when it is refused.
    server.clock.advance(44);
    assert_eq!(call(&alice.token, "signed").await, "x for own-1");
    server.clock.advance(1);
    signed.state().answer_delay = std::time::Duration::from_millis(200);
    let alice_calls = || call(&alice.token, "signed");
    let (a, b, c, d) =
        tokio::join!(alice_calls(), call(&bob.token, "signed"), alice_calls(), alice_calls());
    assert!([a, b, c, d].iter().all(|said| said == "x for own-2"));
    let assertions = [0, 1].map(|number| signed.state().own[number]["client_assertion"].clone());
    assert_ne!(assertions[0], assertions[1], "each is used once");
    signed.state().valid.clear();
    assert_eq!(call(&bob.token, "signed").await, "x for own-3");
    let state = signed.state();
    assert_eq!((state.authorizes.len(), state.registrations), (0, 0));
}

#[tokio::test]
async fn a_workload_presents_the_token_of_its_platform_or_one_that_names_the_upstream() {
    let (platform, named) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let jwt = |claims: Value| {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    };
    std::fs::write(&file, "not a token").unwrap();
    let at = file.to_str().unwrap().to_owned();
    let pod = UpstreamConfig {
        assertion_file: at,
        client_id: String::new(),
        ..own_api(&platform, "workload")
    };
    let server = server_of(vec![("pod", pod), ("named", own(&named, "workload"))]).await;
    let alice = gateway_user(&server, "alice").await;
    let call = async |tool: &str| server.call(&alice.token, tool, json!({"text": "x"})).await.body;
    assert!(tools(&server, &alice.token).await.contains(&"pod_holder".to_owned()));
    let now = server.clock.now().0;
    for (held, told) in [
        ("not a token".to_owned(), "holds no signed token"),
        ("root:x:0:0\n".repeat(20), "holds no signed token"),
        ("x".repeat(70_000), "holds no signed token"),
        (jwt(json!({"exp": now - 1})), "has expired"),
    ] {
        std::fs::write(&file, held).unwrap();
        let said = call("pod_holder").await;
        assert!(said.contains(told), "{told}: {said}");
    }
    assert_eq!(platform.state().token_requests, 0, "another file is sent nowhere");
    // The platform replaces its token: each request has the present one.
    for round in 1..=2 {
        let token = jwt(json!({"exp": now + 86_400, "jti": round}));
        std::fs::write(&file, format!("{token}\n")).unwrap();
        platform.state().valid.clear();
        let said = call("pod_holder").await;
        assert!(said.contains(&format!("asserted-{round}")), "{said}");
        let form = platform.state().assertions[round - 1].clone();
        assert_eq!(
            (form["assertion"].as_str(), form["resource"].as_str()),
            (token.as_str(), format!("{}/api", platform.origin).as_str())
        );
        assert!(!form.contains_key("client_id"), "{form:?}");
    }
    assert!(tools(&server, &alice.token).await.contains(&"named_echo".to_owned()));
    assert!(call("named_echo").await.contains("x for asserted-1"));
    let form = named.state().assertions[0].clone();
    let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.expect(200).json();
    let (_, claims): (_, Value) =
        doorward_keys::verify_signature(&form["assertion"], &jwks).unwrap();
    assert_eq!(claims["sub"], json!(named.url), "the place that the access is for");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.url), &json!(named.origin)));
    assert_eq!(form["client_id"], "door ward");
}

/// A misbehaving authorization server: what it does, the words for it, and the seconds for which it
/// is not asked again.
struct Misbehaves {
    about: &'static str,
    answer: Place,
    told: &'static str,
    pause: i64,
}

fn misbehaving(elsewhere: &str) -> Vec<Misbehaves> {
    let says = |status: u16, body: Value| Place::Says(status, "application/json", body.to_string());
    let token = |token: Value, kind: &str| {
        Place::json(&json!({"access_token": token, "token_type": kind, "expires_in": 60}))
    };
    let row = |about, answer, told, pause| Misbehaves { about, answer, told, pause };
    vec![
        row(
            "an unknown client",
            says(401, json!({"error": "invalid_client"})),
            "invalid_client",
            30,
        ),
        row(
            "a grant that is not permitted",
            says(400, json!({"error": "unauthorized_client"})),
            "unauthorized_client",
            30,
        ),
        row(
            "a scope that is not permitted",
            says(400, json!({"error": "invalid_scope"})),
            "invalid_scope",
            30,
        ),
        row("no response", Place::status(503), "503", 2),
        row("a page of a proxy", Place::page(200), "web page", 30),
        row("a page of a proxy that is away", Place::page(502), "502", 2),
        row(
            "nonsense",
            Place::Says(200, "text/plain", "ok".to_owned()),
            "neither JSON nor a form",
            30,
        ),
        row("a list", says(200, json!(["a"])), "not an object", 30),
        row("no token", says(200, json!({"token_type": "Bearer"})), "required members", 30),
        row("a token of another kind", token(json!("a"), "mac"), "without a bearer token", 30),
        row("a token that needs a key", token(json!("a"), "DPoP"), "without a bearer token", 30),
        row(
            "a token with a line break",
            token(json!("a\r\nx-evil: 1"), "Bearer"),
            "without a bearer token",
            30,
        ),
        row("a token that is no text", token(json!({"a": 1}), "Bearer"), "required members", 30),
        row(
            "an answer without an end",
            Place::Says(200, "application/json", "x".repeat(300_000)),
            "longer than",
            30,
        ),
        row(
            "a redirect that keeps the form",
            Place::Redirects(307, format!("{elsewhere}/token")),
            "redirects to",
            30,
        ),
        row(
            "another redirect",
            Place::Redirects(302, format!("{elsewhere}/token")),
            "redirects to",
            30,
        ),
    ]
}

#[tokio::test]
async fn a_misbehaving_authorization_server_gets_no_secret_elsewhere_and_is_asked_again_later() {
    let (wiki, evil) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
    let server = server_of(vec![("wiki", own_api(&wiki, "client_credentials"))]).await;
    let alice = gateway_user(&server, "alice").await;
    assert!(tools(&server, &alice.token).await.contains(&"wiki_holder".to_owned()));
    let call = async || server.call(&alice.token, "wiki_holder", json!({})).await.body;
    assert!(call().await.contains("own-1"));
    for Misbehaves { about, answer, told, pause } in misbehaving(&evil.origin) {
        wiki.state().places.insert("/token".to_owned(), answer);
        wiki.state().valid.clear();
        let said = call().await;
        assert!(said.contains(told), "{about}: {said}");
        // Nothing but time makes it worth another request.
        wiki.state().places.clear();
        let said = call().await;
        assert!(said.contains("no token is requested for"), "{about}: {said}");
        server.clock.advance(pause);
        let said = call().await;
        assert!(said.contains("own-"), "{about}: {said}");
    }
    assert_eq!(evil.state().token_requests, 0);
    // It demands a pause of its own.
    let busy = Place::Says(429, "application/json", json!({"error": "slow_down"}).to_string());
    wiki.state().places.insert("/token".to_owned(), busy);
    wiki.state().valid.clear();
    assert!(call().await.contains("wait"));
    wiki.state().places.clear();
    server.clock.advance(30);
    assert!(call().await.contains("own-"));
    // An upstream that refuses every token has one new token requested in ten seconds.
    let before = wiki.state().token_requests;
    wiki.state().challenges = None;
    wiki.state().places.insert("/api/holder".to_owned(), Place::status(401));
    for _ in 0..5 {
        let said = call().await;
        assert!(!said.contains("/connect/"), "there is nothing to connect: {said}");
    }
    let requested = wiki.state().token_requests - before;
    assert!(requested <= 2, "{requested}");
    // Calls that it does not refuse go on with the token that all users share.
    wiki.state().places.clear();
    let said = call().await;
    assert!(said.contains("own-"), "{said}");
}

#[tokio::test]
async fn a_secret_goes_to_no_other_server_than_the_one_that_it_was_set_for() {
    let evil = FakeUpstream::protected().await;
    let change = |name: &'static str, value: Value| (name, value);
    // What the upstream, or the document of its authorization server, says.
    for (about, (member, value), told) in [
        ("another server (mix-up)", change("authorization_servers", json!([evil.origin])), ""),
        ("another issuer", change("issuer", json!(evil.origin)), "names another issuer"),
        (
            "a token endpoint without TLS",
            change("token_endpoint", json!("http://login.example/token")),
            "is not an https URL",
        ),
        (
            "a token endpoint with a password",
            change("token_endpoint", json!("https://a:b@login.example/")),
            "is not an https URL",
        ),
        ("another resource", change("resource", json!(evil.url)), "about another resource"),
    ] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert(member, value);
        let server = server_of(vec![("wiki", own(&wiki, "client_credentials"))]).await;
        let name = doorward_model::UpstreamName::parse("wiki").unwrap();
        let upstream = server.app.gateway.upstream(name).await.unwrap().unwrap();
        let findings = format!("{:?}", server.app.gateway.test(&upstream, None).await);
        assert!(findings.contains(told), "{about}: {findings}");
        assert_eq!(wiki.state().own.is_empty(), !told.is_empty(), "{about}: {findings}");
        assert_eq!(evil.state().token_requests, 0, "{about}");
    }
}

/// A change of settings.
type Change = Box<dyn Fn(&mut UpstreamConfig)>;

#[tokio::test]
async fn settings_of_own_access_that_cannot_be_safe_are_refused() {
    let upstream = FakeUpstream::start().await;
    let checked = |config: UpstreamConfig| {
        let all = std::collections::BTreeMap::from([("wiki".to_owned(), config)]);
        let general = doorward_transport::OutboundConfig::default();
        doorward_gateway::check_configured(&all, &general).map_err(|wrong| wrong.error.key)
    };
    let (client, workload) = (own(&upstream, "client_credentials"), own(&upstream, "workload"));
    assert_eq!(checked(client.clone()), Ok(()));
    assert_eq!(checked(workload.clone()), Ok(()));
    let key = private_key();
    let change = |change: fn(&mut UpstreamConfig)| -> Change { Box::new(change) };
    for (key, base, change) in [
        ("issuer", &client, change(|config| config.issuer.clear())),
        ("issuer", &workload, change(|config| config.issuer.clear())),
        ("client_id", &client, change(|config| config.client_id.clear())),
        ("client_secret", &client, change(|config| config.client_secret = "".into())),
        ("private_key", &client, change(|config| config.private_key = "x".into())),
        ("private_key", &workload, change(|config| config.private_key = "x".into())),
        ("private_key", &client, Box::new(move |config| config.private_key = key.clone().into())),
        ("assertion_file", &client, change(|config| config.assertion_file = "/t".into())),
        (
            "token_auth_method",
            &client,
            change(|config| config.token_auth_method = "private_key_jwt".into()),
        ),
        ("trust_pkce", &client, change(|config| config.trust_pkce = true)),
        (
            "authorize_url",
            &client,
            change(|config| config.authorize_url = "https://a.example/".into()),
        ),
        ("token_url", &client, change(|config| config.token_url = "http://login.example/".into())),
        (
            "dpop",
            &client,
            change(|config| {
                config.auth = "none".into();
                config.dpop = true;
            }),
        ),
    ] {
        let mut config = base.clone();
        change(&mut config);
        assert_eq!(checked(config), Err(key));
    }
}
