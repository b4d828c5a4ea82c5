//! When a gateway is asked how an attempt stands, and what its not knowing proves (RULES PRB).

use chrono::{DateTime, TimeDelta, Utc};

use super::attempt::{Attempt, AttemptState};

/// The waits after an attempt's answer was lost: 15 s, 1 min, 5 min, 15 min, 1 h, 6 h, 24 h, and then
/// five times a day (RULES PRB-1). Spent, it is a person's turn; the attempt stays unknown.
const UNKNOWN_WAITS_SECONDS: [i64; 12] =
    [15, 60, 300, 900, 3_600, 21_600, 86_400, 86_400, 86_400, 86_400, 86_400, 86_400];

/// The wait before an accepted charge is first asked after; then daily (RULES PRB-1).
const PENDING_FIRST_WAIT: TimeDelta = TimeDelta::hours(1);

/// How long an accepted charge is asked after daily before a person looks: the scheme's last date of
/// bank debits, five interbank days, with a margin for holidays.
const PENDING_WAITS: u32 = 14;

/// How long a customer has to confirm at their bank before the attempt is asked after no more.
const ACTION_WAITS: u32 = 7;

/// "Not found" counts for nothing sooner than this after the last sending.
pub(super) const ABSENCE_PROVES_AFTER: TimeDelta = TimeDelta::hours(24);

/// Two times "not found" must lie at least this far apart.
const ABSENCE_REPEATED_AFTER: TimeDelta = TimeDelta::hours(1);

/// When to ask next about an attempt that stands in `state` and was asked `probes` times since; none
/// when asking has gone on long enough and a person must look.
pub fn next(state: AttemptState, probes: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = TimeDelta::days(1);
    let wait = match state {
        AttemptState::Unknown => {
            let seconds = UNKNOWN_WAITS_SECONDS.get(usize::try_from(probes).ok()?)?;
            Some(TimeDelta::seconds(*seconds))
        }
        AttemptState::Pending if probes == 0 => Some(PENDING_FIRST_WAIT),
        AttemptState::Pending => (probes < PENDING_WAITS).then_some(day),
        AttemptState::ActionRequired => (probes < ACTION_WAITS).then_some(day),
        AttemptState::InFlight
        | AttemptState::Succeeded
        | AttemptState::Declined
        | AttemptState::Rejected
        | AttemptState::NotExecuted => None,
    };
    wait.map(|wait| now + wait)
}

/// What "not found" means for an attempt whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Proof: it was never carried out, and a new attempt may start.
    NeverHappened,
    /// Nothing yet: ask again, not before this.
    AskAgain(DateTime<Utc>),
}

/// Weighs a "not found" heard at `now`: two of them, at least an hour apart, both at least a day
/// after the last sending, prove that nothing was carried out (RULES §3).
pub fn weigh_absence(attempt: &Attempt, now: DateTime<Utc>) -> Absence {
    let counts_from = attempt.last_sent_at + ABSENCE_PROVES_AFTER;
    if now < counts_from {
        return Absence::AskAgain(counts_from);
    }
    match attempt.not_found_at {
        Some(first) if now >= first + ABSENCE_REPEATED_AFTER => Absence::NeverHappened,
        Some(first) => Absence::AskAgain(first + ABSENCE_REPEATED_AFTER),
        None => Absence::AskAgain(now + ABSENCE_REPEATED_AFTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(state: AttemptState) -> Vec<i64> {
        let start = DateTime::UNIX_EPOCH;
        (0..)
            .map_while(|probes| next(state, probes, start))
            .map(|at| (at - start).num_seconds())
            .collect()
    }

    #[test]
    fn an_unknown_attempt_is_asked_after_twelve_times_in_six_days() {
        assert_eq!(waits(AttemptState::Unknown), UNKNOWN_WAITS_SECONDS);
    }

    #[test]
    fn a_pending_attempt_is_asked_after_in_an_hour_and_then_daily() {
        let waits = waits(AttemptState::Pending);
        assert_eq!(waits[..2], [3_600, 86_400]);
        assert_eq!(waits.len(), 14);
    }

    #[test]
    fn a_settled_attempt_is_not_asked_after() {
        assert_eq!(waits(AttemptState::Succeeded), [0; 0]);
    }
}
