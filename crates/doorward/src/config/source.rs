//! The place that the configuration is loaded from, at the start and again at each reload.

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{ConfigError, ConfigErrors, Environment, Loaded, load};

type Flags = Arc<dyn Fn(&mut Loaded) + Send + Sync>;

/// The file, the environment and the options of the command line.
#[derive(Clone)]
pub struct ConfigSource {
    file: Option<PathBuf>,
    flags: Flags,
}

/// The files that a configuration was read from, each with its state just before it was read: a
/// change during the read makes another state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<PathBuf, Option<Facts>>);

/// Length, time of the last change in seconds and nanoseconds, and number of a file.
type Facts = (u64, i64, i64, u64);

fn facts(path: &Path) -> Option<Facts> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ino()))
}

impl Fingerprint {
    /// Adds a file that is read next.
    pub(super) fn add(&mut self, path: &Path) {
        self.0.insert(path.to_owned(), facts(path));
    }

    /// Adds other files.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The state of the same files now.
    #[must_use]
    pub fn now(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), facts(path))).collect())
    }

    /// True if the file existed.
    fn had(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(Option::is_some)
    }
}

impl ConfigSource {
    /// This file, or else `doorward.toml` in the working directory, under these options.
    pub fn new(file: Option<&Path>, flags: impl Fn(&mut Loaded) + Send + Sync + 'static) -> Self {
        Self { file: file.map(Path::to_owned), flags: Arc::new(flags) }
    }

    /// Loads the configuration.
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        let mut loaded = load(self.file.as_deref(), &Environment::of_process())?;
        (self.flags)(&mut loaded);
        Ok(loaded)
    }

    /// Loads the configuration in place of one that was loaded before. A file that was there then
    /// must still be there: its absence is no decision to go back to the defaults.
    pub fn load_again(&self, before: &Loaded) -> Result<Loaded, ConfigErrors> {
        let path = self.path();
        if before.files.had(&path) && !path.exists() {
            let message = format!(
                "{} was deleted; restore it, or restart the server without it",
                path.display()
            );
            return Err(ConfigError { origin: None, key: String::new(), message }.into());
        }
        self.load()
    }

    fn path(&self) -> PathBuf {
        self.file.clone().unwrap_or_else(|| PathBuf::from(super::load::DEFAULT_FILE))
    }
}
