//! Calls by parts of this program: the connector of a chat, which acts by a grant of the user's as
//! clients do, and the console. They pass the same admission as those of clients.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use doorward_model::{GrantId, ScopeSet, ToolClass, User};
use doorward_store::{StoreError, origin};
use rmcp::{
    RoleServer,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, RequestId},
    service::RequestContext,
};
use serde_json::{Map, Value};

use crate::{
    Caller, Channel, ClientFacts, InboundRequest, Mcp, Surface, Target, ToolSpec, confirm,
    in_place::InPlace,
    operation::{Answer, Operation},
    surface,
    tools::ToolError,
};

/// The MCP server for parts of this program. Cheap to clone.
#[derive(Clone)]
pub struct Within {
    pub(crate) mcp: Mcp,
    pub(crate) in_place: InPlace,
    pub(crate) number: Arc<AtomicI64>,
}

/// A tool, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolText {
    /// Its name.
    pub name: String,
    /// Its title, or the beginning of its description.
    pub title: String,
    /// Its class.
    pub class: ToolClass,
    /// Its description.
    pub description: String,
    /// The schema of its arguments.
    pub schema: Map<String, Value>,
}

/// The outcome of a call, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallText {
    /// The result, or the reason of a failure.
    pub text: String,
    /// The call failed or was refused.
    pub failed: bool,
    /// The user has to confirm it first, and may be asked.
    pub asked: Option<AskedCall>,
}

/// A question to the user about a call, which was not made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedCall {
    /// The question, with the arguments.
    pub question: String,
    /// The state by which the call is made when the user agrees: for this user, tool and arguments,
    /// once, and not for long.
    pub state: String,
}

/// The result of a call, for parts of this program that show it to a user.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadResult {
    /// The parts of its content, in their order.
    pub parts: Vec<ReadPart>,
    /// Structured content.
    pub structured: Option<Value>,
    /// The tool reports a failure.
    pub failed: bool,
}

/// A part of the content of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadPart {
    /// A text.
    Text(String),
    /// An image.
    Image {
        /// Its media type, as the tool states it.
        kind: String,
        /// Its bytes in base64, as the tool sent them.
        data: String,
    },
    /// A sound.
    Audio {
        /// Its media type, as the tool states it.
        kind: String,
        /// Its bytes in base64, as the tool sent them.
        data: String,
    },
    /// A link to a resource.
    Link {
        /// Its name.
        name: String,
        /// The URI of the resource.
        uri: String,
    },
    /// An embedded resource, as JSON.
    Embedded(Value),
    /// Content of another kind, as JSON.
    Other(Value),
}

impl From<CallToolResult> for ReadResult {
    fn from(result: CallToolResult) -> Self {
        let part = |block: ContentBlock| match block {
            ContentBlock::Text(text) => ReadPart::Text(text.text),
            ContentBlock::Image(image) => {
                ReadPart::Image { kind: image.mime_type, data: image.data }
            }
            ContentBlock::Audio(audio) => {
                ReadPart::Audio { kind: audio.mime_type, data: audio.data }
            }
            ContentBlock::ResourceLink(link) => ReadPart::Link { name: link.name, uri: link.uri },
            ContentBlock::Resource(_) => {
                ReadPart::Embedded(serde_json::to_value(block).unwrap_or_default())
            }
            other => ReadPart::Other(serde_json::to_value(other).unwrap_or_default()),
        };
        Self {
            parts: result.content.into_iter().map(part).collect(),
            structured: result.structured_content,
            failed: result.is_error == Some(true),
        }
    }
}

impl CallText {
    /// A failure with this reason.
    pub fn failure(text: impl Into<String>) -> Self {
        Self { text: text.into(), failed: true, asked: None }
    }
}

impl Within {
    /// The MCP server, for other parts of the program.
    pub fn new(mcp: Mcp) -> Self {
        Self { in_place: InPlace::new(mcp.clone()), mcp, number: Arc::default() }
    }

