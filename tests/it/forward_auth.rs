//! Forward authentication: what a reverse proxy in front of an external resource server is answered.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_accounts::Authority;
use doorward_admin::NewResource;
use doorward_model::Clock;
use doorward_testkit::{Browser, OAuthClient, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

const NOTES: &str = "https://notes.example.test/mcp";
const PAGES: &str = "https://pages.example.test/";

/// Headers of a browser that opens a page.
const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

async fn add(server: &TestServer, url: &str, scopes: &[&str], roles: &[&str]) {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let (scopes, roles) = (list(scopes), list(roles));
    let new = NewResource { url: url.to_owned(), name: None, scopes, roles };
    server.app.admin.resources.add(&Authority::operator(), new).await.unwrap();
}

struct Stage {
    server: TestServer,
    client: OAuthClient,
    browser: Browser,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start_with(|config| {
            config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
        })
        .await;
        add(&server, NOTES, &["notes:read", "notes:write"], &[]).await;
        add(&server, PAGES, &["pages:read"], &[]).await;
        server.user_with("alice", &["staff", "writers"]).await;
        let client = OAuthClient::register(&server).await;
        let browser = server.signed_in("alice").await;
        Self { server, client, browser }
    }

    async fn token(&self, resource: &str, scope: &str) -> String {
        let asked = [("resource", resource), ("scope", scope)];
        self.client.tokens(&self.browser, &asked).await.access
    }

    /// Asks as a proxy that received a request for this URL with these headers.
    async fn ask(&self, settings: &str, url: &str, headers: &[(&str, &str)]) -> Page {
        let parsed = url::Url::parse(url).unwrap();
        let host = parsed.host_str().unwrap().to_owned();
        let uri = url.split_once(&host).unwrap().1;
        let uri = if uri.is_empty() { "/" } else { uri };
        let proxy = Browser::new();
        let mut request = proxy
            .raw(Method::GET, &self.server.at(&format!("/auth/check{settings}")))
            .header("x-forwarded-proto", parsed.scheme())
            .header("x-forwarded-host", &host)
            .header("x-forwarded-uri", uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        proxy.send(request).await
    }

    async fn with_token(&self, url: &str, token: &str) -> Page {
        self.ask("", url, &[("authorization", &format!("Bearer {token}"))]).await
    }
}

fn claims(token: &str) -> (Value, Value) {
    let mut parts = token.split('.');
    let mut part =
        || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
    (part(), part())
}

/// The cookie that an answer sets: its name and value.
fn cookie(page: &Page) -> String {
    page.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_token_the_challenge_names_the_metadata_of_the_very_host() {
    let stage = Stage::new().await;
    let page = stage.ask("", &format!("{NOTES}/any?x=1"), &[]).await.expect(401);
    assert_eq!(
        page.header("www-authenticate"),
        "Bearer resource_metadata=\"https://notes.example.test/.well-known/oauth-protected-resource/mcp\", scope=\"notes:read\""
    );
    assert_eq!(page.header("cache-control"), "no-store");
    let page = stage.ask("", PAGES, &[]).await.expect(401);
    let challenge = page.header("www-authenticate");
    assert!(
        challenge.contains("\"https://pages.example.test/.well-known/oauth-protected-resource\"")
    );
    assert!(challenge.contains("scope=\"pages:read\""), "{challenge}");
}

#[tokio::test]
async fn the_metadata_document_is_that_of_the_forwarded_host_and_path() {
    let stage = Stage::new().await;
    let fetch = async |path: &str, host: &str| {
        let proxy = Browser::new();
        let request = proxy
            .raw(Method::GET, &stage.server.at(path))
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", host);
        proxy.send(request).await
    };
    let document = fetch("/auth/metadata/mcp", "notes.example.test").await.expect(200).json();
    assert_eq!(document["resource"], NOTES);
    assert_eq!(document["authorization_servers"], json!([stage.server.url]));
    assert_eq!(document["scopes_supported"], json!(["notes:read", "notes:write"]));
    let document = fetch("/auth/metadata", "pages.example.test").await.expect(200).json();
    assert_eq!(document["resource"], PAGES);
    for (path, host) in [
        ("/auth/metadata", "notes.example.test"),
        ("/auth/metadata/mcp/x", "notes.example.test"),
        ("/auth/metadata/mcp", "evil.example"),
    ] {
        fetch(path, host).await.expect(404);
    }
}

#[tokio::test]
async fn a_token_becomes_identity_headers_and_a_signed_statement_and_is_not_passed_on() {
    let stage = Stage::new().await;
    let token = stage.token(NOTES, "notes:read").await;
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    let spoofed = [
        ("authorization", format!("Bearer {token}")),
        ("x-doorward-user", "root".to_owned()),
        ("x-doorward-email", "root@example.com".to_owned()),
        ("x-doorward-roles", "admin".to_owned()),
    ];
    let spoofed: Vec<_> = spoofed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = stage.ask("", NOTES, &spoofed).await.expect(200);
    for (name, value) in [
        ("x-doorward-subject", alice.id.as_str()),
        ("x-doorward-user", "alice"),
        ("x-doorward-email", ""),
        ("x-doorward-roles", "staff writers"),
        ("x-doorward-scopes", "notes:read"),
        ("x-doorward-client", stage.client.id.as_str()),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    assert!(!format!("{:?}", page.headers).contains(&token), "the client's token stays here");
    let identity = page.header("x-doorward-identity");
    let (header, body) = claims(&identity);
    assert_eq!(header["typ"], "identity+jwt");
    assert_eq!((&body["iss"], &body["aud"]), (&json!(stage.server.url), &json!(NOTES)));
    assert_eq!((&body["sub"], &body["scope"]), (&json!(alice.id.as_str()), &json!("notes:read")));
    let now = stage.server.clock.now().0;
    assert!(body["exp"].as_i64().unwrap() <= now + 60);
    // The statement is no access token: neither here nor there.
    stage.with_token(NOTES, &identity).await.expect(401);
    assert!(!stage.server.calls(&identity).await);
}

#[tokio::test]
async fn only_a_token_for_this_very_resource_server_passes() {
    let stage = Stage::new().await;
    let token = stage.token(NOTES, "notes:read").await;
    let own = stage.client.tokens(&stage.browser, &[]).await;
    stage.with_token(NOTES, &token).await.expect(200);
    for (url, token) in [(PAGES, &token), (NOTES, &own.access), (NOTES, &own.refresh)] {
        let page = stage.with_token(url, token).await.expect(401);
        assert!(page.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    }
    let half = format!("Bearer {token} x");
    for wrong in ["Basic YTpi", "Bearer", half.as_str()] {
        stage.ask("", NOTES, &[("authorization", wrong)]).await.expect(401);
    }
    // A browser's cookie does not help a request with a wrong token.
    let page = stage.ask("", NOTES, &[("authorization", "Bearer x"), PAGE]).await;
    page.expect(401);
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    stage.server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    stage.with_token(NOTES, &token).await.expect(401);
}

#[tokio::test]
async fn a_proxy_may_demand_scopes() {
    let stage = Stage::new().await;
    let token = stage.token(NOTES, "notes:read").await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    stage.ask("?scope=notes:read", NOTES, &headers).await.expect(200);
    let page = stage.ask("?scope=notes:read%20notes:write", NOTES, &headers).await.expect(403);
    let challenge = page.header("www-authenticate");
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    assert!(challenge.contains("scope=\"notes:read notes:write\""), "{challenge}");
    stage.ask("?scope=%22", NOTES, &headers).await.expect(403);
    stage.ask("?redirect=perhaps", NOTES, &headers).await.expect(403);
}

#[tokio::test]
async fn urls_of_no_resource_server_and_ambiguous_ones_are_refused() {
    let stage = Stage::new().await;
    let token = stage.token(NOTES, "notes:read").await;
    for url in [
        "https://notes.example.test/",
        "https://notes.example.test/mcpx",
        "http://notes.example.test/mcp",
        "https://evil.example/mcp",
        "https://notes.example.test/mcp/%2e%2e/admin",
        "https://notes.example.test/mcp%2f..%2fadmin",
    ] {
        let page = stage.with_token(url, &token).await.expect(403);
        assert!(page.header("x-doorward-user").is_empty(), "{url}");
    }
    // Forwarded headers that contradict each other.
    let bearer = format!("Bearer {token}");
    let twice = [("authorization", bearer.as_str()), ("x-forwarded-host", "pages.example.test")];
    stage.ask("", NOTES, &twice).await.expect(403);
}

#[tokio::test]
async fn envoy_asks_with_the_host_and_the_path_of_the_request() {
    let stage = Stage::new().await;
    let token = stage.token(NOTES, "notes:read").await;
    let ask = async |path: &str, host: &str| {
        let proxy = Browser::new();
        let request = proxy
            .raw(Method::POST, &stage.server.at(&format!("/auth/check{path}")))
            .header("host", host)
            .header("x-forwarded-proto", "https")
            .bearer_auth(&token);
        proxy.send(request).await
    };
    let page = ask("/mcp?a=b", "notes.example.test").await.expect(200);
    assert_eq!(page.header("x-doorward-user"), "alice");
    ask("/other", "notes.example.test").await.expect(403);
    ask("/mcp", "pages.example.test").await.expect(401);
}

#[tokio::test]
async fn a_caller_that_is_no_trusted_proxy_learns_nothing() {
    let server = TestServer::start().await;
    add(&server, NOTES, &["notes:read"], &[]).await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let asked = [("resource", NOTES), ("scope", "notes:read")];
    let token = client.tokens(&browser, &asked).await.access;
    for path in ["/auth/check", "/auth/check/mcp", "/auth/metadata/mcp"] {
        let caller = Browser::new();
        let request = caller
            .raw(Method::GET, &server.at(path))
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "notes.example.test")
            .header("x-forwarded-uri", "/mcp")
            .header("x-forwarded-for", "127.0.0.1")
            .bearer_auth(&token);
        let page = caller.send(request).await.expect(403);
        assert!(page.body.contains("trusted_proxies"), "{}", page.body);
        assert!(page.header("x-doorward-user").is_empty());
    }
}

/// The way of a browser from a page to this server: the cookie of the host, and the URL there.
async fn begin(stage: &Stage, url: &str, held: &str) -> (String, String) {
    let page = stage.ask("", url, &[PAGE, ("cookie", held)]).await.expect(303);
    let set = page.header("set-cookie");
    assert!(set.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure"), "{set}");
    assert!(set.starts_with("__Host-doorward-begin-rs_"), "{set}");
    assert!(page.location().starts_with(&stage.server.at("/auth/start?request=")));
    (cookie(&page), page.location())
}

/// The URL to which this server leads a browser back.
async fn led_back(browser: &Browser, start: &str) -> String {
    let page = browser.get(start).await.expect(200);
    let (_, rest) = page.body.split_once("content=\"0;url=").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_browser_is_led_to_the_sign_in_and_back_to_its_page_with_a_cookie_of_that_host() {
    let stage = Stage::new().await;
    let url = "https://pages.example.test/reports/7?year=2026";
    // A browser without a session signs in first, and is led on from there.
    let (begun, start) = begin(&stage, url, "a=b").await;
    let to_login = Browser::new().get(&start).await.expect(303);
    assert!(to_login.location().contains("/login?next=%2Fauth%2Fstart%3Frequest%3D"));
    let back = led_back(&stage.browser, &start).await;
    assert!(back.starts_with("https://pages.example.test/.doorward/signed-in?ticket="), "{back}");
    let arrived = stage.ask("", &back, &[PAGE, ("cookie", &begun)]).await.expect(303);
    assert_eq!(arrived.location(), url);
    let set = arrived.header("set-cookie");
    assert!(set.starts_with("__Host-doorward-user-rs_") && set.contains("; Secure"), "{set}");
    let held = cookie(&arrived);
    let page = stage.ask("", url, &[PAGE, ("cookie", &held)]).await.expect(200);
    assert_eq!(page.header("x-doorward-user"), "alice");
    assert_eq!(page.header("x-doorward-client"), "");
    assert_eq!(page.header("x-doorward-scopes"), "pages:read");
    let (_, body) = claims(&page.header("x-doorward-identity"));
    assert_eq!((&body["aud"], &body["client_id"]), (&json!(PAGES), &Value::Null));
    // The page's scripts and forms are let pass too, and are never redirected.
    stage.ask("", url, &[("cookie", &held), ("sec-fetch-mode", "cors")]).await.expect(200);
    stage.ask("", url, &[("sec-fetch-mode", "cors")]).await.expect(401);
    // The cookie is of no use at another resource server, nor is the session's at this one.
    stage.ask("", NOTES, &[("cookie", &held)]).await.expect(401);
    // A sealed value of one step is none of another.
    let ticket = back.split_once("ticket=").unwrap().1.to_owned();
    let name = held.split_once('=').unwrap().0;
    stage.ask("", url, &[("cookie", &format!("{name}={ticket}"))]).await.expect(401);
    // Signing out here ends it there.
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    let sessions = stage.server.app.accounts.sessions_of(&alice.id).await.unwrap();
    for session in sessions {
        stage.server.app.accounts.end_session(&alice.id, session.id).await.unwrap();
    }
    stage.ask("", url, &[PAGE, ("cookie", &held)]).await.expect(303);
    stage.ask("", url, &[("cookie", &held)]).await.expect(401);
}

#[tokio::test]
async fn a_ticket_signs_in_the_browser_that_began_once_and_for_a_minute() {
    let stage = Stage::new().await;
    let (begun, start) = begin(&stage, PAGES, "").await;
    let ticket = async || led_back(&stage.browser, &start).await;
    let back = ticket().await;
    // Another browser: one without the cookie, and one with a cookie of its own.
    stage.ask("", &back, &[PAGE]).await.expect(403);
    let (other, _) = begin(&stage, PAGES, "").await;
    assert_ne!(other, begun);
    stage.ask("", &back, &[PAGE, ("cookie", &other)]).await.expect(403);
    // A second page of the same browser shares the value.
    assert_eq!(begin(&stage, PAGES, &begun).await.0, begun);
    let first = stage.ask("", &back, &[PAGE, ("cookie", &begun)]).await.expect(303);
    assert!(first.header("set-cookie").contains("doorward-user-"));
    let again = stage.ask("", &back, &[PAGE, ("cookie", &begun)]).await.expect(303);
    assert!(again.header("set-cookie").contains("doorward-begin-"), "spent: it begins again");
    let late = ticket().await;
    stage.server.clock.advance(61);
    let late = stage.ask("", &late, &[PAGE, ("cookie", &begun)]).await.expect(303);
    assert!(late.header("set-cookie").contains("doorward-begin-"), "too late: it begins again");
    let forged = format!("{PAGES}.doorward/signed-in?ticket=v1.forged");
    let forged = stage.ask("", &forged, &[PAGE, ("cookie", &begun)]).await.expect(303);
    assert!(forged.header("set-cookie").contains("doorward-begin-"));
    // A ticket for one resource server is none for another.
    let there = ticket().await.replace(PAGES, &format!("{NOTES}/"));
    let there = stage.ask("", &there, &[PAGE, ("cookie", &begun)]).await.expect(303);
    assert!(there.header("set-cookie").contains("doorward-begin-"));
    // The request to sign in ends too, and only sealed ones count.
    stage.server.clock.advance(600);
    stage.browser.get(&start).await.expect(400);
    stage.browser.get(&stage.server.at("/auth/start?request=v1.x")).await.expect(400);
}

#[tokio::test]
async fn a_user_without_the_role_is_told_so_and_a_removed_resource_server_admits_no_user() {
    let stage = Stage::new().await;
    let url = "https://board.example.test/";
    add(&stage.server, url, &["board:read"], &["board"]).await;
    let (_, start) = begin(&stage, url, "").await;
    let page = stage.browser.get(&start).await.expect(403);
    assert!(page.body.contains("board.example.test"), "{}", page.body);
    stage.server.user_with("bob", &["board"]).await;
    let bob = stage.server.signed_in("bob").await;
    let (begun, start) = begin(&stage, url, "").await;
    let back = led_back(&bob, &start).await;
    let arrived = stage.ask("", &back, &[PAGE, ("cookie", &begun)]).await.expect(303);
    let held = cookie(&arrived);
    stage.ask("", url, &[("cookie", &held)]).await.expect(200);
    let (_, start) = begin(&stage, url, "").await;
    stage.server.app.admin.resources.remove(url, None).await.unwrap();
    stage.ask("", url, &[("cookie", &held)]).await.expect(403);
    bob.get(&start).await.expect(404);
}

#[tokio::test]
async fn nginx_gets_the_target_of_a_redirect_in_a_header_of_a_401() {
    let stage = Stage::new().await;
    let page = stage.ask("?redirect=header", PAGES, &[PAGE]).await.expect(401);
    let start = page.header("x-doorward-location");
    assert!(start.starts_with(&stage.server.at("/auth/start?request=")), "{start}");
    let begun = cookie(&page);
    let back = led_back(&stage.browser, &start).await;
    let headers = [PAGE, ("cookie", begun.as_str())];
    let arrived = stage.ask("?redirect=header", &back, &headers).await.expect(401);
    assert_eq!(arrived.header("x-doorward-location"), PAGES);
    let held = cookie(&arrived);
    stage.ask("?redirect=header", PAGES, &[("cookie", &held)]).await.expect(200);
    let out = format!("{PAGES}.doorward/sign-out");
    let out = stage.ask("?redirect=header", &out, &[PAGE, ("cookie", &held)]).await.expect(401);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(out.header("x-doorward-location"), stage.server.at("/logout"));
}
