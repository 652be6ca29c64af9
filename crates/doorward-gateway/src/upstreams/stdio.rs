//! A local process: spoken to over its standard input and output, its standard error logged, ended
//! with everything that it started.

mod lines;
mod owner;

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{self, ExitStatus},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    access::Credential,
    config::{SettingError, UpstreamConfig},
    link::Link,
    link_error::LinkError,
    log_limit::LogLimit,
    pool::{Connecting, Connector},
    process_log::{self, ProcessLog},
    upstream::{Auth, Kind, Receiver, Setup, Upstream},
    wire::Wire,
};
use lines::Lines;

/// A local process.
pub(crate) static KIND: Kind = Kind {
    name: "stdio",
    summary: "An MCP server that runs as a local process.",
    is_process: true,
    begins_with_stream: false,
    driver: &Stdio,
};

/// Maximum number of characters of one line of standard error that are logged.
const MAX_LOGGED: usize = 500;
/// The variables of Doorward's environment that every process gets.
const PASSED: &[&str] = &["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

struct Stdio;

/// The name of a process: its command.
fn named(config: &UpstreamConfig) -> String {
    format!("process {}", serde_json::to_string(&config.command).unwrap_or_default())
}

impl Setup for Stdio {
    fn check(&self, config: &UpstreamConfig, _: Option<&Url>) -> Result<(), SettingError> {
        if config.command.is_empty() {
            return Err(SettingError::new("command", "is needed"));
        }
        if config.user.is_empty() {
            return Ok(());
        }
        owner::check(&config.user).map_err(|why| SettingError::new("user", why))
    }

    fn check_access(&self, config: &UpstreamConfig, auth: &Auth) -> Result<(), SettingError> {
        let has_place = config.env.iter().any(|pair| pair.reveal().contains("{token}"));
        if matches!(auth, Auth::Fixed(..)) {
            return Err(SettingError::new(
                "auth",
                "a local process has no headers; pass values in env",
            ));
        }
        let is_own = matches!(auth, Auth::Own(_));
        if (auth.is_personal() || is_own) && !has_place {
            return Err(SettingError::new(
                "env",
                "must contain the token that auth yields, like TOKEN={token}",
            ));
        }
        if config.dpop {
            return Err(SettingError::new(
                "dpop",
                "is for servers at a URL: a local process gets its token once and without the key",
            ));
        }
        if matches!(auth, Auth::Grant | Auth::Assertion) && config.issuer.is_empty() {
            return Err(SettingError::new(
                "issuer",
                "is needed: a local process cannot name the authorization server that it trusts",
            ));
        }
        Ok(())
    }

    fn resource(&self, config: &UpstreamConfig, _: Option<&Url>) -> String {
        named(config)
    }

    fn place(&self, config: &UpstreamConfig) -> String {
        named(config)
    }

    fn is_reached_at(&self, _: &Upstream, receiver: Receiver<'_>) -> bool {
        matches!(receiver, Receiver::Process)
    }
}

impl Connector for Stdio {
    fn connect<'a>(&'a self, connecting: Connecting<'a>) -> BoxFuture<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            let Connecting { making, auth, supervisor } = connecting;
            let credential = auth.credential(Receiver::Process).await?;
            let token = credential.as_ref().map(Credential::token);
            let (process, pipes) = spawn(&making.upstream, token, supervisor, &making.wire)?;
            making.greet(pipes, Some(Box::new(process))).await
        })
    }
}

/// A process under way. Dropping it ends the process and all that it started.
struct Process {
    group: Option<i32>,
    stop: CancellationToken,
}

/// Time that a process may take to end by itself once its input is closed.
const LEAVE_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // The task that waits for the process does the rest, unless no task runs any more.
            let running = tokio::runtime::Handle::try_current().is_ok();
            signal(group, if running { "-TERM" } else { "-KILL" });
        }
        self.stop.cancel();
    }
}

/// Waits for a process: reports its end, and ends the rest of its group when it is dropped.
async fn attend(
    mut child: Child,
    group: Option<i32>,
    stop: CancellationToken,
    ended: watch::Sender<Option<String>>,
) {
    tokio::select! {
        status = child.wait() => {
            if let Ok(status) = status {
                ended.send_replace(Some(end_of(status)));
            }
            stop.cancelled().await;
        }
        () = stop.cancelled() => {
            let _ = tokio::time::timeout(LEAVE_WITHIN, child.wait()).await;
        }
    }
    // The rest of the process group ends too: a process that ended may have left children behind.
    if let Some(group) = group {
        signal(group, "-KILL");
    }
    let _ = child.wait().await;
}

