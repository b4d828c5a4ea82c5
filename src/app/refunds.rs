//! Sends refunds, and asks after those whose answer was lost or comes later. The refund's id is the
//! key of every sending, so that a repetition never sends twice.

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;

use super::{
    Act, AppError, Result, Rondo,
    index::{by_id, ids_of},
    record, standing,
    turn::{self, TurnError},
    whole_reason,
};
use crate::{
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        event::EventKind,
        ids::{Id, kind},
        ledger::Heading,
        merchant::Merchant,
        money::Money,
        notice::{Facts, Notice},
        payment::{
            PaymentState,
            attempt::Attempt,
            refund::{Refund, RefundOrigin, RefundState},
            settle,
        },
    },
    gateway::{GatewayError, RefundOrder, RefundOutcome, RefundSighting},
    store::{StoreError, Times, Work},
};

/// After so many tries without an answer a person looks.
const MOST_TRIES: u32 = 20;

/// Asks for so much of a payment to go back, all that is left of it if nothing is said.
pub async fn request(
    act: &mut Act<'_>,
    payment: Id<kind::Payment>,
    asked_for: Option<Money>,
    reason: String,
) -> Result<Refund> {
    let mut payment = act.payment(payment).await?;
    if payment.state != PaymentState::Succeeded {
        let message = "only a payment that succeeded can be refunded";
        return Err(AppError::precondition("PAYMENT_NOT_SUCCEEDED", payment.id, message));
    }
    let left = payment.amount.minus(payment.refunded).expect("a payment has one currency");
    if left.is_zero() {
        let message = "all of the payment went back already, or is on its way";
        return Err(AppError::precondition("PAYMENT_REFUNDED", payment.id, message));
    }
    let amount = asked_for.unwrap_or(left);
    if amount.currency() != left.currency() {
        let message = format!("must be in {}, the currency of the payment", left.currency());
        return Err(AppError::invalid("amount.currency_code", message));
    }
    if !amount.is_positive() || amount.minor() > left.minor() {
        let message = format!("must be more than nothing and at most {left}, which is left of it");
        return Err(AppError::invalid("amount", message));
    }
    let attempts = act.repo.attempts_of_payments(act.merchant_id(), &[payment.id]).await?;
    let refunds = act.repo.refunds_of_payments(act.merchant_id(), &[payment.id]).await?;
    // What came when nothing was owed any more is on its way back already.
    let left_of = |attempt: &Attempt| attempt.left_owed(&refunds).minor();
    let fullest = attempts.into_iter().rev().max_by_key(left_of);
    let Some(attempt) = fullest.filter(|attempt| left_of(attempt) > 0) else {
        // What is left of a payment is what is left of its charges: the books are wrong.
        return Err(AppError::Store(StoreError::Corrupt {
            table: "payment",
            column: "refunded_minor",
            id: payment.id.to_string(),
            reason: format!("{left} is left of it, and nothing of its charges"),
        }));
    };
    // A payment that was taken back in part came in several charges, each of which is given back alone.
    let most = attempt.left_owed(&refunds);
    let amount = if asked_for.is_none() && most.minor() < left.minor() { most } else { amount };
    if amount.minor() > most.minor() {
        let message = format!("must be at most {most}, which is left of the larger of its charges");
        return Err(AppError::invalid("amount", message));
    }
    let now = act.now();
    let refund = Refund::of(&attempt, amount, reason, RefundOrigin::Requested, now, act.mint);
    // Reserved at once, so that two requests never promise the same money.
    payment.refunded = payment.refunded.plus(amount).expect("at most what was paid");
    let event = refund.event(EventKind::RefundCreated, now, act.mint);
    act.write(Changes {
        refunds: vec![refund.clone()],
        payments: vec![payment],
        events: vec![event],
        ..Changes::default()
    })
    .await?;
    self::refund(act, refund.id).await
}

/// A refund, or that there is none.
pub async fn refund(act: &mut Act<'_>, id: Id<kind::Refund>) -> Result<Refund> {
    let found = act.repo.refunds(act.merchant.id, &[id]).await?;
    found.into_iter().next().ok_or_else(|| AppError::not_found(id))
}

