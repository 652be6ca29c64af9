//! Panics of long-lived tasks on request of a test of the whole process. Only builds for
//! development have this file.

use std::{path::Path, sync::OnceLock, time::Duration};

use doorward_store::Store;

/// The variable that names the file in which a test writes the name of the task to panic.
const VARIABLE: &str = "TEST_FAULT_FILE";
/// The tasks of the store.
const STORE: [&str; 4] = ["writer", "audit trail", "listener", "database watch"];

#[expect(clippy::disallowed_methods, reason = "no setting: only tests know of it")]
fn file() -> Option<&'static Path> {
    static FILE: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    FILE.get_or_init(|| std::env::var(VARIABLE).ok().map(Into::into)).as_deref()
}

/// Waits until a test requests the panic of this task.
async fn asked_for(name: &str) {
    let Some(file) = file() else {
        return std::future::pending().await;
    };
    loop {
        if std::fs::read_to_string(file).is_ok_and(|asked| asked.trim() == name) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Does the work of a task until a test requests its panic.
pub(crate) async fn unless_asked_for(name: &'static str, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = asked_for(name) => panic!("a test has the task {name} panic"),
    }
}

/// Passes the faults that a test requests to the tasks of the store.
pub(crate) fn hand_on(store: &Store) {
    for name in STORE {
        let store = store.clone();
        tokio::spawn(async move {
            asked_for(name).await;
            store.fail_task(name);
        });
    }
}
