//! The hours in which a payer is charged or reminded, by their own clock (RULES RET-5).

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// From one full hour to another of one day. Neither hour is checked here; [`super::ladder`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendWindow {
    /// The first hour inside, 0 to 23.
    pub from_hour: u8,
    /// The first hour no longer inside, 1 to 24.
    pub to_hour: u8,
}

/// No wall clock skips more than a day (Samoa skipped one, in 2011), and no window is empty.
const DAYS_AHEAD: u64 = 8;

impl SendWindow {
    /// The first instant inside the window that is not before `instant`.
    pub(super) fn clamp(self, instant: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        if self.contains(instant, zone) {
            return instant;
        }
        let today = instant.with_timezone(&zone).date_naive();
        (0..DAYS_AHEAD)
            .filter_map(|days| self.opening(today.checked_add_days(Days::new(days))?, zone))
            .find(|&opening| opening >= instant && self.contains(opening, zone))
            .unwrap_or(instant)
    }

    /// Whether `instant` is inside.
    pub(super) fn contains(self, instant: DateTime<Utc>, zone: Tz) -> bool {
        let hour = instant.with_timezone(&zone).hour();
        (u32::from(self.from_hour)..u32::from(self.to_hour)).contains(&hour)
    }

    /// The hours of a day that are outside.
    pub(super) fn closed_hours(self) -> u8 {
        24 - (self.to_hour - self.from_hour)
    }

    /// When the window opens on `day`. An opening hour that the clock skips opens an hour later.
    fn opening(self, day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
        let hour = NaiveTime::from_hms_opt(self.from_hour.into(), 0, 0)?;
        let local = day.and_time(hour);
        zone.from_local_datetime(&local)
            .earliest()
            .or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
            .map(|opening| opening.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const DAYTIME: SendWindow = SendWindow { from_hour: 8, to_hour: 20 };

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("2026-03-10T12:00:00Z", "2026-03-10T12:00:00Z")]
    #[case("2026-03-10T06:59:59Z", "2026-03-10T07:00:00Z")]
    #[case("2026-03-10T19:00:00Z", "2026-03-11T07:00:00Z")]
    // The clock goes forward in the night of 29 March: eight o'clock is an hour earlier in UTC.
    #[case("2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z")]
    fn berlin_is_charged_by_day(#[case] instant: &str, #[case] clamped: &str) {
        assert_eq!(DAYTIME.clamp(utc(instant), chrono_tz::Europe::Berlin), utc(clamped));
    }

    #[test]
    fn a_window_inside_the_skipped_hour_opens_the_next_day() {
        let skipped = SendWindow { from_hour: 2, to_hour: 3 };
        let clamped = skipped.clamp(utc("2026-03-28T22:00:00Z"), chrono_tz::Europe::Berlin);
        assert_eq!(clamped, utc("2026-03-30T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn clamping_only_moves_forward_and_into_the_window(
            seconds in 1_700_000_000_i64..1_900_000_000,
            from_hour in 0_u8..24,
            length in 1_u8..24,
            zone in prop::sample::select(vec![
                chrono_tz::Europe::Berlin,
                chrono_tz::America::New_York,
                chrono_tz::Australia::Lord_Howe,
                chrono_tz::Africa::Cairo,
                chrono_tz::Asia::Kathmandu,
                chrono_tz::America::Santiago,
            ]),
        ) {
            let window = SendWindow { from_hour, to_hour: (from_hour + length).min(24) };
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            let clamped = window.clamp(instant, zone);
            prop_assert!(clamped >= instant);
            prop_assert!(window.contains(clamped, zone));
            prop_assert!(clamped - instant <= TimeDelta::hours(49));
        }
    }
}
