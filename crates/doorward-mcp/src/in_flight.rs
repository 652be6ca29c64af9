//! Requests under way, so that a client of the older revisions can take one back with a message of
//! its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::InboundRequest;

type Table = Mutex<HashMap<(String, String), CancellationToken>>;

/// The requests of this process.
#[derive(Default)]
pub(crate) struct InFlight(Arc<Table>);

/// Forgets a request when it is done.
pub(crate) struct Flight {
    table: Arc<Table>,
    key: (String, String),
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
    /// Notes a request. The token is cancelled when the client takes it back.
    pub(crate) fn begin(&self, whose: String, id: &Value) -> (Flight, CancellationToken) {
        let key = (whose, id.to_string());
        let token = CancellationToken::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), token.clone());
        (Flight { table: Arc::clone(&self.0), key }, token)
    }
    /// Takes a request back. One that is not under way is no error: it may just have ended.
    pub(crate) fn cancel(&self, whose: &str, id: &Value) {
        if let Some(token) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(whose.to_owned(), id.to_string()))
        {
            token.cancel();
        }
    }
}
