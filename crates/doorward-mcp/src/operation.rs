//! Operations: everything that a client can have an upstream do.

use doorward_model::UpstreamName;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
    GetPromptRequestParams, GetPromptResponse, InputRequiredResult, InputResponses, LoggingLevel,
    ReadResourceRequestParams, ReadResourceResponse, Reference, RequestMetaObject,
};
use serde_json::{Map, Value};

use crate::{item::Kind, size::json_size};

/// An operation that a client requests.
#[derive(Clone, Debug)]
pub enum Operation {
    /// `tools/call`.
    CallTool(CallToolRequestParams),
    /// `prompts/get`.
    GetPrompt(GetPromptRequestParams),
    /// `resources/read`.
    ReadResource(ReadResourceRequestParams),
    /// `completion/complete`.
    Complete(CompleteRequestParams),
    /// `resources/subscribe` and `resources/unsubscribe`, and the same by `subscriptions/listen`.
    Watch {
        /// The resource, as clients name it.
        uri: String,
        /// True to begin, false to end.
        on: bool,
    },
    /// `logging/setLevel`, for one upstream.
    SetLevel(UpstreamName, LoggingLevel),
}

/// The item that an operation is about, by the name that the client gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemName<'a> {
    /// The tool of this name.
    Tool(&'a str),
    /// The prompt of this name.
    Prompt(&'a str),
    /// The resource at this URI.
    Resource(&'a str),
    /// The resource template with this text.
    Template(&'a str),
    /// The upstream itself.
    Upstream(UpstreamName),
}

impl<'a> ItemName<'a> {
    /// The item of this kind and name; `None` for an upstream, which no client names.
    pub(crate) fn of(kind: Kind, name: &'a str) -> Option<Self> {
        Some(match kind {
            Kind::Tool => Self::Tool(name),
            Kind::Prompt => Self::Prompt(name),
            Kind::Resource => Self::Resource(name),
            Kind::Template => Self::Template(name),
            Kind::Upstream => return None,
        })
    }
    /// The kind and the name.
    pub(crate) fn parts(&self) -> (Kind, &'a str) {
        match self {
            Self::Tool(name) => (Kind::Tool, name),
            Self::Prompt(name) => (Kind::Prompt, name),
            Self::Resource(uri) => (Kind::Resource, uri),
            Self::Template(uri) => (Kind::Template, uri),
            Self::Upstream(_) => (Kind::Upstream, ""),
        }
    }
}

/// The verb of an operation: the distinction that the audit and the limits make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Call,
    GetPrompt,
    Read,
    Complete,
    Watch,
    SetLevel,
}

impl Verb {
    /// The name for the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::GetPrompt => "get prompt",
            Self::Read => "read",
            Self::Complete => "complete",
            Self::Watch => "watch",
            Self::SetLevel => "set level",
        }
    }
}

/// The answer to an earlier question: the state that the client carried, and its answers.
pub(crate) struct Retry<'a> {
    pub(crate) state: &'a mut Option<String>,
    pub(crate) answers: &'a mut Option<InputResponses>,
}

impl Operation {
    /// Gives an operation that goes to an upstream the metadata of its request, such as the
    /// client's level of log messages. The protocol library takes `_meta` out of the parameters.
    pub(crate) fn carry(&mut self, meta: &RequestMetaObject) {
        let slot = match self {
            Self::CallTool(params) => &mut params.meta,
            Self::GetPrompt(params) => &mut params.meta,
            Self::ReadResource(params) => &mut params.meta,
            Self::Complete(_) | Self::Watch { .. } | Self::SetLevel(..) => return,
        };
        if !meta.0.is_empty() {
            *slot = Some(meta.clone());
        }
    }

    /// Its verb.
    pub(crate) fn verb(&self) -> Verb {
        match self {
            Self::CallTool(_) => Verb::Call,
            Self::GetPrompt(_) => Verb::GetPrompt,
            Self::ReadResource(_) => Verb::Read,
            Self::Complete(_) => Verb::Complete,
            Self::Watch { .. } => Verb::Watch,
            Self::SetLevel(..) => Verb::SetLevel,
        }
    }

