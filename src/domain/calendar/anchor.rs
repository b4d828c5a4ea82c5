//! The billing anchor: the local date and time from which all cycles of a subscription count.
//!
//! Every boundary is computed from the anchor, never from the boundary before it. So a day that a
//! month lacks is only lent its last day, and comes back: 31 January, 28 February, 31 March.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Timelike, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AnchorDay, CalendarError, Interval, LAST_YEAR, Period, Zone, interval::Step,
    zone::within_calendar,
};

/// Where the cycles count from: a reading of the wall clock in a zone, to the second.
///
/// It keeps a day of the month, which is its own date's, or a later one that its month lacks: an
/// anchor on 28 February 2026 that keeps day 31 has its next monthly boundary on 31 March.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct BillingAnchor {
    local: NaiveDateTime,
    zone: Zone,
    day: AnchorDay,
}

/// An anchor as it is written, before anyone looked whether it can be.
#[derive(Deserialize)]
#[serde(rename = "BillingAnchor", deny_unknown_fields)]
struct Unchecked {
    local: NaiveDateTime,
    zone: Zone,
    /// Without it, the day of `local`.
    day: Option<AnchorDay>,
}

impl BillingAnchor {
    /// The anchor at which the wall clock in `zone` shows `local`, cut to seconds.
    pub fn new(local: NaiveDateTime, zone: Zone) -> Self {
        let local = local.with_nanosecond(0).expect("every second has its first nanosecond");
        Self { local, zone, day: AnchorDay::of(local.date()) }
    }

    /// The anchor at `instant`, by the wall clock in `zone`.
    pub fn at(instant: DateTime<Utc>, zone: Zone) -> Self {
        Self::new(zone.local(instant), zone)
    }

    /// The anchor at `local` that keeps `day`, of which `local`'s own day must be what its month
    /// makes: day 31 can be kept from 28 February 2026 or from 31 March, but not from 30 March.
    pub fn keeping(
        local: NaiveDateTime,
        day: AnchorDay,
        zone: Zone,
    ) -> Result<Self, CalendarError> {
        let date = local.date();
        if day.in_month_of(date) == date {
            Ok(Self { day, ..Self::new(local, zone) })
        } else {
            Err(CalendarError::AnchorDate { date, day: day.get() })
        }
    }

    /// The reading of the wall clock from which the cycles count.
    pub const fn local(self) -> NaiveDateTime {
        self.local
    }

    /// The zone of that wall clock.
    pub const fn zone(self) -> Zone {
        self.zone
    }

    /// The day of the month that is kept for cycles of months and years.
    pub const fn day(self) -> AnchorDay {
        self.day
    }

    /// The `n`-th boundary: the start of period `n`, and the anchor itself for 0.
    ///
    /// Monthly from 31 January 2026, the boundaries 0 to 3 are 31 January, 28 February, 31 March
    /// and 30 April. Yearly from 29 February 2024 come 28 February 2025, 2026 and 2027, and then
    /// 29 February 2028. Past the year 9999 there are no boundaries.
    pub fn boundary(self, interval: Interval, n: u32) -> Result<DateTime<Utc>, CalendarError> {
        let n = u64::from(n);
        let date = match interval.step() {
            Step::Days(days) => self.local.date().checked_add_days(Days::new(n * u64::from(days))),
            Step::Months(months) => u32::try_from(n * u64::from(months))
                .ok()
                .and_then(|months| self.local.date().checked_add_months(Months::new(months)))
                .map(|date| self.day.in_month_of(date)),
        };
        within_calendar(date.map(|date| date.and_time(self.local.time())))
            .map(|local| self.zone.instant_of(local))
    }

    /// The `n`-th period, from the `n`-th boundary up to the next one.
    ///
    /// A day that a zone skipped as a whole has no period. That happened last in Samoa, on
    /// 30 December 2011, and would concern daily cycles alone.
    pub fn period(self, interval: Interval, n: u32) -> Result<Period, CalendarError> {
        let next = n.checked_add(1).ok_or(CalendarError::BeyondCalendar)?;
        Period::new(self.boundary(interval, n)?, self.boundary(interval, next)?)
    }

