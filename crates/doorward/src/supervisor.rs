//! The owner of all tasks that live as long as the process. When one of them ends before the server
//! stops, the process ends with an error, and systemd, compose or Kubernetes starts it again.

use std::{collections::HashMap, future::Future};

use doorward_store::Store;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Failed;

/// Owns the tasks of a running server, and watches those of its store.
pub struct Supervisor {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    store: Store,
}

impl Supervisor {
    /// A supervisor without tasks of its own.
    pub fn new(store: Store) -> Self {
        #[cfg(debug_assertions)]
        crate::faults::hand_on(&store);
        Self { tasks: JoinSet::new(), names: HashMap::new(), store }
    }

    /// Starts a task that ends only when the server stops.
    pub fn start(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        #[cfg(debug_assertions)]
        let work = crate::faults::unless_asked_for(name, work);
        let task = self.tasks.spawn(work);
        self.names.insert(task.id(), name);
    }

    /// Serves until `serving` is done, then waits for the tasks. If one of them ends before `stop`
    /// is cancelled, or panics, this is an error and everything stops at once.
    pub async fn beside<T>(
        mut self,
        serving: impl Future<Output = T>,
        stop: &CancellationToken,
    ) -> Result<T, Failed> {
        let served = tokio::select! {
            served = serving => served,
            name = self.first_failure(stop) => {
                tracing::error!(task = name, "a task of the server ended unexpectedly; the process ends");
                return Err(Failed(format!("the task {name} ended unexpectedly")));
            }
        };
        stop.cancel();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let Err(error) = ended {
                let name = self.name(error.id());
                tracing::error!(task = name, "a task of the server panicked while it stopped");
                return Err(Failed(format!("the task {name} panicked")));
            }
        }
        Ok(served)
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("?")
    }

    /// Waits until a task ends that should not.
    async fn first_failure(&mut self, stop: &CancellationToken) -> &'static str {
        let store = self.store.clone();
        loop {
            tokio::select! {
                name = store.task_ended() => return name,
                ended = next(&mut self.tasks) => match ended {
                    Ok((_, ())) if stop.is_cancelled() => {}
                    Ok((id, ())) => return self.name(id),
                    Err(error) => return self.name(error.id()),
                },
            }
        }
    }
}

/// The next task that ends; never, if there is none.
async fn next(tasks: &mut JoinSet<()>) -> Result<(Id, ()), JoinError> {
    match tasks.join_next_with_id().await {
        Some(ended) => ended,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn supervisor(name: &str) -> Supervisor {
        let folder =
            std::env::temp_dir().join(format!("doorward-supervisor-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Supervisor::new(Store::open(&doorward_store::Config::default(), &folder).await.unwrap())
    }

    #[tokio::test]
    async fn a_task_that_ends_or_panics_ends_the_process_with_an_error() {
        for (name, panics) in [("ends", false), ("panics", true)] {
            let mut tasks = supervisor(name).await;
            tasks.start("steady", std::future::pending());
            tasks.start(name, async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                assert!(!panics, "as the test requires");
            });
            let ended = tasks.beside(std::future::pending::<()>(), &CancellationToken::new()).await;
            assert!(ended.unwrap_err().0.contains(name));
        }
    }

    #[tokio::test]
    async fn tasks_that_end_when_the_server_stops_are_no_error() {
        let stop = CancellationToken::new();
        let mut tasks = supervisor("stops").await;
        tasks.start("housekeeping", stop.clone().cancelled_owned());
        let (serving, stopping) = (stop.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stopping.cancel();
        });
        let served = tasks.beside(async move { serving.cancelled().await }, &stop).await;
        assert!(served.is_ok());
    }
}
