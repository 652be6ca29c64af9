//! The index on disk. It can be made again from the documents at any time: one that is lost, broken
//! or of another version is replaced.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use tantivy::{
    Directory as _, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument,
    TantivyError,
    directory::{INDEX_WRITER_LOCK, MmapDirectory, error::LockError},
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
fn folder(dir: &Path) -> PathBuf {
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
        Self::of(index, fields)
    }

    /// An empty index without a folder.
    pub(crate) fn in_memory() -> Result<Self, StoreFault> {
        let fields = Fields::new();
        Self::of(Index::create_in_ram(fields.schema.clone()), fields)
    }

    fn of(index: Index, fields: Fields) -> Result<Self, StoreFault> {
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

/// The name of a folder that is to be removed begins and ends so: no upstream is called so.
const ASIDE: (&str, &str) = (".", ".removed");

/// Moves the folder of a collection's index aside in one step, so that another collection of this
/// name begins with a new one. `None` if there is none.
pub(crate) fn set_aside(dir: &Path) -> io::Result<Option<PathBuf>> {
    let Some((parent, name)) = dir.parent().zip(dir.file_name().and_then(OsStr::to_str)) else {
        return Ok(None);
    };
    let mut number = 0_u32;
    loop {
        let aside = parent.join(format!("{}{name}.{number}{}", ASIDE.0, ASIDE.1));
        match fs::rename(dir, &aside) {
            Ok(()) => return Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // One that is still being removed.
            Err(_) if aside.exists() && number < 100 => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The same, unless another process maintains the index, which removes it itself. The folder that
/// is returned is to be removed.
///
/// # Errors
///
/// The reason for which it cannot be moved.
pub fn aside(dir: &Path) -> io::Result<Option<PathBuf>> {
    let own = folder(dir);
    let lock = if own.is_dir() {
        let directory = MmapDirectory::open(&own).map_err(io::Error::other)?;
        match directory.acquire_lock(&INDEX_WRITER_LOCK) {
            Ok(lock) => Some(lock),
            Err(LockError::LockBusy) => return Ok(None),
            Err(error) => return Err(io::Error::other(error)),
        }
    } else {
        None
    };
    let aside = set_aside(dir)?;
    drop(lock);
    Ok(aside)
}

/// The indexes below the folder of all indexes that were moved aside and are not removed yet, for
/// example because a process ended in between.
pub fn remains(all: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(all).into_iter().flatten().filter_map(Result::ok);
    let is_aside = |name: &str| name.starts_with(ASIDE.0) && name.ends_with(ASIDE.1);
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_aside))
        .map(|entry| entry.path())
        .collect()
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
