//! A collection: its index, and the thread that maintains it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use doorward_model::{Clock, FileFault, IndexPhase, IndexStatus, LeftOutFile};
use tantivy::{
    IndexWriter, TantivyDocument, collector::Count, query::TermQuery, schema::IndexRecordOption,
};

use crate::{
    record::text,
    scan::{self, Watcher},
    schema::{CHUNK, DOCUMENT, LEFT_OUT},
    semantic::Semantic,
    settings::Settings,
    status::{self, MOST_NAMED},
    store::{self, Opened, StoreFault},
};

/// The longest pause between two scans.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// A scan takes at most this part of the time, however many files there are.
const SHARE: u32 = 20;
/// The time between two looks for an order of a command, and for the end.
const TICK: Duration = Duration::from_millis(500);
/// The time between two reports of progress in the log, and in the file.
const REPORT: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_millis(500);

/// The parts that the thread and the tools share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    opened: RwLock<Option<Arc<Opened>>>,
    status: Mutex<IndexStatus>,
    /// Left out by the walk, so that the index has no record of it.
    walked: Mutex<Vec<(String, FileFault)>>,
    /// The end of the work, and what becomes of the index then.
    end: Mutex<Option<End>>,
    wake: Condvar,
    /// True if the folders are to be looked at before their time.
    looks: AtomicBool,
    /// The vectors of the passages, where there is a model.
    pub(crate) semantic: Option<Semantic>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fate of the index when the work on it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It stays, for the next process.
    Keeps,
    /// It is removed: the collection was deleted.
    Discards,
}

/// A collection. The thread that maintains its index ends with it.
pub struct Collection {
    pub(crate) shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.shared.end(End::Keeps);
        // It is not waited for: it ends with the file that it reads.
        drop(self.worker.take());
    }
}

impl Collection {
    /// A collection whose index another process maintains; it is only read.
    pub fn reader(name: &str, settings: Settings, dir: &Path, clock: Arc<dyn Clock>) -> Self {
        let shared = Arc::new(Shared {
            semantic: Semantic::of(&settings, dir),
            name: name.to_owned(),
            settings,
            dir: dir.to_owned(),
            clock,
            opened: RwLock::default(),
            status: Mutex::default(),
            walked: Mutex::default(),
            end: Mutex::default(),
            wake: Condvar::new(),
            looks: AtomicBool::new(false),
        });
        Self { shared, worker: None }
    }

    /// A collection whose index is maintained in a thread.
    pub fn maintained(name: &str, settings: Settings, dir: &Path, clock: Arc<dyn Clock>) -> Self {
        let mut collection = Self::reader(name, settings, dir, clock);
        let shared = Arc::clone(&collection.shared);
        let worker = std::thread::Builder::new()
            .name("knowledge".to_owned())
            .spawn(move || shared.maintain());
        match worker {
            Ok(worker) => collection.worker = Some(worker),
            Err(error) => collection.shared.fail(&format!("no thread can be started: {error}")),
        }
        collection
    }

    /// Builds the index once, in this thread, and reports progress to the function. `None` where
    /// another process maintains it.
    ///
    /// # Errors
    ///
    /// The reason for which the index cannot be built.
    pub fn build(
        &self,
        rebuild: bool,
        report: &mut dyn FnMut(&IndexStatus),
    ) -> Result<Option<IndexStatus>, String> {
        let shared = &self.shared;
        let mut writing = match shared.begin() {
            Err(StoreFault::Busy) => return Ok(None),
            begun => begun.map_err(|fault| fault.to_string())?,
        };
        if rebuild {
            shared.empty(&mut writing).map_err(|fault| fault.to_string())?;
        }
        shared.scan(&mut writing, Some(report)).map_err(|fault| fault.to_string())?;
        Ok(Some(self.status()))
    }

