//! The tasks of the store that live as long as it does.

use std::future::Future;

use tokio::sync::watch;

/// The tasks of one store. Their end is unexpected for as long as the store is open.
#[derive(Clone)]
pub(crate) struct Tasks(watch::Sender<Option<&'static str>>, #[cfg(test)] pub(crate) Started);

/// The tasks by name, for tests that end one.
#[cfg(test)]
pub(crate) type Started =
    std::sync::Arc<std::sync::Mutex<Vec<(&'static str, tokio::task::AbortHandle)>>>;

impl Default for Tasks {
    fn default() -> Self {
        Self(
            watch::Sender::new(None),
            #[cfg(test)]
            Started::default(),
        )
    }
}

/// Reports the end of a task, also if it panicked.
struct Alive(&'static str, watch::Sender<Option<&'static str>>);

impl Drop for Alive {
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
        let alive = Alive(name, self.0.clone());
        let task = tokio::spawn(async move {
            let _alive = alive;
            work.await;
        });
        #[cfg(test)]
        self.1.lock().unwrap().push((name, task.abort_handle()));
        task.abort_handle()
    }

    /// Waits until a task ends, and answers its name.
    pub(crate) async fn first_end(&self) -> &'static str {
        let mut ends = self.0.subscribe();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorward_model::Change;

    use crate::{Config, Store, StoreError};

    #[tokio::test]
    async fn the_end_of_any_task_is_told_and_without_its_writer_a_store_is_not_well() {
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
            for (_, handle) in
                store.tasks.1.lock().unwrap().iter().filter(|(name, _)| *name == task)
            {
                handle.abort();
            }
            assert_eq!(store.task_ended().await, task);
            if task == "writer" {
                assert!(matches!(store.ping().await, Err(StoreError::Closed)));
                let change = Change::PutSetting { key: "a".into(), value: "b".into() };
                assert!(matches!(store.apply(change).await, Err(StoreError::Closed)));
            }
        }
    }
}
