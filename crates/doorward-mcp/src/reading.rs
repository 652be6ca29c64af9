//! Resources of an upstream, read by a part of this program with an access token that the operator
//! gave it. Roles, policy, limits and audit are those of every client with that token.

use std::sync::{Arc, atomic::Ordering};

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_model::{SecretSetting, UpstreamName};
use doorward_store::origin;
use rmcp::model::{
    ReadResourceRequestParams, ReadResourceResponse, RequestId, Resource, ResourceContents,
};

use crate::{
    BearerRefusal, Calling, Channel, ClientFacts, InboundRequest, Surface, Target, Within,
    operation::{Answer, Operation},
    tools::ToolError,
};

/// The name of this program among the clients of an upstream.
const NAME: &str = "doorward-knowledge";
/// The pause before another request, where nothing says how long, in seconds.
const PAUSE: u64 = 5;

/// A resource, as its upstream lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedResource {
    /// Its URI at the upstream.
    pub uri: String,
    /// Its title, or else its name.
    pub title: String,
    /// Its media type, as the upstream states it.
    pub media_type: String,
    /// The time of its last change, as the upstream states it.
    pub changed: Option<String>,
    /// The name at which it is read.
    address: String,
}

/// The content of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadContent {
    /// Its media type, as the upstream states it.
    pub media_type: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reason for which nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// The token is not valid now.
    #[error("the access token is not valid: {0}")]
    Token(String),
    /// The server cannot read now, but perhaps after so many seconds.
    #[error("{0}")]
    Later(String, u64),
    /// This resource cannot be read.
    #[error("{0}")]
    Resource(String),
}

/// A reader of the resources of one upstream.
#[derive(Clone)]
pub struct Reading {
    within: Within,
    token: SecretSetting,
    upstream: UpstreamName,
}

impl Reading {
    /// A reader with an access token of this server.
    pub fn new(within: Within, token: SecretSetting, upstream: UpstreamName) -> Self {
        Self { within, token, upstream }
    }

    /// The caller, as far as the token is valid at this moment.
    async fn inbound(&self) -> Result<InboundRequest, ReadFault> {
        let mcp = &self.within.mcp;
        let is_enabled = mcp.is_enabled().await;
        if !is_enabled.map_err(|error| ReadFault::Later(error.to_string(), PAUSE))? {
            return Err(ReadFault::Later("the MCP server is switched off".to_owned(), PAUSE));
        }
        let mut headers = HeaderMap::new();
        let value = HeaderValue::try_from(format!("Bearer {}", self.token.reveal()));
        let value = value.map_err(|_| ReadFault::Token("it is not a token".to_owned()))?;
        headers.insert(header::AUTHORIZATION, value);
        let target = Target::One(self.upstream);
        let uri = Uri::from_static("/mcp");
        let calling = Calling { method: &Method::POST, uri: &uri, headers: &headers };
        let caller = mcp.authenticate(target, calling).await.map_err(|refusal| match refusal {
            BearerRefusal::Unavailable(why) => ReadFault::Later(why, PAUSE),
            BearerRefusal::Invalid { why, .. } => ReadFault::Token(why),
            BearerRefusal::Malformed(_) | BearerRefusal::Missing => {
                ReadFault::Token("it is not a token".to_owned())
            }
            BearerRefusal::Unproved(_) => {
                ReadFault::Token("it is bound to the key of a client".to_owned())
            }
        })?;
        if !caller.reaches(Some(self.upstream)) {
            return Err(ReadFault::Token("it is not for this upstream".to_owned()));
        }
        origin::acting(caller.actor());
        let facts = ClientFacts { name: NAME.to_owned(), ..ClientFacts::default() };
        Ok(InboundRequest {
            caller,
            target,
            surface: Surface::Direct,
            previews: false,
            client: Arc::new(facts),
            registered_name: NAME.into(),
            session: None,
            channel: Channel::none(),
            origin: origin::current(),
        })
    }

