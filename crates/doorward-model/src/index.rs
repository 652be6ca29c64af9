//! The state of an index of documents, and the files that it leaves out with their reasons.

use serde::{Deserialize, Serialize};

/// Reason for which a file or folder is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFault {
    /// The folder cannot be read.
    Folder,
    /// The file cannot be read.
    File,
    /// Its name cannot be a path of a document.
    Name,
    /// A symbolic link leads out of the collection's folder, or to a hidden file.
    Outside,
    /// The target of a symbolic link does not exist.
    Dangling,
    /// Folders are nested too deep.
    Deep,
    /// The file is larger than the limit.
    TooLarge,
    /// The collection has more documents than the limit.
    TooMany,
    /// The format of the file is not that of its name, or the file is damaged.
    Broken,
    /// The file is encrypted.
    Encrypted,
    /// The file unpacks to more than the limit, or takes too long.
    Budget,
    /// The file has no text.
    Empty,
    /// The resources of an upstream cannot be listed.
    Source,
    /// A resource cannot be read at its upstream.
    Resource,
}

impl FileFault {
    /// All reasons.
    pub const ALL: [Self; 14] = [
        Self::Folder,
        Self::File,
        Self::Name,
        Self::Outside,
        Self::Dangling,
        Self::Deep,
        Self::TooLarge,
        Self::TooMany,
        Self::Broken,
        Self::Encrypted,
        Self::Budget,
        Self::Empty,
        Self::Source,
        Self::Resource,
    ];

    /// Its name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::File => "file",
            Self::Name => "name",
            Self::Outside => "outside",
            Self::Dangling => "dangling",
            Self::Deep => "deep",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Broken => "broken",
            Self::Encrypted => "encrypted",
            Self::Budget => "budget",
            Self::Empty => "empty",
            Self::Source => "source",
            Self::Resource => "resource",
        }
    }

    /// The reason of this name.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }

    /// The reason and the remedy, in English.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "the folder cannot be read; check that it exists and its permissions",
            Self::File => "the file cannot be read; check its permissions",
            Self::Name => "the name is too long or contains characters that a path cannot have",
            Self::Outside => {
                "the symbolic link leads out of the folder or to a hidden file; it is not followed"
            }
            Self::Dangling => "the target of the symbolic link does not exist",
            Self::Deep => "folders are nested deeper than 64",
            Self::TooLarge => "the file is larger than file_bytes allows",
            Self::TooMany => "there are more documents than most_documents allows",
            Self::Broken => "the file is damaged, or its format is not that of its name",
            Self::Encrypted => "the file is encrypted",
            Self::Budget => "the file unpacks to more text than the limit, or takes too long",
            Self::Empty => "the file has no text",
            Self::Source => "the resources cannot be listed now; the log has the reason",
            Self::Resource => "the resource cannot be read; the log has the reason",
        }
    }
}

/// The activity of the indexer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexPhase {
    /// No scan was made yet.
    #[default]
    Starting,
    /// Files are compared with the index.
    Scanning,
    /// Changed files are read.
    Indexing,
    /// The index is up to date.
    Ready,
    /// The index cannot be maintained.
    Failed,
}

impl IndexPhase {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Scanning => "scanning",
            Self::Indexing => "indexing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// A file or folder that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutFile {
    /// Its path in the collection.
    pub path: String,
    /// The reason.
    pub code: FileFault,
    /// The reason and the remedy, in English.
    pub reason: String,
}

impl LeftOutFile {
    /// A file or folder with the reason.
    pub fn new(path: &str, fault: FileFault) -> Self {
        Self { path: path.to_owned(), code: fault, reason: fault.as_str().to_owned() }
    }

    /// True for a whole folder of the collection.
    pub fn is_root(&self) -> bool {
        matches!(self.code, FileFault::Folder | FileFault::Source) && !self.path.contains('/')
    }
}

/// The state of an index, for operators: it counts all documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexStatus {
    /// The activity.
    pub phase: IndexPhase,
    /// Changed files that were read.
    pub done: u64,
    /// Changed files that are to be read.
    pub total: u64,
    /// Documents in the index.
    pub documents: u64,
    /// Chunks in the index.
    pub chunks: u64,
    /// Files and folders that are left out.
    pub left_out: u64,
    /// The first of them.
    pub named: Vec<LeftOutFile>,
    /// Seconds since 1970 of the end of the last complete scan; 0 before the first.
    pub scanned_at: i64,
    /// Seconds since 1970 at which all documents were in the index for the first time since this
    /// process began or was asked for a new index; 0 before.
    pub built: i64,
    /// Reason for which the index cannot be maintained.
    pub problem: Option<String>,
}

impl IndexStatus {
    /// The share that is done, in percent.
    pub fn percent(&self) -> u64 {
        match self.phase {
            IndexPhase::Indexing => {
                (self.done.min(self.total) * 100).checked_div(self.total).unwrap_or(0)
            }
            IndexPhase::Ready => 100,
            IndexPhase::Starting | IndexPhase::Scanning | IndexPhase::Failed => {
                if self.scanned_at > 0 { 100 } else { 0 }
            }
        }
    }

    /// The first of the collection's folders that cannot be read at all.
    pub fn lost_folder(&self) -> Option<&LeftOutFile> {
        self.named.iter().find(|file| file.is_root())
    }

    /// The state in one sentence, in English.
    pub fn told(&self) -> String {
        let (phase, documents, chunks) = (self.phase.as_str(), self.documents, self.chunks);
        let state = format!("{phase}; {documents} documents with {chunks} chunks");
        if self.phase == IndexPhase::Indexing {
            format!("{state}; {} of {} changed files read", self.done, self.total)
        } else {
            state
        }
    }

    /// The files that are left out in one sentence, in English: at most so many by name.
    pub fn told_left_out(&self, most: usize) -> String {
        let named: Vec<String> = self
            .named
            .iter()
            .take(most)
            .map(|file| format!("{} ({})", file.path, file.reason))
            .collect();
        let more = if self.left_out > named.len() as u64 { "; …" } else { "" };
        format!("{} files left out: {}{more}", self.left_out, named.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_code_that_names_it_alone_and_is_written_so() {
        for fault in FileFault::ALL {
            assert_eq!(FileFault::of_code(fault.code()), Some(fault));
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.code());
        }
    }

    #[test]
    fn the_state_in_words_has_progress_and_names_some_of_the_files() {
        let mut status = IndexStatus {
            phase: IndexPhase::Indexing,
            done: 1,
            total: 4,
            documents: 3,
            chunks: 9,
            left_out: 2,
            ..IndexStatus::default()
        };
        let told = "indexing; 3 documents with 9 chunks; 1 of 4 changed files read";
        assert_eq!((status.told().as_str(), status.percent()), (told, 25));
        status.named = vec![
            LeftOutFile::new("docs/a.pdf", FileFault::Broken),
            LeftOutFile::new("docs", FileFault::Folder),
        ];
        assert!(status.told_left_out(1).starts_with("2 files left out: docs/a.pdf (the file is"));
        assert!(status.told_left_out(1).ends_with("; …"));
        assert_eq!(status.lost_folder().map(|file| file.path.as_str()), Some("docs"));
        status.phase = IndexPhase::Ready;
        assert_eq!(
            (status.told().as_str(), status.percent()),
            ("ready; 3 documents with 9 chunks", 100)
        );
    }
}