    /// Which period contains `instant`. Before the anchor: 0, the first.
    ///
    /// After the last boundary of the year 9999, the period that this boundary starts.
    pub fn cycle_at(self, interval: Interval, instant: DateTime<Utc>) -> u32 {
        let mut cycle = self.cycles_by_date(interval, self.zone.local_date(instant)) + 1;
        let has_begun = |boundary: Result<_, _>| boundary.is_ok_and(|boundary| boundary <= instant);
        while cycle > 0 && !has_begun(self.boundary(interval, cycle)) {
            cycle -= 1;
        }
        cycle
    }

    /// How many cycles end by `date` if only dates are looked at: right, or one too many or few.
    fn cycles_by_date(self, interval: Interval, date: NaiveDate) -> u32 {
        let last = NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31).expect("every year has this day");
        let (date, anchor) = (date.min(last), self.local.date());
        let (elapsed, step) = match interval.step() {
            Step::Days(days) => (date.signed_duration_since(anchor).num_days(), days),
            Step::Months(months) => (month_number(date) - month_number(anchor), months),
        };
        u32::try_from(elapsed / i64::from(step)).unwrap_or(0)
    }
}

fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

impl TryFrom<Unchecked> for BillingAnchor {
    type Error = CalendarError;

    fn try_from(written: Unchecked) -> Result<Self, CalendarError> {
        let Unchecked { local, zone, day } = written;
        day.map_or(Ok(Self::new(local, zone)), |day| Self::keeping(local, day, zone))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Unit, *};

    const ZONES: [&str; 16] = [
        "UTC",
        "Europe/Berlin",
        "Europe/London",
        "Europe/Lisbon",
        "America/New_York",
        "America/Los_Angeles",
        "America/St_Johns",
        "America/Santiago",
        "America/Havana",
        "Africa/Cairo",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Asia/Beirut",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
    ];

    fn anchor(local: &str, zone: &str) -> BillingAnchor {
        BillingAnchor::new(local.parse().unwrap(), zone.parse().unwrap())
    }

    fn every(count: u32, unit: Unit) -> Interval {
        Interval::new(count, unit).unwrap()
    }

    fn dates(anchor: BillingAnchor, interval: Interval, cycles: u32) -> Vec<String> {
        (0..cycles)
            .map(|n| anchor.zone().local_date(anchor.boundary(interval, n).unwrap()).to_string())
            .collect()
    }

