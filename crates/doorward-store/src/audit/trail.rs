//! Entries of the traffic, such as tool calls and sign-ins: they wait a moment and are written
//! together. Changes of what is allowed do not come this way: their entries are part of the
//! change's own transaction.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use doorward_model::{AuditEvent, Change, ConnectStep, UnitOfWork};
use tokio::sync::{Notify, mpsc, oneshot};

use super::repeats::Repeats;
use crate::{StoreError, store::Observer, tasks::Tasks, writer::Writer};

/// How long an event may wait for others.
const WAIT: Duration = Duration::from_millis(100);
/// How many go into one commit.
const BATCH: usize = 1000;
/// How many may wait. Then callers that bring more wait too: nothing is dropped.
const QUEUE: usize = 16_384;

enum Note {
    Event(Box<AuditEvent>),
    Step(Box<ConnectStep>),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// How many steps of connecting clients one address may leave in a minute. One attempt has about
/// ten.
const STEPS_A_MINUTE: u32 = 60;

/// Keeps those who send very much from filling the table.
pub(crate) struct StepGuard(quick_cache::sync::Cache<String, (i64, u32)>);

impl Default for StepGuard {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(4096))
    }
}

impl StepGuard {
    /// Whether a step may be noted.
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
}

/// How many notes wait.
#[derive(Default)]
struct Backlog {
    waiting: AtomicUsize,
    shrank: Notify,
}

impl Trail {
    pub(crate) fn start(writer: Arc<Writer>, tasks: &Tasks) -> Self {
        let (queue, receiver) = mpsc::unbounded_channel();
        let backlog = Arc::<Backlog>::default();
        tasks.start("audit trail", run(receiver, writer, Arc::clone(&backlog)));
        Self { queue, backlog }
    }

    /// Takes an entry of the traffic, from the writer for a unit that is committed and from
    /// [`crate::Store::note`]. Every such entry passes here once.
    pub(crate) fn accept(&self, event: AuditEvent, observer: Option<&Arc<dyn Observer>>) {
        if let Some(observer) = observer {
            observer.happened(&event);
        }
        self.put(Note::Event(Box::new(event)));
    }

    /// Takes a step if there is room; under a flood, steps may be lost.
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

    /// Waits until fewer notes wait than may. Whoever brings more waits here before beginning work
    /// or after handing it over, never in between.
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

    /// Waits until everything that was handed over is written.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.put(Note::Flush(done));
        written.await.map_err(|_| StoreError::Closed)
    }
}

async fn run(mut queue: mpsc::UnboundedReceiver<Note>, writer: Arc<Writer>, backlog: Arc<Backlog>) {
    let mut notes = Vec::with_capacity(BATCH);
    let mut repeats = Repeats::default();
    loop {
        // Counts of repeated entries are written when their time has come, also if nothing else
        // comes.
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
        for note in notes.drain(..) {
            match note {
                Note::Event(event) => events.push(*event),
                Note::Step(step) => steps.push(*step),
                Note::Flush(done) => waiting.push(done),
            }
        }
        let events = repeats.collapse(events, Instant::now(), ended || !waiting.is_empty());
        let mut unit = UnitOfWork::new();
        if !events.is_empty() {
            unit.push(Change::Audit(events));
        }
        if !steps.is_empty() {
            unit.push(Change::InsertSteps(steps));
        }
        if !unit.is_empty() {
            write(&unit, &writer).await;
        }
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

/// Writes until it is written: the audit has no gaps while the database is away, only a delay.
async fn write(unit: &UnitOfWork, writer: &Writer) {
    let mut pause = Duration::from_millis(200);
    loop {
        match writer.apply(unit.clone(), AuditEvent::default(), None).await {
            Ok(()) | Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::error!(%error, "the audit could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