    /// True if the MCP server is on. Switched off, it makes no calls for other parts either.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn is_enabled(&self) -> Result<bool, StoreError> {
        self.mcp.is_enabled().await
    }

    /// The caller of a grant, under the client's name; `None` if the grant or its user is not in
    /// force, or the MCP server is switched off.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn acting(&self, grant: &GrantId, name: &str) -> Result<Option<Acting>, StoreError> {
        let services = &self.mcp.inner.services;
        if !self.mcp.is_enabled().await? {
            return Ok(None);
        }
        let found = services.store.grant_in_force(grant, services.clock.now()).await?;
        let Some(grant) = found else { return Ok(None) };
        let (scopes, ends) = (grant.scopes.clone(), grant.expires_at.0);
        let Some(caller) = self.mcp.acting(grant, &scopes, ends).await? else { return Ok(None) };
        origin::acting(caller.actor());
        let facts = ClientFacts { name: name.to_owned(), ..ClientFacts::default() };
        let inbound = InboundRequest {
            caller: Arc::new(caller),
            target: Target::All,
            surface: Surface::Automatic,
            previews: false,
            client: Arc::new(facts),
            registered_name: name.into(),
            session: None,
            channel: Channel::none(),
            origin: origin::current(),
        };
        Ok(Some(Acting { within: self.clone(), inbound }))
    }
}

/// A user, for whom a part of this program acts.
#[derive(Clone)]
pub struct Acting {
    pub(crate) within: Within,
    pub(crate) inbound: InboundRequest,
}

impl Acting {
    /// The user.
    pub fn user(&self) -> &Arc<User> {
        &self.inbound.caller.user
    }

    /// The tools that may be called, in the order of their names.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn tools(&self) -> Result<Vec<ToolText>, StoreError> {
        let tools = self.within.mcp.allowed_tools(&self.inbound).await?;
        let scopes = &self.inbound.caller.scopes;
        let held = tools.into_iter().filter(|spec| scopes.allows(spec.scope));
        Ok(held.map(|spec| text_of(&spec)).collect())
    }

    /// The tools for a model, each with the argument of a code where the user must confirm calls:
    /// at most `most`, or else the three that lead to all.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn offered(&self, most: usize) -> Result<Vec<ToolText>, StoreError> {
        let mcp = &self.within.mcp;
        let scopes = &self.inbound.caller.scopes;
        let mut tools = mcp.allowed_tools(&self.inbound).await?;
        tools.retain(|spec| scopes.allows(spec.scope));
        if tools.len() > most {
            return Ok(surface::specs().iter().map(|spec| text_of(spec)).collect());
        }
        let shown = |spec: &Arc<ToolSpec>| {
            let shown = mcp.shown_tool(&self.inbound, spec);
            ToolText { schema: shown.tool.input_schema.as_ref().clone(), ..text_of(spec) }
        };
        Ok(tools.iter().map(shown).collect())
    }

    /// Calls a tool. Dropping the future takes the call back.
    pub async fn call(&self, name: &str, arguments: Map<String, Value>) -> CallText {
        self.make(CallToolRequestParams::new(name.to_owned()).with_arguments(arguments)).await
    }

    /// The same user in a place where they can be asked for a confirmation, if the operator trusts
    /// this client to ask.
    #[must_use]
    pub fn asking(&self) -> Self {
        let client = ClientFacts { asks: true, ..self.inbound.client.as_ref().clone() };
        let inbound = InboundRequest { client: Arc::new(client), ..self.inbound.clone() };
        Self { within: self.within.clone(), inbound }
    }

    /// Makes a call about which the user was asked, if they agree.
    pub async fn answer(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        state: String,
        agrees: bool,
    ) -> CallText {
        let mut params = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        params.request_state = Some(state);
        params.input_responses = Some(confirm::answers(agrees));
        self.make(params).await
    }

    async fn make(&self, params: CallToolRequestParams) -> CallText {
        let number = self.within.number.fetch_add(1, Ordering::Relaxed);
        let Some(context) = self.within.in_place.context(RequestId::Number(number)) else {
            return CallText::failure("the server cannot make calls at the moment");
        };
        let _gone = context.ct.clone().drop_guard();
        match self.within.mcp.call_within(self.inbound.clone(), params, &context).await {
            CallWithin::Asked(asked) => CallText {
                text: "This call was not made yet: confirm it first.".to_owned(),
                failed: true,
                asked: Some(asked),
            },
            CallWithin::Result(result) | CallWithin::Unconfirmed(result) => told(&result),
            CallWithin::RequiresInput => CallText::failure(
                "this call needs answers that a chat cannot give; use another client for it",
            ),
            CallWithin::Refused(why) => CallText::failure(why),
        }
    }

    /// The same user within these scopes.
    #[must_use]
    pub fn narrowed(mut self, scopes: &ScopeSet) -> Self {
        let before = self.inbound.caller.as_ref();
        let scopes = before.scopes.intersection(scopes);
        self.inbound.caller = Arc::new(Caller { scopes, ..before.clone() });
        self
    }

    /// The scopes with which it acts, as text.
    pub fn scopes(&self) -> String {
        self.inbound.caller.scopes.clone().normalised().to_string()
    }
}

