//! Failures of the database, which are no absence: no call is told that there is no such tool, and no
//! list is empty.

use std::path::Path;

use doorward_testkit::{DoorwardProcess, OddKind, OddUpstream, fresh_database};
use serde_json::{Value, json};

/// Changes the database of a running program from outside.
async fn change(data: &Path, url: &str, statement: &str) {
    let status = if url.is_empty() {
        let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=20); \
            c.execute(sys.argv[2]); c.commit()";
        let file = data.join("doorward.db");
        let python = tokio::process::Command::new("python3")
            .args(["-c", script, file.to_str().unwrap(), statement])
            .status();
        python.await.unwrap()
    } else {
        tokio::process::Command::new("psql")
            .args([url, "-q", "-c", statement])
            .status()
            .await
            .unwrap()
    };
    assert!(status.success(), "{statement}");
}

async fn ask(process: &DoorwardProcess, token: &str, method: &str, params: Value) -> (u16, String) {
    let browser = doorward_testkit::Browser::new();
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = browser
        .raw(reqwest::Method::POST, &format!("{}/mcp", process.url))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&message);
    let page = browser.send(request).await;
    (page.status, page.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_error_is_no_missing_tool_and_no_empty_list() {
    let odd = OddUpstream::start(OddKind::Http, false, None).await;
    let folder = std::env::temp_dir().join(format!("doorward-database-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("doorward.toml");
    let table = format!(
        "[upstreams.odd]\nkind = \"http\"\nurl = {:?}\nnetworks = [\"127.0.0.0/8\"]\n",
        odd.config().url
    );
    std::fs::write(&config, table).unwrap();
    let url = fresh_database().await;
    let mut variables = vec![
        ("DOORWARD_CONFIG", config.to_str().unwrap()),
        ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64"),
        ("DOORWARD_STORE__CACHE_SECONDS", "1"),
    ];
    if !url.is_empty() {
        variables.push(("DOORWARD_STORE__URL", url.as_str()));
    }
    let data = folder.join("data");
    let process = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let user = process.user(&data, &variables, "alice").await;
    change(&data, &url, "ALTER TABLE upstream_tool RENAME TO upstream_tool_away").await;
    let call = || json!({"name": "odd_good", "arguments": {}});
    // Until the server has noticed the change, it answers from memory.
    let (mut status, mut body) = (0, String::new());
    for _ in 0..100 {
        (status, body) = ask(&process, &user.token, "tools/call", call()).await;
        if status != 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(status == 503 && body.contains("temporarily_unavailable"), "{status} {body}");
    for method in ["tools/list", "prompts/list", "resources/list"] {
        let (status, body) = ask(&process, &user.token, method, json!({})).await;
        assert!(
            status == 200 && body.contains("cannot respond at the moment"),
            "{method}: {status} {body}"
        );
    }
    change(&data, &url, "ALTER TABLE upstream_tool_away RENAME TO upstream_tool").await;
    let (status, body) = ask(&process, &user.token, "tools/call", call()).await;
    assert!(status == 200 && body.contains("echo"), "{status} {body}");
    let (_, body) = ask(&process, &user.token, "tools/list", json!({})).await;
    assert!(body.contains("odd_good"), "{body}");
    drop(process);
    let _ = std::fs::remove_dir_all(&folder);
}
