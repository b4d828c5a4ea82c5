//! How far back a gateway's own list is read (RULES REC-1): so far that nothing is missed, whatever nights were.

use chrono::{DateTime, TimeDelta, Utc};

/// How far back each night's reading goes at least, in hours.
pub const NIGHTLY_HOURS: u32 = 72;

/// How much of it the reading before has seen already: a list may lag behind what it lists.
const SEEN_TWICE: TimeDelta = TimeDelta::hours(48);

/// How often a list is read for what came late.
const LATE_EACH: TimeDelta = TimeDelta::days(7);

/// Nights are not to the minute.
const ALMOST: TimeDelta = TimeDelta::hours(12);

/// How long after it was begun a refused charge may still take money (RULES CHG-7), and be listed.
const COMES_LATE: TimeDelta = TimeDelta::days(30);

/// No reading goes further back, however long none came to its end.
const FURTHEST: TimeDelta = TimeDelta::days(120);

/// The night before is less than this old when the hour before the next night comes. What is older cannot wait for
/// the next one: staff hears of a difference within a day (RULES REC-1).
const OVERDUE: TimeDelta = TimeDelta::minutes(23 * 60 + 30);

/// When an account's list was last read to its end, and all that followed was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// For what was taken lately.
    pub recent_at: DateTime<Utc>,
    /// For what may have come late.
    pub late_at: Option<DateTime<Utc>>,
}

impl Readings {
    /// Whether the next reading cannot wait for the night, given the last one, as that night failed, or nobody was
    /// there.
    pub fn are_overdue(last: Option<Self>, now: DateTime<Utc>) -> bool {
        last.is_none_or(|last| now - last.recent_at > OVERDUE)
    }
}

/// A reading to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Charges that were begun since are read.
    pub since: DateTime<Utc>,
    /// Whether it reaches back to whatever may have come late.
    pub is_late: bool,
}

impl Reading {
    /// The next one of an account, which may take money late, or never does.
    pub fn due(last: Option<Readings>, takes_late: bool, now: DateTime<Utc>) -> Self {
        let late_at = last.and_then(|last| last.late_at);
        let is_late = takes_late && late_at.is_none_or(|at| now - at > LATE_EACH - ALMOST);
        let nightly = now - TimeDelta::hours(NIGHTLY_HOURS.into());
        let recent = last.map_or(nightly, |last| nightly.min(last.recent_at - SEEN_TWICE));
        let late = late_at.unwrap_or(now).min(now - LATE_EACH) - COMES_LATE;
        let since = if is_late { recent.min(late) } else { recent };
        Self { since: since.max(now - FURTHEST), is_late }
    }

    /// What is known of an account's readings once this one of `now` has come to its end.
    pub fn done(self, last: Option<Readings>, now: DateTime<Utc>) -> Readings {
        let late_at = if self.is_late { Some(now) } else { last.and_then(|last| last.late_at) };
        Readings { recent_at: now, late_at }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::payment::settle::given::at;

    const NIGHT: TimeDelta = TimeDelta::days(1);

    fn days_back(reading: Reading, now: DateTime<Utc>) -> i64 {
        (now - reading.since).num_days()
    }

    #[test]
    fn each_night_reads_three_days_and_once_a_week_all_that_may_have_come_late() {
        let mut now = at("2026-03-01T02:41:00Z");
        let mut last = None;
        let mut read = Vec::new();
        for _ in 0..9 {
            let reading = Reading::due(last, true, now);
            read.push(days_back(reading, now));
            last = Some(reading.done(last, now));
            now += NIGHT;
        }
        assert_eq!(read, [37, 3, 3, 3, 3, 3, 3, 37, 3]);
    }

    #[test]
    fn a_night_that_failed_is_made_up_for_at_the_next_hour() {
        let night = at("2026-03-01T02:41:00Z");
        let last = Some(Readings { recent_at: night, late_at: None });
        let overdue_after =
            |hours: i64| Readings::are_overdue(last, night + TimeDelta::hours(hours));
        // The next night is 24 hours later.
        assert_eq!([1, 12, 22, 23].map(overdue_after), [false; 4]);
        assert_eq!([25, 26, 500].map(overdue_after), [true; 3]);
        assert!(Readings::are_overdue(None, night), "an account that was never read");
    }

    #[test]
    fn an_account_that_never_takes_money_late_is_read_shortly() {
        let now = at("2026-03-01T02:41:00Z");
        assert_eq!(days_back(Reading::due(None, false, now), now), 3);
    }

    #[test]
    fn what_could_not_be_read_for_a_while_is_read_later() {
        let now = at("2026-03-01T02:41:00Z");
        let last = Readings { recent_at: now - NIGHT * 10, late_at: Some(now - NIGHT * 12) };
        let reading = Reading::due(Some(last), true, now);
        assert_eq!(days_back(reading, now), 42);
        let reading = Reading::due(Some(last), false, now);
        assert_eq!(days_back(reading, now), 12);
        let long_ago = Readings { recent_at: now - NIGHT * 900, late_at: None };
        assert_eq!(days_back(Reading::due(Some(long_ago), true, now), now), 120);
    }

    proptest! {
        /// Whichever nights fail, within what a reading reaches: each charge is read two days after it was begun or
        /// later, and one that took money up to four weeks later after that.
        #[test]
        fn nothing_is_missed(
            fails in prop::collection::vec(any::<bool>(), 100),
            begun in 0_i64..50 * 24,
            late in 0_i64..28 * 24,
        ) {
            let start = at("2026-03-01T02:41:00Z");
            let begun = start + TimeDelta::hours(begun);
            let taken = begun + TimeDelta::hours(late);
            let mut last = Some(Readings { recent_at: start, late_at: Some(start) });
            let (mut is_seen, mut is_seen_late) = (false, false);
            // At the end, nights go well.
            let nights = fails.into_iter().chain([false; 8]).enumerate();
            for (night, fails) in nights {
                let now = start + NIGHT * i32::try_from(night).unwrap();
                let reading = Reading::due(last, true, now);
                if fails {
                    continue;
                }
                last = Some(reading.done(last, now));
                is_seen |= reading.since <= begun && begun + TimeDelta::hours(24) <= now;
                is_seen_late |= reading.since <= begun && taken <= now;
            }
            prop_assert!(is_seen && is_seen_late);
        }
    }
}
