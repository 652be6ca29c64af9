//! Operators' tasks: audit and tokens from the command line, backups, metrics, the doctor about a
//! client.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use doorward_testkit::{Browser, DoorwardProcess, OAuthClient, Pkce, run_command};
use serde_json::{Value, json};

fn directory(name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("doorward-operations-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

async fn run(data: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        run_command(&[&["--data-dir", data.to_str().unwrap()], arguments].concat(), &[], "").await;
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

async fn json_of(data: &Path, arguments: &[&str]) -> Value {
    let (code, out, error) = run(data, &[&["--json"], arguments].concat()).await;
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
}

async fn whoami(url: &str, token: &str) -> u16 {
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &format!("{url}/mcp-key"))
        .header("accept", "application/json, text/event-stream")
        .bearer_auth(token);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
    browser.send(request.header("mcp-protocol-version", "2025-11-25").json(&body)).await.status
}

#[tokio::test]
async fn tokens_and_the_audit_are_managed_from_the_command_line_while_the_server_runs() {
    let data = directory("tokens");
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let made =
        json_of(&data, &["token", "create", "nightly", "--service", "ci-bot", "--days", "7"]).await;
    let value = made["value"].as_str().unwrap().to_owned();
    assert_eq!(whoami(&server.url, &value).await, 200);
    let listed = run(&data, &["token", "list"]).await;
    assert!(
        listed.1.contains("nightly") && listed.1.contains("ci-bot") && !listed.1.contains(&value),
        "{}",
        listed.1
    );
    for (arguments, told) in [
        (
            &["token", "create", "x", "--service", "ci-bot", "--scope", "nothing"][..],
            "there is no scope",
        ),
        (&["token", "create", "x", "--user", "absent"], "absent"),
        (
            &["token", "create", "x", "--service", "ci-bot", "--scope", "admin"],
            "more than this account may grant",
        ),
        (&["token", "revoke", "t_nothing"], "does not exist or is not active"),
    ] {
        let (code, _, error) = run(&data, arguments).await;
        assert!(code == 1 && error.contains(told), "{arguments:?}: {error}");
    }
    run(&data, &["token", "revoke", made["id"].as_str().unwrap()]).await;
    let mut refused = false;
    for _ in 0..50 {
        refused = whoami(&server.url, &value).await == 401;
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refused, "the running server still takes a revoked token");
    let mut calls = (0, String::new(), String::new());
    for _ in 0..30 {
        calls = run(&data, &["audit", "--kind", "tool.called", "--user", "ci-bot"]).await;
        if calls.1.contains("tool=whoami") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(calls.0 == 0 && calls.1.contains("tool=whoami"), "{calls:?}");
    let verified = json_of(&data, &["audit", "verify"]).await;
    assert_eq!(verified["ok"], true);
    let again =
        run(&data, &["audit", "verify", "--expect", verified["head"].as_str().unwrap()]).await;
    assert_eq!(again.0, 0);
    assert_eq!(run(&data, &["audit", "verify", "--expect", "999999:x"]).await.0, 1);
    assert_eq!(run(&data, &["audit", "--since", "yesterday"]).await.0, 1);
    let csv = run(&data, &["audit", "export", "--format", "csv", "--kind", "access_token."]).await;
    assert!(csv.1.starts_with("seq,time,kind") && csv.1.lines().count() == 3, "{}", csv.1);
}

#[tokio::test]
async fn p7_a_backup_taken_while_the_server_runs_restores_without_its_sessions() {
    let data = directory("backup");
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let visitor = server.user(&data, &[], "alice").await;
    let made = json_of(&data, &["token", "create", "nightly", "--service", "ci-bot"]).await;
    let value = made["value"].as_str().unwrap().to_owned();
    let file = data.join("backup.db");
    let (code, out, error) = run(&data, &["backup", file.to_str().unwrap()]).await;
    assert!(code == 0 && out.contains("store") && out.contains("master.key"), "{out}{error}");
    assert_eq!(
        run(&data, &["backup", file.to_str().unwrap()]).await.0,
        1,
        "nothing is overwritten"
    );
    let with_key = data.join("with-key.db");
    assert_eq!(run(&data, &["backup", with_key.to_str().unwrap(), "--with-key"]).await.0, 0);
    let bits =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(bits & 0o777, 0o600);
    // Without its key nothing is restored, and nothing is overwritten.
    let (code, _, error) = run(&data, &["restore", file.to_str().unwrap()]).await;
    assert!(code == 1 && error.contains("another server is running"), "{error}");
    let keyless = directory("keyless");
    std::fs::create_dir_all(&keyless).unwrap();
    assert_eq!(run(&keyless, &["restore", file.to_str().unwrap()]).await.0, 1);
    assert!(!keyless.join("doorward.db").exists());
    let fresh = directory("fresh");
    std::fs::create_dir_all(&fresh).unwrap();
    let (code, out, error) = run(&fresh, &["restore", with_key.to_str().unwrap()]).await;
    assert!(code == 0 && out.contains("Restored"), "{out}{error}");
    assert_eq!(
        run(&fresh, &["restore", with_key.to_str().unwrap()]).await.0,
        1,
        "only into an empty database"
    );
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    drop(server);
    let restored = DoorwardProcess::start(&fresh, &format!("127.0.0.1:{port}"), &[]).await;
    assert_eq!(whoami(&restored.url, &value).await, 200, "tokens of the time of the backup work");
    visitor.browser.get(&format!("{}/account", restored.url)).await.expect(303);
    assert_eq!(run(&fresh, &["audit", "verify"]).await.0, 0);
    let ended = directory("ended");
    std::fs::create_dir_all(&ended).unwrap();
    assert_eq!(run(&ended, &["restore", with_key.to_str().unwrap(), "--end-access"]).await.0, 0);
    drop(restored);
    let ended = DoorwardProcess::start(&ended, &format!("127.0.0.1:{port}"), &[]).await;
    assert_eq!(whoami(&ended.url, &value).await, 401, "and with --end-access they have ended");
}

#[tokio::test]
async fn the_doctor_explains_why_a_client_did_not_connect() {
    let data = directory("doctor");
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let client = OAuthClient::register_at(&server.url).await;
    let url =
        client.authorize_url(&Pkce::default(), &[("redirect_uri", "https://elsewhere.example/cb")]);
    Browser::new().get(&url).await.expect(400);
    let mut told = (0, String::new(), String::new());
    for _ in 0..30 {
        told = run(&data, &["doctor", "--client", &client.id]).await;
        if told.1.contains("WRONG") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        told.0 == 1
            && told.1.contains("The client did not register this redirect_uri")
            && told.1.contains("https://elsewhere.example/cb"),
        "{told:?}"
    );
    let none = run(&data, &["doctor", "--client", "nothing-like-it"]).await;
    assert!(none.0 == 1 && none.1.contains("did not reach this server"));
}

#[tokio::test]
async fn cs19_metrics_are_served_on_a_listener_of_their_own_and_name_no_user() {
    let data = directory("metrics");
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server =
        DoorwardProcess::start(&data, "127.0.0.1:0", &[("DOORWARD_METRICS__LISTEN", &free)]).await;
    let visitor = server.user(&data, &[], "alice").await;
    whoami(&server.url, "dw_pat_nothing").await;
    let page = Browser::new().get(&format!("http://{free}/metrics")).await.expect(200);
    assert!(
        page.body.contains(
            "doorward_http_requests_total{method=\"POST\",route=\"/mcp-key\",status=\"4xx\"} 1"
        ),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("doorward_ready 1")
            && page.body.contains("doorward_events_total{kind=\"user.signed_in\"")
    );
    assert!(
        !page.body.contains(&visitor.token)
            && !page.body.contains("c_")
            && !page.body.contains("u_"),
        "{}",
        page.body
    );
    Browser::new().get(&format!("{}/metrics", server.url)).await.expect(404);
}