/// The end of a process in words.
fn end_of(status: ExitStatus) -> String {
    // The supervisor ends with 128 and the signal that ended the process.
    let by_signal =
        status.signal().or_else(|| status.code().filter(|code| *code > 128).map(|code| code - 128));
    match (by_signal, status.code()) {
        (Some(signal), _) => {
            format!("its process was ended by signal {signal}; the log has what it wrote")
        }
        (None, Some(code)) => {
            format!("its process ended with exit status {code}; the log has what it wrote")
        }
        (None, None) => "its process ended; the log has what it wrote".to_owned(),
    }
}

/// Sends a signal to a whole process group. The group is the child's own, so it cannot contain
/// other processes of this server.
fn signal(group: i32, name: &str) {
    let sent = match name {
        "-KILL" => rustix::process::Signal::KILL,
        _ => rustix::process::Signal::TERM,
    };
    if let Some(group) = rustix::process::Pid::from_raw(group) {
        // A process group that has ended needs no signal.
        let _ = rustix::process::kill_process_group(group, sent);
    }
}

/// Starts the process of an upstream. `supervisor` is this program, which ends its child process
/// when the server ends in any way; without it the process is started directly.
fn spawn(
    upstream: &Upstream,
    token: Option<&str>,
    supervisor: Option<&Path>,
    wire: &Arc<Wire>,
) -> Result<(Process, Lines), LinkError> {
    let config = &upstream.config;
    let (program, arguments) = config
        .command
        .split_first()
        .ok_or_else(|| LinkError::Unreachable("there is no command".to_owned()))?;
    let mut command = match supervisor {
        Some(supervisor) => {
            let mut command = Command::new(supervisor);
            command.arg("supervise").arg("--").arg(program);
            command
        }
        None => Command::new(program),
    };
    let owner = owner::of(upstream.name, &config.user)
        .map_err(|why| LinkError::Unreachable(format!("its user: {why}")))?;
    command
        .args(arguments)
        .env_clear()
        .stdin(process::Stdio::piped())
        .stdout(process::Stdio::piped())
        .stderr(process::Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    for name in PASSED.iter().copied().chain(config.pass_env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(owner) = &owner {
        // Becoming another user also leaves all groups of root.
        command.uid(owner.uid).gid(owner.gid);
        if let Some(home) = &owner.home {
            command.env("HOME", home).env("TMPDIR", home).current_dir(home);
        }
    }
    for pair in &config.env {
        if let Some((name, value)) = pair.parts() {
            command.env(name, value.replace("{token}", token.unwrap_or_default()));
        }
    }
    if !config.working_dir.is_empty() {
        command.current_dir(&config.working_dir);
    }
    let mut child = command.spawn().map_err(|error| {
        LinkError::Unreachable(format!("{program} could not be started: {}", owner::words(&error)))
    })?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let missing = || LinkError::Unreachable("the process has no pipes".to_owned());
    let (stdout, stdin) =
        (child.stdout.take().ok_or_else(missing)?, child.stdin.take().ok_or_else(missing)?);
    if let Some(stderr) = child.stderr.take() {
        let variables = config.env.iter().filter_map(|pair| pair.parts());
        let lines = ProcessLines {
            upstream: upstream.name.to_string(),
            secrets: process_log::secrets(variables, token),
            log: Arc::clone(&upstream.process_log),
        };
        tokio::spawn(lines.read(stderr));
    }
    tracing::info!(upstream = %upstream.name, process = group, user = owner.map(|owner| owner.uid), "a process was started");
    let (ended, end) = watch::channel(None);
    let stop = CancellationToken::new();
    tokio::spawn(attend(child, group, stop.clone(), ended));
    Ok((Process { group, stop }, Lines::new(Arc::clone(wire), stdin, stdout, end)))
}

/// The target of the lines that processes write to their standard error.
pub const PROCESS_LOG: &str = "doorward_gateway::upstreams::stdio::process";

/// The lines that a process writes to its standard error.
struct ProcessLines {
    upstream: String,
    /// The secrets that the process was given, which no line contains.
    secrets: Vec<String>,
    log: Arc<ProcessLog>,
}

impl ProcessLines {
    /// Logs and keeps the lines, with limits on their length and number.
    async fn read(self, stderr: tokio::process::ChildStderr) {
        use tokio::io::AsyncReadExt;
        let mut reader = BufReader::new(stderr);
        let mut limit = LogLimit::default();
        loop {
            let mut line = Vec::new();
            // A line without an end must not grow without end.
            match (&mut reader).take(64 * 1024).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if limit.admits(&self.upstream) {
                let text = String::from_utf8_lossy(&line);
                let text = process_log::without(&text, &self.secrets);
                let line = doorward_model::foreign::line(&text, MAX_LOGGED);
                tracing::info!(target: PROCESS_LOG, upstream = self.upstream, "{line}");
                self.log.add(line.into_owned());
            }
        }
    }
}
