//! Removes the databases and directories of a test when its thread ends.
//!
//! A run makes about 600 databases of 20 MB each on PostgreSQL; kept to the end, they fill the
//! disk of a small machine.
use std::{
    cell::RefCell,
    path::PathBuf,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
};

/// Registers a database of the cluster to be dropped after the current test.
pub(crate) fn drop_database_later(cluster: &str, name: &str) {
    let database = Database { cluster: cluster.to_owned(), name: name.to_owned() };
    LEFTOVERS.with_borrow_mut(|left| left.databases.push(database));
}

/// A fresh directory.
pub(crate) fn temporary_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = std::env::temp_dir().join(format!(
        "doorward-test-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::SeqCst)
    ));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    remove_directory_later(path.clone());
    path
}

/// Registers a directory to be removed after the current test.
fn remove_directory_later(path: PathBuf) {
    LEFTOVERS.with_borrow_mut(|left| left.directories.push(path));
}

thread_local! {
    // A test has a thread of its own; its end runs this destructor, after the test's runtime.
    static LEFTOVERS: RefCell<Leftovers> = RefCell::default();
}

struct Database {
    cluster: String,
    name: String,
}

#[derive(Default)]
struct Leftovers {
    databases: Vec<Database>,
    directories: Vec<PathBuf>,
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        for database in self.databases.drain(..) {
            // The receiver lives as long as the process.
            dropper().send(database).expect("the thread that drops databases has ended");
        }
        for directory in self.directories.drain(..) {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// Maximum number of databases to drop; beyond it, the tests wait for them.
const DUE_AT_MOST: usize = 32;

/// The thread that drops databases: dropping takes a checkpoint, for which the next test need not
/// wait unless many are due.
fn dropper() -> &'static mpsc::SyncSender<Database> {
    static DROPPER: OnceLock<mpsc::SyncSender<Database>> = OnceLock::new();
    DROPPER.get_or_init(|| {
        let (sender, receiver) = mpsc::sync_channel::<Database>(DUE_AT_MOST);
        std::thread::spawn(move || {
            for Database { cluster, name } in receiver {
                let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let dropped =
                    Command::new("psql").args([&cluster, "-q", "-c", &statement]).status();
                if !dropped.is_ok_and(|status| status.success()) {
                    eprintln!("the database {name} of a test was not dropped; it takes disk space");
                }
            }
        });
        sender
    })
}
