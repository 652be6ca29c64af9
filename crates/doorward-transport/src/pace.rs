//! The deadlines of one connection: to its first request, of each head, between requests, and of a
//! client that does not read.
//!
//! The state is shared by everything that sees a part of the connection: the socket (bytes), the
//! service (complete heads), the bodies (frames taken for sending) and the connection's task, which
//! holds the only timer. Nothing is allocated for a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The deadlines of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From accepting a connection to its first complete head, and from the first byte of any later
    /// head to its last. It holds before the version of HTTP is known.
    pub head: Duration,
    /// Between the end of a response and the next request. Longer than proxies keep an idle
    /// connection (nginx: 60 s): a server that closes first loses the request that is just on its
    /// way.
    pub idle: Duration,
    /// Time for which a client may leave pending output unread. An event stream without events has
    /// no pending output.
    pub write: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
        }
    }
}

/// A deadline that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Its time on the clock of the connection, in milliseconds.
    pub(crate) at: u64,
    pub(crate) which: Overdue,
}

/// A deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// A head was not complete in time.
    Head,
    /// No further request came.
    Idle,
    /// The client did not read.
    Write,
}

impl Overdue {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Head => "the head of a request was not complete in time",
            Self::Idle => "no further request came",
            Self::Write => "the client does not read",
        }
    }
}

/// The state of one connection. Times are milliseconds since it was accepted, counted from 1; 0
/// means none.
#[derive(Debug)]
pub(crate) struct Pace {
    accepted: Instant,
    deadlines: Deadlines,
    /// The time since which a head is awaited: since the connection was accepted, or since the
    /// first byte of a later head.
    head: AtomicU64,
    /// Since when a frame or header block of HTTP/2 is incomplete.
    block: AtomicU64,
    /// The time since which the socket takes nothing.
    stalled: AtomicU64,
    /// The time at which the last request ended.
    idle: AtomicU64,
    /// The time at which a part of a response was last taken for sending.
    sent: AtomicU64,
    /// Requests of which the body is not read or the response not sent.
    in_flight: AtomicU32,
    /// Responses of which a part was taken for sending, and the next is not requested yet.
    unsent: AtomicU32,
}

impl Pace {
    pub(crate) fn new(deadlines: Deadlines) -> Self {
        Self {
            accepted: Instant::now(),
            deadlines,
            head: AtomicU64::new(1),
            block: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            idle: AtomicU64::new(1),
            sent: AtomicU64::new(1),
            in_flight: AtomicU32::new(0),
            unsent: AtomicU32::new(0),
        }
    }

    /// Milliseconds since the connection was accepted, counted from 1.
    pub(crate) fn now(&self) -> u64 {
        millis(self.accepted.elapsed()).saturating_add(1)
    }

    /// The instant of a time.
    pub(crate) fn instant(&self, time: u64) -> Instant {
        self.accepted + Duration::from_millis(time.saturating_sub(1))
    }

    /// Time that the connection may stay when it only waits for the client to go.
    pub(crate) fn grace(&self) -> u64 {
        millis(self.deadlines.write)
    }

    /// Until when the first head must be complete, a handshake before it included.
    pub(crate) fn first_head(&self) -> Instant {
        self.accepted + self.deadlines.head
    }

    /// The time of the next check although nothing is due.
    pub(crate) fn next_check(&self) -> u64 {
        self.now().saturating_add(millis(self.deadlines.idle))
    }

    /// The earliest deadline that is running.
    pub(crate) fn due(&self) -> Option<Due> {
        let running = |since: &AtomicU64, for_how_long: Duration, which: Overdue| {
            let since = since.load(Relaxed);
            (since > 0).then(|| Due { at: since.saturating_add(millis(for_how_long)), which })
        };
        let Deadlines { head, idle, write } = self.deadlines;
        let head_runs = running(&self.head, head, Overdue::Head);
        let idles = head_runs.is_none() && self.in_flight.load(Relaxed) == 0;
        [
            head_runs,
            running(&self.block, head, Overdue::Head),
            running(&self.stalled, write, Overdue::Write),
            if self.unsent.load(Relaxed) > 0 {
                running(&self.sent, write, Overdue::Write)
            } else {
                None
            },
            if idles { running(&self.idle, idle, Overdue::Idle) } else { None },
        ]
        .into_iter()
        .flatten()
        .min_by_key(|due| due.at)
    }

