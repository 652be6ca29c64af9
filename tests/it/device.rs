//! Device authorization (RFC 8628): a device without a browser, and its user in one elsewhere.

use doorward_model::{AuditFilter, AuditKind};
use doorward_testkit::{Browser, OAuthClient, Page, TestServer, Tokens, form_value};
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

struct Stage {
    server: TestServer,
    client: OAuthClient,
    browser: Browser,
}

async fn register(server: &TestServer) -> OAuthClient {
    let metadata = json!({"token_endpoint_auth_method": "none", "grant_types": [GRANT, "refresh_token"], "client_name": "TV <1>"});
    OAuthClient::register_with(server, metadata).await
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start().await;
        server.user("alice").await;
        let client = register(&server).await;
        let browser = server.signed_in("alice").await;
        Self { server, client, browser }
    }

    async fn begin(&self, fields: &[(&str, &str)]) -> Page {
        begin(&self.server, &self.client, fields).await
    }

    async fn begun(&self) -> Value {
        self.begin(&[("scope", "mcp:read mcp:write")]).await.expect(200).json()
    }

    async fn poll(&self, begun: &Value) -> Page {
        poll(&self.client, begun).await
    }

    async fn decide(&self, code: &str, action: &str, scopes: &[&str]) -> Page {
        decide(&self.server, &self.browser, code, action, scopes).await
    }

    fn wait(&self) {
        self.server.clock.advance(5);
    }
}

async fn begin(server: &TestServer, client: &OAuthClient, fields: &[(&str, &str)]) -> Page {
    let fields = [&[("client_id", client.id.as_str())], fields].concat();
    Browser::new().post(&server.at("/oauth/device"), &fields).await
}

async fn poll(client: &OAuthClient, begun: &Value) -> Page {
    client.token(&[("grant_type", GRANT), ("device_code", text(begun, "device_code"))]).await
}

