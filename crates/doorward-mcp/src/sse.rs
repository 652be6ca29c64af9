//! The deprecated HTTP+SSE transport (MCP 2024-11-05) for clients that support nothing newer. Every
//! request is checked like any other; the stream's id alone gives no access (CA24), and another
//! user's or client's stream does not exist (CA25, R16).

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use doorward_model::routes;
use doorward_transport::{Params, media_type, params::read_body};
use futures_util::{Sink, Stream, StreamExt, stream};
use rmcp::{
    RoleServer, ServiceExt,
    model::{ClientJsonRpcMessage, GetExtensions, JsonRpcMessage},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    Caller, Channel, ClientFacts, InboundRequest, Mcp,
    challenge::{empty, rpc_refusal},
    server::Server,
    session::introduced,
    streams::{self, Slot},
};

/// The data that a message needs of its stream.
struct StreamHandle {
    to_server: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    to_client: mpsc::Sender<Bytes>,
    client: Arc<ClientFacts>,
}

/// Number of messages that may wait in one direction.
const QUEUE: usize = 32;
/// The interval between comments on an idle stream (CA3: at most 30 s).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The open streams.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<String, Open>>);

struct Open {
    _slot: Slot,
    user_id: String,
    program: String,
    to_server: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    to_client: mpsc::Sender<Bytes>,
    // The client's statements about itself in `initialize`.
    facts: Arc<ClientFacts>,
}

impl Streams {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a stream's entry when its connection closes.
struct Entry {
    mcp: Mcp,
    id: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.mcp.inner.streams.lock().remove(&self.id);
    }
}

/// Sends the server's messages into the stream.
struct ToClient(mpsc::Sender<Bytes>, Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Sink<TxJsonRpcMessage<RoleServer>> for ToClient {
    type Error = Infallible;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Infallible>> {
        if let Some(sending) = self.1.as_mut() {
            std::task::ready!(sending.as_mut().poll(context));
            self.1 = None;
        }
        Poll::Ready(Ok(()))
    }
    fn start_send(
        mut self: Pin<&mut Self>,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> Result<(), Infallible> {
        if let Ok(json) = serde_json::to_string(&message) {
            let sender = self.0.clone();
            self.1 = Some(Box::pin(async move {
                // A connection that was closed needs no answer.
                let _ = sender.send(event("message", &json)).await;
            }));
        }
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.poll_ready(context)
    }
    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.poll_ready(context)
    }
}

fn event(name: &str, data: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// `GET /mcp/sse`: opens a stream and announces the URL for POST requests.
pub(crate) async fn open(State(mcp): State<Mcp>, request: Request) -> Response {
    let Some(caller) = request.extensions().get::<Arc<Caller>>().cloned() else {
        return empty(StatusCode::UNAUTHORIZED);
    };
    if !media_type::accepts(request.headers(), media_type::EVENT_STREAM) {
        return rpc_refusal(
            StatusCode::NOT_ACCEPTABLE,
            -32000,
            "this URL streams events: accept text/event-stream",
        );
    }
    let id = mcp.new_stream_id().to_string();
    let (to_server, from_client) = mpsc::channel(QUEUE);
    let (to_client, events) = mpsc::channel(QUEUE);
    if !mcp.keep_stream(&id, &caller, to_server, to_client.clone()) {
        return rpc_refusal(StatusCode::SERVICE_UNAVAILABLE, -32000, streams::TOO_MANY);
    }
    let entry = Entry { mcp: mcp.clone(), id: id.clone() };
    let transport = (ToClient(to_client, None), ReceiverStream::new(from_client));
    let stop = mcp.inner.services.stop.child_token();
    let server = Server::new(mcp.clone());
    let serving = stop.clone();
    tokio::spawn(async move {
        if let Ok(running) = server.serve_with_ct(transport, serving).await {
            let _ = running.waiting().await;
        }
    });
    let endpoint = event(
        "endpoint",
        &mcp.inner.settings.public_url.at(&format!("{}?session_id={id}", routes::MCP_MESSAGES)),
    );
    stream_response(endpoint, events, entry, stop.drop_guard())
}

/// The answer: the endpoint, then events with comments between them, until one side ends it.
fn stream_response(
    endpoint: Bytes,
    events: mpsc::Receiver<Bytes>,
    entry: Entry,
    guard: tokio_util::sync::DropGuard,
) -> Response {
    let state = (events, entry, guard);
    let rest = stream::unfold(state, |(mut events, entry, guard)| async move {
        let chunk = match tokio::time::timeout(KEEP_ALIVE, events.recv()).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return None,
            Err(_) => Bytes::from_static(b": still here\n\n"),
        };
        Some((chunk, (events, entry, guard)))
    });
    let body: Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>> =
        Box::pin(stream::once(async { endpoint }).chain(rest).map(Ok));
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::EVENT_STREAM));
    response
}

