//! The body of a response on its way to the client: it holds its request in flight, and reports to
//! the connection's pace each part that is taken for sending.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::pace::InFlight;

/// A response's body.
pub(crate) struct Paced {
    body: AxumBody,
    request: InFlight,
    /// A part was taken and the next not yet requested: the part is not sent. HTTP/2 requests the
    /// next when the client's flow-control window allows it, HTTP/1.1 when the socket's buffer
    /// does.
    unsent: bool,
}

impl Paced {
    /// The body of a response of which the head is about to be sent.
    pub(crate) fn new(body: AxumBody, request: InFlight) -> Self {
        request.0.taken(true);
        Self { body, request, unsent: true }
    }

    fn sent(&mut self) {
        if std::mem::take(&mut self.unsent) {
            self.request.0.sent();
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            let first = !std::mem::replace(&mut self.unsent, true);
            self.request.0.taken(first);
        } else {
            self.sent();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.sent();
    }
}
