//! The index on disk. It can be made again from the documents at any time: one that is lost, broken
//! or of another version is replaced.

use std::{fs, io, path::Path};

use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError,
    directory::{MmapDirectory, error::LockError},
};

use crate::{
    schema::{Fields, VERSION},
    stem,
};

/// The bytes that the writer holds in memory before it writes a part of the index.
const MEMORY: usize = 48 * 1024 * 1024;
/// The blocks of stored texts that a reader holds for each part of the index.
const BLOCKS: usize = 16;

/// Reason for which the index cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFault {
    /// Another process writes it.
    #[error("another process maintains the index")]
    Busy,
    /// Its folder cannot be used.
    #[error("the index cannot be stored: {0}")]
    Folder(String),
    /// Its files are broken.
    #[error("the index is broken and is rebuilt: {0}")]
    Broken(String),
}

impl From<TantivyError> for StoreFault {
    fn from(error: TantivyError) -> Self {
        match error {
            TantivyError::LockFailure(LockError::LockBusy, _) => Self::Busy,
            TantivyError::LockFailure(..) | TantivyError::OpenDirectoryError(_) => {
                Self::Folder(error.to_string())
            }
            error => Self::Broken(error.to_string()),
        }
    }
}

impl From<io::Error> for StoreFault {
    fn from(error: io::Error) -> Self {
        Self::Folder(error.to_string())
    }
}

/// An open index.
pub(crate) struct Opened {
    pub(crate) fields: Fields,
    index: Index,
    reader: IndexReader,
}

/// The folder of the index of this version.
fn folder(dir: &Path) -> std::path::PathBuf {
    dir.join(format!("index-{VERSION}"))
}

impl Opened {
    /// Opens the index, or creates an empty one.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreFault> {
        let folder = folder(dir);
        fs::create_dir_all(&folder)?;
        Self::within(&folder)
    }

    /// Opens the index of another process; `None` if there is none.
    pub(crate) fn existing(dir: &Path) -> Result<Option<Self>, StoreFault> {
        let folder = folder(dir);
        if !folder.join("meta.json").is_file() {
            return Ok(None);
        }
        Self::within(&folder).map(Some)
    }

    fn within(folder: &Path) -> Result<Self, StoreFault> {
        let fields = Fields::new();
        let directory =
            MmapDirectory::open(folder).map_err(|error| StoreFault::Folder(error.to_string()))?;
        let index = Index::open_or_create(directory, fields.schema.clone())?;
        index.tokenizers().register(stem::ENGLISH, stem::analyzer());
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(BLOCKS)
            .try_into()?;
        Ok(Self { fields, index, reader })
    }

    /// The writer, of which there is one in all processes.
    pub(crate) fn writer(&self) -> Result<IndexWriter<TantivyDocument>, StoreFault> {
        Ok(self.index.writer_with_num_threads(1, MEMORY)?)
    }

    /// A view of the index at this moment.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Makes the written documents visible to later views.
    pub(crate) fn reload(&self) -> Result<(), StoreFault> {
        Ok(self.reader.reload()?)
    }

    /// False if the files were removed while the index was open.
    pub(crate) fn is_there(dir: &Path) -> bool {
        folder(dir).join("meta.json").is_file()
    }
}

/// Removes the index, and those of other versions.
pub(crate) fn remove(dir: &Path, others_only: bool) -> io::Result<()> {
    let own = folder(dir);
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("index-") && !(others_only && path == own) {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}
