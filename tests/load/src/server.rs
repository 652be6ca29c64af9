//! The server that is measured: the program itself, in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    behind::Behind,
    http::{Agent, Outcome},
    prepared::{Prepared, Program},
};

/// The password of all users.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The parameters with which a server is started.
pub(crate) struct Start<'a> {
    pub(crate) binary: &'a Path,
    /// The URL of a PostgreSQL database, or nothing for SQLite.
    pub(crate) database: Option<&'a str>,
    pub(crate) behind: &'a Rc<Behind>,
    pub(crate) users: usize,
    /// The words before the program: `taskset`, `valgrind`.
    pub(crate) under: Vec<String>,
}

/// A running server. It ends with this value, and its folder with it.
pub(crate) struct Server {
    /// Its host and port.
    pub(crate) host: String,
    /// The clients that were added before it started.
    pub(crate) prepared: Rc<Prepared>,
    /// The time until the first response.
    pub(crate) started_in: Duration,
    process: Child,
    _folder: Folder,
}

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings that keep the limits for callers from being what is measured.
fn settings(behind: &Behind) -> String {
    let Behind { upstream, provider, .. } = behind;
    format!(
        r#"[limits]
calls_per_minute_user = 100000000
calls_per_minute_client = 100000000
[registration]
burst_per_address = 100000000
per_minute_per_address = 100000000
[server]
refused_burst_per_address = 100000000
refused_per_minute_per_address = 100000000
trusted_proxies = ["127.0.0.1"]
[issuer]
begun_per_minute_per_address = 100000000
[log]
level = "warn"
[upstreams.stub]
url = "{upstream}"
kind = "http"
networks = ["127.0.0.0/8"]
[providers.corp]
kind = "oidc"
name = "Corp"
issuer = "{provider}"
client_id = "doorward"
client_secret = "not-used"
authorize_url = "{provider}/authorize"
token_url = "{provider}/token"
jwks_url = "{provider}/keys"
networks = ["127.0.0.0/8"]
assertions = true
"#
    )
}

impl Server {
    pub(crate) async fn start(start: &Start<'_>) -> Outcome<Self> {
        let text = |error: std::io::Error| error.to_string();
        let stamp = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let folder = Folder(std::env::temp_dir().join(format!("doorward-load-{stamp}")));
        std::fs::create_dir_all(&folder.0).map_err(text)?;
        let program = Program {
            binary: start.binary.to_string_lossy().into_owned(),
            data: folder.0.join("data"),
            config: folder.0.join("doorward.toml"),
            database: start.database.map(str::to_owned),
        };
        std::fs::write(&program.config, settings(start.behind)).map_err(text)?;
        let behind = Rc::clone(start.behind);
        let prepared = Prepared::new(&program, start.users, &folder.0, behind).await?;
        let mut words = start.under.clone();
        words.push(program.binary.clone());
        let mut serve = program.command(&words[0]);
        serve.args(&words[1..]);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&program.data);
        serve.arg("--config").arg(&program.config);
        let begun = Instant::now();
        let mut process = serve
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(text)?;
        let host = announced(&mut process).await?;
        let mut agent = Agent::new(&host);
        while agent.get("/healthz").await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let started_in = begun.elapsed();
        Ok(Self { host, prepared: Rc::new(prepared), started_in, process, _folder: folder })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// The processor time of the process so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.unwrap_or_default();
        // The name in brackets may hold spaces. 14 and 15 of the whole are user and system time.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
        let all = ticks(12).unwrap_or_default() + ticks(13).unwrap_or_default();
        // Linux counts hundredths of a second for programs, on every architecture.
        Duration::from_millis(all * 10)
    }

    /// The memory that is its own, in MiB, shared pages in proportion.
    pub(crate) fn memory(&self) -> u64 {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid()));
        let rollup = rollup.unwrap_or_default();
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = pss.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or_default() / 1024
    }

    /// Ends it as an operator does.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        let pid = self.pid().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await;
        asked.map_err(|error| error.to_string())?;
        self.process.wait().await.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Reads where the server listens, which it prints when it is ready.
async fn announced(process: &mut Child) -> Outcome<String> {
    let stdout = process.stdout.take().ok_or("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Some(found) = line.trim().strip_prefix("MCP URL") else { continue };
        let host = found.trim().trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
        // It may print more, which must not block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        return Ok(host);
    }
    Err("the server did not start".to_owned())
}
