//! The program as an operator meets it: commands, start, stop.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use doorward_testkit::{
    Browser, CLIENT_ID, CLIENT_SECRET, DoorwardProcess, FakeProvider, run_command,
};
use serde_json::Value;

fn directory(name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("doorward-commands-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

async fn run(arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let output = run_command(arguments, &[], stdin).await;
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn serve_on_an_empty_directory_makes_everything_and_says_where_to_go() {
    let data = directory("serve");
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    assert!(
        server.printed.contains(&format!("MCP URL      {}/mcp", server.url)),
        "{}",
        server.printed
    );
    let link = server
        .printed
        .split_whitespace()
        .find(|word| word.contains("/admin/link/"))
        .unwrap()
        .to_owned();
    Browser::new().get(&link).await.expect(200);
    for (file, mode) in [("", 0o700), ("master.key", 0o600), ("doorward.db", 0o600)] {
        assert_eq!(
            std::fs::metadata(data.join(file)).unwrap().permissions().mode() & 0o777,
            mode,
            "{file}"
        );
    }
    let second =
        run(&["serve", "--data-dir", data.to_str().unwrap(), "--listen", "127.0.0.1:0"], "").await;
    assert_eq!(second.0, 1);
    assert!(second.2.contains("another server is running on"), "{}", second.2);
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn commands_work_while_the_server_runs_and_take_effect_within_seconds() {
    let data = directory("commands");
    let dir = data.to_str().unwrap().to_owned();
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let added = run(
        &[
            "--data-dir",
            &dir,
            "user",
            "add",
            "alice",
            "--email",
            "alice@example.com",
            "--role",
            "staff",
            "--password-stdin",
            "--keep-password",
        ],
        "a long password\n",
    )
    .await;
    assert_eq!(added.0, 0, "{}", added.2);
    assert_eq!(
        run(&["--data-dir", &dir, "user", "add", "Alice"], "").await.0,
        1,
        "the name is taken"
    );
    assert_eq!(run(&["--data-dir", &dir, "user", "add", "no spaces"], "").await.0, 1);
    assert_eq!(
        run(
            &["--data-dir", &dir, "user", "add", "bob", "--password-stdin", "--keep-password"],
            "short\n"
        )
        .await
        .0,
        1
    );
    let invited: Value = serde_json::from_str(
        &run(&["--data-dir", &dir, "--json", "user", "add", "carol"], "").await.1,
    )
    .unwrap();
    assert!(invited["invitation_url"].as_str().unwrap().contains("/login/reset/"), "{invited}");
    let listed: Value =
        serde_json::from_str(&run(&["--data-dir", &dir, "--json", "user", "list"], "").await.1)
            .unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("argon2"));
    let browser = Browser::new();
    let page = browser.get(&format!("{}/login", server.url)).await;
    let csrf = doorward_testkit::form_value(&page.body, "csrf").unwrap();
    browser
        .post(
            &format!("{}/login", server.url),
            &[("csrf", &csrf), ("name", "alice"), ("password", "a long password")],
        )
        .await
        .expect(303);
    browser.get(&format!("{}/account", server.url)).await.expect(200);
    assert_eq!(run(&["--data-dir", &dir, "user", "disable", "alice"], "").await.0, 0);
    let mut refused = false;
    for _ in 0..50 {
        refused = browser.get(&format!("{}/account", server.url)).await.status == 303;
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refused, "the running server still serves a disabled user");
    let client: Value = serde_json::from_str(
        &run(
            &[
                "--data-dir",
                &dir,
                "--json",
                "client",
                "add",
                "Portal",
                "--redirect-uri",
                "https://portal.example/cb",
                "--auth-method",
                "client_secret_basic",
            ],
            "",
        )
        .await
        .1,
    )
    .unwrap();
    assert!(client["client_secret"].as_str().unwrap().starts_with("dw_cs_"));
    assert_eq!(
        run(&["--data-dir", &dir, "client", "add", "Bad", "--redirect-uri", "javascript:1"], "")
            .await
            .0,
        1
    );
    let shown =
        run(&["--data-dir", &dir, "client", "show", client["client_id"].as_str().unwrap()], "")
            .await;
    assert!(shown.0 == 0 && !shown.1.contains("dw_cs_"));
    assert_eq!(
        run(&["--data-dir", &dir, "client", "delete", client["client_id"].as_str().unwrap()], "")
            .await
            .0,
        0
    );
    assert_eq!(run(&["--data-dir", &dir, "client", "show", "c_none"], "").await.0, 1);
    assert_eq!(run(&["--data-dir", &dir, "keys", "rotate"], "").await.0, 0);
    let keys: Value =
        serde_json::from_str(&run(&["--data-dir", &dir, "--json", "keys", "list"], "").await.1)
            .unwrap();
    let states: Vec<_> =
        keys.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "next"]);
    let link = run(&["--data-dir", &dir, "admin-link"], "").await.1;
    assert!(link.starts_with(&format!("{}/admin/link/dw_ln_", server.url)), "{link}");
    let doctor =
        run(&["--data-dir", &dir, "--json", "doctor", "--public-url", &server.url], "").await;
    assert_eq!(doctor.0, 0, "{}", doctor.1);
    std::fs::set_permissions(data.join("master.key"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    let doctor =
        run(&["--data-dir", &dir, "doctor", "--public-url", "http://127.0.0.1:9"], "").await;
    assert_eq!(doctor.0, 1);
    assert!(
        doctor.1.contains("WRONG permissions") && doctor.1.contains("WRONG public URL"),
        "{}",
        doctor.1
    );
    server.kill().await;
}

#[tokio::test]
async fn usage_errors_are_two_and_failures_one() {
    assert_eq!(run(&["frobnicate"], "").await.0, 2);
    assert_eq!(run(&["user", "add"], "").await.0, 2);
    assert_eq!(run(&["--config", "/nonexistent/doorward.toml", "config", "check"], "").await.0, 1);
    assert_eq!(run(&["--help"], "").await.0, 0);
    let file = directory("config").with_extension("toml");
    std::fs::write(&file, "[server]\nlistn = \"127.0.0.1:1\"\n").unwrap();
    let wrong = run(&["--config", file.to_str().unwrap(), "serve"], "").await;
    assert_eq!(wrong.0, 1);
    assert!(
        wrong.2.contains("line 2: server.listn: is not a key; did you mean server.listen?"),
        "{}",
        wrong.2
    );
    let schema: Value = serde_json::from_str(&run(&["config", "schema"], "").await.1).unwrap();
    assert!(schema["properties"]["server"]["properties"]["public_url"]["description"].is_string());
    let output = run_command(
        &["config", "show"],
        &[
            ("DOORWARD_KEYS__MASTER_KEY", "very-secret"),
            ("DOORWARD_STORE__URL", "postgres://u:hidden@h/d"),
        ],
        "",
    )
    .await;
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("(set)")
            && !shown.contains("very-secret")
            && !shown.contains("hidden")
            && shown.contains("environment variable DOORWARD_KEYS__MASTER_KEY")
    );
}

#[tokio::test]
async fn p9_requests_in_flight_finish_and_a_second_signal_ends_it() {
    let data = directory("stop");
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let dir = data.to_str().unwrap();
    run(
        &["--data-dir", dir, "user", "add", "alice", "--password-stdin", "--keep-password"],
        "a long password\n",
    )
    .await;
    let browser = Browser::new();
    let url = format!("{}/login", server.url);
    let csrf = doorward_testkit::form_value(&browser.get(&url).await.body, "csrf").unwrap();
    // A sign-in hashes for some milliseconds: it is in flight when the signal comes, and is
    // answered.
    let in_flight = {
        let (browser, url) = (browser.clone(), url.clone());
        tokio::spawn(async move {
            browser
                .post(&url, &[("csrf", &csrf), ("name", "alice"), ("password", "a long password")])
                .await
                .status
        })
    };
    tokio::time::sleep(Duration::from_millis(5)).await;
    server.signal("TERM").await;
    assert_eq!(in_flight.await.unwrap(), 303);
    assert_eq!(server.wait().await, Some(0));
    // A request without its body delays the stop; a second signal does not wait for it.
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let mut stuck =
        tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let head = "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\na=";
    tokio::io::AsyncWriteExt::write_all(&mut stuck, head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("TERM").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(3), server.wait()).await;
    assert_eq!(ended.expect("it waited although it was told twice"), Some(1));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn providers_are_added_listed_tested_and_deleted_while_the_server_runs() {
    let (data, provider) = (directory("providers"), FakeProvider::start().await);
    provider.answer(
        "/authorize",
        doorward_testkit::Answer::Raw(
            200,
            "text/html",
            "<h1>Sign in</h1>".to_owned(),
            String::new(),
        ),
    );
    let dir = data.to_str().unwrap().to_owned();
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &[]).await;
    let add = [
        "--data-dir",
        &dir,
        "provider",
        "add",
        "corp",
        "--kind",
        "oidc",
        "--client-id",
        CLIENT_ID,
        "--client-secret-stdin",
        "--issuer",
        &provider.issuer,
    ];
    let more = ["--set", "networks=127.0.0.0/8", "--set", "name=Corp", "--public-url", &server.url];
    let added = run(&[&add[..], &more[..]].concat(), &format!("{CLIENT_SECRET}\n")).await;
    assert_eq!(added.0, 0, "{}", added.2);
    assert!(added.1.contains(&format!("{}/login/corp/callback", server.url)), "{}", added.1);
    assert_eq!(run(&[&add[..], &more[..]].concat(), "x").await.0, 1, "the name is taken");
    assert!(run(&[&add[..], &["--set", "nmae=x"]].concat(), "x").await.2.contains("nmae"));
    assert_eq!(
        run(
            &["--data-dir", &dir, "provider", "add", "x", "--kind", "ldap", "--client-id", "i"],
            ""
        )
        .await
        .0,
        2
    );
    assert_eq!(
        run(
            &[
                "--data-dir",
                &dir,
                "provider",
                "add",
                "x",
                "--kind",
                "okta",
                "--client-id",
                "i",
                "--client-secret-stdin"
            ],
            "s"
        )
        .await
        .0,
        1
    );
    let listed = run(&["--data-dir", &dir, "--json", "provider", "list"], "").await.1;
    assert!(!listed.contains(CLIENT_SECRET), "the secret is not shown");
    assert_eq!(
        serde_json::from_str::<Value>(&listed).unwrap()[0]["settings"]["issuer"],
        provider.issuer
    );
    let tried =
        run(&["--data-dir", &dir, "provider", "test", "corp", "--public-url", &server.url], "")
            .await;
    assert_eq!((tried.0, tried.1.matches("ok ").count()), (0, 5), "{}", tried.1);
    // A running server has it within seconds.
    let browser = Browser::new();
    let mut there = false;
    for _ in 0..50 {
        there =
            browser.get(&format!("{}/login", server.url)).await.body.contains("Continue with Corp");
        if there {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(there);
    let away = browser.get(&format!("{}/login/corp", server.url)).await.expect(303);
    browser.get(&provider.sign_in(&away.location())).await.expect(303);
    let shown: Value = serde_json::from_str(
        &run(&["--data-dir", &dir, "--json", "user", "show", "ada"], "").await.1,
    )
    .unwrap();
    assert_eq!(
        (&shown["identities"][0]["subject"], &shown["password"]),
        (&Value::from("u-1"), &Value::from(false))
    );
    let invited = run(
        &[
            "--data-dir",
            &dir,
            "user",
            "add",
            "guest",
            "--email",
            "guest@corp.example",
            "--provider",
            "corp",
        ],
        "",
    )
    .await;
    assert_eq!(invited.0, 0, "{}", invited.2);
    assert_eq!(
        run(
            &[
                "--data-dir",
                &dir,
                "user",
                "link",
                "guest",
                "--provider",
                "corp",
                "--subject",
                "u-7"
            ],
            ""
        )
        .await
        .0,
        0
    );
    assert_eq!(
        run(
            &[
                "--data-dir",
                &dir,
                "user",
                "link",
                "guest",
                "--provider",
                "corp",
                "--subject",
                "u-1"
            ],
            ""
        )
        .await
        .0,
        1,
        "it belongs to another user"
    );
    assert_eq!(run(&["--data-dir", &dir, "user", "reset-factors", "guest"], "").await.0, 0);
    let doctor = run(&["--data-dir", &dir, "doctor", "--public-url", &server.url], "").await.1;
    assert!(
        doctor.contains("provider corp")
            && doctor.contains("sign-in by corp")
            && doctor.contains("Every account of this identity provider can sign in"),
        "{doctor}"
    );
    provider.answer(
        "/jwks",
        doorward_testkit::Answer::Raw(500, "text/html", String::new(), String::new()),
    );
    let tried = run(&["--data-dir", &dir, "provider", "test", "corp"], "").await;
    assert!(tried.0 == 1 && tried.1.contains("WRONG discovery"), "{}", tried.1);
    assert_eq!(run(&["--data-dir", &dir, "provider", "delete", "corp"], "").await.0, 0);
    assert_eq!(run(&["--data-dir", &dir, "provider", "delete", "corp"], "").await.0, 1);
}
