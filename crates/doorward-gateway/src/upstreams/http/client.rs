//! The HTTP client of one connection, and the work that ends with the connection.

use std::sync::Arc;

use doorward_model::Timestamp;
use doorward_transport::outbound::Streams;
use futures_util::{StreamExt, stream::BoxStream};
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::Sse;
use tokio_util::sync::CancellationToken;

use super::turns::Turns;
use crate::{
    access::LinkAuth,
    link::NewLink,
    link_error::LinkError,
    wire::{
        Wire,
        events::{Broken, Event, events},
    },
};

/// The header that names a session.
pub(super) const SESSION: &str = "mcp-session-id";

/// The events of a stream, as the protocol library reads them.
pub(super) type Events = BoxStream<'static, Result<Sse, SseError>>;

/// An HTTP client that adds the upstream's token to each request.
#[derive(Clone)]
pub(in crate::upstreams) struct Http {
    pub(crate) client: Streams,
    pub(crate) auth: Arc<LinkAuth>,
    pub(crate) wire: Arc<Wire>,
    // Cancelled when the link is dropped, or was never made: the protocol library then continues to
    // wait for the answer to its first request.
    stop: CancellationToken,
    pub(super) turns: Arc<Turns>,
}

impl Http {
    /// The client of one link to an upstream's URL.
    pub(in crate::upstreams) fn to(
        making: &NewLink,
        url: &url::Url,
        auth: Arc<LinkAuth>,
    ) -> Result<Self, LinkError> {
        let client = making.upstream.outbound.streams_to(url);
        let client = client.map_err(|error| LinkError::Unreachable(error.to_string()))?;
        let stop = CancellationToken::new();
        Ok(Self { client, auth, wire: Arc::clone(&making.wire), stop, turns: Arc::default() })
    }

    /// The time at which a response without a `Date` was sent.
    pub(in crate::upstreams) fn now(&self) -> Timestamp {
        self.auth.gateway.services.clock.now()
    }

    /// A guard that ends all requests and streams of this client when it is dropped.
    pub(in crate::upstreams) fn held(&self) -> Box<dyn Send + Sync> {
        Box::new(self.stop.clone().drop_guard())
    }

    /// Waits for work of this connection, for as long as the connection is held.
    pub(in crate::upstreams) async fn while_held<T>(
        &self,
        work: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                Err(LinkError::Failed("the connection was closed".to_owned()))
            }
            done = work => done,
        }
    }

    /// The events of a response, for as long as the connection is held.
    pub(super) fn events_of(
        &self,
        response: reqwest::Response,
    ) -> BoxStream<'static, Result<Event, Broken>> {
        events(response.bytes_stream().take_until(self.stop.clone().cancelled_owned()))
    }
}
