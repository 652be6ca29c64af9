//! The old HTTP+SSE transport (2024-11-05): a stream that says where to post, and posts.

use std::{pin::Pin, time::Duration};

use async_trait::async_trait;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use rmcp::{
    RoleClient,
    model::ClientJsonRpcMessage,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::streamable_http_client::StreamableHttpClient,
};
use url::Url;

use super::http::{self, Http, MAX_EVENT, headers, message_budget};
use crate::{
    link::{Era, Link, Making},
    link_error::LinkError,
    pool::{Connecting, Connector},
    upstream::{Auth, Kind, Receiver, Setup},
};

/// HTTP+SSE.
pub(crate) static KIND: Kind = Kind {
    name: "sse",
    summary: "An MCP server over the old HTTP+SSE transport (2024-11-05).",
    is_process: false,
    driver: &HttpSse,
};

struct HttpSse;

impl Setup for HttpSse {}

#[async_trait]
impl Connector for HttpSse {
    async fn connect(&self, connecting: Connecting<'_>) -> Result<Link, LinkError> {
        let Connecting { making, auth, .. } = connecting;
        let url = http::url(&making)?;
        let http = Http::to(&making, &url, auth)?;
        let pair = open(http, &url, &making.upstream.auth).await?;
        Making { era: Era::Legacy, ..making }.greet(pair, None).await
    }
}

/// How long the upstream may take to say where to post.
const ENDPOINT_WITHIN: Duration = Duration::from_secs(10);
/// How long one post may take. Its answer comes on the stream, not here.
const POST_WITHIN: Duration = Duration::from_secs(30);

/// The messages of the upstream.
type Incoming = Pin<Box<dyn Stream<Item = RxJsonRpcMessage<RoleClient>> + Send>>;
/// The messages to it.
type Outgoing = Pin<Box<dyn Sink<TxJsonRpcMessage<RoleClient>, Error = PostError> + Send>>;

/// A message that could not be posted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PostError(String);

/// Opens the stream and learns where to post. That address must be on the same origin: the
/// upstream's token goes there.
async fn open(http: Http, url: &Url, auth: &Auth) -> Result<(Outgoing, Incoming), LinkError> {
    let opened = http
        .get_stream_with_max_sse_event_size(
            url.as_str().into(),
            None,
            None,
            None,
            headers(auth),
            MAX_EVENT,
        )
        .await;
    let mut events = opened.map_err(|error| LinkError::of(&error))?;
    let endpoint = tokio::time::timeout(ENDPOINT_WITHIN, async {
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| LinkError::Failed(error.to_string()))?;
            if event.event.as_deref() == Some("endpoint") {
                return event.data.ok_or_else(|| {
                    LinkError::Failed("the stream names no address to post to".to_owned())
                });
            }
        }
        Err(LinkError::Failed("the stream ended before it named an address to post to".to_owned()))
    })
    .await
    .unwrap_or_else(|_| {
        Err(LinkError::Failed("the stream did not name an address to post to in time".to_owned()))
    })?;
    let target = url
        .join(endpoint.trim())
        .map_err(|error| LinkError::Failed(format!("{endpoint:?} is no address: {error}")))?;
    if target.origin() != url.origin() {
        return Err(LinkError::Failed(format!(
            "the stream names an address of another origin, {}",
            target.origin().ascii_serialization()
        )));
    }
    let incoming = events.filter_map(|event| async move {
        let event = event.ok()?;
        if event.event.as_deref().is_some_and(|name| name != "message") {
            return None;
        }
        message_budget().json(event.data?.as_bytes()).ok()
    });
    let sink = futures_util::sink::unfold(
        (http, target, headers(auth)),
        |state, message: ClientJsonRpcMessage| async move {
            let (http, target, fixed) = &state;
            let credential = http.auth.credential(Receiver::Url(target)).await;
            let credential = credential.map_err(|error| PostError(error.to_string()))?;
            let mut request = http.client.post(target.clone()).timeout(POST_WITHIN).json(&message);
            for (name, value) in fixed {
                request = request.header(name, value);
            }
            if let Some(credential) = credential {
                request = request.bearer_auth(credential.token());
            }
            let response = request.send().await.map_err(|error| PostError(error.to_string()))?;
            if !response.status().is_success() {
                return Err(PostError(format!("HTTP {} to a message", response.status())));
            }
            Ok(state)
        },
    );
    Ok((Box::pin(sink.sink_map_err(|error: PostError| error)), Box::pin(incoming)))
}
