//! Repeated entries: a repeated refusal is recorded once, with its count.
//!
//! An entry is appended to a chain of hashes and cannot be changed afterwards, so that the first
//! ones are written as they happen, and further ones are counted until the window ends; then one
//! entry reports all of them. A count that is not written yet is lost with the process, the first
//! entries are not.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use doorward_model::{AuditEvent, AuditKind, audit::Outcome};

/// The time for which equal entries are counted together.
const WINDOW: Duration = Duration::from_mins(1);
/// Number of equal entries that are written one by one.
const FIRST: u32 = 10;
/// Maximum number of different entries that are counted; beyond that all counts are written and
/// begin again.
const MOST: usize = 4096;

/// The key by which entries are equal: kind, subject, IP address, actor, and outcome.
type Key = (AuditKind, String, String, [Option<String>; 3], &'static str);

struct RepeatedEntry {
    since: Instant,
    count: u32,
    /// The last of those that are counted and not written, and how many they are.
    held: Option<(AuditEvent, u32)>,
}

/// The entries of the last window.
#[derive(Default)]
pub(super) struct Repeats(HashMap<Key, RepeatedEntry>);

impl Repeats {
    /// Takes the entries to be written at this moment: those that came, without those that are only
    /// counted, and the counts of windows that ended; of all windows, if `all`.
    pub(super) fn collapse(
        &mut self,
        came: Vec<AuditEvent>,
        now: Instant,
        all: bool,
    ) -> Vec<AuditEvent> {
        let mut written = Vec::with_capacity(came.len());
        if !self.0.is_empty() {
            self.end(now, all || self.0.len() >= MOST, &mut written);
        }
        for event in came {
            let Some(key) = key(&event) else {
                written.push(event);
                continue;
            };
            let seen =
                self.0.entry(key).or_insert(RepeatedEntry { since: now, count: 0, held: None });
            seen.count = seen.count.saturating_add(1);
            if seen.count <= FIRST {
                written.push(event);
            } else {
                let held = seen.held.take().map_or(0, |(_, count)| count);
                seen.held = Some((event, held.saturating_add(1)));
            }
        }
        if all {
            self.end(now, true, &mut written);
        }
        written
    }

    /// The time until the next window ends in which entries were counted.
    pub(super) fn next(&self, now: Instant) -> Option<Duration> {
        self.0
            .values()
            .filter(|seen| seen.held.is_some())
            .map(|seen| (seen.since + WINDOW).saturating_duration_since(now))
            .min()
    }

    /// Writes the counts of windows that ended, or of all. A window that did not end continues.
    fn end(&mut self, now: Instant, all: bool, written: &mut Vec<AuditEvent>) {
        let full = self.0.len() >= MOST;
        self.0.retain(|_, seen| {
            let ended = now.duration_since(seen.since) >= WINDOW;
            if (ended || all)
                && let Some((event, count)) = seen.held.take()
            {
                written.push(told(event, count));
            }
            !ended && !full
        });
    }
}

/// The key of an entry that may be counted with others: refusals and failures, other than those of
/// tool calls, of which each has facts of its own.
fn key(event: &AuditEvent) -> Option<Key> {
    if event.outcome == Outcome::Ok || event.call.is_some() {
        return None;
    }
    let actor =
        [event.actor.user_id.clone(), event.actor.client_id.clone(), event.actor.token_id.clone()];
    Some((event.kind, event.subject.clone(), event.address.clone(), actor, event.outcome.as_str()))
}

/// The entry that reports `count` equal ones: the last of them, with the number in its detail.
fn told(mut event: AuditEvent, count: u32) -> AuditEvent {
    let mut detail =
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&event.detail)
            .unwrap_or_default();
    detail.insert("repeated".to_owned(), count.into());
    event.detail = serde_json::Value::Object(detail).to_string();
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(client: &str, address: &str) -> AuditEvent {
        let event = AuditEvent::new(AuditKind::TokenRefused)
            .ended(Outcome::Refused)
            .about(doorward_model::audit::AuditSubject::Client, client)
            .detail("{\"reason\":\"x\"}");
        AuditEvent { address: address.to_owned(), ..event }
    }

    fn told_of(written: &[AuditEvent]) -> u64 {
        let number = |event: &AuditEvent| {
            serde_json::from_str::<serde_json::Value>(&event.detail).unwrap()["repeated"]
                .as_u64()
                .unwrap_or(1)
        };
        written.iter().map(number).sum()
    }

    #[test]
    fn equal_refusals_are_counted_and_none_is_lost() {
        let (mut repeats, began) = (Repeats::default(), Instant::now());
        let written =
            repeats.collapse((0..500).map(|_| refused("c_1", "192.0.2.1")).collect(), began, false);
        assert_eq!((written.len(), repeats.next(began)), (10, Some(WINDOW)));
        let others = vec![
            refused("c_2", "192.0.2.1"),
            refused("c_1", "192.0.2.2"),
            AuditEvent::new(AuditKind::SignedIn),
        ];
        assert_eq!(repeats.collapse(others, began, false).len(), 3);
        let written = repeats.collapse(Vec::new(), began + WINDOW, false);
        assert_eq!((written.len(), told_of(&written)), (1, 490));
        assert!(
            written[0].detail.contains("\"reason\":\"x\"")
                && repeats.next(began + WINDOW).is_none()
                && repeats.0.is_empty()
        );
        // A flush writes the count, and the window goes on.
        assert_eq!(
            told_of(&repeats.collapse(
                (0..30).map(|_| refused("c_1", "192.0.2.1")).collect(),
                began,
                true
            )),
            30
        );
        let written =
            repeats.collapse((0..5).map(|_| refused("c_1", "192.0.2.1")).collect(), began, true);
        assert_eq!((written.len(), told_of(&written)), (1, 5));
    }

    #[test]
    fn very_many_different_refusals_do_not_fill_the_memory() {
        let (mut repeats, began) = (Repeats::default(), Instant::now());
        let mut told = 0;
        for number in 0..30_000 {
            told += repeats
                .collapse(vec![refused(&number.to_string(), "192.0.2.1")], began, false)
                .len();
            assert!(repeats.0.len() <= MOST);
        }
        assert_eq!(told, 30_000);
    }
}
