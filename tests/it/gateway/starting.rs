//! Upstreams that did not list what they offer since the server started.

use std::time::Duration;

use doorward_testkit::{OddKind, OddUpstream, TestServer};
use serde_json::{Value, json};

use super::{apps::ask, gateway_user};

/// The text of a refused call, and the seconds after which it may be made again.
fn refusal(answer: &Value) -> (String, Option<u64>) {
    let (result, error) = (&answer["result"], &answer["error"]);
    let text = result["content"][0]["text"].as_str().or(error["message"].as_str());
    let after = result["_meta"]["doorward/retryAfterSeconds"].as_u64();
    let after = after.or(error["data"]["doorward/retryAfterSeconds"].as_u64());
    (text.unwrap_or_default().to_owned(), after)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_while_an_upstream_starts_says_so_and_when_to_try_again() {
    let slow = OddUpstream::start(OddKind::Stdio, false, None).await;
    let gone = OddUpstream::start(OddKind::Stdio, false, None).await;
    let server = TestServer::start_with(|config| {
        let mut settings = slow.config();
        settings.list_wait_ms = 200;
        // It takes a while until the process answers.
        let bridge = settings.command[2].clone();
        settings.command[2] = format!("sleep 2; {bridge}");
        config.upstreams.insert("soon".to_owned(), settings.clone());
        settings.command[2] = format!("exec sleep 60; {bridge}");
        config.upstreams.insert("denied".to_owned(), settings.clone());
        config.upstreams.insert("slow".to_owned(), settings);
        let mut settings = gone.config();
        settings.command = vec!["/no/such/program".to_owned()];
        settings.list_wait_ms = 500;
        config.upstreams.insert("gone".to_owned(), settings);
        config.policy.rules = vec!["deny upstream=denied".to_owned(), "allow".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    for modern in [false, true] {
        let asked = async |path: &str, method: &str, params: Value| {
            let token = alice.token_at(&server, path).await;
            refusal(&ask(&server, &token, path, modern, method, &params).await)
        };
        let call = json!({"name": "slow_good", "arguments": {}});
        let inner = json!({"name": "call_tool", "arguments": call});
        let own = json!({"name": "good", "arguments": {}});
        for (path, method, params) in [
            ("/mcp", "tools/call", call),
            ("/mcp", "tools/call", inner),
            ("/mcp/slow", "tools/call", own),
            ("/mcp", "prompts/get", json!({"name": "slow_letter"})),
        ] {
            let (text, after) = asked(path, method, params).await;
            assert!(text.contains("is starting and has not listed"), "{path} {method}: {text}");
            assert!(text.contains("try again in "), "{path} {method}: {text}");
            assert!(after.is_some_and(|after| (1..=3).contains(&after)), "{path}: {after:?}");
        }
        // One that cannot be started is not starting.
        let call = json!({"name": "gone_good", "arguments": {}});
        let (text, after) = asked("/mcp", "tools/call", call).await;
        assert!(text.contains("cannot be reached") && after.is_some(), "{text}");
        assert!(text.contains("/no/such/program"), "{text}");
        // Nothing is told of one that the policy denies, nor of one that does not exist.
        for name in ["denied_good", "nowhere_good"] {
            let (text, _) =
                asked("/mcp", "tools/call", json!({"name": name, "arguments": {}})).await;
            assert!(text.contains("there is no tool"), "{name}: {text}");
        }
    }
    let call = json!({"name": "soon_good", "arguments": {}});
    for _ in 0..100 {
        let answer = ask(&server, &alice.token, "/mcp", false, "tools/call", &call).await;
        if answer["result"]["content"][0]["text"] == "echo" {
            // Now that its tools are known, another name is a wrong one.
            let call = json!({"name": "soon_other", "arguments": {}});
            let answer = ask(&server, &alice.token, "/mcp", false, "tools/call", &call).await;
            assert!(refusal(&answer).0.contains("there is no tool"), "{answer}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not start");
}
