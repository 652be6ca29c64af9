//! Rate limits on expensive requests of one IP address.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::Mutex,
    time::{Duration, Instant},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::ClientAddress;

/// A rate limit for each IP address: so many at once, and so many a minute in the long run.
pub struct AddressLimiter {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    swept_at: Mutex<Instant>,
}

/// The number of IP addresses above which those without a debt are forgotten.
const SWEEP_ABOVE: usize = 10_000;
/// Sweeping visits every IP address, so a crowd must not cause it at each request.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

impl AddressLimiter {
    /// A limit. Zeroes count as one.
    pub fn new(burst: u32, per_minute: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(at_least_one(per_minute)).allow_burst(at_least_one(burst));
        Self { limiter: RateLimiter::keyed(quota), swept_at: Mutex::new(Instant::now()) }
    }

    /// Takes one from this IP address's allowance; `false` when it is used up.
    pub fn allows(&self, address: ClientAddress) -> bool {
        if self.limiter.len() > SWEEP_ABOVE
            && let Ok(mut swept_at) = self.swept_at.try_lock()
            && swept_at.elapsed() > SWEEP_PAUSE
        {
            *swept_at = Instant::now();
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&address.quota_key()).is_ok()
    }
}
