//! Instants: a `Timestamp` outside, UTC in whole microseconds inside.

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use prost_types::Timestamp;

use crate::app::{AppError, Result};

/// An instant as the API writes it.
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    let nanos = instant.timestamp_subsec_nanos().min(999_999_999);
    Timestamp {
        seconds: instant.timestamp(),
        nanos: i32::try_from(nanos).expect("a second has fewer than two thousand million nanos"),
    }
}

/// The instant that a field holds, cut to microseconds.
pub fn instant(field: &str, timestamp: Timestamp) -> Result<DateTime<Utc>> {
    u32::try_from(timestamp.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)
        .and_then(|nanos| DateTime::from_timestamp(timestamp.seconds, nanos))
        .filter(|instant| (1..=9999).contains(&instant.year()))
        .map(|instant| instant.trunc_subsecs(6))
        .ok_or_else(|| AppError::invalid(field, "must be an instant of the years 1 to 9999"))
}

/// The instant that a field holds, if it is set.
pub fn optional_instant(
    field: &str,
    timestamp: Option<Timestamp>,
) -> Result<Option<DateTime<Utc>>> {
    timestamp.map(|timestamp| instant(field, timestamp)).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_reads_back_as_itself(micros in -62_135_596_800_000_000_i64..=253_402_300_799_999_999) {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(instant("at", timestamp(at)).unwrap(), at);
        }

        #[test]
        fn no_timestamp_makes_it_panic(seconds: i64, nanos: i32) {
            let _ = instant("at", Timestamp { seconds, nanos });
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)] {
            let refusal = instant("at", Timestamp { seconds, nanos }).unwrap_err();
            assert_eq!(refusal.to_string(), "at must be an instant of the years 1 to 9999");
        }
    }
}
