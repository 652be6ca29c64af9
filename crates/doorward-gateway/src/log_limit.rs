//! Limit of the lines that one upstream can write into the log, in whatever way.

use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of lines a minute.
pub(crate) const MOST_LINES: u32 = 600;
const MINUTE: Duration = Duration::from_mins(1);

/// The lines of one upstream within the present minute.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    since: Option<Instant>,
    lines: u32,
}

impl LogLimit {
    /// Counts a line. `true` if it is logged; the first one that is not is reported.
    pub(crate) fn admits(&mut self, upstream: &str) -> bool {
        self.admits_at(upstream, Instant::now())
    }

    fn admits_at(&mut self, upstream: &str, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) > MINUTE) {
            *self = Self { since: Some(now), lines: 0 };
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines == MOST_LINES + 1 {
            tracing::warn!(
                upstream,
                "the upstream causes more than {MOST_LINES} lines of log a minute; the rest is \
                 dropped"
            );
        }
        self.lines <= MOST_LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_fills_no_log() {
        let mut limit = LogLimit::default();
        let now = Instant::now();
        let admitted = (0..10_000).filter(|_| limit.admits_at("wiki", now)).count();
        assert_eq!(admitted, 600);
        assert!(!limit.admits_at("wiki", now + Duration::from_secs(59)));
        assert!(limit.admits_at("wiki", now + Duration::from_secs(61)));
    }
}
