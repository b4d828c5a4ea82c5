//! Money that goes back of a provider's charges without an order of Rondo's: what a payer's bank takes
//! back and may give again, and what somebody refunds in the provider's own dashboard.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    charge::Standing,
    fault::Fault,
    provider::{Coming, Provider, listed},
    stage::Stage,
};
use crate::{
    domain::{
        money::Money,
        payment::decline::{Decline, DeclineClass},
    },
    gateway::{News, RefundState, Returns, Reversal, ReversalState, ToldRefund},
};

/// Money that went back, or came again.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    at: DateTime<Utc>,
    news: News,
}

impl Provider {
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
        let part = stage.dice.between(1, left);
        charge.give_back(part, stage.truth());
        let amount = Money::new(part, charge.amount.currency());
        stage.note(format_args!("{}: {amount} of {} goes back", self.name, charge.reference));
        let news = News::ForeignRefund(ToldRefund {
            attempt: self.names_attempts.then_some(charge.attempt),
            charge: charge.reference.clone(),
            reference: format!("rf_{}", charge.reference),
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
