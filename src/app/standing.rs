//! Reads all that the outcome of an attempt touches, for a batch at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    index::{by_id, ids_of},
    renew::{next_terms, terms_of},
    sent::Sent,
};
use crate::{
    domain::{
        customer::{Customer, PaymentMethod},
        dunning::{DunningCase, Setting},
        ids::{Id, kind},
        invoice::Invoice,
        merchant::Merchant,
        payment::{
            Payment,
            settle::{Owed, Standing},
        },
        subscription::{OtherDebts, Subscription, SubscriptionState},
    },
    store::{Repository, StoreError},
};

/// The standings of these attempts, of those that exist.
pub(super) async fn load(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    attempts: &[Id<kind::Attempt>],
    now: DateTime<Utc>,
) -> Result<BTreeMap<Id<kind::Attempt>, Standing>, StoreError> {
    let attempts = repo.attempts(merchant.id, attempts).await?;
    let payments = repo.payments(merchant.id, &ids_of(&attempts, |a| a.payment)).await?;
    let methods: Vec<_> = attempts.iter().filter_map(|attempt| attempt.method).collect();
    let methods = repo.payment_methods(merchant.id, &ids_of(&methods, |id| *id)).await?;
    let methods = by_id(methods, |method| method.id);
    let storing = attempts.iter().filter(|attempt| attempt.store_method);
    let storing: Vec<_> = storing.map(|attempt| attempt.customer).collect();
    let ever_stored = if storing.is_empty() {
        Vec::new()
    } else {
        repo.methods_of_customers(merchant.id, &ids_of(&storing, |id| *id)).await?
    };
    let owed = owed(repo, merchant, payments, now).await?;
    let owed: BTreeMap<_, _> = owed.into_iter().map(|owed| (owed.payment.id, owed)).collect();
    Ok(attempts
        .into_iter()
        .filter_map(|attempt| {
            let kept = attempt.credential.as_ref().map(|kept| kept.card);
            let own = ever_stored.iter().filter(|known| known.customer == attempt.customer);
            // What its payer chose on a page and kept.
            let is_it = |known: &&PaymentMethod| Some(known.mark()) == kept;
            let charged = match attempt.method {
                Some(id) => methods.get(&id),
                None => own.clone().rfind(is_it),
            };
            let charged = charged.cloned();
            let ever_stored = own.filter(|_| attempt.store_method).cloned().collect();
            let owed = Owed { charged, ever_stored, ..owed.get(&attempt.payment)?.clone() };
            Some((attempt.id, Standing { attempt, owed }))
        })
        .collect())
}

/// What is owed with these payments, and what would be charged for them next.
pub(super) async fn load_owed(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    payments: &[Id<kind::Payment>],
    now: DateTime<Utc>,
) -> Result<Vec<Owed>, StoreError> {
    let payments = repo.payments(merchant.id, payments).await?;
    owed(repo, merchant, payments, now).await
}

/// What a payment may be charged to, best first: what was said for it, for its subscription, for its
/// customer.
fn named(
    payment: &Payment,
    subscription: Option<&Subscription>,
    customer: &Customer,
) -> [Option<Id<kind::PaymentMethod>>; 3] {
    let of_subscription = subscription.and_then(|subscription| subscription.payment_method);
    [payment.method, of_subscription, customer.default_method]
}

/// All that a payment may come to charge.
pub(super) fn choices(
    payment: &Payment,
    subscription: Option<&Subscription>,
    customer: &Customer,
) -> impl Iterator<Item = Id<kind::PaymentMethod>> {
    let named = named(payment, subscription, customer);
    named.into_iter().chain([customer.backup_method]).flatten()
}

/// What a payment is charged to, unless the ladder orders the backup: the best that can be charged; or
/// the best, if none can. Whose bank was told to stop one of them has withdrawn consent to the agreement:
/// what stands behind it is charged only if it was agreed to since (RULES §1, `STOP_MANDATE`).
fn primary<'m>(
    payment: &Payment,
    subscription: Option<&Subscription>,
    customer: &Customer,
    methods: &'m BTreeMap<Id<kind::PaymentMethod>, PaymentMethod>,
) -> Option<&'m PaymentMethod> {
    let named = named(payment, subscription, customer);
    let known = || named.into_iter().flatten().filter_map(|id| methods.get(&id));
    let mut stopped_at = None;
    for method in known() {
        if method.is_chargeable() && stopped_at.is_none_or(|at| method.consented_at > at) {
            return Some(method);
        }
        stopped_at = stopped_at.max(method.stopped_at());
    }
    known().next()
}

/// What the next attempt at a payment charges.
pub(super) fn next_charged<'m>(
    payment: &Payment,
    subscription: Option<&Subscription>,
    customer: &Customer,
    methods: &'m BTreeMap<Id<kind::PaymentMethod>, PaymentMethod>,
) -> Option<&'m PaymentMethod> {
    if payment.on_backup {
        customer.backup_method.and_then(|backup| methods.get(&backup))
    } else {
        primary(payment, subscription, customer, methods)
    }
}

