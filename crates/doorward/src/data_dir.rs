//! The data directory: the embedded database, the master key, and the lock that prevents a second
//! server.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    time::Duration,
};

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The file system refused.
    #[error("{path}: {error}{}", remedy(error))]
    File {
        /// The path.
        path: String,
        /// The event.
        error: std::io::Error,
    },
    /// Another server runs on it.
    #[error("another server is running on {0}; stop it first, or name another --data-dir")]
    Locked(String),
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "; run this as root or as the user of the server, or name another --data-dir"
        }
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            "; --data-dir must name a directory"
        }
        _ => "",
    }
}

/// The file that a running server locks.
const LOCK: &str = "server.lock";
/// The number of attempts at a lock, and the pause between them: together longer than any
/// inspection of it.
const LOCK_TRIES: usize = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

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
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| DataDirError::File { path: path.display().to_string(), error })?;
        Ok(Self(path.to_owned()))
    }

    /// The owner of the directory, where this process is of root and the directory is not: files
    /// that root makes there could not be opened by a server of this user.
    fn other_owner(&self) -> Option<(u32, u32)> {
        let metadata = fs::metadata(&self.0).ok().filter(|found| found.uid() != 0)?;
        rustix::process::geteuid().is_root().then(|| (metadata.uid(), metadata.gid()))
    }

    /// Makes the file of the embedded database, if there is none, for the owner of the directory.
    /// `SQLite` gives its side files the owner of the database.
    pub(crate) fn reserve(&self, database: &Path) {
        let Some((user, group)) = self.other_owner().filter(|_| database.starts_with(&self.0))
        else {
            return;
        };
        // A new file, so that a link of the owner leads nowhere.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(database);
        if let Ok(file) = made
            && let Err(error) = fchown(&file, Some(user), Some(group))
        {
            tracing::warn!(path = %database.display(), %error, "the owner of the data directory cannot open this");
        }
    }

    /// Gives the master key to the owner of the directory, if root made it.
    pub(crate) fn release_key(&self) {
        let Some((user, group)) = self.other_owner() else { return };
        let path = doorward_keys::MasterKey::path(&self.0);
        let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(&path) else {
            return;
        };
        // A link of the owner to another file of root is none that root made here.
        let is_own = file
            .metadata()
            .is_ok_and(|found| found.is_file() && found.uid() == 0 && found.nlink() == 1);
        if is_own && let Err(error) = fchown(&file, Some(user), Some(group)) {
            tracing::warn!(path = %path.display(), %error, "the owner of the data directory cannot open this");
        }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Number of bytes that are free there for this process.
    pub fn free(&self) -> std::io::Result<u64> {
        let volume = rustix::fs::statvfs(&self.0)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    /// Locks other servers out until the lock is dropped or the process ends.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        let path = self.0.join(LOCK);
        let failed = |error| DataDirError::File { path: path.display().to_string(), error };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        // A command holds it for the moment of an inspection; a server holds it until it ends.
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Err(DataDirError::Locked(self.0.display().to_string()))
    }

    /// True if a server runs on it.
    pub fn is_locked(&self) -> bool {
        File::open(self.0.join(LOCK))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// The folder of the certificate that the server makes for itself.
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The directory and the files in it that hold secrets, with the permissions that others have
    /// on them.
    fn secrets(&self) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
        let paths = [
            self.0.clone(),
            doorward_keys::MasterKey::path(&self.0),
            self.0.join("doorward.db"),
            self.0.join("doorward.db-wal"),
            self.tls(),
            self.tls().join("key.pem"),
        ];
        let found = paths
            .into_iter()
            .filter_map(|path| fs::metadata(&path).ok().map(|metadata| (path, metadata)));
        found.filter(|(_, metadata)| metadata.permissions().mode() & 0o077 != 0)
    }

    /// Sentences about parts of the directory and its files that other users can read, one for
    /// each.
    pub fn exposed(&self) -> Vec<String> {
        self.secrets().map(|(path, metadata)| sentence(&path, &metadata, "go-rwx")).collect()
    }

    /// Removes the permissions of other users where this process may. Remaining ones, such as of a
    /// directory of root that a container manager shares with a group, are logged.
    pub fn close_to_others(&self) {
        for (path, metadata) in self.secrets() {
            let mode = metadata.permissions().mode() & 0o700;
            match fs::set_permissions(&path, fs::Permissions::from_mode(mode)) {
                Ok(()) => {
                    tracing::warn!(path = %path.display(), "other users of the machine could read this; its permissions were restricted");
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "other users of the machine can read this, and its permissions cannot be changed");
                }
            }
        }
    }
}

fn sentence(path: &Path, metadata: &fs::Metadata, take: &str) -> String {
    let path = path.display();
    format!(
        "{path} can be read by other users of the machine (mode {:o}); run: chmod {take} {path}",
        metadata.permissions().mode() & 0o777
    )
}

/// A sentence about a key of the operator's that every user of the machine can read. A group may
/// read it: that is how a key is shared with the programs that serve it.
pub(crate) fn exposed_to_all(key: &Path) -> Option<String> {
    let metadata = fs::metadata(key).ok()?;
    let exposed = metadata.permissions().mode() & 0o007 != 0;
    exposed.then(|| sentence(key, &metadata, "o-rwx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_readable_by_other_users_are_closed_at_the_start() {
        let folder = std::env::temp_dir().join(format!("doorward-modes-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let data = DataDir::open(&folder).unwrap();
        let key = doorward_keys::MasterKey::path(&folder);
        fs::write(&key, "x").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let own = data.tls().join("key.pem");
        DirBuilder::new().mode(0o700).create(data.tls()).unwrap();
        fs::write(&own, "x").unwrap();
        for (path, mode) in [(data.tls(), 0o755), (own.clone(), 0o640)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(data.exposed().len(), 4);
        data.close_to_others();
        assert!(data.exposed().is_empty());
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(data.tls()).unwrap().permissions().mode() & 0o777, 0o700);
        for (mode, told) in [(0o600, false), (0o640, false), (0o644, true), (0o606, true)] {
            fs::set_permissions(&own, fs::Permissions::from_mode(mode)).unwrap();
            let exposed = exposed_to_all(&own);
            assert_eq!(exposed.is_some(), told, "{mode:o}: {exposed:?}");
        }
        let _ = fs::remove_dir_all(&folder);
    }
}
