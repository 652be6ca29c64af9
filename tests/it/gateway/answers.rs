//! Answers that do not answer: each ends its call in bounded time with an explanation, whatever the
//! kind and revision of the upstream and the client, and the next call works.

mod spelled;

use std::time::{Duration, Instant};

use doorward_testkit::{OddKind, OddUpstream, RawAnswer, TestServer};
use futures_util::future::join_all;
use serde_json::{Value, json};

use self::spelled::spelled;
use super::{apps::ask, gateway_user, odd::names_no_library};

/// Seconds that a call may take.
const LIMIT: u64 = 2;
/// The number of upstreams that share the rows of a kind: those that wait for the limit in time
/// wait side by side.
const PARTS: usize = 6;
/// A client of the other era gets one row of so many, over so many upstreams.
const FEWER: usize = 4;
const FEWER_PARTS: usize = 2;

/// The outcome of a call.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// It works.
    Well,
    /// An error that contains this.
    With(&'static str),
    /// An error that says that there was no response in time.
    Late,
    /// An error or a result, which a REST API may answer with as well.
    Somehow,
}

use Ends::{Late, Somehow, Well, With};

/// A name, an answer, and the outcomes at an MCP server and at a REST API.
struct Row(String, RawAnswer, Ends, Ends);

impl Row {
    /// The outcome at an upstream of a kind.
    fn ends(&self, kind: OddKind) -> Ends {
        if kind == OddKind::Api { self.3 } else { self.2 }
    }
}

