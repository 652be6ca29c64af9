//! `doorward supervise`: runs a local process for the server and ends it, and everything that it
//! started, when the server has ended in any way. Not for direct use.

use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitCode, Stdio},
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process_group, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

use crate::Failed;

/// Time that a process may take to end by itself.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// Runs a command. It inherits this process's pipes, so that it is connected to the server
/// directly.
pub(super) async fn run(command: &[String]) -> Result<ExitCode, Failed> {
    let (program, arguments) =
        command.split_first().ok_or_else(|| Failed("there is no command".to_owned()))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::because)?;
    let parent = rustix::process::getppid();
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(Failed::because)?;
    if rustix::process::getppid() != parent {
        return Err(Failed("the server has already ended".to_owned()));
    }
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| Failed(format!("{program} could not be started: {error}")))?;
    let status = tokio::select! {
        status = child.wait() => Some(status.map_err(Failed::because)?),
        _ = terminate.recv() => None,
    };
    // The group holds this process, the command and its children. The first signal is ignored,
    // because this process requested it; the second ends it too.
    let _ = kill_process_group(getpid(), Signal::TERM);
    if status.is_none() {
        let _ = tokio::time::timeout(LEAVE_WITHIN, child.wait()).await;
    }
    let code = status
        .and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)))
        .unwrap_or(1);
    let others = std::fs::read_dir("/proc").is_ok_and(|processes| {
        processes
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .any(in_our_group)
    });
    if others {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _ = kill_process_group(getpid(), Signal::KILL);
    }
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// True if a process other than this one belongs to its group.
fn in_our_group(id: i32) -> bool {
    let Some(process) = rustix::process::Pid::from_raw(id) else {
        return false;
    };
    process != getpid()
        && rustix::process::getpgid(Some(process)).is_ok_and(|group| group == getpid())
}
