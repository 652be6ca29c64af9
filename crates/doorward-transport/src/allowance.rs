//! Limits of refused requests: an allowance for each IP address, and for each client at an IP
//! address.
//!
//! A request takes one before any work is done, and returns it when it was not refused. A request
//! that is dropped midway does not return it: a client cannot avoid the count by disconnecting.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::ClientAddress;

/// The number that may be taken at once, and the number that is restored in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Maximum number taken at once.
    pub burst: u32,
    /// The number that is restored in a minute.
    pub per_minute: u32,
}

/// The used part of an allowance, and the time of that state.
struct Debt {
    taken: f64,
    at: Instant,
}

/// The number of keys above which those without a debt are forgotten, and the interval between
/// attempts.
const SWEEP_ABOVE: usize = 10_000;
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

struct Debts<K> {
    of: HashMap<K, Debt>,
    swept_at: Instant,
}

/// Allowances by key.
struct Ledger<K> {
    rate: Rate,
    debts: Mutex<Debts<K>>,
}

impl<K: Eq + Hash> Ledger<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, debts: Mutex::new(Debts { of: HashMap::new(), swept_at: Instant::now() }) }
    }

    fn per_second(&self) -> f64 {
        f64::from(self.rate.per_minute) / 60.0
    }

    /// Takes one; `false` if all are taken.
    fn take(&self, key: K) -> bool {
        let now = Instant::now();
        let per_second = self.per_second();
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        if debts.of.len() > SWEEP_ABOVE && now.duration_since(debts.swept_at) > SWEEP_PAUSE {
            debts.swept_at = now;
            debts.of.retain(|_, debt| {
                debt.taken > now.duration_since(debt.at).as_secs_f64() * per_second
            });
        }
        let debt = debts.of.entry(key).or_insert(Debt { taken: 0.0, at: now });
        debt.taken = (debt.taken - now.duration_since(debt.at).as_secs_f64() * per_second).max(0.0);
        debt.at = now;
        let may = debt.taken + 1.0 <= f64::from(self.rate.burst);
        if may {
            debt.taken += 1.0;
        }
        may
    }

    fn give_back(&self, key: &K) {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(debt) = debts.of.get_mut(key) {
            debt.taken = (debt.taken - 1.0).max(0.0);
        }
    }
}

/// The allowances of one kind of entry point.
pub struct Allowances {
    addresses: Ledger<IpAddr>,
    clients: Ledger<(IpAddr, String)>,
}

impl Allowances {
    /// Allowances for IP addresses, and for each client at an IP address. A client is named by the
    /// caller and not yet authenticated; for this reason it is counted by IP address: no caller can
    /// use up a client's allowance elsewhere.
    pub fn new(address: Rate, client: Rate) -> Arc<Self> {
        Arc::new(Self { addresses: Ledger::new(address), clients: Ledger::new(client) })
    }

    /// Takes one of this IP address's allowance; `None` if it is used up.
    pub fn take(self: &Arc<Self>, address: ClientAddress) -> Option<Taken> {
        let address = address.quota_key();
        self.addresses.take(address).then(|| Taken {
            from: Arc::clone(self),
            address,
            client: Arc::default(),
        })
    }
}

/// The allowance that a request took. Handlers that learn of a client find it among the request's
/// extensions.
#[derive(Clone)]
pub struct Taken {
    from: Arc<Allowances>,
    address: IpAddr,
    client: Arc<Mutex<Option<String>>>,
}

impl Taken {
    /// Takes one of the allowance of a client, before any look-up for it; `false` if it is used up.
    #[must_use]
    pub fn for_client(&self, client: &str) -> bool {
        // A longer name than any client has is not kept for the count.
        let client: String = client.chars().take(512).collect();
        let may = self.from.clients.take((self.address, client.clone()));
        if may {
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        }
        may
    }

    /// Returns the allowance that was taken: the request was not refused.
    pub fn give_back(&self) {
        self.from.addresses.give_back(&self.address);
        if let Some(client) = self.client.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.from.clients.give_back(&(self.address, client));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_requests_use_up_an_allowance_and_others_do_not() {
        let allowances =
            Allowances::new(Rate { burst: 5, per_minute: 1 }, Rate { burst: 2, per_minute: 1 });
        let address = |text: &str| ClientAddress(text.parse().unwrap());
        for _ in 0..50 {
            allowances.take(address("192.0.2.1")).unwrap().give_back();
        }
        let taken: Vec<_> = (0..6).map(|_| allowances.take(address("192.0.2.1"))).collect();
        assert_eq!(taken.iter().flatten().count(), 5);
        assert!(allowances.take(address("192.0.2.2")).is_some(), "another IP address has its own");
        // A client at one IP address, and the same client at another.
        let [here, again, more] = [(); 3].map(|()| allowances.take(address("192.0.2.3")).unwrap());
        assert!(
            here.for_client("c_1")
                && again.for_client("c_1")
                && !more.for_client("c_1")
                && more.for_client("c_2")
        );
        assert!(allowances.take(address("192.0.2.4")).unwrap().for_client("c_1"));
        again.give_back();
        assert!(more.for_client("c_1"));
    }
}