/// The refunds of a payment, oldest first, or that there is no such payment.
pub async fn of_payment(act: &mut Act<'_>, payment: Id<kind::Payment>) -> Result<Vec<Refund>> {
    act.payment(payment).await?;
    Ok(act.repo.refunds_of_payments(act.merchant.id, &[payment]).await?)
}

/// Sends or asks after up to `limit` due refunds of `merchant`. How many were due.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    let limit = limit.min(rondo.pace.calls_in_flight);
    let (count, errands) = claim(rondo, merchant, limit).await?;
    let answers = futures::stream::iter(errands)
        .map(|errand| send(rondo, errand))
        .buffer_unordered(rondo.pace.calls_in_flight)
        .filter_map(std::future::ready);
    turn::record_each(answers, |(refund, answer)| record(rondo, merchant, refund, answer)).await?;
    Ok(count)
}

struct Errand {
    refund: Id<kind::Refund>,
    gateway: String,
    order: RefundOrder,
    may_have_been_sent: bool,
    may_be_sent: bool,
    /// Whether the gateway still knows its key, if it was sent.
    is_key_safe: bool,
    leased_until: DateTime<Utc>,
}

/// Why a refund is not sent: the customer would have the money twice.
const TAKEN_BACK: &str = "not sent: the customer's bank had taken the money back";

async fn claim(
    rondo: &Rondo,
    merchant: &Merchant,
    limit: usize,
) -> Result<(usize, Vec<Errand>), TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_due_refunds(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::Collect, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|refund| refund.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());
    let attempts = repo.attempts(merchant.id, &ids_of(&claim.rows, |r| r.attempt)).await;
    let attempts = by_id(attempts.map_err(poisoned)?, |attempt| attempt.id);
    let reversed = attempts.values().filter(|attempt| !attempt.reversals.is_empty());
    let reversed: Vec<_> = reversed.map(|attempt| attempt.payment).collect();
    let refunds = if reversed.is_empty() {
        Vec::new()
    } else {
        repo.refunds_of_payments(merchant.id, &reversed).await.map_err(poisoned)?
    };
    let mut changes = Changes::default();
    let mut errands = Vec::new();
    let leased_until = rondo.lease_until(times.world);
    for mut refund in claim.rows {
        let attempt = &attempts[&refund.attempt];
        let may_be_sent =
            refund.origin != RefundOrigin::AtGateway && attempt.may_still_give_back(&refunds);
        let is_key_safe = may_be_sent && trust_key(rondo, &mut refund, &attempt.gateway, times);
        errands.push(Errand {
            refund: refund.id,
            gateway: attempt.gateway.clone(),
            order: order(&refund, attempt),
            // Nor does a database that was restored know what left since its copy was made.
            may_have_been_sent: refund.tries > 0 || rondo.forgotten().is_some(),
            may_be_sent,
            is_key_safe,
            leased_until,
        });
        refund.leased_until = Some(leased_until);
        refund.tries += 1;
        // Whoever finds the lease run out goes on from here.
        refund.due_at = Some(times.now);
        changes.refunds.push(refund);
    }
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    Ok((count, errands))
}

/// Whether a refund that its gateway does not know may be sent under its key: for the first time, while the key is
/// surely remembered, or when a day has proved that nothing arrived (RULES PRB-2). Then its key's life begins.
fn trust_key(rondo: &Rondo, refund: &mut Refund, gateway: &str, times: Times) -> bool {
    let Some(port) = rondo.gateways.get(gateway) else { return true };
    let gateway = port.capabilities();
    let Some(first_sent_at) = refund.first_sent_at else {
        refund.first_sent_at = Some(times.world);
        return true;
    };
    let age = (times.world - first_sent_at).to_std().unwrap_or_default();
    if gateway.absence_of_refund_proves(age) {
        refund.first_sent_at = Some(times.world);
        return true;
    }
    gateway.idempotency.resend_is_safe(age)
}

type Answer = Result<RefundOutcome, GatewayError>;

