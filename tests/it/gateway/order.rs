//! Messages of an upstream during a call reach the client whole, in its order, and before the
//! answer: by every kind of upstream, in both eras, to clients of both.

use doorward_gateway::UpstreamConfig;
use doorward_testkit::{Browser, FakeUpstream, TestServer, tool};
use serde_json::{Value, json};

use super::{gateway_user, rpc_at, with_config};

/// Number of calls of each pair; without order, one of a few fails.
const CALLS: usize = 25;
/// Number of times that the upstream reports progress in one piece with its answer.
const STEPS: u64 = 3;

/// A local process that answers a call with three steps of progress, three log messages and the
/// result in one write, and others with progress and a question in one, then progress and the
/// result in one. Its argument is the revision that it speaks: `modern`, or those before.
const PROCESS: &str = r#"
steps() {
  printf '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%s}}\n' "$token" "$1"
  printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":%s}}\n' "$1"
}
tool() { printf '{"name":"%s","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}' "$1"; }
hello() {
  printf '%s{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[{"type":"text","text":"hello \\"Ada\\""}]}}\n' "$(steps 2)
" "$1"
}
asks() {
  case "$1" in
    *'"sample"'*) printf '"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"Your name?"}}],"maxTokens":10}';;
    *) printf '"method":"elicitation/create","params":{"message":"Your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}';;
  esac
}
capabilities='{"tools":{},"logging":{}}'
while read -r line; do
  case "$line" in
    *'"id":"q1"'*) hello "$call"; continue;;
  esac
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  token=$(printf '%s' "$line" | sed -n 's/.*"progressToken":\("[^"]*"\|[0-9]*\).*/\1/p')
  case "$1 $line" in
    modern*'"server/discover"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"ttlMs":0,"cacheScope":"private","capabilities":%s}}\n' "$id" "$capabilities";;
    older*'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":%s,"serverInfo":{"name":"sh","version":"1"}}}\n' "$id" "$capabilities";;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[%s,%s,%s]}}\n' "$id" "$(tool ask)" "$(tool sample)" "$(tool burst)";;
    *'"inputResponses"'*) hello "$id";;
    *'"tools/call"'*'"burst"'*|*'"burst"'*'"tools/call"'*)
      all=''
      for step in 1 2 3; do
        all="$all"'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":'"$token"',"progress":'"$step"'}}'"
"'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":'"$step"'}}'"
"
      done
      printf '%s{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}\n' "$all" "$id";;
    modern*'"tools/call"'*)
      printf '%s{"jsonrpc":"2.0","id":%s,"result":{"resultType":"input_required","requestState":"s","inputRequests":{"name":{%s}}}}\n' "$(steps 1)
" "$id" "$(asks "$line")";;
    *'"tools/call"'*)
      call=$id
      printf '%s{"jsonrpc":"2.0","id":"q1",%s}\n' "$(steps 1)
" "$(asks "$line")";;
    *'"result"'*|*'"error"'*|*notifications*) ;;
    *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"not known"}}\n' "$id";;
  esac
done
"#;

/// A server in front of an upstream of every kind and revision.
struct All {
    server: TestServer,
    folder: std::path::PathBuf,
    _upstreams: [FakeUpstream; 2],
}

/// The upstreams: Streamable HTTP of both revisions, HTTP+SSE, and a process of both revisions.
const UPSTREAMS: [&str; 5] = ["older", "newer", "stream", "process", "modern"];

