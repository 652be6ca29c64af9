//! Requests of an upstream to its client that cannot be read: each is answered at once, under the
//! upstream's own ID, so that no call waits for its time limit. By every kind of upstream, to
//! clients of both eras.

use std::time::{Duration, Instant};

use doorward_testkit::{OddKind, OddUpstream, RawAnswer, TestServer};
use serde_json::{Value, json};

use super::{gateway_user, odd::names_no_library, order::newer_call, rpc_at};

/// Time within which an answer comes at once, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(6);

/// IDs of requests in the forms that servers use, and in odd ones.
const IDS: &[&str] =
    &["0", "\"q-1\"", "2.0", "1.5", "18446744073709551615", "\"\"", "true", "{\"n\":1}"];

/// A form with one field that must be filled in.
fn form(field: &str) -> String {
    format!(
        r#"{{"message":"?","requestedSchema":{{"type":"object","required":["size"],"properties":{{"size":{field}}}}}}}"#
    )
}

/// Requests of an upstream: the method and the parameters as JSON, and the code and the words of
/// the refusal.
fn refused() -> Vec<(&'static str, String, i64, &'static str)> {
    let elicitation = "\"elicitation/create\"";
    let sampling = "\"sampling/createMessage\"";
    let text = str::to_owned;
    vec![
        (elicitation, text("\"Your name?\""), -32602, "do not conform"),
        (elicitation, text("[{\"message\":\"?\"}]"), -32602, "do not conform"),
        (elicitation, text("null"), -32602, "do not conform"),
        (elicitation, text("{\"mode\":\"url\",\"message\":\"?\"}"), -32602, "do not conform"),
        (elicitation, form("{\"type\":\"object\"}"), -32602, "required fields: size"),
        (
            elicitation,
            form("{\"type\":\"object\",\"properties\":{\"w\":{\"type\":\"number\"}}}"),
            -32602,
            "required fields: size",
        ),
        (
            elicitation,
            form("{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"),
            -32602,
            "required fields: size",
        ),
        (elicitation, form("{\"$ref\":\"#/$defs/Gone\"}"), -32602, "required fields: size"),
        (elicitation, form("\"a size\""), -32602, "required fields: size"),
        (sampling, text("{}"), -32602, "do not conform"),
        (sampling, text("{\"messages\":\"hello\",\"maxTokens\":1}"), -32602, "do not conform"),
        (sampling, text("[]"), -32602, "do not conform"),
        ("\"client/unheard-of\"", text("{}"), -32601, "no method client/unheard-of"),
        ("\"client/unheard-of\"", text("[1,2]"), -32601, "no method client/unheard-of"),
        ("\"tools/call\"", text("{\"name\":\"x\"}"), -32601, "no method tools/call"),
        ("\"Elicitation/Create\"", text("{\"message\":\"?\"}"), -32601, "no method"),
        ("7", text("{}"), -32600, "not a text"),
        ("{}", text("{}"), -32600, "not a text"),
    ]
}

