//! The chat endpoint (`POST /chat/completions` of OpenAI, as others offer it too).

use std::sync::atomic::{AtomicBool, Ordering};

use doorward_transport::{Outbound, OutboundConfig};
use serde_json::{Value, json};

use crate::{
    AgentConfig, Listener, SettingError,
    message::Message,
    reply::{Arriving, Reply},
    wire::{Asking, Fault, Wire},
};

/// A request to the model.
pub(crate) struct Request<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Value],
    /// No call is wanted any more.
    pub(crate) must_answer: bool,
}

/// The endpoint.
pub(crate) struct Endpoint {
    wire: Wire,
    model: String,
    answer_tokens: u32,
    /// It knows the limit of a reply by its newer name alone.
    newer_limit: AtomicBool,
    /// It does not know how usage is asked for.
    without_usage: AtomicBool,
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
            newer_limit: AtomicBool::default(),
            without_usage: AtomicBool::default(),
        })
    }

    /// Asks the model.
    pub(crate) async fn ask(
        &self,
        request: &Request<'_>,
        listener: &dyn Listener,
    ) -> Result<Reply, Fault> {
        self.wire.ask(&AskedEndpoint { endpoint: self, request }, listener).await
    }
}

/// A request to this endpoint.
struct AskedEndpoint<'a> {
    endpoint: &'a Endpoint,
    request: &'a Request<'a>,
}

impl Asking for AskedEndpoint<'_> {
    type Reader = Arriving;

    fn body(&self) -> Value {
        let (endpoint, request) = (self.endpoint, self.request);
        let messages: Vec<Value> = request.messages.iter().map(Message::value).collect();
        let mut body = json!({"model": endpoint.model, "messages": messages, "stream": true});
        if let Value::Object(members) = &mut body {
            let newer = endpoint.newer_limit.load(Ordering::Relaxed);
            let limit = if newer { "max_completion_tokens" } else { "max_tokens" };
            members.insert(limit.to_owned(), endpoint.answer_tokens.into());
            if !endpoint.without_usage.load(Ordering::Relaxed) {
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

    /// Each is left out once, and then for good.
    fn adapts(&self, complaint: &str) -> Option<&'static str> {
        let known = [
            ("max_tokens", &self.endpoint.newer_limit),
            ("stream_options", &self.endpoint.without_usage),
        ];
        let found = known
            .into_iter()
            .find(|(word, flag)| complaint.contains(word) && !flag.swap(true, Ordering::Relaxed));
        found.map(|(word, _)| word)
    }

    /// The model only writes; its calls are made here.
    fn may_repeat(&self) -> bool {
        true
    }

    fn hide(&self, text: String) -> String {
        text
    }
}
