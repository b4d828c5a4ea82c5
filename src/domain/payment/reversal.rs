//! Money that had come and that somebody else took back: a debit that the payer's bank returned, a
//! payment that the payer disputed with their card's issuer. The other side of a refund, which is sent.
//!
//! A gateway tells of each under a reference of its own, first that the money is gone and perhaps later
//! that it came again (a dispute won, a return reversed). Here is what that says; what follows from it
//! is in [`super::settle`].

use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, AttemptState},
    decline::{Decline, DeclineClass, Network, StopScope},
    refund::{Refund, RefundState},
    rules::{Reading, RuleBook, Signals},
};
use crate::domain::money::Money;

/// Money of one charge that was taken back, by the gateway's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The gateway's reference of the dispute or return: the same in all that is told of it.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: ReversalState,
    /// Why: what the bank or scheme said, as after a decline.
    pub why: Decline,
}

/// Where a reversal stands. Ordered by time: news of an earlier state is old (RULES WIN-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversalState {
    /// The money is gone.
    TakenBack,
    /// It came again: the dispute was won, the return undone.
    Reinstated,
}

impl Reversal {
    /// Why, read by the rules of the day, and made as strict as a reversal is: only money that was
    /// missing is asked for again by itself. Whoever took it back for another reason is not charged the
    /// same way again until they act (RULES §1.4).
    pub fn reading(&self, network: Network, rules_of: chrono::NaiveDate) -> Decline {
        let told = match RuleBook::at(rules_of).classify(&Signals::of(network, &self.why)) {
            Reading::Declined(read) | Reading::ApprovedInPart(read) => read,
            Reading::Approved { .. } | Reading::OutcomeUnknown => self.why.clone(),
        };
        let class = match told.class {
            kept @ (DeclineClass::WaitFunds
            | DeclineClass::FixData
            | DeclineClass::StopMandate
            | DeclineClass::Never) => kept,
            DeclineClass::Generic
            | DeclineClass::WaitIssuer
            | DeclineClass::HoldRisk
            | DeclineClass::Config
            | DeclineClass::NeedsSca => DeclineClass::Never,
        };
        let stops = (class == DeclineClass::StopMandate).then_some(StopScope::Agreement);
        Decline { class, stops, ..told }
    }
}

impl Attempt {
    /// What it still holds of what it took.
    pub fn held(&self) -> Money {
        match self.state {
            AttemptState::Succeeded | AttemptState::Reversed => less(self.amount, self.reversed),
            AttemptState::InFlight
            | AttemptState::Declined
            | AttemptState::Rejected
            | AttemptState::NotExecuted
            | AttemptState::Pending
            | AttemptState::ActionRequired
            | AttemptState::Unknown => Money::zero(self.amount.currency()),
        }
    }

    /// What of that neither went back nor is on its way: so much can be sent or taken back.
    pub fn left(&self, refunds: &[Refund]) -> Money {
        less(self.held(), promised(self, refunds, |refund| refund.amount))
    }

    /// What of that pays the invoice: so much of it can be asked back.
    pub fn left_owed(&self, refunds: &[Refund]) -> Money {
        less(self.left(refunds), self.left_unowed(refunds))
    }

    /// What of that pays no invoice: it came when nothing was owed, and could not be sent back.
    pub(super) fn left_unowed(&self, refunds: &[Refund]) -> Money {
        let unowed = less(self.held(), self.applied);
        less(unowed, promised(self, refunds, |refund| refund.unowed))
    }

    /// How much of it is taken back just now, by the gateway's word.
    pub fn told_back(&self) -> Money {
        let gone = self.reversals.iter().filter(|one| one.state == ReversalState::TakenBack);
        let minor: i64 = gone.map(|one| one.amount.minor()).sum();
        Money::new(minor.min(self.amount.minor()), self.amount.currency())
    }

    /// Whether all that is on its way back may still be sent: what a bank took, no refund sends again.
    pub fn may_still_give_back(&self, refunds: &[Refund]) -> bool {
        let sent = promised(self, refunds, |refund| refund.amount);
        self.told_back().minor() + sent.minor() <= self.amount.minor()
    }

    /// Remembers what was told. Whether it was news.
    pub(super) fn note(&mut self, told: Reversal) -> bool {
        let known = self.reversals.iter_mut().find(|known| known.reference == told.reference);
        match known {
            Some(known) if known.state >= told.state => false,
            Some(known) => {
                known.state = told.state;
                true
            }
            None => {
                self.reversals.push(told);
                true
            }
        }
    }
}

/// What refunds of `attempt` promise back, sent or still to be sent: all of it, or a part of each.
fn promised(attempt: &Attempt, refunds: &[Refund], part: fn(&Refund) -> Money) -> Money {
    let is_its = |refund: &&Refund| refund.attempt == attempt.id;
    let promised = refunds.iter().filter(is_its).filter(|r| r.state != RefundState::Failed);
    Money::new(promised.map(|refund| part(refund).minor()).sum(), attempt.amount.currency())
}

/// The smaller of two amounts in one currency.
pub(super) fn least(one: Money, other: Money) -> Money {
    if other.minor() < one.minor() { other } else { one }
}

/// What is left of `whole`, which is never less than nothing.
pub(super) fn less(whole: Money, part: Money) -> Money {
    Money::new((whole.minor() - part.minor()).max(0), whole.currency())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{
        decline::Flag,
        settle::given::{START, at, eur},
    };

    fn returned(code: &str) -> Reversal {
        let why =
            Decline { response_code: Some(code.to_owned()), ..Decline::of(DeclineClass::Generic) };
        let (reference, state) = ("dp_1".to_owned(), ReversalState::TakenBack);
        Reversal { reference, amount: eur(2_000), state, why }
    }

    #[rstest]
    #[case(Network::Ach, "R01", DeclineClass::WaitFunds)]
    #[case(Network::Ach, "R09", DeclineClass::WaitFunds)]
    #[case(Network::Sepa, "AM04", DeclineClass::WaitFunds)]
    #[case(Network::Sepa, "MS03", DeclineClass::WaitFunds)]
    #[case(Network::Ach, "R02", DeclineClass::FixData)]
    #[case(Network::Ach, "R10", DeclineClass::StopMandate)]
    #[case(Network::Sepa, "MD06", DeclineClass::StopMandate)]
    #[case::no_reason_that_we_know(Network::Sepa, "ZZ99", DeclineClass::Never)]
    #[case::a_chargeback(Network::Visa, "10.4", DeclineClass::Never)]
    fn only_missing_money_is_asked_for_again(
        #[case] network: Network,
        #[case] code: &str,
        #[case] class: DeclineClass,
    ) {
        let read = returned(code).reading(network, at(START).date_naive());
        assert_eq!(read.class, class);
        let expected = (class == DeclineClass::StopMandate).then_some(StopScope::Agreement);
        assert_eq!(read.stops, expected, "whoever takes one debit back stops the agreement");
        let is_refund = read.flags.contains(&Flag::RefundedAfterSettlement);
        assert_eq!(is_refund, code == "MD06");
    }
}