impl All {
    async fn start() -> Self {
        let (older, newer) = (FakeUpstream::start().await, FakeUpstream::start().await);
        for upstream in [&older, &newer] {
            upstream.state().tools = ["ask", "sample", "burst"].map(|it| tool(it, true)).to_vec();
        }
        newer.state().modern = true;
        let number = older.url.rsplit(':').next().unwrap().replace('/', "-");
        let name = format!("doorward-order-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let script = folder.join("server.sh");
        std::fs::write(&script, PROCESS).unwrap();
        let server =
            with_config(&[("older", &older, "none"), ("newer", &newer, "none")], |config| {
                let mut old = older.config("none");
                "sse".clone_into(&mut old.kind);
                old.url = format!("{}/sse", older.origin);
                config.upstreams.insert("stream".to_owned(), old);
                for (name, era) in [("process", "older"), ("modern", "modern")] {
                    let process = UpstreamConfig {
                        kind: "stdio".to_owned(),
                        command: vec![
                            "sh".to_owned(),
                            script.display().to_string(),
                            era.to_owned(),
                        ],
                        list_wait_ms: 5000,
                        ..UpstreamConfig::default()
                    };
                    config.upstreams.insert(name.to_owned(), process);
                }
                for upstream in config.upstreams.values_mut() {
                    upstream.capabilities = ["elicitation", "sampling"].map(str::to_owned).to_vec();
                }
            })
            .await;
        Self { server, folder, _upstreams: [older, newer] }
    }
}

impl Drop for All {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The events of one call at the client, in order: `p1`, `m1`, …, and at the end `done`.
pub(super) fn seen(body: &str) -> Vec<String> {
    body.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?.trim()).ok())
        .map(|event| match event["method"].as_str() {
            Some("notifications/progress") => format!("p{}", event["params"]["progress"]),
            Some("notifications/message") => format!("m{}", event["params"]["data"]),
            Some(other) => other.to_owned(),
            None if event["result"]["resultType"] == "input_required" => {
                let asked = event["result"]["inputRequests"].as_object().unwrap().values();
                asked.map(|asked| asked["method"].as_str().unwrap()).collect()
            }
            None => event["result"]["content"][0]["text"].as_str().unwrap_or("?").to_owned(),
        })
        .map(|event| event.replace(".0", ""))
        .collect()
}

async fn call(server: &TestServer, token: &str, path: &str, modern: bool, name: &str) -> String {
    let params =
        json!({"name": name, "arguments": {"steps": STEPS}, "_meta": {"progressToken": "mine"}});
    if !modern {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        return rpc_at(server, path, token, &message).await.expect(200).body;
    }
    newer_call(server, token, path, params).await
}

