//! Collects due payments: intents are committed, then the gateways are called, then outcomes are
//! recorded as they come (RULES CHG-2, CHG-5).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::StreamExt;

use super::{
    Rondo,
    index::{by_id, ids_of},
    order::{self, Errand},
    record::{self, NoCharge},
    restored,
    sent::Sent,
    standing,
    turn::{self, TurnError},
};
use crate::{
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        invoice::Invoice,
        merchant::Merchant,
        money::Money,
        payment::{
            Payment, PaymentState,
            attempt::{Attempt, AttemptState, Initiator},
            network::{self, Planned, SentAttempt, When},
            rules::RuleBook,
            settle,
        },
        version::Version,
    },
    store::{Repository, StoreError, Times, Work},
};

/// Outcomes that are recorded in one transaction at most.
const RECORDED_TOGETHER: usize = 200;

/// Collects up to `limit` due payments of `merchant`. How many were due.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    // All calls of a batch begin at once, well within its lease.
    let at_once = rondo.forgotten().map_or(rondo.pace.calls_in_flight, |_| restored::AT_ONCE);
    let limit = limit.min(at_once);
    let (count, errands) = start(rondo, merchant, limit).await?;
    let answers = futures::stream::iter(errands)
        .map(|errand| order::send(rondo, errand))
        .buffer_unordered(rondo.pace.calls_in_flight)
        .ready_chunks(RECORDED_TOGETHER);
    turn::record_each(answers, |heard| record::record(rondo, merchant, heard)).await?;
    Ok(count)
}

/// Commits the attempts that may start now.
async fn start(
    rondo: &Rondo,
    merchant: &Merchant,
    limit: usize,
) -> Result<(usize, Vec<Errand>), TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_due_payments(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::Collect, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|payment| payment.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());

    let mut changes = Changes::default();
    let mut not_charged: Vec<(Payment, NoCharge)> = Vec::new();
    let mut errands = Vec::new();
    let leased_until = rondo.lease_until(times.world);
    let mut cards_in_use = BTreeSet::new();
    for due in load(repo.as_mut(), merchant, claim.rows, times).await.map_err(poisoned)? {
        match decide(due, times, &cards_in_use) {
            Start::Attempt(due, method) => {
                cards_in_use.insert(method.card_key.clone());
                let (payment, mut attempt) = intend(&due, &method, times, leased_until);
                let errand = Errand::first(&attempt, &due.invoice, leased_until);
                attempt.request_hash = errand.as_ref().map(Errand::request_hash);
                errands.extend(errand);
                changes.payments.push(payment);
                changes.attempts.push(attempt);
            }
            Start::NotOwed(mut payment) => {
                payment.state = PaymentState::Abandoned;
                payment.collect_at = None;
                changes.payments.push(payment);
            }
            Start::Not(payment, why) => not_charged.push((payment, why)),
            Start::NextTurn => {}
        }
    }
    // Whose other payment is being tried waits for the next turn: what follows could end that one too.
    let tried: BTreeSet<_> = changes.attempts.iter().map(|attempt| attempt.customer).collect();
    not_charged.retain(|(payment, _)| !tried.contains(&payment.customer));
    let told = record::not_charged(rondo, repo.as_mut(), merchant, times, &not_charged).await;
    changes.append(told.map_err(poisoned)?);
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    Ok((count, errands))
}

/// A payment whose time has come, and what its next attempt needs.
struct DuePayment {
    payment: Payment,
    invoice: Invoice,
    method: Option<PaymentMethod>,
    /// Whether the method may not be charged for this very invoice.
    is_barred: bool,
    sent_before: Vec<SentAttempt>,
}

enum Start {
    Attempt(Box<DuePayment>, PaymentMethod),
    /// The invoice was paid or taken back meanwhile (RULES RET-7).
    NotOwed(Payment),
    /// It cannot be charged now.
    Not(Payment, NoCharge),
    /// The same card is being charged in this batch already.
    NextTurn,
}

