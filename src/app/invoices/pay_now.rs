//! Collecting an open invoice now, because a person asks. The charge itself is made by the engine,
//! as every other; here it is decided whether one may be planned at once.

use super::{Billed, billed, open_invoice, usable_method};
use crate::{
    app::{Act, AppError, Result, dunning},
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        dunning::Case,
        ids::{Id, kind},
        payment::{
            Payment, PaymentState,
            settle::{self, Owed},
        },
        version::Version,
    },
};

/// Plans an attempt at an open invoice for now, on what would be charged next or on `method`, which
/// the invoice is charged to from then on. The networks' limits and what declines have taught of each
/// card bind a person too (RULES §2).
pub async fn pay_now(
    act: &mut Act<'_>,
    id: Id<kind::Invoice>,
    seen: Option<Version>,
    method: Option<Id<kind::PaymentMethod>>,
) -> Result<Billed> {
    let customer = act.invoice(id).await?.customer;
    act.repo.lock_customers(act.merchant.id, &[customer]).await?;
    // What another worker has just heard of it is seen from here on.
    let invoice = open_invoice(act, id, seen).await?;
    let found = act.repo.payments_of_invoices(act.merchant.id, &[id]).await?;
    let payment = found.into_iter().next().ok_or_else(|| AppError::not_found(id))?;
    if payment.state == PaymentState::Collecting {
        let message = "an attempt is under way; wait for its outcome";
        return Err(AppError::precondition("PAYMENT_UNDER_WAY", payment.id, message));
    }
    let before = dunning::owed(act, payment.id).await?;
    let before = before.ok_or_else(|| AppError::not_found(payment.id))?;
    let owed = match method {
        None => before,
        Some(method) => {
            usable_method(act, invoice.customer, method).await?;
            charging(act, before.payment, method).await?
        }
    };
    check(act, &owed)?;
    let changes = if owed.case.is_some() {
        let payment = owed.payment.id;
        settle::move_case(owed, None, act.now(), act.mint, Case::retry_now)
            .map_err(|refusal| dunning::refused(payment, refusal))?
    } else {
        let mut payment = owed.payment;
        payment.state = PaymentState::Scheduled;
        payment.collect_at = Some(act.now());
        Changes { payments: vec![payment], ..Changes::default() }
    };
    act.write(changes).await?;
    billed(act, id).await
}

/// What is owed, if `method` is charged for it: with all that was sent on that card.
async fn charging(
    act: &mut Act<'_>,
    mut payment: Payment,
    method: Id<kind::PaymentMethod>,
) -> Result<Owed> {
    let id = payment.id;
    payment.method = Some(method);
    act.write(Changes { payments: vec![payment], ..Changes::default() }).await?;
    dunning::owed(act, id).await?.ok_or_else(|| AppError::not_found(id))
}

/// Refuses what would not leave: nothing to charge, a card's own declines, a network's full window.
fn check(act: &Act<'_>, owed: &Owed) -> Result<()> {
    let id = owed.payment.id;
    if !owed.primary.as_ref().is_some_and(PaymentMethod::is_chargeable) {
        let message =
            "the customer has no payment method that can be charged; send them a pay link";
        return Err(AppError::precondition("NO_PAYMENT_METHOD", id, message));
    }
    owed.may_be_asked_for(act.now()).map_err(|refusal| dunning::refused(id, refusal))
}
