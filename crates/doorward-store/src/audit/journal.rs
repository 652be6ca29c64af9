//! The journal: entries that no unit carries, such as those of tool calls, until they are in the
//! chain.
//!
//! The trail writes such entries in groups, and a durable commit for each would cost more than the
//! call. A request that is answered must not lose its entry with the process either. The entry is
//! therefore appended to a file before anything waits: one `write`, without a flush to the disk.
//! The operating system keeps it when the process is killed, and the next start brings it into the
//! chain. The unit that writes a group notes how far it reaches, so that no entry is written twice.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use doorward_model::{AuditEvent, Change, Timestamp};

/// From this size on, a file is closed and another one begun.
const LARGE: u64 = 1024 * 1024;
/// Digits of an entry's number: as many as it can have, so that the number can be filled in
/// last.
const DIGITS: usize = 20;
/// The length of most lines, in bytes.
const LINE: usize = 640;
/// The ending of the files.
const EXTENSION: &str = "jsonl";

/// The journal of one process.
pub(crate) struct Journal {
    folder: PathBuf,
    id: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last entry.
    seq: u64,
    open: Option<Segment>,
    /// Files that hold nothing after this number.
    closed: Vec<(PathBuf, u64)>,
    /// The number of files that were begun.
    begun: u64,
    /// True while entries cannot be kept, so that the log reports it once.
    failing: bool,
}

/// The file that entries are appended to. Its lock shows other processes that it is in use.
struct Segment {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Journal {
    /// A journal in `folder`, which is made if it is missing. `id` is unique among all processes
    /// that share the database.
    pub(crate) fn new(folder: &Path, id: String) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned(), id, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an entry, then passes it on with its number while no other entry can come between.
    pub(crate) fn keep(
        &self,
        event: Box<AuditEvent>,
        hand_over: impl FnOnce(Box<AuditEvent>, u64),
    ) {
        // Everything but the number is written before others have to wait.
        let mut line = Vec::with_capacity(LINE);
        line.resize(DIGITS, b'0');
        line.push(b' ');
        let json = serde_json::to_writer(&mut line, &event);
        line.push(b'\n');
        let mut state = self.state();
        state.seq += 1;
        let seq = state.seq;
        let kept = json.map_err(io::Error::from).and_then(|()| self.append(&mut state, &mut line));
        match kept {
            Ok(()) => state.failing = false,
            Err(error) if !state.failing => {
                state.failing = true;
                tracing::error!(%error, folder = %self.folder.display(), "the journal of the audit cannot be written; entries of the last tenth of a second are lost if the process is killed");
            }
            Err(_) => {}
        }
        hand_over(event, seq);
    }

    /// Appends a line, which begins with [`DIGITS`] places for the number.
    fn append(&self, state: &mut State, line: &mut [u8]) -> io::Result<()> {
        let seq = state.seq;
        let segment = if let Some(open) = &mut state.open {
            open
        } else {
            state.begun += 1;
            let path = self.folder.join(format!("{}.{}.{EXTENSION}", self.id, state.begun));
            let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
            file.lock()?;
            state.open.insert(Segment { file, path, bytes: 0 })
        };
        let mut number: &mut [u8] = line.get_mut(..DIGITS).unwrap_or_default();
        write!(number, "{seq:0DIGITS$}")?;
        segment.file.write_all(line)?;
        segment.bytes += line.len() as u64;
        Ok(())
    }

    /// True if the unit that is written next should note the mark although it has no entries.
    pub(crate) fn is_large(&self) -> bool {
        self.state().open.as_ref().is_some_and(|open| open.bytes > LARGE)
    }

    /// The change that notes that everything up to this entry is in the chain.
    pub(crate) fn mark(&self, seq: u64, at: Timestamp) -> Change {
        Change::MarkJournal { journal: self.id.clone(), seq, at }
    }

