//! Pushed authorization requests (RFC 9126): the way of an honest client, and the attacks.

use doorward_model::{Clock, StepKind};
use doorward_testkit::{Browser, OAuthClient, Page, Pkce, TestServer, Tokens};
use serde_json::{Value, json};

struct Stage {
    server: TestServer,
    client: OAuthClient,
    browser: Browser,
    pkce: Pkce,
}

impl Stage {
    async fn new(metadata: Value) -> Self {
        let server = TestServer::start().await;
        server.user("alice").await;
        let client = OAuthClient::register_with(&server, metadata).await;
        let browser = server.signed_in("alice").await;
        Self { server, client, browser, pkce: Pkce::default() }
    }

    async fn public() -> Self {
        Self::new(json!({"token_endpoint_auth_method": "none"})).await
    }

    async fn pushed(&self, changes: &[(&str, &str)]) -> String {
        let answer = self.client.push(&self.pkce, changes).await.expect(201).json();
        answer["request_uri"].as_str().unwrap().to_owned()
    }

    /// Opens the authorization endpoint with a reference and, beside it, these parameters.
    async fn refer(&self, client: &str, uri: &str, more: &[(&str, &str)]) -> Page {
        let params = [&[("client_id", client), ("request_uri", uri)], more].concat();
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        self.browser.get(&self.server.at(&format!("/oauth/authorize?{query}"))).await
    }

