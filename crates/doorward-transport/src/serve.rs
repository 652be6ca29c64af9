//! The accept loop: what `axum::serve` leaves open (slow senders, endless heads, unbounded connections, delayed small writes) is
//! bounded here.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, http::Version};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt as _;

use crate::{address::PeerAddress, leftover::Whole};

/// How the loop is bounded.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most connections at the same time; further ones wait in the kernel's queue.
    pub connections: usize,
    /// For how long requests in flight may finish after the stop.
    pub shutdown: Duration,
}

/// How long a client may take to send the head of a request, the pause between two requests included. Longer than proxies keep an idle
/// connection (nginx: 60 s): if we closed it first, a request that is just on its way would be lost.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// The largest head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(100).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(128)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Serves until `stop` completes, then lets requests in flight finish. Answers whether all did.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) -> bool {
    let builder = Arc::new(builder());
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.connections.max(1)));
    tokio::pin!(stop);
    loop {
        let permit = tokio::select! {
            biased;
            () = &mut stop => break,
            permit = Arc::clone(&permits).acquire_owned() => permit,
        };
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: the loop must survive it.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Small event-stream writes would otherwise wait 40 ms for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = TowerToHyperService::new(tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer));
            let router = router.clone();
            // A stream of HTTP/2 ends alone; a connection of HTTP/1.1 would end with it.
            let request = if request.version() == Version::HTTP_2 { request.map(Body::new) } else { request.map(|body| Body::new(Whole::new(body))) };
            async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
        }));
        let watcher = graceful.watcher();
        let builder = Arc::clone(&builder);
        tokio::spawn(async move {
            let io: TokioIo<TcpStream> = TokioIo::new(stream);
            let connection = builder.serve_connection(io, service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(error = %error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    tokio::time::timeout(limits.shutdown, graceful.shutdown()).await.is_ok()
}
