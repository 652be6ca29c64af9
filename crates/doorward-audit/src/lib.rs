//! The audit for its readers: texts of entries, exports as files and to other systems, and
//! verification. Entries are made by `doorward-store`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod config;
mod export;
pub mod http;
mod lease;
mod lines;
mod news;
mod row;
mod search;
pub mod text;
mod verify;

pub use config::{Config, SettingError};
pub use export::{Backlog, ExportPorts, Exporter, MOST_WAITING, backlogs, check, configured};
pub use lines::{Format, export};
pub use news::news;
pub use row::{AuditRow, Fact, Names, RecentEntries, lately};
pub use search::{AuditSearch, AuditSearchError};
pub use verify::{Verification, VerifyError, verify};
