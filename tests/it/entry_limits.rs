//! Limits at the public entry points: refused requests of an IP address and of a client, and the
//! entries that they write.

use doorward_model::AuditKind;
use doorward_testkit::{Browser, OAuthClient, Page, Pkce, TestServer};
use reqwest::Method;

async fn small(burst: u32) -> TestServer {
    TestServer::start_with(|config| {
        config.server.refused_burst_per_address = burst;
        config.server.refused_per_minute_per_address = 1;
        // The tests set the client's IP address as a trusted proxy does.
        config.server.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
    })
    .await
}

/// Sends a request from this IP address.
async fn from(
    server: &TestServer,
    address: &str,
    method: Method,
    path: &str,
    form: &[(&str, &str)],
) -> Page {
    let browser = Browser::new();
    let request = browser.raw(method.clone(), &server.at(path)).header("x-forwarded-for", address);
    browser.send(if method == Method::POST { request.form(form) } else { request }).await
}

#[tokio::test]
async fn every_entry_point_refuses_an_ip_address_with_too_many_refused_requests() {
    let wrong = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("client_id", ""),
        ("redirect_uri", "x"),
        ("code_verifier", "x"),
    ];
    let server = small(6).await;
    for (number, (method, path)) in [
        (Method::POST, "/oauth/token"),
        (Method::POST, "/oauth/revoke"),
        (Method::POST, "/oauth/introspect"),
        (Method::POST, "/oauth/register"),
        (Method::GET, "/oauth/authorize?client_id=unknown&response_type=code"),
        (Method::POST, "/login"),
        (Method::POST, "/login/forgot"),
        (Method::POST, "/login/passkey"),
        (Method::GET, "/login/unknown"),
        (Method::GET, "/login/unknown/callback?code=x&state=y"),
        (Method::POST, "/login/unknown/backchannel-logout"),
        (Method::GET, "/login/reset/guess"),
        (Method::GET, "/admin/link/guess"),
        (Method::POST, "/consent"),
        (Method::GET, "/nothing/here"),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("192.0.2.{number}");
        let mut statuses = Vec::new();
        for _ in 0..8 {
            statuses.push(from(&server, &address, method.clone(), path, &wrong).await.status);
        }
        assert!((400..500).contains(&statuses[0]) && statuses[0] != 429, "{path}: {statuses:?}");
        assert!(statuses.last() == Some(&429), "{path}: {statuses:?}");
        // Public responses are given to all clients.
        from(&server, &address, Method::GET, "/.well-known/oauth-authorization-server", &[])
            .await
            .expect(200);
    }
    let with_tokens = [
        (Method::POST, "/mcp"),
        (Method::GET, "/mcp/sse"),
        (Method::POST, "/mcp-key"),
        (Method::GET, "/api/admin/users"),
    ];
    for (number, (method, path)) in with_tokens.into_iter().enumerate() {
        let address = format!("198.51.100.{number}");
        let mut statuses = Vec::new();
        for _ in 0..62 {
            let browser = Browser::new();
            let request = browser
                .raw(method.clone(), &server.at(path))
                .header("x-forwarded-for", &address)
                .bearer_auth("dw_at_guess");
            statuses.push(browser.send(request).await.status);
        }
        assert!(
            statuses[..60].iter().all(|status| *status == 401) && statuses[61] == 429,
            "{path}: {statuses:?}"
        );
    }
    from(&server, "192.0.2.200", Method::GET, "/login", &[]).await.expect(200);
}

#[tokio::test]
async fn completed_requests_use_up_nothing_and_dropped_ones_count_as_refused() {
    let server = small(6).await;
    for _ in 0..30 {
        from(&server, "192.0.2.1", Method::GET, "/login", &[]).await.expect(200);
    }
    // A request that its sender drops before the answer: the body never comes.
    let host = server.url.trim_start_matches("http://").to_owned();
    for _ in 0..6 {
        use tokio::io::AsyncWriteExt;
        let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
        let head = format!(
            "POST /oauth/token HTTP/1.1\r\nhost: {host}\r\nx-forwarded-for: 192.0.2.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 50\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    from(&server, "192.0.2.1", Method::GET, "/login", &[]).await.expect(429);
    let german = Browser::new()
        .raw(Method::GET, &server.at("/login"))
        .header("x-forwarded-for", "192.0.2.1")
        .header("accept-language", "de");
    let page = Browser::new().send(german).await.expect(429);
    assert!(page.body.contains("Zu viele abgelehnte Anfragen"), "{}", page.body);
    // The same holds for a page that does not exist.
    for (language, told) in [("fr", "Page introuvable"), ("de-AT, en", "Seite nicht gefunden")] {
        let missing = Browser::new()
            .raw(Method::GET, &server.at("/nowhere"))
            .header("x-forwarded-for", "192.0.2.3")
            .header("accept-language", language);
        let page = Browser::new().send(missing).await.expect(404);
        assert!(page.body.contains(told), "{language}: {}", page.body);
    }
    from(&server, "192.0.2.2", Method::GET, "/login", &[]).await.expect(200);
}

#[tokio::test]
async fn a_client_at_an_ip_address_uses_up_its_own_share_only() {
    let server = small(30).await;
    let refused = async |address: &str, client: &str| {
        from(
            &server,
            address,
            Method::POST,
            "/oauth/token",
            &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", client)],
        )
        .await
        .status
    };
    let [one, other] =
        [OAuthClient::register(&server).await.id, OAuthClient::register(&server).await.id];
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(refused("192.0.2.1", &one).await);
    }
    assert!(
        statuses[..10].iter().all(|status| *status == 400) && statuses[10] == 429,
        "{statuses:?}"
    );
    assert_eq!((refused("192.0.2.1", &other).await, refused("192.0.2.2", &one).await), (400, 400));
}

#[tokio::test]
async fn repeated_refusals_are_one_entry_of_the_audit_with_their_number() {
    let server = TestServer::start().await;
    let client = OAuthClient::register(&server).await;
    for _ in 0..200 {
        assert_eq!(client.refresh("nothing", &[]).await.status, 400);
    }
    let other = OAuthClient::register(&server).await;
    other.redeem("nothing", &Pkce::default(), &[]).await.expect(400);
    server.app.store.flush().await.unwrap();
    let (mut entries, mut told) = (0, 0);
    for entry in server.app.store.audit_after(0, 10_000).await.unwrap() {
        if entry.event.kind == AuditKind::TokenRefused
            && entry.event.subject == format!("client:{}", client.id)
        {
            let detail: serde_json::Value = serde_json::from_str(&entry.event.detail).unwrap();
            entries += 1;
            told += detail["repeated"].as_u64().unwrap_or(1);
        }
    }
    assert!(told == 200 && entries < 30, "{entries} entries tell of {told}");
    assert!(server.app.store.verify_audit(None).await.unwrap().is_ok());
}
