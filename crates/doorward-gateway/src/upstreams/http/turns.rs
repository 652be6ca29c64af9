//! Turns of the requests that open or take up streams on one link: a server whose streams end at
//! once is not asked without end.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The shortest and the longest pause between two requests for a stream.
const SHORTEST: Duration = Duration::from_secs(1);
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// Maximum number of places of streams that are remembered as over.
const MOST_OVER: usize = 64;

/// The turns of one link.
#[derive(Debug)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    next: Instant,
    pause: Duration,
    /// The places at which a stream is not taken up again; `None` means its beginning.
    over: HashSet<Option<String>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self(Mutex::new(State { next: Instant::now(), pause: SHORTEST, over: HashSet::new() }))
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next turn.
    pub(super) async fn wait(&self) {
        let at = self.take(Instant::now());
        tokio::time::sleep_until(at).await;
    }

    /// Takes the next turn. Answers when it is.
    fn take(&self, now: Instant) -> Instant {
        let mut state = self.lock();
        let at = state.next.max(now);
        state.next = at + state.pause;
        at
    }

    /// Notes that the stream cannot be read on from this place.
    pub(super) fn end(&self, place: Option<String>) {
        let mut state = self.lock();
        if state.over.len() < MOST_OVER {
            state.over.insert(place);
        }
    }

    /// Reports a place from which no stream can be read on.
    pub(super) fn is_over(&self, place: Option<&String>) -> bool {
        let state = self.lock();
        state.over.len() >= MOST_OVER || state.over.contains(&place.cloned())
    }
}

/// A pause that a server asks for before its stream is taken up again, in milliseconds.
pub(super) fn bounded(retry: u64) -> u64 {
    let millis = |pause: Duration| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    retry.clamp(millis(SHORTEST), millis(LONGEST))
}

/// A stream that was opened. After one that brought nothing the pause is twice as long.
pub(super) struct Opened {
    turns: Arc<Turns>,
    place: Option<String>,
    brought: bool,
}

impl Opened {
    pub(super) fn new(turns: &Arc<Turns>, place: Option<String>) -> Self {
        Self { turns: Arc::clone(turns), place, brought: false }
    }

    /// Notes an event, and the place in the stream that it names.
    pub(super) fn bring(&mut self, place: Option<&String>) {
        self.brought = true;
        if place.is_some() {
            self.place = place.cloned();
        }
    }

    /// Notes that the stream cannot be read on.
    pub(super) fn end(&self) {
        self.turns.end(self.place.clone());
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        let pause = if self.brought { SHORTEST } else { (state.pause * 2).min(LONGEST) };
        let longer = pause.saturating_sub(state.pause);
        state.next += longer;
        state.pause = pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_bring_nothing_are_taken_up_more_and_more_slowly() {
        let turns = Arc::<Turns>::default();
        let begun = turns.take(Instant::now());
        let (mut now, mut at) = (begun, Vec::new());
        for _ in 0..7 {
            drop(Opened::new(&turns, None));
            now = turns.take(now);
            at.push(now.duration_since(begun).as_secs());
        }
        assert_eq!(at, [2, 6, 14, 30, 60, 90, 120]);
        let begun = now;
        for _ in 0..5 {
            Opened::new(&turns, None).bring(None);
            now = turns.take(now);
        }
        assert_eq!(now.duration_since(begun).as_secs(), 30 + 4, "those that bring something");
        assert_eq!([bounded(0), bounded(2500), bounded(u64::MAX)], [1000, 2500, 30_000]);
    }

    #[test]
    fn a_stream_that_cannot_be_read_on_is_not_taken_up_at_that_place() {
        let turns = Arc::<Turns>::default();
        let mut opened = Opened::new(&turns, Some("a".to_owned()));
        opened.bring(Some(&"b".to_owned()));
        opened.end();
        assert!(turns.is_over(Some(&"b".to_owned())));
        assert!(!turns.is_over(Some(&"a".to_owned())) && !turns.is_over(None));
        for number in 0..MOST_OVER {
            turns.end(Some(number.to_string()));
        }
        assert!(turns.is_over(None), "a server that goes on like that is asked for none");
    }
}