/// What sends `refund` of what `attempt` took, or looks it up.
fn order(refund: &Refund, attempt: &Attempt) -> RefundOrder {
    RefundOrder {
        refund: refund.id,
        charge_reference: attempt.reference.clone().unwrap_or_default(),
        amount: refund.amount,
    }
}

/// How `refund` stands after a webhook that told `outcome`. That one which failed went through may be older
/// than its failure, and then the money is back: the gateway is asked (RULES WIN-5).
pub(super) async fn as_it_stands(
    rondo: &Rondo,
    refund: &Refund,
    attempt: &Attempt,
    outcome: RefundOutcome,
) -> RefundOutcome {
    let contradicts =
        refund.state == RefundState::Failed && matches!(outcome, RefundOutcome::Refunded { .. });
    let Some(port) = rondo.gateways.get(&attempt.gateway).filter(|_| contradicts) else {
        return outcome;
    };
    match port.find_refund(&order(refund, attempt)).await {
        Ok(RefundSighting::Found(found)) => found,
        Ok(RefundSighting::NotFound) => outcome,
        Err(error) => {
            tracing::warn!(refund = %refund.id, %error, "the gateway could not be asked");
            outcome
        }
    }
}

/// Asks after a refund that may have been sent, and sends it. Nothing comes of it if others may take this
/// worker for dead by now: it is left to them, as its key may be forgotten when it wakes (RULES WRK-2).
async fn send(rondo: &Rondo, errand: Errand) -> Option<(Id<kind::Refund>, Answer)> {
    let Errand { refund, gateway, order, .. } = errand;
    let Some(port) = rondo.gateways.get(&gateway) else {
        let reason = format!("no gateway named `{gateway}` is configured");
        return Some((refund, Err(GatewayError::Rejected { reason })));
    };
    if errand.may_have_been_sent {
        match port.find_refund(&order).await {
            Ok(RefundSighting::Found(outcome)) => return Some((refund, Ok(outcome))),
            Ok(RefundSighting::NotFound) => {}
            Err(error) => return Some((refund, Err(error))),
        }
    }
    if !errand.may_be_sent {
        let reason = TAKEN_BACK.to_owned();
        return Some((refund, Ok(RefundOutcome::Failed { reason })));
    }
    if !errand.is_key_safe {
        let why =
            "the gateway does not know it, and may have forgotten its key: a day will prove it";
        return Some((refund, Err(GatewayError::Unknown(why.into()))));
    }
    if !rondo.may_begin(errand.leased_until) {
        return None;
    }
    Some((refund, port.refund(&order).await))
}

/// Records how a refund stands: by its own reply, a look-up or a webhook. One that cannot be recorded is
/// set aside for staff: the next look-up would bring the same answer to the same end.
pub(super) async fn record(
    rondo: &Rondo,
    merchant: &Merchant,
    refund: Id<kind::Refund>,
    answer: Result<RefundOutcome, GatewayError>,
) -> Result<(), TurnError> {
    match record_once(rondo, merchant, refund, answer).await {
        Err(TurnError::Poisoned { source, .. }) => {
            let (object, reason) = (refund.to_string(), whole_reason(&source));
            Ok(turn::set_poison_aside(rondo, merchant, Work::Collect, &object, &reason).await?)
        }
        recorded @ (Ok(()) | Err(TurnError::Later(_))) => recorded,
    }
}

async fn record_once(
    rondo: &Rondo,
    merchant: &Merchant,
    refund: Id<kind::Refund>,
    answer: Result<RefundOutcome, GatewayError>,
) -> Result<(), TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let Some(refund) = repo.refunds(merchant.id, &[refund]).await?.into_iter().next() else {
        return Ok(());
    };
    let object = refund.id.to_string();
    // What a bank takes back meanwhile sees this, or is seen.
    repo.lock_customers(merchant.id, &[refund.customer]).await?;
    let mut act = Act { repo: repo.as_mut(), merchant, times, mint: &rondo.mint };
    let settled = self::settle(&mut act, refund, answer).await;
    let for_staff = settled.map_err(|error| TurnError::of(Vec::new(), error))?;
    if let Some(reason) = for_staff {
        turn::set_aside(repo.as_mut(), merchant, Work::Collect, times, &object, &reason).await?;
    }
    repo.commit().await?;
    Ok(())
}

