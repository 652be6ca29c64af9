//! Plain requests, answered in place: by the protocol library's own types and dispatch, without the
//! loop of a connection that it would start for each of them.
//!
//! Only what is certain to be valid comes this way. Everything else goes to the library's
//! transport, which knows how to refuse it: this file refuses nothing.

use std::{
    convert::Infallible,
    future,
    sync::{Arc, OnceLock},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use doorward_transport::media_type;
use rmcp::{
    Peer, RoleServer, Service,
    model::{
        CallToolRequest, ClientCapabilities, ClientRequest, ErrorCode, ErrorData, GetExtensions,
        GetMeta, Implementation, InitializeRequestParams, JsonRpcVersion2_0, ListToolsRequest,
        ProtocolVersion, RequestId, ServerJsonRpcMessage,
    },
    service::{RequestContext, RxJsonRpcMessage, TxJsonRpcMessage, serve_directly},
    transport::Transport,
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{InboundRequest, Mcp, Target, server::Server, tools::is_built_in};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The beginning of a header's value that encodes another one.
const ENCODED: &str = "=?base64?";

/// The server side of requests that come alone.
#[derive(Clone)]
pub(crate) struct InPlace {
    mcp: Mcp,
    /// The connections that the dispatch wants, one for each of the known revisions, made when a
    /// request of it first comes.
    peers: Arc<[OnceLock<Peer<RoleServer>>]>,
}

/// The members of a message, as far as they decide how it is read. Another one decides too, so that
/// a message with it is not plain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    id: RequestId,
    #[serde(borrow)]
    method: &'a str,
    #[serde(default, rename = "params")]
    _params: IgnoredAny,
}

/// A request that is certain to be valid.
struct Plain {
    id: RequestId,
    request: ClientRequest,
    version: ProtocolVersion,
    /// Nothing that it does outlives it, so that it may end with the connection.
    is_local: bool,
}

impl InPlace {
    pub(crate) fn new(mcp: Mcp) -> Self {
        let peers = ProtocolVersion::KNOWN_VERSIONS.iter().map(|_| OnceLock::new()).collect();
        Self { mcp, peers }
    }

    /// Answers a request, or hands it back for the library's transport.
    pub(crate) async fn answer(&self, parts: Parts, body: &Bytes) -> Result<Response, Box<Parts>> {
        let Some(plain) = self.plain(&parts, body) else { return Err(Box::new(parts)) };
        let Some(peer) = self.peer(&plain.version) else { return Err(Box::new(parts)) };
        let Plain { id, mut request, version, is_local } = plain;
        let mut context = RequestContext::new(id.clone(), peer);
        context.meta = std::mem::take(request.get_meta_mut());
        context.extensions = std::mem::take(request.extensions_mut());
        context.extensions.insert(parts);
        // A client that goes away takes its request back.
        let _gone = context.ct.clone().drop_guard();
        let server = Server::new(self.mcp.clone());
        let dispatch = async move { server.handle_request(request, context).await };
        let answered = if is_local {
            dispatch.await
        } else {
            // A call that goes upstream runs on for as long as it needs to cancel itself there.
            tokio::spawn(apart(dispatch)).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a request ended without a response");
                Err(ErrorData::internal_error("the server cannot respond to this", None))
            })
        };
        let (message, status) = match answered {
            Ok(result) => (ServerJsonRpcMessage::response(result, id), StatusCode::OK),
            Err(error) => {
                let status = status_of(error.code, &version);
                (ServerJsonRpcMessage::error(error, Some(id)), status)
            }
        };
        Ok(written(&message, status))
    }

    /// The request, if everything about it is as the library's transport wants it.
    fn plain(&self, parts: &Parts, body: &[u8]) -> Option<Plain> {
        let headers = &parts.headers;
        let is_json = only(headers, &header::CONTENT_TYPE) == Some(media_type::JSON);
        let accepts_both =
            only(headers, &header::ACCEPT) == Some("application/json, text/event-stream");
        if !is_json || !accepts_both {
            return None;
        }
        let members: Members<'_> = serde_json::from_slice(body).ok()?;
        let request = match members.method {
            "tools/call" => ClientRequest::CallToolRequest(
                serde_json::from_slice::<CallToolRequest>(body).ok()?,
            ),
            "tools/list" => ClientRequest::ListToolsRequest(
                serde_json::from_slice::<ListToolsRequest>(body).ok()?,
            ),
            _ => return None,
        };
        let version = version(headers, &request)?;
        let named = match &request {
            ClientRequest::CallToolRequest(call) => Some(call.params.name.as_ref()),
            _ => None,
        };
        if !version.has_initialize() {
            let agrees = |name: &HeaderName, value: &str| {
                only(headers, name).is_some_and(|told| told == value)
            };
            let name_agrees =
                named.is_none_or(|name| agrees(&NAME, name) && !name.starts_with(ENCODED));
            if !agrees(&METHOD, members.method) || !name_agrees {
                return None;
            }
        }
        let is_local = match named {
            Some(name) => {
                let inbound = parts.extensions.get::<InboundRequest>()?;
                inbound.target == Target::All && is_built_in(name)
            }
            None => !self.mcp.may_offer(),
        };
        Some(Plain { id: members.id, request, version, is_local })
    }

    /// The context of a request that no transport brought.
    pub(crate) fn context(&self, id: RequestId) -> Option<RequestContext<RoleServer>> {
        self.peer(&ProtocolVersion::LATEST).map(|peer| RequestContext::new(id, peer))
    }

    /// The connection that the dispatch wants. It carries the revision and nothing else: no handler
    /// of ours speaks to a client through it, because the way back is a [`crate::Channel`].
    fn peer(&self, version: &ProtocolVersion) -> Option<Peer<RoleServer>> {
        let number = ProtocolVersion::KNOWN_VERSIONS.iter().position(|known| known == version)?;
        let peer = self.peers.get(number)?.get_or_init(|| {
            let mut info = InitializeRequestParams::new(
                ClientCapabilities::default(),
                Implementation::default(),
            );
            info.protocol_version = version.clone();
            let server = Server::new(self.mcp.clone());
            serve_directly(server, ClosedTransport, Some(info)).peer().clone()
        });
        Some(peer.clone())
    }
}

