//! Money that went back of a charge without an order of ours: what a payer's bank or card scheme took
//! back (and may give again), and what staff refunded in the gateway's own dashboard. Webhooks tell of
//! it, and the nightly reconciliation of what no webhook told; both come here.

use super::{
    Act, Rondo,
    news::NotApplied,
    record::{self, Heard},
    refunds, resolve, turn,
};
use crate::{
    domain::{
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        merchant::Merchant,
        payment::{
            attempt::{Attempt, AttemptState, News},
            refund::{self, Refund},
        },
    },
    gateway::{
        ChargeTrace, Outcome, RefundOutcome, RefundState, Reversal, ReversalState, Sighting,
        ToldRefund,
    },
};

/// Records that money of a charge was taken back, or came again.
pub(super) async fn reversal(
    rondo: &Rondo,
    gateway: &str,
    attempt: Option<Id<kind::Attempt>>,
    charge: &str,
    reversal: Reversal,
) -> Result<(), NotApplied> {
    let (merchant, attempt) = charged(rondo, gateway, attempt, charge).await?;
    let heard = Heard::news(attempt.id, News::Reversed(Box::new(reversal)));
    Ok(record::record(rondo, &merchant, vec![heard]).await?)
}

/// Whether a decline speaks of a debit that had succeeded: some banks' returns are told so.
pub(super) fn is_late_failure(attempt: &Attempt, outcome: &Outcome) -> bool {
    let is_declined = matches!(outcome, Outcome::Declined { .. });
    is_declined && attempt.state == AttemptState::Succeeded && attempt.network.is_bank_debit()
}

/// A debit that had succeeded is said to have failed. The news may be older than its success, so the
/// gateway is asked how it stands now (RULES WIN-5).
pub(super) async fn late_failure(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Attempt,
) -> Result<(), NotApplied> {
    let gateway = rondo.gateways.get(&attempt.gateway).cloned();
    let gateway = gateway.ok_or_else(|| NotApplied::because("its gateway is not configured"))?;
    let seen = gateway.find_charge(&ChargeTrace::of(&attempt)).await;
    let seen = seen.map_err(|error| NotApplied::because(error.to_string()))?;
    let Sighting::Found(Outcome::Declined { decline, .. }) = seen else { return Ok(()) };
    let reference = attempt.reference.clone().unwrap_or_else(|| attempt.id.to_string());
    let reversal = Reversal {
        reference: format!("failed:{reference}"),
        amount: attempt.amount,
        state: ReversalState::TakenBack,
        why: decline,
    };
    let heard = Heard::news(attempt.id, News::Reversed(Box::new(reversal)));
    Ok(record::record(rondo, merchant, vec![heard]).await?)
}

/// Records a refund that Rondo did not order. It is never sent.
pub(super) async fn foreign_refund(
    rondo: &Rondo,
    gateway: &str,
    told: &ToldRefund,
) -> Result<(), NotApplied> {
    let (merchant, attempt) = charged(rondo, gateway, told.attempt, &told.charge).await?;
    let mut repo = rondo.store.begin().await?;
    repo.lock_customers(merchant.id, &[attempt.customer]).await?;
    let attempt = repo.attempts(merchant.id, &[attempt.id]).await?.pop().unwrap_or(attempt);
    let refunds = repo.refunds_of_payments(merchant.id, &[attempt.payment]).await?;
    let times = rondo.times(&merchant);
    let mut act = Act { repo: repo.as_mut(), merchant: &merchant, times, mint: &rondo.mint };
    let for_staff = match told.hear(&attempt, &refunds) {
        refund::Heard::Known => return Ok(()),
        refund::Heard::NotYet(why) => return Err(NotApplied::because(why)),
        refund::Heard::New => {
            let refund = Refund::told(told, &attempt, &refunds, act.now(), act.mint);
            let for_staff = keep(&mut act, refund.clone(), told.state).await?;
            let refunds = [&refunds[..], &[refund]].concat();
            if let Some(rest) = Refund::of_the_rest(&attempt, &refunds, act.now(), act.mint) {
                let events = vec![rest.event(EventKind::RefundCreated, act.now(), act.mint)];
                let changes = Changes { refunds: vec![rest], events, ..Changes::default() };
                act.write(changes).await?;
            }
            metrics::counter!("rondo_foreign_refunds_total").increment(1);
            for_staff
        }
        refund::Heard::Moved(refund) => {
            refunds::settle(&mut act, *refund, Ok(outcome(told))).await?
        }
    };
    if let Some(reason) = for_staff {
        let object = attempt.id.to_string();
        turn::tell_staff(act.repo, &merchant, times, &object, &reason).await?;
    }
    Ok(repo.commit().await?)
}

