//! The rest of a request's body when the request was answered without it.
//!
//! A refusal needs no body, and is often sent before the client has sent its whole request. If the
//! rest were not read, the connection would be closed after the response, and the client's next
//! request on it would fail without a fault of the client (RFC 9112 §9.3). So the rest is read and
//! discarded, within bounds, while the response is sent.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::pace::InFlight;

/// Number of further bytes that are read, and the time for it. Beyond that the connection is
/// closed.
const MOST: u64 = 1024 * 1024;
const WITHIN: Duration = Duration::from_secs(5);

/// A body with a remainder that is read and discarded when it is dropped. Its request is in flight
/// until then.
pub(crate) struct Whole(Option<(Incoming, InFlight)>);

impl Whole {
    pub(crate) fn new(body: Incoming, request: InFlight) -> Self {
        Self(Some((body, request)).filter(|(body, _)| !body.is_end_stream()))
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((body, _)) = &mut self.0 else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        let Some((body, request)) = self
            .0
            .take()
            .filter(|(body, _)| !body.is_end_stream() && body.size_hint().lower() <= MOST)
        else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(WITHIN, read_away(body)).await;
                drop(request);
            });
        }
    }
}

async fn read_away(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > MOST {
            return;
        }
    }
}
