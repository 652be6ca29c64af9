//! The data directory: the embedded database, the master key, and the lock that keeps a second server away.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The file system refused.
    #[error("{path}: {error}")]
    File {
        /// Where.
        path: String,
        /// What happened.
        error: std::io::Error,
    },
    /// Another server runs on it.
    #[error("another server is running on {0}; stop it, or give this one another --data-dir")]
    Locked(String),
}

/// A data directory.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

/// Held while a server runs.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataDir {
    /// Takes a directory; makes it, readable for its owner alone, if it does not exist.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| DataDirError::File { path: path.display().to_string(), error })?;
        Ok(Self(path.to_owned()))
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps other servers away until the lock is dropped or the process ends.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        let path = self.0.join("server.lock");
        let failed = |error| DataDirError::File { path: path.display().to_string(), error };
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(DataDirError::Locked(self.0.display().to_string())),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// What is wrong with who may read the directory and its files, one sentence each.
    pub fn exposed(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (path, allowed) in [(self.0.clone(), 0o077), (doorward_keys::MasterKey::path(&self.0), 0o077), (self.0.join("doorward.db"), 0o077)] {
            if let Ok(metadata) = fs::metadata(&path) {
                let mode = metadata.permissions().mode() & 0o777;
                if mode & allowed != 0 {
                    wrong.push(format!("{} can be read by others (mode {mode:o}); run: chmod go-rwx {}", path.display(), path.display()));
                }
            }
        }
        wrong
    }
}
