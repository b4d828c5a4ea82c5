//! Money came.

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Settled, Standing};
use crate::domain::{
    changes::Changes,
    customer::PaymentMethod,
    dunning::RecoveredBy,
    event::EventKind,
    ids::Mint,
    invoice::InvoiceState,
    ledger::Heading,
    money::Money,
    notice::{Facts, Notice, reminder},
    payment::{
        PaymentState,
        attempt::{AttemptState, Initiator},
        decline::{DeclineClass, Flag},
        method::StoredMethod,
        outcome::Paid,
        refund::{Refund, RefundOrigin},
        reversal::{least, less},
        rules::RuleBook,
    },
    subscription::{OtherDebts, SubscriptionState, renewal::next_bill},
};

/// The gateway says that it took another amount than ordered. From the charge's own reply it is no
/// usable answer; from a look-up it is a person's turn.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{ordered} was ordered, and the gateway says that it took {taken}")]
pub struct WrongAmount {
    /// What was ordered.
    pub ordered: Money,
    /// What was taken, by the gateway's word.
    pub taken: Money,
}

pub(super) fn settle(
    mut s: Standing,
    paid: &Paid,
    is_late: bool,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Settled, WrongAmount> {
    if paid.amount != s.attempt.amount {
        return Err(WrongAmount { ordered: s.attempt.amount, taken: paid.amount });
    }
    s.attempt.state = AttemptState::Succeeded;
    s.attempt.reference = Some(paid.reference.clone());
    s.attempt.close(now);
    let mut changes = Changes::default();
    if is_late {
        changes.events.push(s.owed.payment.event(EventKind::PaymentLateSuccess, None, now, mint));
    }
    let moved = bring(&mut s, paid.amount, Some(paid), &mut changes, now, mint);
    learn_of_card(&mut s, paid, &mut changes, now, mint);
    if moved {
        changes.payments.push(s.owed.payment);
    }
    changes.attempts.push(s.attempt);
    let for_staff = is_late.then(|| "money came after the attempt was closed".to_owned());
    Ok(Settled::of(changes).telling(for_staff))
}

/// What `amount` that the attempt brought does: it pays what is owed, and what is not owed goes back
/// (RULES CHG-7). It came with the charge, or had been taken back and came again if there is no `paid`.
/// Whether it changed the payment.
pub(super) fn bring(
    s: &mut Standing,
    amount: Money,
    paid: Option<&Paid>,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> bool {
    let owed = least(amount, s.owed.invoice.open_amount());
    let unowed = less(amount, owed);
    let heading = || Heading { id: mint.id(now), at: now, invoice: &s.owed.invoice };
    let (attempt, gateway) = (s.attempt.id, &s.attempt.gateway);
    if paid.is_none() {
        changes.journals.push(heading().reinstated(attempt, gateway, owed, unowed));
    } else {
        let journals = &mut changes.journals;
        journals.extend(owed.is_positive().then(|| heading().paid(attempt, gateway, owed)));
        journals.extend(unowed.is_positive().then(|| heading().overpaid(attempt, gateway, unowed)));
    }
    s.attempt.applied = s.attempt.applied.plus(owed).expect("one currency");
    let was_open = s.owed.invoice.state == InvoiceState::Open;
    if unowed.is_positive() {
        give_back(s, unowed, changes, now, mint);
    }
    if !was_open {
        let was_collecting = s.owed.payment.state == PaymentState::Collecting;
        let gives_up = was_collecting && !s.owed.has_open_beside(&s.attempt);
        if gives_up {
            s.owed.payment.state = PaymentState::Abandoned;
        }
        return gives_up;
    }
    s.owed.invoice.paid = s.owed.invoice.paid.plus(owed).expect("one currency");
    if s.owed.invoice.open_amount().is_zero() {
        settle_invoice(s, amount, paid, changes, now, mint);
    } else {
        pay_in_part(s, paid, changes, now, mint);
    }
    true
}

/// A part is still owed: more was taken back than came again. The ladder goes on for it.
fn pay_in_part(
    s: &mut Standing,
    paid: Option<&Paid>,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    changes.events.push(s.owed.invoice.event(EventKind::InvoiceUpdated, now, mint));
    changes.invoices.push(s.owed.invoice.clone());
    if let Some(paid) = paid {
        remember_method(s, paid, changes, now, mint);
    }
    let was_collecting = s.owed.payment.state == PaymentState::Collecting;
    if was_collecting && !s.owed.has_open_beside(&s.attempt) {
        // Whoever paid a part is served: this is no first payment that waits for staff.
        let _ = s.owed.rest(changes, now, mint);
    }
}

fn settle_invoice(
    s: &mut Standing,
    amount: Money,
    paid: Option<&Paid>,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    s.owed.invoice.state = InvoiceState::Paid;
    s.owed.invoice.closed_at = Some(now);
    s.owed.payment.state = PaymentState::Succeeded;
    s.owed.payment.collect_at = None;
    s.owed.payment.on_backup = false;
    s.owed.payment.succeeded_at = Some(now);
    changes.events.push(s.owed.payment.event(EventKind::PaymentSucceeded, None, now, mint));
    changes.events.push(s.owed.invoice.event(EventKind::InvoicePaid, now, mint));

    if let Some(paid) = paid {
        remember_method(s, paid, changes, now, mint);
    }
    // What the customer chose on the gateway's page and did not store is known from there alone.
    let paid_with = s.owed.charged.as_ref().map(PaymentMethod::shown);
    let on_page = || paid.and_then(|paid| paid.method.as_deref()).map(StoredMethod::shown);
    let paid_with = paid_with.or_else(on_page);
    let mut was_told_of_trouble = false;
    if let Some(case) = s.owed.case.take() {
        let by = if paid.is_some() {
            recovered_by(s, case.case.opened_at())
        } else {
            RecoveredBy::Reinstatement
        };
        let decision = case.case.clone().paid(by, now);
        was_told_of_trouble = decision.mail.is_some();
        let recovered = case.moved(decision.case, now);
        changes.events.push(recovered.event(EventKind::DunningRecovered, now, mint));
        changes.dunning_cases.push(recovered);
    }
    let next_charge_at = reopen(s, changes, now, mint);
    let goes_on = s.owed.other_debts == OtherDebts::None
        && s.owed.subscription.as_ref().is_none_or(|(known, _)| !known.state.is_over());
    let facts = if was_told_of_trouble && goes_on {
        Facts::Recovered { amount, paid_at: now, next_charge_at, paid_with }
    } else {
        Facts::Receipt { amount, paid_at: now, next_charge_at, paid_with }
    };
    // A payment that was taken back comes more than once.
    let key = format!("{}:{}:{}", facts.kind(), s.attempt.id, s.attempt.version.count());
    let (merchant, customer) = (s.owed.invoice.merchant, s.owed.customer.id);
    let notice =
        Notice::new(merchant, customer, facts, key, now, mint).about_invoice(&s.owed.invoice);
    changes.notices.push(notice);
    if let Some((subscription, _)) = &s.owed.subscription {
        changes.subscriptions.push(subscription.clone());
    }
    changes.invoices.push(s.owed.invoice.clone());
}

fn recovered_by(s: &Standing, opened_at: DateTime<Utc>) -> RecoveredBy {
    let is_backup = s.owed.customer.backup_method.is_some()
        && s.attempt.method == s.owed.customer.backup_method;
    let is_new = s.owed.charged.as_ref().is_some_and(|method| method.created_at > opened_at);
    match s.attempt.initiator {
        Initiator::Customer => RecoveredBy::Customer,
        Initiator::Merchant if is_backup => RecoveredBy::BackupMethod,
        Initiator::Merchant if is_new => RecoveredBy::NewMethod,
        Initiator::Merchant => RecoveredBy::Retry,
    }
}

/// Opens what was bought, now that it is paid. When the next charge is due, if one is.
fn reopen(
    s: &mut Standing,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Option<DateTime<Utc>> {
    let card_expiry = s.owed.primary.as_ref().and_then(|method| method.expiry);
    let others = s.owed.other_debts;
    let (subscription, terms) = s.owed.subscription.as_mut()?;
    let event = match subscription.state {
        SubscriptionState::Incomplete => {
            if subscription.open(terms, now).is_err() {
                // Beyond the calendar there is nothing to bill.
                subscription.activate();
                subscription.due_at = None;
            }
            // What was paid for only when it was over begins anew, with a part of a cycle.
            let bill = subscription.due_at.and_then(|at| next_bill(subscription, terms, at).ok());
            let next_amount = bill.map_or(Money::zero(subscription.currency), |bill| bill.total);
            let facts = Facts::Welcome {
                paid: Some(s.owed.payment.amount),
                next_charge_at: subscription.due_at,
                next_amount,
            };
            let key = format!("welcome:{}", subscription.id);
            changes.notices.push(
                Notice::new(subscription.merchant, s.owed.customer.id, facts, key, now, mint)
                    .about_subscription(subscription.id),
            );
            Some(EventKind::SubscriptionActivated)
        }
        SubscriptionState::PastDue
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Trialing
        | SubscriptionState::Active
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => {
            subscription.reopen(terms, others, now).unwrap_or_else(|_| {
                // Beyond the calendar there is nothing to bill.
                subscription.due_at = None;
                Some(EventKind::SubscriptionRecovered)
            })
        }
    };
    if let Some(kind) = event {
        changes.events.push(subscription.event(kind, now, mint));
        reminder::plan_anew(subscription, terms.interval, card_expiry, now);
    } else {
        reminder::plan(subscription, terms.interval, card_expiry, now);
    }
    subscription.due_at.filter(|_| subscription.cancellation.is_none())
}

/// Keeps the card that the customer chose on the gateway's page, if they asked for that, and the
/// network's id of a payment that they made themselves (RULES MIT-1).
fn remember_method(
    s: &mut Standing,
    paid: &Paid,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    if let Some(stored) = paid.method.as_deref().filter(|_| s.attempt.store_method) {
        let method = PaymentMethod::from_stored(
            s.owed.customer.merchant,
            mint.id(now),
            s.owed.customer.id,
            s.attempt.gateway.clone(),
            stored.clone(),
            now,
        );
        let mut method = method.recognised(&s.owed.ever_stored);
        if PaymentMethod::lasting_bar(&s.owed.ever_stored, &method, true).is_some() {
            // Its issuer has said for good that it pays nothing without its payer.
            return;
        }
        method.original_transaction.clone_from(&paid.network_transaction);
        s.attempt.credential = Some(method.credential());
        s.owed.customer.default_method = Some(method.id);
        if let Some((subscription, _)) = &mut s.owed.subscription {
            subscription.payment_method = None;
        }
        changes.events.push(method.event(EventKind::PaymentMethodAttached, now, mint));
        changes.customers.push(s.owed.customer.clone());
        changes.payment_methods.push(method.clone());
        s.owed.primary = Some(method.clone());
        s.owed.charged = Some(method);
    } else if let Some(method) = &mut s.owed.charged
        && paid.network_transaction.is_some()
        && method.original_transaction != paid.network_transaction
        && (method.original_transaction.is_none() || s.attempt.initiator == Initiator::Customer)
    {
        // What the customer confirmed themselves is what later charges refer to (RULES §2.1).
        method.original_transaction.clone_from(&paid.network_transaction);
        changes.payment_methods.push(method.clone());
    }
}

/// What the network says of a card beside its approval holds for later charges: a number for one use is
/// not billed again (RULES DEC-3, advice 41).
fn learn_of_card(
    s: &mut Standing,
    paid: &Paid,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    let Some(advice) = paid.network_advice.as_deref() else { return };
    let rules = RuleBook::at(now.date_naive());
    let is_spent = rules.card_facts(s.attempt.network, advice).contains(&Flag::SingleUse);
    let charged = s.owed.charged.as_mut().filter(|method| is_spent && method.is_chargeable());
    if let Some(method) = charged {
        method.block(DeclineClass::Never, now);
        changes.events.push(method.event(EventKind::PaymentMethodUpdated, now, mint));
        changes.payment_methods.retain(|written| written.id != method.id);
        changes.payment_methods.push(method.clone());
    }
}

/// So much was not owed any more: it goes back (RULES CHG-7), unless it did already.
fn give_back(
    s: &mut Standing,
    unowed: Money,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    let amount = least(unowed, s.attempt.left(&s.owed.refunds));
    if !amount.is_positive() {
        return;
    }
    let reason = "it came when nothing was owed any more".to_owned();
    let origin = RefundOrigin::LateSuccess;
    let refund = Refund::of(&s.attempt, amount, reason, origin, now, mint);
    changes.events.push(refund.event(EventKind::RefundCreated, now, mint));
    changes.refunds.push(refund);
}
