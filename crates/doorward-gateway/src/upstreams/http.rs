//! Streamable HTTP: the protocol library speaks it over requests that are made here, through the
//! guarded client and with a token that is looked up for each. Responses that are not answers are
//! interpreted here too; see [`crate::wire`].

mod answer;
mod client;
mod early;
pub(super) mod request;
mod turns;

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rmcp::{
    model::{ClientJsonRpcMessage, JsonRpcMessage},
    transport::{
        StreamableHttpClientTransport,
        common::client_side_sse::ExponentialBackoff,
        streamable_http_client::{
            SseError, StreamableHttpClient, StreamableHttpClientTransportConfig,
            StreamableHttpError, StreamableHttpPostResponse,
        },
    },
};

use crate::{
    link::{Link, NewLink},
    link_error::LinkError,
    pool::{Connecting, Connector},
    upstream::{Auth, Kind, Setup},
    wire::{
        MOST_BYTES,
        events::{Broken, Event},
        ids,
    },
};
use answer::SentRequest;
pub(super) use answer::{body as body_of, of_refusal as refusal};
pub(super) use client::Http;
use client::{Events, SESSION};
use request::Request;
use turns::Opened;

/// Streamable HTTP.
pub(crate) static KIND: Kind = Kind {
    name: "http",
    summary: "An MCP server over Streamable HTTP, of every revision from 2025-03-26 to 2026-07-28, \
        which is detected.",
    is_process: false,
    begins_with_stream: false,
    driver: &StreamableHttp,
};

struct StreamableHttp;

impl Setup for StreamableHttp {}

impl Connector for StreamableHttp {
    fn connect<'a>(&'a self, connecting: Connecting<'a>) -> BoxFuture<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            let Connecting { making, auth, .. } = connecting;
            let url = url(&making)?;
            let http = Http::to(&making, &url, auth)?;
            let held = http.held();
            making.greet(transport(http, &url), Some(held)).await
        })
    }
}

/// The URL of the setting `url`, without which no upstream of these kinds is made.
pub(super) fn url(making: &NewLink) -> Result<url::Url, LinkError> {
    let missing = || LinkError::Unreachable("the setting url is empty".to_owned());
    making.upstream.url.clone().ok_or_else(missing)
}

/// Requests at once on one connection.
const CONCURRENT: usize = 64;
/// Number of resumptions of a stream without success, after which the requests that wait for it
/// end.
const RESUMPTIONS: usize = 8;
type Failure = StreamableHttpError<LinkError>;

/// The headers of a request of the transport.
fn headers_of(
    custom: HashMap<HeaderName, HeaderValue>,
    session: Option<&str>,
    accept: &'static str,
) -> Result<HeaderMap, LinkError> {
    let mut headers: HeaderMap = custom.into_iter().collect();
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Some(session) = session {
        let session = HeaderValue::from_str(session).map_err(|_| {
            LinkError::Answer("names a session that cannot be sent back".to_owned())
        })?;
        headers.insert(SESSION, session);
    }
    Ok(headers)
}