/// The end of a call by a part of this program.
pub(crate) enum CallWithin {
    /// The result, of a success or a failure.
    Result(Box<ReadResult>),
    /// The user must confirm the call first, or did not: the text for the client.
    Unconfirmed(Box<ReadResult>),
    /// The user must confirm the call first, and may be asked in this place.
    Asked(AskedCall),
    /// The tool requires input that only a client can give.
    RequiresInput,
    /// The call was refused: the text for the client.
    Refused(String),
}

impl Mcp {
    /// Performs a call of a tool as it is performed for clients.
    pub(crate) async fn call_within(
        &self,
        inbound: InboundRequest,
        params: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> CallWithin {
        match self.perform(inbound, Operation::CallTool(params), context).await {
            Ok(Answer::Tool(CallToolResponse::Complete(result))) => {
                CallWithin::Result(Box::new(result.into()))
            }
            Ok(Answer::Tool(CallToolResponse::InputRequired(required))) => {
                let asked = confirm::asked(&required);
                asked.map_or(CallWithin::RequiresInput, |(question, state)| {
                    CallWithin::Asked(AskedCall { question, state })
                })
            }
            Ok(_) => CallWithin::RequiresInput,
            Err(error) => {
                let is_unconfirmed = matches!(error, ToolError::Unconfirmed(_));
                match surface::as_result(error) {
                    Ok(told) if is_unconfirmed => CallWithin::Unconfirmed(Box::new(told.into())),
                    Ok(result) => CallWithin::Result(Box::new(result.into())),
                    Err(error) => CallWithin::Refused(error.message.into_owned()),
                }
            }
        }
    }
}

fn text_of(spec: &ToolSpec) -> ToolText {
    let tool = &spec.tool;
    let description = tool.description.as_deref().unwrap_or_default().to_owned();
    let first = description.lines().next().unwrap_or_default();
    ToolText {
        name: spec.listed_as.clone(),
        title: tool.title.clone().unwrap_or_else(|| first.to_owned()),
        class: spec.class,
        schema: tool.input_schema.as_ref().clone(),
        description,
    }
}

/// The text of a result. Parts that are no text are named.
fn told(result: &ReadResult) -> CallText {
    let part = |part: &ReadPart| match part {
        ReadPart::Text(text) => text.clone(),
        ReadPart::Image { kind, .. } => format!("(an image, {kind})"),
        ReadPart::Audio { kind, .. } => format!("(a sound, {kind})"),
        ReadPart::Link { name, uri } => format!("{name}: {uri}"),
        ReadPart::Embedded(_) => "(an embedded resource)".to_owned(),
        ReadPart::Other(_) => "(content of another kind)".to_owned(),
    };
    let mut text = result.parts.iter().map(part).collect::<Vec<_>>().join("\n");
    // A structured result is repeated as text, for programs. Users read it in lines.
    if let Some(structured) = &result.structured
        && (text.is_empty()
            || serde_json::from_str::<Value>(&text).is_ok_and(|said| said == *structured))
    {
        text = serde_json::to_string_pretty(structured).unwrap_or_default();
    }
    CallText { text, failed: result.failed, asked: None }
}
