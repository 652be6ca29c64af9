//! The audit: entries are stated by the writes themselves, chained, searched and checked.

pub(crate) mod chain;
pub(crate) mod compare;
mod decisions;
pub(crate) mod journal;
pub(crate) mod recover;
mod repeats;
pub(crate) mod row;
mod search;
pub(crate) mod trail;
mod verify;

pub use search::AuditPage;
pub(crate) use search::Span;
pub use verify::{AuditBreak, AuditVerified};