    /// The state of the collection, for operators.
    pub fn status(&self) -> IndexStatus {
        if self.worker.is_none() {
            let own = lock(&self.shared.status).clone();
            if own.phase != IndexPhase::Starting {
                return own;
            }
            return status::read(&self.shared.dir).unwrap_or_default();
        }
        lock(&self.shared.status).clone()
    }

    /// Ends the work on the index and removes its folder, since the collection was deleted. The
    /// thread that maintains it does so when it ends the file that it reads.
    pub fn discard(&self) {
        self.shared.end(End::Discards);
        if self.worker.is_none() {
            self.shared.discard();
        }
    }

    /// Has the folders looked at now, since a document in them changed.
    pub fn look(&self) {
        self.shared.looks.store(true, Ordering::Release);
        self.shared.wake.notify_all();
    }

    /// The folder of the index.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }
}

/// The index with its writer.
struct Writing {
    opened: Arc<Opened>,
    writer: IndexWriter<TantivyDocument>,
}

impl Shared {
    fn stops(&self) -> bool {
        lock(&self.end).is_some()
    }

    /// Ends the work. What was said first about the index counts.
    fn end(&self, end: End) {
        lock(&self.end).get_or_insert(end);
        self.wake.notify_all();
    }

    fn fail(&self, why: &str) {
        let mut status = lock(&self.status);
        if status.problem.as_deref() != Some(why) {
            tracing::error!(collection = %self.name, problem = %why, "the index of documents cannot be maintained");
        }
        status.phase = IndexPhase::Failed;
        status.problem = Some(why.to_owned());
        let _ = status::write(&status, &self.dir);
    }

