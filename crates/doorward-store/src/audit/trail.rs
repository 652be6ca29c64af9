//! Events of the traffic, such as tool calls: they wait a moment and are written together. Changes of what is allowed do not come this
//! way: their entries are part of the change's own transaction.

use std::{sync::Arc, time::Duration};

use doorward_model::{AuditEvent, Change, ConnectStep, UnitOfWork};
use tokio::sync::{mpsc, oneshot};

use crate::{StoreError, store::Caches, writer::Writer};

/// How long an event may wait for others.
const WAIT: Duration = Duration::from_millis(100);
/// How many go into one commit.
const BATCH: usize = 1000;
/// How many may wait. Then those who bring more wait too: nothing is dropped.
const QUEUE: usize = 16_384;

pub(crate) enum Note {
    Event(Box<AuditEvent>),
    Step(Box<ConnectStep>),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// How many steps of connecting clients one address may leave in a minute. One attempt has about ten.
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

/// The way to the trail.
#[derive(Clone)]
pub(crate) struct Trail(mpsc::Sender<Note>);

impl Trail {
    pub(crate) fn start(writer: Arc<Writer>, caches: Arc<Caches>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(receiver, writer, caches));
        Self(sender)
    }

    pub(crate) async fn note(&self, note: Note) -> Result<(), StoreError> {
        self.0.send(note).await.map_err(|_| StoreError::Closed)
    }

    /// Takes a note if there is room; for what may be lost under a flood.
    pub(crate) fn try_note(&self, note: Note) -> bool {
        self.0.try_send(note).is_ok()
    }

    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.note(Note::Flush(done)).await?;
        written.await.map_err(|_| StoreError::Closed)
    }
}

async fn run(mut queue: mpsc::Receiver<Note>, writer: Arc<Writer>, caches: Arc<Caches>) {
    let mut notes = Vec::with_capacity(BATCH);
    loop {
        if queue.recv_many(&mut notes, BATCH).await == 0 {
            return;
        }
        if !notes.iter().any(|note| matches!(note, Note::Flush(_))) && notes.len() < BATCH {
            tokio::time::sleep(WAIT).await;
            while notes.len() < BATCH {
                let Ok(note) = queue.try_recv() else { break };
                notes.push(note);
            }
        }
        let (mut events, mut steps, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for note in notes.drain(..) {
            match note {
                Note::Event(event) => events.push(*event),
                Note::Step(step) => steps.push(*step),
                Note::Flush(done) => waiting.push(done),
            }
        }
        let mut unit = UnitOfWork::new();
        if !events.is_empty() {
            unit.push(Change::Audit(events));
        }
        if !steps.is_empty() {
            unit.push(Change::InsertSteps(steps));
        }
        if !unit.is_empty() {
            write(&unit, &writer, &caches).await;
        }
        for done in waiting {
            let _ = done.send(());
        }
    }
}

/// Writes until it is written: the audit has no gaps while the database is away, only a delay.
async fn write(unit: &UnitOfWork, writer: &Writer, caches: &Caches) {
    let mut pause = Duration::from_millis(200);
    loop {
        match writer.apply(unit.clone(), AuditEvent::default(), caches).await {
            Ok(()) | Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::error!(%error, "the audit could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
