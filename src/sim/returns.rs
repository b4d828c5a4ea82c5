//! Money that goes back of a provider's charges: what it is ordered to give back, which may come to nothing; and
//! without an order of Rondo's, what a payer's bank takes back and may give again, and what somebody refunds in the
//! provider's own dashboard.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    charge::{Charge, Standing},
    fault::Fault,
    provider::{Coming, Provider},
    stage::Stage,
    statement::listed,
};
use crate::{
    domain::{
        ids::{Id, kind},
        money::Money,
        payment::decline::{Decline, DeclineClass},
    },
    gateway::{
        News, RefundOrder, RefundOutcome, RefundSighting, RefundState, Returns, Reversal,
        ReversalState, ToldRefund,
    },
};

/// Money that went back, or came again.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    at: DateTime<Utc>,
    news: News,
}

/// Money that it was ordered to give back.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    /// The place of its charge.
    charge: usize,
    amount: Money,
    outcome: RefundOutcome,
    /// Until when its key is remembered.
    until: DateTime<Utc>,
    /// Whether somebody gave that money back in the dashboard since.
    by_hand: bool,
}

/// What becomes of a refund.
enum Way {
    AtOnce,
    /// It is done days later.
    Later,
    /// It is accepted, and comes to nothing.
    ToNothing,
    /// It is done, and the payer's bank sends it back.
    AndBack,
}

impl Provider {
    /// Gives money back, or tells again that it did.
    pub(super) fn refund(&mut self, order: &RefundOrder, stage: &Stage) -> RefundOutcome {
        let now = stage.truth();
        if let Some(known) = self.refunds.get(&order.refund).filter(|known| now < known.until) {
            return known.outcome.clone();
        }
        let charge = self.charges.iter().position(|c| c.reference == order.charge_reference);
        let refused = |reason: &str| RefundOutcome::Failed { reason: reason.to_owned() };
        let Some(number) = charge else { return refused("there is no such charge") };
        let charge = &mut self.charges[number];
        if charge.standing != Standing::Captured || order.amount.minor() > charge.left() {
            return refused("there is not so much of it left");
        }
        charge.give_back(order.amount.minor(), now);
        stage.note(format_args!(
            "{}: {} of {} goes back by {}",
            self.name, order.amount, charge.reference, order.refund
        ));
        let way = match stage.dice.below(100) {
            0..20 => Way::Later,
            20..23 if !stage.faults.is_calm() => Way::ToNothing,
            23..33 if !stage.faults.is_calm() => Way::AndBack,
            _ => Way::AtOnce,
        };
        let reference = format!("re_{}", order.refund);
        let hours = |most: i64| TimeDelta::hours(stage.dice.between(1, most));
        let outcome = match way {
            Way::AtOnce => RefundOutcome::Refunded { reference },
            Way::Later => {
                self.plan(now + hours(72), Coming::Refunded(order.refund));
                RefundOutcome::Pending { reference }
            }
            Way::ToNothing => {
                self.plan(now + hours(72), Coming::RefundFails(order.refund));
                RefundOutcome::Pending { reference }
            }
            Way::AndBack => {
                self.plan(now + hours(20 * 24), Coming::RefundFails(order.refund));
                RefundOutcome::Refunded { reference }
            }
        };
        let until = self.key_life().map_or(DateTime::<Utc>::MAX_UTC, |life| now + life);
        let (amount, told) = (order.amount, outcome.clone());
        self.refunds.insert(
            order.refund,
            Refund { charge: number, amount, outcome, until, by_hand: false },
        );
        told
    }

    /// How a refund stands.
    pub(super) fn find_refund(&self, order: &RefundOrder) -> RefundSighting {
        let known = self.refunds.get(&order.refund);
        known.map_or(RefundSighting::NotFound, |known| RefundSighting::Found(known.outcome.clone()))
    }

    /// A refund has reached its payer.
    pub(super) fn refund_arrives(&mut self, refund: Id<kind::Refund>, stage: &Stage) {
        let reference = format!("re_{refund}");
        self.refund_comes_to(refund, RefundOutcome::Refunded { reference }, stage);
    }

    /// A refund comes to nothing, or comes back: the money is the charge's again.
    pub(super) fn refund_fails(&mut self, refund: Id<kind::Refund>, stage: &Stage) {
        let Some(Refund { charge, amount, .. }) = self.refunds.get(&refund) else { return };
        let charge = &mut self.charges[*charge];
        charge.have_again(amount.minor());
        stage.note(format_args!(
            "{}: {amount} of {} comes back, as {refund} failed",
            self.name, charge.reference
        ));
        let reason = "the payer's account is closed".to_owned();
        self.refund_comes_to(refund, RefundOutcome::Failed { reason }, stage);
    }

    fn refund_comes_to(&mut self, refund: Id<kind::Refund>, outcome: RefundOutcome, stage: &Stage) {
        let Some(known) = self.refunds.get_mut(&refund) else { return };
        known.outcome = outcome.clone();
        self.moved(News::Refund { refund: Some(refund), outcome }, stage);
    }

