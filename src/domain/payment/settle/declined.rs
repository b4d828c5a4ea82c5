//! No money came: what dunning answers, carried out on payment, invoice and subscription.

use chrono::{DateTime, Utc};

use super::{
    Owed, Settled, Standing, first,
    steps::{self, carry_out, move_case},
};
use crate::domain::{
    changes::Changes,
    customer::PaymentMethod,
    dunning::{Case, DunningCase, StaffTask},
    event::EventKind,
    ids::Mint,
    payment::{
        attempt::{AttemptState, Initiator},
        decline::{Decline, DeclineClass, StopScope},
        method::CardMark,
        rules::RuleBook,
    },
    subscription::SubscriptionState,
};

pub(super) fn settle(
    mut s: Standing,
    decline: &Decline,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Settled {
    s.attempt.state = AttemptState::Declined;
    s.attempt.close(now);
    let class = decline.class;
    s.attempt.decline = Some(decline.clone());
    let mut changes = Changes::default();
    let reason = Some(class.name().to_owned());
    changes.events.push(s.owed.payment.event(EventKind::PaymentDeclined, reason, now, mint));
    let by_customer = s.attempt.initiator == Initiator::Customer;
    let card = s.attempt.credential.as_ref().map(|told| told.card).unwrap_or_default();
    let occasion = s.attempt.id.to_string();
    s.owed.remember(&s.attempt);
    changes.attempts.push(s.attempt);
    block(&mut s.owed, decline, card, &mut changes, now);

    if !s.owed.invoice.open_amount().is_positive() {
        s.owed.payment.give_up();
        changes.payments.push(s.owed.payment);
        return Settled::of(changes).telling(for_staff(decline, now));
    }
    if by_customer {
        // They saw it on the page.
        let to_put_back = s.owed.rest(&mut changes, now, mint);
        changes.payments.push(s.owed.payment);
        let holds_charge = to_put_back.is_some() || holds_charge(decline, now);
        let for_staff = to_put_back.or_else(|| for_staff(decline, now));
        return Settled { changes, for_staff, holds_charge };
    }
    s.owed.payment.wait();
    let for_staff = follow(s.owed, decline, card, &occasion, &mut changes, now, mint);
    Settled { changes, for_staff, holds_charge: holds_charge(decline, now) }
}

/// What a decline asks of staff, where no case does.
pub(super) fn for_staff(decline: &Decline, now: DateTime<Utc>) -> Option<String> {
    StaffTask::sentences(&asked_of_staff(decline, now))
}

fn asked_of_staff(decline: &Decline, now: DateTime<Utc>) -> Vec<StaffTask> {
    StaffTask::asked_by(decline, RuleBook::at(now.date_naive()).remedy(decline.class))
}

/// Whether a charge that is planned all the same waits for staff: another card is charged at once where the
/// first one's network gave advice that nobody knows.
fn holds_charge(decline: &Decline, now: DateTime<Utc>) -> bool {
    asked_of_staff(decline, now).into_iter().any(|task| match task {
        StaffTask::SetUpIsWrong | StaffTask::ComplianceHold => true,
        StaffTask::UnknownAdvice => false,
    })
}

/// There is no method that may be charged without the customer: they are asked for one at once.
pub fn without_method(owed: Owed, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let decline = match owed.charged.as_ref() {
        // A card that can be charged, but not for this invoice any more, is no worse for that elsewhere.
        Some(method) if method.is_chargeable() => {
            let bar = first::barred_from(&owed.attempts, method, now);
            let class = bar.map_or(DeclineClass::Generic, |bar| bar.class);
            let stops = (class == DeclineClass::StopMandate).then_some(StopScope::ThisPayment);
            Decline { stops, ..Decline::of(class) }
        }
        Some(method) => Decline::of(method.blocked.unwrap_or(DeclineClass::FixData)),
        None => Decline::of(DeclineClass::FixData),
    };
    let class = decline.class.name();
    let reason = if owed.charged.is_some() { class } else { "no_payment_method" };
    not_charged(owed, &decline, reason, now, mint)
}

/// The network lets no attempt go yet. A case that has ordered it plans anew: it must not wait for an
/// outcome that nothing brings about. Where there is none, it is as if the bank had said "not now": the
/// customer is told, and a new card is tried (RULES P-2).
pub fn held_back(mut owed: Owed, now: DateTime<Utc>, mint: &Mint) -> Changes {
    if owed.case.as_ref().is_some_and(|file| file.case.is_retrying()) {
        owed.payment.wait();
        return move_case(owed, None, now, mint, Case::held_back)
            .expect("a case that has ordered an attempt hears of it");
    }
    not_charged(owed, &Decline::of(DeclineClass::Generic), "network_limit", now, mint)
}

/// Nothing was sent, for this reason; what follows is the same as after a decline.
fn not_charged(
    mut owed: Owed,
    decline: &Decline,
    reason: &str,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Changes {
    owed.payment.wait();
    let mut changes = Changes::default();
    let reason = Some(reason.to_owned());
    changes.events.push(owed.payment.event(EventKind::PaymentDeclined, reason, now, mint));
    let occasion = format!("{}:{}", owed.payment.id, owed.payment.version.count());
    let card = owed.charged.as_ref().map(PaymentMethod::mark).unwrap_or_default();
    follow(owed, decline, card, &occasion, &mut changes, now, mint);
    changes
}

/// What dunning makes of a decline. Why a person must look, if they must.
fn follow(
    mut owed: Owed,
    decline: &Decline,
    card: CardMark,
    occasion: &str,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Option<String> {
    if owed.bills_one_that_is(SubscriptionState::Incomplete) {
        return first::declined(owed, decline, occasion, changes, now, mint);
    }
    if owed.is_given_up || owed.bills_one_that_is(SubscriptionState::Unpaid) {
        // Dunning has come to its end; whoever tried once more has their answer.
        owed.end_dunning_for_another(decline, card, changes, now, mint);
        changes.payments.push(owed.payment);
        return for_staff(decline, now);
    }
    let (file, decision) = match owed.case.take() {
        None => steps::open(&owed, decline, card, changes, now, mint),
        Some(file) => {
            let around = owed.circumstances(now);
            let Ok(decision) = file.case.clone().after_decline(decline, card, &around) else {
                // No attempt of the ladder's: it goes on where it was, and knows what was said.
                let case = file.case.clone().overhears(decline, card, &around);
                changes.dunning_cases.push(DunningCase { case, ..file });
                changes.payments.push(owed.payment);
                return for_staff(decline, now);
            };
            (file, decision)
        }
    };
    let for_staff = StaffTask::sentences(&decision.staff);
    carry_out(owed, file, decision, occasion, changes, now, mint);
    for_staff
}

/// Keeps `card`, which was charged, from being charged by itself until it is replaced or its data
/// changed, where the decline says that much of it. Whoever stopped one payment stopped no other (R0).
pub(super) fn block(
    owed: &mut Owed,
    decline: &Decline,
    card: CardMark,
    changes: &mut Changes,
    now: DateTime<Utc>,
) {
    let class = decline.class;
    let is_for_good = match class {
        DeclineClass::Never | DeclineClass::FixData => true,
        DeclineClass::StopMandate => decline.stops != Some(StopScope::ThisPayment),
        DeclineClass::Generic
        | DeclineClass::WaitIssuer
        | DeclineClass::WaitFunds
        | DeclineClass::HoldRisk
        | DeclineClass::Config
        | DeclineClass::NeedsSca => false,
    };
    let is_it = |method: &&mut PaymentMethod| method.blocked.is_none() && method.mark() == card;
    if let Some(method) = owed.charged.as_mut().filter(|_| is_for_good).filter(is_it) {
        method.block(class, now);
        changes.payment_methods.push(method.clone());
    }
}

impl Owed {
    /// Whether it bills a subscription that stands so: incomplete, it waits for this very payment.
    pub(super) fn bills_one_that_is(&self, state: SubscriptionState) -> bool {
        self.subscription.as_ref().is_some_and(|(known, _)| known.state == state)
    }
}
