//! The audit: entries are derived from the changes themselves, chained, searched and checked.

pub(crate) mod chain;
pub(crate) mod derive;
mod search;
pub(crate) mod trail;
mod verify;

pub use search::AuditPage;
pub use verify::{AuditBreak, AuditVerified};
