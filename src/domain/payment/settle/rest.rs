//! Where a payment is when an attempt of the customer's has come to nothing.

use chrono::{DateTime, Utc};

use super::{Owed, first};
use crate::domain::{
    payment::{
        PaymentState,
        attempt::{Attempt, AttemptState, Initiator},
    },
    subscription::SubscriptionState,
};

impl Owed {
    /// An attempt of the customer's came to nothing: the payment is where it was before. The ladder
    /// goes on where it stood; the page was none of its steps.
    pub fn rest(&mut self, now: DateTime<Utc>) {
        let planned = match &self.case {
            Some(file) if file.case.is_retrying() => Some(now),
            // Nobody else would ever ask for it.
            None if self.was_refused_to_us() || self.is_a_renewal() => Some(now),
            None if self.bills_one_that_is(SubscriptionState::Incomplete) => {
                first::quick_retry(self)
            }
            Some(_) | None => None,
        };
        let rested = planned.map_or(PaymentState::Waiting, |_| PaymentState::Scheduled);
        (self.payment.state, self.payment.collect_at) = (rested, planned);
    }

    /// Whether our own charge of it was refused for a fault of ours, so that it waits for staff.
    fn was_refused_to_us(&self) -> bool {
        let ours = |attempt: &&Attempt| attempt.initiator == Initiator::Merchant;
        let last = self.attempts.iter().rfind(ours);
        last.is_some_and(|attempt| attempt.state == AttemptState::Rejected)
    }

    /// Whether it bills a subscription that runs, and dunning has not come to its end.
    fn is_a_renewal(&self) -> bool {
        let runs = [SubscriptionState::Active, SubscriptionState::PastDue];
        !self.is_given_up && runs.into_iter().any(|state| self.bills_one_that_is(state))
    }
}
