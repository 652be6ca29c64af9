//! Sends entries of the audit elsewhere as they happen: to a webhook, to syslog, to an
//! OpenTelemetry collector.
//!
//! Each destination has a place in the chain of its own, kept in the database: entries that could
//! not be sent are sent later, also after a restart, and one of several replicas sends. An entry
//! arrives at least once, with its number and its hash.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use doorward_model::{
    AuditEntry, Change, Clock, Dependency, Entropy, Outcome, Timestamp, VitalRecord, VitalState,
    id::random_text,
};
use doorward_store::{Store, StoreError};
use doorward_transport::{
    Outbound, OutboundConfig,
    outbound::{LOOPBACK, OutboundSetupError, PeerPermissions},
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    Config, SettingError,
    lease::{Lease, replace},
    text,
};

/// Number of entries that go into one delivery.
const BATCH: u64 = 500;
/// The pause between two checks for new entries.
const PAUSE: Duration = Duration::from_millis(500);
/// The time limit of one delivery, with its reads and writes. Longer than that of an outbound
/// request.
const WITHIN: Duration = Duration::from_mins(1);
/// Maximum number of bytes of a message in one datagram; a longer one would never leave (RFC 5426
/// §3.2).
const MOST_DATAGRAM: usize = 32 * 1024;

/// The destination of entries.
enum Destination {
    Webhook { url: Url, token: String, outbound: Outbound },
    Otlp { url: Url, outbound: Outbound },
    Udp(String),
    Tcp(String),
}

/// The result of an attempt to send entries.
enum Turn {
    /// Entries were sent, and there may be more.
    Sent,
    /// The place in the audit from which entries are sent was noted, or was moved by another replica;
    /// the destination was not asked.
    Begun,
    /// There is nothing to send, or it is another replica's turn.
    Idle,
}

/// One destination with its name.
struct Export {
    name: &'static str,
    to: Destination,
}

/// The seconds between two successes that are noted.
const NOTE_EVERY: i64 = 60;

fn place(name: &str) -> String {
    format!("audit.export.{name}")
}

/// Checks the URLs of the configuration.
pub fn check(config: &Config) -> Result<(), SettingError> {
    let wrong =
        |key: &'static str, message: &str| SettingError { key, message: message.to_owned() };
    if !config.webhook.is_empty()
        && !Url::parse(config.webhook.reveal())
            .is_ok_and(|url| url.scheme() == "https" || url.scheme() == "http")
    {
        return Err(wrong("webhook", "must be an https URL"));
    }
    if !config.otlp.is_empty()
        && !Url::parse(config.otlp.reveal())
            .is_ok_and(|url| url.scheme() == "https" || url.scheme() == "http")
    {
        return Err(wrong(
            "otlp",
            "must be the URL of a collector, such as http://127.0.0.1:4318/v1/logs",
        ));
    }
    if !config.syslog.is_empty() && syslog(&config.syslog).is_none() {
        return Err(wrong("syslog", "must be udp://HOST:PORT or tcp://HOST:PORT"));
    }
    Ok(())
}

fn syslog(text: &str) -> Option<Destination> {
    let (scheme, at) = text.split_once("://")?;
    let (host, port) = at.trim_end_matches('/').rsplit_once(':')?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return None;
    }
    match scheme {
        "udp" => Some(Destination::Udp(format!("{host}:{port}"))),
        "tcp" => Some(Destination::Tcp(format!("{host}:{port}"))),
        _ => None,
    }
}

/// A destination is named by the operator, in the configuration file: it may be on this machine or
/// in any of the operator's networks.
fn outbound(general: &Outbound, config: &OutboundConfig) -> Result<Outbound, OutboundSetupError> {
    let anywhere = ["0.0.0.0/0".to_owned(), "::/0".to_owned()];
    let plain = LOOPBACK.map(str::to_owned);
    general.for_correspondent(
        config,
        PeerPermissions { networks: &anywhere, ca_file: None, plain: &plain },
    )
}

fn exports(
    config: &Config,
    general: &Outbound,
    guard: &OutboundConfig,
) -> Result<Vec<Export>, OutboundSetupError> {
    let mut exports = Vec::new();
    if let Ok(url) = Url::parse(config.webhook.reveal()) {
        let to = Destination::Webhook {
            url,
            token: config.webhook_token.reveal().to_owned(),
            outbound: outbound(general, guard)?,
        };
        exports.push(Export { name: "webhook", to });
    }
    if let Ok(url) = Url::parse(config.otlp.reveal()) {
        exports.push(Export {
            name: "otlp",
            to: Destination::Otlp { url, outbound: outbound(general, guard)? },
        });
    }
    exports.extend(syslog(&config.syslog).map(|to| Export { name: "syslog", to }));
    Ok(exports)
}