fn decide(due: DuePayment, times: Times, cards_in_use: &BTreeSet<String>) -> Start {
    if !due.invoice.open_amount().is_positive() {
        return Start::NotOwed(due.payment);
    }
    let method = due.method.clone().filter(|method| method.is_chargeable() && !due.is_barred);
    let Some(method) = method else {
        return Start::Not(due.payment, NoCharge::NoMethod);
    };
    if cards_in_use.contains(&method.card_key) {
        return Start::NextTurn;
    }
    let planned = Planned { amount: due.invoice.open_amount(), initiator: Initiator::Merchant };
    let limits = RuleBook::at(times.now.date_naive()).limits(method.network);
    match network::free_at(&due.sent_before, planned, limits, times.now) {
        When::Now => Start::Attempt(Box::new(due), method),
        When::At(_) => Start::Not(due.payment, NoCharge::HeldBack),
        When::Never => Start::Not(due.payment, NoCharge::NoMethod),
    }
}

fn intend(
    due: &DuePayment,
    method: &PaymentMethod,
    times: Times,
    leased_until: DateTime<Utc>,
) -> (Payment, Attempt) {
    let now = times.now;
    let mut payment = due.payment.clone();
    payment.state = PaymentState::Collecting;
    payment.collect_at = None;
    payment.attempts += 1;
    let attempt = Attempt {
        merchant: payment.merchant,
        id: payment.attempt_id(),
        payment: payment.id,
        invoice: payment.invoice,
        customer: payment.customer,
        method: Some(method.id),
        credential: Some(method.credential()),
        request_hash: None,
        gateway: method.gateway.clone(),
        amount: due.invoice.open_amount(),
        applied: Money::zero(payment.amount.currency()),
        reversed: Money::zero(payment.amount.currency()),
        reversals: Vec::new(),
        initiator: Initiator::Merchant,
        state: AttemptState::InFlight,
        reference: None,
        decline: None,
        network: method.network,
        card_key: method.card_key.clone(),
        action_url: None,
        store_method: false,
        sent_at: now,
        key_born_at: times.world,
        last_sent_at: now,
        leased_until: Some(leased_until),
        probe_at: None,
        probes: 0,
        asked_at: None,
        not_found_at: None,
        settled_at: None,
        version: Version::NEW,
    };
    (payment, attempt)
}

async fn load(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    payments: Vec<Payment>,
    times: Times,
) -> Result<Vec<DuePayment>, StoreError> {
    let invoices = repo.invoices(merchant.id, &ids_of(&payments, |p| p.invoice)).await?;
    let invoices = by_id(invoices, |invoice| invoice.id);
    let customers = repo.customers(merchant.id, &ids_of(&payments, |p| p.customer)).await?;
    let customers = by_id(customers, |customer| customer.id);
    let subscriptions: Vec<_> = invoices.values().filter_map(|i| i.subscription).collect();
    let subscriptions = repo.subscriptions(merchant.id, &subscriptions).await?;
    let subscriptions = by_id(subscriptions, |subscription| subscription.id);
    let billed = |payment: &Payment| {
        let subscription = invoices[&payment.invoice].subscription;
        subscription.and_then(|id| subscriptions.get(&id))
    };
    let methods: BTreeSet<_> = payments
        .iter()
        .flat_map(|payment| {
            standing::choices(payment, billed(payment), &customers[&payment.customer])
        })
        .collect();
    let methods: Vec<_> = methods.into_iter().collect();
    let known = repo.payment_methods(merchant.id, &methods).await?;
    let cards: Vec<_> = known.into_iter().map(|method| method.card_key).collect();
    repo.lock_cards(merchant.id, &cards).await?;
    // Read when nobody else decides about them any more: one of them may just have been refused for good.
    let methods = repo.payment_methods(merchant.id, &methods).await?;
    let methods = by_id(methods, |method| method.id);
    let chosen = |payment: &Payment| {
        let customer = &customers[&payment.customer];
        standing::next_charged(payment, billed(payment), customer, &methods)
    };
    let sent = Sent::load(repo, merchant, &payments, methods.values(), times.now).await?;
    Ok(payments
        .into_iter()
        .map(|payment| {
            // An account that the merchant does not go by any more is charged for it no more.
            let method = chosen(&payment).filter(|method| merchant.goes_by(&method.gateway));
            DuePayment {
                invoice: invoices[&payment.invoice].clone(),
                sent_before: sent.before(&payment, method),
                is_barred: method.is_some_and(|method| {
                    settle::barred_from(sent.attempts(&payment), method, times.now).is_some()
                }),
                method: method.cloned(),
                payment,
            }
        })
        .collect())
}
