//! The pipes of a process: one message a line, in both directions.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use rmcp::{RoleClient, service::TxJsonRpcMessage, transport::Transport};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{Mutex, watch},
    time::Instant,
};

use crate::{
    link_error::LinkError,
    wire::{MOST_BYTES, Message, Wire, ids, read::ReadText},
};

/// Time that the end of a process may come after that of its output.
const END_WITHIN: Duration = Duration::from_secs(2);

/// The end of a process in words, once it has ended.
pub(crate) type Ended = watch::Receiver<Option<String>>;

/// The transport over a process's pipes.
pub(crate) struct Lines {
    wire: Arc<Wire>,
    input: Arc<Mutex<Option<ChildStdin>>>,
    output: BufReader<ChildStdout>,
    ended: Ended,
    // Of the line that is being read. `receive` may be dropped while it waits.
    line: Vec<u8>,
    too_long: bool,
    begun: Begun,
    over: bool,
    until: Option<Instant>,
    read: std::collections::VecDeque<Message>,
    reading: Option<BoxFuture<'static, Vec<ReadText>>>,
}

impl Lines {
    pub(super) fn new(
        wire: Arc<Wire>,
        input: ChildStdin,
        output: ChildStdout,
        ended: Ended,
    ) -> Self {
        Self {
            wire,
            input: Arc::new(Mutex::new(Some(input))),
            output: BufReader::new(output),
            ended,
            line: Vec::new(),
            too_long: false,
            begun: Begun::default(),
            over: false,
            until: None,
            read: std::collections::VecDeque::new(),
            reading: None,
        }
    }

    /// Reads up to the end of a line, or of the output. Nothing that was read is lost when this is
    /// dropped.
    async fn fill(&mut self) {
        loop {
            let Ok(read) = self.output.fill_buf().await else {
                self.over = true;
                return;
            };
            if read.is_empty() {
                self.over = true;
                return;
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            if self.line.len() + taken > MOST_BYTES {
                self.too_long = true;
                self.line.clear();
            }
            if !self.too_long {
                self.line.extend(read.iter().take(taken));
            }
            self.output.consume(taken);
            if end.is_some() {
                return;
            }
        }
    }

    /// Takes the line that was read.
    fn take(&mut self) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            tracing::warn!(
                most = MOST_BYTES,
                "a line of a process is longer than the limit; it is ignored"
            );
            // It may be the answer to the only request that waits.
            let why = LinkError::Answer(format!("wrote a line of more than {MOST_BYTES} bytes"));
            self.read.extend(self.wire.only_unanswered(why));
            return;
        }
        if line.trim_ascii().is_empty() {
            return;
        }
        let Some(line) = self.begun.joined(line) else { return };
        self.reading = Some(Arc::clone(&self.wire).read_apart(line.into(), None).boxed());
    }
}

/// A message over several lines, as far as it was read: some servers indent what they write.
#[derive(Default)]
struct Begun {
    text: Vec<u8>,
    depth: usize,
}

/// Maximum number of bytes of a line that may be a part of a message.
const MOST_PART: usize = 64 * 1024;

/// The depth of nesting at the end of a line. `None` for a line that is no JSON, or closes more
/// than was opened.
fn depth_after(line: &[u8], mut depth: usize) -> Option<usize> {
    let (mut in_string, mut escaped) = (false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    (!in_string).then_some(depth)
}

impl Begun {
    /// A whole message, or what is none; `None` while more lines belong to it.
    fn joined(&mut self, line: Vec<u8>) -> Option<Vec<u8>> {
        let opens = line.trim_ascii_start().starts_with(b"{");
        if self.text.is_empty() {
            if !opens || line.len() > MOST_PART {
                return Some(line);
            }
            return match depth_after(&line, 0) {
                Some(depth) if depth > 0 => {
                    *self = Self { text: line, depth };
                    None
                }
                Some(_) | None => Some(line),
            };
        }
        // A message of its own ends what was no message after all.
        let is_own = opens
            && depth_after(&line, 0) == Some(0)
            && line.windows(9).any(|word| word == b"\"jsonrpc\"");
        let depth = depth_after(&line, self.depth).filter(|_| !is_own && line.len() <= MOST_PART);
        let Some(depth) = depth.filter(|_| self.text.len() + line.len() < MOST_BYTES) else {
            *self = Self::default();
            return Some(line);
        };
        self.text.push(b'\n');
        self.text.extend_from_slice(&line);
        self.depth = depth;
        (depth == 0).then(|| std::mem::take(self).text)
    }
}

impl Transport<RoleClient> for Lines {
    type Error = LinkError;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), LinkError>> + Send + 'static {
        let (input, ended) = (Arc::clone(&self.input), self.ended.clone());
        async move {
            let mut line = ids::written(&message)?;
            line.push(b'\n');
            let mut input = input.lock().await;
            let sent = match input.as_mut() {
                Some(input) => match input.write_all(&line).await {
                    Ok(()) => input.flush().await.is_ok(),
                    Err(_) => false,
                },
                None => false,
            };
            if sent {
                return Ok(());
            }
            Err(why(ended, "its process reads no more", Instant::now() + END_WITHIN).await)
        }
    }

    async fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.read.pop_front() {
                return Some(message);
            }
            if let Some(reading) = &mut self.reading {
                let heard = reading.await;
                self.reading = None;
                self.read.extend(heard.into_iter().filter_map(ReadText::into_message));
                continue;
            }
            if self.over {
                // `receive` may be dropped while it waits: the time goes on.
                let until = *self.until.get_or_insert_with(|| Instant::now() + END_WITHIN);
                let why = why(self.ended.clone(), "its process closed its output", until).await;
                self.wire.end(why);
                return None;
            }
            self.fill().await;
            // The last line counts although no other follows it.
            self.take();
        }
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        drop(self.input.lock().await.take());
        Ok(())
    }
}

/// The reason for the end of a process's output: the end of the process, if it follows soon.
async fn why(mut ended: Ended, otherwise: &str, until: Instant) -> LinkError {
    let end = tokio::time::timeout_at(until, ended.wait_for(Option::is_some)).await;
    let end = end.ok().and_then(|end| end.ok()?.clone());
    LinkError::Failed(end.unwrap_or_else(|| otherwise.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lines: &[&str]) -> Vec<String> {
        let mut begun = Begun::default();
        let whole = lines.iter().filter_map(|line| begun.joined(line.as_bytes().to_vec()));
        whole.map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn a_message_over_several_lines_is_one_and_words_between_messages_keep_none_back() {
        let message = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        for (lines, whole) in [
            (
                &["{", "  \"id\": 1,", "  \"result\": {\"a\": [", "]}", "}"][..],
                &["{\n  \"id\": 1,\n  \"result\": {\"a\": [\n]}\n}"][..],
            ),
            (&[message, message], &[message, message]),
            (&["{", message], &[message]),
            (&["{ name: 'x',", "  y: {", message, "}"], &[message, "}"]),
            (&["starting", "{oops", message], &["starting", message]),
            (&["{ \"it's open", message], &["{ \"it's open", message]),
            (&["{", "no \"string", message], &["no \"string", message]),
            (&["{", "}]", message], &["}]", message]),
        ] {
            assert_eq!(joined(lines), whole, "{lines:?}");
        }
    }
}