    /// Bytes arrived. Between requests of HTTP/1.1 they begin a head.
    pub(crate) fn received(&self) {
        if self.in_flight.load(Relaxed) == 0 && self.head.load(Relaxed) == 0 {
            self.head.store(self.now(), Relaxed);
        }
    }

    /// Bytes of HTTP/2 arrived: `unfinished` if a frame or header block is incomplete, `finished`
    /// if one was completed before.
    pub(crate) fn received_frames(&self, finished: bool, unfinished: bool) {
        let since = self.block.load(Relaxed);
        if !unfinished {
            if since != 0 {
                self.block.store(0, Relaxed);
            }
        } else if finished || since == 0 {
            self.block.store(self.now(), Relaxed);
        }
    }

    /// Records an attempt to write, and its success.
    pub(crate) fn wrote(&self, took: bool) {
        let since = self.stalled.load(Relaxed);
        if took && since != 0 {
            self.stalled.store(0, Relaxed);
        } else if !took && since == 0 {
            self.stalled.store(self.now(), Relaxed);
        }
    }

    /// A head is complete: its request is in flight until the answer is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.head.store(0, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// A part of a response was taken for sending. `first` if all earlier parts had been sent.
    pub(crate) fn taken(&self, first: bool) {
        self.sent.store(self.now(), Relaxed);
        if first {
            self.unsent.fetch_add(1, Relaxed);
        }
    }

    /// Notes that the part taken of a response was sent, or is no longer wanted.
    pub(crate) fn sent(&self) {
        self.unsent.fetch_sub(1, Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct InFlight(pub(crate) Arc<Pace>);

impl InFlight {
    /// The same request once more, for another part of it.
    pub(crate) fn again(&self) -> Self {
        self.0.in_flight.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle.store(self.0.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The running deadline, and `true` if it began at about this time, in milliseconds.
    fn due(pace: &Pace, since: u64) -> Option<(Overdue, bool)> {
        pace.due().map(|due| {
            let Deadlines { head, idle, write } = pace.deadlines;
            let length = millis(match due.which {
                Overdue::Head => head,
                Overdue::Idle => idle,
                Overdue::Write => write,
            });
            (due.which, due.at - length == since)
        })
    }

    #[tokio::test]
    async fn each_state_of_a_connection_has_its_deadline() {
        let later = || tokio::time::sleep(Duration::from_millis(3));
        let pace = Arc::new(Pace::new(Deadlines::default()));
        assert_eq!(due(&pace, 1), Some((Overdue::Head, true)));
        later().await;
        pace.received();
        assert_eq!(
            due(&pace, 1),
            Some((Overdue::Head, true)),
            "further bytes give no further time"
        );
        let request = pace.begin();
        assert_eq!(
            due(&pace, 0),
            None,
            "a request that is being answered is the handler's to bound"
        );
        pace.received();
        assert_eq!(due(&pace, 0), None, "bytes of a body begin no head");
        let body = request.again();
        drop(request);
        assert_eq!(due(&pace, 0), None);
        drop(body);
        let ended = pace.idle.load(Relaxed);
        assert!(ended > 3 && due(&pace, ended) == Some((Overdue::Idle, true)));
        later().await;
        pace.received();
        let began = pace.head.load(Relaxed);
        assert!(began > ended && due(&pace, began) == Some((Overdue::Head, true)));
        let request = pace.begin();
        pace.wrote(false);
        let stalled = pace.stalled.load(Relaxed);
        later().await;
        pace.wrote(false);
        assert_eq!(due(&pace, stalled), Some((Overdue::Write, true)));
        pace.wrote(true);
        pace.taken(true);
        assert_eq!(due(&pace, pace.sent.load(Relaxed)), Some((Overdue::Write, true)));
        pace.sent();
        assert_eq!(
            due(&pace, 0),
            None,
            "an event stream without events waits for as long as it likes"
        );
        pace.received_frames(false, true);
        let began = pace.block.load(Relaxed);
        later().await;
        pace.received_frames(false, true);
        assert_eq!(due(&pace, began), Some((Overdue::Head, true)));
        pace.received_frames(true, true);
        assert_eq!(
            due(&pace, began),
            Some((Overdue::Head, false)),
            "another block has a time of its own"
        );
        pace.received_frames(true, false);
        assert_eq!(due(&pace, 0), None);
        drop(request);
    }
}
