//! A clock that is set by hand.

use std::sync::atomic::{AtomicI64, Ordering};

use doorward_model::{Clock, Timestamp, ports::SystemClock};

/// Stands still until it is moved. It starts at the present, because libraries underneath look at
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
