//! The requests of clients that are carried to an upstream, and their answers, one line for each
//! kind of request.

use doorward_mcp::{Answer, Target, ToolError};
use doorward_model::UpstreamName;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, CompleteRequest, CompleteRequestParams,
    GetPromptRequest, GetPromptRequestParams, InputRequiredResult, InputResponses,
    ReadResourceRequest, ReadResourceRequestParams, Reference, RequestMetaObject, ResultType,
    ServerResult,
};

use crate::{exchange::gone, names};

/// A request under the item's name at the upstream. It can be made several times, since an upstream
/// may ask for input in between.
pub(super) enum Request {
    Tool(CallToolRequestParams),
    Prompt(GetPromptRequestParams),
    Resource(ReadResourceRequestParams),
    Completion(CompleteRequestParams),
}

/// The parts of a request that are about its way and not about its item.
#[derive(Default)]
pub(super) struct Retry {
    pub(super) meta: Option<RequestMetaObject>,
    pub(super) responses: Option<InputResponses>,
    pub(super) state: Option<String>,
}

/// An answer that does not belong to its request.
pub(super) enum Wrong {
    Task,
    NoToolResult,
    Other,
}

impl Wrong {
    pub(super) fn told(&self, title: &str) -> ToolError {
        ToolError::Failed(match self {
            Self::Task => format!("{title} returned a task, which is not forwarded"),
            Self::NoToolResult => {
                format!("{title} returned something that is not a result of a tool")
            }
            Self::Other => format!("{title} returned something else than requested"),
        })
    }
}

impl Request {
    /// A call of a tool. `ours` says that its state and answers belong to a question of this
    /// server, which is not for the upstream.
    pub(super) fn tool(params: &CallToolRequestParams, own: &str, ours: bool) -> Self {
        let mut asked = CallToolRequestParams::new(own.to_owned());
        asked.arguments.clone_from(&params.arguments);
        asked.meta.clone_from(&params.meta);
        if !ours {
            asked.input_responses.clone_from(&params.input_responses);
            asked.request_state.clone_from(&params.request_state);
        }
        Self::Tool(asked)
    }

    pub(super) fn prompt(mut params: GetPromptRequestParams, own: &str) -> Self {
        own.clone_into(&mut params.name);
        Self::Prompt(params)
    }

    pub(super) fn resource(mut params: ReadResourceRequestParams, own: &str) -> Self {
        own.clone_into(&mut params.uri);
        Self::Resource(params)
    }

    pub(super) fn completion(
        mut params: CompleteRequestParams,
        own: &str,
    ) -> Result<Self, ToolError> {
        params.meta = None;
        match &mut params.r#ref {
            Reference::Prompt(prompt) => own.clone_into(&mut prompt.name),
            Reference::Resource(resource) => own.clone_into(&mut resource.uri),
            _ => return Err(gone()),
        }
        Ok(Self::Completion(params))
    }

    /// The subject, to which the state that a client carries is bound.
    pub(super) fn about(&self) -> String {
        match self {
            Self::Tool(params) => format!("tools/call {}", params.name),
            Self::Prompt(params) => format!("prompts/get {}", params.name),
            Self::Resource(params) => format!("resources/read {}", params.uri),
            Self::Completion(_) => "completion/complete".to_owned(),
        }
    }

    /// Removes the members about the request's transport.
    pub(super) fn take_retry(&mut self) -> Retry {
        let (meta, responses, state) = match self {
            Self::Tool(params) => {
                (&mut params.meta, &mut params.input_responses, &mut params.request_state)
            }
            Self::Prompt(params) => {
                (&mut params.meta, &mut params.input_responses, &mut params.request_state)
            }
            Self::Resource(params) => {
                (&mut params.meta, &mut params.input_responses, &mut params.request_state)
            }
            Self::Completion(_) => return Retry::default(),
        };
        Retry { meta: meta.take(), responses: responses.take(), state: state.take() }
    }

    /// The message, with the answers to an earlier round.
    pub(super) fn made(
        &self,
        responses: Option<InputResponses>,
        state: Option<String>,
    ) -> ClientRequest {
        match self {
            Self::Tool(params) => {
                let mut params = params.clone();
                (params.input_responses, params.request_state) = (responses, state);
                ClientRequest::CallToolRequest(CallToolRequest::new(params))
            }
            Self::Prompt(params) => {
                let mut params = params.clone();
                (params.input_responses, params.request_state) = (responses, state);
                ClientRequest::GetPromptRequest(GetPromptRequest::new(params))
            }
            Self::Resource(params) => {
                let mut params = params.clone();
                (params.input_responses, params.request_state) = (responses, state);
                ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params))
            }
            Self::Completion(params) => {
                ClientRequest::CompleteRequest(CompleteRequest::new(params.clone()))
            }
        }
    }

    /// The answer that says which input is required.
    pub(super) fn requires(&self, required: InputRequiredResult) -> Result<Answer, Wrong> {
        match self {
            Self::Tool(_) => Ok(Answer::Tool(required.into())),
            Self::Prompt(_) => Ok(Answer::Prompt(required.into())),
            Self::Resource(_) => Ok(Answer::Resource(required.into())),
            Self::Completion(_) => Err(Wrong::Other),
        }
    }

    /// The upstream's result as the answer to this request, with the names of this request.
    pub(super) fn answer(
        &self,
        target: Target,
        upstream: UpstreamName,
        result: ServerResult,
    ) -> Result<Answer, Wrong> {
        match (self, result) {
            (Self::Tool(_), ServerResult::CallToolResult(mut result)) => {
                result.result_type.get_or_insert(ResultType::COMPLETE);
                names::in_result(target, upstream, &mut result);
                Ok(Answer::Tool(result.into()))
            }
            (Self::Tool(_), ServerResult::CreateTaskResult(_)) => Err(Wrong::Task),
            (Self::Tool(_), _) => Err(Wrong::NoToolResult),
            (Self::Prompt(_), ServerResult::GetPromptResult(mut result)) => {
                result.result_type.get_or_insert(ResultType::COMPLETE);
                for message in &mut result.messages {
                    names::in_block(target, upstream, &mut message.content);
                }
                Ok(Answer::Prompt(result.into()))
            }
            (Self::Resource(_), ServerResult::ReadResourceResult(mut result)) => {
                result.result_type.get_or_insert(ResultType::COMPLETE);
                for contents in &mut result.contents {
                    names::in_contents(target, upstream, contents);
                }
                Ok(Answer::Resource(result.into()))
            }
            (Self::Completion(_), ServerResult::CompleteResult(mut result)) => {
                result.result_type.get_or_insert(ResultType::COMPLETE);
                Ok(Answer::Completion(result))
            }
            (Self::Prompt(_) | Self::Resource(_) | Self::Completion(_), _) => Err(Wrong::Other),
        }
    }
}
