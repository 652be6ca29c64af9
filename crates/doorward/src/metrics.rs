//! Metrics for Prometheus. Labels are bounded: routes as they are written in the code, kinds,
//! classes and the names of upstreams; never a user, a client, a tool, a URL or an IP address.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_admin::{Health, Vital};
use doorward_model::{AuditEvent, VitalState};
use doorward_store::{Observer, Store};
use doorward_transport::routing::get;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Happened {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Depended {
    kind: &'static str,
    name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Changed {
    change: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Called {
    upstream: String,
    class: String,
    outcome: &'static str,
}

/// The counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    events: Family<Happened, Counter>,
    changes: Family<Changed, Counter>,
    calls: Family<Called, Counter>,
    call_seconds: Family<Called, Histogram, fn() -> Histogram>,
    entries: Gauge,
    ready: Gauge,
    working: Family<Depended, Gauge>,
    last_success: Family<Depended, Gauge>,
    milliseconds: Family<Depended, Gauge>,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("doorward");
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            events: Family::default(),
            changes: Family::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(histogram),
            entries: Gauge::default(),
            ready: Gauge::default(),
            working: Family::default(),
            last_success: Family::default(),
            milliseconds: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "http_requests",
            "HTTP requests that received a response",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time until the response to a request began",
            metrics.seconds.clone(),
        );
        registry.register("events", "Events, by kind as in the audit", metrics.events.clone());
        registry.register("changes", "Changes to the data, by kind", metrics.changes.clone());
        registry.register("tool_calls", "Tool calls", metrics.calls.clone());
        registry.register(
            "tool_call_seconds",
            "Duration of tool calls",
            metrics.call_seconds.clone(),
        );
        registry.register(
            "audit_entries",
            "The number of the last entry of the audit",
            metrics.entries.clone(),
        );
        registry.register(
            "ready",
            "1 if the database responds and a key signs",
            metrics.ready.clone(),
        );
        registry.register(
            "dependency_working",
            "1 if an upstream, identity provider, mail server or export responded when it was last \
             asked",
            metrics.working.clone(),
        );
        registry.register(
            "dependency_last_success_seconds",
            "Time of its last response, in seconds since 1970; 0 for never",
            metrics.last_success.clone(),
        );
        registry.register(
            "dependency_milliseconds",
            "Duration of its last response, in milliseconds",
            metrics.milliseconds.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Observer for Metrics {
    fn changed(&self, name: &'static str) {
        self.changes.get_or_create(&Changed { change: name }).inc();
    }

    fn happened(&self, event: &AuditEvent) {
        let outcome = event.outcome.as_str();
        self.events.get_or_create(&Happened { kind: event.kind.as_str(), outcome }).inc();
        if let Some(call) = &event.call {
            let called =
                Called { upstream: call.upstream.clone(), class: call.class.clone(), outcome };
            self.calls.get_or_create(&called).inc();
            self.call_seconds
                .get_or_create(&called)
                .observe(f64::from(u32::try_from(call.micros).unwrap_or(u32::MAX)) / 1e6);
        }
    }
}

/// Counts a request by the route that it takes.
pub(crate) async fn count<F: Future<Output = Response>>(
    metrics: &Metrics,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    };
    let began = Instant::now();
    let response = next(request).await;
    let status = match response.status().as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    metrics
        .seconds
        .get_or_create(&Route { route: route.clone() })
        .observe(began.elapsed().as_secs_f64());
    metrics.requests.get_or_create(&Answered { method, route, status }).inc();
    response
}

impl Metrics {
    /// Takes over the health of what the server depends on. What is disabled has none.
    fn depend(&self, vitals: &[Vital]) {
        self.working.clear();
        self.last_success.clear();
        self.milliseconds.clear();
        for vital in vitals.iter().filter(|vital| vital.state != VitalState::Off) {
            let label = Depended { kind: vital.dependency.as_str(), name: vital.name.clone() };
            let works = vital.state == VitalState::Working;
            self.working.get_or_create(&label).set(i64::from(works));
            let at = vital.record.last_success.unwrap_or(0);
            self.last_success.get_or_create(&label).set(at);
            if let Some(took) = vital.record.milliseconds {
                let took = i64::try_from(took).unwrap_or(i64::MAX);
                self.milliseconds.get_or_create(&label).set(took);
            }
        }
    }

    /// All of it as text, as Prometheus reads it.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).is_ok().then_some(text)
    }
}

/// The sources of the metrics that are read when they are requested.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Health,
    pub(crate) store: Store,
}

/// The metrics' own router.
pub(crate) fn router(measured: Measured) -> Router {
    Router::new().route("/metrics", get(serve_metrics)).with_state(measured)
}

async fn serve_metrics(State(measured): State<Measured>) -> Response {
    let Measured { metrics, health, store } = measured;
    metrics.ready.set(i64::from(health.readiness().await.is_ok()));
    if let Ok(head) = store.audit_head().await {
        metrics.entries.set(head.seq);
    }
    if let Ok(vitals) = health.vitals.known().await {
        metrics.depend(&vitals);
    }
    let Some(text) = metrics.text() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