/// What follows from an answer; its customer is locked. Why a person must look, if they must.
pub(super) async fn settle(
    act: &mut Act<'_>,
    mut refund: Refund,
    answer: Result<RefundOutcome, GatewayError>,
) -> Result<Option<String>> {
    let now = act.now();
    refund.leased_until = None;
    match (refund.state, answer) {
        // The customer's bank sent it back, days later.
        (RefundState::Succeeded, Ok(RefundOutcome::Failed { reason })) => {
            bounced(act, refund, reason.clone(), now).await?;
            Ok(Some(format!("the refund had succeeded and came back: {reason}")))
        }
        // Evidence that money moved wins, as for charges (RULES CHG-7).
        (RefundState::Failed, Ok(RefundOutcome::Refunded { reference })) => {
            reserve(act, &refund).await?;
            refund.reference = Some(reference);
            let twice = succeeded(act, refund, now).await?;
            let why = "the refund had failed and went through after all";
            Ok(Some(twice.map_or_else(|| why.to_owned(), |twice| format!("{why}; {twice}"))))
        }
        // Old or repeated news.
        (RefundState::Succeeded | RefundState::Failed, _) => Ok(None),
        (_, Ok(RefundOutcome::Refunded { reference })) => {
            refund.reference = Some(reference);
            succeeded(act, refund, now).await
        }
        (_, Ok(RefundOutcome::Pending { reference })) => {
            refund.reference = Some(reference);
            refund.state = RefundState::Pending;
            refund.due_at = Some(now + TimeDelta::days(1));
            act.write(Changes { refunds: vec![refund], ..Changes::default() }).await?;
            Ok(None)
        }
        (_, Ok(RefundOutcome::Failed { reason })) => {
            failed(act, refund, reason.clone(), now).await?;
            Ok(Some(format!("the gateway refused the refund: {reason}")))
        }
        (_, Err(error)) => {
            tracing::warn!(refund = %refund.id, %error, "the refund has no answer yet");
            let for_staff = match error {
                GatewayError::Rejected { .. }
                | GatewayError::Unauthorised
                | GatewayError::Unsupported(_) => Some(error.to_string()),
                GatewayError::NotSent(_)
                | GatewayError::RateLimited { .. }
                | GatewayError::Unknown(_) => (refund.tries >= MOST_TRIES)
                    .then(|| format!("{} tries brought no answer", refund.tries)),
            };
            let wait = TimeDelta::seconds((5_i64 << refund.tries.min(10)).min(3_600));
            refund.due_at = Some(now + wait);
            act.write(Changes { refunds: vec![refund], ..Changes::default() }).await?;
            Ok(for_staff)
        }
    }
}

/// The refund went through. Why a person must look, if the payer has the money twice now.
pub(super) async fn succeeded(
    act: &mut Act<'_>,
    mut refund: Refund,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let was_settled = refund.state.is_settled();
    refund.state = RefundState::Succeeded;
    refund.failure = None;
    refund.due_at = None;
    refund.settled_at = Some(now);
    let invoice = act.invoice(refund.invoice).await?;
    let attempt = attempt(act, &refund).await?;
    let to = match attempt.method {
        Some(method) => act.payment_method(method).await.ok().as_ref().map(PaymentMethod::shown),
        None => None,
    };
    let heading = Heading { id: act.id(), at: now, invoice: &invoice };
    let journal = heading.went_back(&refund, &attempt.gateway);
    let facts = Facts::Refund {
        amount: refund.amount,
        refunded_at: now,
        to,
        reference: refund.reference.clone(),
    };
    // A refund that came back, and went through after all, is told of once more.
    let occasion = if was_settled { format!(":{}", refund.version.count()) } else { String::new() };
    let key = format!("refund:{}{occasion}", refund.id);
    let notice = Notice::new(refund.merchant, refund.customer, facts, key, now, act.mint)
        .about_invoice(&invoice);
    let event = refund.event(EventKind::RefundSucceeded, now, act.mint);
    act.write(Changes {
        refunds: vec![refund],
        journals: vec![journal],
        notices: vec![notice],
        events: vec![event],
        ..Changes::default()
    })
    .await?;
    if attempt.reversals.is_empty() {
        return Ok(None);
    }
    let standing = standing::load(act.repo, act.merchant, &[attempt.id], now).await?;
    Ok(standing.values().find_map(settle::taken_beyond))
}

