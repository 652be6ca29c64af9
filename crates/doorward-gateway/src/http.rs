//! The metadata document under which authorization servers of upstreams know this server.

use serde_json::Value;

use crate::{Gateway, oauth};

impl Gateway {
    /// The document, to be served at its address.
    pub fn client_document(&self) -> Value {
        oauth::client_document(&self.inner)
    }
}
