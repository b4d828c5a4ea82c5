//! The clock: the one place that asks the machine for the time.
//!
//! Instants are UTC, cut to microseconds, the finest that both databases keep. A merchant's test
//! clock is not one of these: it is a row in the database.

use std::{fmt, sync::Mutex};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Where the edges of the program learn what time it is.
pub trait Clock: Send + Sync + fmt::Debug {
    /// This instant, in whole microseconds.
    fn now(&self) -> DateTime<Utc>;
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

    fn hands(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
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
    use super::*;

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
