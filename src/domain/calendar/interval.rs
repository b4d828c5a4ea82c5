//! How often a cycle turns: a number of days, weeks, months or years.
//!
//! Says how long, never from when: that is the anchor's to say.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::CalendarError;

/// What an interval counts. A month or a year is one of the calendar, of whatever length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what it says")]
pub enum Unit {
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// Ten years in this unit, rounded down.
    const fn longest(self) -> u32 {
        match self {
            Self::Day => 3652,
            Self::Week => 521,
            Self::Month => 120,
            Self::Year => 10,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A length of one cycle: at least one unit, and at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Interval {
    unit: Unit,
    count: u32,
}

/// An interval as it is written, before anyone looked whether it can be.
#[derive(Deserialize)]
#[serde(rename = "Interval", deny_unknown_fields)]
struct Unchecked {
    unit: Unit,
    count: u32,
}

/// What one step of an interval adds to a date: only months differ in length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Days(u32),
    Months(u32),
}

impl Interval {
    /// Once a month.
    pub const MONTHLY: Self = Self { unit: Unit::Month, count: 1 };
    /// Once a year.
    pub const YEARLY: Self = Self { unit: Unit::Year, count: 1 };

    /// Every `count` units.
    pub const fn new(count: u32, unit: Unit) -> Result<Self, CalendarError> {
        let most = unit.longest();
        if count == 0 {
            Err(CalendarError::NoInterval)
        } else if count > most {
            Err(CalendarError::LongInterval { most: Self { unit, count: most }, asked: count })
        } else {
            Ok(Self { unit, count })
        }
    }

    /// What is counted.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// How many units make one cycle.
    pub const fn count(self) -> u32 {
        self.count
    }

    pub(super) const fn step(self) -> Step {
        match self.unit {
            Unit::Day => Step::Days(self.count),
            Unit::Week => Step::Days(self.count * 7),
            Unit::Month => Step::Months(self.count),
            Unit::Year => Step::Months(self.count * 12),
        }
    }
}

impl TryFrom<Unchecked> for Interval {
    type Error = CalendarError;

    fn try_from(written: Unchecked) -> Result<Self, CalendarError> {
        Self::new(written.count, written.unit)
    }
}

/// `every month`, `every 3 months`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "every {}", self.unit.name()),
            count => write!(f, "every {count} {}s", self.unit.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_lasts_from_one_unit_to_ten_years() {
        for (unit, most) in
            [(Unit::Day, 3652), (Unit::Week, 521), (Unit::Month, 120), (Unit::Year, 10)]
        {
            assert!(Interval::new(1, unit).is_ok());
            assert!(Interval::new(most, unit).is_ok());
            for refused in [0, most + 1, u32::MAX] {
                assert!(Interval::new(refused, unit).is_err(), "{refused} {unit:?}");
            }
        }
    }

    #[test]
    fn an_interval_reads_as_people_say_it() {
        let texts = [(1, Unit::Month), (3, Unit::Month), (1, Unit::Day), (2, Unit::Year)]
            .map(|(count, unit)| Interval::new(count, unit).unwrap().to_string());
        assert_eq!(texts, ["every month", "every 3 months", "every day", "every 2 years"]);
    }

    #[test]
    fn an_interval_is_checked_when_it_is_read_back() {
        let written = r#"{"unit":"month","count":3}"#;
        let interval: Interval = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&interval).unwrap(), written);
        for (written, sentence) in [
            (r#"{"unit":"month","count":0}"#, "must count at least 1, not 0"),
            (
                r#"{"unit":"month","count":121}"#,
                "an interval must last ten years at most: every 120 months, but not 121",
            ),
        ] {
            let refusal = serde_json::from_str::<Interval>(written).unwrap_err().to_string();
            assert!(refusal.contains(sentence), "{refusal}");
        }
    }
}
