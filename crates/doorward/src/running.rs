//! The note in the data directory of how the server was started, for commands.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::data_dir::DataDir;

/// The start parameters of the server that runs on a data directory, or last ran on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Running {
    /// Its version.
    pub version: String,
    /// Its process.
    pub process: u32,
    /// The time of its start, in seconds since 1970.
    pub started_at: i64,
    /// The URL under which users and clients reach it.
    pub public_url: String,
    /// The IP addresses and ports that it listens on.
    pub listen: Vec<String>,
    /// The certificate that it serves https with, if it does.
    pub certificate: Option<PathBuf>,
    /// The IP address and port of its metrics, if it serves them.
    pub metrics: Option<String>,
    /// Its configuration file, if it was given one.
    pub configuration: Option<PathBuf>,
}

const NOTE: &str = "server.json";

impl DataDir {
    /// Notes how a server is started here.
    pub fn note(&self, running: &Running) -> Result<(), std::io::Error> {
        let (path, new) = (self.path().join(NOTE), self.path().join("server.json.new"));
        let _ = fs::remove_file(&new);
        let text = serde_json::to_string_pretty(running).map_err(std::io::Error::other)?;
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, path)
    }

    /// The note of the server that started here last. An unreadable one is ignored: it is of
    /// another version, and the configuration has the same values.
    pub fn noted(&self) -> Option<Running> {
        let text = fs::read_to_string(self.path().join(NOTE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The note of the server that runs here now.
    pub fn running(&self) -> Option<Running> {
        self.is_locked().then(|| self.noted()).flatten()
    }
}