    /// The index for queries; `None` while there is none.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        let known = self.opened.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some() {
            return known;
        }
        let found = Opened::existing(&self.dir).ok().flatten().map(Arc::new)?;
        self.put(Some(Arc::clone(&found)));
        Some(found)
    }

    pub(crate) fn put(&self, opened: Option<Arc<Opened>>) {
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = opened;
    }

    /// Left out by the walk of the folders.
    pub(crate) fn walked(&self) -> Vec<(String, FileFault)> {
        lock(&self.walked).clone()
    }

    /// The phase and the share that is done, for callers.
    pub(crate) fn state(&self) -> (IndexPhase, u64, i64) {
        let status = lock(&self.status);
        (status.phase, status.percent(), status.scanned_at)
    }

    fn begin(&self) -> Result<Writing, StoreFault> {
        match self.try_begin() {
            Err(StoreFault::Broken(why)) => {
                tracing::warn!(collection = %self.name, reason = %why, "the index of documents is broken and is rebuilt");
                self.put(None);
                store::remove(&self.dir, false)?;
                self.try_begin()
            }
            other => other,
        }
    }

    fn try_begin(&self) -> Result<Writing, StoreFault> {
        let opened = Arc::new(Opened::open(&self.dir)?);
        let writer = opened.writer()?;
        // An index of another version is of no use any more.
        store::remove(&self.dir, true)?;
        self.put(Some(Arc::clone(&opened)));
        Ok(Writing { opened, writer })
    }

    fn empty(&self, writing: &mut Writing) -> Result<(), StoreFault> {
        writing.writer.delete_all_documents()?;
        writing.writer.commit()?;
        writing.opened.reload()?;
        let mut status = lock(&self.status);
        *status = IndexStatus::default();
        let _ = status::write(&status, &self.dir);
        Ok(())
    }

    /// Maintains the index until the collection ends.
    fn maintain(&self) {
        let mut writing: Option<Writing> = None;
        while !self.stops() {
            let begun = Instant::now();
            if writing.is_some() && !Opened::is_there(&self.dir) {
                tracing::warn!(collection = %self.name, "the index of documents is lost and is rebuilt");
                self.put(None);
                writing = None;
            }
            let outcome = match &mut writing {
                Some(writing) => self.scan(writing, None),
                None => self.begin().and_then(|mut begun| {
                    let outcome = self.scan(&mut begun, None);
                    writing = Some(begun);
                    outcome
                }),
            };
            match outcome {
                Ok(()) => {}
                Err(StoreFault::Busy) => self.follow(),
                Err(fault) => {
                    writing = None;
                    if matches!(fault, StoreFault::Broken(_)) && !self.stops() {
                        self.put(None);
                        let _ = store::remove(&self.dir, false);
                    }
                    self.fail(&fault.to_string());
                }
            }
            if let (Some(semantic), Some(writing)) = (&self.semantic, &writing)
                && semantic.continues(&writing.opened, &|| self.stops())
            {
                self.looks.store(true, Ordering::Release);
            }
            self.pause(begun.elapsed());
            if status::is_ordered(&self.dir)
                && let Some(writing) = &mut writing
            {
                tracing::info!(collection = %self.name, "the index of documents is rebuilt, as a command asks");
                if let Err(fault) = self.empty(writing) {
                    self.fail(&fault.to_string());
                }
                // Last, so that a command that waits for it sees the state from here on.
                status::take_order(&self.dir);
            }
        }
        if *lock(&self.end) == Some(End::Discards) {
            self.put(None);
            match writing {
                // With the lock in hand: another collection of this name begins after it.
                Some(writing) => {
                    let aside = store::set_aside(&self.dir);
                    drop(writing);
                    self.discarded(aside);
                }
                None => self.discard(),
            }
        }
    }

    fn discard(&self) {
        self.put(None);
        self.discarded(store::aside(&self.dir));
    }

    /// Removes a folder that was set aside.
    fn discarded(&self, aside: io::Result<Option<PathBuf>>) {
        let removed = aside.and_then(|aside| aside.map(fs::remove_dir_all).transpose());
        match removed {
            Ok(Some(())) => {
                tracing::info!(collection = %self.name, "the index of documents is removed");
            }
            // Another process maintains it, and removes it.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(collection = %self.name, %error, "the index of documents cannot be removed");
            }
        }
    }

    /// Reads what another process, such as another replica, writes.
    fn follow(&self) {
        if let Some(opened) = self.opened() {
            let _ = opened.reload();
        }
        if let Some(status) = status::read(&self.dir) {
            *lock(&self.status) = status;
        }
        self.semantic.iter().for_each(Semantic::follow);
    }

    /// Waits before the next scan: longer where a scan takes long.
    fn pause(&self, scan: Duration) {
        let own = Duration::from_secs(self.settings.scan_seconds);
        let pause = own.max(scan.saturating_mul(SHARE)).min(LONGEST_PAUSE.max(own));
        let until = Instant::now() + pause;
        let mut end = lock(&self.end);
        while end.is_none()
            && Instant::now() < until
            && !self.looks.swap(false, Ordering::AcqRel)
            && !status::is_ordered(&self.dir)
        {
            let left = until.saturating_duration_since(Instant::now()).min(TICK);
            end = self
                .wake
                .wait_timeout(end, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(end, _)| end);
        }
    }

    fn scan(
        &self,
        writing: &mut Writing,
        report: Option<&mut dyn FnMut(&IndexStatus)>,
    ) -> Result<(), StoreFault> {
        let mut news = News {
            shared: self,
            report,
            begun: Instant::now(),
            logged: Instant::now(),
            shown: Instant::now(),
            left_out: Vec::new(),
            count: 0,
        };
        {
            let mut status = lock(&self.status);
            if status.phase != IndexPhase::Ready {
                status.phase = IndexPhase::Scanning;
            }
        }
        let complete = scan::scan(&self.settings, &writing.opened, &mut writing.writer, &mut news)?;
        if !complete {
            return Ok(());
        }
        let (walked, count) = (std::mem::take(&mut news.left_out), news.count);
        let changed = lock(&self.status).phase == IndexPhase::Indexing;
        *lock(&self.walked) = walked;
        let before = self.count(&writing.opened, count)?;
        let mut status = lock(&self.status);
        status.phase = IndexPhase::Ready;
        status.problem = None;
        if status.built == 0 {
            status.built = self.clock.now().0.max(1);
        }
        status.scanned_at = self.clock.now().0;
        if changed {
            let seconds = news.begun.elapsed().as_secs();
            tracing::info!(
                collection = %self.name, documents = status.documents, chunks = status.chunks,
                left_out = status.left_out, seconds, "the index of documents is up to date"
            );
        }
        for file in status::new_ones(&before, &status.named) {
            tracing::warn!(collection = %self.name, path = %doorward_model::foreign::escaped(&file.path), reason = %file.reason, "a file is left out");
        }
        if let Some(report) = &mut news.report {
            report(&status);
        }
        let _ = status::write(&status, &self.dir);
        Ok(())
    }

    /// Counts the records, and names the files that are left out; returns those named before.
    fn count(&self, opened: &Opened, walked: u64) -> Result<Vec<LeftOutFile>, StoreFault> {
        let (searcher, fields) = (opened.searcher(), &opened.fields);
        let of = |kind: &str| {
            let term = tantivy::Term::from_field_text(fields.of, kind);
            TermQuery::new(term, IndexRecordOption::Basic)
        };
        let documents = searcher.search(&of(DOCUMENT), &Count)? as u64;
        let chunks = searcher.search(&of(CHUNK), &Count)? as u64;
        let broken = searcher.search(&of(LEFT_OUT), &Count)? as u64;
        let first = tantivy::collector::TopDocs::with_limit(MOST_NAMED)
            .order_by_string_fast_field("path", tantivy::Order::Asc);
        let mut named = Vec::new();
        for (_, address) in searcher.search(&of(LEFT_OUT), &first)? {
            let record: TantivyDocument = searcher.doc(address)?;
            let why = text(&record, fields.why).and_then(|code| FileFault::of_code(&code));
            if let (Some(path), Some(why)) = (text(&record, fields.path), why) {
                named.push(LeftOutFile::new(&path, why));
            }
        }
        named.extend(lock(&self.walked).iter().map(|(path, why)| LeftOutFile::new(path, *why)));
        named.sort_by(|one, other| one.path.cmp(&other.path));
        named.truncate(MOST_NAMED);
        let mut status = lock(&self.status);
        status.documents = documents;
        status.chunks = chunks;
        status.left_out = broken + walked;
        Ok(std::mem::replace(&mut status.named, named))
    }
}

