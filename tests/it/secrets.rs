//! Secrets of the configuration appear nowhere: not in `config show`, the API, pages, nor the log
//! at its most talkative.

use doorward::config::{self, Kind};
use doorward_testkit::{Browser, DoorwardProcess, PASSWORD, form_value, private_key, run_command};
use serde_json::Value;

/// The text in every secret.
const CANARY: &str = "canary-7f3a9c";
/// A master key is 32 bytes in base64.
const MASTER_KEY: &str = "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=";
/// The beginning of every private key of P-256 in PEM form (PKCS #8).
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49";

/// A configuration in which every secret is set.
fn settings() -> String {
    let key = private_key().replace('\n', " ");
    assert!(key.contains(KEY), "{key}");
    format!(
        r#"
[log]
level = "trace"
[keys]
master_key = "{MASTER_KEY}"
[mail]
url = "smtp://sender@127.0.0.1:1"
from = "doorward@example.com"
password = "{CANARY}"
[audit]
webhook = "http://{CANARY}@127.0.0.1:1/hook/{CANARY}?key={CANARY}"
otlp = "http://127.0.0.1:1/v1/logs?key={CANARY}"
webhook_token = "{CANARY}"
[providers.corp]
kind = "oidc"
issuer = "http://127.0.0.1:1"
client_id = "doorward"
client_secret = "{CANARY}"
networks = ["127.0.0.0/8"]
[upstreams.keyed]
kind = "http"
url = "http://127.0.0.1:1/mcp"
auth = "header"
header = "X-Key: {CANARY}"
networks = ["127.0.0.0/8"]
http_on_loopback = true
[upstreams.basic]
kind = "http"
url = "http://127.0.0.1:1/mcp"
auth = "basic"
username = "u"
password = "{CANARY}"
networks = ["127.0.0.0/8"]
http_on_loopback = true
[upstreams.exchanging]
kind = "http"
url = "http://127.0.0.1:1/mcp"
auth = "oauth"
client_id = "doorward"
client_secret = "{CANARY}"
networks = ["127.0.0.0/8"]
http_on_loopback = true
[upstreams.signing]
kind = "http"
url = "http://127.0.0.1:1/mcp"
auth = "oauth"
client_id = "doorward"
private_key = "{key}"
networks = ["127.0.0.0/8"]
http_on_loopback = true
[upstreams.local]
kind = "stdio"
command = ["/nonexistent/server"]
env = ["KEY={CANARY}"]
[connectors.chat]
kind = "mattermost"
url = "https://127.0.0.1:1"
bot_token = "{CANARY}"
command_token = "{CANARY}{CANARY}"
webhook_token = "{CANARY}{CANARY}"
networks = ["127.0.0.0/8"]
[agent]
url = "http://127.0.0.1:1/v1/chat/completions"
model = "large"
api_key = "{CANARY}"
networks = ["127.0.0.0/8"]
"#
    )
}

fn nowhere(what: &str, text: &str) {
    for secret in [CANARY, MASTER_KEY, KEY] {
        let place = text
            .find(secret)
            .map(|at| text.get(at.saturating_sub(200)..at + 20).unwrap_or_default());
        assert!(place.is_none(), "{what} shows a secret: …{}", place.unwrap_or_default());
    }
}

