//! The chat endpoint (`POST /chat/completions` of OpenAI, as others offer it too).

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use doorward_transport::{Outbound, OutboundConfig};
use serde_json::{Value, json};

use crate::{
    AgentConfig, Listener, SettingError,
    message::Message,
    reply::{Arriving, Reply},
    spending::Spending,
    wire::{Asking, Fault, Wire},
};

/// A request to the model.
pub(crate) struct Request<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Value],
    /// No call is wanted any more.
    pub(crate) must_answer: bool,
    /// The longest silence of the endpoint.
    pub(crate) patience: Duration,
}

/// The form of requests, in which endpoints differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    /// The endpoint knows the limit of a reply by its newer name alone.
    newer_limit: bool,
    /// It does not know how usage is asked for.
    without_usage: bool,
}

impl Form {
    /// The form after a complaint about a member; `None` where it is that one already.
    fn after(self, complaint: &str) -> Option<Self> {
        let limit = Self { newer_limit: true, ..self };
        let usage = Self { without_usage: true, ..self };
        let named = [("max_tokens", limit), ("stream_options", usage)];
        let found =
            named.into_iter().find(|(word, form)| complaint.contains(word) && *form != self);
        found.map(|(_, form)| form)
    }

    fn with(self, other: Self) -> Self {
        Self {
            newer_limit: self.newer_limit || other.newer_limit,
            without_usage: self.without_usage || other.without_usage,
        }
    }
}

/// The endpoint.
pub(crate) struct Endpoint {
    wire: Wire,
    model: String,
    answer_tokens: u32,
    /// The form in which it took a request.
    form: Mutex<Form>,
}

impl Endpoint {
    pub(crate) fn new(
        settings: &AgentConfig,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            wire: Wire::new(settings, outbound, general)?,
            model: settings.model.clone(),
            answer_tokens: settings.answer_tokens,
            form: Mutex::default(),
        })
    }

    /// Asks the model.
    pub(crate) async fn ask(
        &self,
        request: &Request<'_>,
        listener: &dyn Listener,
        spending: &Spending<'_>,
    ) -> Result<Reply, Fault> {
        let asked = AskedEndpoint { endpoint: self, request, form: Mutex::default() };
        self.wire.ask(&asked, listener, spending).await
    }
}

/// A request to this endpoint.
struct AskedEndpoint<'a> {
    endpoint: &'a Endpoint,
    request: &'a Request<'a>,
    /// The form that it took after complaints.
    form: Mutex<Form>,
}

fn locked(form: &Mutex<Form>) -> MutexGuard<'_, Form> {
    form.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AskedEndpoint<'_> {
    /// Its own form with what other requests have found meanwhile.
    fn current_form(&self) -> Form {
        let known = *locked(&self.endpoint.form);
        known.with(*locked(&self.form))
    }
}

impl Asking for AskedEndpoint<'_> {
    type Reader = Arriving;

    fn body(&self) -> Value {
        let (endpoint, request, form) = (self.endpoint, self.request, self.current_form());
        let messages: Vec<Value> = request.messages.iter().map(Message::value).collect();
        let mut body = json!({"model": endpoint.model, "messages": messages, "stream": true});
        if let Value::Object(members) = &mut body {
            let limit = if form.newer_limit { "max_completion_tokens" } else { "max_tokens" };
            members.insert(limit.to_owned(), endpoint.answer_tokens.into());
            if !form.without_usage {
                members.insert("stream_options".to_owned(), json!({"include_usage": true}));
            }
            if !request.tools.is_empty() {
                let choice = if request.must_answer { "none" } else { "auto" };
                members.insert("tools".to_owned(), request.tools.into());
                members.insert("tool_choice".to_owned(), choice.into());
            }
        }
        body
    }

    fn reader(&self) -> Arriving {
        Arriving::default()
    }

    fn adapts(&self, complaint: &str) -> bool {
        let other = self.current_form().after(complaint);
        if let Some(other) = other {
            *locked(&self.form) = other;
        }
        other.is_some()
    }

    /// Keeps the form for the requests to come: not for a complaint alone, since a user can cause
    /// one by the length of a question.
    fn was_taken(&self) {
        let taken = self.current_form();
        *locked(&self.endpoint.form) = taken;
    }

    /// The model only writes; its calls are made here.
    fn may_repeat(&self) -> bool {
        true
    }

    fn hide(&self, text: String) -> String {
        text
    }

    fn patience(&self) -> Duration {
        self.request.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_changes_the_form_once() {
        let first = Form::default();
        let second = first.after("Unsupported parameter: 'max_tokens'").unwrap();
        assert_eq!(second, Form { newer_limit: true, without_usage: false });
        assert_eq!(second.after("max_tokens is too large: your messages have 9000 tokens"), None);
        assert_eq!(first.after("there is no such model"), None);
    }
}
