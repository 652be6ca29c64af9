//! The grant that each service used last, so that a service which requests a token every minute
//! does not search its grants every minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use doorward_model::{ClientId, GrantId};

/// Maximum number of clients whose grant is remembered.
const MOST: usize = 10_000;

/// The identifiers of grants by client. They are hints: a grant is read and judged at each use, and
/// a client without one has its grants searched.
#[derive(Default)]
pub(crate) struct ServiceGrants(Mutex<HashMap<ClientId, GrantId>>);

impl ServiceGrants {
    /// The grant that a client used last.
    pub(crate) fn last(&self, client: &ClientId) -> Option<GrantId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(client).cloned()
    }

    /// Remembers the grant that a client uses. Beyond the bound, all others are searched again.
    pub(crate) fn remember(&self, client: &ClientId, grant: &GrantId) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MOST && !last.contains_key(client) {
            last.clear();
        }
        last.insert(client.clone(), grant.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_grant_of_each_client_is_remembered_up_to_the_bound() {
        let grants = ServiceGrants::default();
        let client = |number: usize| ClientId::from_text(format!("c{number}"));
        let grant = |number: usize| GrantId::from_text(format!("g{number}"));
        for number in 0..MOST {
            grants.remember(&client(number), &grant(number));
        }
        grants.remember(&client(0), &grant(1));
        assert_eq!(grants.last(&client(0)), Some(grant(1)));
        assert_eq!(grants.last(&client(MOST)), None);
        grants.remember(&client(MOST), &grant(MOST));
        assert_eq!(grants.last(&client(MOST)), Some(grant(MOST)));
        assert!(grants.0.lock().unwrap().len() <= MOST);
    }
}
