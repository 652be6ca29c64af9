//! Right answers in the spellings of servers, and of proxies in front of them.

use doorward_testkit::RawAnswer;

use super::{
    EVENTS,
    Ends::{Somehow, Well},
    JSON, RESULT, Row, response,
};

/// Answers that are right, in the spellings of servers and of proxies in front of them.
#[expect(clippy::too_many_lines, reason = "a row for each of them")]
pub(super) fn spelled() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: &str, media: &str, body: String| {
        let raw = RawAnswer::Closes(response("200 OK", media, &body));
        rows.push(Row(format!("spelled {name}"), raw, Well, Somehow));
    };
    let event = format!("event: message\ndata: {RESULT}\n\n");
    for media in [
        "Text/Event-Stream;Charset=UTF-8",
        "text/event-stream; charset=\"utf-8\"; boundary=x",
        "text/event-stream;;",
        " text/event-stream ",
        "text/plain",
        "application/octet-stream",
        "",
    ] {
        add(media, media, event.clone());
    }
    for media in [
        "Application/JSON;Charset=UTF-8",
        "application/json-rpc",
        "application/vnd.api+json",
        "text/json",
        "text/plain; charset=us-ascii",
        "text/html",
        "application/octet-stream",
        "",
    ] {
        add(media, media, RESULT.to_owned());
    }
    let message = |json: &str| format!("event: message\ndata: {json}\n\n");
    let (half, rest) = RESULT.split_at(RESULT.find(',').unwrap() + 1);
    for (name, body) in [
        ("mark", format!("\u{feff}{event}")),
        ("mark and comment", format!("\u{feff}: hello\n\n{event}")),
        ("returns", event.replace('\n', "\r")),
        ("returns and feeds", event.replace('\n', "\r\n")),
        ("mixed ends", format!("event: message\r\ndata: {RESULT}\n\r")),
        ("lines of data", format!("data: {half}\ndata: {rest}\n\n")),
        ("lines of data with a comment", format!("data: {half}\n: beat\ndata: {rest}\n\n")),
        ("empty lines of data", format!("data:\ndata: {RESULT}\ndata\n\n")),
        ("no blanks", format!("event:message\ndata:{RESULT}\n\n")),
        ("the type after the data", format!("data: {RESULT}\nevent: message\n\n")),
        ("no type", format!("data: {RESULT}\n\n")),
        ("an empty type", format!("event:\ndata: {RESULT}\n\n")),
        ("comments", format!(":\n: ping - 2026-11-27\n\n:{}\n\n{event}", "x".repeat(5000))),
        ("retry", format!("retry: 1\n\nretry: abc\nretry:\n{event}")),
        ("ids", format!("id: 1\n\nid\nid: a\0b\nid: é\n{event}")),
        ("ping", format!("event: ping\ndata: {{\"t\":1}}\n\nevent: ping\n\n{event}")),
        ("endpoint", format!("event: endpoint\ndata: /messages/?session_id=7\n\n{event}")),
        ("error", format!("event: error\ndata: {{\"message\":\"no\"}}\n\n{event}")),
        ("open", format!("event: open\ndata\n\nevent: connected\ndata: {{}}\n\n{event}")),
        ("end", format!("{event}event: done\ndata: [DONE]\n\ndata: [DONE]\n\n")),
        ("close", format!("{event}event: close\ndata: bye\n\n")),
        (
            "another after it",
            format!("{event}{}", message("{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}")),
        ),
        ("twice", format!("{event}{event}")),
        ("data that is none", format!("data: keepalive\n\ndata: {{}}\n\ndata: null\n\n{event}")),
        ("unknown fields", format!("foo: bar\nbaz\n{{}}\nmeta: {{}}\n{event}")),
        ("no last line", event.trim_end().to_owned()),
        ("one last line", format!("{}\n", event.trim_end())),
        (
            "progress of none",
            format!(
                "{}{event}",
                message(
                    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":\"half\"}}"
                )
            ),
        ),
        (
            "a log of odd level",
            format!(
                "{}{event}",
                message(
                    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"verbose\",\"data\":null}}"
                )
            ),
        ),
        (
            "an unknown notification",
            format!("{}{event}", message("{\"jsonrpc\":\"2.0\",\"method\":\"x/y\",\"params\":7}")),
        ),
        ("a batch", message(&format!("[{{\"jsonrpc\":\"2.0\",\"method\":\"x\"}},{RESULT}]"))),
        ("bytes that are no text before", format!("data: \u{fffd}\n\n{event}")),
    ] {
        add(name, EVENTS, body);
    }
    for (name, body) in [
        ("json with a mark", format!("\u{feff}{RESULT}")),
        ("json with blanks", format!("\r\n\t {RESULT}\n\n")),
        ("json in a batch", format!("[{RESULT}]")),
        ("json with a null error", RESULT.replacen('{', "{\"error\":null,", 1)),
        ("json with an empty error", RESULT.replacen('{', "{\"error\":{},", 1)),
        ("json with error false", RESULT.replacen('{', "{\"error\":false,", 1)),
        (
            "json with an error of zero",
            RESULT.replacen('{', "{\"error\":{\"code\":0,\"message\":\"\"},", 1),
        ),
        ("json of another version", RESULT.replace("\"2.0\"", "2.0")),
        ("json without a version", RESULT.replace("\"jsonrpc\":\"2.0\",", "")),
        ("json with more members", RESULT.replacen('{', "{\"trace\":[7],\"method\":null,", 1)),
        ("json with an id as text", RESULT.replace("ID", "\"ID\"")),
        ("json with an id with a fraction", RESULT.replace("ID", "ID.0")),
        ("json with a raw line feed", RESULT.replace("\"echo\"", "\"echo\nx\"")),
        ("json with half a pair", RESULT.replace("\"echo\"", "\"echo \\ud83d\"")),
        (
            "json with a value that is none",
            RESULT.replace("\"content\"", "\"structuredContent\":{\"a\":NaN},\"content\""),
        ),
        ("json with a member twice", RESULT.replacen('{', "{\"result\":null,", 1)),
        ("json with a last line", format!("{RESULT}\n\n")),
    ] {
        add(name, JSON, body);
    }
    rows
}
