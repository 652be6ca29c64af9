//! Work that several requests wait for and none of them owns.
//!
//! A request may be dropped at any await: its client disconnects, it times out, the server shuts
//! down. Work that must complete once it has begun, such as the refresh of a token that its issuer
//! rotates, therefore runs in a task of its own. Requests for the same key share one task and its
//! result; the task does not end when the requests that wait for it do.

use std::{
    collections::HashMap,
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::FutureExt;
use tokio::sync::watch;

/// Reason for which shared work has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlightError {
    /// The limit of concurrent pieces of work is reached; none was begun.
    #[error("too many of these requests are in progress; try again shortly")]
    Busy,
    /// The work ended without a result: it panicked, or the server is shutting down. The key is
    /// free again.
    #[error("the request failed unexpectedly; try again")]
    Ended,
}

/// The result of a piece of work, as soon as it is available.
type Awaited<T> = watch::Receiver<Option<T>>;

struct Shared<K, T> {
    under_way: Mutex<HashMap<K, Awaited<T>>>,
    count: watch::Sender<usize>,
    // Set while `under_way` is locked, so that nothing begins unseen beside it.
    finished: AtomicBool,
}

impl<K, T> Shared<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Awaited<T>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pieces of work by key, at most one for each key at a time. Cheap to clone.
pub struct SingleFlight<K, T> {
    shared: Arc<Shared<K, T>>,
    most: usize,
}

impl<K, T> Clone for SingleFlight<K, T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), most: self.most }
    }
}

/// Frees a key however the work ends, a panic and the end of the runtime included.
struct KeyGuard<K: Eq + Hash, T> {
    shared: Arc<Shared<K, T>>,
    key: Option<K>,
}

impl<K: Eq + Hash, T> Drop for KeyGuard<K, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.lock().remove(&key);
            self.shared.count.send_modify(|count| *count -= 1);
        }
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// A set of at most `most` pieces of work at once.
    pub fn new(most: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                under_way: Mutex::default(),
                count: watch::Sender::new(0),
                finished: AtomicBool::new(false),
            }),
            most,
        }
    }

    /// Waits for the work of this key: the one that is under way, or else the one that `work`
    /// begins in a task of its own. Dropping the returned future ends the waiting and not the work.
    /// The work must be limited in time by itself.
    pub async fn run<W, F>(&self, key: K, work: W) -> Result<T, FlightError>
    where
        W: FnOnce() -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut awaited = self.begin(key, work)?;
        let done = awaited.wait_for(Option::is_some).await.map_err(|_| FlightError::Ended)?;
        done.clone().ok_or(FlightError::Ended)
    }

    /// Begins the work of this key, unless it is under way, and does not wait for it.
    pub fn begin<W, F>(&self, key: K, work: W) -> Result<Awaited<T>, FlightError>
    where
        W: FnOnce() -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = self.shared.lock();
        if let Some(awaited) = under_way.get(&key) {
            return Ok(awaited.clone());
        }
        if self.shared.finished.load(Ordering::Relaxed) {
            return Err(FlightError::Ended);
        }
        if under_way.len() >= self.most {
            return Err(FlightError::Busy);
        }
        let (sender, awaited) = watch::channel(None);
        under_way.insert(key.clone(), awaited.clone());
        self.shared.count.send_modify(|count| *count += 1);
        drop(under_way);
        let landing = KeyGuard { shared: Arc::clone(&self.shared), key: Some(key) };
        let work = work();
        tokio::spawn(async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            // The key is free before the result is published: a later caller begins again, on the
            // state after the work.
            drop(landing);
            if let Ok(result) = outcome {
                let _ = sender.send(Some(result));
            } else {
                // Dropping the sender wakes the waiting callers.
                tracing::error!(
                    "shared work panicked; the requests that waited for it received an error"
                );
            }
        });
        Ok(awaited)
    }

    /// Begins no more work and waits until none is under way, so that the server can stop without
    /// losing any.
    pub async fn finish(&self) {
        {
            let _under_way = self.shared.lock();
            self.shared.finished.store(true, Ordering::Relaxed);
        }
        self.drained().await;
    }

    /// Waits until no work is under way. Work that begins meanwhile is waited for too.
    pub async fn drained(&self) {
        // The sender lives in `self`, so this ends only with the count.
        let _ = self.shared.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, time::Duration};

    use super::*;

    fn counted(count: &Arc<AtomicUsize>) -> impl Future<Output = usize> + Send + 'static {
        let count = Arc::clone(count);
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            count.fetch_add(1, Ordering::SeqCst) + 1
        }
    }

    #[tokio::test]
    async fn requests_for_one_key_share_one_piece_of_work() {
        let (flights, count) = (SingleFlight::new(10), Arc::new(AtomicUsize::new(0)));
        let all =
            futures_util::future::join_all((0..20).map(|_| flights.run("a", || counted(&count))))
                .await;
        assert!(all.iter().all(|result| *result == Ok(1)), "{all:?}");
        assert_eq!(
            flights.run("a", || counted(&count)).await,
            Ok(2),
            "work that is done is not kept"
        );
    }

    #[tokio::test]
    async fn work_completes_although_the_request_that_began_it_is_dropped() {
        let (flights, count) = (SingleFlight::new(10), Arc::new(AtomicUsize::new(0)));
        assert!(
            tokio::time::timeout(Duration::from_millis(5), flights.run(1, || counted(&count)))
                .await
                .is_err()
        );
        flights.drained().await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_to_waiting_requests_and_frees_the_key() {
        let flights = SingleFlight::<_, usize>::new(10);
        let failing = || async { panic!("test") };
        assert_eq!(flights.run(1, failing).await, Err(FlightError::Ended));
        assert_eq!(flights.run(1, || async { 7 }).await, Ok(7));
        assert_eq!(*flights.shared.count.borrow(), 0);
    }

    #[tokio::test]
    async fn more_keys_than_the_limit_are_refused_and_nothing_is_begun() {
        let (flights, count) = (SingleFlight::new(1), Arc::new(AtomicUsize::new(0)));
        let first = flights.begin(1, || counted(&count)).unwrap();
        assert_eq!(flights.run(2, || counted(&count)).await, Err(FlightError::Busy));
        drop(first);
        flights.drained().await;
        assert_eq!(
            (count.load(Ordering::SeqCst), flights.run(2, || counted(&count)).await),
            (1, Ok(2))
        );
    }

    #[tokio::test]
    async fn finishing_waits_for_work_in_progress_and_begins_no_more() {
        let (flights, count) = (SingleFlight::new(10), Arc::new(AtomicUsize::new(0)));
        drop(flights.begin(1, || counted(&count)).unwrap());
        flights.finish().await;
        assert_eq!(
            (count.load(Ordering::SeqCst), flights.run(2, || counted(&count)).await),
            (1, Err(FlightError::Ended))
        );
        flights.finish().await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
