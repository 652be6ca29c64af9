//! The limits of the machine for the parts that operations consist of, taken in the same run: how
//! many of each a core does in a second.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::{Router, routing::get};

use crate::{
    http::{Agent, Outcome},
    keys::Key,
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
    /// A verification of a signature by ES256.
    pub(crate) verification: f64,
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
            verification: verification()?,
            row: row(folder)?,
            password: password()?,
            flushes: flushes(folder)?,
        })
    }

    /// The least processor time of an operation that consists of these parts and nothing else.
    pub(crate) fn of(&self, work: Work) -> f64 {
        match work {
            Work::Discovery
            | Work::Keys
            | Work::Introspection
            | Work::Userinfo
            | Work::Call
            | Work::ModernCall => self.request,
            Work::Hop => 2.0 * self.request,
            Work::Registration => self.request + self.row,
            Work::Service | Work::Exchange | Work::Check => self.request + self.signature,
            Work::Refresh => self.request + self.signature + self.row,
            Work::SignedService | Work::Workload => {
                self.request + self.verification + self.signature + self.row
            }
            // The assertion or proof that is spent, and the grant or refresh token.
            Work::Asserted | Work::BoundRefresh => {
                self.request + self.verification + self.signature + 2.0 * self.row
            }
            Work::BoundCall => self.request + self.verification,
            Work::Device => 4.0 * self.request + self.signature + 3.0 * self.row,
            Work::Flow => 4.0 * self.request + self.signature + 2.0 * self.row,
            Work::BoundFlow => {
                4.0 * self.request + self.verification + self.signature + 3.0 * self.row
            }
            // The request that is pushed, and used.
            Work::Pushed => 5.0 * self.request + self.signature + 4.0 * self.row,
            // No page, and an ID token beside the access token.
            Work::OpenId => 2.0 * self.request + 2.0 * self.signature + 2.0 * self.row,
            Work::FlowAndCall => 5.0 * self.request + self.signature + 2.0 * self.row,
            Work::SignIn => 6.0 * self.request + self.signature + 3.0 * self.row + self.password,
        }
    }
}

/// The text whose signature is measured, as long as the claims of an access token.
const TEXT: [u8; 500] = [7; 500];

fn signature() -> Outcome<f64> {
    let key = Key::new()?;
    least(|| {
        for _ in 0..50 {
            std::hint::black_box(key.sign(std::hint::black_box(&TEXT))?);
        }
        Ok(50)
    })
}

fn verification() -> Outcome<f64> {
    let key = Key::new()?;
    let signature = key.sign(&TEXT)?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public());
    least(|| {
        for _ in 0..50 {
            let verified = public.verify(std::hint::black_box(&TEXT), &signature);
            verified.map_err(|error| error.to_string())?;
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
