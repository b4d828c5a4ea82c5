//! How long a mail is tried for that could not be handed over, before staff is told (RULES RET-8, EML-4).

use chrono::{DateTime, TimeDelta, Utc};

pub use crate::domain::backoff::backoff;

/// How long a mail is tried for, from when it was written.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(72);

/// Whether a mail that was written at `written` is past trying at `now`.
pub fn is_given_up(written: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - written > GIVE_UP_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_given_up_after_three_days() {
        let written = "2027-02-28T09:00:00Z".parse().unwrap();
        assert!(!is_given_up(written, "2027-03-03T09:00:00Z".parse().unwrap()));
        assert!(is_given_up(written, "2027-03-03T09:00:01Z".parse().unwrap()));
    }
}
