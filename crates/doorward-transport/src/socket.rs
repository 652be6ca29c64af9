//! The two ends of a connection, which report the observed traffic to the connection's [`Pace`]:
//! the client's requests, which are unreadable below TLS, and the bytes that the socket takes,
//! which are unknown above TLS.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pace::Pace;

/// The bytes with which a connection of HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that observes the bytes that arrive.
pub(crate) struct ObservedStream<S> {
    socket: S,
    pace: Arc<Pace>,
    wire: Wire,
}

impl<S> ObservedStream<S> {
    pub(crate) fn new(socket: S, pace: Arc<Pace>) -> Self {
        Self { socket, pace, wire: Wire::Unknown(0) }
    }
}

/// A socket that observes the bytes that are taken from it.
pub(crate) struct Taking<S> {
    socket: S,
    pace: Arc<Pace>,
}

impl<S> Taking<S> {
    pub(crate) fn new(socket: S, pace: Arc<Pace>) -> Self {
        Self { socket, pace }
    }
}

/// The protocol of the client, as far as it is known.
enum Wire {
    /// So many bytes of the preface arrived, and nothing else.
    Unknown(usize),
    /// HTTP/1.1.
    Lines,
    /// HTTP/2.
    Frames(Frames),
}

impl Wire {
    fn received(&mut self, mut bytes: &[u8], pace: &Pace) {
        if let Self::Unknown(matched) = self {
            let expected = PREFACE.get(*matched..).unwrap_or_default();
            let common = expected.len().min(bytes.len());
            if expected.get(..common) != bytes.get(..common) {
                *self = Self::Lines;
            } else if common < expected.len() {
                *matched += common;
                return;
            } else {
                *self = Self::Frames(Frames::default());
                bytes = bytes.get(common..).unwrap_or_default();
            }
        }
        match self {
            Self::Unknown(_) => {}
            Self::Lines => pace.received(),
            Self::Frames(frames) => {
                let finished = frames.received(bytes);
                pace.received_frames(finished, frames.unfinished());
            }
        }
    }
}

/// The position of the last byte in a sequence of frames (RFC 9113 §4.1).
#[derive(Default)]
struct Frames {
    header: [u8; Frames::HEADER],
    /// The number of bytes of the frame's header that arrived; all of them while its content
    /// arrives.
    have: usize,
    /// Number of missing bytes of the frame's content.
    missing: usize,
    /// True if a header block began and its last frame has not arrived (RFC 9113 §4.3).
    block: bool,
}

impl Frames {
    const HEADER: usize = 9;
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    const END_HEADERS: u8 = 4;

    /// Reads on. Returns `true` if a frame outside a header block, or a header block, was
    /// completed.
    fn received(&mut self, mut bytes: &[u8]) -> bool {
        let mut finished = false;
        while !bytes.is_empty() {
            if self.have < Self::HEADER {
                let part = bytes.len().min(Self::HEADER - self.have);
                if let (Some(place), Some(came)) =
                    (self.header.get_mut(self.have..self.have + part), bytes.get(..part))
                {
                    place.copy_from_slice(came);
                }
                self.have += part;
                bytes = bytes.get(part..).unwrap_or_default();
                if self.have < Self::HEADER {
                    break;
                }
                let [high, middle, low, ..] = self.header;
                self.missing =
                    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            }
            let part = bytes.len().min(self.missing);
            self.missing -= part;
            bytes = bytes.get(part..).unwrap_or_default();
            if self.missing == 0 {
                let [_, _, _, kind, flags, ..] = self.header;
                if matches!(kind, Self::HEADERS | Self::CONTINUATION) {
                    self.block = flags & Self::END_HEADERS == 0;
                }
                self.have = 0;
                finished |= !self.block;
            }
        }
        finished
    }

    /// True if the client owes the rest of a frame or of a header block. The content of a DATA
    /// frame is a body's, which is bounded where it is read.
    fn unfinished(&self) -> bool {
        let [_, _, _, kind, ..] = self.header;
        self.block || (self.have > 0 && (self.have < Self::HEADER || kind != Self::DATA))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ObservedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.socket).poll_read(context, buffer);
        if let Some(bytes) = buffer.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            this.wire.received(bytes, &this.pace);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ObservedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taking<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taking<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.pace.wrote(polled.is_ready());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(context, parts);
        self.pace.wrote(polled.is_ready());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        bytes.extend(std::iter::repeat_n(7, usize::from(length)));
        bytes
    }

    #[test]
    fn frames_are_followed_however_their_bytes_arrive() {
        let all =
            [frame(4, 0, 12), frame(1, 0, 5), frame(9, 0, 3), frame(9, 4, 3), frame(0, 1, 200)]
                .concat();
        // The expected rest after so many bytes: a header block of three frames is incomplete from
        // its first byte to its last.
        let owed = |at: usize| {
            !(at == 0 || at == 21 || at == 21 + 14 + 12 + 12 || at >= 21 + 14 + 12 + 12 + 9)
        };
        for step in [1, 2, 7, 50] {
            let mut frames = Frames::default();
            let mut at = 0;
            for part in all.chunks(step) {
                frames.received(part);
                at += part.len();
                assert_eq!(frames.unfinished(), owed(at), "{at} bytes in steps of {step}");
            }
        }
        let mut frames = Frames::default();
        assert!(frames.received(&all) && !frames.unfinished());
        assert!(
            !frames.received(&frame(1, 0, 5)) && frames.unfinished(),
            "an open header block completes nothing"
        );
    }

    #[test]
    fn the_preface_identifies_the_protocol_and_half_of_it_does_not() {
        let pace = Pace::new(crate::pace::Deadlines::default());
        let mut wire = Wire::Unknown(0);
        wire.received(&PREFACE[..10], &pace);
        assert!(matches!(wire, Wire::Unknown(10)));
        wire.received(&[&PREFACE[10..], &frame(4, 0, 0)[..3]].concat(), &pace);
        assert!(matches!(&wire, Wire::Frames(frames) if frames.have == 3));
        for other in [&b"GET / HTTP/1.1\r\n"[..], b"PRI * HTTP/1", b"P"] {
            let mut wire = Wire::Unknown(0);
            wire.received(other, &pace);
            assert_eq!(matches!(wire, Wire::Lines), other.len() > 1);
        }
    }
}
