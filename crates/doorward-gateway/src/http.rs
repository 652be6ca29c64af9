//! The client metadata document of this server for authorization servers of upstreams.

use serde_json::Value;

use crate::{Gateway, oauth};

impl Gateway {
    /// The document, to be served at its URL.
    pub fn client_document(&self) -> Value {
        oauth::client_document(&self.inner)
    }
}
