//! Values that are replaced as a whole while the server runs, such as the settings of the
//! configuration file when it is reloaded.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{AccessPolicy, RuleSources, ToolPolicy};

/// A value that readers take as it is at that moment and one writer replaces as a whole. Clones are
/// handles of the same value.
pub struct Live<T>(Arc<RwLock<Arc<T>>>);

impl<T> Live<T> {
    /// A value to begin with.
    pub fn new(value: impl Into<Arc<T>>) -> Self {
        Self(Arc::new(RwLock::new(value.into())))
    }

    /// The value of this moment. It does not change while it is held.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value by one that is made of it, with no other replacement between the two.
    pub fn update(&self, make: impl FnOnce(&T) -> T) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(make(&held));
    }

    /// Replaces the value. Reads that begin afterwards see the new one.
    pub fn put(&self, value: impl Into<Arc<T>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value.into();
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(f)
    }
}

/// The rules of the configuration file that several parts of the server apply.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Permissions of roles.
    pub access: AccessPolicy,
    /// Rules for the tools of each user.
    pub policy: ToolPolicy,
    /// The source of each set of rules.
    pub sources: RuleSources,
    /// Clients may register themselves.
    pub registration: bool,
    /// Clients may be named by the URL of their metadata document.
    pub metadata_documents: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_held_stays_and_the_next_read_sees_the_new_one() {
        let live = Live::new(1);
        let (other, held) = (live.clone(), live.now());
        other.put(2);
        assert_eq!((*held, *live.now()), (1, 2));
    }
}
