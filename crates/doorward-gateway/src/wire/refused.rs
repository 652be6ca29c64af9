//! Requests of an upstream that are refused to it at once, since its call waits for the answer. A
//! refusal travels through the protocol library as a request of a method of its own: the library
//! answers all requests, under their IDs and over each transport.

use doorward_model::foreign;
use rmcp::{
    ErrorData,
    model::{CustomRequest, ErrorCode, JsonRpcMessage, RequestId, ServerRequest},
};

use super::Message;
use crate::{
    left_out::{LeftOut, Why},
    link_error::WORDS,
};

/// The method of a refusal on its way.
const METHOD: &str = "doorward/refused";
/// The methods of the requests that clients answer.
const KNOWN: [&str; 4] = ["ping", "elicitation/create", "sampling/createMessage", "roots/list"];

/// The reason for which a request of an upstream is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its method is no text.
    Method,
    /// It, or its parameters, do not conform to the protocol.
    Unread,
    /// Values of it are nested too deep.
    Deep,
    /// These fields must be filled in, and are of no type that forms have.
    Unfillable(Vec<String>),
}

impl Refusal {
    /// The refusal of a request that cannot be read.
    fn error(&self, method: &str) -> ErrorData {
        let is_known = KNOWN.contains(&method);
        let method = foreign::line(method, WORDS);
        match self {
            Self::Method => ErrorData::invalid_request("the method is not a text", None),
            Self::Unread | Self::Deep if !is_known => ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                format!("the client has no method {method}"),
                None,
            ),
            Self::Unread => ErrorData::invalid_params(
                format!("the parameters of {method} do not conform to the protocol"),
                None,
            ),
            Self::Deep => ErrorData::invalid_params(
                format!("the parameters of {method} are nested too deep"),
                None,
            ),
            Self::Unfillable(fields) => ErrorData::invalid_params(unfillable(fields), None),
        }
    }

    /// The refusal for the operator.
    pub(super) fn left_out(&self, method: &str) -> LeftOut {
        let mut left_out = LeftOut::default();
        match self {
            Self::Unread | Self::Deep if !KNOWN.contains(&method) => {
                left_out.add_part("question", method, Why::Unasked);
            }
            Self::Method | Self::Unread | Self::Deep => {
                left_out.add_part("question", method, Why::Question);
            }
            Self::Unfillable(fields) => {
                for field in fields {
                    left_out.add_part("question", field, Why::Unfillable);
                }
            }
        }
        left_out
    }

    /// The refusal on its way through the protocol library.
    pub(super) fn into_message(self, method: &str, id: RequestId) -> Message {
        let error = serde_json::to_value(self.error(method)).ok();
        let request = ServerRequest::CustomRequest(CustomRequest::new(METHOD, error));
        JsonRpcMessage::request(request, id)
    }
}

/// The words for a form that no client can fill in.
pub(super) fn unfillable(fields: &[String]) -> String {
    format!(
        "the form cannot be filled in, since forms have no type of these required fields: {}",
        foreign::line(&fields.join(", "), WORDS)
    )
}

/// The refusal of a question that belongs to no call.
pub(crate) fn unasked() -> ErrorData {
    ErrorData::invalid_request(
        "the question is not forwarded: it belongs to no call in progress",
        None,
    )
}

/// The error for a request that the protocol library does not answer by itself: the refusal that
/// travels in it.
pub(crate) fn error_of(request: CustomRequest) -> ErrorData {
    let told = request.params.filter(|_| request.method == METHOD);
    told.and_then(|told| serde_json::from_value(told).ok()).unwrap_or_else(|| {
        ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "the client has no such method", None)
    })
}
