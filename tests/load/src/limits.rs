//! The limits of the machine for the parts that operations consist of, taken in the same run: how
//! many of each a core does in a second.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{Router, routing::get, routing::post};

use crate::{
    http::{Agent, Outcome},
    work::Work,
};

/// Rows that share a commit, as those of the connections that are measured do.
const GROUP: u32 = 16;

/// The processor time of one of each part, in microseconds.
#[derive(Debug)]
pub(crate) struct Limits {
    /// A request to a bare axum.
    pub(crate) request: f64,
    /// A signature by ES256.
    pub(crate) signature: f64,
    /// A row inserted into SQLite with `synchronous=FULL`, 16 rows a commit.
    pub(crate) row: f64,
    /// A password by argon2id with the default parameters.
    pub(crate) password: f64,
    /// Flushes of 4 KiB that the disk does in a second.
    pub(crate) flushes: f64,
}

/// The processor time of this thread, which other load on the machine does not spoil.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = stat.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    first.unwrap_or_default() / 1e3
}

/// The least microseconds of a few runs. `work` does as many operations as it answers.
fn least(mut work: impl FnMut() -> Outcome<u32>) -> Outcome<f64> {
    work()?;
    let mut least = f64::MAX;
    for _ in 0..5 {
        let (begun, before, mut done) = (Instant::now(), cpu(), 0);
        while begun.elapsed() < Duration::from_millis(200) {
            done += work()?;
        }
        least = least.min((cpu() - before) / f64::from(done));
    }
    Ok(least)
}

impl Limits {
    pub(crate) async fn measured(folder: &Path) -> Outcome<Self> {
        Ok(Self {
            request: request().await?,
            signature: signature()?,
            row: row(folder)?,
            password: password()?,
            flushes: flushes(folder)?,
        })
    }

    /// The least processor time of an operation that consists of these parts and nothing else.
    pub(crate) fn of(&self, work: Work) -> f64 {
        match work {
            Work::Discovery | Work::Keys | Work::Introspection | Work::Call | Work::ModernCall => {
                self.request
            }
            Work::Hop => 2.0 * self.request,
            Work::Registration => self.request + self.row,
            Work::Refresh | Work::Workload => self.request + self.signature + self.row,
            Work::Service | Work::Exchange => self.request + self.signature,
            Work::Device => 4.0 * self.request + self.signature + 3.0 * self.row,
            Work::Flow => 4.0 * self.request + self.signature + 2.0 * self.row,
            Work::FlowAndCall => 5.0 * self.request + self.signature + 2.0 * self.row,
            Work::SignIn => 6.0 * self.request + self.signature + 3.0 * self.row + self.password,
        }
    }
}

fn signature() -> Outcome<f64> {
    let rng = SystemRandom::new();
    let broken = "no key could be made".to_owned();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).map_err(|_| broken.clone())?;
    let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).map_err(|_| broken)?;
    least(|| {
        for _ in 0..50 {
            let signed = key.sign(&rng, std::hint::black_box(&[7; 500]));
            std::hint::black_box(signed).map_err(|error| error.to_string())?;
        }
        Ok(50)
    })
}

fn password() -> Outcome<f64> {
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(|error| error.to_string())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    least(|| {
        let mut out = [0; 32];
        let done = argon2.hash_password_into(b"correct horse", b"saltsaltsaltsalt", &mut out);
        std::hint::black_box(out);
        done.map(|()| 1).map_err(|error| error.to_string())
    })
}

fn row(folder: &Path) -> Outcome<f64> {
    let text = |error: rusqlite::Error| error.to_string();
    let database = rusqlite::Connection::open(folder.join("limits.db")).map_err(text)?;
    database
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE token (hash text PRIMARY KEY, client text, expires integer)")
        .map_err(text)?;
    let mut insert =
        database.prepare("INSERT INTO token VALUES (?1, 'client', 1)").map_err(text)?;
    let mut number = 0_u64;
    least(|| {
        database.execute_batch("BEGIN IMMEDIATE").map_err(text)?;
        for _ in 0..GROUP {
            number += 1;
            let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            insert.execute([format!("{spread:020}-{number:022}")]).map_err(text)?;
        }
        database.execute_batch("COMMIT").map_err(text)?;
        Ok(GROUP)
    })
}

fn flushes(folder: &Path) -> Outcome<f64> {
    use std::io::Write;
    let text = |error: std::io::Error| error.to_string();
    let mut file = std::fs::File::create(folder.join("limits.file")).map_err(text)?;
    let (begun, mut done) = (Instant::now(), 0_u32);
    while begun.elapsed() < Duration::from_secs(1) {
        file.write_all(&[1; 4096]).and_then(|()| file.sync_data()).map_err(text)?;
        done += 1;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

/// The bare server on a thread of its own, whose time alone is counted.
async fn request() -> Outcome<f64> {
    let (told, heard) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = std::thread::spawn(move || -> Outcome<f64> {
        let text = |error: std::io::Error| error.to_string();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
            let host = listener.local_addr().map_err(text)?.to_string();
            told.send(host).map_err(|error| error.to_string())?;
            let router = Router::new().route("/", get(|| async { "hello" }));
            tokio::select! {
                served = async { axum::serve(listener, router).await } => served.map_err(text)?,
                _ = stopped => {}
            }
            Ok(cpu())
        })
    });
    let host = heard.recv().map_err(|error| error.to_string())?;
    let mut agent = Agent::new(&host);
    let requests = 20_000;
    for _ in 0..requests {
        agent.get("/").await?.expect(200)?;
    }
    drop(stop);
    let spent = serving.join().map_err(|_| "the bare server failed".to_owned())??;
    Ok(spent / f64::from(requests))
}

/// A minimal MCP server behind the gateway. Returns its URL.
pub(crate) fn stub() -> Outcome<String> {
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:0").await else { return };
            let Ok(address) = listener.local_addr() else { return };
            if told.send(format!("http://{address}/mcp")).is_err() {
                return;
            }
            let router = Router::new().route("/mcp", post(answer));
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the upstream ended: {error}");
            }
        });
    });
    heard.recv().map_err(|error| error.to_string())
}

async fn answer(body: axum::body::Bytes) -> axum::response::Response {
    use axum::{http::StatusCode, response::IntoResponse};
    use serde_json::{Value, json};
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(id) = message.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "stub", "version": "1"}})
        }
        "tools/list" => {
            json!({"tools": [{"name": "echo", "description": "Echo.", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}]})
        }
        "tools/call" => json!({"content": [{"type": "text", "text": "hello"}]}),
        "ping" => json!({}),
        _ => {
            let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}});
            return axum::Json(error).into_response();
        }
    };
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}
