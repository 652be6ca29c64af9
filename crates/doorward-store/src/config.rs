//! The location of the data.

use std::path::{Path, PathBuf};

use doorward_model::SecretSetting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The location of the data and the size of caches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The database: empty for SQLite in the data directory, or `postgres://user@host/database`. A
    /// password in it is a secret: set it by `DOORWARD_STORE__URL_FILE`.
    pub url: SecretSetting,
    /// Maximum number of connections that are opened to PostgreSQL, or that read SQLite at the same
    /// time.
    pub max_connections: u32,
    /// Maximum number of clients, grants, sessions and users (each) that are kept in memory.
    pub cache_entries: usize,
    /// For how many seconds a cached value is used without asking PostgreSQL again, in case a
    /// notification from another replica is lost.
    pub cache_seconds: u64,
    /// Seconds between two deletions of expired rows.
    pub housekeeping_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: SecretSetting::default(),
            max_connections: 8,
            cache_entries: 10_000,
            cache_seconds: 30,
            housekeeping_seconds: 60,
        }
    }
}

impl Config {
    /// The file of SQLite; `None` with PostgreSQL.
    pub fn file(&self, data_dir: &Path) -> Option<PathBuf> {
        let url = self.url.reveal();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return None;
        }
        let file = url.strip_prefix("sqlite://").map(PathBuf::from);
        Some(file.unwrap_or_else(|| data_dir.join("doorward.db")))
    }
}
