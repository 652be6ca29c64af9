//! Older servers that answer the question for their revisions in any way: they are greeted as older
//! ones, on a connection of its own, and that is remembered.

use std::collections::HashSet;

use doorward_testkit::{OddHabit, OddKind, OddUpstream, RawAnswer, TestServer};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{gateway_user, list, odd::names_no_library};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const PAGE: &str = "<!doctype html><html><head><title>App</title></head><body></body></html>";

/// A response that is as long as the connection.
fn http(status: &str, header: &str, body: &str) -> RawAnswer {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    RawAnswer::Closes(
        format!("HTTP/1.1 {status}\r\n{header}connection: close\r\n\r\n{body}").into_bytes(),
    )
}

fn of(media: &str) -> String {
    format!("content-type: {media}")
}

/// Errors of the protocol, as servers write them for a method that they do not know.
fn errors() -> Vec<String> {
    let mut all: Vec<String> = [
        json!({"code": -32601, "message": "Method not found"}),
        json!({"code": -32600, "message": "Invalid Request"}),
        json!({"code": -32602, "message": "Invalid request parameters", "data": ""}),
        json!({"code": -32000, "message": "Bad Request: Server not initialized"}),
        json!({"code": -32001, "message": "Session not found"}),
        json!({"code": -32002, "message": "Received request before initialization was complete"}),
        json!({"code": 0, "message": "Unsupported"}),
        json!({"code": 404, "message": null}),
        json!({"code": "METHOD_NOT_FOUND", "message": "no"}),
        json!({"code": -32601.0, "message": ["no", "such"]}),
        json!({"code": null}),
        json!({"message": {"en": "no"}}),
        json!("unknown method: server/discover"),
        json!(-32601),
        json!([]),
        json!(false),
    ]
    .iter()
    .map(|error| format!("{{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{error}}}"))
    .collect();
    for id in ["null", "\"server-error\"", "\"\"", "0", "-1", "[]"] {
        all.push(format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32601,\"message\":\"no\"}}}}"
        ));
    }
    all.push("{\"error\":{\"code\":-32601,\"message\":\"no id\"}}".to_owned());
    all
}

/// Results that name no revision which is spoken here.
fn results() -> Vec<Value> {
    vec![
        json!({}),
        json!({"supportedVersions": null, "capabilities": {}}),
        json!({"supportedVersions": [], "capabilities": {}}),
        json!({"supportedVersions": [7, null], "capabilities": {}}),
        json!({"supportedVersions": {"a": "2025-06-18"}, "capabilities": {}}),
        json!({"supportedVersions": "2025-06-18", "capabilities": {}}),
        json!({"supportedVersions": ["2024-11-05", "2025-03-26", "2025-06-18"], "capabilities": []}),
        json!({"supportedVersions": ["1.0"], "capabilities": null}),
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}),
        json!({"tools": []}),
        json!({"content": [{"type": "text", "text": "unknown"}], "isError": true}),
        json!({"ok": true}),
    ]
}

/// Refusals over HTTP.
fn refusals() -> Vec<(String, RawAnswer)> {
    let mut rows = Vec::new();
    for status in [
        400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 415, 417, 418, 421, 422, 424,
        426, 428, 431, 451, 500, 501, 502, 503, 504, 505, 511, 520, 530,
    ] {
        let (header, body) = match status % 4 {
            0 => (String::new(), ""),
            1 => (of("text/html"), PAGE),
            2 => (of("application/problem+json"), "{\"title\":\"no\",\"status\":7}"),
            _ => (of("text/plain"), "no"),
        };
        rows.push((format!("{status}"), http(&format!("{status} no"), &header, body)));
    }
    for (status, header) in [
        (401, "www-authenticate: Bearer resource_metadata=\"/x\""),
        (401, "www-authenticate: Basic realm=\"proxy\""),
        (407, "proxy-authenticate: Basic"),
        (408, ""),
        (423, ""),
        (425, ""),
        (499, ""),
        (507, "x: y"),
        (599, ""),
    ] {
        rows.push((format!("{status} {header}"), http(&format!("{status} x"), header, "no")));
    }
    rows
}

