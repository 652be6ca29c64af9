//! The answers that are prepared at once: for all users together, and for each of them, so that one
//! user cannot keep the others from asking.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use doorward_model::UserId;

/// The answers under way.
pub(crate) struct Turns {
    most: u32,
    most_of_user: u32,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    all: u32,
    of_users: HashMap<UserId, u32>,
}

/// The permission to prepare one answer. It ends with this value.
pub(crate) struct TakenTurn<'a> {
    turns: &'a Turns,
    user_id: UserId,
}

impl Turns {
    /// At most so many, and so many of one user.
    pub(crate) fn new(most: u32, most_of_user: u32) -> Self {
        Self { most, most_of_user, under_way: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn of a user; `None` where too many answers are under way.
    pub(crate) fn take(&self, user_id: &UserId) -> Option<TakenTurn<'_>> {
        let mut under_way = self.lock();
        let of_user = under_way.of_users.get(user_id).copied().unwrap_or_default();
        if under_way.all >= self.most || of_user >= self.most_of_user {
            return None;
        }
        under_way.all += 1;
        under_way.of_users.insert(user_id.clone(), of_user + 1);
        Some(TakenTurn { turns: self, user_id: user_id.clone() })
    }
}

impl Drop for TakenTurn<'_> {
    fn drop(&mut self) {
        let mut under_way = self.turns.lock();
        under_way.all = under_way.all.saturating_sub(1);
        if let Some(of_user) = under_way.of_users.get_mut(&self.user_id) {
            *of_user -= 1;
            if *of_user == 0 {
                under_way.of_users.remove(&self.user_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_turns_to_the_others_and_turns_return() {
        let turns = Turns::new(3, 2);
        let [alice, bob, eve] = ["alice", "bob", "eve"].map(UserId::from_text);
        let held = [turns.take(&alice).unwrap(), turns.take(&alice).unwrap()];
        assert!(turns.take(&alice).is_none());
        let other = turns.take(&bob).unwrap();
        assert!(turns.take(&eve).is_none(), "all are taken");
        drop(held);
        assert!(turns.take(&eve).is_some() && turns.take(&alice).is_some());
        drop(other);
        let left = turns.lock();
        assert!(left.all == 0 && left.of_users.is_empty());
    }
}
