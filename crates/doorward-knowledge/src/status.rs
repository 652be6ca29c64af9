//! The state of indexing, as the page, commands and the log show it. It is also a file beside the
//! index, by which a command sees the work of the server.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::left_out::Why;

/// The name of the file.
const FILE: &str = "status.json";
/// The name of the file with which a command asks for a new index.
const ORDER: &str = "reindex";
/// Maximum number of files that are named one by one.
pub(crate) const MOST_NAMED: usize = 100;

/// The activity of the indexer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No scan was made yet.
    #[default]
    Starting,
    /// Files are compared with the index.
    Scanning,
    /// Changed files are read.
    Indexing,
    /// The index is up to date.
    Ready,
    /// The index cannot be maintained.
    Failed,
}

impl Phase {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Scanning => "scanning",
            Self::Indexing => "indexing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// A file or folder that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutFile {
    /// Its path in the collection.
    pub path: String,
    /// The reason and the remedy.
    pub reason: String,
}

impl LeftOutFile {
    pub(crate) fn new(path: &str, why: Why) -> Self {
        Self { path: path.to_owned(), reason: why.as_str().to_owned() }
    }
}

/// The state of a collection, for operators: it counts all documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The activity.
    pub phase: Phase,
    /// Changed files that were read.
    pub done: u64,
    /// Changed files that are to be read.
    pub total: u64,
    /// Documents in the index.
    pub documents: u64,
    /// Chunks in the index.
    pub chunks: u64,
    /// Files and folders that are left out.
    pub left_out: u64,
    /// The first of them.
    pub named: Vec<LeftOutFile>,
    /// Seconds since 1970 of the end of the last complete scan; 0 before the first.
    pub scanned_at: i64,
    /// Seconds since 1970 at which all documents were in the index for the first time since this
    /// process began or was asked for a new index; 0 before.
    pub built: i64,
    /// Reason for which the index cannot be maintained.
    pub problem: Option<String>,
}

impl Status {
    /// The share that is done, in percent.
    pub fn percent(&self) -> u64 {
        match self.phase {
            Phase::Indexing => {
                (self.done.min(self.total) * 100).checked_div(self.total).unwrap_or(0)
            }
            Phase::Ready => 100,
            Phase::Starting | Phase::Scanning | Phase::Failed => {
                if self.scanned_at > 0 {
                    100
                } else {
                    0
                }
            }
        }
    }

    /// The state that a process left beside the index.
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(FILE)).ok()?).ok()
    }

    /// Leaves the state beside the index.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let partial = dir.join(format!("{FILE}.part"));
        fs::write(&partial, serde_json::to_vec(self)?)?;
        fs::rename(partial, dir.join(FILE))
    }
}

/// Asks the process that maintains an index to rebuild it.
pub fn order(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join(ORDER), b"")
}

/// True while such an order waits.
pub fn is_ordered(dir: &Path) -> bool {
    dir.join(ORDER).exists()
}

/// Takes such an order.
pub(crate) fn take_order(dir: &Path) {
    // One that stays is carried out again.
    let _ = fs::remove_file(dir.join(ORDER));
}