    /// The item that it is about; `None` for a reference of a kind that is not known.
    pub(crate) fn item_name(&self) -> Option<ItemName<'_>> {
        Some(match self {
            Self::CallTool(params) => ItemName::Tool(&params.name),
            Self::GetPrompt(params) => ItemName::Prompt(&params.name),
            Self::ReadResource(params) => ItemName::Resource(&params.uri),
            Self::Complete(params) => match &params.r#ref {
                Reference::Prompt(prompt) => ItemName::Prompt(&prompt.name),
                Reference::Resource(resource) => ItemName::Template(&resource.uri),
                _ => return None,
            },
            Self::Watch { uri, .. } => ItemName::Resource(uri),
            Self::SetLevel(upstream, _) => ItemName::Upstream(*upstream),
        })
    }

    /// The arguments, as they are shown to the user and bound to a confirmation.
    pub(crate) fn arguments(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::CallTool(params) => params.arguments.as_ref(),
            Self::GetPrompt(params) => params.arguments.as_ref(),
            Self::ReadResource(_) | Self::Complete(_) | Self::Watch { .. } | Self::SetLevel(..) => {
                None
            }
        }
    }

    /// Number of bytes that the client sent for the upstream, apart from the name.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::CallTool(_) | Self::GetPrompt(_) => self.arguments().map_or(0, json_size),
            Self::Complete(params) => json_size(params),
            Self::ReadResource(params) => params.uri.len(),
            Self::Watch { uri, .. } => uri.len(),
            Self::SetLevel(..) => 0,
        }
    }

    /// The place of the answer to an earlier question; `None` for operations that cannot be
    /// interrupted by a question.
    pub(crate) fn retry(&mut self) -> Option<Retry<'_>> {
        match self {
            Self::CallTool(params) => Some(Retry {
                state: &mut params.request_state,
                answers: &mut params.input_responses,
            }),
            Self::GetPrompt(params) => Some(Retry {
                state: &mut params.request_state,
                answers: &mut params.input_responses,
            }),
            Self::ReadResource(params) => Some(Retry {
                state: &mut params.request_state,
                answers: &mut params.input_responses,
            }),
            Self::Complete(_) | Self::Watch { .. } | Self::SetLevel(..) => None,
        }
    }

    /// The answer that states the required input; `None` where [`Self::retry`] is.
    pub(crate) fn requires(&self, required: InputRequiredResult) -> Option<Answer> {
        match self {
            Self::CallTool(_) => Some(Answer::Tool(required.into())),
            Self::GetPrompt(_) => Some(Answer::Prompt(required.into())),
            Self::ReadResource(_) => Some(Answer::Resource(required.into())),
            Self::Complete(_) | Self::Watch { .. } | Self::SetLevel(..) => None,
        }
    }
}

/// The result of an operation.
#[derive(Debug)]
pub enum Answer {
    /// The result of a tool.
    Tool(CallToolResponse),
    /// A prompt.
    Prompt(GetPromptResponse),
    /// The contents of a resource.
    Resource(ReadResourceResponse),
    /// Completions.
    Completion(CompleteResult),
    /// Nothing but that it was done.
    Done,
}

impl Answer {
    /// The name for it in the log, which reveals nothing of the answer.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Tool(_) => "the result of a tool",
            Self::Prompt(_) => "a prompt",
            Self::Resource(_) => "the contents of a resource",
            Self::Completion(_) => "completions",
            Self::Done => "nothing but that it was done",
        }
    }

    /// The input that is required before there is a result.
    pub(crate) fn required(&mut self) -> Option<&mut InputRequiredResult> {
        match self {
            Self::Tool(CallToolResponse::InputRequired(required))
            | Self::Prompt(GetPromptResponse::InputRequired(required))
            | Self::Resource(ReadResourceResponse::InputRequired(required)) => Some(required),
            Self::Tool(_)
            | Self::Prompt(_)
            | Self::Resource(_)
            | Self::Completion(_)
            | Self::Done => None,
        }
    }

    /// True if input is required before there is a result.
    pub(crate) fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Tool(CallToolResponse::InputRequired(_))
                | Self::Prompt(GetPromptResponse::InputRequired(_))
                | Self::Resource(ReadResourceResponse::InputRequired(_))
        )
    }

    /// The size of a complete result in bytes; `None` if there is none, or none of a size.
    pub(crate) fn bytes(&self) -> Option<usize> {
        match self {
            Self::Tool(CallToolResponse::Complete(result)) => Some(json_size(result)),
            Self::Prompt(GetPromptResponse::Complete(result)) => Some(json_size(result)),
            Self::Resource(ReadResourceResponse::Complete(result)) => Some(json_size(result)),
            Self::Completion(result) => Some(json_size(result)),
            Self::Tool(_) | Self::Prompt(_) | Self::Resource(_) | Self::Done => None,
        }
    }

    /// A complete result as JSON; null otherwise.
    pub(crate) fn value(&self) -> Value {
        let written = match self {
            Self::Tool(CallToolResponse::Complete(result)) => serde_json::to_value(result),
            Self::Prompt(GetPromptResponse::Complete(result)) => serde_json::to_value(result),
            Self::Resource(ReadResourceResponse::Complete(result)) => serde_json::to_value(result),
            Self::Completion(result) => serde_json::to_value(result),
            Self::Tool(_) | Self::Prompt(_) | Self::Resource(_) | Self::Done => Ok(Value::Null),
        };
        written.unwrap_or_default()
    }

    /// True for a tool's result that reports a failure.
    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Self::Tool(CallToolResponse::Complete(result)) if result.is_error == Some(true))
    }
}
