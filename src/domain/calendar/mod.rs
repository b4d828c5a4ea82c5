//! Billing dates: zones, intervals, anchors and periods.
//!
//! A cycle is counted in the payer's own calendar, and only its result is an instant. So a monthly
//! membership of 31 January renews on 28 February and on 31 March, at the same reading of the wall
//! clock in winter and in summer. What is charged for a part of a period is decided elsewhere; here
//! stands only how long it is.

mod alignment;
mod anchor;
mod interval;
mod period;
mod window;
mod zone;

use chrono::{DateTime, NaiveDate, Utc};
use thiserror::Error;

pub use alignment::{Alignment, AnchorDay, Beginning, StubReference};
pub use anchor::BillingAnchor;
pub use interval::{Interval, Unit};
pub use period::Period;
pub use window::{SendWindow, WindowHours};
pub use zone::Zone;

/// The last year that has billing dates: where the API's timestamps end.
pub const LAST_YEAR: i32 = 9999;

/// Why there is no such zone, interval, anchor, period or date.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum CalendarError {
    /// The text is not the name of a time zone.
    #[error("must be an IANA time zone such as Europe/Berlin, not {0:?}")]
    UnknownZone(String),
    /// An interval of no length.
    #[error("an interval must count at least 1, not 0")]
    NoInterval,
    /// An interval longer than ten years.
    #[error("an interval must last ten years at most: {most}, but not {asked}")]
    LongInterval {
        /// The longest interval in the same unit.
        most: Interval,
        /// The count that was asked for.
        asked: u32,
    },
    /// An anchor day that no month has.
    #[error("an anchor day must lie between 1 and 31, not {0}")]
    AnchorDay(u32),
    /// A kept day of the month that the anchor's own date is not the result of.
    #[error("the anchor's date {date} is not what day {day} comes to in its month")]
    AnchorDate {
        /// The anchor's date.
        date: NaiveDate,
        /// The day it should keep.
        day: u32,
    },
    /// A period that does not end after it starts.
    #[error("a period must end after it starts, but {end} is not after {start}")]
    EmptyPeriod {
        /// The first instant of it.
        start: DateTime<Utc>,
        /// The first instant after it.
        end: DateTime<Utc>,
    },
    /// Calendar alignment of an interval that has no place of its own in the year.
    #[error(
        "calendar alignment needs one week, one year, or months that divide a year \
         (1, 2, 3, 4, 6 or 12); {0} has no place of its own in a calendar year"
    )]
    NotInCalendar(Interval),
    /// A window that is not open for a part of each day.
    #[error("a window must open before it closes, at full hours from 0 to 24, not {from} to {to}")]
    BadWindow {
        /// When it should open.
        from: u8,
        /// When it should close.
        to: u8,
    },
    /// A date past the last one that can be told over the API.
    #[error("the date would lie after the year {LAST_YEAR}")]
    BeyondCalendar,
}
