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
    wire::{MOST_BYTES, Message, Wire, read::ReadText},
};

/// How long the end of a process may come after that of its output.
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
        self.reading = Some(Arc::clone(&self.wire).read_apart(line.into(), None).boxed());
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
            let mut line = serde_json::to_vec(&message)
                .map_err(|error| LinkError::Failed(format!("a message cannot be sent: {error}")))?;
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
