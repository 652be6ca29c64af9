//! The state of an index of documents, on the page of its upstream.

use doorward_language::{Message, text};
use doorward_model::{FileFault, IndexPhase, IndexStatus, Timestamp, foreign};
use doorward_web::moment;

/// The state of an index.
pub(super) struct IndexView {
    pub(super) state: Message,
    pub(super) documents: u64,
    pub(super) chunks: u64,
    /// The share that was read, while files are read.
    pub(super) progress: Option<Message>,
    /// The end of the last complete run.
    pub(super) last_run: Option<String>,
    /// The reason for which it cannot be maintained.
    pub(super) problem: Option<String>,
    /// The files that are left out: escaped path and reason of the first ones, the number of the
    /// others, and of all.
    pub(super) left_out: Vec<(String, Message)>,
    pub(super) more: u64,
    pub(super) left_out_count: u64,
}

impl From<IndexStatus> for IndexView {
    fn from(status: IndexStatus) -> Self {
        let progress = (status.phase == IndexPhase::Indexing)
            .then(|| text::index_progress(status.done, status.total, status.percent()));
        let named = status.named.iter();
        let left_out: Vec<_> = named
            .map(|file| (foreign::escaped(&file.path).into_owned(), fault(file.code)))
            .collect();
        Self {
            state: phase(status.phase),
            documents: status.documents,
            chunks: status.chunks,
            progress,
            last_run: (status.scanned_at > 0).then(|| moment(Timestamp(status.scanned_at))),
            problem: status.problem,
            more: status.left_out.saturating_sub(left_out.len() as u64),
            left_out,
            left_out_count: status.left_out,
        }
    }
}

fn phase(phase: IndexPhase) -> Message {
    match phase {
        IndexPhase::Starting => text::index_starting(),
        IndexPhase::Scanning => text::index_scanning(),
        IndexPhase::Indexing => text::index_indexing(),
        IndexPhase::Ready => text::index_ready(),
        IndexPhase::Failed => text::index_failed(),
    }
}

fn fault(fault: FileFault) -> Message {
    match fault {
        FileFault::Folder => text::index_fault_folder(),
        FileFault::File => text::index_fault_file(),
        FileFault::Name => text::index_fault_name(),
        FileFault::Outside => text::index_fault_outside(),
        FileFault::Dangling => text::index_fault_dangling(),
        FileFault::Deep => text::index_fault_deep(),
        FileFault::TooLarge => text::index_fault_too_large(),
        FileFault::TooMany => text::index_fault_too_many(),
        FileFault::Broken => text::index_fault_broken(),
        FileFault::Encrypted => text::index_fault_encrypted(),
        FileFault::Budget => text::index_fault_budget(),
        FileFault::Empty => text::index_fault_empty(),
        FileFault::Source => text::index_fault_source(),
        FileFault::Resource => text::index_fault_resource(),
    }
}