    /// Whether money of a charge that was just captured will go back.
    pub(super) fn may_go_back(&mut self, number: usize, stage: &Stage) {
        let later = |days: i64| stage.truth() + TimeDelta::hours(stage.dice.between(1, days * 24));
        if stage.strikes(Fault::Chargeback) {
            self.plan(later(30), Coming::TakeBack(number));
        } else if stage.strikes(Fault::RefundedAtGateway) {
            self.plan(later(30), Coming::RefundHere(number));
        }
    }

    /// A payer's bank takes back what is left of a charge.
    pub(super) fn take_back(&mut self, number: usize, stage: &Stage) {
        let charge = &mut self.charges[number];
        let left = charge.left();
        if charge.standing != Standing::Captured || left == 0 {
            return;
        }
        charge.take_back(stage.truth());
        let amount = Money::new(left, charge.amount.currency());
        stage.note(format_args!("{}: {amount} of {} is taken back", self.name, charge.reference));
        self.tell_reversal(number, amount, ReversalState::TakenBack, stage);
        if stage.dice.says(400) {
            let at = stage.truth() + TimeDelta::hours(stage.dice.between(1, 15 * 24));
            self.plan(at, Coming::Reinstate(number));
        }
    }

    /// The dispute was won.
    pub(super) fn reinstate(&mut self, number: usize, stage: &Stage) {
        let charge = &mut self.charges[number];
        let amount = Money::new(charge.taken_back, charge.amount.currency());
        charge.reinstate();
        stage.note(format_args!("{}: {amount} of {} comes again", self.name, charge.reference));
        self.tell_reversal(number, amount, ReversalState::Reinstated, stage);
    }

    fn tell_reversal(&mut self, number: usize, amount: Money, state: ReversalState, world: &Stage) {
        let charge = &self.charges[number];
        let why = Decline {
            gateway_code: Some("fraudulent".to_owned()),
            ..Decline::of(DeclineClass::Never)
        };
        let reference = format!("dp_{}", charge.reference);
        let news = News::Reversal {
            attempt: self.names_attempts.then_some(charge.attempt),
            charge: charge.reference.clone(),
            reversal: Reversal { reference, amount, state, why },
        };
        self.moved(news, world);
    }

    /// Somebody refunds a part of a charge in the provider's dashboard.
    pub(super) fn refund_here(&mut self, number: usize, stage: &Stage) {
        let charge = &mut self.charges[number];
        let left = charge.left();
        if charge.standing != Standing::Captured || left == 0 {
            return;
        }
        let part = Money::new(stage.dice.between(1, left), charge.amount.currency());
        let reference = format!("rf_{}", charge.reference);
        self.give_back_here(number, part, reference, stage);
    }

    /// Somebody gives the money of a refund that failed back by another way, in the provider's dashboard.
    pub(super) fn refund_by_hand(&mut self, refund: Id<kind::Refund>, stage: &Stage) {
        let Some(known) = self.refunds.get_mut(&refund) else { return };
        let (number, amount) = (known.charge, known.amount);
        let has_failed = matches!(known.outcome, RefundOutcome::Failed { .. });
        // The dashboard shows what was given back there, also to those whose notes of that were lost.
        if has_failed && !known.by_hand && self.charges[number].left() >= amount.minor() {
            known.by_hand = true;
            self.give_back_here(number, amount, format!("rf_{refund}"), stage);
        }
    }

    /// Somebody gives back there what is left of the charge of this reference, if anything is. Whether they did.
    pub(super) fn refund_all_here(&mut self, charge: &str, stage: &Stage) -> bool {
        let is_it = |known: &Charge| known.reference == charge && known.left() > 0;
        let Some(number) = self.charges.iter().position(is_it) else { return false };
        let known = &self.charges[number];
        let amount = Money::new(known.left(), known.amount.currency());
        self.give_back_here(number, amount, format!("rf_all_{charge}"), stage);
        true
    }

    fn give_back_here(&mut self, number: usize, amount: Money, reference: String, stage: &Stage) {
        let charge = &mut self.charges[number];
        charge.give_back(amount.minor(), stage.truth());
        stage.note(format_args!("{}: {amount} of {} goes back", self.name, charge.reference));
        let news = News::ForeignRefund(ToldRefund {
            attempt: self.names_attempts.then_some(charge.attempt),
            charge: charge.reference.clone(),
            reference,
            amount,
            state: RefundState::Succeeded,
            failure: None,
        });
        self.moved(news, stage);
    }

    fn moved(&mut self, news: News, stage: &Stage) {
        self.movements.push(Movement { at: stage.truth(), news: news.clone() });
        if self.capabilities.has_statement {
            self.send(news, stage.truth(), stage);
        } else {
            // Its webhook is all that ever tells of it, so that it is sent until it is taken.
            self.overtakes(&news, stage.truth(), stage);
            let delivery = self.signed(vec![news], self.name);
            self.plan(stage.truth(), Coming::Webhook(self.name, delivery));
        }
    }

    /// A page of what went back since then: the first one, or the one that begins at `after`.
    pub(super) fn returns(&self, since: DateTime<Utc>, after: Option<&str>) -> Returns {
        let moved = self.movements.iter().enumerate().filter(|(_, movement)| movement.at >= since);
        let (page, next) = listed(moved, after);
        Returns { news: page.into_iter().map(|movement| movement.news.clone()).collect(), next }
    }
}