    async fn tokens(&self, uri: &str, more: &[(&str, &str)]) -> Tokens {
        let to = self.refer(&self.client.id, uri, more).await.expect(303);
        let page = self.browser.get(&to.location()).await.expect(200);
        let back = self.client.allow(&self.browser, &page).await.expect(303);
        assert_eq!(back.location_param("state").as_deref(), Some("st-123"));
        let code = back.location_param("code").unwrap();
        Tokens::read(self.client.redeem(&code, &self.pkce, &[]).await)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a page is read once")]
fn error(page: Page) -> String {
    page.json()["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn par_1_a_browser_refers_to_a_pushed_request_once_and_all_else_in_its_url_is_ignored() {
    let stage = Stage::public().await;
    let answer = stage.client.push(&stage.pkce, &[]).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = answer.json();
    assert_eq!(answer["expires_in"], 60);
    let uri = answer["request_uri"].as_str().unwrap();
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() < 128, "{uri}");
    let more = [
        ("scope", "mcp:admin"),
        ("redirect_uri", "https://evil.example/"),
        ("state", "evil"),
        ("response_type", "token"),
    ];
    let tokens = stage.tokens(uri, &more).await;
    assert_eq!(tokens.answer["scope"], "mcp:read");
    assert!(stage.server.calls(&tokens.access).await);
    // Again, by the same client in the same browser.
    let again = stage.refer(&stage.client.id, uri, &[]).await.expect(400);
    assert!(again.location().is_empty() && again.body.contains("used before"), "{}", again.body);
}

#[tokio::test]
async fn par_2_a_reference_is_one_clients_and_lasts_a_minute() {
    let stage = Stage::public().await;
    let other = OAuthClient::register(&stage.server).await;
    let uri = stage.pushed(&[]).await;
    for client in [other.id.as_str(), "c_none", ""] {
        let page = stage.refer(client, &uri, &[]).await.expect(400);
        assert!(page.location().is_empty(), "{client}");
    }
    // Another client's attempt does not use it up.
    stage.server.clock.advance(59);
    stage.tokens(&uri, &[]).await;
    let late = stage.pushed(&[]).await;
    stage.server.clock.advance(60);
    stage.refer(&stage.client.id, &late, &[]).await.expect(400);
    let guessed = "urn:ietf:params:oauth:request_uri:dw_pr_guess";
    stage.refer(&stage.client.id, guessed, &[]).await.expect(400);
    stage.server.clock.advance(1);
    let gone = stage.server.app.store.delete_expired(stage.server.clock.now(), 1_000_000).await;
    assert!(gone.unwrap() >= 1);
    // A reference elsewhere is never fetched, and the client is told so.
    for foreign in ["https://evil.example/request.jwt", "http://127.0.0.1:1/r", "urn:x:y"] {
        let url = stage.client.authorize_url(&stage.pkce, &[("request_uri", foreign)]);
        let page = stage.browser.get(&url).await;
        let told = format!("{} {}", page.location(), page.body);
        assert!(told.contains("request_uri_not_supported"), "{foreign}: {told}");
    }
}

#[tokio::test]
async fn par_3_a_pushed_request_is_judged_as_one_of_a_browser_is_and_says_why() {
    let stage = Stage::public().await;
    let client = &stage.client;
    for (change, expected) in [
        (("redirect_uri", "https://evil.example/"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("scope", "nothing-like-it"), "invalid_scope"),
        (("resource", "https://elsewhere.example/mcp"), "invalid_target"),
        (("request", "x.y.z"), "request_not_supported"),
        (("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (("request_uri", "https://evil.example/r"), "invalid_request"),
        (("dpop_jkt", "short"), "invalid_request"),
    ] {
        let page = client.push(&stage.pkce, &[change]).await.expect(400);
        assert_eq!(error(page), expected, "{change:?}");
    }
    let long = "x".repeat(9000);
    let page = client.push(&stage.pkce, &[("state", &long)]).await.expect(413);
    assert_eq!(error(page), "invalid_request");
    client.push(&stage.pkce, &[("state", &"x".repeat(70_000))]).await.expect(413);
    let store = &stage.server.app.store;
    assert_eq!(store.count_pushed_requests(stage.server.clock.now()).await.unwrap(), 0);
    store.flush().await.unwrap();
    let steps = store.connect_steps(doorward_model::Timestamp(0)).await.unwrap();
    assert!(steps.iter().any(|step| step.kind == StepKind::Pushed && step.reason.is_some()));
    stage.browser.get(&stage.server.at("/oauth/par")).await.expect(405);
}

#[tokio::test]
async fn par_4_the_client_authenticates_as_at_the_token_endpoint_and_nothing_of_it_is_kept() {
    let stage = Stage::new(json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    let uri = stage.pushed(&[]).await;
    let mut wrong = stage.client.clone();
    wrong.secret = Some("wrong".to_owned());
    assert_eq!(error(wrong.push(&stage.pkce, &[]).await.expect(401)), "invalid_client");
    let mut none = stage.client.clone();
    none.secret = None;
    assert_eq!(error(none.push(&stage.pkce, &[]).await.expect(401)), "invalid_client");
    let to = stage.refer(&stage.client.id, &uri, &[]).await.expect(303);
    let sealed = to.location_param("request").unwrap();
    let address = doorward_transport::ClientAddress(std::net::Ipv4Addr::LOCALHOST.into());
    let request = stage.server.app.issuer.reopen(&sealed, address).await.unwrap();
    assert!(request.params.get("client_secret").is_none());
    assert_eq!(request.params.get("scope"), Some("mcp:read"));
}

#[tokio::test]
async fn par_5_a_client_that_must_push_is_refused_without_and_not_with_a_pushed_request() {
    let metadata = json!({
        "token_endpoint_auth_method": "none", "require_pushed_authorization_requests": true,
    });
    let stage = Stage::new(metadata).await;
    let page = stage.browser.get(&stage.client.authorize_url(&stage.pkce, &[])).await;
    let told = format!("{} {}", page.location(), page.body);
    assert!(told.contains("invalid_request") && told.contains("push"), "{told}");
    let uri = stage.pushed(&[]).await;
    let tokens = stage.tokens(&uri, &[]).await;
    assert!(stage.server.calls(&tokens.access).await);
    let wrong = json!({
        "client_name": "x", "redirect_uris": ["https://a.example/cb"],
        "require_pushed_authorization_requests": "yes",
    });
    let refused = Browser::new().post_json(&stage.server.at("/oauth/register"), &wrong).await;
    assert_eq!(error(refused.expect(400)), "invalid_client_metadata");
    let metadata =
        stage.browser.get(&stage.server.at("/.well-known/oauth-authorization-server")).await.json();
    assert_eq!(
        metadata["pushed_authorization_request_endpoint"],
        stage.server.at("/oauth/par").as_str()
    );
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
}

#[tokio::test]
async fn par_6_one_ip_address_begins_so_many_requests_and_no_more() {
    let stage = Stage::public().await;
    let grants = json!(["urn:ietf:params:oauth:grant-type:device_code"]);
    let device = json!({"token_endpoint_auth_method": "none", "grant_types": grants});
    let device = OAuthClient::register_with(&stage.server, device).await;
    for pushes in [true, false] {
        one_ip_address_begins(&stage, &device, pushes).await;
    }
}

async fn one_ip_address_begins(stage: &Stage, device: &OAuthClient, pushes: bool) {
    let (started, mut passed) = (std::time::Instant::now(), 0.0);
    let refused = loop {
        let page = if pushes {
            stage.client.push(&stage.pkce, &[]).await
        } else {
            device.post("/oauth/device", &[], &[]).await
        };
        if !matches!(page.status, 200 | 201) {
            break page.expect(429);
        }
        passed += 1.0;
        // 300 at once, and 300 a minute.
        let allowed = 301.0 + started.elapsed().as_secs_f64() * 5.0;
        assert!(passed <= allowed, "{passed} passed");
    };
    assert!(passed >= 300.0, "{passed} passed");
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(error(refused), "temporarily_unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn par_7_p2_of_two_replicas_one_takes_a_pushed_request() {
    let one = Stage::public().await;
    let mut config = one.server.config.clone();
    config.server.public_url.clone_from(&one.server.url);
    let other = TestServer::start_on(config, one.server.data_dir.clone()).await;
    for _ in 0..5 {
        let uri = one.pushed(&[]).await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", one.client.id.as_str()), ("request_uri", uri.as_str())])
            .finish();
        let tasks: Vec<_> = (0..8)
            .map(|index| {
                let server = if index % 2 == 0 { &one.server } else { &other };
                let url = server.at(&format!("/oauth/authorize?{query}"));
                tokio::spawn(async move { Browser::new().get(&url).await.status })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += u32::from(task.await.unwrap() == 303);
        }
        assert_eq!(won, 1);
    }
}
