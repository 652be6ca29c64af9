//! Client ID Metadata Documents.

use doorward_testkit::{Browser, HttpsServer, OAuthClient, Page, Pkce, TestServer};
use serde_json::{Value, json};

const CALLBACK: &str = "http://127.0.0.1:7777/callback";

struct Stage {
    server: TestServer,
    documents: HttpsServer,
    browser: Browser,
}

async fn stage() -> Stage {
    let documents = HttpsServer::start().await;
    let ca = documents.ca_file.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| {
        config.outbound.extra_ca_files = vec![ca];
        config.outbound.allow_networks = vec!["127.0.0.0/8".into(), "::1/128".into()];
        config.outbound.timeout_seconds = 1;
    })
    .await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    Stage { server, documents, browser }
}

impl Stage {
    fn id(&self, path: &str) -> String {
        format!("{}{path}", self.documents.url)
    }
    fn document(&self, path: &str) -> Value {
        json!({"client_id": self.id(path), "client_name": "Documented", "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"]})
    }
    fn client(&self, path: &str) -> OAuthClient {
        OAuthClient::known(&self.server, &self.id(path), CALLBACK)
    }
    async fn open(&self, path: &str) -> Page {
        self.browser.get(&self.client(path).authorize_url(&Pkce::default(), &[])).await
    }
}

#[tokio::test]
async fn a6_a7_a13_cimd_13_a_document_is_a_client() {
    let stage = stage().await;
    stage.documents.json("/client.json", &stage.document("/client.json"), "");
    let client = stage.client("/client.json");
    let pkce = Pkce::default();
    let page = client.consent_page(&stage.browser, &pkce, &[]).await;
    assert!(
        page.body.contains("published by")
            && page.body.contains("localhost")
            && page.body.contains("runs on your own computer")
    );
    let back = client.allow(&stage.browser, &page).await.expect(303);
    let tokens =
        client.redeem(&back.location_param("code").unwrap(), &pkce, &[]).await.expect(200).json();
    assert!(stage.server.calls(tokens["access_token"].as_str().unwrap()).await);
    client.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.expect(200);
    assert_eq!(stage.documents.hits(), 1, "the document is cached");
}

#[tokio::test]
async fn a8_a10_cimd_05_07_08_09_10_bad_documents_get_a_page() {
    let stage = stage().await;
    let with = |path: &str, change: Value| {
        let mut document = stage.document(path);
        for (name, value) in change.as_object().unwrap() {
            document[name] = value.clone();
        }
        stage.documents.json(path, &document, "");
    };
    with("/other", json!({"client_id": "https://evil.example/"}));
    with("/nameless", json!({"client_name": null}));
    with("/redirects", json!({"redirect_uris": []}));
    with("/secret", json!({"client_secret": "x"}));
    with("/post", json!({"token_endpoint_auth_method": "client_secret_post"}));
    with("/elsewhere", json!({"redirect_uris": ["https://app.example/cb"]}));
    with("/huge", json!({"padding": "x".repeat(6000)}));
    stage.documents.answer("/moved", "HTTP/1.1 302 Found\r\nlocation: https://169.254.169.254/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stage.documents.answer("/html", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    stage.documents.answer("/broken", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\nconnection: close\r\n\r\n{");
    for path in [
        "/other",
        "/nameless",
        "/redirects",
        "/secret",
        "/post",
        "/elsewhere",
        "/huge",
        "/moved",
        "/html",
        "/broken",
        "/missing",
    ] {
        let page = stage.open(path).await.expect(400);
        assert!(page.location().is_empty(), "{path}");
    }
    for (path, status) in [
        (
            "/error",
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ),
        ("/slow", "hang"),
    ] {
        stage.documents.answer(path, status);
        let page = stage.open(path).await.expect(503);
        assert_eq!(page.header("retry-after"), "5", "{path}");
    }
}