/// Answers over HTTP.
fn over_http() -> Vec<(String, RawAnswer)> {
    let mut rows = refusals();
    for (status, location) in [
        (301, "/login"),
        (302, "https://login.example/?next=%2Fmcp"),
        (303, ""),
        (307, "/nowhere"),
        (308, "https://elsewhere.example/mcp"),
        (307, "/mcp"),
    ] {
        let header = format!("location: {location}\r\ncontent-length: 0");
        rows.push((format!("{status} {location}"), http(&format!("{status} x"), &header, "")));
    }
    for (name, status, header, body) in [
        ("a page", "200 OK", of("text/html"), PAGE),
        ("nothing", "200 OK", String::new(), ""),
        ("nothing as JSON", "200 OK", of(JSON), ""),
        ("created", "201 x", of(JSON), "{}"),
        ("accepted", "202 x", String::new(), ""),
        ("no content", "204 x", String::new(), ""),
        ("reset", "205 x", String::new(), ""),
        ("ok", "200 OK", of("text/plain"), "OK"),
        ("an object", "200 OK", of(JSON), "{\"status\":\"ok\"}"),
        ("a list", "200 OK", of(JSON), "[]"),
        ("null", "200 OK", of(JSON), "null"),
        ("cut off", "200 OK", of(JSON), "{\"jsonrpc\":\"2.0\",\"id\":ID,\"resu"),
        ("xml", "200 OK", of("application/xml"), "<?xml version=\"1.0\"?><a/>"),
        ("not modified", "304 x", String::new(), ""),
        ("a stream of nothing", "200 OK", of(EVENTS), ""),
        ("a comment", "200 OK", of(EVENTS), ": hello\n\n"),
        ("a ping", "200 OK", of(EVENTS), "event: ping\ndata: {}\n\n"),
        ("an endpoint", "200 OK", of(EVENTS), "event: endpoint\ndata: /messages\n\n"),
        ("an error event", "200 OK", of(EVENTS), "event: error\ndata: {\"message\":\"no\"}\n\n"),
        ("half an event", "200 OK", of(EVENTS), "event: message\nda"),
        ("the end of a stream", "200 OK", of(EVENTS), "data: [DONE]\n\n"),
        ("a question", "200 OK", of(JSON), "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}"),
        (
            "a question in a stream",
            "200 OK",
            of(EVENTS),
            "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n\n",
        ),
        (
            "an error in a batch",
            "200 OK",
            of(JSON),
            "[{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":-32601,\"message\":\"no\"}}]",
        ),
        (
            "a value that is none",
            "200 OK",
            of(JSON),
            "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":NaN}",
        ),
        ("an upgrade", "101 Switching Protocols", "upgrade: h2c".to_owned(), ""),
        ("hints and 404", "103 Early Hints\r\n\r\nHTTP/1.1 404 x", String::new(), ""),
        ("a length too great", "200 OK", "content-length: 999".to_owned(), "{}"),
        ("a bad length", "200 OK", "content-length: x".to_owned(), "{}"),
        ("a bad chunk", "200 OK", "transfer-encoding: chunked".to_owned(), "zz\r\n"),
        ("a bad coding", "200 OK", "content-encoding: br".to_owned(), "{}"),
    ] {
        rows.push((name.to_owned(), http(status, &header, body)));
    }
    for bytes in
        ["", "HTTP/1.1 2", "HTTP/1.1 500 x\r\nserver: y", "SSH-2.0-x\r\n", "HTTP/9.9 a b\r\n\r\n"]
    {
        let raw = RawAnswer::Closes(bytes.as_bytes().to_vec());
        rows.push((format!("closed after {bytes:?}"), raw));
    }
    for error in errors() {
        rows.push((format!("200 {error}"), http("200 OK", &of(JSON), &error)));
    }
    for error in errors().into_iter().step_by(5) {
        rows.push((format!("400 {error}"), http("400 x", &of(JSON), &error)));
        let event = format!("event: message\ndata: {error}\n\n");
        rows.push((format!("event {error}"), http("200 OK", &of(EVENTS), &event)));
    }
    // Silence, and a stream without end: the server is greeted after a few seconds.
    rows.push(("silence".to_owned(), RawAnswer::Stays(Vec::new())));
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n";
    rows.push(("an endless stream".to_owned(), RawAnswer::Stays(stream.as_bytes().to_vec())));
    rows
}

