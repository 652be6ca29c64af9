//! Numbers of usage: they equal the audit, whatever happens between two counts.

use std::collections::BTreeMap;

use doorward_model::{
    Actor, AuditEvent, AuditFilter, AuditKind, AuditSubject, CallFacts, Change, Outcome, Timestamp,
    Usage, UsageBy, UsageFilter,
    usage::{LATENCY_BOUNDS, OTHERS},
};
use doorward_store::Store;
use doorward_testkit::TestServer;

/// The time of the first call: the start of an hour after everything that a server notes at its
/// start.
const NOW: Timestamp = Timestamp(2_000_000 * 3600);

/// A deterministic sequence that looks random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn call(dice: &mut Dice, at: Timestamp) -> AuditEvent {
    let service = ["", "wiki", "mail"][usize::try_from(dice.below(3)).unwrap()];
    let (kind, outcome) = match dice.below(10) {
        0 => (AuditKind::ToolRefused, Outcome::Refused),
        1 => (AuditKind::ToolCalled, Outcome::Failed),
        _ => (AuditKind::ToolCalled, Outcome::Ok),
    };
    let longest = 1 << dice.below(27);
    let micros = i64::try_from(dice.below(longest)).unwrap();
    let facts = CallFacts {
        tool: format!("{service}_tool_{}", dice.below(20)),
        upstream: service.to_owned(),
        class: "read".to_owned(),
        decision: "allow".to_owned(),
        micros,
        request_bytes: i64::try_from(dice.below(5000)).unwrap(),
        response_bytes: i64::try_from(dice.below(50_000)).unwrap(),
    };
    let user = dice.below(8);
    let client = dice.below(4);
    let actor = Actor {
        user_id: (user > 0).then(|| format!("u_{user}")),
        client_id: (client > 0).then(|| format!("c_{client}")),
        ..Actor::default()
    };
    AuditEvent { at, call: Some(Box::new(facts)), actor, ..AuditEvent::new(kind) }.ended(outcome)
}

/// Writes calls over two days through the writer, with entries of other kinds between them.
async fn write(store: &Store, seed: u64, count: usize) {
    let mut dice = Dice(seed);
    let mut at = NOW;
    for group in (0..count).collect::<Vec<_>>().chunks(500) {
        let mut events = Vec::new();
        for _ in group {
            at = at.plus(i64::try_from(dice.below(35)).unwrap());
            events.push(call(&mut dice, at));
            if dice.below(20) == 0 {
                let other = AuditEvent::new(AuditKind::SignedIn);
                events.push(AuditEvent { at, ..other });
                // Another entry about a tool, without a call.
                let decided = AuditEvent::new(AuditKind::ToolDecided);
                events.push(AuditEvent { at, ..decided.about(AuditSubject::Tool, "wiki/tool_1") });
            }
        }
        store.apply(Change::Audit(events)).await.unwrap();
    }
}

/// All calls of the audit.
async fn calls(store: &Store) -> Vec<AuditEvent<doorward_model::RecordedKind>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let some = store.audit_after(after, 1000).await.unwrap();
        let Some(last) = some.last() else { return all };
        after = last.seq;
        let is_call = |kind: &doorward_model::RecordedKind| {
            *kind == AuditKind::ToolCalled || *kind == AuditKind::ToolRefused
        };
        all.extend(some.into_iter().map(|entry| entry.event).filter(|event| is_call(&event.kind)));
    }
}

