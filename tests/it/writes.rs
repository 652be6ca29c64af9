//! The promises of a unit of work to a caller that may be dropped at any await, and the counters
//! that decide before they compare.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use doorward_model::{
    AuditEvent, AuditFilter, AuditKind, Change, CountedAttempt, Timestamp, UnitOfWork,
};
use doorward_store::{ClientFilter, Condition, Observer, Store, StoreError};
use doorward_testkit::TestServer;

use crate::fixtures::{NOW, client};

#[derive(Default)]
struct Counter {
    changes: AtomicUsize,
    events: AtomicUsize,
}

impl Observer for Counter {
    fn changed(&self, name: &'static str) {
        self.changes.fetch_add(usize::from(name == "insert_client"), Ordering::SeqCst);
    }
    fn happened(&self, event: &AuditEvent) {
        self.events.fetch_add(usize::from(event.kind == AuditKind::ClientAdded), Ordering::SeqCst);
    }
}

/// The subjects of every entry of a kind.
async fn subjects(store: &Store, kind: &str) -> Vec<String> {
    let filter = AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() };
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.audit(&filter, before, 200).await.unwrap();
        found.extend(page.entries.into_iter().map(|entry| entry.event.subject));
        before = page.before;
        if before.is_none() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_caller_is_dropped_is_stored_with_its_entry_and_counted_or_not_at_all() {
    let server = TestServer::start().await;
    let store = Store::open(&server.config.store, &server.data_dir).await.unwrap();
    let counter = Arc::new(Counter::default());
    store.observe(counter.clone());
    let mut dropped = 0;
    for index in 0..400_u64 {
        let writer = store.clone();
        let task = tokio::spawn(async move {
            writer.apply(Change::InsertClient(Box::new(client(&format!("c_{index}"))))).await
        });
        // From before the first poll to after the answer.
        tokio::time::sleep(Duration::from_micros(index * 7 % 1500)).await;
        task.abort();
        dropped += usize::from(task.await.is_err());
    }
    // However fast the database answers: the write has begun, and its caller is dropped.
    for index in 400..450_u64 {
        let mut write =
            Box::pin(store.apply(Change::InsertClient(Box::new(client(&format!("c_{index}"))))));
        let answered = std::future::poll_fn(|context| {
            std::task::Poll::Ready(write.as_mut().poll(context).is_ready())
        });
        dropped += usize::from(!answered.await);
    }
    assert!(dropped > 20, "only {dropped} callers were dropped before their answer");
    store.flush().await.unwrap();
    let stored: BTreeSet<String> = store
        .clients(ClientFilter::default(), 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|client| format!("client:{}", client.id))
        .collect();
    let entries = subjects(&store, "client.added").await;
    assert!(stored.len() >= 450 - dropped, "{} of 450 stored, {dropped} dropped", stored.len());
    assert_eq!(entries.len(), stored.len());
    assert_eq!(entries.into_iter().collect::<BTreeSet<_>>(), stored);
    assert_eq!(
        (counter.changes.load(Ordering::SeqCst), counter.events.load(Ordering::SeqCst)),
        (stored.len(), stored.len())
    );
}

#[tokio::test]
async fn an_event_is_noted_before_its_caller_can_be_dropped() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let event = AuditEvent::new(doorward_model::AuditKind::ToolCalled);
    // The future is dropped without being polled once.
    drop(store.note(event));
    store.flush().await.unwrap();
    assert_eq!(subjects(store, "tool.called").await.len(), 1);
}

fn attempt(at: Timestamp) -> Change {
    Change::CountAttempt(CountedAttempt {
        key: "account:ann".into(),
        at,
        free: 5,
        longest_delay: 900,
        forget_after: 1000,
    })
}

async fn allowed(store: &Store, at: Timestamp) -> bool {
    match store.apply(attempt(at)).await {
        Ok(()) => true,
        Err(StoreError::Refused(Condition::CountAttempt)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_sent_at_once_are_allowed_no_more_often_than_attempts_in_turn() {
    let server = TestServer::start().await;
    let store = server.app.store.clone();
    let all: Vec<_> = (0..300)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { allowed(&store, NOW).await })
        })
        .collect();
    let mut count = 0;
    for one in all {
        count += usize::from(one.await.unwrap());
    }
    assert_eq!(count, 5);
    assert_eq!(store.login_failures("account:ann").await.unwrap().failures, 5);
}

#[tokio::test]
async fn the_delay_after_an_attempt_doubles_ends_and_is_taken_back_with_it() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    for _ in 0..5 {
        assert!(allowed(store, NOW).await);
    }
    let mut now = NOW;
    for delay in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
        assert!(!allowed(store, now.plus(delay - 1)).await, "{delay}");
        now = now.plus(delay);
        assert!(allowed(store, now).await, "{delay}");
    }
    // A right secret takes its attempt back: neither the count nor the moment stays.
    let take_back = || Change::TakeBackAttempt { key: "account:ann".into() };
    let before = store.login_failures("account:ann").await.unwrap();
    now = now.plus(900);
    assert!(allowed(store, now).await);
    store.apply(take_back()).await.unwrap();
    let after = store.login_failures("account:ann").await.unwrap();
    assert_eq!((before.failures, before.last_at), (after.failures, after.last_at));
    assert!(allowed(store, now).await && !allowed(store, now).await);
    // After a long silence the count starts again.
    now = now.plus(1001);
    assert!(allowed(store, now).await);
    assert_eq!(store.login_failures("account:ann").await.unwrap().failures, 1);
    store.apply(UnitOfWork::from_iter([take_back(), take_back()])).await.unwrap();
    assert_eq!(store.login_failures("account:ann").await.unwrap().failures, 0);
}