/// Enters a code on the page, and decides.
async fn decide(
    server: &TestServer,
    browser: &Browser,
    code: &str,
    action: &str,
    scopes: &[&str],
) -> Page {
    let page = browser.get(&server.at("/device")).await.expect(200);
    let at = page.body.find("/device\"").unwrap();
    let csrf = form_value(&page.body[at..], "csrf").unwrap();
    let names: Vec<String> = scopes.iter().map(|scope| format!("scope-{scope}")).collect();
    let mut fields = vec![("csrf", csrf.as_str()), ("user_code", code), ("do", action)];
    fields.extend(names.iter().map(|name| (name.as_str(), "on")));
    browser.post(&server.at("/device"), &fields).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn error(page: Page) -> String {
    page.expect(400).json()["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn cs10_cs27_a_device_shows_a_code_and_gets_tokens_once_its_user_allowed_it() {
    let stage = Stage::new().await;
    let begun = stage.begun().await;
    assert_eq!(begun["verification_uri"], stage.server.at("/device"));
    let code = text(&begun, "user_code");
    assert_eq!(
        begun["verification_uri_complete"],
        format!("{}?user_code={code}", stage.server.at("/device"))
    );
    assert_eq!((&begun["expires_in"], &begun["interval"]), (&json!(600), &json!(5)));
    assert_eq!(error(stage.poll(&begun).await), "authorization_pending");
    // The page fills in the code of the URL, and asks before it looks it up.
    let complete = stage.browser.get(text(&begun, "verification_uri_complete")).await.expect(200);
    assert!(
        complete.body.contains(code) && !complete.body.contains("TV &#60;"),
        "{}",
        complete.body
    );
    let page = stage.decide(&code.to_lowercase().replace('-', " "), "find", &[]).await.expect(200);
    for shown in
        ["TV &#60;1&#62;", code, "127.0.0.1", "scope-mcp:write", "the device in front of you"]
    {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    stage.decide(code, "allow", &["mcp:read"]).await.expect(200);
    stage.wait();
    let tokens = Tokens::read(stage.poll(&begun).await);
    assert_eq!(tokens.answer["scope"], "mcp:read");
    assert!(stage.server.calls(&tokens.access).await);
    // A browser's session is no token, and the token counts whatever session is sent with it.
    stage.server.user("bob").await;
    let bob = stage.server.signed_in("bob").await;
    let ask = |browser: &Browser| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
        browser
            .raw(reqwest::Method::POST, &stage.server.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .json(&message)
    };
    bob.send(ask(&bob)).await.expect(401);
    let told = bob.send(ask(&bob).bearer_auth(&tokens.access)).await.expect(200).body;
    assert!(told.contains("alice") && !told.contains("bob"), "{told}");
    let refreshed = Tokens::read(stage.client.refresh(&tokens.refresh, &[]).await);
    assert!(stage.server.calls(&refreshed.access).await);
    let store = &stage.server.app.store;
    store.flush().await.unwrap();
    let kind = Some(AuditKind::ConsentAllowed.as_str().to_owned());
    let filter = AuditFilter { kind, ..Default::default() };
    assert_eq!(store.audit(&filter, None, 10).await.unwrap().entries.len(), 1);
    // Another client of the same user follows the code flow beside it.
    let other = OAuthClient::register(&stage.server).await;
    let other = other.tokens(&stage.browser, &[]).await;
    assert!(stage.server.calls(&other.access).await && stage.server.calls(&refreshed.access).await);
}

#[tokio::test]
async fn cs10_a_device_that_polls_too_fast_is_told_to_slow_down_from_then_on() {
    let stage = Stage::new().await;
    let begun = stage.begun().await;
    assert_eq!(error(stage.poll(&begun).await), "authorization_pending");
    assert_eq!(error(stage.poll(&begun).await), "slow_down");
    stage.server.clock.advance(5);
    assert_eq!(error(stage.poll(&begun).await), "slow_down", "ten seconds from now on");
    stage.server.clock.advance(15);
    assert_eq!(error(stage.poll(&begun).await), "authorization_pending");
    // The decision is told at once.
    stage.decide(text(&begun, "user_code"), "allow", &["mcp:read"]).await.expect(200);
    stage.poll(&begun).await.expect(200);
}

#[tokio::test]
async fn cs10_refusal_and_expiry_are_told_and_end_it() {
    let stage = Stage::new().await;
    let begun = stage.begun().await;
    let code = text(&begun, "user_code");
    stage.decide(code, "deny", &[]).await.expect(200);
    assert_eq!(error(stage.poll(&begun).await), "access_denied");
    let again = stage.decide(code, "allow", &["mcp:read"]).await;
    again.expect(400);
    assert_eq!(error(stage.poll(&begun).await), "access_denied");
    // Nothing that is allowed is a refusal too, and a forged form gives no more than was offered.
    let begun = stage.begun().await;
    stage.decide(text(&begun, "user_code"), "allow", &["admin"]).await.expect(200);
    assert_eq!(error(stage.poll(&begun).await), "access_denied");
    let begun = stage.begin(&[("scope", "mcp:read")]).await.expect(200).json();
    let more = ["admin", "mcp:destructive"];
    stage.decide(text(&begun, "user_code"), "allow", &more).await.expect(200);
    assert_eq!(Tokens::read(stage.poll(&begun).await).answer["scope"], "mcp:read");
    let late = stage.begun().await;
    let allowed = stage.begun().await;
    stage.decide(text(&allowed, "user_code"), "allow", &["mcp:read"]).await.expect(200);
    stage.server.clock.advance(600);
    for begun in [&late, &allowed] {
        assert_eq!(error(stage.poll(begun).await), "expired_token");
    }
    stage.decide(text(&late, "user_code"), "find", &[]).await.expect(400);
}

#[tokio::test]
async fn cs9_cs10_a_device_code_is_of_use_to_its_client_alone_and_once() {
    let stage = Stage::new().await;
    let begun = stage.begun().await;
    stage.decide(text(&begun, "user_code"), "allow", &["mcp:read"]).await.expect(200);
    let other = register(&stage.server).await;
    assert_eq!(error(poll(&other, &begun).await), "invalid_grant");
    let code_flow = OAuthClient::register(&stage.server).await;
    assert_eq!(error(poll(&code_flow, &begun).await), "unauthorized_client");
    let resource = stage.server.at("/mcp/other");
    let fields = [
        ("grant_type", GRANT),
        ("device_code", text(&begun, "device_code")),
        ("resource", &resource),
    ];
    assert_eq!(error(stage.client.token(&fields).await), "invalid_target");
    let tokens = Tokens::read(stage.poll(&begun).await);
    assert!(stage.server.calls(&tokens.access).await);
    assert_eq!(error(stage.poll(&begun).await), "invalid_grant");
    assert!(!stage.server.calls(&tokens.access).await, "a replay ends what the code gave");
    // One user's decision is no other user's: a code that waits belongs to who enters it.
    let begun = stage.begun().await;
    stage.server.user("bob").await;
    let bob = stage.server.signed_in("bob").await;
    let code = text(&begun, "user_code");
    decide(&stage.server, &bob, code, "allow", &["mcp:read"]).await.expect(200);
    stage.decide(code, "allow", &["mcp:read", "mcp:write"]).await.expect(400);
    stage.wait();
    let given = Tokens::read(stage.poll(&begun).await);
    assert_eq!(given.answer["scope"], "mcp:read");
    let told = stage.server.call(&given.access, "whoami", json!({})).await.expect(200).body;
    assert!(told.contains("bob") && !told.contains("alice"), "{told}");
    let forged = json!({"device_code": "dw_dc_forged"});
    assert_eq!(error(stage.poll(&forged).await), "invalid_grant");
}

#[tokio::test]
async fn the_request_is_bound_by_what_the_client_may_have() {
    let stage = Stage::new().await;
    for (fields, refused) in [
        (&[("scope", "admin")][..], "invalid_scope"),
        (&[("scope", "nonsense")], "invalid_scope"),
        (&[("resource", "https://elsewhere.example/mcp")], "invalid_target"),
    ] {
        assert_eq!(error(stage.begin(fields).await), refused, "{fields:?}");
    }
    let code_flow = OAuthClient::register(&stage.server).await;
    assert_eq!(error(begin(&stage.server, &code_flow, &[]).await), "unauthorized_client");
    let unknown = [("client_id", "c_unknown")];
    let page = Browser::new().post(&stage.server.at("/oauth/device"), &unknown).await.expect(401);
    assert_eq!(page.json()["error"], "invalid_client");
    // A client of devices has no code flow, whatever redirect URI it registered.
    let url = stage.client.authorize_url(&doorward_testkit::Pkce::default(), &[]);
    let page = stage.browser.get(&url).await.expect(303);
    assert_eq!(page.location_param("error").as_deref(), Some("unauthorized_client"));
    let metadata = stage.server.at("/.well-known/oauth-authorization-server");
    let metadata = Browser::new().get(&metadata).await.expect(200).json();
    assert_eq!(metadata["device_authorization_endpoint"], stage.server.at("/oauth/device"));
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));
}

#[tokio::test]
async fn a_client_of_devices_needs_no_redirect_uri_and_what_it_names_is_checked() {
    let server = TestServer::start().await;
    let register = async |metadata: Value| {
        Browser::new().post_json(&server.at("/oauth/register"), &metadata).await
    };
    let answer = register(
        json!({"client_name": "TV", "token_endpoint_auth_method": "none", "grant_types": [GRANT]}),
    );
    let answer = answer.await.expect(201).json();
    assert_eq!(answer["grant_types"], json!([GRANT]));
    assert_eq!(answer["redirect_uris"], json!([]));
    for wrong in [
        json!({"grant_types": [GRANT], "redirect_uris": ["javascript:alert(1)"]}),
        json!({"grant_types": [GRANT, "authorization_code"]}),
        json!({"grant_types": ["refresh_token"], "redirect_uris": ["http://127.0.0.1/cb"]}),
        json!({"grant_types": ["client_credentials"], "redirect_uris": ["http://127.0.0.1/cb"]}),
    ] {
        register(wrong).await.expect(400);
    }
}

#[tokio::test]
async fn codes_cannot_be_guessed_and_the_page_needs_a_sign_in_and_its_own_form() {
    let stage = Stage::new().await;
    let begun = stage.begun().await;
    for guess in ["BCDF-GHJK", "BCDF-GHJL", "BCDF-GHJM", "BCDF-GHJN", "nonsense"] {
        stage.decide(guess, "find", &[]).await.expect(400);
    }
    let code = text(&begun, "user_code");
    let refused = stage.decide(code, "allow", &["mcp:read"]).await.expect(429);
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(error(stage.poll(&begun).await), "authorization_pending");
    stage.server.clock.advance(301);
    stage.decide(code, "find", &[]).await.expect(200);
    // Another user's attempts are that user's own.
    stage.server.user("bob").await;
    let bob = stage.server.signed_in("bob").await;
    decide(&stage.server, &bob, code, "find", &[]).await.expect(200);
    let stranger = Browser::new();
    let to = stranger.get(text(&begun, "verification_uri_complete")).await.expect(303).location();
    assert!(to.contains("/login?next=%2Fdevice%3Fuser_code%3D"), "{to}");
    let fields =
        [("csrf", "wrong"), ("user_code", code), ("do", "allow"), ("scope-mcp:read", "on")];
    stage.browser.post(&stage.server.at("/device"), &fields).await.expect(403);
}

#[tokio::test]
async fn what_a_user_or_an_administrator_ends_ends_a_device_that_waits() {
    let stage = Stage::new().await;
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    let begun = stage.begun().await;
    stage.decide(text(&begun, "user_code"), "allow", &["mcp:read"]).await.expect(200);
    stage.server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    assert_eq!(error(stage.poll(&begun).await), "invalid_grant");
    let begun = stage.begun().await;
    let clients = &stage.server.app.admin.clients;
    let block = doorward_admin::ClientDecision::Block;
    clients.decide(&stage.client.id, block, None).await.unwrap();
    stage.decide(text(&begun, "user_code"), "allow", &["mcp:read"]).await;
    stage.poll(&begun).await.expect(401);
    let unblock = doorward_admin::ClientDecision::Unblock;
    clients.decide(&stage.client.id, unblock, None).await.unwrap();
    assert_eq!(error(stage.poll(&begun).await), "access_denied", "it waits for nothing any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_a_device_code_is_redeemed_and_decided_once_across_replicas() {
    let one = TestServer::start().await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    one.user("alice").await;
    let client = register(&one).await;
    let there = OAuthClient::known(&other, &client.id, &client.redirect_uri);
    let browser = one.signed_in("alice").await;
    let begun = begin(&one, &client, &[]).await.expect(200).json();
    decide(&one, &browser, text(&begun, "user_code"), "allow", &["mcp:read"]).await.expect(200);
    let tasks: Vec<_> = (0..16)
        .map(|index| {
            let (client, begun) =
                (if index % 2 == 0 { client.clone() } else { there.clone() }, begun.clone());
            tokio::spawn(async move { poll(&client, &begun).await.status })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap() == 200);
    }
    assert_eq!(won, 1);
}
