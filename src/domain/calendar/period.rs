//! A span of time that is paid for: from an instant up to, but without, another.
//!
//! Half-open, so that one period's end is the next one's start and no instant is billed twice.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{CalendarError, Zone};

/// A half-open span `[start, end)` that is never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Period {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

/// A period as it is written, before anyone looked whether it can be.
#[derive(Deserialize)]
#[serde(rename = "Period", deny_unknown_fields)]
struct Unchecked {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Period {
    /// From `start` up to, but without, `end`.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Self, CalendarError> {
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(CalendarError::EmptyPeriod { start, end })
        }
    }

    /// The first instant of it.
    pub const fn start(self) -> DateTime<Utc> {
        self.start
    }

    /// The first instant after it.
    pub const fn end(self) -> DateTime<Utc> {
        self.end
    }

    /// Whether `instant` lies in it. Its end does not.
    pub fn contains(self, instant: DateTime<Utc>) -> bool {
        self.start <= instant && instant < self.end
    }

    /// The part that it shares with `other`, if any. Periods that only touch share none.
    pub fn overlap(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).ok()
    }

    /// The civil date of its first instant.
    pub fn first_day(self, zone: Zone) -> NaiveDate {
        zone.local_date(self.start)
    }

    /// Its last civil date, as people write periods: the day before the one on which the next starts,
    /// at whatever hour it does. A membership from 31 January 2026 at noon to 28 February at noon
    /// has its last day on 27 February. A period within one day has that day.
    pub fn last_day(self, zone: Zone) -> NaiveDate {
        let next = zone.local_date(self.end);
        next.pred_opt().unwrap_or(next).max(self.first_day(zone))
    }

    /// How many civil days lie between its start and its end: the difference of the two dates, in
    /// which a day of 23 or of 25 hours counts one. A period within one day has none.
    pub fn days(self, zone: Zone) -> u32 {
        let days = zone.local_date(self.end).signed_duration_since(self.first_day(zone)).num_days();
        // A clock that goes back over midnight can show an earlier date at the end: no day passed.
        u32::try_from(days).unwrap_or(0)
    }
}

impl TryFrom<Unchecked> for Period {
    type Error = CalendarError;

    fn try_from(written: Unchecked) -> Result<Self, CalendarError> {
        Self::new(written.start, written.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn period(start: &str, end: &str) -> Period {
        Period::new(at(start), at(end)).unwrap()
    }

    #[test]
    fn a_period_holds_its_start_and_not_its_end() {
        let january = period("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        assert!(january.contains(january.start()));
        assert!(january.contains(at("2026-01-31T23:59:59.999999Z")));
        assert!(!january.contains(january.end()));
    }

    #[test]
    fn an_empty_period_is_refused_wherever_it_comes_from() {
        let now = at("2026-01-01T00:00:00Z");
        assert_eq!(
            Period::new(now, now).unwrap_err().to_string(),
            "a period must end after it starts, but 2026-01-01 00:00:00 UTC is not after \
             2026-01-01 00:00:00 UTC"
        );
        let written = r#"{"start":"2026-02-01T00:00:00Z","end":"2026-01-01T00:00:00Z"}"#;
        assert!(serde_json::from_str::<Period>(written).is_err());
    }

    #[test]
    fn a_period_is_read_back_as_it_was_written() {
        let january = period("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let written = serde_json::to_string(&january).unwrap();
        assert_eq!(written, r#"{"start":"2026-01-01T00:00:00Z","end":"2026-02-01T00:00:00Z"}"#);
        assert_eq!(serde_json::from_str::<Period>(&written).unwrap(), january);
    }

    #[test]
    fn the_last_day_is_the_day_before_the_next_one_starts() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let january = period("2025-12-31T23:00:00Z", "2026-01-31T23:00:00Z");
        assert_eq!(january.first_day(berlin).to_string(), "2026-01-01");
        assert_eq!(january.last_day(berlin).to_string(), "2026-01-31");
        assert_eq!(january.days(berlin), 31);
        let at_noon = period("2026-01-31T11:00:00Z", "2026-02-28T11:00:00Z");
        assert_eq!(at_noon.last_day(berlin).to_string(), "2026-02-27");
        let within_a_day = period("2026-01-31T11:00:00Z", "2026-01-31T12:00:00Z");
        assert_eq!(within_a_day.last_day(berlin).to_string(), "2026-01-31");
    }

    #[test]
    fn days_of_23_and_25_hours_count_one() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let hours = |period: Period| (period.end() - period.start()).num_hours();
        let spring = period("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        let autumn = period("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!((hours(spring), spring.days(berlin)), (23, 1));
        assert_eq!((hours(autumn), autumn.days(berlin)), (25, 1));
    }

    #[test]
    fn periods_overlap_in_what_they_share() {
        let january = period("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let february = period("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
        let across = period("2026-01-20T00:00:00Z", "2026-02-10T00:00:00Z");
        assert_eq!(january.overlap(february), None);
        let shared = period("2026-01-20T00:00:00Z", "2026-02-01T00:00:00Z");
        assert_eq!(january.overlap(across), Some(shared));
        assert_eq!(across.overlap(january), Some(shared));
    }
}
