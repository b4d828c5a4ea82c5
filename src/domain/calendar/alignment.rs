//! Where the boundaries of a subscription fall: with its start, on a day of the month, or with the
//! calendar; and what the first period is when the start is not itself such a boundary.
//!
//! Says how long a leading stub is and what whole period it is a part of. Never what it costs.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use super::{BillingAnchor, CalendarError, Interval, Period, Unit, Zone, interval::Step};

/// How boundaries are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Alignment {
    /// Boundaries follow the start: monthly from 15 January 2026 at 09:30, on each 15th at 09:30.
    #[default]
    Anniversary,
    /// Boundaries fall on a day of the month, at the start's clock reading. The first is that day
    /// in the start's month if it is not before the start, else one whole interval later: with
    /// day 14, a quarter from 16 February 2026 has its first boundary on 14 May. Days and weeks
    /// have no such day, and follow the start.
    AnchorDay {
        /// Which day.
        day: AnchorDay,
    },
    /// Boundaries fall with the calendar, at midnight: weeks from Monday, months from the 1st, and
    /// 2, 3, 4, 6 or 12 months from January.
    Calendar,
}

/// A day of the month from 1 to 31. In a shorter month it is that month's last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct AnchorDay(u8);

/// What whole period a leading stub is measured against. The two differ only for anchor days
/// 29 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StubReference {
    /// The whole period that the stub is the rest of, from the anchored boundary before it. With
    /// day 31, the stub up to 30 April 2026 belongs to 31 March to 30 April.
    #[default]
    AnchorAware,
    /// One interval, by plain subtraction from the first boundary. With day 31, the stub up to
    /// 30 April 2026 belongs to 30 March to 30 April.
    SubtractInterval,
}

/// How a subscription's cycles begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// What all boundaries count from. It is never after the start, so the start lies in its
    /// period 0, and period 1 is the first that is sure to be whole.
    pub anchor: BillingAnchor,
    /// The first period: from the start, cut to seconds, up to boundary 1.
    pub first: Period,
    /// The nominal period that `first` is a part of. `None` where `first` is a whole period: the
    /// start's date is itself a boundary's.
    pub stub_of: Option<Period>,
}

impl Alignment {
    /// Whether cycles of `interval` have a place in it at all.
    pub fn fits(self, interval: Interval) -> bool {
        match self {
            Self::Anniversary | Self::AnchorDay { .. } => true,
            // Whether they have does not depend on the day.
            Self::Calendar => calendar_boundary(NaiveDate::default(), interval).is_ok(),
        }
    }

    /// The cycles of a subscription that starts at `start`.
    pub fn begin(
        self,
        start: DateTime<Utc>,
        interval: Interval,
        zone: Zone,
        reference: StubReference,
    ) -> Result<Beginning, CalendarError> {
        let at_start = BillingAnchor::at(start, zone);
        let anchor = match (self, interval.step()) {
            (Self::Anniversary, _) | (Self::AnchorDay { .. }, Step::Days(_)) => at_start,
            (Self::AnchorDay { day }, Step::Months(months)) => {
                on_anchor_day(at_start, day, Months::new(months))?
            }
            (Self::Calendar, _) => {
                let date = calendar_boundary(at_start.local().date(), interval)?;
                BillingAnchor::new(date.and_time(NaiveTime::MIN), zone)
            }
        };

        let first_boundary = anchor.boundary(interval, 1)?;
        let first = Period::new(start.trunc_subsecs(0), first_boundary)?;
        let is_whole = anchor.local().date() == at_start.local().date();
        let stub_of = match (is_whole, reference) {
            (true, _) => None,
            (false, StubReference::AnchorAware) => Some(anchor.period(interval, 0)?),
            (false, StubReference::SubtractInterval) => {
                Some(one_interval_up_to(first_boundary, anchor, interval)?)
            }
        };
        Ok(Beginning { anchor, first, stub_of })
    }
}

/// The anchor on `day` that is the last one up to the start, however the start's month counts it.
fn on_anchor_day(
    at_start: BillingAnchor,
    day: AnchorDay,
    months: Months,
) -> Result<BillingAnchor, CalendarError> {
    let start = at_start.local();
    let in_start_month = day.in_month_of(start.date());
    let date = if in_start_month <= start.date() {
        in_start_month
    } else {
        // The first boundary is still to come in this month, so its period began an interval ago.
        let earlier = start.date().checked_sub_months(months);
        day.in_month_of(earlier.ok_or(CalendarError::BeyondCalendar)?)
    };
    BillingAnchor::keeping(date.and_time(start.time()), day, at_start.zone())
}

