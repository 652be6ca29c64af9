//! The actor and origin of a request, which the audit records with all its writes.
//!
//! It belongs to the task that serves the request. A crate that authenticates the actor calls
//! [`acting`]; the origin is not passed as an argument.

use std::sync::{Arc, Mutex};

use doorward_model::{Actor, AuditStamp};

tokio::task_local! {
    static ORIGIN: Arc<Origin>;
}

/// The origin of a request.
#[derive(Debug, Default)]
pub struct Origin {
    /// The request's id, as in the log.
    pub request_id: String,
    /// The IP address of the client.
    pub address: String,
    /// The name that the sender gives itself (`User-Agent`), shortened.
    pub agent: String,
    actor: Mutex<Actor>,
}

impl Origin {
    /// An origin with a user that is still unknown.
    pub fn new(request_id: String, address: String, agent: String) -> Self {
        Self { request_id, address, agent, actor: Mutex::default() }
    }
    /// The origin of a command of a user with access to this machine.
    pub fn command(name: &str) -> Self {
        let actor = Actor { user_name: Some(format!("command: {name}")), ..Actor::default() };
        Self { actor: Mutex::new(actor), ..Self::default() }
    }
    fn actor(&self) -> Actor {
        self.actor.lock().map(|actor| actor.clone()).unwrap_or_default()
    }
}

/// Serves a request on behalf of `origin`.
pub async fn serving<F: Future>(origin: Arc<Origin>, work: F) -> F::Output {
    ORIGIN.scope(origin, work).await
}

/// The origin of the present request, for another task.
pub fn current() -> Option<Arc<Origin>> {
    ORIGIN.try_with(Arc::clone).ok()
}

/// From here on, this request is known to be this actor's.
pub fn acting(actor: Actor) {
    let _ = ORIGIN.try_with(|origin| {
        if let Ok(mut held) = origin.actor.lock() {
            *held = actor;
        }
    });
}

/// The actor and the IP address, as far as they are known here.
pub(crate) fn stamp() -> AuditStamp {
    let known = ORIGIN.try_with(|origin| AuditStamp {
        actor: origin.actor(),
        address: origin.address.clone(),
        request_id: origin.request_id.clone(),
        ..AuditStamp::default()
    });
    known.unwrap_or_default()
}