    #[test]
    fn a_missing_day_becomes_the_last_and_the_anchor_is_kept() {
        let january = anchor("2026-01-31T10:00:00", "Europe/Berlin");
        assert_eq!(
            dates(january, Interval::MONTHLY, 5),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
        );
        let leap_day = anchor("2024-02-29T10:00:00", "UTC");
        assert_eq!(
            dates(leap_day, Interval::YEARLY, 5),
            ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]
        );
    }

    #[test]
    fn an_anchor_in_a_short_month_can_keep_a_later_day() {
        let (local, zone) = ("2026-02-28T00:00:00".parse().unwrap(), Zone::UTC);
        let kept = BillingAnchor::keeping(local, 31.try_into().unwrap(), zone).unwrap();
        assert_eq!(
            dates(kept, Interval::MONTHLY, 4),
            ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
        );
        let refusal = BillingAnchor::keeping(local, 27.try_into().unwrap(), zone).unwrap_err();
        assert!(matches!(refusal, CalendarError::AnchorDate { day: 27, .. }));
    }

    #[test]
    fn the_clock_reading_is_kept_over_summer_time() {
        let anchor = anchor("2026-03-15T09:00:00.75", "Europe/Berlin");
        let hours = [0, 1].map(|n| {
            anchor
                .boundary(Interval::MONTHLY, n)
                .unwrap()
                .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
        });
        assert_eq!(hours, ["2026-03-15T08:00:00Z", "2026-04-15T07:00:00Z"]);
    }

    #[test]
    fn daily_periods_have_23_or_25_hours_when_the_clock_changes() {
        for (midnight, hours) in [
            ("2026-03-28T00:00:00", [24, 23, 24]),
            ("2026-10-24T00:00:00", [24, 25, 24]),
            ("2026-07-01T00:00:00", [24, 24, 24]),
        ] {
            let anchor = anchor(midnight, "Europe/Berlin");
            let lengths = [0, 1, 2].map(|n| {
                let day = anchor.period(every(1, Unit::Day), n).unwrap();
                assert_eq!(day.days(anchor.zone()), 1);
                (day.end() - day.start()).num_hours()
            });
            assert_eq!(lengths, hours, "{midnight}");
        }
    }

    #[test]
    fn past_the_year_9999_there_is_an_error_and_no_panic() {
        let anchor = anchor("2026-01-31T00:00:00", "Europe/Berlin");
        for interval in [every(1, Unit::Day), every(521, Unit::Week), every(10, Unit::Year)] {
            let beyond = Err(CalendarError::BeyondCalendar);
            assert_eq!(anchor.boundary(interval, u32::MAX), beyond);
            assert_eq!(anchor.period(interval, u32::MAX), Err(CalendarError::BeyondCalendar));
            let last = anchor.cycle_at(interval, DateTime::<Utc>::MAX_UTC);
            assert!(anchor.boundary(interval, last).is_ok());
            assert_eq!(anchor.boundary(interval, last + 1), beyond);
            assert_eq!(anchor.cycle_at(interval, DateTime::<Utc>::MIN_UTC), 0);
        }
    }

    #[test]
    fn an_anchor_is_read_back_as_it_was_written() {
        let written = r#"{"local":"2026-02-28T00:00:00","zone":"Europe/Berlin","day":31}"#;
        let anchor: BillingAnchor = serde_json::from_str(written).unwrap();
        assert_eq!(anchor.day().get(), 31);
        assert_eq!(serde_json::to_string(&anchor).unwrap(), written);
        let without_day = written.replace(",\"day\":31", "");
        let anchor: BillingAnchor = serde_json::from_str(&without_day).unwrap();
        assert_eq!(anchor.day().get(), 28);
        assert!(serde_json::from_str::<BillingAnchor>(&written.replace("31}", "27}")).is_err());
    }

    fn anchors() -> impl Strategy<Value = BillingAnchor> {
        // From 2013, when the last date line jump was over, to 2090.
        let seconds = 1_356_998_400..3_786_912_000_i64;
        (seconds, prop::sample::select(&ZONES)).prop_map(|(seconds, zone)| {
            let local = DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            BillingAnchor::new(local, zone.parse().unwrap())
        })
    }

    fn intervals() -> impl Strategy<Value = Interval> {
        prop_oneof![
            (1..=400_u32).prop_map(|count| every(count, Unit::Day)),
            (1..=52_u32).prop_map(|count| every(count, Unit::Week)),
            (1..=24_u32).prop_map(|count| every(count, Unit::Month)),
            (1..=10_u32).prop_map(|count| every(count, Unit::Year)),
        ]
    }

    proptest! {
        #[test]
        fn boundaries_strictly_increase_and_periods_tile(
            anchor in anchors(), interval in intervals(), n in 0..300_u32,
        ) {
            let (period, next) = (anchor.period(interval, n)?, anchor.period(interval, n + 1)?);
            prop_assert!(period.start() < period.end());
            prop_assert_eq!(period.end(), next.start());
        }

        #[test]
        fn every_instant_lies_in_exactly_one_period(
            anchor in anchors(), interval in intervals(), seconds in 0..3_000_000_000_i64,
        ) {
            let start = anchor.boundary(interval, 0)?;
            let instant = start + chrono::TimeDelta::seconds(seconds);
            let cycle = anchor.cycle_at(interval, instant);
            let containing: Vec<u32> = (cycle.saturating_sub(2)..cycle + 3)
                .filter(|&n| anchor.period(interval, n).unwrap().contains(instant))
                .collect();
            prop_assert_eq!(containing, [cycle]);
        }

        #[test]
        fn a_boundary_starts_its_own_cycle(
            anchor in anchors(), interval in intervals(), n in 0..300_u32,
        ) {
            let boundary = anchor.boundary(interval, n)?;
            prop_assert_eq!(anchor.cycle_at(interval, boundary), n);
            let just_before = boundary - chrono::TimeDelta::microseconds(1);
            prop_assert_eq!(anchor.cycle_at(interval, just_before), n.saturating_sub(1));
        }

        #[test]
        fn the_anchor_day_is_kept_or_it_is_the_last_of_its_month(
            anchor in anchors(), count in 1..=24_u32, n in 0..300_u32,
        ) {
            let boundary = anchor.boundary(every(count, Unit::Month), n)?;
            let date = anchor.zone().local_date(boundary);
            let last = u32::from(date.num_days_in_month());
            prop_assert_eq!(date.day(), anchor.local().day().min(last));
        }
    }
}
