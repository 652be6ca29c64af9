//! Usage: numbers of tool calls by hour, counted from the audit.
//!
//! Nothing is counted while a call is served. The audit is the source, and a setting holds up to
//! which entry it was counted: one transaction adds the entries after it and moves it on. A process
//! that is killed loses nothing thereby, and no entry is counted twice, also by several replicas.

mod count;
mod read;

/// Seconds of an hour.
const HOUR: i64 = 3600;
