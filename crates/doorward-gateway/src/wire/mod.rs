//! The messages of one connection, between the bytes of an upstream and the protocol library.
//!
//! The library frames and verifies messages. Other contents of a response, and responses that are
//! not answers, are handled here, for every kind of upstream: a response that does not answer its
//! request ends that request, an unreadable element is omitted, and data that is not a message is
//! ignored with a line in the log.

pub(crate) mod early;
pub(crate) mod events;
pub(crate) mod ids;
mod mend;
pub(crate) mod notices;
mod questions;
pub(crate) mod read;
pub(crate) mod refused;
mod results;
mod tidy;
pub(crate) mod words;

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use doorward_model::UpstreamName;
use doorward_transport::Budget;
use rmcp::{
    RoleClient,
    model::{ClientNotification, ClientRequest, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, ServiceError, TxJsonRpcMessage},
    transport::DynamicTransportError,
};
use serde_json::Value;

use crate::{
    left_out::{LeftOut, Noted},
    link_error::LinkError,
    log_limit::LogLimit,
};

/// A message of an upstream.
pub(crate) type Message = RxJsonRpcMessage<RoleClient>;

/// Maximum number of bytes of one message of an upstream.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The longest URI of a resource whose changes are reported.
pub(crate) const LONGEST_URI: usize = 4096;
/// Maximum number of values of one message, and how deep they are nested.
const MOST_VALUES: usize = 1_000_000;
const MOST_DEPTH: usize = 100;
/// Maximum number of requests that are remembered of one connection.
const MOST_SENT: usize = 10_000;

/// The budget of one message of an upstream.
fn message_budget() -> Budget {
    Budget::new(MOST_BYTES, MOST_VALUES, MOST_DEPTH)
}

/// A request that was sent and has no answer yet.
struct PendingRequest {
    method: String,
}

#[derive(Default)]
struct Table {
    sent: BTreeMap<i64, PendingRequest>,
    /// The highest number of a request so far.
    highest: i64,
    /// The parts left out of answers, until the request takes them.
    left_out: BTreeMap<i64, LeftOut>,
    /// Reasons for which requests ended without an answer of the upstream.
    failures: BTreeMap<i64, LinkError>,
    /// The parts left out of the upstream's description of itself.
    of_itself: LeftOut,
    /// The reason for which the connection ended.
    ended: Option<LinkError>,
    /// The session of the connection no longer exists at the upstream.
    lost: bool,
    /// The first request was answered: a revision is agreed on.
    begun: bool,
}

/// The state of the messages of one connection.
pub(crate) struct Wire {
    upstream: UpstreamName,
    table: Mutex<Table>,
    logged: Mutex<LogLimit>,
    /// The omissions from messages that are no lists.
    noted: Arc<Noted>,
}