/// A call of a client of 2026-07-28.
pub(super) async fn newer_call(
    server: &TestServer,
    token: &str,
    path: &str,
    mut params: Value,
) -> String {
    for (key, value) in [
        ("protocolVersion", json!("2026-07-28")),
        ("clientInfo", json!({"name": "t", "version": "1"})),
        ("clientCapabilities", json!({"elicitation": {}, "sampling": {}})),
        ("logLevel", json!("debug")),
    ] {
        params["_meta"][format!("io.modelcontextprotocol/{key}")] = value;
    }
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", params["name"].as_str().unwrap())
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}));
    browser.send(request).await.expect(200).body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_an_upstream_arrive_whole_in_order_and_before_its_result() {
    let all = All::start().await;
    let server = &all.server;
    let alice = gateway_user(server, "alice").await;
    let burst = |tool: &String| tool.ends_with("_burst");
    let offered = super::tools(server, &alice.token).await;
    assert_eq!(offered.iter().filter(|it| burst(it)).count(), UPSTREAMS.len(), "{offered:?}");
    let expected: Vec<String> = (1..=STEPS)
        .flat_map(|step| [format!("p{step}"), format!("m{step}")])
        .chain(["done".to_owned()])
        .collect();
    for upstream in UPSTREAMS {
        for modern in [false, true] {
            for (path, name) in [
                ("/mcp", format!("{upstream}_burst")),
                (&*format!("/mcp/{upstream}"), "burst".to_owned()),
            ] {
                let token = alice.token_at(server, path).await;
                for turn in 0..CALLS {
                    let body = call(server, &token, path, modern, &name).await;
                    assert_eq!(
                        seen(&body),
                        expected,
                        "{upstream}, modern client: {modern}, {path}, call {turn}: {body}"
                    );
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_calls_at_the_same_time_reach_the_call_that_they_are_about() {
    let all = All::start().await;
    let server = &all.server;
    // Also where several users share the connection.
    let (alice, bob) = (gateway_user(server, "alice").await, gateway_user(server, "bob").await);
    super::tools(server, &alice.token).await;
    let expected: Vec<String> = (1..=STEPS)
        .flat_map(|step| [format!("p{step}"), format!("m{step}")])
        .chain(["done".to_owned()])
        .collect();
    let progress: Vec<String> =
        expected.iter().filter(|event| !event.starts_with('m')).cloned().collect();
    for upstream in UPSTREAMS {
        // Without a stream for each request, a log message does not say what it is about.
        let has_streams = ["older", "newer"].contains(&upstream);
        let name = &format!("{upstream}_burst");
        for turn in 0..CALLS {
            let calls = [&alice, &bob, &alice, &bob, &alice, &alice].into_iter().enumerate();
            let wanted = if has_streams { &expected } else { &progress };
            let calls = calls.map(|(number, user)| async move {
                let body = call(server, &user.token, "/mcp", number % 2 == 0, name).await;
                let mut found = seen(&body);
                if !has_streams {
                    found.retain(|event| !event.starts_with('m'));
                }
                assert_eq!(&found, wanted, "{upstream}, call {turn} {number}: {body}");
            });
            futures_util::future::join_all(calls).await;
        }
    }
}

/// The answer of a client to a question of this method.
fn answer_to(method: &str) -> Value {
    if method == "sampling/createMessage" {
        json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "Ada"}})
    } else {
        json!({"action": "accept", "content": {"name": "Ada"}})
    }
}

/// A call of an older client that is asked a question; the events that arrive, in order.
pub(super) async fn asked(server: &TestServer, token: &str, path: &str, name: &str) -> Vec<String> {
    let capabilities = json!({"elicitation": {}, "sampling": {}});
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}}});
    let session = rpc_at(server, path, token, &begin).await.expect(200).header("mcp-session-id");
    let post = |message: &Value| {
        Browser::new()
            .raw(reqwest::Method::POST, &server.at(path))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", &session)
            .bearer_auth(token)
            .json(message)
            .send()
    };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}, "_meta": {"progressToken": "mine"}}});
    let mut stream = post(&call).await.unwrap();
    let (mut text, mut is_answered) = (String::new(), false);
    let messages = |text: &str| -> Vec<Value> {
        let data = |line: &str| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok();
        text.lines().filter_map(data).collect()
    };
    while !messages(&text).iter().any(|message| message["id"] == 1) {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), stream.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("{path} {name}: {text}")).unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("{path} {name}: the stream ended: {text}"));
        text.push_str(&String::from_utf8_lossy(&chunk));
        let all = messages(&text);
        let is_question = |message: &&Value| {
            ["elicitation/create", "sampling/createMessage"]
                .iter()
                .any(|it| message["method"] == *it)
        };
        let question = all.iter().find(is_question);
        if let Some(question) = question.filter(|_| !is_answered) {
            is_answered = true;
            let result = answer_to(question["method"].as_str().unwrap());
            let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
            assert_eq!(post(&answer).await.unwrap().status(), 202);
        }
    }
    seen(&text)
}

