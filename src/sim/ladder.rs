//! An independent reading of the ladder (RULES RET-4, RET-5): what is tried again by itself comes no sooner than the
//! merchant's own ladder has it, and in the payer's hours.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{books::Books, checker::has_left, granted::Granted, refusal::is_technical};
use crate::domain::{
    dunning::{DunningCase, FinalAction},
    event::EventKind,
    ids::{Id, kind},
    payment::attempt::{Attempt, AttemptState, Initiator},
};

/// A merchant's ladder, as far as it is judged.
#[derive(Debug, Clone)]
pub(super) struct Rungs {
    /// The days between each step and the one before.
    pub(super) days: Vec<u32>,
    /// How far a gap may be moved, in per cent of it.
    pub(super) jitter_percent: i32,
    /// The hours of the payer's day in which a card is tried again.
    pub(super) hours: (u8, u8),
    /// What follows when it is over.
    pub(super) at_its_end: FinalAction,
}

impl Default for Rungs {
    /// The ladder of a merchant who has none of their own.
    fn default() -> Self {
        Self {
            days: vec![3, 4, 7, 7],
            jitter_percent: 10,
            hours: (8, 20),
            at_its_end: FinalAction::Cancel,
        }
    }
}

impl Rungs {
    fn least(&self, days: u32) -> TimeDelta {
        TimeDelta::days(days.into()) * (100 - self.jitter_percent) / 100
    }

    /// The least time that all of it takes.
    pub(super) fn whole(&self) -> TimeDelta {
        self.days.iter().map(|days| self.least(*days)).sum()
    }

    /// The shortest time between two tries of its own.
    fn shortest(&self) -> TimeDelta {
        self.least(self.days.iter().min().copied().unwrap_or_default())
    }
}

/// How time goes in a world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Where the payers are.
    pub(super) zone: Tz,
    /// How much may pass between two looks at the clock.
    pub(super) grain: TimeDelta,
    /// How far two clocks may be apart.
    pub(super) clock_error: TimeDelta,
}

/// What the payer, or staff for them, did that sets off a try of its own.
const STIRS: [EventKind; 5] = [
    EventKind::PaymentMethodAttached,
    EventKind::PaymentMethodUpdated,
    EventKind::PaymentMethodDetached,
    EventKind::CustomerUpdated,
    EventKind::DunningReleased,
];

/// Every try that came too soon, or at night, in words.
pub(super) fn untimely(books: &Books, granted: &Granted, rungs: &Rungs, pace: Pace) -> Vec<String> {
    let mut stirred: BTreeMap<_, Vec<DateTime<Utc>>> = BTreeMap::new();
    for event in books.events.iter().filter(|event| STIRS.contains(&event.kind)) {
        if let Some(customer) = event.customer {
            stirred.entry(customer).or_default().push(event.at);
        }
    }
    let mut cases: BTreeMap<_, Vec<&DunningCase>> = BTreeMap::new();
    for case in &books.cases {
        cases.entry(case.invoice).or_default().push(case);
    }
    let sent = books.attempts.iter().filter(|attempt| has_left(attempt));
    let asked_for = granted.asked_for(sent, pace.clock_error);
    let mut tries: BTreeMap<_, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &books.attempts {
        tries.entry(attempt.invoice).or_default().push(attempt);
    }
    let mut found = Vec::new();
    for (invoice, tries) in &tries {
        let stirs = stirred.get(&tries[0].customer).into_iter().flatten();
        let cases = cases.get(invoice).into_iter().flatten();
        for place in 1..tries.len() {
            let (before, next) = (tries[place - 1], tries[place]);
            let Some(refused_at) = by_itself(before, next, &asked_for) else { continue };
            // What was never carried out is tried again for the same reason.
            let earlier = tries[..place - 1].iter().rev().find(|one| has_left(one));
            let issued_at = books.invoices[invoice].issued_at;
            let since = earlier.map_or(issued_at, |one| one.sent_at) - pace.clock_error;
            let is_meanwhile =
                |at: &&DateTime<Utc>| **at > since && **at < next.sent_at + pace.clock_error;
            // Who has just joined is tried again at once, on no ladder; and no case goes by what was tried before it.
            let goes_by_it = cases.clone().any(|case| {
                (case.opened_at <= before.sent_at || case.opened_at == refused_at)
                    && case.closed_at.is_none_or(|closed| closed > next.sent_at)
            });
            if !goes_by_it || stirs.clone().any(|at| is_meanwhile(&at)) {
                continue;
            }
            rungs.judge((before, refused_at), next, pace, &mut found);
        }
    }
    found
}

