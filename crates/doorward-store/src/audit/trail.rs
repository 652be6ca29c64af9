//! Entries that no unit carries, such as those of tool calls and refusals: they wait a moment and
//! are written together. The journal keeps them until then. Entries of changes, sign-ins and grants
//! do not come this way: they are part of their unit's transaction.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use doorward_model::{AuditEvent, AuditStamp, Change, ConnectStep, Timestamp, UnitOfWork};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{journal::Journal, repeats::Repeats};
use crate::{StoreError, observer::Observer, tasks::Tasks, writer::Writer};

/// The time for which an event may wait for others.
const WAIT: Duration = Duration::from_millis(100);
/// Maximum number of events in one commit.
const BATCH: usize = 1000;
/// The number that may wait. Then callers that add more wait too: nothing is dropped.
const QUEUE: usize = 16_384;

enum Note {
    /// An event, and its number in the journal.
    Event(Box<AuditEvent>, Option<u64>),
    Step(Box<ConnectStep>),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// Maximum number of steps of connecting clients that one IP address records a minute. An attempt
/// has about ten.
const STEPS_A_MINUTE: u32 = 60;

/// Keeps a very active client from filling the table.
pub(crate) struct StepGuard(quick_cache::sync::Cache<String, (i64, u32)>);

impl Default for StepGuard {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(4096))
    }
}

impl StepGuard {
    /// True if a step may be noted.
    pub(crate) fn admits(&self, step: &ConnectStep) -> bool {
        let minute = step.at.0 / 60;
        let count = match self.0.get(&step.address) {
            Some((known, count)) if known == minute => count + 1,
            _ => 1,
        };
        self.0.insert(step.address.clone(), (minute, count));
        count <= STEPS_A_MINUTE
    }
}

/// The way to the trail. Handing over never waits, so that an entry cannot be lost with a caller
/// that is dropped.
#[derive(Clone)]
pub(crate) struct Trail {
    queue: mpsc::UnboundedSender<Note>,
    backlog: Arc<Backlog>,
    journal: Arc<OnceLock<Journal>>,
}

/// The number of notes that wait.
#[derive(Default)]
struct Backlog {
    waiting: AtomicUsize,
    shrank: Notify,
}

impl Trail {
    pub(crate) fn start(writer: Arc<Writer>, tasks: &Tasks) -> Self {
        let (queue, receiver) = mpsc::unbounded_channel();
        let (backlog, journal) = (Arc::<Backlog>::default(), Arc::<OnceLock<Journal>>::default());
        let pen = NoteWriter { writer, journal: Arc::clone(&journal) };
        tasks.start("audit trail", run(receiver, pen, Arc::clone(&backlog)));
        Self { queue, backlog, journal }
    }

    /// Has every further entry kept in a journal until it is written. The first that is given
    /// stays.
    pub(crate) fn keep(&self, journal: Journal) {
        let _ = self.journal.set(journal);
    }

    /// Takes an entry that no unit carries, from [`crate::Store::note`].
    pub(crate) fn accept(&self, event: AuditEvent, observer: Option<&Arc<dyn Observer>>) {
        if let Some(observer) = observer {
            observer.happened(&event);
        }
        let event = Box::new(event);
        match self.journal.get() {
            Some(journal) => {
                journal.keep(event, |event, seq| self.put(Note::Event(event, Some(seq))));
            }
            None => self.put(Note::Event(event, None)),
        }
    }

    /// Accepts a step while there is capacity; under a flood, steps may be lost.
    pub(crate) fn accept_step(&self, step: ConnectStep) -> bool {
        let room = self.backlog.waiting.load(Ordering::Relaxed) < QUEUE;
        if room {
            self.put(Note::Step(Box::new(step)));
        }
        room
    }

    fn put(&self, note: Note) {
        self.backlog.waiting.fetch_add(1, Ordering::Relaxed);
        // It fails only after the trail's task ended, and then the process ends too.
        let _ = self.queue.send(note);
    }

