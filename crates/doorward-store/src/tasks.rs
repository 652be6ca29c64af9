//! The tasks of the store that live as long as it does.

use std::future::Future;

use tokio::sync::watch;

/// The tasks of one store. Their end is unexpected for as long as the store is open.
#[derive(Clone)]
pub(crate) struct Tasks {
    ended: watch::Sender<Option<&'static str>>,
    /// The task that a test has panic. Only builds for development have it.
    #[cfg(debug_assertions)]
    failing: watch::Sender<Option<&'static str>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            ended: watch::Sender::new(None),
            #[cfg(debug_assertions)]
            failing: watch::Sender::new(None),
        }
    }
}

/// Reports the end of a task, also if it panicked.
struct EndReport(&'static str, watch::Sender<Option<&'static str>>);

impl Drop for EndReport {
    fn drop(&mut self) {
        self.1.send_if_modified(|first| {
            let news = first.is_none();
            first.get_or_insert(self.0);
            news
        });
    }
}

impl Tasks {
    /// Starts a task.
    pub(crate) fn start(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::AbortHandle {
        let alive = EndReport(name, self.ended.clone());
        #[cfg(debug_assertions)]
        let work = unless_failed(name, work, self.failing.subscribe());
        let task = tokio::spawn(async move {
            let _alive = alive;
            work.await;
        });
        task.abort_handle()
    }

    /// Starts a task on a thread of its own: for work that holds its thread, such as a flush to the
    /// disk. It may not use timers.
    pub(crate) fn start_on_thread(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let alive = EndReport(name, self.ended.clone());
        #[cfg(debug_assertions)]
        let work = unless_failed(name, work, self.failing.subscribe());
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || {
            let _alive = alive;
            runtime.block_on(work);
        })?;
        Ok(())
    }

    /// Has a task panic, for tests.
    #[cfg(debug_assertions)]
    pub(crate) fn fail(&self, name: &'static str) {
        self.failing.send_replace(Some(name));
    }

    /// The first task that ended.
    pub(crate) fn ended(&self) -> Option<&'static str> {
        *self.ended.borrow()
    }

    /// Waits until a task ends, and returns its name.
    pub(crate) async fn first_end(&self) -> &'static str {
        let mut ends = self.ended.subscribe();
        loop {
            let first = *ends.borrow_and_update();
            if let Some(name) = first {
                return name;
            }
            // It cannot fail: this value holds a sender itself.
            let _ = ends.changed().await;
        }
    }
}

/// Does the work of a task until a test has it panic.
#[cfg(debug_assertions)]
async fn unless_failed(
    name: &'static str,
    work: impl Future<Output = ()>,
    mut failing: watch::Receiver<Option<&'static str>>,
) {
    let failed = async {
        let asked = failing.wait_for(|failing| *failing == Some(name)).await.is_ok();
        if !asked {
            // The store was dropped.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = work => {}
        () = failed => panic!("a test has the task {name} panic"),
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::time::Duration;

    use doorward_model::Change;

    use crate::{Config, Store, StoreError};

    #[tokio::test]
    async fn the_end_of_any_task_is_reported_and_without_its_writer_a_store_is_not_healthy() {
        for task in ["writer", "audit trail"] {
            let folder =
                std::env::temp_dir().join(format!("doorward-tasks-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            let store = Store::open(&Config::default(), &folder).await.unwrap();
            store.ping().await.unwrap();
            assert!(
                tokio::time::timeout(Duration::from_millis(50), store.task_ended()).await.is_err()
            );
            store.fail_task(task);
            assert_eq!(store.task_ended().await, task);
            assert!(matches!(store.ping().await, Err(StoreError::Closed)), "{task}");
            if task == "writer" {
                let change = Change::PutSetting { key: "a".into(), value: "b".into() };
                assert!(matches!(store.apply(change).await, Err(StoreError::Closed)));
            }
        }
    }
}
