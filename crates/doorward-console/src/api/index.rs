//! The state of an index of documents.

use doorward_model::IndexStatus;
use schemars::JsonSchema;
use serde::Serialize;

/// The index of an upstream with documents. It counts all documents, also those
/// that the reader may not open.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DocumentIndex")]
pub(super) struct Index {
    /// `starting`, `scanning`, `indexing`, `ready` or `failed`.
    state: String,
    /// The documents in it.
    documents: u64,
    /// The passages that they are divided into.
    chunks: u64,
    /// The share of the changed files that was read, in percent.
    percent: u64,
    /// The changed files that were read.
    files_read: u64,
    /// The changed files that are or were to be read.
    files_changed: u64,
    /// Seconds since 1970 of the end of the last complete run; null before the first.
    last_run: Option<i64>,
    /// The files and folders that are left out.
    left_out_count: u64,
    /// The first of them.
    left_out: Vec<LeftOut>,
    /// The reason for which it cannot be maintained, in English.
    problem: Option<String>,
}

/// A file or folder that is left out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LeftOutFile")]
struct LeftOut {
    /// Its path in the collection.
    path: String,
    /// The reason for programs, such as `broken` or `too_large`.
    code: String,
    /// The reason and the remedy, in English.
    reason: String,
}

impl From<IndexStatus> for Index {
    fn from(status: IndexStatus) -> Self {
        Self {
            state: status.phase.as_str().to_owned(),
            percent: status.percent(),
            documents: status.documents,
            chunks: status.chunks,
            files_read: status.done,
            files_changed: status.total,
            last_run: (status.scanned_at > 0).then_some(status.scanned_at),
            left_out_count: status.left_out,
            left_out: status
                .named
                .into_iter()
                .map(|file| LeftOut {
                    path: file.path,
                    code: file.code.code().to_owned(),
                    reason: file.reason,
                })
                .collect(),
            problem: status.problem,
        }
    }
}