async fn failed(
    act: &mut Act<'_>,
    refund: Refund,
    reason: String,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut changes = Changes::default();
    unreserve(act, &refund, &mut changes).await?;
    close_failed(act, refund, reason, changes, now).await
}

async fn bounced(
    act: &mut Act<'_>,
    refund: Refund,
    reason: String,
    now: DateTime<Utc>,
) -> Result<()> {
    let invoice = act.invoice(refund.invoice).await?;
    let attempt = attempt(act, &refund).await?;
    let heading = Heading { id: act.id(), at: now, invoice: &invoice };
    let journals = vec![heading.bounced(&refund, &attempt.gateway)];
    let mut changes = Changes { journals, ..Changes::default() };
    unreserve(act, &refund, &mut changes).await?;
    close_failed(act, refund, reason, changes, now).await
}

async fn close_failed(
    act: &mut Act<'_>,
    mut refund: Refund,
    reason: String,
    mut changes: Changes,
    now: DateTime<Utc>,
) -> Result<()> {
    refund.state = RefundState::Failed;
    refund.failure = Some(reason);
    refund.due_at = None;
    refund.settled_at = Some(now);
    changes.events.push(refund.event(EventKind::RefundFailed, now, act.mint));
    let attempt = refund.attempt;
    changes.refunds.push(refund);
    act.write(changes).await?;
    book_what_was_taken(act, attempt).await
}

/// What a bank took back while a refund was under way is booked now that the refund has failed.
async fn book_what_was_taken(act: &mut Act<'_>, attempt: Id<kind::Attempt>) -> Result<()> {
    let concerned = act.repo.attempts(act.merchant_id(), &[attempt]).await?;
    if concerned.iter().all(|attempt| attempt.reversals.is_empty()) {
        return Ok(());
    }
    let (now, mint) = (act.now(), act.mint);
    for (_, standing) in standing::load(act.repo, act.merchant, &[attempt], now).await? {
        let booked = settle::catch_up(standing, now, mint);
        if let Some(reason) = booked.for_staff {
            let object = attempt.to_string();
            turn::tell_staff(act.repo, act.merchant, act.times, &object, &reason).await?;
        }
        record::observe(&booked.changes);
        act.write(booked.changes).await?;
    }
    Ok(())
}

/// The attempt whose money a refund gives back.
async fn attempt(act: &mut Act<'_>, refund: &Refund) -> Result<Attempt> {
    let attempts = act.repo.attempts(act.merchant_id(), &[refund.attempt]).await?;
    attempts.into_iter().next().ok_or_else(|| AppError::not_found(refund.attempt))
}

/// What was promised out of the payment can be promised again.
async fn unreserve(act: &mut Act<'_>, refund: &Refund, changes: &mut Changes) -> Result<()> {
    if refund.owed().is_positive() {
        let mut payment = act.payment(refund.payment).await?;
        payment.refunded = payment.refunded.minus(refund.owed()).expect("one currency");
        changes.payments.push(payment);
    }
    Ok(())
}

/// Counts a refund again that had been given up.
async fn reserve(act: &mut Act<'_>, refund: &Refund) -> Result<()> {
    if refund.owed().is_positive() {
        let mut payment = act.payment(refund.payment).await?;
        payment.refunded = payment.refunded.plus(refund.owed()).expect("one currency");
        act.write(Changes { payments: vec![payment], ..Changes::default() }).await?;
    }
    Ok(())
}