/// The numbers as the audit has them, with nothing of the store's own count in it.
fn expected(
    calls: &[AuditEvent<doorward_model::RecordedKind>],
    by: UsageBy,
) -> BTreeMap<String, Usage> {
    let mut all = BTreeMap::<String, Usage>::new();
    for event in calls {
        let facts = event.call.as_deref().unwrap();
        let key = match by {
            UsageBy::Tool => facts.tool.clone(),
            UsageBy::User => event.actor.user_id.clone().unwrap_or_default(),
            UsageBy::Client => event.actor.client_id.clone().unwrap_or_default(),
            UsageBy::Service => facts.upstream.clone(),
            UsageBy::Hour => (event.at.0 / 3600).to_string(),
            UsageBy::Total => String::new(),
        };
        let usage = all.entry(key.clone()).or_insert_with(|| Usage { key, ..Usage::default() });
        usage.calls += 1;
        usage.request_bytes += facts.request_bytes;
        usage.response_bytes += facts.response_bytes;
        if event.outcome == Outcome::Refused {
            usage.refused += 1;
            continue;
        }
        usage.failed += i64::from(event.outcome == Outcome::Failed);
        usage.micros += facts.micros;
        let bucket = LATENCY_BOUNDS.iter().position(|bound| facts.micros <= *bound);
        usage.histogram[bucket.unwrap_or(LATENCY_BOUNDS.len())] += 1;
    }
    all
}

async fn numbers(store: &Store, by: UsageBy) -> BTreeMap<String, Usage> {
    let all = store.usage(&UsageFilter::default(), by, 100_000).await.unwrap();
    all.into_iter().map(|usage| (usage.key.clone(), usage)).collect()
}

async fn equal_the_audit(store: &Store) {
    let calls = calls(store).await;
    for by in UsageBy::ALL {
        assert_eq!(numbers(store, by).await, expected(&calls, by), "{by:?}");
    }
}

