//! What the people of a world asked for and were granted, as they remember it themselves. By it the judges tell what
//! happened because a person wanted it from what Rondo did by itself.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::prices::{Deal, What};
use crate::domain::{
    ids::{Id, kind},
    payment::attempt::{Attempt, Initiator},
};

/// So long after somebody asked for it a try may leave: networks count a month, and so long one may stay undecided.
const ASKED_LASTS: TimeDelta = TimeDelta::days(31);

/// What was wanted of a subscription's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Wanted,
    TakenBack,
}

/// All that was granted, by the machine's time.
#[derive(Debug, Default)]
pub(super) struct Granted {
    /// When a person wanted an invoice to be collected at once.
    pub(super) asked: BTreeMap<Id<kind::Invoice>, Vec<DateTime<Utc>>>,
    /// Attempts for whose payer staff would wait no longer, though they may confirm yet.
    pub(super) not_charged: BTreeSet<Id<kind::Attempt>>,
    /// Methods that were stored without their payer: nothing is agreed to anew by that.
    pub(super) absent: BTreeSet<Id<kind::PaymentMethod>>,
    /// Invoices that were taken back.
    pub(super) voided: BTreeSet<Id<kind::Invoice>>,
    /// When a subscription was to rest.
    pub(super) paused: BTreeMap<Id<kind::Subscription>, Vec<DateTime<Utc>>>,
    /// When it was to end, now or later, and when it was not after all.
    pub(super) ends: BTreeMap<Id<kind::Subscription>, Vec<(DateTime<Utc>, End)>>,
    /// What was sold, to whom, and what they wanted of it since, in order.
    pub(super) deals: Vec<Deal>,
}

impl Granted {
    /// Somebody wants an invoice to be collected at once.
    pub(super) fn asks(&mut self, invoice: Id<kind::Invoice>, at: DateTime<Utc>) {
        self.asked.entry(invoice).or_default().push(at);
    }

    /// A subscription is to end, or is not to any more.
    pub(super) fn ends(&mut self, id: Id<kind::Subscription>, at: DateTime<Utc>, end: End) {
        self.ends.entry(id).or_default().push((at, end));
    }

    /// Something was agreed.
    pub(super) fn agrees(&mut self, at: DateTime<Utc>, what: What) {
        self.deals.push(Deal { at, what });
    }

    /// When somebody wanted it.
    pub(super) fn asked(
        &self,
        invoice: Id<kind::Invoice>,
    ) -> impl Iterator<Item = DateTime<Utc>> + Clone {
        self.asked.get(&invoice).into_iter().flatten().copied()
    }

    /// The tries of the merchant's among these, oldest first, that came of somebody's wish: the first one after each, by
    /// clocks that may have been off by `clock_error`.
    pub(super) fn asked_for<'a>(
        &self,
        attempts: impl IntoIterator<Item = &'a Attempt>,
        clock_error: TimeDelta,
    ) -> BTreeSet<Id<kind::Attempt>> {
        let mut tries: BTreeMap<_, Vec<&Attempt>> = BTreeMap::new();
        for attempt in attempts.into_iter().filter(|one| one.initiator == Initiator::Merchant) {
            tries.entry(attempt.invoice).or_default().push(attempt);
        }
        let mut found = BTreeSet::new();
        for (invoice, tries) in tries {
            for at in self.asked(invoice) {
                let from = at - clock_error;
                let until = at + ASKED_LASTS + clock_error;
                // Which of those was first whose order no clock tells, nobody knows.
                let is_near = |one: &&&Attempt| (from..=at + clock_error).contains(&one.sent_at);
                let next = tries.iter().find(|one| (at..=until).contains(&one.sent_at));
                found.extend(tries.iter().filter(is_near).chain(next).map(|one| one.id));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::settle::given::{at, attempt};

    #[test]
    fn a_wish_is_for_the_next_try_alone() {
        let tries = [2, 3, 4].map(|day| {
            let sent_at = at(&format!("2026-03-0{day}T09:00:00Z"));
            attempt(day, Initiator::Merchant, sent_at)
        });
        let mut granted = Granted::default();
        granted.asks(tries[0].invoice, at("2026-03-02T12:00:00Z"));
        let asked_for = granted.asked_for(&tries, TimeDelta::zero());
        assert_eq!(asked_for, [tries[1].id].into());
    }
}
