//! A clock that a test sets.

use std::sync::atomic::{AtomicI64, Ordering};

use doorward_model::{Clock, Timestamp, ports::SystemClock};

/// A fixed time until it is advanced. It starts at the present, because libraries underneath read
/// the real time.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(SystemClock.now().0))
    }
}

impl ManualClock {
    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
