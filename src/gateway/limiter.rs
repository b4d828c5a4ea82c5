//! How fast and how much at once one account at a gateway may be called.
//!
//! A caller waits its turn, but not for ever: past [`MAX_WAIT`] it is told to come back, so that a
//! crowded account cannot hold a job past its lease (RULES WRK-2). Nothing was sent by then.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AccountConfig, GatewayError};

/// The longest wait for a turn. With the call's own 25 s it ends before a job's lease of 30 s does.
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

    /// Waits for a turn.
    pub async fn enter(&self) -> Result<Permit, GatewayError> {
        tokio::time::timeout(MAX_WAIT, self.turn())
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
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_beyond_the_limit_waits_and_is_then_told_to_come_back() {
        let limiter = Limiter::new(1_000, 1);
        let first = limiter.enter().await.unwrap();
        let second = limiter.enter().await;
        assert!(matches!(second, Err(GatewayError::RateLimited { retry_after: None })));

        drop(first);
        assert!(limiter.enter().await.is_ok());
    }
}
