//! Databases of tests.
//!
//! Migrating an empty database takes longer than most tests. One is migrated for each process, and
//! those of the tests are copies of it. A program that a test starts on SQLite migrates its own.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use doorward_store::{Config, Store};
use tokio::sync::OnceCell;

use crate::leftovers::{drop_database_later, temporary_directory};

/// The URL of a migrated database of its own, where the tests run on PostgreSQL:
/// `DOORWARD_TEST_DATABASE` names the cluster. Otherwise empty: a file in the data directory.
pub async fn fresh_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by the environment which database to run on"
    )]
    let Ok(cluster) = std::env::var("DOORWARD_TEST_DATABASE") else { return String::new() };
    let template = template(&cluster).await;
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    create(&cluster, &format!("{name} TEMPLATE {template}")).await;
    drop_database_later(&cluster, &name);
    url_of(&cluster, &name)
}

/// Writes a migrated database where `config` names a file of `data_dir`.
pub(crate) async fn write_migrated(config: &Config, data_dir: &Path) {
    static MIGRATED: OnceCell<Vec<u8>> = OnceCell::const_new();
    let Some(file) = config.file(data_dir) else { return };
    let migrated = MIGRATED
        .get_or_init(|| async {
            let data_dir = temporary_directory();
            let config = Config::default();
            migrate(&config, &data_dir).await;
            std::fs::read(config.file(&data_dir).unwrap()).unwrap()
        })
        .await;
    std::fs::write(file, migrated).unwrap();
}

/// The name of the migrated database of this process. It stays in the cluster, as no test is the
/// last to use it.
async fn template(cluster: &str) -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = format!("t{}_template", std::process::id());
            create(cluster, &name).await;
            let config = Config { url: url_of(cluster, &name).into(), ..Config::default() };
            migrate(&config, &temporary_directory()).await;
            name
        })
        .await
}

async fn migrate(config: &Config, data_dir: &Path) {
    let store = Box::pin(Store::open(config, data_dir)).await.unwrap();
    Box::pin(store.close()).await.unwrap();
}

async fn create(cluster: &str, database: &str) {
    let made = tokio::process::Command::new("psql")
        .args([cluster, "-q", "-c", &format!("CREATE DATABASE {database}")])
        .status()
        .await
        .unwrap();
    assert!(made.success(), "no database could be made on {cluster}");
}

fn url_of(cluster: &str, name: &str) -> String {
    let (base, rest) = cluster.rsplit_once('/').unwrap();
    let query = rest.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    format!("{base}/{name}{query}")
}