/// The parts of the program that an exporter uses.
pub struct ExportPorts<'a> {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: &'a dyn Entropy,
    /// The guarded client.
    pub outbound: &'a Outbound,
    /// The configuration of that client, for clients of single destinations.
    pub outbound_config: &'a OutboundConfig,
}

/// Sends entries elsewhere as they happen.
pub struct Exporter {
    store: Store,
    clock: Arc<dyn Clock>,
    exports: Vec<Export>,
    lease: Lease,
    /// Time that the last delivery took, in milliseconds.
    took: AtomicU64,
}

impl Exporter {
    /// An exporter to the destinations of the configuration.
    pub fn new(ports: ExportPorts<'_>, config: &Config) -> Result<Self, OutboundSetupError> {
        Ok(Self {
            exports: exports(config, ports.outbound, ports.outbound_config)?,
            lease: Lease::new(ports.store.clone(), random_text(ports.entropy, 9)),
            store: ports.store,
            clock: ports.clock,
            took: AtomicU64::new(0),
        })
    }

    /// Sends until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        if self.exports.is_empty() {
            return stop.cancelled().await;
        }
        futures_util::future::join_all(
            self.exports.iter().map(|export| self.send_all(export, stop)),
        )
        .await;
        for export in &self.exports {
            self.lease.release(&place(export.name)).await;
        }
    }

    async fn send_all(&self, export: &Export, stop: &CancellationToken) {
        let mut pause = PAUSE;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // An interrupted delivery is repeated: an entry may come twice, but none is missing.
            let turn = tokio::select! {
                () = stop.cancelled() => return,
                turn = tokio::time::timeout(WITHIN, self.turn(export)) => turn.unwrap_or_else(|_| Err("it takes too long".to_owned())),
            };
            self.note(export, &turn).await;
            match turn {
                Ok(Turn::Sent | Turn::Begun) => pause = Duration::from_millis(1),
                Ok(Turn::Idle) => pause = PAUSE,
                Err(why) => {
                    pause = (pause.max(PAUSE) * 2).min(Duration::from_mins(1));
                    tracing::warn!(
                        export = export.name,
                        why,
                        seconds = pause.as_secs(),
                        "the audit could not be exported; trying again"
                    );
                }
            }
        }
    }

    /// Notes how it went, for the health of this destination: each failure, and a success where the
    /// last answer was another, or is a minute old.
    async fn note(&self, export: &Export, turn: &Result<Turn, String>) {
        let key = Dependency::Export.key(export.name);
        let now = self.clock.now();
        let Ok(stored) = self.store.setting(&key).await else { return };
        let mut record = VitalRecord::read(stored.as_deref());
        let result = match turn {
            // Nothing was sent: the destination was not asked.
            Ok(Turn::Begun | Turn::Idle) => return,
            Ok(Turn::Sent) => Ok(()),
            Err(why) => Err(why.clone()),
        };
        let fresh = record.last_success.is_some_and(|at| now.0 - at < NOTE_EVERY);
        if result.is_ok() && fresh && record.state(Dependency::Export, now) == VitalState::Working {
            return;
        }
        let took = self.took.swap(0, Ordering::Relaxed);
        record.note(now, took, result);
        let noted = self.store.apply(Change::PutSetting { key, value: record.to_text() }).await;
        if let Err(error) = noted {
            tracing::debug!(%error, "the health of an export could not be stored");
        }
    }

    /// Sends the next entries, if it is this replica's turn.
    async fn turn(&self, export: &Export) -> Result<Turn, String> {
        let told = |error: StoreError| error.to_string();
        let key = place(export.name);
        let held = self.store.setting(&key).await.map_err(told)?;
        // The first export begins with the entries from then on.
        let Some(after) = held.as_deref().and_then(|value| value.parse::<i64>().ok()) else {
            let end = self.store.audit_head().await.map_err(told)?;
            let _ =
                self.store.apply(Change::InsertSetting { key, value: end.seq.to_string() }).await;
            return Ok(Turn::Begun);
        };
        let entries = self.store.audit_after(after, BATCH).await.map_err(told)?;
        let Some(last) = entries.last() else { return Ok(Turn::Idle) };
        if !self.lease.held(&place(export.name), self.clock.now()).await.map_err(told)? {
            return Ok(Turn::Idle);
        }
        // Before the lease was taken, its last holder may have sent these entries.
        if self.store.setting(&key).await.map_err(told)? != held {
            return Ok(Turn::Begun);
        }
        let began = Instant::now();
        let delivered = deliver(&export.to, &entries).await;
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.took.store(took, Ordering::Relaxed);
        delivered?;
        let moved = replace(key, after.to_string(), last.seq.to_string());
        match self.store.apply(moved).await {
            Ok(()) | Err(StoreError::Refused(_)) => Ok(Turn::Sent),
            Err(error) => Err(error.to_string()),
        }
    }
}

