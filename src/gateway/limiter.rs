//! How fast and how much at once one account at a gateway may be called.
//!
//! A caller waits its turn, but not for ever: past [`MAX_WAIT`] it is told to come back. The wait is a part
//! of the time that a call may take, so that a crowded account cannot hold a job past its lease (RULES
//! WRK-2). Nothing was sent by then.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AccountConfig, GatewayError};

/// The longest wait for a turn.
pub const MAX_WAIT: Duration = Duration::from_secs(4);

/// One account's limits.
#[derive(Debug)]
pub struct Limiter {
    rate: DefaultDirectRateLimiter,
    open: Arc<Semaphore>,
}

/// The right to make one call; it ends when this is dropped.
#[derive(Debug)]
pub struct Permit {
    _open: OwnedSemaphorePermit,
}

impl Limiter {
    /// At most `calls_per_second`, and `calls_in_flight` at once. Zero counts as one.
    pub fn new(calls_per_second: u32, calls_in_flight: u32) -> Self {
        let rate = NonZeroU32::new(calls_per_second).unwrap_or(NonZeroU32::MIN);
        let open = usize::try_from(calls_in_flight.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            rate: RateLimiter::direct(Quota::per_second(rate)),
            open: Arc::new(Semaphore::new(open.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits for a turn, and leaves of `patience` the half at least for the call.
    pub async fn enter(&self, patience: Duration) -> Result<Permit, GatewayError> {
        tokio::time::timeout(MAX_WAIT.min(patience / 2), self.turn())
            .await
            .map_err(|_| GatewayError::RateLimited { retry_after: None })
    }

    async fn turn(&self) -> Permit {
        let open = Arc::clone(&self.open).acquire_owned().await;
        self.rate.until_ready().await;
        Permit { _open: open.expect("the semaphore is never closed") }
    }
}

impl From<&AccountConfig> for Limiter {
    fn from(account: &AccountConfig) -> Self {
        Self::new(account.calls_per_second, account.calls_in_flight)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_beyond_the_limit_waits_and_is_then_told_to_come_back() {
        let limiter = Limiter::new(1_000, 1);
        let (called, patience) = (Instant::now(), Duration::from_secs(25));
        let first = limiter.enter(patience).await.unwrap();
        let second = limiter.enter(patience).await;
        assert!(matches!(second, Err(GatewayError::RateLimited { retry_after: None })));
        assert_eq!(called.elapsed().as_secs(), MAX_WAIT.as_secs());
        let hurried = limiter.enter(Duration::from_secs(2)).await;
        assert!(hurried.is_err());
        assert_eq!(called.elapsed().as_secs(), MAX_WAIT.as_secs() + 1);

        drop(first);
        assert!(limiter.enter(patience).await.is_ok());
    }
}