/// A response that is as long as the connection.
fn response(status: &str, media: &str, body: &str) -> Vec<u8> {
    let media = if media.is_empty() { String::new() } else { format!("content-type: {media}\r\n") };
    format!("HTTP/1.1 {status}\r\n{media}connection: close\r\n\r\n{body}").into_bytes()
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const RESULT: &str = r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","content":[{"type":"text","text":"echo"}]}}"#;

/// Statuses, each with a body as a proxy or a framework writes it.
fn statuses() -> Vec<Row> {
    let pages = "<html><head><title>Blocked</title></head><body>Ray ID: 7</body></html>";
    let mut rows = Vec::new();
    for status in [
        400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 411, 413, 415, 421, 422, 423, 426, 431,
        451, 499, 500, 501, 502, 503, 504, 505, 508, 520, 524, 525, 530, 599,
    ] {
        for (media, body) in [
            ("", ""),
            ("text/html", pages),
            ("application/problem+json", r#"{"title": "no such luck", "status": 7}"#),
            (JSON, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"luck"}}"#),
        ] {
            // One body for each status, and all of them for a few.
            let turn = rows.len() % 4 == 0 || [400, 404, 500].contains(&status);
            if turn || body.is_empty() {
                let raw = RawAnswer::Closes(response(&format!("{status} no"), media, body));
                rows.push(Row(format!("{status} {body:.20}"), raw, With(""), With("")));
            }
        }
    }
    rows
}

/// Responses that are no HTTP, broke off, or are something else.
#[expect(clippy::too_many_lines, reason = "a row for each of them")]
fn broken() -> Vec<Row> {
    let closes = |text: &str| RawAnswer::Closes(text.as_bytes().to_vec());
    let stays = |text: &str| RawAnswer::Stays(text.as_bytes().to_vec());
    let row = |name: &str, raw, mcp, api| Row(name.to_owned(), raw, mcp, api);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    vec![
        row("silence", stays(""), Late, Late),
        row("closed", closes(""), With(""), With("")),
        row("another protocol", closes("SSH-2.0-OpenSSH_9.9\r\n"), With(""), With("")),
        row("half a head", closes("HTTP/1.1 200 O"), With(""), With("")),
        row("a head that hangs", stays("HTTP/1.1 200 OK\r\nx: "), Late, Late),
        row("an odd status", closes("HTTP/1.1 abc no\r\n\r\n"), With(""), With("")),
        row(
            "an odd length",
            closes(&format!("{head}content-length: x\r\n\r\n{RESULT}")),
            With(""),
            With(""),
        ),
        row(
            "a length too great",
            closes(&format!("{head}content-length: 9999\r\n\r\n{RESULT}")),
            With(""),
            With(""),
        ),
        row(
            "a length too small",
            closes(&format!("{head}content-length: 9\r\n\r\n{RESULT}")),
            With(""),
            Somehow,
        ),
        row(
            "an odd chunk",
            closes(&format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}")),
            With(""),
            With(""),
        ),
        row(
            "a chunk cut off",
            closes(&format!("{head}transfer-encoding: chunked\r\n\r\n5\r\n{{")),
            With(""),
            With(""),
        ),
        row(
            "no last chunk",
            stays(&format!("{head}transfer-encoding: chunked\r\n\r\n3\r\n{{\"a\r\n")),
            Late,
            Late,
        ),
        row(
            "a body that hangs",
            stays(&format!("{head}content-length: 9999\r\n\r\n{{")),
            Late,
            Late,
        ),
        row(
            "a stream that hangs",
            stays("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n"),
            Late,
            Late,
        ),
        row(
            "headers without end",
            stays(&format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(300))),
            With(""),
            With(""),
        ),
        row(
            "continues first",
            closes(&format!(
                "HTTP/1.1 100 Continue\r\n\r\n{head}connection: close\r\n\r\n{RESULT}"
            )),
            Well,
            Somehow,
        ),
        row(
            "early hints first",
            closes(&format!(
                "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{head}connection: close\r\n\r\n{RESULT}"
            )),
            Well,
            Somehow,
        ),
        row(
            "of the first version",
            closes(&format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{RESULT}")),
            Well,
            Somehow,
        ),
        row(
            "no reason",
            closes(&format!(
                "HTTP/1.1 200\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{RESULT}"
            )),
            Well,
            Somehow,
        ),
        row(
            "compressed, it says",
            closes(&format!("{head}content-encoding: gzip\r\nconnection: close\r\n\r\n{RESULT}")),
            Somehow,
            Somehow,
        ),
        row(
            "in an unknown coding",
            closes(&format!("{head}content-encoding: x-own\r\nconnection: close\r\n\r\nabc")),
            With(""),
            Somehow,
        ),
        row(
            "switches",
            closes(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            ),
            With(""),
            With(""),
        ),
        row(
            "moved",
            closes("HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n"),
            With("/login"),
            With("/login"),
        ),
        row(
            "moved in a circle",
            closes(
                "HTTP/1.1 307 x\r\nlocation: ?again\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            ),
            With("redirects"),
            With(""),
        ),
        row(
            "choices",
            closes("HTTP/1.1 300 Multiple Choices\r\ncontent-length: 0\r\n\r\n"),
            With(""),
            With(""),
        ),
    ]
}

/// Good statuses with something that is no answer.
fn bodies() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: &str, status: &str, media: &str, body: &str, mcp: Ends, api: Ends| {
        let raw = RawAnswer::Closes(response(status, media, body));
        rows.push(Row(name.to_owned(), raw, mcp, api));
    };
    for status in ["200 OK", "201 x", "202 x", "203 x", "204 x", "205 x", "206 x", "207 x", "299 x"]
    {
        add(&format!("{status} empty"), status, JSON, "", With(""), Somehow);
        add(&format!("{status} bare"), status, "", "", With(""), Somehow);
    }
    for body in [
        "{}",
        "[]",
        "null",
        "true",
        "7",
        "\"ok\"",
        "OK",
        "{",
        "{\"a\": NaN",
        "undefined",
        "<a/>",
        "\u{feff}",
        "{\"ok\":false,\"error\":\"not_authed\"}",
        "{\"message\":\"Forbidden\"}",
        "{\"jsonrpc\":\"2.0\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":ID}",
        "{\"id\":ID}",
        "{\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"other\",\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":null}",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":[]}",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":7,\"error\":7}",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":null}",
        "{\"jsonrpc\":\"2.0\",\"id\":[ID],\"result\":{\"content\":[]}}",
        "{\"Jsonrpc\":\"2.0\",\"Id\":ID,\"Result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":{\"a\":1},\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":-1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}",
        "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"luck\"}}]",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"content\":[",
    ] {
        add(body, "200 OK", JSON, body, With(""), Somehow);
        let event = format!("event: message\ndata: {body}\n\n");
        add(&format!("event {body}"), "200 OK", EVENTS, &event, With(""), Somehow);
    }
    for (name, body) in [
        ("end of a stream", "data: [DONE]\n\n"),
        ("no event", ":\n\n"),
        ("half an event", "event: message\nda"),
        ("no stream", "<!doctype html><title>Sign in</title>"),
    ] {
        add(name, "200 OK", EVENTS, body, With(""), Somehow);
    }
    for (name, body) in [
        ("event of an error", "event: error\ndata: {\"message\": \"luck\"}\n\n"),
        ("event of an error in words", ": x\n\nevent: error\ndata: no luck today\n\n"),
        ("event of an error as problem", "event: error\ndata: {\"detail\": \"luck\"}\n\n"),
    ] {
        add(name, "200 OK", EVENTS, body, With("luck"), Somehow);
    }
    for media in
        ["text/html", "application/xml", "image/png", "application/pdf", "multipart/x", "/"]
    {
        add(media, "200 OK", media, "<a>no</a>", With(""), Somehow);
    }
    rows
}

