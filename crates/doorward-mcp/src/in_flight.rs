//! Requests under way, so that a client of the older revisions can take one back with a message of
//! its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::InboundRequest;

type Table = Mutex<HashMap<Key, CancellationToken>>;

/// The key of a request: its owner, and its identifier as JSON.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    owner: String,
    id: String,
}

/// The requests of this process.
#[derive(Default)]
pub(crate) struct InFlight(Arc<Table>);

/// A request under way, forgotten when this is dropped.
pub(crate) struct Flight {
    table: Arc<Table>,
    key: Key,
    cancelled: CancellationToken,
}

impl Flight {
    /// Waits until the client takes the request back.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl InFlight {
    /// The owner of requests that a client may cancel: those of its session, or else of this user
    /// with this client.
    pub(crate) fn key(inbound: &InboundRequest) -> String {
        let session = inbound.session.as_deref().unwrap_or_default();
        format!("{} {} {session}", inbound.caller.user_id(), inbound.caller.program())
    }
    /// Notes a request.
    pub(crate) fn begin(&self, owner: String, id: &Value) -> Flight {
        let key = Key { owner, id: id.to_string() };
        let token = CancellationToken::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), token.clone());
        Flight { table: Arc::clone(&self.0), key, cancelled: token }
    }
    /// Takes a request back. One that is not under way is no error: it may just have ended.
    pub(crate) fn cancel(&self, owner: &str, id: &Value) {
        let key = Key { owner: owner.to_owned(), id: id.to_string() };
        if let Some(token) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            token.cancel();
        }
    }
}