/// The last calendar boundary of `interval` that is not after `date`.
fn calendar_boundary(date: NaiveDate, interval: Interval) -> Result<NaiveDate, CalendarError> {
    match (interval.unit(), interval.count()) {
        (Unit::Week, 1) => {
            let since_monday = Days::new(u64::from(date.weekday().num_days_from_monday()));
            date.checked_sub_days(since_monday).ok_or(CalendarError::BeyondCalendar)
        }
        (Unit::Month, months) if 12 % months == 0 => Ok(first_of_month(date, months)),
        (Unit::Year, 1) => Ok(first_of_month(date, 12)),
        (Unit::Day | Unit::Week | Unit::Month | Unit::Year, _) => {
            Err(CalendarError::NotInCalendar(interval))
        }
    }
}

/// The first day of the stretch of `months` months, counted from January, that `date` lies in.
fn first_of_month(date: NaiveDate, months: u32) -> NaiveDate {
    let since_first = date.month0() % months;
    NaiveDate::from_ymd_opt(date.year(), date.month() - since_first, 1)
        .expect("every month has a first day")
}

fn one_interval_up_to(
    end: DateTime<Utc>,
    anchor: BillingAnchor,
    interval: Interval,
) -> Result<Period, CalendarError> {
    let date = anchor.zone().local_date(end);
    let start = match interval.step() {
        Step::Days(days) => date.checked_sub_days(Days::new(u64::from(days))),
        Step::Months(months) => date.checked_sub_months(Months::new(months)),
    };
    let start = start.ok_or(CalendarError::BeyondCalendar)?.and_time(anchor.local().time());
    Period::new(anchor.zone().instant_of(start), end)
}

impl AnchorDay {
    /// The day as a number, 1 to 31.
    pub fn get(self) -> u32 {
        u32::from(self.0)
    }

    /// The day of the month that `date` is.
    pub(super) fn of(date: NaiveDate) -> Self {
        Self(u8::try_from(date.day()).expect("no month has more than 31 days"))
    }

    /// This day in the month of `date`, or that month's last day if it has no such day.
    pub(super) fn in_month_of(self, date: NaiveDate) -> NaiveDate {
        let day = self.0.min(date.num_days_in_month());
        date.with_day(u32::from(day)).expect("the month has this day")
    }
}

impl TryFrom<u32> for AnchorDay {
    type Error = CalendarError;

    fn try_from(day: u32) -> Result<Self, CalendarError> {
        match u8::try_from(day) {
            Ok(small @ 1..=31) => Ok(Self(small)),
            _ => Err(CalendarError::AnchorDay(day)),
        }
    }
}