#[tokio::test]
async fn figures_equal_the_audit_after_ten_thousand_calls_and_after_each_further_count() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    write(store, 1, 10_000).await;
    assert!(store.count_usage().await.unwrap() > 10_000);
    let total = numbers(store, UsageBy::Total).await;
    assert_eq!(total[""].calls, 10_000);
    equal_the_audit(store).await;
    // Nothing new, then a few, then those of an hour that has rows.
    assert_eq!(store.count_usage().await.unwrap(), 0);
    for seed in 2..5 {
        write(store, seed, 50).await;
        store.count_usage().await.unwrap();
        equal_the_audit(store).await;
    }
    let one = UsageFilter {
        since: Some(NOW.plus(3600)),
        until: Some(NOW.plus(4 * 3600)),
        upstream: Some("wiki".to_owned()),
        outcome: Some(Outcome::Failed),
        ..UsageFilter::default()
    };
    let calls = calls(store).await;
    let fits = |event: &&AuditEvent<doorward_model::RecordedKind>| {
        event.call.as_deref().unwrap().upstream == "wiki"
            && event.outcome == Outcome::Failed
            && (NOW.0 / 3600 + 1..NOW.0 / 3600 + 4).contains(&(event.at.0 / 3600))
    };
    let found = store.usage(&one, UsageBy::Total, 1).await.unwrap();
    let wanted = calls.iter().filter(fits).count();
    assert!(wanted > 0);
    assert_eq!(found[0].calls, i64::try_from(wanted).unwrap());
    // The most used first, and no more than asked for.
    let top = store.usage(&UsageFilter::default(), UsageBy::Tool, 5).await.unwrap();
    assert!(top.len() == 5 && top.is_sorted_by(|a, b| a.calls >= b.calls), "{top:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_count_and_write_at_the_same_time_count_each_call_once() {
    let one = TestServer::start().await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    let tasks: Vec<_> = [&one, &other, &one, &other]
        .into_iter()
        .enumerate()
        .map(|(number, server)| {
            let store = server.app.store.clone();
            tokio::spawn(async move {
                for round in 0..6 {
                    let seed = u64::try_from(number * 10 + round).unwrap();
                    write(&store, seed, 400).await;
                    store.count_usage().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    one.app.store.count_usage().await.unwrap();
    assert_eq!(numbers(&other.app.store, UsageBy::Total).await[""].calls, 4 * 6 * 400);
    equal_the_audit(&other.app.store).await;
}

#[tokio::test]
async fn a_count_that_is_dropped_in_the_middle_neither_loses_nor_repeats_calls() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    write(store, 7, 9_000).await;
    for milliseconds in [1, 3, 7, 12, 20] {
        let within = std::time::Duration::from_millis(milliseconds);
        let _ = tokio::time::timeout(within, store.count_usage()).await;
    }
    store.count_usage().await.unwrap();
    equal_the_audit(store).await;
}

#[tokio::test]
async fn a_rebuild_has_the_same_figures_also_after_the_audit_lost_its_beginning() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    write(store, 3, 9_000).await;
    // Never counted before: the trimming counts first.
    let before = expected(&calls(store).await, UsageBy::Hour);
    let trimmed = store.trim_audit(NOW.plus(9 * 3600 + 1800)).await.unwrap();
    assert!(trimmed > 1000, "{trimmed}");
    assert_eq!(numbers(store, UsageBy::Hour).await, before);
    // Hours that the audit no longer has as a whole keep their numbers; the others are counted again.
    assert!(store.rebuild_usage().await.unwrap() > 1000);
    assert_eq!(numbers(store, UsageBy::Hour).await, before);
    // Old numbers end at the start of an hour.
    let first = numbers(store, UsageBy::Hour).await.keys().next().unwrap().parse::<i64>().unwrap();
    store.trim_usage(Timestamp((first + 2) * 3600 + 1)).await.unwrap();
    let left = numbers(store, UsageBy::Hour).await;
    assert!(left.keys().all(|hour| hour.parse::<i64>().unwrap() >= first + 2), "{left:?}");
}

#[tokio::test]
async fn a_rebuild_of_a_whole_audit_repairs_every_figure() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    write(store, 5, 3_000).await;
    store.count_usage().await.unwrap();
    // As after a fault: numbers of hours of the audit are missing.
    store.trim_usage(NOW.plus(5 * 3600)).await.unwrap();
    assert_ne!(numbers(store, UsageBy::Total).await[""].calls, 3_000);
    store.rebuild_usage().await.unwrap();
    equal_the_audit(store).await;
}

#[tokio::test]
async fn an_hour_with_very_many_combinations_has_a_bounded_number_of_rows_and_the_right_sums() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let event = |number: usize| {
        let facts = CallFacts {
            tool: format!("made_up_{number}"),
            upstream: ["", "wiki"][number % 2].to_owned(),
            ..CallFacts::default()
        };
        let refused = AuditEvent::new(AuditKind::ToolRefused).ended(Outcome::Refused);
        AuditEvent { at: NOW, call: Some(Box::new(facts)), ..refused }
    };
    for group in (0..12_000).collect::<Vec<_>>().chunks(1000) {
        let events = group.iter().map(|number| event(*number)).collect();
        store.apply(Change::Audit(events)).await.unwrap();
    }
    store.count_usage().await.unwrap();
    let tools = store.usage(&UsageFilter::default(), UsageBy::Tool, 100_000).await.unwrap();
    assert!(tools.len() <= 7002, "{} rows", tools.len());
    assert_eq!(tools[0].key, OTHERS);
    assert_eq!(tools.iter().map(|usage| usage.calls).sum::<i64>(), 12_000);
    // Service and outcome stay exact.
    let services = numbers(store, UsageBy::Service).await;
    assert_eq!((services[""].refused, services["wiki"].refused), (6_000, 6_000));
    // Combinations that the hour has already go on with their own row.
    store.apply(Change::Audit(vec![event(0), event(0)])).await.unwrap();
    store.count_usage().await.unwrap();
    let one = UsageFilter { tool: Some("made_up_0".to_owned()), ..UsageFilter::default() };
    assert_eq!(store.usage(&one, UsageBy::Total, 1).await.unwrap()[0].calls, 3);
    let page = store.audit(&AuditFilter::default(), None, 1).await.unwrap();
    assert_eq!(page.entries.len(), 1);
}
