//! The number of answers under way: for all accounts, and for one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Maximum number of answers under way.
const MOST: usize = 64;
/// Maximum number of answers under way for one account.
const MOST_OF_ONE: usize = 3;

/// The answers under way.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<String, usize>>>);

/// The permission to work on one answer, until it is dropped.
pub(super) struct Turn {
    turns: Turns,
    account: String,
}

impl Turns {
    /// The permission to answer this account; `None` if too much is under way already.
    pub(super) fn take(&self, account: &str) -> Option<Turn> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.values().sum::<usize>() >= MOST {
            return None;
        }
        let own = under_way.entry(account.to_owned()).or_default();
        if *own >= MOST_OF_ONE {
            return None;
        }
        *own += 1;
        Some(Turn { turns: self.clone(), account: account.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut under_way = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = under_way.get_mut(&self.account).map(|own| {
            *own -= 1;
            *own
        });
        if left == Some(0) {
            under_way.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_cannot_take_all_turns_and_turns_come_back() {
        let turns = Turns::default();
        let held: Vec<_> = (0..MOST_OF_ONE).map(|_| turns.take("a").unwrap()).collect();
        assert!(turns.take("a").is_none() && turns.take("b").is_some());
        drop(held);
        assert!(turns.take("a").is_some());
        let many: Vec<_> = (0..MOST).map(|number| turns.take(&number.to_string())).collect();
        assert!(many.iter().all(Option::is_some) && turns.take("z").is_none());
        drop(many);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