/// Answers of a process.
fn of_a_process() -> Vec<(String, RawAnswer)> {
    let line = |text: &str| RawAnswer::Line(text.to_owned());
    let ends = |text: &str| RawAnswer::LineThenEnds(text.to_owned());
    let mut rows = vec![
        ("end".to_owned(), RawAnswer::Ends),
        ("silence".to_owned(), RawAnswer::Stays(Vec::new())),
    ];
    for text in [
        "",
        "Usage: server [--stdio]",
        "panicked at 'called unwrap() on an Err value', src/main.rs:7:1\n",
        "Traceback (most recent call last):\n  File \"server.py\", line 1\n",
        "{\"level\":\"error\",\"msg\":\"unknown method\"}\n",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"}}\n",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"resu",
        "\u{1b}[31merror\u{1b}[0m: unexpected method\r\n",
        "\0\0\n",
        "null\n[]\n7\n",
    ] {
        rows.push((format!("{text:.20} and end"), ends(text)));
    }
    for text in [
        "Listening on stdio\n{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":-32601,\"message\":\"no\"}}",
        "Content-Length: 77\n\n{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":-32601,\"message\":\"no\"}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"log\",\"params\":[1]}\n{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":\"no\"}",
    ] {
        rows.push((format!("{text:.20}"), line(text)));
    }
    rows.extend(errors().into_iter().map(|error| (error.clone(), line(&error))));
    rows
}

/// A row: a name, the upstream's habit besides, and its answer.
type Row = (String, Option<OddHabit>, RawAnswer);

async fn all(kind: OddKind, rows: Vec<Row>) {
    let mut upstreams = Vec::new();
    for (_, habit, raw) in &rows {
        let odd = OddUpstream::start(kind, false, *habit).await;
        odd.answer("server/discover", Some(raw.clone()));
        upstreams.push(odd);
    }
    let server = TestServer::start_with(|config| {
        config.limits.calls_per_minute_user = 100_000;
        config.limits.calls_per_minute_client = 100_000;
        for (number, odd) in upstreams.iter().enumerate() {
            let mut settings = odd.config();
            settings.list_wait_ms = 30_000;
            config.upstreams.insert(format!("odd{number}"), settings);
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let offered: HashSet<String> = list(&server, &alice.token)
        .await
        .iter()
        .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect();
    let called = rows.iter().zip(&upstreams).enumerate().map(|(number, ((name, ..), odd))| {
        let (server, token, name) = (&server, &alice.token, name.clone());
        let tool = format!("odd{number}_good");
        let is_offered = offered.contains(&tool);
        async move {
            let answer = server.call(token, &tool, json!({})).await.json();
            let works = answer["result"]["content"][0]["text"] == "echo";
            let asked = odd.state().count("server/discover");
            names_no_library(&answer.to_string(), &name);
            // A redirect within the origin is followed a few times.
            let most = if name.starts_with("30") { 6 } else { 1 };
            (!works || !is_offered || !(1..=most).contains(&asked))
                .then(|| format!("{name}: offered {is_offered}, asked {asked} times: {answer}"))
        }
    });
    // A user has a bounded number of calls in progress.
    let found: Vec<Option<String>> = stream::iter(called).buffer_unordered(16).collect().await;
    let wrong: Vec<String> = found.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

fn plainly(rows: Vec<(String, RawAnswer)>) -> Vec<Row> {
    rows.into_iter().map(|(name, raw)| (name, None, raw)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_older_http_server_is_greeted_whatever_it_answers_to_the_question_for_its_revisions() {
    let mut rows = plainly(over_http());
    for result in results() {
        let told = RawAnswer::Told(json!({"result": result}));
        rows.push((format!("result {result}"), None, told));
    }
    // A server with sessions, one that is compressed, and one that is moved besides.
    for habit in [OddHabit::Gzip, OddHabit::Ping, OddHabit::SpelledType, OddHabit::OddCapabilities]
    {
        for raw in [
            http("405 x", "allow: GET", ""),
            http("415 x", "", ""),
            http("421 x", "", ""),
            http("200 OK", &of("text/html"), "<html>"),
            RawAnswer::Closes(b"HTTP/1.1 200 OK\r\nconte".to_vec()),
        ] {
            rows.push((format!("{habit:?} and {raw:?}"), Some(habit), raw));
        }
    }
    all(OddKind::Http, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_older_process_is_greeted_whatever_it_answers_to_the_question_for_its_revisions() {
    let mut rows = plainly(of_a_process());
    for result in results() {
        let told = RawAnswer::Told(json!({"result": result}));
        rows.push((format!("result {result}"), None, told));
    }
    for raw in [RawAnswer::Ends, RawAnswer::LineThenEnds("bye\n".to_owned())] {
        rows.push((format!("a banner and {raw:?}"), Some(OddHabit::TalksOnOutput), raw));
    }
    all(OddKind::Stdio, rows).await;
}