/// Messages of a process, or over the stream of the old transport.
fn lines(kind: OddKind) -> Vec<Row> {
    let mut rows = Vec::new();
    // Errors without an id are about the only request that waits: later, a request that was given
    // up may be meant.
    for (line, ends) in [
        (
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"luck\"}}",
            With("luck"),
        ),
        ("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"luck\"}}", With("luck")),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"error\":{\"code\":1,\"message\":\"luck\"}}",
            With("luck"),
        ),
        ("{\"jsonrpc\":\"2.0\",\"id\":987654,\"result\":{}}", With("")),
        ("{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":7}", With("")),
        ("{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":\"luck\"}", With("luck")),
        ("{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{}}", With("")),
        (RESULT, Well),
        ("{}", Late),
        ("[]", Late),
        ("null", Late),
        ("OK", Late),
        ("", Late),
        ("{\"jsonrpc\":\"2.0\",\"id\":ID}", With("without a result")),
        ("{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":null}", With("without a result")),
    ] {
        rows.push(Row(format!("line {line}"), RawAnswer::Line(line.to_owned()), ends, ends));
    }
    if kind == OddKind::Stdio {
        let stays = RawAnswer::Stays(Vec::new());
        rows.push(Row("silence".to_owned(), stays, Late, Late));
        rows.push(Row("end".to_owned(), RawAnswer::Ends, With("exit status 3"), Late));
    }
    rows
}

/// The text of an answer, and true if it is an error.
fn told(answer: &Value) -> (String, bool) {
    let blocks = answer["result"]["content"].as_array().cloned().unwrap_or_default();
    let texts = blocks.iter().filter_map(|block| block["text"].as_str());
    let text: Vec<&str> = texts.chain(answer["error"]["message"].as_str()).collect();
    (text.join("\n"), answer["error"].is_object() || answer["result"]["isError"] == true)
}