/// The news of a scan: in the state, in the log and for a command.
struct News<'a, 'r> {
    shared: &'a Shared,
    report: Option<&'r mut dyn FnMut(&IndexStatus)>,
    begun: Instant,
    logged: Instant,
    shown: Instant,
    left_out: Vec<(String, FileFault)>,
    count: u64,
}

impl Watcher for News<'_, '_> {
    fn progress(&mut self, done: u64, total: u64) {
        let mut status = lock(&self.shared.status);
        status.phase = IndexPhase::Indexing;
        (status.done, status.total) = (done, total);
        if self.shown.elapsed() > WRITE || done == 0 {
            self.shown = Instant::now();
            let _ = status::write(&status, &self.shared.dir);
            if let Some(report) = &mut self.report {
                report(&status);
            }
        }
        if self.logged.elapsed() > REPORT {
            self.logged = Instant::now();
            tracing::info!(collection = %self.shared.name, done, total, "documents are indexed");
        }
    }

    fn left_out(&mut self, path: &str, why: FileFault) {
        self.count += 1;
        if self.left_out.len() < 10 * MOST_NAMED {
            self.left_out.push((path.to_owned(), why));
        }
    }

    fn written(&mut self) {
        let Some(opened) = self.shared.opened() else { return };
        let left_out = self.count;
        // Numbers in between are for the eye; the last ones are counted again.
        let _ = self.shared.count(&opened, left_out);
    }

    fn stops(&self) -> bool {
        self.shared.stops()
    }
}