    /// The resources that the token may read, in the order of their URIs.
    ///
    /// # Errors
    ///
    /// If the token is not valid, or the server cannot read now.
    pub async fn list(&self) -> Result<Vec<ListedResource>, ReadFault> {
        let inbound = self.inbound().await?;
        let listed = self.within.mcp.listed(&inbound, |source| source.resources(&inbound)).await;
        let listed = listed.map_err(|error| ReadFault::Later(error.to_string(), PAUSE))?;
        let mut all: Vec<ListedResource> =
            listed.into_iter().map(|one| listed_resource(one.item.own_name, one.shown)).collect();
        all.sort_by(|one, other| one.uri.cmp(&other.uri));
        all.dedup_by(|one, other| one.uri == other.uri);
        Ok(all)
    }

    /// Reads a resource, of which at most so many bytes are wanted.
    ///
    /// # Errors
    ///
    /// If the resource cannot be read, the token is not valid, or the server cannot read now.
    pub async fn read(
        &self,
        resource: &ListedResource,
        most: usize,
    ) -> Result<ReadContent, ReadFault> {
        let inbound = self.inbound().await?;
        let number = self.within.number.fetch_add(1, Ordering::Relaxed);
        let Some(context) = self.within.in_place.context(RequestId::Number(number)) else {
            let told = "the server cannot make requests now".to_owned();
            return Err(ReadFault::Later(told, PAUSE));
        };
        let _gone = context.ct.clone().drop_guard();
        let params = ReadResourceRequestParams::new(resource.address.clone());
        let operation = Operation::ReadResource(params);
        let answer = self.within.mcp.perform(inbound, operation, &context).await;
        match answer {
            Ok(Answer::Resource(ReadResourceResponse::Complete(result))) => {
                content(result.contents, most)
            }
            Ok(_) => Err(ReadFault::Resource("it needs answers of a user".to_owned())),
            Err(ToolError::Busy(why, seconds)) => Err(ReadFault::Later(why, seconds)),
            Err(ToolError::Unavailable(error)) => Err(ReadFault::Later(error.to_string(), PAUSE)),
            Err(ToolError::Protocol(error) | ToolError::Upstream(error)) => {
                Err(ReadFault::Resource(error.message.into_owned()))
            }
            Err(
                ToolError::Arguments(why) | ToolError::Failed(why) | ToolError::Unconfirmed(why),
            ) => Err(ReadFault::Resource(why)),
        }
    }
}

fn listed_resource(uri: String, shown: Resource) -> ListedResource {
    ListedResource {
        title: shown.title.unwrap_or(shown.name),
        media_type: shown.mime_type.unwrap_or_default(),
        changed: shown.annotations.and_then(|annotations| annotations.last_modified),
        address: shown.uri,
        uri,
    }
}

/// The parts of a resource as one content.
fn content(parts: Vec<ResourceContents>, most: usize) -> Result<ReadContent, ReadFault> {
    let wrong = |why: &str| ReadFault::Resource(why.to_owned());
    let mut content = ReadContent { media_type: None, bytes: Vec::new() };
    for part in parts {
        let (kind, bytes) = match part {
            ResourceContents::TextResourceContents { mime_type, text, .. } => {
                (mime_type, text.into_bytes())
            }
            ResourceContents::BlobResourceContents { mime_type, blob, .. } => {
                let bytes = STANDARD.decode(blob).map_err(|_| wrong("its bytes are not base64"))?;
                (mime_type, bytes)
            }
            _ => return Err(wrong("it is of an unknown kind")),
        };
        if !content.bytes.is_empty() {
            content.bytes.push(b'\n');
        }
        content.media_type = content.media_type.or(kind);
        content.bytes.extend(bytes);
        if content.bytes.len() > most {
            return Err(wrong("it is larger than file_bytes allows"));
        }
    }
    Ok(content)
}
