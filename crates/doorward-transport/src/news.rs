//! News for open pages, by server-sent events: each tells only that something was added. The page
//! then requests its rows again, so that they are read, checked and drawn in one place.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Maximum number of streams at the same time.
const STREAMS: usize = 32;
/// Time after which a stream ends. The browser opens the next one, which needs a session again.
const LASTS: Duration = Duration::from_mins(2);
/// Interval of comments on a stream without news, so that no proxy takes it for dead.
const SILENCE: Duration = Duration::from_secs(15);

/// The streams of news of a server. Cheap to clone.
#[derive(Clone)]
pub struct NewsStreams {
    turns: Arc<Semaphore>,
    stop: CancellationToken,
}

impl NewsStreams {
    /// The streams of a server, which end when it stops.
    pub fn new(stop: CancellationToken) -> Self {
        Self { turns: Arc::new(Semaphore::new(STREAMS)), stop }
    }

    /// A stream of news, each of which is a number. Where too many are open, the response is 503.
    pub fn open(&self, news: impl Stream<Item = i64> + Send + 'static) -> Response {
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let stop = self.stop.clone();
        let end = async move {
            // The turn is given back with the stream.
            let _turn = turn;
            let _ = tokio::time::timeout(LASTS, stop.cancelled()).await;
        };
        let events = news
            .map(|number| Ok::<_, Infallible>(Event::default().data(number.to_string())))
            .take_until(Box::pin(end));
        let kept_alive = KeepAlive::new().interval(SILENCE);
        let mut response = Sse::new(events).keep_alive(kept_alive).into_response();
        // A proxy that collects a response before it passes it on would hold the news back.
        let unbuffered = HeaderName::from_static("x-accel-buffering");
        response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
        response
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn streams_are_bounded_and_end_with_the_server() {
        let stop = CancellationToken::new();
        let streams = NewsStreams::new(stop.clone());
        let none = || stream::once(future::pending::<i64>());
        let open: Vec<Response> = (0..STREAMS).map(|_| streams.open(none())).collect();
        assert!(open.iter().all(|response| response.status() == StatusCode::OK));
        assert_eq!(streams.open(none()).status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(open);
        let told = streams.open(stream::iter([7]).chain(none()));
        stop.cancel();
        let body = axum::body::to_bytes(told.into_body(), 1024).await.unwrap();
        assert!(body.is_empty() || body == "data: 7\n\n", "{body:?}");
    }
}