impl From<AnchorDay> for u32 {
    fn from(day: AnchorDay) -> Self {
        day.get()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn berlin() -> Zone {
        "Europe/Berlin".parse().unwrap()
    }

    fn begin(start: &str, alignment: Alignment, interval: Interval) -> Beginning {
        let start = berlin().instant_of(start.parse().unwrap());
        alignment.begin(start, interval, berlin(), StubReference::AnchorAware).unwrap()
    }

    fn on_day(day: u32) -> Alignment {
        Alignment::AnchorDay { day: day.try_into().unwrap() }
    }

    fn local(period: Period) -> [String; 2] {
        [period.start(), period.end()].map(|instant| berlin().local(instant).to_string())
    }

    #[test]
    fn the_first_period_runs_to_the_first_aligned_boundary() {
        let quarterly = Interval::new(3, Unit::Month).unwrap();
        let weekly = Interval::new(1, Unit::Week).unwrap();
        let start = "2026-02-16T09:30:00";
        for (alignment, interval, end, is_stub) in [
            (Alignment::Anniversary, Interval::MONTHLY, "2026-03-16 09:30:00", false),
            (on_day(16), Interval::MONTHLY, "2026-03-16 09:30:00", false),
            (on_day(20), Interval::MONTHLY, "2026-02-20 09:30:00", true),
            (on_day(31), Interval::MONTHLY, "2026-02-28 09:30:00", true),
            (on_day(14), Interval::MONTHLY, "2026-03-14 09:30:00", true),
            (on_day(14), quarterly, "2026-05-14 09:30:00", true),
            (on_day(14), Interval::YEARLY, "2027-02-14 09:30:00", true),
            (on_day(14), weekly, "2026-02-23 09:30:00", false),
            (Alignment::Calendar, Interval::MONTHLY, "2026-03-01 00:00:00", true),
            (Alignment::Calendar, quarterly, "2026-04-01 00:00:00", true),
            (Alignment::Calendar, Interval::YEARLY, "2027-01-01 00:00:00", true),
            // 16 February 2026 is a Monday, so the week is whole although it is no longer early.
            (Alignment::Calendar, weekly, "2026-02-23 00:00:00", false),
        ] {
            let beginning = begin(start, alignment, interval);
            let expected = [start.replace('T', " "), end.to_owned()];
            assert_eq!(local(beginning.first), expected, "{alignment:?} {interval}");
            assert_eq!(beginning.stub_of.is_some(), is_stub, "{alignment:?} {interval}");
        }
    }

    #[test]
    fn the_anchor_day_is_kept_when_the_cycles_begin_in_a_short_month() {
        let beginning = begin("2026-03-10T00:00:00", on_day(31), Interval::MONTHLY);
        assert_eq!(
            local(beginning.stub_of.unwrap()),
            ["2026-02-28 00:00:00", "2026-03-31 00:00:00"]
        );
        let second = beginning.anchor.period(Interval::MONTHLY, 1).unwrap();
        assert_eq!(local(second), ["2026-03-31 00:00:00", "2026-04-30 00:00:00"]);
    }

    #[test]
    fn the_two_references_of_a_stub_differ_at_the_end_of_a_month() {
        let start = berlin().instant_of("2026-04-10T00:00:00".parse().unwrap());
        let nominal = |reference| {
            let beginning = on_day(31).begin(start, Interval::MONTHLY, berlin(), reference);
            local(beginning.unwrap().stub_of.unwrap())
        };
        let end = "2026-04-30 00:00:00";
        assert_eq!(nominal(StubReference::AnchorAware), ["2026-03-31 00:00:00", end]);
        assert_eq!(nominal(StubReference::SubtractInterval), ["2026-03-30 00:00:00", end]);
    }

    #[test]
    fn what_has_no_place_in_a_calendar_year_is_not_aligned_with_it() {
        for (count, unit) in [(1, Unit::Day), (2, Unit::Week), (5, Unit::Month), (2, Unit::Year)] {
            let interval = Interval::new(count, unit).unwrap();
            let refusal = Alignment::Calendar
                .begin(DateTime::UNIX_EPOCH, interval, berlin(), StubReference::AnchorAware)
                .unwrap_err();
            assert_eq!(refusal, CalendarError::NotInCalendar(interval));
            assert!(refusal.to_string().contains("months that divide a year"));
        }
    }

    #[test]
    fn an_alignment_is_read_back_as_it_was_written() {
        for (alignment, written) in [
            (Alignment::Anniversary, r#"{"kind":"anniversary"}"#),
            (on_day(31), r#"{"kind":"anchor_day","day":31}"#),
            (Alignment::Calendar, r#"{"kind":"calendar"}"#),
        ] {
            assert_eq!(serde_json::to_string(&alignment).unwrap(), written);
            assert_eq!(serde_json::from_str::<Alignment>(written).unwrap(), alignment);
        }
        let refusal = serde_json::from_str::<Alignment>(r#"{"kind":"anchor_day","day":32}"#);
        let sentence = "an anchor day must lie between 1 and 31, not 32";
        assert!(refusal.unwrap_err().to_string().contains(sentence));
    }

    proptest! {
        #[test]
        fn the_start_lies_in_the_first_period_and_in_what_it_is_a_stub_of(
            seconds in 0..4_000_000_000_i64, day in 1..=31_u32, months in 1..=24_u32,
        ) {
            let start = DateTime::from_timestamp(seconds, 0).unwrap();
            let interval = Interval::new(months, Unit::Month)?;
            for reference in [StubReference::AnchorAware, StubReference::SubtractInterval] {
                let beginning = on_day(day).begin(start, interval, berlin(), reference)?;
                prop_assert_eq!(beginning.first.start(), start);
                prop_assert_eq!(beginning.anchor.cycle_at(interval, start), 0);
                if let Some(nominal) = beginning.stub_of {
                    prop_assert!(nominal.contains(start));
                    prop_assert_eq!(nominal.end(), beginning.first.end());
                }
            }
        }
    }
}