impl Http {
    async fn post(
        &self,
        uri: &str,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, LinkError> {
        let accept = "application/json, text/event-stream";
        let mut headers = headers_of(custom, session.as_deref(), accept)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = ids::written(&message)?;
        let request = Request { method: Method::POST, headers, body: Some(body.into()) };
        let sent = self.send(uri, &request).await;
        match message {
            JsonRpcMessage::Request(asked) => {
                let how = SentRequest { uri, request: &request, with_session: session.is_some() };
                self.answered(&asked, how, sent?).await
            }
            JsonRpcMessage::Notification(_)
            | JsonRpcMessage::Response(_)
            | JsonRpcMessage::Error(_) => {
                self.taken(sent).await.map(|()| StreamableHttpPostResponse::Accepted)
            }
        }
    }

    /// Reads the response to a message that has no answer. Whatever it is, nothing waits for it.
    pub(super) async fn taken(
        &self,
        sent: Result<reqwest::Response, LinkError>,
    ) -> Result<(), LinkError> {
        let why = match sent {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => answer::of_refusal(response, self.now()).await,
            Err(why) => why,
        };
        match why {
            LinkError::Answer(_)
            | LinkError::Session(_)
            | LinkError::Failed(_)
            | LinkError::Wait(..) => {
                if self.wire.may_log() {
                    tracing::info!(upstream = %self.auth.upstream.name, %why, "an upstream did not accept a notification or an answer");
                }
                Ok(())
            }
            LinkError::Connect
            | LinkError::MoreScope
            | LinkError::Unreachable(_)
            | LinkError::Waiting(..) => Err(why),
        }
    }

    async fn get(
        &self,
        uri: &str,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<reqwest::Response, Failure> {
        let mut headers = headers_of(custom, session.as_deref(), "text/event-stream")
            .map_err(StreamableHttpError::Client)?;
        if self.turns.is_over(last_event.as_ref()) {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        if let Some(last) = last_event.and_then(|last| HeaderValue::from_str(&last).ok()) {
            headers.insert("last-event-id", last);
        }
        self.turns.wait().await;
        let request = Request { method: Method::GET, headers, body: None };
        let response = self.send(uri, &request).await.map_err(StreamableHttpError::Client)?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(StreamableHttpError::Client(LinkError::Connect));
        }
        if status.is_success()
            && doorward_transport::media_type::is(
                response.headers(),
                doorward_transport::media_type::EVENT_STREAM,
            )
        {
            return Ok(response);
        }
        let why = answer::of_refusal(response, self.now()).await;
        if status.is_server_error() {
            return Err(StreamableHttpError::Client(why));
        }
        // A retry would not yield a stream.
        tracing::debug!(upstream = %self.auth.upstream.name, %why, "an upstream has no stream of its own");
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }

    /// The stream that the old HTTP+SSE transport begins with.
    pub(crate) async fn old_stream(
        &self,
        url: &url::Url,
    ) -> Result<BoxStream<'static, Result<Event, Broken>>, LinkError> {
        let headers = headers_of(headers(&self.auth.upstream.auth), None, "text/event-stream")?;
        let request = Request { method: Method::GET, headers, body: None };
        let response = self.send(url.as_str(), &request).await?;
        let streams = response.status().is_success() && may_be_events(response.headers());
        if streams {
            Ok(self.events_of(response))
        } else {
            Err(answer::of_refusal(response, self.now()).await)
        }
    }
}

impl StreamableHttpClient for Http {
    type Error = LinkError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.post_message_with_max_sse_event_size(
            uri,
            message,
            session_id,
            auth_header,
            custom_headers,
            MOST_BYTES,
        )
        .await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        _: usize,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.while_held(Box::pin(self.post(&uri, message, session_id, custom_headers)))
            .await
            .map_err(StreamableHttpError::Client)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let headers = headers_of(custom_headers, Some(&session_id), "*/*")
            .map_err(StreamableHttpError::Client)?;
        let request = Request { method: Method::DELETE, headers, body: None };
        // The session ends after the link. Whatever the answer is, the session is not used again.
        self.send_always(&uri, &request).await.map(drop).map_err(StreamableHttpError::Client)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failure> {
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            MOST_BYTES,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        _: usize,
    ) -> Result<Events, Failure> {
        let mut opened = Opened::new(&self.turns, last_event_id.clone());
        let response = self.get(&uri, session_id, last_event_id, custom_headers).await?;
        let wire = Arc::clone(&self.wire);
        let read = self.events_of(response).then(move |event| {
            match &event {
                Ok(event) => opened.bring(event.id.as_ref()),
                // Taken up again, the stream would bring the same event.
                Err(Broken::TooLong) => opened.end(),
                Err(Broken::Off) => {}
            }
            let wire = Arc::clone(&wire);
            async move {
                match event {
                    Ok(event) => answer::of_event(&wire, event, None, None).await.0,
                    Err(broken) => vec![Err(SseError::Body(Box::new(broken)))],
                }
            }
        });
        Ok(read.flat_map(futures_util::stream::iter).boxed())
    }
}

/// Reports a body that is a stream of events by its media type, or states none of its own: some
/// servers forget it, or leave what their framework writes for text.
fn may_be_events(headers: &HeaderMap) -> bool {
    use doorward_transport::media_type::{EVENT_STREAM, Media};
    Media::of(headers).is_none_or(|media| media.is(EVENT_STREAM) || media.is("text/plain"))
}

/// The fixed headers of an upstream.
pub(crate) fn headers(auth: &Auth) -> HashMap<HeaderName, HeaderValue> {
    match auth {
        Auth::Fixed(name, value) => HashMap::from([(name.clone(), value.clone())]),
        _ => HashMap::new(),
    }
}

/// A transport to an upstream's URL.
fn transport(http: Http, url: &url::Url) -> StreamableHttpClientTransport<Http> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .max_concurrent_requests(CONCURRENT);
    config.custom_headers = headers(&http.auth.upstream.auth);
    config.max_sse_event_size = MOST_BYTES;
    // A session that no longer exists at the upstream ends the connection: the next one treats the
    // upstream as possibly replaced.
    config.reinit_on_expired_session = false;
    let mut pauses = ExponentialBackoff::default();
    pauses.max_times = Some(RESUMPTIONS);
    pauses.max_delay = Some(turns::LONGEST);
    config.retry_config = Arc::new(pauses);
    StreamableHttpClientTransport::with_client(http, config)
}