/// Work in a task of its own, under a name by which its costs are counted.
async fn apart<T>(work: impl Future<Output = T>) -> T {
    work.await
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The revision that a request is of, if its header and its members agree on it.
fn version(headers: &HeaderMap, request: &ClientRequest) -> Option<ProtocolVersion> {
    let told = if headers.contains_key(&VERSION) {
        let text = only(headers, &VERSION)?;
        ProtocolVersion::KNOWN_VERSIONS.iter().find(|known| known.as_str() == text)?.clone()
    } else {
        ProtocolVersion::V_2025_03_26
    };
    let meta = request.get_meta();
    let in_message = meta.protocol_version();
    if told.has_initialize() {
        return in_message.is_none().then_some(told);
    }
    let is_whole = meta.missing_required_keys(&told).is_empty();
    (is_whole && in_message.as_ref() == Some(&told)).then_some(told)
}

/// The HTTP status of an error. Revisions with a handshake know only one.
fn status_of(code: ErrorCode, version: &ProtocolVersion) -> StatusCode {
    if version.has_initialize() {
        return StatusCode::OK;
    }
    let of_message = [
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY,
        ErrorCode::HEADER_MISMATCH,
    ];
    if of_message.contains(&code) {
        StatusCode::BAD_REQUEST
    } else if code == ErrorCode::METHOD_NOT_FOUND {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    }
}

fn written(message: &ServerJsonRpcMessage, status: StatusCode) -> Response {
    match serde_json::to_vec(message) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a response could not be written");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// A connection that ended before it began.
struct ClosedTransport;

impl Transport<RoleServer> for ClosedTransport {
    type Error = Infallible;

    fn send(
        &mut self,
        _: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        future::ready(Ok(()))
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleServer>>> + Send {
        future::ready(None)
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Infallible>> + Send {
        future::ready(Ok(()))
    }
}
