//! The steps of the academy's year: the days on which its members and its portal act. In between, only
//! Rondo does.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::domain::calendar::Zone;

/// Where the academy is.
pub const ZONE: &str = "Europe/Lisbon";
/// The first, the 8th, the 15th, the 22nd and the last day of each month, whichever that is.
pub const STEPS_A_MONTH: usize = 5;
const DAYS: [u32; STEPS_A_MONTH - 1] = [1, 8, 15, 22];
/// The hour at which everyone acts.
const HOUR: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("nine is an hour");

/// The month of the year in which a step falls, 1 for January.
pub fn month_of(step: usize) -> u32 {
    u32::try_from(step / STEPS_A_MONTH % 12).expect("below 12") + 1
}

/// When the academy opens.
fn opening() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).expect("the first of January is a day")
}

fn zone() -> Zone {
    ZONE.parse().expect("Lisbon has a zone")
}

/// The instants of all steps of so many months, oldest first.
pub fn steps(months: u32) -> Vec<DateTime<Utc>> {
    (0..months)
        .flat_map(|month| {
            let first = opening() + Months::new(month);
            let last = first + Months::new(1) - TimeDelta::days(1);
            let days = DAYS.iter().filter_map(move |day| first.with_day(*day));
            days.chain([last]).map(|day| zone().instant_of(day.and_time(HOUR)))
        })
        .collect()
}

/// The end of the last month, by the academy's clock.
pub fn end(months: u32) -> DateTime<Utc> {
    zone().start_of(opening() + Months::new(months))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_and_a_month_is_five_steps_a_month_and_ends_at_midnight() {
        let steps = steps(13);
        assert_eq!(steps.len(), 13 * STEPS_A_MONTH);
        assert!(steps.is_sorted());
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(steps[0], at("2026-01-01T09:00:00Z"));
        // Summer time moves the academy's morning.
        assert_eq!(steps[6 * STEPS_A_MONTH + 4], at("2026-07-31T08:00:00Z"));
        assert_eq!(end(13), at("2027-02-01T00:00:00Z"));
        assert!(steps.last().is_some_and(|last| *last < end(13)));
        assert_eq!((month_of(4), month_of(5), month_of(64)), (1, 2, 1));
    }
}
