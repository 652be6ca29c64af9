//! The events of a stream (`text/event-stream`), as far as chat endpoints use them: `data` alone.

/// Maximum number of bytes of one event.
const MOST: usize = 1024 * 1024;

/// The mark of the byte order, with which a stream may begin.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// An event that is longer than any event of a chat endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
    has_begun: bool,
}

impl Events {
    /// Takes bytes, and returns the data of the events that they complete.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut found = Vec::new();
        for &byte in bytes {
            let is_second = self.after_return && byte == b'\n';
            self.after_return = byte == b'\r';
            match byte {
                _ if is_second => {}
                b'\n' | b'\r' => found.extend(self.end_of_line()),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > MOST {
                return Err(TooLong);
            }
        }
        Ok(found)
    }

    /// The data of an event that the end of the stream ends.
    pub(crate) fn end(&mut self) -> Option<Vec<u8>> {
        self.end_of_line().or_else(|| self.end_of_line())
    }

    fn end_of_line(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.has_begun, true) && line.starts_with(MARK) {
            line.drain(..MARK.len());
        }
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(data);
        }
        let value = line.strip_prefix(b"data:")?;
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> Vec<String> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(events.take(piece.as_bytes()).unwrap());
        }
        all.extend(events.end());
        all.into_iter().map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn events_are_read_wherever_the_stream_is_cut() {
        let text =
            ": hello\n\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:b\ndata: c\n\ndata: [DONE]\n\n";
        let whole = ["{\"a\":1}", "b\nc", "[DONE]"];
        assert_eq!(read(&[text]), whole);
        for at in 1..text.len() {
            assert_eq!(read(&[&text[..at], &text[at..]]), whole, "{at}");
        }
        assert_eq!(read(&["data: last"]), ["last"]);
        assert_eq!(read(&["id: 1\n\n"]), Vec::<String>::new());
        assert_eq!(read(&["\u{feff}data: a\n\ndata: \u{feff}b\n\n"]), ["a", "\u{feff}b"]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::default();
        assert!(events.take(b"data: ").is_ok());
        let piece = vec![b'x'; 64 * 1024];
        assert!((0..20).any(|_| events.take(&piece) == Err(TooLong)));
    }
}
