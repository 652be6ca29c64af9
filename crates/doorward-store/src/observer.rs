//! The counter of events, as the server hands it to the store.

use doorward_model::AuditEvent;

/// A counter of events.
pub trait Observer: Send + Sync + 'static {
    /// A change was made.
    fn changed(&self, name: &'static str);
    /// An event without a change, or one for which an entry was written.
    fn happened(&self, event: &AuditEvent);
}