#[test]
fn every_setting_that_is_named_like_a_secret_is_one() {
    let secrets: Vec<String> =
        config::known_keys().into_iter().filter(|key| key.secret).map(|key| key.path()).collect();
    for key in config::known_keys() {
        let name = key.name.as_str();
        let named = ["password", "secret", "master_key", "header", "env"]
            .iter()
            .any(|word| name == *word || name.ends_with(&format!("_{word}")))
            || name.ends_with("_token")
            || name.ends_with("api_key");
        // The names of variables that are passed on are no secrets; the switch for a request's
        // header neither.
        if named && name != "pass_env" && matches!(key.kind, Kind::Text | Kind::List) {
            assert!(key.secret, "{} must be of a type that is never printed", key.path());
        }
    }
    // A new secret needs its canary in this file.
    let settings: toml::Table = settings().parse().unwrap();
    for path in secrets.iter().filter(|path| *path != "store.url") {
        let (section, name) = path.rsplit_once('.').unwrap();
        let set = |table: &toml::Value| table.get(name).is_some();
        let found = match section.strip_suffix(".NAME") {
            Some(family) => settings
                .get(family)
                .and_then(toml::Value::as_table)
                .is_some_and(|many| many.values().any(set)),
            None => settings.get(section).is_some_and(set),
        };
        assert!(found, "{path} has no canary");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn ca53_no_secret_of_the_configuration_and_no_message_of_a_chat_is_ever_shown() {
    let data = std::env::temp_dir().join(format!("doorward-secrets-{}", std::process::id()));
    std::fs::create_dir_all(&data).unwrap();
    let (file, log) = (data.join("doorward.toml"), data.join("log"));
    std::fs::write(&file, settings()).unwrap();
    let (file, dir) = (file.to_str().unwrap(), data.to_str().unwrap());
    let database = format!("postgres://u:{CANARY}@127.0.0.1:1/d");
    for arguments in
        [&["--config", file, "config", "show"][..], &["--config", file, "--json", "config", "show"]]
    {
        let shown = run_command(arguments, &[("DOORWARD_STORE__URL", &database)], "").await;
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("audit.webhook_token") && shown.contains("(set)"), "{shown}");
        nowhere("config show", &shown);
    }
    let named = [("DOORWARD_SERVER__LISTEN", "127.0.0.1:0")];
    let add = [
        "--config",
        file,
        "--data-dir",
        dir,
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--password-stdin",
    ];
    let added = run_command(&add, &named, PASSWORD).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let made = run_command(
        &[
            "--config",
            file,
            "--data-dir",
            dir,
            "--json",
            "token",
            "create",
            "t",
            "--user",
            "root",
            "--scope",
            "admin",
            "--scope",
            "mcp:read",
        ],
        &named,
        "",
    )
    .await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let token = made["value"].as_str().unwrap().to_owned();
    let server = DoorwardProcess::start_with_log(
        &data,
        "127.0.0.1:0",
        &[("DOORWARD_CONFIG", file)],
        std::fs::File::create(&log).unwrap(),
    )
    .await;
    let base = server.url.clone();
    let browser = Browser::new();
    for (method, path) in [
        ("GET", "/settings"),
        ("GET", "/health"),
        ("GET", "/providers"),
        ("GET", "/providers/corp"),
        ("POST", "/providers/corp/test"),
        ("GET", "/upstreams"),
        ("GET", "/upstreams/keyed"),
        ("GET", "/upstreams/local"),
        ("POST", "/upstreams/keyed/test"),
        ("POST", "/upstreams/basic/test"),
        ("POST", "/upstreams/exchanging/test"),
        ("POST", "/upstreams/local/test"),
        ("GET", "/audit"),
        ("GET", "/openapi.json"),
    ] {
        let request = browser
            .raw(
                reqwest::Method::from_bytes(method.as_bytes()).unwrap(),
                &format!("{base}/api/admin{path}"),
            )
            .bearer_auth(&token);
        let page = browser.send(request).await.expect(200);
        nowhere(path, &page.body);
    }
    let csrf =
        form_value(&browser.get(&format!("{base}/login")).await.expect(200).body, "csrf").unwrap();
    browser
        .post(
            &format!("{base}/login"),
            &[("csrf", &csrf), ("name", "root"), ("password", PASSWORD)],
        )
        .await
        .expect(303);
    for path in [
        "/login",
        "/login/corp",
        "/account",
        "/admin",
        "/admin/settings",
        "/admin/providers",
        "/admin/providers?provider=corp",
        "/admin/upstreams",
        "/admin/keys",
        "/admin/audit",
        "/admin/policy",
    ] {
        nowhere(path, &browser.get(&format!("{base}{path}")).await.body);
    }
    // What users write in a chat and ask the agent is theirs alone.
    let hook = format!("http://127.0.0.1:1/hooks/commands/{}", "h".repeat(26));
    let (secret, said) = (format!("{CANARY}{CANARY}"), format!("call whoami x={CANARY}"));
    let fields = [
        ("token", secret.as_str()),
        ("command", "/doorward"),
        ("text", &said),
        ("user_id", "uuuuuuuuuuuuuuuuuuuuuuuuuu"),
        ("user_name", "ally"),
        ("response_url", &hook),
    ];
    let page = Browser::new().post(&format!("{base}/connectors/chat"), &fields).await.expect(200);
    nowhere("the answer to a command", &page.body);
    let arguments = serde_json::json!({"question": format!("Is it {CANARY}?")});
    let call = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": arguments}});
    let request = browser
        .raw(reqwest::Method::POST, &format!("{base}/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(&token)
        .json(&call);
    let page = browser.send(request).await.expect(200);
    assert!(page.body.contains("endpoint cannot be used"), "{}", page.body);
    nowhere("the answer to a question", &page.body);
    // The export tries its webhook, mail its server.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    drop(server);
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(
        logged.contains("TRACE") || logged.contains("DEBUG"),
        "the log is not talkative: {}",
        logged.chars().take(2000).collect::<String>()
    );
    nowhere("the log", &logged);
    let _ = std::fs::remove_dir_all(data);
}
