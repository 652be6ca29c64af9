//! Entries as a stream of lines, of any number.

use doorward_model::{AuditEntry, AuditEvent, AuditFilter, AuditKind};
use doorward_store::{Store, StoreError};
use futures_util::{Stream, stream};

use crate::text;

/// The number of entries that are read at once.
const BATCH: u64 = 2000;

/// A format of exported entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a head.
    Csv,
}

impl Format {
    /// The format of that name: `jsonl` or `csv`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "jsonl" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    fn head(self) -> String {
        match self {
            Self::JsonLines => String::new(),
            Self::Csv => format!("{}\n", text::CSV_HEAD),
        }
    }

    fn line(self, entry: &AuditEntry) -> String {
        match self {
            Self::JsonLines => format!("{}\n", text::to_json(entry)),
            Self::Csv => format!("{}\n", text::to_csv(entry)),
        }
    }
}

/// The state of an export.
enum Reading {
    Head,
    After(i64),
    Broken,
}

/// All entries that fit, the oldest first, as pieces of text of whole lines. That they are exported
/// is noted in the audit. An error ends the stream.
pub async fn export(
    store: Store,
    filter: AuditFilter,
    format: Format,
) -> Result<impl Stream<Item = Result<String, StoreError>> + Send, StoreError> {
    store.note(AuditEvent::new(AuditKind::AuditExported)).await?;
    let begin = (store, filter, Reading::Head);
    Ok(stream::unfold(begin, move |(store, filter, reading)| async move {
        let after = match reading {
            Reading::Head => return Some((Ok(format.head()), (store, filter, Reading::After(0)))),
            Reading::After(after) => after,
            Reading::Broken => return None,
        };
        let entries = match store.audit_after(after, BATCH).await {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, "an export of the audit was cut off");
                return Some((Err(error), (store, filter, Reading::Broken)));
            }
        };
        let last = entries.last()?.seq;
        let fitting = entries.iter().filter(|entry| filter.fits(&entry.event));
        let text = fitting.map(|entry| format.line(entry)).collect();
        Some((Ok(text), (store, filter, Reading::After(last))))
    }))
}
