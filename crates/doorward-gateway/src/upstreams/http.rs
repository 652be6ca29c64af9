//! Streamable HTTP: the protocol library speaks it through the guarded client, with a token that is
//! looked up for each request.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use doorward_transport::Budget;
use futures_util::{StreamExt, stream::BoxStream};
use http::{HeaderName, HeaderValue};
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::{
        StreamableHttpClientTransport,
        streamable_http_client::{
            AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpClientTransportConfig,
            StreamableHttpError, StreamableHttpPostResponse,
        },
    },
};

use crate::{
    access::{Credential, LinkAuth, NoToken},
    link::{Link, Making},
    link_error::{CONNECT_FIRST, LinkError},
    pool::{Connecting, Connector},
    upstream::{Auth, Kind, Receiver, Setup},
};

/// Streamable HTTP.
pub(crate) static KIND: Kind = Kind {
    name: "http",
    summary: "An MCP server over Streamable HTTP, of every revision from 2025-03-26 to 2026-07-28; which one it speaks is found out.",
    is_process: false,
    driver: &StreamableHttp,
};

struct StreamableHttp;

impl Setup for StreamableHttp {}

#[async_trait]
impl Connector for StreamableHttp {
    async fn connect(&self, connecting: Connecting<'_>) -> Result<Link, LinkError> {
        let Connecting { making, auth, .. } = connecting;
        let url = url(&making)?;
        let http = Http::to(&making, &url, auth)?;
        let transport = transport(http, &url, &making.upstream.auth);
        making.greet(transport, None).await
    }
}

/// The URL of the setting `url`, without which no upstream of these kinds is made.
pub(super) fn url(making: &Making) -> Result<url::Url, LinkError> {
    let missing = || LinkError::Failed("the setting url is empty".to_owned());
    making.upstream.url.clone().ok_or_else(missing)
}

/// The most bytes of one event of an upstream's stream. JSON answers are bounded to the same size
/// by the library.
pub(crate) const MAX_EVENT: usize = 16 * 1024 * 1024;
/// The most values of one event, and how deep they are nested. The library limits JSON answers by
/// their bytes alone.
const MOST_VALUES: usize = 1_000_000;
const MOST_DEPTH: usize = 100;
/// Requests at once on one connection.
const CONCURRENT: usize = 64;

/// The budget of one message of an upstream.
pub(crate) fn message_budget() -> Budget {
    Budget::new(MAX_EVENT, MOST_VALUES, MOST_DEPTH)
}

/// The events of a stream, each within the budget of a message: the library parses what passes.
fn within_budget(
    events: BoxStream<'static, Result<sse_stream::Sse, SseError>>,
) -> BoxStream<'static, Result<sse_stream::Sse, SseError>> {
    let count = |event: sse_stream::Sse| match event
        .data
        .as_ref()
        .map_or(Ok(()), |data| message_budget().count_json(data.as_bytes()))
    {
        Ok(()) => Ok(event),
        Err(exceeded) => Err(SseError::Body(Box::new(exceeded))),
    };
    Box::pin(events.map(move |event| event.and_then(count)))
}

/// An HTTP client that adds the upstream's token to each request.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) client: reqwest::Client,
    pub(crate) auth: Arc<LinkAuth>,
}

type Failure = StreamableHttpError<reqwest::Error>;

fn refused(no_token: NoToken) -> Failure {
    match no_token {
        NoToken::Connect(_) => {
            StreamableHttpError::AuthRequired(AuthRequiredError::new(CONNECT_FIRST.to_owned()))
        }
        NoToken::Unavailable(why) => StreamableHttpError::UnexpectedServerResponse(why.into()),
    }
}

/// Whether an upstream's refusal is about the token, with its challenge.
fn challenge(error: &Failure) -> Option<String> {
    match error {
        StreamableHttpError::AuthRequired(challenge) => {
            Some(challenge.www_authenticate_header.clone())
        }
        StreamableHttpError::UnexpectedServerResponse(text) if text.starts_with("HTTP 401") => {
            Some(String::new())
        }
        _ => None,
    }
}

impl Http {
    /// The client of one link to an upstream's URL.
    pub(super) fn to(
        making: &Making,
        url: &url::Url,
        auth: Arc<LinkAuth>,
    ) -> Result<Self, LinkError> {
        let client = making.upstream.outbound.streams_to(url);
        let client = client.map_err(|error| LinkError::Failed(error.to_string()))?;
        Ok(Self { client, auth })
    }

    /// Sends with the present token, and once more with a fresh one if the upstream refuses it.
    async fn with_token<T, F>(
        &self,
        uri: &str,
        send: impl Fn(Option<String>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let url = url::Url::parse(uri).map_err(|error| {
            StreamableHttpError::UnexpectedServerResponse(format!("{uri}: {error}").into())
        })?;
        let receiver = Receiver::Url(&url);
        let text = |credential: &Credential| credential.token().to_owned();
        let credential = self.auth.credential(receiver).await.map_err(refused)?;
        let error = match send(credential.as_ref().map(text)).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(said) = challenge(&error) else {
            if let StreamableHttpError::InsufficientScope(more) = &error {
                self.auth.wants_scope(more.get_required_scope());
            }
            return Err(error);
        };
        self.auth.challenged(&said);
        let Some(credential) = credential else { return Err(error) };
        match self.auth.renewed(receiver, &credential).await {
            Ok(Some(fresh)) => {
                let again = send(Some(text(&fresh))).await;
                if let Err(error) = &again
                    && challenge(error).is_some()
                {
                    self.auth.refused(&fresh).await;
                }
                again
            }
            Ok(None) => Err(error),
            Err(no_token) => Err(refused(no_token)),
        }
    }
}

impl StreamableHttpClient for Http {
    type Error = reqwest::Error;

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
            MAX_EVENT,
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
        max: usize,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let answer = self.with_token(&uri, |token| {
            self.client.post_message_with_max_sse_event_size(
                uri.clone(),
                message.clone(),
                session_id.clone(),
                token,
                custom_headers.clone(),
                max,
            )
        });
        Ok(match answer.await? {
            StreamableHttpPostResponse::Sse(events, session) => {
                StreamableHttpPostResponse::Sse(within_budget(events), session)
            }
            other => other,
        })
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        self.with_token(&uri, |token| {
            self.client.delete_session(
                uri.clone(),
                session_id.clone(),
                token,
                custom_headers.clone(),
            )
        })
        .await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<sse_stream::Sse, SseError>>, Failure> {
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            MAX_EVENT,
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
        max: usize,
    ) -> Result<BoxStream<'static, Result<sse_stream::Sse, SseError>>, Failure> {
        let events = self.with_token(&uri, |token| {
            self.client.get_stream_with_max_sse_event_size(
                uri.clone(),
                session_id.clone(),
                last_event_id.clone(),
                token,
                custom_headers.clone(),
                max,
            )
        });
        Ok(within_budget(events.await?))
    }
}

/// The fixed headers of an upstream.
pub(crate) fn headers(auth: &Auth) -> HashMap<HeaderName, HeaderValue> {
    match auth {
        Auth::Fixed(name, value) => HashMap::from([(name.clone(), value.clone())]),
        _ => HashMap::new(),
    }
}

/// A transport to an upstream's URL.
fn transport(http: Http, url: &url::Url, auth: &Auth) -> StreamableHttpClientTransport<Http> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .max_concurrent_requests(CONCURRENT);
    config.custom_headers = headers(auth);
    config.max_sse_event_size = MAX_EVENT;
    StreamableHttpClientTransport::with_client(http, config)
}
