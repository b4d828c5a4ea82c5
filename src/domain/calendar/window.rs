//! When in the payer's day something may be sent or charged (RULES RET-5).
//!
//! Only ever moves a time later, to the next opening; how much later is too late is not said here.

use chrono::{DateTime, Days, NaiveTime, Timelike, Utc};
use serde::{Deserialize, Serialize};

use super::{CalendarError, Zone};

/// How many days are looked through for an opening: a change of the clock can cancel one.
const DAYS_AHEAD: u64 = 3;

/// The hours of the payer's day in which something may be sent: from the first up to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "WindowHours", into = "WindowHours")]
pub struct SendWindow {
    from_hour: u8,
    to_hour: u8,
}

/// A window as it is written, before anyone looked whether it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "SendWindow", deny_unknown_fields)]
pub struct WindowHours {
    /// The first hour inside, 0 to 23.
    pub from_hour: u8,
    /// The first hour no longer inside, 1 to 24.
    pub to_hour: u8,
}

/// From 08:00 to 20:00 (RULES RET-5).
impl Default for SendWindow {
    fn default() -> Self {
        Self { from_hour: 8, to_hour: 20 }
    }
}

impl SendWindow {
    /// From `from_hour` up to, but without, `to_hour`, both full hours of one day; 24 is midnight.
    pub const fn new(from_hour: u8, to_hour: u8) -> Result<Self, CalendarError> {
        if from_hour < to_hour && to_hour <= 24 {
            Ok(Self { from_hour, to_hour })
        } else {
            Err(CalendarError::BadWindow { from: from_hour, to: to_hour })
        }
    }

    /// How many full hours of a day lie outside, 0 to 23.
    pub const fn closed_hours(self) -> u8 {
        24 - (self.to_hour - self.from_hour)
    }

    /// Whether the wall clock in `zone` shows a time within the window.
    pub fn is_open(self, instant: DateTime<Utc>, zone: Zone) -> bool {
        let hour = zone.local(instant).hour();
        u32::from(self.from_hour) <= hour && hour < u32::from(self.to_hour)
    }

    /// The instant itself if it lies in the window, else the next opening of it.
    ///
    /// 1 May 2026 at 22:15 in Berlin becomes 2 May at 08:00; at 08:00 it stays. An opening that the
    /// clock skips comes right after the gap, if the window is still open then, else a day later.
    pub fn clamp(self, instant: DateTime<Utc>, zone: Zone) -> DateTime<Utc> {
        if self.is_open(instant, zone) {
            return instant;
        }
        let opening = NaiveTime::from_hms_opt(u32::from(self.from_hour), 0, 0)
            .expect("a window opens before it closes, so before 24");
        let today = zone.local_date(instant);
        (0..=DAYS_AHEAD)
            .filter_map(|days| today.checked_add_days(Days::new(days)))
            .map(|date| zone.instant_of(date.and_time(opening)))
            .find(|&opened| opened > instant && self.is_open(opened, zone))
            // Only at the end of all dates is there no later opening.
            .unwrap_or(instant)
    }
}

impl TryFrom<WindowHours> for SendWindow {
    type Error = CalendarError;

    fn try_from(written: WindowHours) -> Result<Self, CalendarError> {
        Self::new(written.from_hour, written.to_hour)
    }
}

impl From<SendWindow> for WindowHours {
    fn from(SendWindow { from_hour, to_hour }: SendWindow) -> Self {
        Self { from_hour, to_hour }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn clamped(window: SendWindow, instant: &str, zone: &str) -> String {
        let instant = window.clamp(instant.parse().unwrap(), zone.parse().unwrap());
        instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    #[test]
    fn what_falls_outside_waits_for_the_next_opening() {
        for (zone, instant, expected) in [
            ("Europe/Berlin", "2026-05-01T05:59:59Z", "2026-05-01T06:00:00Z"),
            ("Europe/Berlin", "2026-05-01T06:00:00Z", "2026-05-01T06:00:00Z"),
            ("Europe/Berlin", "2026-05-01T17:59:59.999999Z", "2026-05-01T17:59:59.999999Z"),
            ("Europe/Berlin", "2026-05-01T18:00:00Z", "2026-05-02T06:00:00Z"),
            ("Europe/Berlin", "2026-03-10T06:59:59Z", "2026-03-10T07:00:00Z"),
            ("Europe/Berlin", "2026-03-10T19:00:00Z", "2026-03-11T07:00:00Z"),
            // The night in which summer time starts or ends moves the opening.
            ("Europe/Berlin", "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"),
            ("Europe/Berlin", "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"),
            // The payer's day, not the server's.
            ("Asia/Kolkata", "2026-05-01T16:00:00Z", "2026-05-02T02:30:00Z"),
            ("America/Los_Angeles", "2026-05-01T04:00:00Z", "2026-05-01T15:00:00Z"),
        ] {
            assert_eq!(clamped(SendWindow::default(), instant, zone), expected, "{instant} {zone}");
        }
    }

    #[test]
    fn an_opening_that_the_clock_skips_comes_after_the_gap() {
        let night = SendWindow::new(2, 5).unwrap();
        let berlin = clamped(night, "2026-03-29T00:30:00Z", "Europe/Berlin");
        assert_eq!(berlin, "2026-03-29T01:00:00Z");
        let whole_window_skipped = SendWindow::new(2, 3).unwrap();
        for instant in ["2026-03-28T22:00:00Z", "2026-03-29T00:30:00Z"] {
            let next_day = clamped(whole_window_skipped, instant, "Europe/Berlin");
            assert_eq!(next_day, "2026-03-30T00:00:00Z", "{instant}");
        }
    }

    #[test]
    fn the_hours_outside_are_those_of_the_night() {
        for (from, to, closed) in [(8, 20, 12), (0, 24, 0), (2, 3, 23)] {
            assert_eq!(SendWindow::new(from, to).unwrap().closed_hours(), closed);
        }
    }

    #[test]
    fn a_window_reads_back_as_it_was_written() {
        let text = serde_json::to_string(&SendWindow::default()).unwrap();
        assert_eq!(text, r#"{"from_hour":8,"to_hour":20}"#);
        assert_eq!(serde_json::from_str::<SendWindow>(&text).unwrap(), SendWindow::default());
    }

    #[test]
    fn a_window_must_open_before_it_closes() {
        for (from, to) in [(8, 8), (20, 8), (0, 25), (255, 0)] {
            assert_eq!(SendWindow::new(from, to), Err(CalendarError::BadWindow { from, to }));
        }
        let refusal = serde_json::from_str::<SendWindow>(r#"{"from_hour":20,"to_hour":8}"#);
        let sentence =
            "a window must open before it closes, at full hours from 0 to 24, not 20 to 8";
        assert!(refusal.unwrap_err().to_string().contains(sentence));
    }

    proptest! {
        #[test]
        fn the_clamped_time_is_open_never_earlier_and_stays(
            seconds in 1_400_000_000..4_000_000_000_i64,
            (from, to) in (0..24_u8).prop_flat_map(|from| (Just(from), from + 1..=24)),
            zone in prop::sample::select(&chrono_tz::TZ_VARIANTS),
        ) {
            let (window, zone) = (SendWindow::new(from, to)?, zone.name().parse::<Zone>()?);
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            let clamped = window.clamp(instant, zone);
            prop_assert!(clamped >= instant);
            prop_assert!(window.is_open(clamped, zone));
            prop_assert_eq!(window.clamp(clamped, zone), clamped);
            // A day of 25 hours, and another one if the clock skipped a window of one hour.
            prop_assert!(clamped - instant <= TimeDelta::hours(49));
        }
    }
}