    /// Waits until fewer notes wait than may. Callers that add more wait here before they begin
    /// work or after handing it over, never in between.
    pub(crate) async fn room(&self) -> Result<(), StoreError> {
        loop {
            let shrank = self.backlog.shrank.notified();
            if self.queue.is_closed() {
                return Err(StoreError::Closed);
            }
            if self.backlog.waiting.load(Ordering::Relaxed) < QUEUE {
                return Ok(());
            }
            shrank.await;
        }
    }

    /// Waits until everything that was passed on is written.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.put(Note::Flush(done));
        written.await.map_err(|_| StoreError::Closed)
    }
}

async fn run(mut queue: mpsc::UnboundedReceiver<Note>, pen: NoteWriter, backlog: Arc<Backlog>) {
    let mut notes = Vec::with_capacity(BATCH);
    let mut repeats = Repeats::default();
    loop {
        // Counts of repeated entries are written when they are due, even without further entries.
        let ends = repeats.next(Instant::now()).unwrap_or(Duration::MAX);
        let ended = match tokio::time::timeout(ends, queue.recv_many(&mut notes, BATCH)).await {
            Ok(count) => count == 0,
            Err(_) => false,
        };
        if !notes.is_empty()
            && !notes.iter().any(|note| matches!(note, Note::Flush(_)))
            && notes.len() < BATCH
        {
            tokio::time::sleep(WAIT).await;
            while notes.len() < BATCH {
                let Ok(note) = queue.try_recv() else { break };
                notes.push(note);
            }
        }
        let taken = notes.len();
        let (mut events, mut steps, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept = None;
        for note in notes.drain(..) {
            match note {
                Note::Event(event, seq) => {
                    kept = seq.map(|seq| (seq, event.at)).or(kept);
                    events.push(*event);
                }
                Note::Step(step) => steps.push(*step),
                Note::Flush(done) => waiting.push(done),
            }
        }
        let events = repeats.collapse(events, Instant::now(), ended || !waiting.is_empty());
        pen.write(events, steps, kept).await;
        backlog.waiting.fetch_sub(taken, Ordering::Relaxed);
        backlog.shrank.notify_waiters();
        for done in waiting {
            let _ = done.send(());
        }
        if ended {
            return;
        }
    }
}

/// Writes the collected notes.
struct NoteWriter {
    writer: Arc<Writer>,
    journal: Arc<OnceLock<Journal>>,
}

impl NoteWriter {
    /// Writes a group. `kept` is the number of its last event in the journal, and its moment.
    async fn write(
        &self,
        events: Vec<AuditEvent>,
        steps: Vec<ConnectStep>,
        kept: Option<(u64, Timestamp)>,
    ) {
        let mut unit = UnitOfWork::new();
        // If all events of a group are counted and not written yet, the journal keeps each.
        let marked = self
            .journal
            .get()
            .zip(kept)
            .filter(|(journal, _)| !events.is_empty() || journal.is_large());
        if !events.is_empty() {
            unit.push(Change::Audit(events));
        }
        if !steps.is_empty() {
            unit.push(Change::InsertSteps(steps));
        }
        if let Some((journal, (seq, at))) = marked {
            unit.push(journal.mark(seq, at));
        }
        if !unit.is_empty()
            && until_written(&unit, &self.writer).await
            && let Some((journal, (seq, _))) = marked
        {
            journal.settled(seq);
        }
    }
}

/// Repeats a write until it succeeds: while the database is unavailable, the audit has no gaps,
/// only a delay. False if the store was closed before.
async fn until_written(unit: &UnitOfWork, writer: &Writer) -> bool {
    let mut pause = Duration::from_millis(200);
    loop {
        match writer.apply(unit.clone(), AuditStamp::default(), false).await {
            Ok(()) => return true,
            Err(StoreError::Closed) => return false,
            Err(error) => {
                tracing::error!(%error, "the audit could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