/// Reads what belongs to `payments`.
async fn owed(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    payments: Vec<Payment>,
    now: DateTime<Utc>,
) -> Result<Vec<Owed>, StoreError> {
    let invoices = repo.invoices(merchant.id, &ids_of(&payments, |p| p.invoice)).await?;
    let invoices = by_id(invoices, |invoice| invoice.id);
    let customers = repo.customers(merchant.id, &ids_of(&payments, |p| p.customer)).await?;
    let customers = by_id(customers, |customer| customer.id);
    let subscriptions: Vec<_> = invoices.values().filter_map(|i| i.subscription).collect();
    let subscriptions = repo.subscriptions(merchant.id, &ids_of(&subscriptions, |id| *id)).await?;
    let keys = subscriptions.iter().map(next_terms).collect();
    let terms = terms_of(repo, merchant, keys).await?;
    let plans = repo.plans(merchant.id, &ids_of(&subscriptions, |s| s.plan)).await?;
    let plans = by_id(plans, |plan| plan.id);
    let subscriptions = by_id(subscriptions, |subscription| subscription.id);

    let policies: BTreeSet<_> = plans
        .values()
        .filter_map(|plan| plan.dunning_policy)
        .chain(merchant.dunning_policy)
        .collect();
    let policies: Vec<_> = policies.into_iter().collect();
    let policies = by_id(repo.dunning_policies(merchant.id, &policies).await?, |p| p.id);
    let customer_ids: Vec<_> = customers.keys().copied().collect();
    let cases = repo.open_cases_of_customers(merchant.id, &customer_ids).await?;
    let dunned = repo.last_dunning_mails(merchant.id, &customer_ids).await?;
    let dunned: BTreeMap<_, _> =
        dunned.into_iter().map(|dunned| (dunned.customer, dunned.told_at)).collect();
    let subscription_ids: Vec<_> = subscriptions.keys().copied().collect();
    let overdue = repo.overdue_invoices(merchant.id, &subscription_ids).await?;

    let billed = |payment: &Payment| {
        let subscription = invoices[&payment.invoice].subscription?;
        subscriptions.get(&subscription)
    };
    let methods: BTreeSet<_> = payments
        .iter()
        .flat_map(|payment| choices(payment, billed(payment), &customers[&payment.customer]))
        .collect();
    let methods: Vec<_> = methods.into_iter().collect();
    let methods = by_id(repo.payment_methods(merchant.id, &methods).await?, |method| method.id);
    let given_up = given_up(repo, merchant, &invoices, &subscriptions, &cases).await?;
    let method = |id: Option<Id<kind::PaymentMethod>>| methods.get(&id?);
    let sent = Sent::load(repo, merchant, &payments, methods.values(), now).await?;
    let took = payments.iter().filter(|payment| sent.took_money(payment)).map(|payment| payment.id);
    let took: Vec<_> = took.collect();
    let refunds = if took.is_empty() {
        Vec::new()
    } else {
        repo.refunds_of_payments(merchant.id, &took).await?
    };

    Ok(payments
        .iter()
        .map(|payment| {
            let invoice = invoices[&payment.invoice].clone();
            let customer = customers[&payment.customer].clone();
            let subscription = billed(payment);
            let plan = subscription.and_then(|subscription| plans.get(&subscription.plan));
            let policy = plan
                .and_then(|plan| plan.dunning_policy)
                .or(merchant.dunning_policy)
                .and_then(|id| policies.get(&id));
            let zone = customer.zone.unwrap_or(merchant.zone);
            let primary = primary(payment, subscription, &customer, &methods);
            let is_another = |backup: &&PaymentMethod| primary.is_none_or(|m| m.id != backup.id);
            let backup = method(customer.backup_method)
                .filter(|backup| backup.is_chargeable())
                .filter(is_another);
            let case_of = |invoice| cases.iter().find(|case| case.invoice == invoice);
            let others = overdue.iter().filter(|(subscription, overdue)| {
                invoice.subscription == Some(*subscription) && *overdue != invoice.id
            });
            let others: Vec<_> = others.map(|(_, overdue)| case_of(*overdue)).collect();
            Owed {
                other_debts: OtherDebts::of(others.iter().copied()),
                other_cases: others.into_iter().flatten().cloned().collect(),
                case: case_of(invoice.id).cloned(),
                is_given_up: given_up.contains(&invoice.id),
                last_dunned_at: dunned.get(&customer.id).copied(),
                subscription: subscription.map(|subscription| {
                    (subscription.clone(), terms[&next_terms(subscription)].clone())
                }),
                dunning: policy.map_or_else(|| Setting::standard(zone), |p| Setting::of(p, zone)),
                sent_on_primary: sent.before(payment, primary),
                sent_on_backup: sent.before(payment, backup),
                attempts: sent.attempts(payment).to_vec(),
                refunds: refunds.iter().filter(|r| r.payment == payment.id).cloned().collect(),
                charged: next_charged(payment, subscription, &customer, &methods).cloned(),
                ever_stored: Vec::new(),
                primary: primary.cloned(),
                backup: backup.cloned(),
                payment: payment.clone(),
                invoice,
                customer,
            }
        })
        .collect())
}

/// Those of `invoices` with which dunning has come to its end. Where a subscription runs there are none: a
/// ladder's end leaves it unpaid, ends it, or ends the invoice.
async fn given_up(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    invoices: &BTreeMap<Id<kind::Invoice>, Invoice>,
    subscriptions: &BTreeMap<Id<kind::Subscription>, Subscription>,
    cases: &[DunningCase],
) -> Result<BTreeSet<Id<kind::Invoice>>, StoreError> {
    let runs = |invoice: &Invoice| {
        let billed = invoice.subscription.and_then(|id| subscriptions.get(&id));
        billed.is_some_and(|subscription| {
            !subscription.state.is_over() && subscription.state != SubscriptionState::Unpaid
        })
    };
    let is_open = |invoice: &Invoice| cases.iter().any(|case| case.invoice == invoice.id);
    let candidates = invoices.values().filter(|invoice| !runs(invoice) && !is_open(invoice));
    let candidates: Vec<_> = candidates.map(|invoice| invoice.id).collect();
    if candidates.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(repo.given_up_invoices(merchant.id, &candidates).await?.into_iter().collect())
}
