//! The connection from commands to the server that runs on the same data directory: a socket in it,
//! which only its owner can open. A command sends one request, and the server responds once.

use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Failed,
    data_dir::DataDir,
    reload::{PendingRequest, Reply, Request},
};

const NAME: &str = "control.sock";
/// The longest path of a socket that every system takes, in bytes.
const LONGEST_PATH: usize = 100;
/// Time that a command may take to send its request.
const SAID_WITHIN: Duration = Duration::from_secs(5);
/// Time that the server may take to respond.
const ANSWERED_WITHIN: Duration = Duration::from_mins(2);
/// Time that a command waits for the server to take up what it wrote.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(2);
/// The warning of a command of which the server did not take up the writes at once.
const LATER: &str = "the running server did not take up the change at once; it does within a second of responding again";
/// Maximum number of commands that are answered at the same time. Others wait to be accepted, so
/// that they take no file descriptors of the server.
const AT_ONCE: usize = 64;
/// The pause before a socket with a full queue is tried again.
const FULL: Duration = Duration::from_millis(20);
/// Maximum number of bytes of a question.
const MOST_BYTES: u64 = 256;

/// The path of the socket. Where it is too long for one, the open folder replaces its path.
struct Place {
    path: PathBuf,
    _folder: Option<File>,
}

impl Place {
    fn of(data_dir: &DataDir) -> std::io::Result<Self> {
        let path = data_dir.path().join(NAME);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(data_dir.path())?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(NAME);
        Ok(Self { path, _folder: Some(folder) })
    }
}

/// Opens the socket. The data directory is locked, so that a file at its path belongs to no server.
fn open(data_dir: &DataDir) -> std::io::Result<UnixListener> {
    let place = Place::of(data_dir)?;
    match fs::remove_file(&place.path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&place.path)?;
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until `stop`.
pub(crate) async fn serve(
    data_dir: DataDir,
    requests: mpsc::Sender<PendingRequest>,
    stop: CancellationToken,
) {
    let listener = match open(&data_dir) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "doorward reload cannot reach this server; SIGHUP and a changed file still reload it");
            return stop.cancelled().await;
        }
    };
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let accept = async {
            let turn = Arc::clone(&turns).acquire_owned().await;
            listener.accept().await.map(|(stream, _)| (stream, turn))
        };
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept => match accepted {
                Ok((stream, turn)) => {
                    let requests = requests.clone();
                    tokio::spawn(async move {
                        answer(stream, requests).await;
                        drop(turn);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a command received no response");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            },
        }
    }
    if let Ok(place) = Place::of(&data_dir) {
        let _ = fs::remove_file(place.path);
    }
}

async fn answer(mut stream: UnixStream, requests: mpsc::Sender<PendingRequest>) {
    let mut asked = Vec::new();
    let mut question = (&mut stream).take(MOST_BYTES);
    let read = question.read_to_end(&mut asked);
    let Ok(Ok(_)) = tokio::time::timeout(SAID_WITHIN, read).await else { return };
    let Ok(request) = serde_json::from_slice::<Request>(&asked) else { return };
    let (sender, receiver) = oneshot::channel();
    if requests.send((request, sender)).await.is_err() {
        return;
    }
    let Ok(told) = receiver.await else { return };
    if let Ok(text) = serde_json::to_vec(&told) {
        // The command may be gone.
        let _ = stream.write_all(&text).await;
        let _ = stream.shutdown().await;
    }
}

/// Connects, and waits while the queue of the socket is full.
async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let until = Instant::now() + ANSWERED_WITHIN;
    loop {
        match UnixStream::connect(path).await {
            Err(error)
                if error.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < until =>
            {
                tokio::time::sleep(FULL).await;
            }
            done => return done,
        }
    }
}

/// Has the server that runs on a data directory take up what this command wrote, so that it is in
/// effect when the command ends. A server that does not respond notices it by itself, within a
/// second.
pub(crate) async fn tell(data_dir: &DataDir) {
    match tokio::time::timeout(TAKEN_UP_WITHIN, ask(data_dir, Request::Changed)).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(reply))) if !reply.failed => {}
        Ok(Ok(Some(reply))) => tracing::warn!(reply = reply.says, "{LATER}"),
        Ok(Err(error)) => tracing::warn!(%error, "{LATER}"),
        Err(_) => tracing::warn!("{LATER}"),
    }
}

/// Sends a request to the server that runs on a data directory; `None` if none does.
pub(crate) async fn ask(data_dir: &DataDir, request: Request) -> Result<Option<Reply>, Failed> {
    let place = Place::of(data_dir).map_err(Failed::because)?;
    let mut stream = match connect(&place.path).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(Failed(format!("the running server cannot be reached: {error}")));
        }
    };
    let unanswered = || Failed("the running server did not respond; see its log".to_owned());
    let text = serde_json::to_vec(&request).map_err(Failed::because)?;
    stream.write_all(&text).await.map_err(Failed::because)?;
    stream.shutdown().await.map_err(Failed::because)?;
    let mut told = Vec::new();
    match tokio::time::timeout(ANSWERED_WITHIN, stream.read_to_end(&mut told)).await {
        Ok(Ok(_)) => serde_json::from_slice(&told).map(Some).map_err(|_| unanswered()),
        _ => Err(unanswered()),
    }
}
