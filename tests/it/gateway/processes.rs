//! Local processes: started on demand, ended with everything that they started, also when the server is killed.

use std::time::Duration;

use doorward_testkit::DoorwardProcess;
use serde_json::json;

/// A server over standard input and output, in the shell: it starts a child of its own, as package runners do.
const SERVER: &str = r#"
sleep 300 & echo $! > "$PIDS/grandchild"; echo $$ > "$PIDS/child"
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id";;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"env","description":"x","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}}\n' "$id";;
    *'"tools/call"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s|%s|%s"}]}}\n' "$id" "$KEY" "$WHO" "$DOORWARD_SECRET__THING";;
    *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"not known"}}\n' "$id";;
  esac
done
"#;

fn alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !state.is_empty() && !state.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
}

async fn gone(pid: &str) -> bool {
    for _ in 0..80 {
        if !alive(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// A token for a person of a server that runs as a process.
async fn token(process: &DoorwardProcess, data: &str, variables: &[(&str, &str)], name: &str) -> String {
    let added = doorward_testkit::run_command(&["--data-dir", data, "user", "add", name, "--password-stdin"], variables, doorward_testkit::PASSWORD).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let base = process.url.clone();
    let browser = doorward_testkit::Browser::new();
    let page = browser.get(&format!("{base}/login")).await.expect(200);
    let csrf = doorward_testkit::form_value(&page.body, "csrf").unwrap();
    browser.post(&format!("{base}/login"), &[("csrf", &csrf), ("name", name), ("password", doorward_testkit::PASSWORD)]).await.expect(303);
    let client = browser
        .post_json(&format!("{base}/oauth/register"), &json!({"redirect_uris": ["http://127.0.0.1:7777/callback"], "token_endpoint_auth_method": "none"}))
        .await
        .expect(201)
        .json();
    let pkce = doorward_testkit::Pkce::default();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("response_type", "code"),
            ("client_id", client["client_id"].as_str().unwrap()),
            ("redirect_uri", "http://127.0.0.1:7777/callback"),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
            ("scope", "mcp:read"),
            ("resource", &format!("{base}/mcp")),
        ])
        .finish();
    let consent = browser.get(&format!("{base}/oauth/authorize?{query}")).await.expect(303).location();
    let page = browser.get(&consent).await.expect(200);
    let form = &page.body[page.body.find("/consent\"").unwrap()..];
    let fields = [
        ("csrf", doorward_testkit::form_value(form, "csrf").unwrap()),
        ("request", doorward_testkit::form_value(form, "request").unwrap()),
        ("decision", "allow".to_owned()),
        ("scope-mcp:read", "on".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let code = browser.post(&format!("{base}/consent"), &fields).await.expect(303).location_param("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client["client_id"].as_str().unwrap()),
        ("code", code.as_str()),
        ("code_verifier", pkce.verifier.as_str()),
        ("redirect_uri", "http://127.0.0.1:7777/callback"),
    ];
    browser.post(&format!("{base}/oauth/token"), &form).await.expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

async fn call(base: &str, token: &str) -> String {
    let browser = doorward_testkit::Browser::new();
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "sh_env", "arguments": {}}});
    let request = browser
        .raw(reqwest::Method::POST, &format!("{base}/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&message);
    browser.send(request).await.body
}

async fn pids(folder: &std::path::Path) -> [String; 2] {
    ["child", "grandchild"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_get_what_they_are_given_and_never_outlive_the_server() {
    for killed in [true, false] {
        let folder = std::env::temp_dir().join(format!("doorward-stdio-{}-{killed}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("server.sh"), SERVER).unwrap();
        let config = folder.join("doorward.toml");
        let path = folder.to_str().unwrap();
        let text = format!(
            "[upstreams.sh]\nkind = \"stdio\"\ncommand = [\"sh\", \"{path}/server.sh\"]\nenv = [\"PIDS={path}\", \"KEY=sealed\", \"WHO={{token}}\"]\nauth = \"identity\"\naudience = \"sh\"\n"
        );
        std::fs::write(&config, text).unwrap();
        let database = doorward_testkit::fresh_database().await;
        let mut variables = vec![("DOORWARD_CONFIG", config.to_str().unwrap()), ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64")];
        if !database.is_empty() {
            variables.push(("DOORWARD_STORE__URL", &database));
        }
        let data = folder.join("data");
        let mut process = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
        let token = token(&process, data.to_str().unwrap(), &variables, "alice").await;
        let said = call(&process.url, &token).await;
        assert!(said.contains("sealed|eyJ"), "the process has its key and a token for its person: {said}");
        assert!(!said.contains(&token), "and not the client's");
        assert!(said.contains("|\""), "nothing of our own environment: {said}");
        let [child, grandchild] = pids(&folder).await;
        assert!(alive(&child) && alive(&grandchild));
        if killed {
            process.kill().await;
        } else {
            process.terminate().await;
        }
        assert!(gone(&child).await, "the process went, kill -9: {killed}");
        assert!(gone(&grandchild).await, "and what it had started, kill -9: {killed}");
        let _ = std::fs::remove_dir_all(&folder);
    }
}
