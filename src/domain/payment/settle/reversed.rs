//! Money was taken back, or came again after that.
//!
//! What the gateway tells is remembered on the attempt, each dispute or return under its reference; what
//! is booked of it follows. So the end is the same in whatever order success, refunds and reversals are
//! heard: before it is known that money came nothing is booked, and never more than neither went back
//! nor is on its way. Whatever changes that (the success, a refund that fails) books the rest.

use chrono::{DateTime, Utc};

use super::{Settled, Standing, WrongAmount, declined::block, paid, quiet, steps};
use crate::domain::{
    changes::Changes,
    event::{Event, EventKind},
    ids::Mint,
    invoice::{InvoiceState, closing},
    ledger::Heading,
    money::Money,
    notice::Facts,
    payment::{
        PaymentState,
        attempt::{Attempt, AttemptState},
        decline::Decline,
        outcome::Paid,
        refund::Refund,
        reversal::{Reversal, ReversalState, least, less},
    },
};

/// What follows from being told of a reversal.
pub(super) fn hear(mut s: Standing, told: Reversal, now: DateTime<Utc>, mint: &Mint) -> Settled {
    if !s.attempt.note(told) {
        return Settled::of(Changes::default());
    }
    match s.attempt.state {
        AttemptState::Succeeded | AttemptState::Reversed => {
            let for_staff = taken_beyond(&s);
            let attempt = s.attempt.clone();
            let settled = book(s, now, mint).unwrap_or_else(|| quiet(attempt));
            Settled { for_staff: settled.for_staff.or(for_staff), ..settled }
        }
        AttemptState::InFlight
        | AttemptState::Declined
        | AttemptState::Rejected
        | AttemptState::NotExecuted
        | AttemptState::Pending
        | AttemptState::ActionRequired
        | AttemptState::Unknown => {
            // It was carried out, then; what it took, the gateway is asked at once.
            if s.attempt.state == AttemptState::InFlight {
                s.attempt.state = AttemptState::Unknown;
            }
            s.attempt.probe_at = Some(now);
            quiet(s.attempt)
        }
    }
}

/// Books what was told and could not be booked, now that something has changed: a refund failed, so that
/// there is more that was taken.
pub fn catch_up(s: Standing, now: DateTime<Utc>, mint: &Mint) -> Settled {
    book(s, now, mint).unwrap_or(Settled::of(Changes::default()))
}

