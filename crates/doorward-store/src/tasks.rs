//! The tasks of the store that live as long as it does.

use std::future::Future;

use tokio::sync::watch;

/// The tasks of one store. Their end is unexpected for as long as the store is open.
#[derive(Clone)]
pub(crate) struct Tasks(watch::Sender<Option<&'static str>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(watch::Sender::new(None))
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
    pub(crate) fn start(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
        let alive = Alive(name, self.0.clone());
        let task = tokio::spawn(async move {
            let _alive = alive;
            work.await;
        });
        task.abort_handle()
    }

    /// Waits until a task ends, and answers its name.
    pub(crate) async fn first_end(&self) -> &'static str {
        let mut ends = self.0.subscribe();
        match ends.wait_for(Option::is_some).await {
            Ok(name) => name.unwrap_or_default(),
            // This value holds a sender itself.
            Err(_) => std::future::pending().await,
        }
    }
}
