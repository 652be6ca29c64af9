//! Server-sent events as the HTML standard reads them (§9.2.6): lines in an unknown form are
//! ignored, and never end the stream.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};

use super::MOST_BYTES;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; empty means `message`.
    pub(crate) kind: String,
    /// Its data, if it has any.
    pub(crate) data: Option<String>,
    /// The ID with which the stream can be resumed.
    pub(crate) id: Option<String>,
    /// The pause before that, in milliseconds.
    pub(crate) retry: Option<u64>,
}

impl Event {
    /// Reports an event with data that may be a message of the protocol.
    pub(crate) fn is_message(&self) -> bool {
        matches!(self.kind.as_str(), "" | "message")
    }
}

/// The end of a stream before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection broke off.
    #[error("its stream broke off")]
    Off,
    /// An event has more bytes than are read.
    #[error("its stream has an event of more than {MOST_BYTES} bytes")]
    TooLong,
}

/// Reads lines into events.
#[derive(Default)]
struct Reader {
    line: Vec<u8>,
    event: Event,
    size: usize,
    after_return: bool,
    begun: bool,
    ready: VecDeque<Event>,
}

impl Reader {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Broken> {
        for byte in chunk {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    self.end_line();
                }
                byte => {
                    self.after_return = false;
                    self.line.push(*byte);
                    self.size += 1;
                    if self.size > MOST_BYTES {
                        return Err(Broken::TooLong);
                    }
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            self.end_event();
            return;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            // A comment, which many servers send as a heartbeat.
            Some(0) => {
                self.size -= line.len();
                return;
            }
            Some(at) => line.split_at(at),
            None => (line, &b":"[..]),
        };
        // Some servers write a message on a line of its own, without the name of a field.
        if line.starts_with(b"{\"") && self.event.data.is_none() {
            self.event.data = Some(String::from_utf8_lossy(line).into_owned());
            self.end_event();
            return;
        }
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match name {
            b"data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.event.data = Some(value.into_owned()),
            },
            b"event" => self.event.kind = value.into_owned(),
            b"id" if !value.contains('\0') => self.event.id = Some(value.into_owned()),
            b"retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.event.retry = value.parse().ok();
            }
            _ => {}
        }
    }

    fn end_event(&mut self) {
        self.size = 0;
        let event = std::mem::take(&mut self.event);
        if event != Event::default() {
            self.ready.push_back(event);
        }
    }
}

/// The events of a body. One that is not followed by an empty line at the end counts too: many
/// servers leave the last line out.
pub(crate) fn events<S, E>(body: S) -> BoxStream<'static, Result<Event, Broken>>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Send + 'static,
{
    let state = (Box::pin(body), Reader::default(), false);
    let stream = futures_util::stream::unfold(state, |(mut body, mut reader, over)| async move {
        loop {
            if let Some(event) = reader.ready.pop_front() {
                return Some((Ok(event), (body, reader, over)));
            }
            if over {
                return None;
            }
            match body.next().await {
                Some(Ok(chunk)) => {
                    if let Err(broken) = reader.take(&chunk) {
                        return Some((Err(broken), (body, reader, true)));
                    }
                }
                Some(Err(_)) => return Some((Err(Broken::Off), (body, reader, true))),
                None => {
                    reader.end_line();
                    reader.end_event();
                    let event = reader.ready.pop_front()?;
                    return Some((Ok(event), (body, reader, true)));
                }
            }
        }
    });
    stream.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(chunks: &[&[u8]]) -> Vec<Result<Event, Broken>> {
        let chunks: Vec<Result<Bytes, ()>> =
            chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        events(futures_util::stream::iter(chunks)).collect().await
    }

    async fn data(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        // The events are the same for every division of the bytes.
        for size in [1, 3, text.len().max(1)] {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let found: Vec<String> =
                read(&chunks).await.into_iter().filter_map(|event| event.unwrap().data).collect();
            if size > 1 {
                assert_eq!(found, all, "{size}");
            }
            all = found;
        }
        all
    }

    #[tokio::test]
    async fn a_line_that_is_not_known_costs_itself() {
        for text in [
            "data: x\n\n",
            "data:x\r\n\r\n",
            "data: x\r\r",
            "\u{feff}data: x\n\n",
            ": heartbeat\n\ndata: x\n\n",
            "unknown: 1\ndata: x\n\n",
            "nocolon\ndata: x\n\n",
            "retry: soon\ndata: x\n\n",
            "retry: 99999999999999999999999\ndata: x\n\n",
            "event: a\nevent: message\ndata: x\n\n",
            "id: 1\nid: 2\ndata: x\n\n",
            "data: x",
            "data: x\n",
            ":\n:\n\nretry: 10\n\ndata: x\n\n",
            "event: ping\n\ndata: x\n\n",
            "data : y\ndata: x\n\n",
            "DATA: y\ndata: x\n\n",
        ] {
            assert_eq!(data(text).await, ["x"], "{text:?}");
        }
        assert_eq!(data("data: a\ndata: b\n\n").await, ["a\nb"]);
        assert_eq!(data("data\n\n").await, [""]);
        for text in [
            "{\"a\":1}\n{\"b\":2}",
            "{\"a\":1}\r\n\r\n{\"b\":2}\r\n",
            "event: message\n{\"a\":1}\n\n{\"b\":2}\n\n",
        ] {
            assert_eq!(data(text).await, ["{\"a\":1}", "{\"b\":2}"], "{text:?}");
        }
    }

    #[tokio::test]
    async fn types_ids_and_pauses_are_kept() {
        let all = read(&[b"event: ping\nid: 7\nretry: 50\ndata: {}\n\nid: 8\n\n"]).await;
        let first = Event {
            kind: "ping".to_owned(),
            data: Some("{}".to_owned()),
            id: Some("7".to_owned()),
            retry: Some(50),
        };
        assert!(!first.is_message());
        assert_eq!(all, [Ok(first), Ok(Event { id: Some("8".to_owned()), ..Event::default() })]);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_and_streams_that_break_off_are_distinguished() {
        let all = read(&[b"data: \xff\xfe\n\ndata: y\n\n"]).await;
        assert_eq!(all.last().unwrap().as_ref().unwrap().data.as_deref(), Some("y"));
        let broken: Vec<Result<Bytes, ()>> = vec![Ok(Bytes::from_static(b"data: z")), Err(())];
        let all: Vec<_> = events(futures_util::stream::iter(broken)).collect().await;
        assert_eq!(all, [Err(Broken::Off)]);
        let long = vec![b'x'; MOST_BYTES + 7];
        let all = read(&[b"data: ", &long]).await;
        assert_eq!(all, [Err(Broken::TooLong)]);
        let comments = vec![b'x'; MOST_BYTES / 2];
        let all =
            read(&[b":", &comments, b"\n:", &comments, b"\n:", &comments, b"\ndata: x\n\n"]).await;
        assert_eq!(all.len(), 1, "comments are no part of an event");
    }
}