#[tokio::test]
async fn cimd_12_failures_are_not_cached_and_headers_are_obeyed() {
    let stage = stage().await;
    stage
        .documents
        .answer("/c", "HTTP/1.1 500 ErrorPage\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stage.open("/c").await.expect(503);
    stage.documents.json("/c", &stage.document("/c"), "cache-control: max-age=100\r\n");
    stage.open("/c").await.expect(303);
    stage.open("/c").await.expect(303);
    assert_eq!(stage.documents.hits(), 2);
    stage.server.clock.advance(101);
    stage.open("/c").await.expect(303);
    assert_eq!(stage.documents.hits(), 3);
    stage.documents.json("/n", &stage.document("/n"), "cache-control: no-store\r\n");
    stage.open("/n").await.expect(303);
    let before = stage.documents.hits();
    stage.open("/n").await.expect(303);
    assert!(stage.documents.hits() > before);
}

#[tokio::test]
async fn cimd_11_i13_a_removed_document_ends_the_client_and_an_outage_does_not() {
    let stage = stage().await;
    stage.documents.json("/c", &stage.document("/c"), "cache-control: max-age=10\r\n");
    let client = stage.client("/c");
    let tokens = client.tokens(&stage.browser, &[]).await;
    stage.server.clock.advance(11);
    stage
        .documents
        .answer("/c", "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert_eq!(
        client.refresh(&tokens.refresh, &[]).await.expect(503).json()["error"],
        "temporarily_unavailable"
    );
    stage
        .documents
        .answer("/c", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert_eq!(
        client.refresh(&tokens.refresh, &[]).await.expect(401).json()["error"],
        "invalid_client"
    );
    stage.documents.json("/c", &stage.document("/c"), "");
    client.refresh(&tokens.refresh, &[]).await.expect(200);
}

#[tokio::test]
async fn cimd_05_06_a12_nothing_internal_is_ever_asked() {
    let documents = HttpsServer::start().await;
    documents.json("/c", &json!({}), "");
    // The same server, but without permission to connect to loopback IP addresses.
    let ca = documents.ca_file.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| config.outbound.extra_ca_files = vec![ca]).await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let port = documents.url.rsplit(':').next().unwrap();
    for id in [
        format!("{}/c", documents.url),
        format!("https://127.0.0.1:{port}/c"),
        format!("https://[::1]:{port}/c"),
        format!("https://[::ffff:7f00:1]:{port}/c"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/c".to_owned(),
        format!("http://localhost:{port}/c"),
        format!("https://localhost:{port}"),
        format!("https://localhost:{port}/a/../c"),
        format!("https://user@localhost:{port}/c"),
    ] {
        let client = OAuthClient::known(&server, &id, CALLBACK);
        let page = browser.get(&client.authorize_url(&Pkce::default(), &[])).await.expect(400);
        assert!(page.location().is_empty(), "{id}");
    }
    assert_eq!(documents.hits(), 0);
}

#[tokio::test]
async fn a15_hosts_are_checked_before_anything_is_fetched() {
    let documents = HttpsServer::start().await;
    let ca = documents.ca_file.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| {
        config.outbound.extra_ca_files = vec![ca];
        config.outbound.allow_networks = vec!["127.0.0.0/8".into(), "::1/128".into()];
        config.registration.metadata_document_hosts = vec!["claude.ai".into()];
    })
    .await;
    let client = OAuthClient::known(&server, &format!("{}/c", documents.url), CALLBACK);
    Browser::new().get(&client.authorize_url(&Pkce::default(), &[])).await.expect(400);
    assert_eq!(documents.hits(), 0);
}

#[tokio::test]
async fn ax8_a_document_that_declares_private_key_jwt_must_use_it() {
    let stage = stage().await;
    let now = doorward_model::Clock::now(stage.server.clock.as_ref());
    let signer = crate::assertions::Signer::new();
    let mut document = stage.document("/c");
    document["token_endpoint_auth_method"] = "private_key_jwt".into();
    document["jwks_uri"] = stage.id("/jwks").into();
    stage.documents.json("/c", &document, "");
    stage.documents.json("/jwks", &signer.jwks(), "");
    let client = stage.client("/c");
    let pkce = Pkce::default();
    let code = client.code(&stage.browser, &pkce, &[]).await;
    assert_eq!(
        client.redeem(&code, &pkce, &[]).await.expect(401).json()["error"],
        "invalid_client"
    );
    let assertion_made = |made: doorward_model::Timestamp, audience: &str, jti: &str| {
        signer.assertion(&client.id, made, audience, jti)
    };
    let assertion = |audience: &str, jti: &str| assertion_made(now, audience, jti);
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let redeem = async |assertion: &str| {
        client.redeem(&code, &pkce, &[kind, ("client_assertion", assertion)]).await
    };
    redeem(&assertion("https://other.example", "1")).await.expect(401);
    redeem("x.y.z").await.expect(401);
    // Its clock is an hour behind.
    redeem(&assertion_made(now.plus(-3_600), &stage.server.url, "late")).await.expect(401);
    crate::timeline::expect(&stage.server, "clock", "its clock is wrong").await;
    let good = assertion(&stage.server.url, "2");
    let tokens = redeem(&good).await.expect(200).json();
    let refresh = [kind, ("client_assertion", good.as_str())];
    client.refresh(tokens["refresh_token"].as_str().unwrap(), &refresh).await.expect(401);
    let fresh = assertion(&stage.server.at("/oauth/token"), "3");
    client
        .refresh(tokens["refresh_token"].as_str().unwrap(), &[kind, ("client_assertion", &fresh)])
        .await
        .expect(200);
}

#[tokio::test]
async fn a_document_is_fetched_once_for_all_waiting_requests_and_kept_although_they_disconnect() {
    let stage = std::sync::Arc::new(stage().await);
    for path in ["/one.json", "/two.json"] {
        stage.documents.json(path, &stage.document(path), "");
    }
    stage.documents.answer_after(std::time::Duration::from_millis(300));
    let (a, b, c, d) = tokio::join!(
        stage.open("/one.json"),
        stage.open("/one.json"),
        stage.open("/one.json"),
        stage.open("/one.json")
    );
    assert!([a, b, c, d].iter().all(|page| page.status == 303));
    assert_eq!(stage.documents.hits(), 1);
    let waiting = tokio::spawn({
        let stage = std::sync::Arc::clone(&stage);
        async move { stage.open("/two.json").await }
    });
    while stage.documents.hits() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    waiting.abort();
    let id = doorward_model::ClientId::from_text(stage.id("/two.json"));
    for _ in 0..100 {
        if stage.server.app.store.client(&id).await.unwrap().is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(stage.server.app.store.client(&id).await.unwrap().is_some());
    assert_eq!(stage.documents.hits(), 2);
}

#[tokio::test]
async fn known_clients_connect_where_the_server_reaches_no_internet() {
    // No request to a public IP address succeeds here.
    let server = TestServer::start_with(|config| config.outbound.timeout_seconds = 1).await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    for (id, redirect, name, vendor) in [
        (
            "https://chatgpt.com/oauth/codex/client.json",
            "http://127.0.0.1:54321/callback",
            "Codex",
            "OpenAI",
        ),
        (
            "https://chatgpt.com/oauth/codex/cb_7/client.json",
            "http://localhost:54321/callback/cb_7",
            "Codex",
            "OpenAI",
        ),
        (
            "https://claude.ai/oauth/claude-code-client-metadata",
            "http://localhost:3118/callback",
            "Claude Code",
            "Anthropic",
        ),
        (
            "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "https://claude.ai/api/mcp/auth_callback",
            "Claude",
            "Anthropic",
        ),
        (
            "https://vscode.dev/oauth/client-metadata.json",
            "http://127.0.0.1:33418/",
            "Visual Studio Code",
            "Microsoft",
        ),
    ] {
        let client = OAuthClient::known(&server, id, redirect);
        let page = client.consent_page(&browser, &Pkce::default(), &[]).await;
        let host = id.split('/').nth(2).unwrap();
        for text in [name, &format!("published by {vendor} at {host}")] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        let tokens = client.tokens(&browser, &[]).await;
        assert!(server.calls(&tokens.access).await, "{id}");
    }
    // Nothing else at those hosts, and nothing that resembles them, is known.
    for (id, redirect) in [
        ("https://chatgpt.com/oauth/codex/client.json", "https://evil.example/callback"),
        ("https://chatgpt.com/oauth/codex/cb_7/client.json", "http://127.0.0.1:1/callback/cb_8"),
        ("https://claude.ai/oauth/other", "http://localhost:3118/callback"),
        (
            "https://claude.ai.evil.example/oauth/claude-code-client-metadata",
            "http://localhost/callback",
        ),
    ] {
        let client = OAuthClient::known(&server, id, redirect);
        let page = browser.get(&client.authorize_url(&Pkce::default(), &[])).await;
        assert!(page.status >= 400 && !page.body.contains("published by"), "{id} {}", page.status);
    }
}

#[tokio::test]
async fn known_clients_can_be_switched_off_and_pinned_hosts_hold_for_them() {
    for change in [
        (|config| config.registration.known_clients = false) as fn(&mut doorward::config::Config),
        |config| config.registration.metadata_documents = false,
        |config| config.registration.metadata_document_hosts = vec!["app.example".to_owned()],
    ] {
        let server = TestServer::start_with(|config| {
            config.outbound.timeout_seconds = 1;
            change(config);
        })
        .await;
        server.user("alice").await;
        let browser = server.signed_in("alice").await;
        let id = "https://chatgpt.com/oauth/codex/client.json";
        let client = OAuthClient::known(&server, id, "http://127.0.0.1:1/callback");
        let page = browser.get(&client.authorize_url(&Pkce::default(), &[])).await;
        assert!(page.status >= 400, "{}", page.status);
    }
}
