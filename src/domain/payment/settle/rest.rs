//! Where a payment is when no attempt of ours follows: an attempt of the customer's has come to nothing,
//! or its subscription is unpaid by another debt.

use chrono::{DateTime, Utc};

use super::{Owed, first, mails, steps};
use crate::domain::{
    changes::Changes,
    customer::PaymentMethod,
    dunning::{DunningMail, StaffTask},
    ids::Mint,
    payment::{
        PaymentState,
        attempt::{Attempt, AttemptState, Initiator},
        decline::{Decline, DeclineClass},
        method::CardMark,
    },
    subscription::SubscriptionState,
};

/// Takes back what is planned for an invoice of a subscription that just became unpaid by another one.
/// What is under way goes on to its outcome, and what staff has to put back is theirs.
pub fn unplan(mut owed: Owed, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let mut changes = Changes::default();
    if owed.payment.state == PaymentState::Scheduled && owed.payment.collect_at.is_some() {
        owed.rest_closed(&mut changes, now, mint);
        changes.payments.push(owed.payment);
    }
    changes
}

impl Owed {
    /// An attempt of the customer's came to nothing: the payment is where it was before. The ladder
    /// goes on where it stood; the page was none of its steps. Why a person must let the charge go that is
    /// planned then, if they must.
    #[must_use]
    pub fn rest(
        &mut self,
        changes: &mut Changes,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Option<String> {
        if self.bills_one_that_is(SubscriptionState::Unpaid) {
            self.rest_closed(changes, now, mint);
            return None;
        }
        let was_refused_to_us = self.case.is_none() && self.was_refused_to_us();
        let planned = match &self.case {
            Some(file) if file.case.is_retrying() => Some(now),
            // Nobody else would ever ask for it.
            None if was_refused_to_us || self.is_a_renewal() => Some(now),
            None if self.bills_one_that_is(SubscriptionState::Incomplete) => {
                let is_new = self.is_primary_untried() && self.may_be_charged_at_once(now);
                if is_new { Some(now) } else { first::quick_retry(self) }
            }
            Some(_) | None => None,
        };
        let rested = planned.map_or(PaymentState::Waiting, |_| PaymentState::Scheduled);
        (self.payment.state, self.payment.collect_at) = (rested, planned);
        changes.dunning_cases.extend(self.put_off_no_more());
        was_refused_to_us.then(|| StaffTask::SetUpIsWrong.sentence().to_owned())
    }

    /// Nothing of it is charged by itself from now on: its subscription is unpaid by another debt. A case
    /// that has ordered nothing goes on to its next turn, where it ends.
    pub(super) fn rest_closed(&mut self, changes: &mut Changes, now: DateTime<Utc>, mint: &Mint) {
        self.payment.wait();
        if self.case.as_ref().is_none_or(|file| file.case.is_retrying()) {
            let untried = Decline::of(DeclineClass::Generic);
            let card = self.charged.as_ref().map(PaymentMethod::mark).unwrap_or_default();
            self.end_dunning_for_another(&untried, card, changes, now, mint);
        } else {
            changes.dunning_cases.extend(self.put_off_no_more());
        }
    }

    /// Ends its dunning, as its subscription is unpaid by another debt. It keeps the subscription closed
    /// like that one, which only a case that came to its end does: one is opened where there was none.
    pub(super) fn end_dunning_for_another(
        &mut self,
        decline: &Decline,
        card: CardMark,
        changes: &mut Changes,
        now: DateTime<Utc>,
        mint: &Mint,
    ) {
        let file = match self.case.take() {
            Some(file) => file,
            None if self.is_given_up => return,
            None => {
                let (file, _) = steps::open(self, decline, card, changes, now, mint);
                if self.is_news(DunningMail::Suspended) {
                    let notice = mails::one_more_debt(self, &file, decline.class, now, mint);
                    changes.notices.push(notice);
                }
                file
            }
        };
        changes.dunning_cases.push(file.unpaid_by_another(now));
    }

    /// Whether our own charge of it was refused for a fault of ours, so that it waits for staff.
    fn was_refused_to_us(&self) -> bool {
        let ours = |attempt: &&Attempt| attempt.initiator == Initiator::Merchant;
        let last = self.attempts.iter().rfind(ours);
        last.is_some_and(|attempt| {
            let class = attempt.decline.as_ref().map(|decline| decline.class);
            attempt.state == AttemptState::Rejected || class == Some(DeclineClass::Config)
        })
    }

    /// Whether it bills a subscription that runs or rests, and dunning has not come to its end.
    fn is_a_renewal(&self) -> bool {
        let runs =
            [SubscriptionState::Active, SubscriptionState::PastDue, SubscriptionState::Paused];
        !self.is_given_up && runs.into_iter().any(|state| self.bills_one_that_is(state))
    }
}