/// The answer to a call, of a client of an older revision or the newest.
async fn call(server: &TestServer, token: &str, modern: bool, name: &str) -> String {
    let params = json!({"name": name, "arguments": {}});
    if modern {
        return newer_call(server, token, "/mcp", params).await;
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    rpc_at(server, "/mcp", token, &message).await.expect(200).body
}

/// The result of a call, from the events of its stream or its JSON.
fn result(body: &str) -> Value {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let all = data.chain([body]).filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let answer = all.rev().find(|message| message["method"].is_null());
    answer.unwrap_or_else(|| panic!("no answer: {body}"))
}

/// The name and the upstream of each kind that asks by requests.
async fn upstreams() -> Vec<(&'static str, OddUpstream)> {
    let mut all = Vec::new();
    for (name, kind) in [("web", OddKind::Http), ("old", OddKind::Sse), ("local", OddKind::Stdio)] {
        all.push((name, OddUpstream::start(kind, false, None).await));
    }
    all
}

async fn server_of(upstreams: &[(&'static str, OddUpstream)]) -> TestServer {
    TestServer::start_with(|config| {
        for (name, odd) in upstreams {
            let mut settings = odd.config();
            settings.capabilities = ["elicitation", "sampling"].map(str::to_owned).to_vec();
            config.upstreams.insert((*name).to_owned(), settings);
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_an_upstream_that_cannot_be_read_is_refused_at_once_under_its_own_id() {
    let upstreams = upstreams().await;
    let server = server_of(&upstreams).await;
    let alice = gateway_user(&server, "alice").await;
    super::tools(&server, &alice.token).await;
    for (number, (method, params, code, words)) in refused().into_iter().enumerate() {
        let id = IDS[number % IDS.len()];
        for (name, odd) in &upstreams {
            odd.answer_calls(Some(RawAnswer::Asks(format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#
            ))));
            for modern in [false, true] {
                let about = format!("{name}, modern {modern}: {id} {method} {params}");
                let begun = Instant::now();
                let body = call(&server, &alice.token, modern, &format!("{name}_good")).await;
                assert!(begun.elapsed() < AT_ONCE, "{about}: {:?}", begun.elapsed());
                names_no_library(&body, &about);
                let answer = result(&body);
                let told = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
                let told: Value = serde_json::from_str(told)
                    .unwrap_or_else(|_| panic!("{about}: no refusal came back: {body}"));
                let own: Value = serde_json::from_str(id).unwrap();
                assert_eq!(told["id"], own, "{about}: {told}");
                assert_eq!(told["error"]["code"], code, "{about}: {told}");
                let message = told["error"]["message"].as_str().unwrap();
                assert!(message.contains(words), "{about}: {told}");
            }
        }
    }
    // The operator finds each on the page of the upstream.
    server.user_with("root", &["admin"]).await;
    let admin = server.signed_in("root").await;
    for (name, _) in &upstreams {
        let page = admin.get(&server.at(&format!("/admin/upstreams/{name}"))).await.expect(200);
        for shown in [
            "question: elicitation/create",
            "question: sampling/createMessage",
            "question: client/unheard-of",
            "question: size",
            "the question does not conform to the protocol; it is refused",
            "clients have no such method; the request is refused",
            "its type does not occur in forms",
        ] {
            assert!(page.body.contains(shown), "{name}: {shown}: {}", page.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_an_odd_id_that_can_be_read_is_answered_under_it() {
    let upstreams = upstreams().await;
    let server = server_of(&upstreams).await;
    let alice = gateway_user(&server, "alice").await;
    super::tools(&server, &alice.token).await;
    for id in IDS.iter().chain(&["null", "-1", "1e20", "[7]"]) {
        for (method, params) in [("ping", "null"), ("ping", "[]"), ("roots/list", "{}")] {
            for (name, odd) in &upstreams {
                odd.answer_calls(Some(RawAnswer::Asks(format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
                ))));
                let about = format!("{name}: {id} {method} {params}");
                let begun = Instant::now();
                let body = call(&server, &alice.token, false, &format!("{name}_good")).await;
                assert!(begun.elapsed() < AT_ONCE, "{about}: {:?}", begun.elapsed());
                let answer = result(&body);
                let told = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
                let told: Value = serde_json::from_str(told)
                    .unwrap_or_else(|_| panic!("{about}: no answer came back: {body}"));
                let own: Value = serde_json::from_str(id).unwrap();
                assert_eq!(told["id"], own, "{about}: {told}");
                let roots = if method == "ping" { Value::Null } else { json!([]) };
                assert_eq!(told["result"]["roots"], roots, "{about}: {told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_of_a_newer_upstream_that_cannot_be_asked_ends_its_call_with_the_reason() {
    let mut upstreams = Vec::new();
    for (name, kind) in [("web", OddKind::Http), ("local", OddKind::Stdio)] {
        upstreams.push((name, OddUpstream::start(kind, true, None).await));
    }
    let server = server_of(&upstreams).await;
    let alice = gateway_user(&server, "alice").await;
    super::tools(&server, &alice.token).await;
    for (method, params, code, words) in refused() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let question = json!({"method": read(method), "params": read(&params)});
        let asked = json!({"result": {
            "resultType": "input_required", "requestState": "s", "inputRequests": {"q": question},
        }});
        let words = if words.starts_with("required") { words } else { "does not conform" };
        for (name, odd) in &upstreams {
            odd.answer_calls(Some(RawAnswer::Told(asked.clone())));
            for modern in [false, true] {
                let about = format!("{name}, modern {modern}: {code} {question}");
                let begun = Instant::now();
                let body = call(&server, &alice.token, modern, &format!("{name}_good")).await;
                assert!(begun.elapsed() < AT_ONCE, "{about}: {:?}", begun.elapsed());
                names_no_library(&body, &about);
                let answer = result(&body);
                assert!(answer["error"].is_object() || answer["result"]["isError"] == true);
                assert!(body.contains(words), "{about}: {body}");
            }
        }
    }
}
