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

/// How often an attempt is asked after that waits for the customer, before a person looks: daily
/// until their time is over, and then until the gateway has ended it.
const ACTION_WAITS: u32 = 7;

/// "Not found" counts for nothing sooner than this after the last sending, whatever the gateway.
pub const ABSENCE_PROVES_AFTER: TimeDelta = TimeDelta::hours(24);

/// Two times "not found" must lie at least this far apart.
const ABSENCE_REPEATED_AFTER: TimeDelta = TimeDelta::hours(1);

/// When to ask next about `attempt`, which was asked after as often as it says since it came to stand
/// where it does; none when asking has gone on long enough and a person must look.
pub fn next(attempt: &Attempt, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = TimeDelta::days(1);
    let probes = attempt.probes;
    match attempt.state {
        AttemptState::Unknown => {
            let seconds = UNKNOWN_WAITS_SECONDS.get(usize::try_from(probes).ok()?)?;
            Some(now + TimeDelta::seconds(*seconds))
        }
        AttemptState::Pending if probes == 0 => Some(now + PENDING_FIRST_WAIT),
        AttemptState::Pending => (probes < PENDING_WAITS).then_some(now + day),
        AttemptState::ActionRequired if attempt.is_abandoned(now) => {
            (probes < ACTION_WAITS).then_some(now + day)
        }
        AttemptState::ActionRequired => Some((now + day).min(attempt.act_by())),
        AttemptState::InFlight
        | AttemptState::Succeeded
        | AttemptState::Reversed
        | AttemptState::Declined
        | AttemptState::Rejected
        | AttemptState::NotExecuted => None,
    }
}

/// What "not found" means for an attempt whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Proof: it was never carried out, and a new attempt may start.
    NeverHappened,
    /// Nothing yet: ask again, not before this.
    AskAgain(DateTime<Utc>),
}

/// Weighs a "not found" heard at `now`: two of them, at least an hour apart, both at least `proves_after`
/// after the last sending, prove that nothing was carried out (RULES §3).
pub fn weigh_absence(attempt: &Attempt, proves_after: TimeDelta, now: DateTime<Utc>) -> Absence {
    let counts_from = attempt.last_sent_at + proves_after;
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
    use crate::domain::payment::{attempt::Initiator, settle::given::attempt};

    /// The waits, in seconds, of an attempt that was sent at the beginning of time.
    fn waits(state: AttemptState) -> Vec<i64> {
        let mut now = DateTime::UNIX_EPOCH;
        let mut attempt = Attempt { state, ..attempt(8, Initiator::Merchant, now) };
        let mut waits = Vec::new();
        while let Some(at) = next(&attempt, now) {
            waits.push((at - now).num_seconds());
            now = at;
            attempt.probes += 1;
        }
        waits
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
    fn a_page_is_asked_after_when_its_time_is_over_and_then_daily() {
        let opened = DateTime::UNIX_EPOCH + TimeDelta::hours(30);
        let page = Attempt {
            state: AttemptState::ActionRequired,
            ..attempt(8, Initiator::Customer, opened)
        };
        assert_eq!(next(&page, opened), Some(page.act_by()));
        let asked = Attempt { probes: 1, ..page.clone() };
        let later = page.act_by() + TimeDelta::days(1);
        assert_eq!(next(&asked, page.act_by()), Some(later));
        assert_eq!(next(&Attempt { probes: 7, ..page }, later), None);
    }

    #[test]
    fn a_challenge_is_asked_after_daily() {
        let waits = waits(AttemptState::ActionRequired);
        assert_eq!(waits, [86_400; 7]);
    }

    #[test]
    fn a_settled_attempt_is_not_asked_after() {
        assert_eq!(waits(AttemptState::Succeeded), [0; 0]);
    }
}