async fn deliver(to: &Destination, entries: &[AuditEntry]) -> Result<(), String> {
    match to {
        Destination::Webhook { url, token, outbound } => {
            let body: String =
                entries.iter().map(|entry| text::to_json(entry).to_string() + "\n").collect();
            let mut request =
                http::Request::post(url.as_str()).header("content-type", "application/jsonl");
            if !token.is_empty() {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            post(outbound, request, body.into_bytes()).await
        }
        Destination::Otlp { url, outbound } => {
            let request =
                http::Request::post(url.as_str()).header("content-type", "application/json");
            post(outbound, request, otlp(entries).to_string().into_bytes()).await
        }
        Destination::Udp(address) => {
            let any = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
            let socket = UdpSocket::bind(any).await.map_err(|error| error.to_string())?;
            for entry in entries {
                let message = message(entry);
                let whole = message.floor_char_boundary(MOST_DATAGRAM);
                socket
                    .send_to(message.get(..whole).unwrap_or_default().as_bytes(), address)
                    .await
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        Destination::Tcp(address) => {
            let connected =
                tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(address)).await;
            let mut stream = connected
                .map_err(|_| "no connection in time".to_owned())?
                .map_err(|error| error.to_string())?;
            // RFC 6587 §3.4.1: each message after its length.
            for message in entries.iter().map(message) {
                stream
                    .write_all(format!("{} {message}", message.len()).as_bytes())
                    .await
                    .map_err(|error| error.to_string())?;
            }
            stream.shutdown().await.map_err(|error| error.to_string())
        }
    }
}

async fn post(
    outbound: &Outbound,
    request: http::request::Builder,
    body: Vec<u8>,
) -> Result<(), String> {
    let request = request.body(body).map_err(|error| error.to_string())?;
    let answer = outbound.send(request, 64 * 1024).await.map_err(|error| error.to_string())?;
    if (200..300).contains(&answer.status) {
        Ok(())
    } else {
        Err(format!("it returned {}", answer.status))
    }
}

/// An entry as a syslog message (RFC 5424), facility 13 (log audit).
fn message(entry: &AuditEntry) -> String {
    let severity = if entry.event.outcome == Outcome::Ok { 6 } else { 4 };
    let priority = 13 * 8 + severity;
    let time = text::rfc3339(entry.event.at);
    format!(
        "<{priority}>1 {time} - doorward {} {} - {}",
        std::process::id(),
        entry.event.kind,
        text::to_json(entry)
    )
}

/// Entries as OpenTelemetry logs (OTLP/HTTP in JSON).
fn otlp(entries: &[AuditEntry]) -> Value {
    let nanos = |at: Timestamp| (i128::from(at.0) * 1_000_000_000).to_string();
    let attribute = |name: &str, value: &Value| {
        let value = match value {
            Value::Number(number) => json!({ "intValue": number.to_string() }),
            Value::String(text) => json!({ "stringValue": text }),
            other => json!({ "stringValue": other.to_string() }),
        };
        json!({"key": format!("doorward.{name}"), "value": value})
    };
    let record = |entry: &AuditEntry| {
        let json = text::to_json(entry);
        let attributes: Vec<Value> = json
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| attribute(name, value))
            .collect();
        let (number, text) =
            if entry.event.outcome == Outcome::Ok { (9, "INFO") } else { (13, "WARN") };
        json!({
            "timeUnixNano": nanos(entry.event.at), "severityNumber": number, "severityText": text,
            "body": {"stringValue": entry.event.kind.as_str()}, "attributes": attributes,
        })
    };
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "doorward"}}, {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}}]},
        "scopeLogs": [{"scope": {"name": "doorward.audit"}, "logRecords": entries.iter().map(record).collect::<Vec<_>>()}],
    }]})
}

/// Maximum number of entries that may wait to be sent before an export counts as failed.
pub const MOST_WAITING: i64 = 10_000;

/// The names of the destinations that are configured.
pub fn configured(config: &Config) -> Vec<&'static str> {
    [
        ("webhook", !config.webhook.is_empty()),
        ("otlp", !config.otlp.is_empty()),
        ("syslog", !config.syslog.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, configured)| configured.then_some(name))
    .collect()
}

/// The entries that wait to be sent to a destination.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// The name of the destination.
    pub destination: &'static str,
    /// The number of entries.
    pub waiting: i64,
}

/// The backlogs of the configured destinations.
pub async fn backlogs(store: &Store, config: &Config) -> Vec<Backlog> {
    let mut backlogs = Vec::new();
    for destination in configured(config) {
        let sent = store
            .setting(&place(destination))
            .await
            .ok()
            .flatten()
            .and_then(|value| value.parse::<i64>().ok());
        let head = store.audit_head().await.map(|head| head.seq).unwrap_or_default();
        backlogs.push(Backlog { destination, waiting: head - sent.unwrap_or(head) });
    }
    backlogs
}
