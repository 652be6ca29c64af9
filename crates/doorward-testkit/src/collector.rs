//! A collector of POST requests: a webhook, or one of OpenTelemetry.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
};
use tokio::net::TcpListener;

/// A request that was accepted.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The path of the request.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

struct Kept {
    deliveries: Mutex<Vec<Delivery>>,
    refusals: AtomicUsize,
    refused: AtomicUsize,
}

/// A collector on this machine.
pub struct FakeCollector {
    /// Its URL without a path.
    pub url: String,
    kept: Arc<Kept>,
}

async fn take(State(kept): State<Arc<Kept>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    if kept
        .refusals
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
    {
        kept.refused.fetch_add(1, Ordering::SeqCst);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let delivery = Delivery {
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    kept.deliveries.lock().unwrap().push(delivery);
    StatusCode::OK
}

impl FakeCollector {
    /// Starts one that refuses its first `refusals` requests.
    pub async fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Kept {
            deliveries: Mutex::default(),
            refusals: refusals.into(),
            refused: 0.into(),
        });
        let app = Router::new().fallback(take).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, kept }
    }

    /// The deliveries at this path.
    pub fn at(&self, path: &str) -> Vec<Delivery> {
        self.kept
            .deliveries
            .lock()
            .unwrap()
            .iter()
            .filter(|delivery| delivery.path == path)
            .cloned()
            .collect()
    }

    /// Counts the requests that were refused.
    pub fn refused(&self) -> usize {
        self.kept.refused.load(Ordering::SeqCst)
    }
}