/// When the last refusal was heard, if another try came of that alone.
fn by_itself(
    before: &Attempt,
    next: &Attempt,
    asked_for: &BTreeSet<Id<kind::Attempt>>,
) -> Option<DateTime<Utc>> {
    let are_ours = [before, next].iter().all(|one| {
        one.initiator == Initiator::Merchant && one.method.is_some() && !asked_for.contains(&one.id)
    });
    let refused = before.state == AttemptState::Declined && are_ours && has_left(next);
    before.settled_at.filter(|at| refused && *at <= next.sent_at)
}

impl Rungs {
    /// Whether `next` came in its time after `before`, which was refused then.
    fn judge(
        &self,
        (before, refused_at): (&Attempt, DateTime<Utc>),
        next: &Attempt,
        pace: Pace,
        found: &mut Vec<String>,
    ) {
        let code = before.decline.as_ref().and_then(|decline| decline.response_code.as_deref());
        let is_too_soon = next.sent_at < refused_at + self.shortest() - pace.clock_error;
        if is_too_soon && !code.is_some_and(is_technical) {
            found.push(format!(
                "{} at {}, sooner than any step after {} was refused at {refused_at}",
                next.id, next.sent_at, before.id
            ));
        }
        let hour = |hour: u8| TimeDelta::hours(hour.into());
        let since_midnight =
            next.sent_at.with_timezone(&pace.zone).time().signed_duration_since(NaiveTime::MIN);
        // Time goes on between the look at the clock and the call.
        let from = hour(self.hours.0) - pace.clock_error;
        let until = hour(self.hours.1) + pace.clock_error + pace.grain * 2 + TimeDelta::hours(1);
        // What was late may be after midnight.
        let is_in = |time: TimeDelta| from <= time && time < until;
        if !is_in(since_midnight) && !is_in(since_midnight + TimeDelta::days(1)) {
            found.push(format!("{} at {}, when its payer sleeps", next.id, next.sent_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{
        decline::{Decline, DeclineClass},
        settle::given,
    };

    fn at(time: &str) -> DateTime<Utc> {
        given::at(&format!("2026-03-{time}:00Z"))
    }

    #[rstest]
    #[case::in_its_time("05T09:00", "51", 0)]
    #[case::moved_a_little("05T08:30", "51", 0)]
    #[case::too_soon("04T18:00", "51", 1)]
    #[case::at_night("06T03:00", "51", 1)]
    #[case::too_soon_and_at_night("03T03:00", "51", 2)]
    #[case::over_in_hours("02T10:00", "91", 0)]
    fn a_try_comes_no_sooner_than_a_step_and_not_at_night(
        #[case] time: &str,
        #[case] code: &str,
        #[case] expected: usize,
    ) {
        let refused_at = at("02T09:00");
        let decline =
            Decline { response_code: Some(code.to_owned()), ..Decline::of(DeclineClass::Generic) };
        let before = Attempt {
            decline: Some(decline),
            ..given::attempt(8, Initiator::Merchant, refused_at)
        };
        let next = given::attempt(9, Initiator::Merchant, at(time));
        let pace =
            Pace { zone: Tz::UTC, grain: TimeDelta::minutes(1), clock_error: TimeDelta::zero() };
        let mut found = Vec::new();
        Rungs::default().judge((&before, refused_at), &next, pace, &mut found);
        assert_eq!(found.len(), expected, "{found:?}");
    }
}
