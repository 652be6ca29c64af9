//! Files beside the index, by which a command and other processes see the work of the server: the
//! state of indexing, and an order to rebuild the index.

use std::{fs, io, path::Path};

use doorward_model::{IndexStatus, LeftOutFile};

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

/// The files that are left out and were not, or for another reason: the log names each once.
pub(crate) fn new_ones<'a>(
    before: &'a [LeftOutFile],
    now: &'a [LeftOutFile],
) -> impl Iterator<Item = &'a LeftOutFile> {
    now.iter().filter(|file| !before.contains(file))
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

#[cfg(test)]
mod tests {
    use doorward_model::FileFault;

    use super::*;

    #[test]
    fn a_file_that_stays_left_out_is_no_news_unless_the_reason_changed() {
        let one = |path: &str, why| LeftOutFile::new(path, why);
        let before = [one("a", FileFault::Broken), one("b", FileFault::Empty)];
        let now = [
            one("a", FileFault::Broken),
            one("b", FileFault::TooLarge),
            one("c", FileFault::Empty),
        ];
        let news: Vec<&str> = new_ones(&before, &now).map(|file| file.path.as_str()).collect();
        assert_eq!(news, ["b", "c"]);
        assert_eq!(new_ones(&[], &before).count(), 2);
    }
}
