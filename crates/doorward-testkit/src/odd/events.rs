//! Messages as events of a stream, as servers write them.

use serde_json::{Value, json};

use super::{Inner, OddHabit as H};

/// A message as an event of a stream.
pub(super) fn event(inner: &Inner, text: &str) -> String {
    let event = format!("event: message\ndata: {text}\n\n");
    match inner.habit {
        Some(H::Ping) => {
            format!("event: ping\ndata: {{}}\n\nevent: ping\ndata: 2026-11-26\n\n{event}")
        }
        Some(H::Heartbeat) => {
            format!("data: {{\"type\":\"heartbeat\"}}\n\ndata: beat\n\ndata:\n\n{event}")
        }
        Some(H::Comments) => format!(": ping\n\n:\n\n{event}"),
        Some(H::UnknownLines) => {
            format!("retry: soon\nx-unknown: 1\nword\nevent: other\nid: a\nid: b\n{event}")
        }
        Some(H::NoLastLine) => event.trim_end().to_owned(),
        Some(H::LinesOfData) => {
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            let lines = format!("{value:#}").replace('\n', "\ndata: ");
            format!("data: {lines}\n\n")
        }
        Some(H::CarriageReturns) => event.replace('\n', "\r"),
        Some(H::EventFieldSpelled) => format!("EVENT: ping\nData: x\n{event}"),
        Some(H::OtherEventsWithMessages) => {
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            let other = json!({"jsonrpc": "2.0", "id": value["id"], "result": {"content": [], "tools": []}});
            format!("event: status\ndata: {other}\n\nevent: Message\ndata: {other}\n\n{event}")
        }
        Some(H::EventsWithReturns) => event.replace('\n', "\r\n"),
        Some(H::EventsMarked) => format!("\u{feff}:\r\n\n{event}"),
        Some(H::EventsWithoutBlanks) => format!("event:message\ndata:{text}\n\n"),
        Some(H::EventsWithRetry) => format!("retry: 0\n\nretry: 3000\n: beat\n\n{event}"),
        Some(H::EventsWithOddIds) => format!("id: a\0b\nid:\nid: {}\n{event}", "7".repeat(40)),
        Some(H::EventsTwice) => format!("{event}{event}"),
        Some(H::EventsBare) => format!("{text}\n"),
        Some(H::OddRetry) => format!("retry: -1\nretry: 1e9\nid\n{event}"),
        _ => event,
    }
}

/// True if the server answers with a stream of events.
pub(super) fn are_used(habit: Option<H>) -> bool {
    matches!(
        habit,
        Some(
            H::Ping
                | H::Heartbeat
                | H::Comments
                | H::UnknownLines
                | H::NoLastLine
                | H::LinesOfData
                | H::CarriageReturns
                | H::EventFieldSpelled
                | H::OtherEventsWithMessages
                | H::OddRetry
                | H::GzipEvents
                | H::EventsWithReturns
                | H::EventsMarked
                | H::EventsWithoutBlanks
                | H::EventsWithRetry
                | H::EventsWithOddIds
                | H::EventsTwice
                | H::EventsBare
        )
    )
}

/// The head of the stream of the old transport, and its first events.
pub(super) fn begin(inner: &Inner, place: &str) -> String {
    let media = match inner.habit {
        Some(H::OldStreamSpelled) => "content-type: TEXT/Event-Stream;Charset=\"UTF-8\"\r\n",
        Some(H::OldStreamUntyped) => "",
        Some(H::OldStreamAsText) => "content-type: text/plain; charset=utf-8\r\n",
        _ => "content-type: text/event-stream\r\n",
    };
    let first = match inner.habit {
        Some(H::EndpointAbsolute) => {
            format!("event: endpoint\ndata: http://127.0.0.1:{}{place}\n\n", inner.port)
        }
        Some(H::EndpointQuoted) => format!("event: endpoint\ndata: \"{place}\"\n\n"),
        Some(H::EndpointLate) => format!(
            ": welcome\n\nevent: ping\ndata: {{}}\n\ndata: hello\n\nretry: 5000\n\nevent: endpoint\ndata: {place}\n\n"
        ),
        Some(H::EndpointSpelled) => {
            format!("\u{feff}event:endpoint\r\nid: 0\r\ndata:{place}\r\n\r\n")
        }
        _ => format!("event: endpoint\ndata: {place}\n\n"),
    };
    format!("HTTP/1.1 200 said\r\n{media}connection: close\r\n\r\n{first}")
}