impl Mcp {
    fn keep_stream(
        &self,
        id: &str,
        caller: &Caller,
        to_server: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
        to_client: mpsc::Sender<Bytes>,
    ) -> bool {
        let Some(slot) = self.open_stream(caller.user_id()) else { return false };
        let mut open = self.inner.streams.lock();
        let stream = Open {
            _slot: slot,
            user_id: caller.user_id().to_string(),
            program: caller.program().to_string(),
            to_server,
            to_client,
            facts: Arc::default(),
        };
        open.insert(id.to_owned(), stream);
        true
    }

    /// The stream of this id, if it is this caller's; `facts` are kept when the client begins.
    fn stream_of(
        &self,
        id: &str,
        caller: &Caller,
        facts: Option<ClientFacts>,
    ) -> Option<StreamHandle> {
        let mut open = self.inner.streams.lock();
        let stream = open.get_mut(id)?;
        let same = stream.user_id == caller.user_id().as_str()
            && stream.program == caller.program().as_str();
        if !same {
            return None;
        }
        if let Some(facts) = facts {
            stream.facts = Arc::new(facts);
        }
        Some(StreamHandle {
            to_server: stream.to_server.clone(),
            to_client: stream.to_client.clone(),
            client: Arc::clone(&stream.facts),
        })
    }
}

/// Attaches to a message the request that carried it, so that tools see the caller.
fn attach(message: &mut ClientJsonRpcMessage, parts: Parts) {
    match message {
        JsonRpcMessage::Request(request) => {
            request.request.extensions_mut().insert(parts);
        }
        JsonRpcMessage::Notification(notification) => {
            notification.notification.extensions_mut().insert(parts);
        }
        _ => {}
    }
}

/// `POST /mcp/messages?session_id=…`: a message for an open stream.
pub(crate) async fn message(State(mcp): State<Mcp>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(caller) = parts.extensions.get::<Arc<Caller>>().cloned() else {
        return empty(StatusCode::UNAUTHORIZED);
    };
    let params = Params::from_query(parts.uri.query()).unwrap_or_default();
    let Some(id) = params.get("session_id").map(str::to_owned) else {
        return rpc_refusal(StatusCode::BAD_REQUEST, -32600, "session_id is missing");
    };
    if !media_type::is(&parts.headers, media_type::JSON) {
        return rpc_refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            -32600,
            "the message must be application/json",
        );
    }
    let Ok(body) = read_body(body, mcp.inner.settings.config.max_message_bytes).await else {
        return rpc_refusal(StatusCode::BAD_REQUEST, -32600, "the message could not be read");
    };
    let facts = match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(message) if message.get("method").is_some_and(|method| method == "initialize") => {
            Some(introduced(message.get("params").unwrap_or_default()))
        }
        _ => None,
    };
    let Some(stream) = mcp.stream_of(&id, &caller, facts) else {
        return rpc_refusal(StatusCode::NOT_FOUND, -32001, "there is no such session");
    };
    if let Some(inbound) = parts.extensions.get_mut::<InboundRequest>() {
        inbound.client = stream.client;
        inbound.session = Some(id.as_str().into());
        inbound.channel = Channel::of(&mcp, &caller, stream.to_client);
    }
    let Ok(mut message) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) else {
        return rpc_refusal(StatusCode::BAD_REQUEST, -32700, "the message is not JSON-RPC");
    };
    attach(&mut message, parts);
    match stream.to_server.send(message).await {
        Ok(()) => empty(StatusCode::ACCEPTED),
        Err(_) => rpc_refusal(StatusCode::NOT_FOUND, -32001, "the session has ended"),
    }
}