/// The money came, and it is known already that it is gone: both are booked at once, and nobody is sent
/// a receipt for it.
pub(super) fn paid_and_gone(
    s: Standing,
    paid: &Paid,
    is_late: bool,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Settled, WrongAmount> {
    let mut came = paid::settle(s.clone(), paid, is_late, now, mint)?;
    let is_receipt =
        |facts: &Facts| matches!(facts, Facts::Receipt { .. } | Facts::Recovered { .. });
    came.changes.notices.retain(|notice| !is_receipt(&notice.facts));
    let owed = s.owed.after(&came.changes);
    let attempt = came.changes.attempts.last().cloned().unwrap_or(s.attempt);
    let gone = catch_up(Standing { attempt, owed }, now, mint);
    let for_staff = gone.for_staff.or(came.for_staff);
    Ok(Settled::of(came.changes.then(gone.changes)).telling(for_staff))
}

/// Brings what is booked to what was told, as far as it goes.
fn book(s: Standing, now: DateTime<Utc>, mint: &Mint) -> Option<Settled> {
    let (told, booked) = (s.attempt.told_back(), s.attempt.reversed);
    let come_again = less(booked, told);
    if come_again.is_positive() {
        return Some(reinstate(s, come_again, now, mint));
    }
    let gone = least(less(told, booked), s.attempt.left(&s.owed.refunds));
    gone.is_positive().then(|| take_back(s, gone, now, mint))
}

/// What staff must know of money that was taken back after it had gone back, or before a refund of it that was under
/// way went through: the payer has it twice.
pub fn taken_beyond(s: &Standing) -> Option<String> {
    let unbooked = less(s.attempt.told_back(), s.attempt.reversed);
    let beyond = less(unbooked, s.attempt.left(&s.owed.refunds));
    let is_undecided =
        |refund: &Refund| refund.attempt == s.attempt.id && !refund.state.is_settled();
    let is_sure = !s.owed.refunds.iter().any(is_undecided);
    let attempt = s.attempt.id;
    (beyond.is_positive() && is_sure)
        .then(|| format!("{beyond} of {attempt} was taken back after it had been refunded"))
}

fn take_back(mut s: Standing, amount: Money, now: DateTime<Utc>, mint: &Mint) -> Settled {
    let unowed = least(amount, s.attempt.left_unowed(&s.owed.refunds));
    let owed = less(amount, unowed);
    let why = reason(&s.attempt, now);
    let heading = Heading { id: mint.id(now), at: now, invoice: &s.owed.invoice };
    let journal = heading.reversed(s.attempt.id, &s.attempt.gateway, owed, unowed);
    let mut changes = Changes { journals: vec![journal], ..Changes::default() };

    s.attempt.state = AttemptState::Reversed;
    s.attempt.reversed = s.attempt.reversed.plus(amount).expect("one currency");
    s.attempt.applied = less(s.attempt.applied, owed);
    s.attempt.decline = Some(why.clone());
    s.owed.remember(&s.attempt);
    s.owed.payment.reversed = s.owed.payment.reversed.plus(amount).expect("one currency");
    let class = Some(why.class.name().to_owned());
    let event = s.owed.payment.event(EventKind::PaymentReversed, class, now, mint);
    changes.events.push(Event { amount: Some(amount), ..event });
    let card = s.attempt.credential.as_ref().map(|told| told.card).unwrap_or_default();

    let was_paid = s.owed.invoice.state == InvoiceState::Paid;
    s.owed.invoice.paid = less(s.owed.invoice.paid, owed);
    let is_open_again = was_paid && owed.is_positive();
    if is_open_again {
        s.owed.invoice.state = InvoiceState::Open;
        s.owed.invoice.closed_at = None;
        changes.events.push(s.owed.invoice.event(EventKind::InvoiceReopened, now, mint));
        let is_collecting = s.owed.has_open_beside(&s.attempt);
        let rests = if is_collecting { PaymentState::Collecting } else { PaymentState::Waiting };
        s.owed.payment.state = rests;
        s.owed.payment.succeeded_at = None;
    }
    changes.invoices.extend(owed.is_positive().then(|| s.owed.invoice.clone()));
    block(&mut s.owed, &why, card, &mut changes, now);
    let for_staff = if is_open_again && !is_over(&s) {
        let occasion = format!("{}:{}", s.attempt.id, s.attempt.version.count());
        steps::reopen(s.owed, &why, card, &occasion, &mut changes, now, mint)
    } else {
        changes.payments.push(s.owed.payment);
        let (attempt, invoice) = (s.attempt.id, s.owed.invoice.id);
        is_open_again.then(|| {
            format!(
                "{amount} of {attempt} was taken back, and its subscription is over: {invoice} is \
                 open, and nothing asks for it"
            )
        })
    };
    changes.attempts.push(s.attempt);
    Settled::of(changes).telling(for_staff)
}

fn reinstate(mut s: Standing, amount: Money, now: DateTime<Utc>, mint: &Mint) -> Settled {
    s.attempt.reversed = less(s.attempt.reversed, amount);
    if s.attempt.reversed.is_zero() {
        s.attempt.state = AttemptState::Succeeded;
        s.attempt.decline = None;
    }
    s.owed.remember(&s.attempt);
    s.owed.payment.reversed = less(s.owed.payment.reversed, amount);
    let event = s.owed.payment.event(EventKind::PaymentReinstated, None, now, mint);
    let event = Event { amount: Some(amount), ..event };
    let mut changes = Changes { events: vec![event], ..Changes::default() };
    let was_given_up = s.owed.invoice.state == InvoiceState::Uncollectible;
    if was_given_up {
        // What was given up is owed all the same, and here is money for it.
        s.owed.invoice.state = InvoiceState::Open;
        let heading = Heading { id: mint.id(now), at: now, invoice: &s.owed.invoice };
        changes.journals.push(heading.owed_again(s.owed.invoice.open_amount()));
    }
    paid::bring(&mut s, amount, None, &mut changes, now, mint);
    if was_given_up && s.owed.invoice.state == InvoiceState::Open {
        changes.journals.push(closing::write_off(&mut s.owed.invoice, now, mint));
        changes.invoices = vec![s.owed.invoice.clone()];
    }
    let attempt = s.attempt.id;
    let for_staff = Some(format!("{amount} of {attempt} that had been taken back came again"));
    changes.payments.push(s.owed.payment);
    changes.attempts.push(s.attempt);
    Settled::of(changes).telling(for_staff)
}

/// Why the money is gone: what was said last.
fn reason(attempt: &Attempt, now: DateTime<Utc>) -> Decline {
    let mut gone = attempt.reversals.iter().filter(|one| one.state == ReversalState::TakenBack);
    let last = gone.next_back().expect("only what was told is taken back");
    last.reading(attempt.network, now.date_naive())
}

fn is_over(s: &Standing) -> bool {
    s.owed.subscription.as_ref().is_some_and(|(known, _)| known.state.is_over())
}

#[cfg(test)]
mod tests;
