//! How fast callers may call (RULES RATE-1): a bucket for each key, and a small one for each
//! customer's card set-ups, on which stolen cards would be tried.
//!
//! Each replica counts by itself.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use super::errors::ApiError;
use crate::domain::ids::{Id, kind};

/// Card set-ups that one customer may begin in an hour.
const SETUPS_AN_HOUR: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// The buckets.
#[derive(Debug)]
pub struct Limits {
    calls: DefaultKeyedRateLimiter<Id<kind::ApiKey>>,
    setups: DefaultKeyedRateLimiter<Id<kind::Customer>>,
}

impl Limits {
    /// Buckets that let each key call `calls_per_second` times a second, and `burst` times at once.
    pub fn new(calls_per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(calls_per_second).allow_burst(burst);
        Self {
            calls: RateLimiter::keyed(quota),
            setups: RateLimiter::keyed(Quota::per_hour(SETUPS_AN_HOUR)),
        }
    }

    /// Counts a call with this key.
    pub fn call(&self, key: Id<kind::ApiKey>) -> Result<(), ApiError> {
        count(&self.calls, &key)
    }

    /// Counts a card set-up of this customer.
    pub fn setup(&self, customer: Id<kind::Customer>) -> Result<(), ApiError> {
        count(&self.setups, &customer)
    }

    /// Forgets buckets that are full again; to be called now and then.
    pub fn forget_idle(&self) {
        self.calls.retain_recent();
        self.setups.retain_recent();
    }
}

fn count<K: std::hash::Hash + Eq + Clone>(
    bucket: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), ApiError> {
    bucket.check_key(key).map_err(|early| ApiError::TooFast {
        retry_after: early.wait_time_from(bucket.clock().now()).max(Duration::from_millis(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Mint;

    #[test]
    fn one_fast_caller_does_not_slow_another() {
        let one = NonZeroU32::new(1).unwrap();
        let limits = Limits::new(one, NonZeroU32::new(2).unwrap());
        let mint = Mint::seeded([1; 32]);
        let [fast, slow] = [(), ()].map(|()| mint.id(chrono::DateTime::UNIX_EPOCH));
        assert!(limits.call(fast).is_ok());
        assert!(limits.call(fast).is_ok());
        let refusal = limits.call(fast).unwrap_err();
        assert!(matches!(refusal, ApiError::TooFast { retry_after } if !retry_after.is_zero()));
        assert!(limits.call(slow).is_ok());
    }
}