/// Writes a refund that was not known; what it promises back can be promised no more. Why a person must look, if they
/// must.
async fn keep(
    act: &mut Act<'_>,
    refund: Refund,
    state: RefundState,
) -> Result<Option<String>, NotApplied> {
    if state == RefundState::Failed {
        // Nothing moved; it is remembered, for older news of it that may still come.
        let over = Refund { state, settled_at: Some(act.now()), ..refund };
        act.write(Changes { refunds: vec![over], ..Changes::default() }).await?;
        return Ok(None);
    }
    let mut payment = act.payment(refund.payment).await?;
    payment.refunded = payment.refunded.plus(refund.owed()).expect("one currency");
    let mut changes = Changes { payments: vec![payment], ..Changes::default() };
    if state == RefundState::Succeeded {
        act.write(changes).await?;
        return Ok(refunds::succeeded(act, refund, act.now()).await?);
    }
    changes.events.push(refund.event(EventKind::RefundCreated, act.now(), act.mint));
    changes.refunds.push(refund);
    act.write(changes).await?;
    Ok(None)
}

fn outcome(told: &ToldRefund) -> RefundOutcome {
    let reference = told.reference.clone();
    match told.state {
        RefundState::Succeeded => RefundOutcome::Refunded { reference },
        RefundState::Queued | RefundState::Pending => RefundOutcome::Pending { reference },
        RefundState::Failed => {
            let reason = told.failure.clone().unwrap_or_else(|| "it did not go through".to_owned());
            RefundOutcome::Failed { reason }
        }
    }
}

/// The charge that is spoken of, and whose it is. What takes money back proves that it was taken: if that
/// was never heard, the gateway is asked first.
async fn charged(
    rondo: &Rondo,
    gateway: &str,
    attempt: Option<Id<kind::Attempt>>,
    charge: &str,
) -> Result<(Merchant, Attempt), NotApplied> {
    let (merchant, attempt) = known(rondo, gateway, attempt, charge).await?;
    if attempt.state.took_money() {
        return Ok((merchant, attempt));
    }
    resolve::ask_again(rondo, &merchant, attempt.id).await?;
    known(rondo, gateway, Some(attempt.id), charge).await
}

async fn known(
    rondo: &Rondo,
    gateway: &str,
    attempt: Option<Id<kind::Attempt>>,
    charge: &str,
) -> Result<(Merchant, Attempt), NotApplied> {
    let mut repo = rondo.store.snapshot().await?;
    let known = repo.attempt_by_gateway(gateway, attempt, charge).await?;
    let attempt = known.ok_or_else(|| NotApplied::because("it speaks of no attempt of ours"))?;
    let is_another = attempt.reference.as_deref().is_some_and(|known| known != charge);
    if attempt.state.took_money() && is_another {
        return Err(NotApplied::because("it speaks of a second charge, which is not recorded yet"));
    }
    let merchant = repo.merchant(attempt.merchant).await?;
    let merchant = merchant.ok_or_else(|| NotApplied::because("its merchant is gone"))?;
    Ok((merchant, attempt))
}
