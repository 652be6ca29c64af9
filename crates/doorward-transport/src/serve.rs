//! The accept loop: the gaps of `axum::serve` (silent connections, slow senders, endless heads,
//! clients that do not read, unbounded connections, delayed small writes) are bounded here, for
//! every listener, with TLS and without.

use std::{
    convert::Infallible, future::poll_fn, net::SocketAddr, sync::Arc, task::Poll, time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Semaphore, watch},
};
use tower::ServiceExt as _;

pub use crate::pace::Deadlines;
use crate::{
    address::{PeerAddress, TrustedProxies},
    answer,
    leftover::Whole,
    listeners::Listeners,
    pace::{Due, Overdue, Pace},
    peers::Peers,
    response::Paced,
    socket::{ObservedStream, Taking},
    tls,
    tls::Tls,
};

/// The limits of the loop.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum number of connections at the same time; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Maximum number of connections of one IP address (of one /64 of IPv6) at the same time;
    /// further ones are closed.
    pub connections_per_address: usize,
    /// The proxies with IP addresses that are not counted.
    pub proxies: TrustedProxies,
    /// The deadlines of a connection.
    pub deadlines: Deadlines,
    /// Time for which requests in flight may finish after the stop.
    pub shutdown: Duration,
}

/// The largest head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The deadlines are the pace's: it applies them before the version of HTTP is known.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(100)
        .max_buf_size(MAX_HEAD);
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

/// Serves until `stop` completes, then lets requests in flight finish. Returns `true` if all did.
pub async fn serve(
    listeners: impl Into<Listeners>,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> bool {
    let listeners = listeners.into();
    let builder = Arc::new(builder());
    let (stopping, stopped) = watch::channel(());
    let permits = Arc::new(Semaphore::new(limits.connections.max(1)));
    let peers = Peers::new(limits.connections_per_address, limits.proxies);
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
            accepted = listeners.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: the loop must survive it.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Some(held) = peers.admit(peer) else {
            tracing::debug!(address = %peer.ip(), "a connection was closed: its IP address already \
                has server.max_connections_per_address connections");
            continue;
        };
        // Small event-stream writes would otherwise wait 40 ms for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let (builder, router, stopped, pace, tls) = (
            Arc::clone(&builder),
            router.clone(),
            stopped.clone(),
            Arc::new(Pace::new(limits.deadlines)),
            listeners.tls().cloned(),
        );
        tokio::spawn(async move {
            match tls {
                None => {
                    let stream = Taking::new(stream, Arc::clone(&pace));
                    connection(&builder, Accepted { stream, peer }, router, pace, stopped).await;
                }
                Some(tls) => {
                    let shaken = shaken(&tls, stream, &pace, stopped.clone()).await;
                    if let Some(stream) = shaken {
                        connection(&builder, Accepted { stream, peer }, router, pace, stopped)
                            .await;
                    }
                }
            }
            drop((held, permit));
        });
    }
    drop((listeners, stopped));
    let _ = stopping.send(());
    // Each connection holds a receiver until it ends.
    tokio::time::timeout(limits.shutdown, stopping.closed()).await.is_ok()
}

/// A connection after its handshake, if the client shakes hands in time. The deadline of the first
/// head runs from the start of the connection.
async fn shaken(
    tls: &Tls,
    stream: TcpStream,
    pace: &Arc<Pace>,
    mut stopped: watch::Receiver<()>,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let shake = async {
        if tls::is_plain(&stream).await? {
            tls::refuse_plain(stream).await?;
            return Ok(None);
        }
        tls.handshake(Taking::new(stream, Arc::clone(pace))).await.map(Some)
    };
    let shaken = tokio::select! {
        biased;
        // Nothing was asked yet.
        _ = stopped.changed() => return None,
        shaken = tokio::time::timeout_at(pace.first_head(), shake) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake was not complete in time");
            None
        }
    }
}

