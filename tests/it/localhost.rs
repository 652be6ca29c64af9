//! The default: a server at `localhost`, which clients reach by its name and by its numbers.

use std::path::PathBuf;

use doorward_testkit::{Browser, DoorwardProcess, OAuthClient, PASSWORD, form_value, run_command};
use serde_json::{Value, json};

fn directory(name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("doorward-localhost-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The URL by 127.0.0.1, and by ::1 where this machine has it.
fn numbers(url: &str) -> Vec<String> {
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    let v6 = has_v6.then(|| url.replace("localhost", "[::1]"));
    std::iter::once(url.replace("localhost", "127.0.0.1")).chain(v6).collect()
}

async fn whoami(base: &str, token: &str) -> u16 {
    let browser = Browser::new();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
    let request = browser
        .raw(reqwest::Method::POST, &format!("{base}/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&body);
    browser.send(request).await.status
}

#[tokio::test]
async fn the_default_is_localhost_on_both_loopback_ip_addresses() {
    let data = directory("default");
    let server = DoorwardProcess::start(&data, "localhost:0", &[]).await;
    assert!(server.url.starts_with("http://localhost:"), "{}", server.url);
    assert_eq!(doorward::config::Config::default().server.listen, "localhost:8400");
    for base in numbers(&server.url).iter().chain([&server.url]) {
        Browser::new().get(&format!("{base}/healthz")).await.expect(200);
        Browser::new().get(&format!("{base}/readyz")).await.expect(200);
        let metadata = Browser::new()
            .get(&format!("{base}/.well-known/oauth-authorization-server"))
            .await
            .expect(200)
            .json();
        assert_eq!(metadata["issuer"], server.url.as_str(), "there is one issuer");
    }
    // The IP address of the listener stays as the operator chose it.
    let chosen = directory("chosen");
    let other = DoorwardProcess::start(&chosen, "127.0.0.1:0", &[]).await;
    assert!(other.url.starts_with("http://127.0.0.1:"), "{}", other.url);
    let resource = format!("{}/mcp", other.url.replace("127.0.0.1", "localhost"));
    let client = OAuthClient::register_at(&other.url).await;
    let refused = Browser::new()
        .get(&client.authorize_url(&doorward_testkit::Pkce::default(), &[("resource", &resource)]))
        .await;
    assert!(
        refused.location().contains("invalid_target") || refused.status == 400,
        "{}",
        refused.location()
    );
    drop((server, other));
    let _ = (std::fs::remove_dir_all(data), std::fs::remove_dir_all(chosen));
}

#[tokio::test]
async fn a_client_with_a_loopback_ip_address_discovers_connects_and_calls_by_it() {
    let data = directory("numbers");
    let server = DoorwardProcess::start(&data, "localhost:0", &[]).await;
    let dir = data.to_str().unwrap().to_owned();
    let added = run_command(
        &["--data-dir", &dir, "user", "add", "alice", "--password-stdin", "--keep-password"],
        &[],
        PASSWORD,
    )
    .await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let browser = Browser::new();
    let page = browser.get(&format!("{}/login", server.url)).await.expect(200);
    // The form of passkeys comes first.
    let (_, form) = page.body.rsplit_once("/login\" class=").unwrap();
    let csrf = form_value(form, "csrf").unwrap();
    browser
        .post(
            &format!("{}/login", server.url),
            &[("csrf", &csrf), ("name", "alice"), ("password", PASSWORD)],
        )
        .await
        .expect(303);
    for base in numbers(&server.url) {
        // The value that a client compares with its configured URL (RFC 9728 §3.3).
        let challenged = Browser::new().get(&format!("{base}/mcp")).await.expect(401);
        let told = challenged.header("www-authenticate");
        let metadata = format!("{base}/.well-known/oauth-protected-resource/mcp");
        assert!(told.contains(&format!("resource_metadata=\"{metadata}\"")), "{told}");
        assert!(challenged.header("link").contains(&metadata));
        let document: Value = Browser::new().get(&metadata).await.expect(200).json();
        assert_eq!(document["resource"], format!("{base}/mcp"));
        assert_eq!(document["authorization_servers"], json!([server.url]));
        let challenged = Browser::new().get(&format!("{base}/api/admin/users")).await.expect(401);
        let told = challenged.header("www-authenticate");
        let metadata = format!("{base}/.well-known/oauth-protected-resource/api/admin");
        assert!(told.contains(&format!("resource_metadata=\"{metadata}\"")), "{told}");
        let document: Value = Browser::new().get(&metadata).await.expect(200).json();
        assert_eq!(document["resource"], format!("{base}/api/admin"));
        assert_eq!(document["authorization_servers"], json!([server.url]));
        // It registers, asks and redeems by the endpoints of the issuer, for its resource.
        let client = OAuthClient::register_at(&server.url).await;
        let resource = format!("{base}/mcp");
        let tokens = client.tokens(&browser, &[("resource", &resource)]).await;
        assert_eq!(whoami(&base, &tokens.access).await, 200);
        assert_eq!(whoami(&server.url, &tokens.access).await, 200);
        let page = client.refresh(&tokens.refresh, &[("resource", &resource)]).await.expect(200);
        assert_eq!(whoami(&base, page.json()["access_token"].as_str().unwrap()).await, 200);
    }
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}

#[tokio::test]
async fn pages_have_one_origin_to_which_ip_addresses_redirect() {
    let data = directory("pages");
    let server = DoorwardProcess::start(&data, "localhost:0", &[]).await;
    for base in numbers(&server.url) {
        for path in
            ["/", "/login?next=%2Faccount", "/account", "/oauth/authorize?client_id=x", "/no"]
        {
            let led = Browser::new().get(&format!("{base}{path}")).await.expect(307);
            assert_eq!(led.location(), format!("{}{path}", server.url));
        }
        // A request that says another host leads nowhere.
        let browser = Browser::new();
        let request = browser
            .raw(reqwest::Method::GET, &format!("{base}/login"))
            .header("host", "127.0.0.1.evil.example");
        browser.send(request).await.expect(200);
        let request = browser
            .raw(reqwest::Method::GET, &format!("{base}/.well-known/oauth-protected-resource"))
            .header("host", "evil.example");
        let document = browser.send(request).await.expect(200).json();
        assert_eq!(document["resource"], format!("{}/mcp", server.url));
    }
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}

/// A grant of the time when the default public URL was http://127.0.0.1:8400 goes on.
#[tokio::test]
async fn a_grant_for_a_loopback_ip_address_is_valid_for_localhost() {
    let data = directory("upgrade");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let (old, new) = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
    let mut server = DoorwardProcess::start(&data, &old, &[]).await;
    let alice = server.user(&data, &[], "alice").await;
    let client = OAuthClient::register_at(&server.url).await;
    let tokens = client.tokens(&alice.browser, &[]).await;
    server.terminate().await;
    let server = DoorwardProcess::start(&data, &new, &[]).await;
    // The client still uses its earlier data.
    let page = client.refresh(&tokens.refresh, &[]).await.expect(200);
    let access = page.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(whoami(&format!("http://{old}"), &access).await, 200);
    assert_eq!(whoami(&server.url, &access).await, 200);
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}

#[tokio::test]
async fn commands_know_how_the_running_server_was_started() {
    let data = directory("started");
    let dir = data.to_str().unwrap().to_owned();
    let run = async |arguments: &[&str]| {
        let output =
            run_command(&[&["--data-dir", dir.as_str()], arguments].concat(), &[], "").await;
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let mut server = DoorwardProcess::start(&data, "localhost:0", &[]).await;
    let link = run(&["admin-link"]).await.1;
    assert!(link.starts_with(&format!("{}/admin/link/", server.url)), "{link}");
    let invited = run(&["user", "add", "bob"]).await.1;
    assert!(invited.contains(&server.url), "{invited}");
    let doctor = run(&["doctor"]).await;
    assert_eq!(doctor.0, Some(0), "{}", doctor.1);
    assert!(
        doctor.1.contains(&format!("runs as process {}", server.id()))
            && doctor.1.contains("names this issuer"),
        "{}",
        doctor.1
    );
    // The command line wins; a setting that the running server does not use is reported.
    let link = run(&["admin-link", "--public-url", "https://mcp.example.com"]).await.1;
    assert!(link.starts_with("https://mcp.example.com/admin/link/"), "{link}");
    let file = data.join("other.toml");
    std::fs::write(&file, "[server]\npublic_url = \"https://mcp.example.com\"\n").unwrap();
    let config = file.to_str().unwrap();
    let link = run(&["--config", config, "admin-link"]).await.1;
    assert!(link.starts_with(&server.url), "{link}");
    let doctor = run(&["--config", config, "doctor"]).await;
    assert!(
        doctor.0 == Some(1) && doctor.1.contains("the configuration has https://mcp.example.com"),
        "{}",
        doctor.1
    );
    // After its end, the note counts where the configuration says nothing.
    server.terminate().await;
    let link = run(&["admin-link"]).await.1;
    assert!(link.starts_with(&server.url), "{link}");
    let link = run(&["--config", config, "admin-link"]).await.1;
    assert!(link.starts_with("https://mcp.example.com/"), "{link}");
    assert!(run(&["doctor"]).await.1.contains("is not running on this data directory"));
    // A second server is still kept away while one runs, and looks of commands keep none away.
    let server = DoorwardProcess::start(&data, "localhost:0", &[]).await;
    let second = run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert!(second.0 == Some(1) && second.2.contains("another server is running"), "{}", second.2);
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}
