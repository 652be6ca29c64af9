//! How often one address may ask for what costs something.

use std::{net::IpAddr, num::NonZeroU32};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::ClientAddress;

/// A rate limit for each address: so many at once, and so many a minute in the long run.
pub struct AddressLimiter {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
}

/// How many addresses are remembered before those without a debt are forgotten.
const SWEEP_ABOVE: usize = 10_000;

impl AddressLimiter {
    /// A limit. Zeroes count as one.
    pub fn new(burst: u32, per_minute: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { limiter: RateLimiter::keyed(Quota::per_minute(at_least_one(per_minute)).allow_burst(at_least_one(burst))) }
    }

    /// Takes one from this address's allowance; `false` when it is used up.
    pub fn allows(&self, address: ClientAddress) -> bool {
        if self.limiter.len() > SWEEP_ABOVE {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&address.quota_key()).is_ok()
    }
}