/// An accepted connection.
struct Accepted<S> {
    stream: S,
    /// The other end.
    peer: SocketAddr,
}

/// Serves one connection until it ends, a deadline passes, or the server stops and its requests are
/// answered.
async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    builder: &auto::Builder<TokioExecutor>,
    accepted: Accepted<S>,
    router: Router,
    pace: Arc<Pace>,
    mut stopped: watch::Receiver<()>,
) {
    let Accepted { stream, peer } = accepted;
    let watched = Arc::clone(&pace);
    let service = TowerToHyperService::new(tower::service_fn(
        move |mut request: Request<hyper::body::Incoming>| {
            let in_flight = watched.begin();
            request.extensions_mut().insert(PeerAddress(peer));
            // A stream of HTTP/2 ends alone; a connection of HTTP/1.1 would end with it.
            let request = if request.version() == Version::HTTP_2 {
                request.map(Body::new)
            } else {
                request.map(|body| Body::new(Whole::new(body, in_flight.again())))
            };
            let router =
                names_one_host(request.version(), request.headers()).then(|| router.clone());
            async move {
                let response = match router {
                    Some(router) => {
                        router.oneshot(request).await.unwrap_or_else(|never| match never {})
                    }
                    None => no_host(),
                };
                Ok::<_, Infallible>(response.map(|body| Paced::new(body, in_flight)))
            }
        },
    ));
    let io = TokioIo::new(ObservedStream::new(stream, Arc::clone(&pace)));
    let connection = builder.serve_connection(io, service).into_owned();
    let (stop, sleep) =
        (stopped.changed(), tokio::time::sleep_until(pace.instant(pace.next_check())));
    tokio::pin!(connection, stop, sleep);
    let (mut armed, mut is_stopping, mut leaves_by) = (u64::MAX, false, None);
    let ended = poll_fn(|context| {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(ended.map_err(|error| error.to_string()));
        }
        if !is_stopping && stop.as_mut().poll(context).is_ready() {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
            context.waker().wake_by_ref();
        }
        loop {
            let due = match (pace.due(), leaves_by) {
                (Some(Due { which: Overdue::Idle, .. }), Some(at)) => {
                    Some(Due { at, which: Overdue::Idle })
                }
                (due, _) => due,
            };
            // A timer that fires too early is set again then: most requests end before any
            // deadline, and need not touch it.
            if let Some(due) = due.filter(|due| due.at < armed) {
                armed = due.at;
                sleep.as_mut().reset(pace.instant(due.at));
            }
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            match due.filter(|due| due.at <= pace.now()).map(|due| due.which) {
                // A client of HTTP/2 is notified first, so that no request under way is lost.
                Some(Overdue::Idle) if leaves_by.is_none() => {
                    leaves_by = Some(pace.now().saturating_add(pace.grace()));
                    connection.as_mut().graceful_shutdown();
                    context.waker().wake_by_ref();
                }
                Some(overdue) => return Poll::Ready(Err(overdue.as_str().to_owned())),
                None => {}
            }
            armed = due
                .filter(|due| due.at > pace.now())
                .map_or_else(|| pace.next_check(), |due| due.at);
            sleep.as_mut().reset(pace.instant(armed));
        }
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}

/// True if the request names the one host that it is for (RFC 9112 §3.2, RFC 9110 §7.2).
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        // HTTP/1.0 has none, and HTTP/2 has a pseudo-header instead.
        (None, _) => version != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// True if this is `uri-host [ ":" port ]` (RFC 9110 §7.2), by its characters.
fn is_host(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]".contains(byte))
}

fn no_host() -> Response {
    let told = "400: a request names the host that it is for, in one Host header (RFC 9112, section 3.2)\n";
    let mut response = (
        StatusCode::BAD_REQUEST,
        [(header::CONNECTION, "close"), (header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        told,
    )
        .into_response();
    answer::harden(response.headers_mut());
    response
}