/// The same of a newer client, which answers by calling again.
pub(super) async fn asked_newer(
    server: &TestServer,
    token: &str,
    path: &str,
    name: &str,
) -> Vec<String> {
    let params = json!({"name": name, "arguments": {}, "_meta": {"progressToken": "mine"}});
    let first = newer_call(server, token, path, params.clone()).await;
    let result = first
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?.trim()).ok())
        .map(|event| event["result"].clone())
        .find(|result| result["inputRequests"].is_object())
        .unwrap_or_else(|| panic!("{path} {name}: no question: {first}"));
    let answers: serde_json::Map<String, Value> = result["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, asked)| (key.clone(), answer_to(asked["method"].as_str().unwrap())))
        .collect();
    let mut again = params;
    again["inputResponses"] = answers.into();
    again["requestState"] = result["requestState"].clone();
    let second = newer_call(server, token, path, again).await;
    [seen(&first), seen(&second)].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_keeps_its_place_among_the_messages_of_its_call() {
    let all = All::start().await;
    let server = &all.server;
    let alice = gateway_user(server, "alice").await;
    let offered = super::tools(server, &alice.token).await;
    assert!(offered.contains(&"modern_ask".to_owned()), "{offered:?}");
    for upstream in UPSTREAMS {
        for (tool, method) in [("ask", "elicitation/create"), ("sample", "sampling/createMessage")]
        {
            for (path, name) in [
                ("/mcp", format!("{upstream}_{tool}")),
                (&*format!("/mcp/{upstream}"), tool.to_owned()),
            ] {
                let token = alice.token_at(server, path).await;
                for turn in 0..3 {
                    let expected = ["p1", "m1", method, "p2", "m2", "hello \"Ada\""];
                    let found = asked(server, &token, path, &name).await;
                    assert_eq!(found, expected, "{upstream} {path}, call {turn}");
                    let found = asked_newer(server, &token, path, &name).await;
                    assert_eq!(found, expected, "{upstream} {path}, newer client, call {turn}");
                }
            }
        }
    }
}

/// Reads events of a stream until one satisfies `wanted`.
async fn event(response: &mut reqwest::Response, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut text = String::new();
    loop {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), response.chunk())
            .await
            .unwrap_or_else(|_| panic!("the event did not come: {text}"))
            .unwrap()
            .unwrap_or_else(|| panic!("the stream ended: {text}"));
        text.push_str(&String::from_utf8_lossy(&chunk));
        let found = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
            .find(|event: &Value| wanted(event));
        if let Some(found) = found {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_reaches_another_replica_comes_to_the_request_that_asked() {
    let wiki = FakeUpstream::start().await;
    let one = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec!["confirm class=destructive".to_owned()];
    })
    .await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    let (alice, bob) = (gateway_user(&one, "alice").await, gateway_user(&one, "bob").await);
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "t", "version": "1"}}});
    let session = one.rpc(&alice.token, &begin).await.expect(200).header("mcp-session-id");
    let post = |server: &TestServer, token: &str, message: &Value| {
        Browser::new()
            .raw(reqwest::Method::POST, &server.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", &session)
            .bearer_auth(token)
            .json(message)
            .send()
    };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wiki_wipe", "arguments": {"text": "1"}}});
    let mut stream = post(&one, &alice.token, &call).await.unwrap();
    let question = event(&mut stream, |event| event["method"] == "elicitation/create").await;
    let yes = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"confirm": true}}});
    let at_other = post(&other, &alice.token, &yes).await.unwrap().status();
    if one.app.store.answers().is_none() {
        // An embedded database has one process; a second one says so at once.
        assert_eq!(at_other, 404);
        return;
    }
    assert_eq!(at_other, 202);
    let done = event(&mut stream, |event| event["id"] == 1).await;
    assert_eq!(done["result"]["content"][0]["text"], "1 for ", "{done}");
    assert_eq!(wiki.state().calls, 1);
    // The proof of a question is valid for one user, one client and one question.
    let mut stream = post(&one, &alice.token, &call).await.unwrap();
    let question = event(&mut stream, |event| event["method"] == "elicitation/create").await;
    let id = question["id"].as_str().unwrap();
    for (token, id) in [
        (&bob.token, id.to_owned()),
        (&alice.token, format!("{id}x")),
        (&alice.token, id.replacen("dw-", "dw-x", 1)),
        (&alice.token, "dw-made-up".to_owned()),
    ] {
        let forged = json!({"jsonrpc": "2.0", "id": id, "result": {"action": "accept", "content": {"confirm": true}}});
        let status = post(&other, token, &forged).await.unwrap().status();
        assert_eq!(status, 404, "{id}");
    }
    let no = json!({"jsonrpc": "2.0", "id": id, "result": {"action": "decline"}});
    assert_eq!(post(&other, &alice.token, &no).await.unwrap().status(), 202);
    event(&mut stream, |event| event["id"] == 1).await;
    assert_eq!(wiki.state().calls, 1, "the call was declined");
}
