//! Changes to external resource servers.

use super::{Change, UnitOfWork};
use crate::{ExternalResource, Resource, ResourceId, Timestamp};

/// One change to an external resource server.
#[derive(Clone, Debug)]
pub enum ResourceChange {
    /// Adds one. Conditional: its URL is free.
    Insert(Box<ExternalResource>),
    /// Replaces its name, scopes, roles and secret. Conditional: it exists.
    Update(Box<ExternalResource>),
    /// Demands that one is as it was read. Conditional: it has this entity tag.
    Expect {
        /// The resource server.
        id: ResourceId,
        /// Its entity tag, by [`ExternalResource::etag`].
        etag: String,
    },
    /// Deletes one, with the grants and the pending codes for it. Conditional: it must exist.
    Delete {
        /// The resource server.
        id: ResourceId,
        /// Its URL.
        url: Resource,
        /// The present moment.
        at: Timestamp,
    },
}

impl From<ResourceChange> for Change {
    fn from(change: ResourceChange) -> Self {
        Self::Resource(change)
    }
}

impl From<ResourceChange> for UnitOfWork {
    fn from(change: ResourceChange) -> Self {
        Change::from(change).into()
    }
}