    /// Drops entries up to this number: they are in the chain.
    pub(crate) fn settled(&self, seq: u64) {
        let mut state = self.state();
        state.closed.retain(|(path, last)| {
            let needed = *last > seq;
            if !needed && let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(%error, path = %path.display(), "a file of the audit's journal could not be deleted");
            }
            needed
        });
        let last = state.seq;
        if last == seq {
            // An empty file is kept: the next start finds it, and deletes the mark.
            if let Some(open) = &mut state.open
                && open.bytes > 0
                && open.file.set_len(0).is_ok()
            {
                open.bytes = 0;
            }
        } else if state.open.as_ref().is_some_and(|open| open.bytes > LARGE)
            && let Some(full) = state.open.take()
        {
            state.closed.push((full.path, last));
        }
    }
}

/// The file of a process that has ended.
pub(crate) struct EndedJournal {
    path: PathBuf,
    /// The journal that it belongs to.
    pub(crate) journal: String,
    /// Its entries with their numbers, in order.
    pub(crate) entries: Vec<(u64, AuditEvent)>,
    // Held until the entries are written, so that no other process takes them too.
    _lock: File,
}

impl EndedJournal {
    /// Deletes the file.
    pub(crate) fn delete(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// The files in `folder` of processes that ended, oldest entries first.
pub(crate) fn left(folder: &Path) -> io::Result<Vec<EndedJournal>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(journal) = name
            .strip_suffix(EXTENSION)
            .and_then(|rest| rest.trim_end_matches('.').rsplit_once('.'))
            .map(|(id, _)| id.to_owned())
        else {
            continue;
        };
        let file = File::open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match read(&file) {
            Ok(entries) => found.push(EndedJournal { path, journal, entries, _lock: file }),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "a file of the audit's journal cannot be read; it is left in its folder");
            }
        }
    }
    found.sort_by_key(|left| left.entries.first().map(|(seq, event)| (event.at, *seq)));
    Ok(found)
}

/// The entries of a file. A last line that was cut off belongs to a request that was never
/// answered.
fn read(file: &File) -> io::Result<Vec<(u64, AuditEvent)>> {
    let mut entries = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 || line.pop() != Some(b'\n') {
            return Ok(entries);
        }
        let text = std::str::from_utf8(&line).map_err(io::Error::other)?;
        let (seq, event) =
            text.split_once(' ').ok_or_else(|| io::Error::other("a line without its number"))?;
        entries.push((seq.parse().map_err(io::Error::other)?, serde_json::from_str(event)?));
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::AuditKind;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("doorward-journal-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn keep(journal: &Journal, number: i64) -> u64 {
        let mut event = AuditEvent::new(AuditKind::ToolCalled);
        event.at = Timestamp(number);
        let mut seq = 0;
        journal.keep(Box::new(event), |_, kept| seq = kept);
        seq
    }

    /// The entries that the next process finds.
    fn found(folder: &Path) -> Vec<i64> {
        let left = left(folder).unwrap();
        left.iter().flat_map(|left| left.entries.iter().map(|(_, event)| event.at.0)).collect()
    }

    #[test]
    fn the_entries_of_an_ended_process_are_found_and_those_of_a_running_one_are_not() {
        let folder = folder("left");
        let journal = Journal::new(&folder, "a".to_owned()).unwrap();
        for number in 1..=3 {
            keep(&journal, number);
        }
        assert!(found(&folder).is_empty());
        drop(journal);
        // The last line was cut off in the middle.
        let path = folder.join("a.1.jsonl");
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        assert_eq!(found(&folder), [1, 2]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn settled_entries_are_dropped_and_later_ones_stay_however_many_files_there_are() {
        let folder = folder("settled");
        let journal = Journal::new(&folder, "a".to_owned()).unwrap();
        let settled = keep(&journal, 1);
        journal.settled(settled);
        let mut last = 0;
        for number in 2..20_000 {
            last = keep(&journal, number);
            // Always one behind, so that the file is never empty.
            journal.settled(last - 1);
        }
        assert!(journal.state().begun > 1, "no second file was begun");
        let files = std::fs::read_dir(&folder).unwrap().count();
        assert!(files <= 2, "{files} files");
        keep(&journal, 20_000);
        drop(journal);
        let found = found(&folder);
        assert!(found.ends_with(&[19_999, 20_000]) && last == 19_999, "{:?}", found.last());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
