//! A local process that all users share: its messages about one user's call reach no other user.

use std::{sync::Arc, time::Duration};

use doorward_testkit::TestServer;
use serde_json::{Value, json};

use super::{confirm::modern, gateway_user, text};

/// A server over standard input and output with two tools. `late` says and asks something a second
/// later, without saying which call it is about, as the protocol has it on this transport, and
/// never answers. `hold` answers after two seconds and a half.
const SERVER: &str = r#"
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id";;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"late","description":"x","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},{"name":"hold","description":"x","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}}\n' "$id";;
    *'"tools/call"'*late*) (sleep 1
      printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"alices-secret"}}\n'
      printf '{"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"mode":"form","message":"Pay for alice?","requestedSchema":{"type":"object","properties":{}}}}\n') &;;
    *'"tools/call"'*hold*) (sleep 2.5; printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"held"}]}}\n' "$id") &;;
    *'"tools/call"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"done"}]}}\n' "$id";;
    *'"result"'*|*'"error"'*|*notifications*) ;;
    *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"not known"}}\n' "$id";;
  esac
done
"#;

async fn server(per_user: bool) -> (Arc<TestServer>, std::path::PathBuf) {
    let folder = std::env::temp_dir().join(format!(
        "doorward-shared-{}-{per_user}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let script = folder.join("server.sh");
    std::fs::write(&script, SERVER).unwrap();
    let server = TestServer::start_with(|config| {
        let upstream = doorward_gateway::UpstreamConfig {
            kind: "stdio".to_owned(),
            title: "Shell".to_owned(),
            command: vec!["sh".to_owned(), script.display().to_string()],
            list_wait_ms: 5000,
            per_user,
            ..doorward_gateway::UpstreamConfig::default()
        };
        config.upstreams.insert("sh".to_owned(), upstream);
    })
    .await;
    (Arc::new(server), folder)
}

/// Calls a tool and goes away before it answers.
async fn call_and_leave(server: &TestServer, token: &str, tool: &str) {
    let left = tokio::time::timeout(
        Duration::from_millis(400),
        modern(server, token, json!({"name": tool, "arguments": {}})),
    )
    .await;
    assert!(left.is_err(), "the call was answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_shared_process_about_a_dropped_call_reach_no_other_user() {
    let (server, folder) = server(false).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    super::tools(&server, &alice.token).await;
    call_and_leave(&server, &alice.token, "sh_late").await;
    let said = modern(&server, &bob.token, json!({"name": "sh_hold", "arguments": {}}))
        .await
        .expect(200)
        .body;
    assert!(said.contains("held") && !said.contains("Pay for alice"), "{said}");
    // An older client takes log messages without having asked for them.
    call_and_leave(&server, &alice.token, "sh_late").await;
    let said = server.call(&bob.token, "sh_hold", json!({})).await.expect(200).body;
    assert!(said.contains("held") && !said.contains("alices-secret"), "{said}");
    let _ = std::fs::remove_dir_all(&folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_process_can_ask_no_user_once_two_users_have_used_it() {
    let (server, folder) = server(false).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    super::tools(&server, &alice.token).await;
    // As long as one user alone has used it, the only call there is must be meant.
    let asked = modern(&server, &alice.token, json!({"name": "sh_late", "arguments": {}}))
        .await
        .expect(200)
        .json();
    let message = &asked["result"]["inputRequests"]["question"]["params"]["message"];
    assert_eq!(message, "Shell asks: “Pay for alice?”", "{asked}");
    // After another user's call, its messages cannot be attributed, even when that call has ended.
    assert!(server.call(&bob.token, "sh_hold", json!({})).await.expect(200).body.contains("held"));
    call_and_leave_for(&server, &alice.token, Duration::from_secs(2)).await;
    let _ = std::fs::remove_dir_all(&folder);
}

/// Calls `late`, which asks after a second, and is not asked.
async fn call_and_leave_for(server: &TestServer, token: &str, time: Duration) {
    let left = tokio::time::timeout(
        time,
        modern(server, token, json!({"name": "sh_late", "arguments": {}})),
    )
    .await;
    assert!(left.is_err(), "the question was passed on: {:?}", left.map(|page| page.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_question_is_not_taken_for_one_about_the_next_call_of_the_same_user() {
    let (server, folder) = server(true).await;
    let alice = gateway_user(&server, "alice").await;
    super::tools(&server, &alice.token).await;
    call_and_leave(&server, &alice.token, "sh_late").await;
    let page = modern(&server, &alice.token, json!({"name": "sh_hold", "arguments": {}}))
        .await
        .expect(200);
    let held: Value = page.json();
    assert_eq!(held["result"]["content"][0]["text"], "held", "{held}");
    assert_eq!(text(&page), "held");
    let _ = std::fs::remove_dir_all(&folder);
}
