//! Usage: how many tool calls there were, by hour, tool, user, client, upstream and outcome, with
//! their bytes and a histogram of their latency.

use crate::{Outcome, Timestamp};

/// The upper bounds of the histogram's buckets, in microseconds. One more bucket holds what took
/// longer than the last.
pub const LATENCY_BOUNDS: [i64; 14] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000, 30_000_000,
];
/// Number of buckets that the histogram has.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS.len() + 1;
/// The name of tool, user and client in the row that holds the calls beyond the limit of rows an
/// hour.
pub const OTHERS: &str = "*";

/// The dimension by which numbers are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsageBy {
    /// The tool, by its name at /mcp.
    Tool,
    /// The user, by their ID.
    User,
    /// The client, by its `client_id`; empty for personal access tokens.
    Client,
    /// The upstream, by its name; empty for built-in tools.
    Service,
    /// The hour, as the number of hours since 1970.
    Hour,
    /// Everything together.
    Total,
}

impl UsageBy {
    /// Every dimension.
    pub const ALL: [Self; 6] =
        [Self::Tool, Self::User, Self::Client, Self::Service, Self::Hour, Self::Total];

    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::User => "user",
            Self::Client => "client",
            Self::Service => "service",
            Self::Hour => "hour",
            Self::Total => "total",
        }
    }
    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// The calls to count. Everything that is given must hold. Times are rounded to the hours that hold
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Not before the hour of this moment.
    pub since: Option<Timestamp>,
    /// Before the hour of this moment.
    pub until: Option<Timestamp>,
    /// Of this tool.
    pub tool: Option<String>,
    /// By this user.
    pub user_id: Option<String>,
    /// Through this client.
    pub client_id: Option<String>,
    /// To this upstream.
    pub upstream: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
}

/// Numbers of some calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The value of the dimension.
    pub key: String,
    /// All calls.
    pub calls: i64,
    /// The calls that were refused before they reached the tool.
    pub refused: i64,
    /// The calls that failed.
    pub failed: i64,
    /// Bytes of their arguments.
    pub request_bytes: i64,
    /// Bytes of their results.
    pub response_bytes: i64,
    /// Total duration of the calls that were not refused, in microseconds.
    pub micros: i64,
    /// The calls that were not refused, by the bucket of their latency.
    pub histogram: [i64; LATENCY_BUCKETS],
}

impl Usage {
    /// The calls that succeeded.
    pub const fn ok(&self) -> i64 {
        self.calls - self.refused - self.failed
    }

    /// The latency in microseconds within which `per_cent` of the calls ended that were not
    /// refused, interpolated within its bucket. `None` without such calls. Beyond the last bound it
    /// is that bound.
    pub fn percentile(&self, per_cent: i64) -> Option<i64> {
        let all: i64 = self.histogram.iter().sum();
        if all == 0 {
            return None;
        }
        let wanted = (all * per_cent).max(1);
        let (mut below, mut from) = (0, 0);
        for (count, to) in self.histogram.iter().zip(LATENCY_BOUNDS) {
            if (below + count) * 100 >= wanted {
                return Some(from + (to - from) * (wanted - below * 100) / (count * 100));
            }
            (below, from) = (below + count, to);
        }
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_within_the_bucket_of_their_call() {
        let mut usage = Usage::default();
        assert_eq!(usage.percentile(95), None);
        // 90 calls within 1 ms, 10 between 20 and 50 ms.
        (usage.histogram[0], usage.histogram[5]) = (90, 10);
        assert_eq!(usage.percentile(90), Some(1_000));
        assert_eq!(usage.percentile(50), Some(555));
        assert_eq!(usage.percentile(95), Some(35_000));
        assert_eq!(usage.percentile(100), Some(50_000));
        let beyond = Usage { histogram: std::array::from_fn(|at| i64::from(at == 14)), ..usage };
        assert_eq!(beyond.percentile(50), Some(30_000_000));
    }

    #[test]
    fn every_dimension_is_read_by_its_name() {
        for by in UsageBy::ALL {
            assert_eq!(UsageBy::parse(by.as_str()), Some(by));
        }
        assert_eq!(UsageBy::parse("week"), None);
    }
}
