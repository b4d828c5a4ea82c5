//! Collecting an open invoice now, because a person asks. The charge itself is made by the engine,
//! as every other; here it is decided whether one may be planned at once.

use super::{Billed, billed, open_invoice, usable_method};
use crate::{
    app::{Act, AppError, Result, dunning},
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        dunning::{Case, Circumstances, Decision, Refusal},
        ids::{Id, kind},
        payment::{
            Payment, PaymentState,
            attempt::Initiator,
            network::{self, Planned, When},
            rules::RuleBook,
            settle::{self, Owed},
        },
        version::Version,
    },
};

/// Plans an attempt at an open invoice for now, on `method` or on what would be charged next. While
/// the invoice is in dunning, its case, the networks' limits and what a decline has barred bind a
/// person too (RULES §2); a method that the case does not know is to it as a new card.
pub async fn pay_now(
    act: &mut Act<'_>,
    id: Id<kind::Invoice>,
    seen: Option<Version>,
    method: Option<Id<kind::PaymentMethod>>,
) -> Result<Billed> {
    let invoice = open_invoice(act, id, seen).await?;
    let found = act.repo.payments_of_invoices(act.merchant.id, &[id]).await?;
    let payment = found.into_iter().next().ok_or_else(|| AppError::not_found(id))?;
    if payment.state == PaymentState::Collecting {
        let message = "an attempt is under way; wait for its outcome";
        return Err(AppError::precondition("PAYMENT_UNDER_WAY", payment.id, message));
    }
    let before = dunning::owed(act, payment.id).await?;
    let before = before.ok_or_else(|| AppError::not_found(payment.id))?;
    let usual = before.primary.as_ref().map(|method| method.id);
    let owed = match method {
        None => before,
        Some(method) => {
            usable_method(act, invoice.customer, method).await?;
            charging(act, before.payment, method).await?
        }
    };
    check(act, &owed)?;
    let charged = owed.primary.as_ref().map(|method| method.id);
    let mut changes = if owed.case.is_some() {
        let payment = owed.payment.id;
        let moved: Move = if charged == usual { Case::retry_now } else { Case::method_replaced };
        settle::move_case(owed, None, act.now(), act.mint, moved)
            .map_err(|refusal| dunning::refused(payment, refusal))?
    } else {
        let mut payment = owed.payment;
        payment.state = PaymentState::Scheduled;
        payment.collect_at = Some(act.now());
        Changes { payments: vec![payment], ..Changes::default() }
    };
    for payment in &mut changes.payments {
        if payment.state != PaymentState::Scheduled {
            let message = "the network allows no attempt on this card just now";
            return Err(AppError::precondition("NETWORK_LIMIT", payment.id, message));
        }
        // The case speaks of the first method; which that is in this attempt, the caller said.
        payment.method = method.or(payment.method);
    }
    act.write(changes).await?;
    billed(act, id).await
}

/// How a case is moved.
type Move = fn(Case, &Circumstances<'_>) -> Result<Decision, Refusal>;

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

/// Refuses what would not leave: nothing to charge, or a network's window that is full.
fn check(act: &Act<'_>, owed: &Owed) -> Result<()> {
    let id = owed.payment.id;
    let Some(method) = owed.primary.as_ref().filter(|method| PaymentMethod::is_chargeable(method))
    else {
        let message =
            "the customer has no payment method that can be charged; send them a pay link";
        return Err(AppError::precondition("NO_PAYMENT_METHOD", id, message));
    };
    let amount = owed.invoice.open_amount();
    let planned = Planned { amount, initiator: Initiator::Merchant };
    let limits = RuleBook::at(act.now().date_naive()).limits(method.network);
    match network::free_at(&owed.sent_on_primary, planned, limits, act.now()) {
        When::Now => Ok(()),
        When::At(at) => Err(dunning::refused(id, Refusal::NotBefore(at))),
        When::Never => Err(dunning::refused(id, Refusal::NetworkCapSpent)),
    }
}
