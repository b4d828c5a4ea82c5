//! Time zones: from instants to what the payer's wall clock shows, and back.
//!
//! Knows nothing of billing. Rules of zones are those of the IANA data that the build took in; they
//! are projected up to the year 2100, after which a zone stays on its last standard time.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{CalendarError, LAST_YEAR};

/// An IANA time zone, such as `Europe/Berlin`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

impl Zone {
    /// The zone as `chrono_tz` knows it.
    pub const fn tz(self) -> Tz {
        self.0
    }

    /// Coordinated universal time: no summer, no gaps.
    pub const UTC: Self = Self(Tz::UTC);

    /// The name in the IANA database.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What the wall clock shows at `instant`.
    ///
    /// Where the reading would leave the range of dates altogether (the year 262,000), it is UTC's.
    pub fn local(self, instant: DateTime<Utc>) -> NaiveDateTime {
        let utc = instant.naive_utc();
        let offset = self.0.offset_from_utc_datetime(&utc).fix();
        utc.checked_add_offset(offset).unwrap_or(utc)
    }

    /// The civil date at `instant`.
    ///
    /// 07:01 UTC on 1 December 2015 is still 30 November in `America/Los_Angeles`.
    pub fn local_date(self, instant: DateTime<Utc>) -> NaiveDate {
        self.local(instant).date()
    }

    /// The instant at which the wall clock shows `local`.
    ///
    /// - A reading that a clock skips is moved forward by what it skips. Berlin has no 02:30 on
    ///   29 March 2026, when 02:00 becomes 03:00: it is taken for 03:30, which is 01:30 UTC. A day
    ///   that starts with the gap starts right after it: 5 September 2027 in `America/Santiago`
    ///   starts at 01:00.
    /// - Of a reading that comes twice, the earlier is meant. Berlin shows 02:30 twice on
    ///   25 October 2026: it is taken for 00:30 UTC, in summer time.
    pub fn instant_of(self, local: NaiveDateTime) -> DateTime<Utc> {
        self.0.from_local_datetime(&local).earliest().map_or_else(
            || {
                let before_gap = GapInfo::new(&local, &self.0).and_then(|gap| gap.begin);
                before_gap
                    .and_then(|(_, offset)| local.checked_sub_offset(offset.fix()))
                    .unwrap_or(local)
                    .and_utc()
            },
            |instant| instant.to_utc(),
        )
    }

    /// The instant at which the civil day `date` begins: midnight, or the end of a gap over it.
    pub fn start_of(self, date: NaiveDate) -> DateTime<Utc> {
        self.instant_of(date.and_time(NaiveTime::MIN))
    }

    /// The same reading of the wall clock, `days` civil days after `instant`.
    ///
    /// 30 days after 1 March 2017 at 23:30 in `America/Los_Angeles` is 31 March at 23:30, although
    /// summer time took an hour in between.
    pub fn days_after(
        self,
        instant: DateTime<Utc>,
        days: u32,
    ) -> Result<DateTime<Utc>, CalendarError> {
        let local = self.local(instant).checked_add_days(Days::new(u64::from(days)));
        within_calendar(local).map(|local| self.instant_of(local))
    }
}

/// The reading, unless it is past the last year that has billing dates.
pub(super) fn within_calendar(
    local: Option<NaiveDateTime>,
) -> Result<NaiveDateTime, CalendarError> {
    let last = NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31).expect("every year has this day");
    local.filter(|local| local.date() <= last).ok_or(CalendarError::BeyondCalendar)
}

impl FromStr for Zone {
    type Err = CalendarError;

    fn from_str(name: &str) -> Result<Self, CalendarError> {
        name.parse().map(Self).map_err(|_| CalendarError::UnknownZone(name.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utc_of(zone: &str, local: &str) -> String {
        let zone: Zone = zone.parse().unwrap();
        let instant = zone.instant_of(local.parse().unwrap());
        instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn a_skipped_reading_moves_forward_and_a_repeated_one_is_the_earlier() {
        for (zone, local, utc) in [
            ("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
            ("Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
            ("Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
            // Half an hour, on a far island.
            ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"),
            ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z"),
            // Midnight itself is missing.
            ("America/Santiago", "2027-09-05T00:00:00", "2027-09-05T04:00:00Z"),
            // Samoa jumped over the date line, and had no 30 December in 2011.
            ("Pacific/Apia", "2011-12-30T10:00:00", "2011-12-30T20:00:00Z"),
            ("Pacific/Apia", "2011-12-31T10:00:00", "2011-12-30T20:00:00Z"),
        ] {
            assert_eq!(utc_of(zone, local), utc, "{local} in {zone}");
        }
    }

    #[test]
    fn days_are_counted_on_the_wall_clock() {
        let zone: Zone = "America/Los_Angeles".parse().unwrap();
        let start = zone.instant_of("2017-03-01T23:30:00".parse().unwrap());
        let end = zone.days_after(start, 30).unwrap();
        assert_eq!(zone.local(end).to_string(), "2017-03-31 23:30:00");
        assert_eq!(zone.days_after(start, u32::MAX), Err(CalendarError::BeyondCalendar));
    }

    #[test]
    fn a_zone_is_known_by_its_iana_name_alone() {
        let zone: Zone = serde_json::from_str("\"Asia/Kolkata\"").unwrap();
        assert_eq!(serde_json::to_string(&zone).unwrap(), "\"Asia/Kolkata\"");
        for name in ["Berlin", "europe/berlin", "+02:00", ""] {
            let refusal = name.parse::<Zone>().unwrap_err().to_string();
            let sentence = format!("must be an IANA time zone such as Europe/Berlin, not {name:?}");
            assert_eq!(refusal, sentence);
        }
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            let zone: Zone = zone.parse().unwrap();
            for instant in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                let _ = zone.instant_of(zone.local(instant));
                let _ = zone.days_after(instant, 1);
            }
        }
    }

    proptest! {
        #[test]
        fn an_instant_is_found_again_by_its_reading(
            seconds in 0..4_000_000_000_i64, zone in prop::sample::select(&chrono_tz::TZ_VARIANTS),
        ) {
            let (zone, instant) = (Zone(zone), DateTime::from_timestamp(seconds, 0).unwrap());
            let again = zone.instant_of(zone.local(instant));
            // The second of two equal readings is taken for the first, which is no later.
            prop_assert!(again <= instant);
            prop_assert_eq!(zone.local(again), zone.local(instant));
        }
    }
}
