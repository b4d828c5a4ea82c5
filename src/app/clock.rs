//! The clock: the one place that asks for the time.
//!
//! Instants are UTC, cut to microseconds, the finest that both databases keep. A merchant's test
//! clock is not one of these: it is a row in the database.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::store::{Store, StoreError};

/// Where the edges of the program learn what time it is.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// This instant, in whole microseconds.
    fn now(&self) -> DateTime<Utc>;

    /// Sets it by the database's, if it goes by that. How far ahead of it it was.
    async fn set_by(&self, _store: &dyn Store) -> Result<TimeDelta, StoreError> {
        Ok(TimeDelta::zero())
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// The clock of `store`, or this machine's if it has none of its own.
pub async fn of(store: &dyn Store) -> Result<Arc<dyn Clock>, StoreError> {
    Ok(match Reading::of(store).await? {
        Some(reading) => Arc::new(DatabaseClock(Mutex::new(reading))),
        None => Arc::new(SystemClock),
    })
}

/// The database's clock, on which all replicas agree (RULES WRK-1): read now and then, and told on by
/// this machine's steady clock in between, which nobody sets.
#[derive(Debug)]
pub struct DatabaseClock(Mutex<Reading>);

#[derive(Debug, Clone, Copy)]
struct Reading {
    shown: DateTime<Utc>,
    /// By [`steadily`].
    at: Duration,
}

/// A clock that nobody sets and that goes on while the machine sleeps: whoever wakes from that must know that
/// the lease of what they hold has run out.
fn steadily() -> Duration {
    #[cfg(target_os = "linux")]
    let now = {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::from_secs(now.tv_sec.unsigned_abs())
            + Duration::from_nanos(now.tv_nsec.unsigned_abs())
    };
    #[cfg(not(target_os = "linux"))]
    let now = {
        static BEGUN: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        BEGUN.elapsed()
    };
    now
}

impl Reading {
    /// What `store` shows, if it has a clock of its own. Its answer was on the way for half of the
    /// time that the question took.
    async fn of(store: &dyn Store) -> Result<Option<Self>, StoreError> {
        let asked = steadily();
        let Some(shown) = store.time().await? else { return Ok(None) };
        let at = steadily();
        let on_the_way = TimeDelta::from_std(at.saturating_sub(asked) / 2).unwrap_or_default();
        Ok(Some(Self { shown: shown + on_the_way, at }))
    }

    fn now(self) -> DateTime<Utc> {
        let since = TimeDelta::from_std(steadily().saturating_sub(self.at)).unwrap_or_default();
        (self.shown + since).trunc_subsecs(6)
    }
}

impl DatabaseClock {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().expect("no holder of the clock's lock can panic")
    }
}

#[async_trait]
impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        self.reading().now()
    }

    async fn set_by(&self, store: &dyn Store) -> Result<TimeDelta, StoreError> {
        let Some(reading) = Reading::of(store).await? else { return Ok(TimeDelta::zero()) };
        let ahead = self.now() - reading.now();
        *self.reading() = reading;
        Ok(ahead)
    }
}

/// A clock that stands still until it is moved: for tests, and for a run that is to be repeated.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now.trunc_subsecs(6)))
    }

    /// Moves it to `now`, forwards or back.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.hands() = now.trunc_subsecs(6);
    }

    /// Moves it on by `step` and tells the new time.
    pub fn advance(&self, step: TimeDelta) -> DateTime<Utc> {
        let mut hands = self.hands();
        *hands = (*hands + step).trunc_subsecs(6);
        *hands
    }

    fn hands(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.0.lock().expect("no holder of the clock's lock can panic")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.hands()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::atomic::{AtomicI64, Ordering},
    };

    use tokio::sync::broadcast;

    use super::*;
    use crate::store::{Repository, Work};

    /// A database that is asked for nothing but the time.
    #[derive(Debug)]
    struct Elsewhere(AtomicI64);

    #[async_trait]
    impl Store for Elsewhere {
        async fn time(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
            Ok(DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0))
        }
        async fn begin(&self) -> Result<Box<dyn Repository>, StoreError> {
            unreachable!()
        }
        async fn snapshot(&self) -> Result<Box<dyn Repository>, StoreError> {
            unreachable!()
        }
        fn wakes(&self) -> broadcast::Receiver<Work> {
            unreachable!()
        }
        async fn migrate(&self) -> Result<(), StoreError> {
            unreachable!()
        }
        async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
            unreachable!()
        }
        async fn backup(&self, _: &Path, _: DateTime<Utc>) -> Result<(), StoreError> {
            unreachable!()
        }
        async fn weaknesses(&self) -> Result<Vec<String>, StoreError> {
            unreachable!()
        }
        async fn describe(&self) -> Result<String, StoreError> {
            unreachable!()
        }
        async fn close(&self) {}
    }

    #[tokio::test]
    async fn leases_are_told_on_the_databases_clock_whatever_this_machine_shows() {
        let store = Elsewhere(AtomicI64::new(946_684_800));
        let clock = of(&store).await.unwrap();
        let hours_since =
            |clock: &dyn Clock, start: i64| (clock.now().timestamp() - start).div_euclid(3_600);
        assert_eq!(hours_since(clock.as_ref(), 946_684_800), 0);

        // It was set an hour forward over there.
        store.0.fetch_add(3_600, Ordering::Relaxed);
        let ahead = clock.set_by(&store).await.unwrap();
        assert!(ahead <= TimeDelta::minutes(-59), "{ahead}");
        assert_eq!(hours_since(clock.as_ref(), 946_684_800), 1);
    }

    #[test]
    fn every_clock_shows_whole_microseconds() {
        let fine = DateTime::from_timestamp_nanos(1_767_225_600_123_456_789);
        assert_eq!(ManualClock::at(fine).now().timestamp_subsec_nanos(), 123_456_000);
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at("2026-01-31T00:00:00Z".parse().unwrap());
        assert_eq!(clock.now(), clock.now());
        let next_day = clock.advance(TimeDelta::days(1));
        assert_eq!(next_day, "2026-02-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap());
        clock.set("2026-01-31T00:00:00Z".parse().unwrap());
        assert!(clock.now() < next_day);
    }
}