/// A call that works, at the latest after the pause that a refusal named.
async fn works(server: &TestServer, token: &str, name: &str, modern: bool) -> Result<(), String> {
    let call = json!({"name": format!("{name}_good"), "arguments": {}});
    let begun = Instant::now();
    loop {
        let answer = ask(server, token, "/mcp", modern, "tools/call", &call).await;
        let (text, is_error) = told(&answer);
        if text.contains("echo") && !is_error {
            return Ok(());
        }
        let wait = answer["result"]["_meta"]["doorward/retryAfterSeconds"].as_u64();
        if wait.is_none() || begun.elapsed() > Duration::from_secs(4) {
            return Err(format!("the next call: {answer}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One answer, and the call after it.
async fn case(
    server: &TestServer,
    token: &str,
    (name, odd): (&str, &OddUpstream),
    modern: bool,
    (raw, ends): (&RawAnswer, Ends),
) -> Result<(), String> {
    odd.answer_calls(Some(raw.clone()));
    let call = json!({"name": format!("{name}_good"), "arguments": {}});
    let begun = Instant::now();
    let answer = ask(server, token, "/mcp", modern, "tools/call", &call).await;
    let took = begun.elapsed();
    odd.answer_calls(None);
    let (text, is_error) = told(&answer);
    let most = if matches!(ends, Late) { 2 * LIMIT + 1 } else { LIMIT + 1 };
    let is_right = match ends {
        Well => text.contains("echo") && !is_error,
        With(why) => is_error && text.len() >= 8 && text.contains(why),
        Late => is_error && text.contains("did not respond within 2 s"),
        Somehow => !is_error || text.len() > 10,
    };
    if !is_right || took > Duration::from_secs(most) {
        return Err(format!("{ends:?} in {took:?}: {answer}"));
    }
    names_no_library(&text, name);
    works(server, token, name, modern).await
}

/// Reports that a client of an era gets all rows of a kind.
fn gets_all(kind: OddKind, modern: bool) -> bool {
    kind == OddKind::Stdio || !modern
}

/// The number of upstreams for the rows of a kind, and a client of an era.
fn parts_of(kind: OddKind, modern: bool) -> usize {
    if gets_all(kind, modern) { PARTS } else { FEWER_PARTS }
}

/// The rows of one of these upstreams. Those that wait are divided by themselves.
fn rows_of(kind: OddKind, modern: bool, part: usize) -> Vec<Row> {
    let rows: Vec<Row> = match kind {
        OddKind::Http | OddKind::Api => {
            let all = statuses().into_iter().chain(broken()).chain(bodies());
            // A REST API may answer anything.
            let right = if kind == OddKind::Http { spelled() } else { Vec::new() };
            all.chain(right).collect()
        }
        OddKind::Sse => {
            let refusals = statuses().into_iter().chain(broken());
            let refusals = refusals.filter(|row| !matches!(row.2, Well));
            lines(kind).into_iter().chain(refusals).collect()
        }
        OddKind::Stdio => lines(kind),
    };
    let step = if gets_all(kind, modern) { 1 } else { FEWER };
    let chosen = rows.into_iter().step_by(step);
    let (late, others): (Vec<Row>, Vec<Row>) =
        chosen.partition(|row| matches!(row.ends(kind), Late));
    let parts = parts_of(kind, modern);
    let mine = |all: Vec<Row>| all.into_iter().skip(part).step_by(parts);
    // An error without an ID is about the only request that waits: before one was given up.
    mine(others).chain(mine(late)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_is_none_ends_its_call_with_the_reason_and_the_next_call_works() {
    let mut upstreams = Vec::new();
    for (kind, newer) in [
        (OddKind::Http, false),
        (OddKind::Http, true),
        (OddKind::Sse, false),
        (OddKind::Stdio, false),
        (OddKind::Stdio, true),
        (OddKind::Api, false),
    ] {
        for modern in [false, true] {
            // A client of the other era sees the same in other words: a part of the rows.
            for part in 0..parts_of(kind, modern) {
                let odd = OddUpstream::start(kind, newer, None).await;
                let name = format!("{}{}{}-{part}", kind.name(), u8::from(newer), u8::from(modern));
                upstreams.push((name, (kind, modern, part), odd));
            }
        }
    }
    let server = TestServer::start_with(|config| {
        config.limits.calls_per_minute_user = 100_000;
        config.limits.calls_per_minute_client = 100_000;
        config.limits.call_seconds = LIMIT;
        for (name, _, odd) in &upstreams {
            config.upstreams.insert(name.clone(), odd.config());
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    super::list(&server, &alice.token).await;
    let running = upstreams.iter().map(|(name, (kind, modern, part), odd)| {
        let (server, token) = (&server, &alice.token);
        async move {
            let mut wrong = Vec::new();
            let rows = rows_of(*kind, *modern, *part);
            let count = rows.len();
            for row in rows {
                let ends = row.ends(*kind);
                let Row(about, raw, ..) = row;
                let tried = case(server, token, (name, odd), *modern, (&raw, ends)).await;
                wrong.extend(tried.err().map(|why| format!("{name}: {about}: {why}")));
            }
            (count, wrong)
        }
    });
    let outcomes = join_all(running).await;
    let count: usize = outcomes.iter().map(|(count, _)| count).sum();
    let wrong: Vec<String> = outcomes.into_iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{} of {count} answers:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 700, "{count} answers were tried");
}