/// An ID as the number that Doorward gave to a request: a number, one with a fraction of zero, or
/// its text.
fn as_number(id: &Value) -> Option<i64> {
    match id {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            #[expect(clippy::cast_possible_truncation, reason = "IDs are small whole numbers")]
            (number.abs() < 1e15).then_some(number as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The number of a request of this server.
pub(crate) fn number(id: &RequestId) -> i64 {
    match id {
        RequestId::Number(number) => *number,
        // Doorward's requests have numbers.
        RequestId::String(_) => -1,
    }
}

impl Wire {
    /// Begins a connection whose omissions are not shown.
    pub(crate) fn new(upstream: UpstreamName) -> Arc<Self> {
        Self::noting(upstream, Arc::default())
    }

    /// Begins a connection. `noted` takes the omissions from what is no list.
    pub(crate) fn noting(upstream: UpstreamName, noted: Arc<Noted>) -> Arc<Self> {
        Arc::new(Self { upstream, table: Mutex::default(), logged: Mutex::default(), noted })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports whether one more line about this upstream is logged now.
    pub(crate) fn may_log(&self) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.admits(self.upstream.as_str())
    }

    /// Notes a message that is about to be sent.
    pub(crate) fn send(&self, message: &TxJsonRpcMessage<RoleClient>) {
        let request = match message {
            JsonRpcMessage::Request(request) => request,
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::InitializedNotification(_) = &notification.notification {
                    self.lock().begun = true;
                }
                return;
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return,
        };
        let id = number(&request.id);
        let mut table = self.lock();
        table.begun |= !begins(request.request.method());
        // A first request that was left unanswered is answered too late, if at all.
        if matches!(request.request, ClientRequest::InitializeRequest(_)) {
            table.sent.clear();
        }
        table.highest = table.highest.max(id);
        table.sent.insert(id, PendingRequest { method: request.request.method().to_owned() });
        if table.sent.len() > MOST_SENT {
            table.sent.pop_first();
        }
    }

    /// Reports a connection on which a revision is agreed on.
    pub(crate) fn has_begun(&self) -> bool {
        self.lock().begun
    }

    /// Forgets a request: it was answered or cancelled.
    pub(crate) fn forget(&self, id: &RequestId) {
        let mut table = self.lock();
        let id = number(id);
        table.sent.remove(&id);
        table.failures.remove(&id);
        table.left_out.remove(&id);
    }

    /// Ends the only request that has no answer yet; `None` where there are none or several.
    pub(crate) fn only_unanswered(&self, why: LinkError) -> Option<Message> {
        let only = {
            let table = self.lock();
            table.sent.keys().next().copied().filter(|_| table.sent.len() == 1)
        }?;
        Some(self.unanswered(&RequestId::Number(only), why))
    }

    /// Takes the omissions from the answer to a request.
    pub(crate) fn left_out(&self, id: &RequestId) -> LeftOut {
        self.lock().left_out.remove(&number(id)).unwrap_or_default()
    }

    /// The parts left out of the upstream's description of itself.
    pub(crate) fn left_out_of_itself(&self) -> LeftOut {
        self.lock().of_itself.clone()
    }

    /// Notes the reason for which a request ends without an answer of the upstream.
    fn fail(&self, id: i64, why: LinkError) {
        let mut table = self.lock();
        table.sent.remove(&id);
        table.failures.insert(id, why);
        if table.failures.len() > MOST_SENT {
            table.failures.pop_first();
        }
    }

    /// Ends a request without an answer of the upstream: the message for the protocol library.
    pub(crate) fn unanswered(&self, id: &RequestId, why: LinkError) -> Message {
        let told = rmcp::ErrorData::internal_error(why.to_string(), None);
        self.fail(number(id), why);
        JsonRpcMessage::error(told, Some(id.clone()))
    }

    /// Notes the reason for which the connection ends. The first one counts.
    pub(crate) fn end(&self, why: LinkError) {
        self.lock().ended.get_or_insert(why);
    }

    /// Reports a connection that has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended.is_some()
    }

    /// Notes that the session no longer exists at the upstream: the connection takes no more
    /// requests.
    pub(crate) fn lose(&self) {
        self.lock().lost = true;
    }

    /// Reports a connection with a session that no longer exists at the upstream.
    pub(crate) fn is_lost(&self) -> bool {
        self.lock().lost
    }

    /// The error of a request, with the reason that is known here in place of the library's.
    pub(crate) fn explained(&self, id: &RequestId, error: ServiceError) -> ServiceError {
        let mut table = self.lock();
        table.sent.remove(&number(id));
        let known = table.failures.remove(&number(id));
        let known = known.or_else(|| match error {
            ServiceError::TransportClosed => table.ended.clone(),
            _ => None,
        });
        known.map_or(error, as_service_error)
    }

    /// The reason for which the first request failed, if one is known here.
    pub(crate) fn why_not_begun(&self, error: &rmcp::service::ClientInitializeError) -> LinkError {
        let mut table = self.lock();
        let known = table.failures.pop_last().map(|(_, why)| why);
        if let Some(known) = known {
            return known;
        }
        match (error, &table.ended) {
            (rmcp::service::ClientInitializeError::ConnectionClosed(_), Some(ended)) => {
                ended.clone()
            }
            _ => LinkError::of(error),
        }
    }
}

/// Reports a method with which a connection begins.
fn begins(method: &str) -> bool {
    matches!(method, "initialize" | "server/discover")
}

/// A reason of this crate as an error of the protocol library.
fn as_service_error(why: LinkError) -> ServiceError {
    ServiceError::TransportSend(DynamicTransportError::from_parts(
        "upstream",
        TypeId::of::<Wire>(),
        Box::new(why),
    ))
}
