//! Files beside the index, by which a command and other processes see the work of the server: the
//! state of indexing, and an order to rebuild the index.

use std::{fs, io, path::Path};

use doorward_model::IndexStatus;

/// The name of the file.
const FILE: &str = "status.json";
/// The name of the file with which a command asks for a new index.
const ORDER: &str = "reindex";
/// Maximum number of files that are named one by one.
pub(crate) const MOST_NAMED: usize = 100;

/// The state that a process left beside the index.
pub fn read(dir: &Path) -> Option<IndexStatus> {
    serde_json::from_slice(&fs::read(dir.join(FILE)).ok()?).ok()
}

/// Leaves the state beside the index.
pub(crate) fn write(status: &IndexStatus, dir: &Path) -> io::Result<()> {
    let partial = dir.join(format!("{FILE}.part"));
    fs::write(&partial, serde_json::to_vec(status)?)?;
    fs::rename(partial, dir.join(FILE))
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
