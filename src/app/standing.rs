//! Reads all that the outcome of an attempt touches, for a batch at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    index::{by_id, ids_of},
    renew::{next_terms, terms_of},
    sent,
};
use crate::{
    domain::{
        dunning::Setting,
        ids::{Id, kind},
        merchant::Merchant,
        payment::{
            Payment,
            settle::{Owed, Standing},
        },
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
    let charged = attempts.iter().map(|attempt| (attempt.payment, attempt.method)).collect();
    let owed = owed(repo, merchant, payments, charged, now).await?;
    let owed: BTreeMap<_, _> = owed.into_iter().map(|owed| (owed.payment.id, owed)).collect();
    Ok(attempts
        .into_iter()
        .filter_map(|attempt| {
            let owed = owed.get(&attempt.payment)?.clone();
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
    owed(repo, merchant, payments, BTreeMap::new(), now).await
}

/// Reads what belongs to `payments`. `charged` says what an attempt has charged; otherwise the
/// method is the one that would be charged next.
async fn owed(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    payments: Vec<Payment>,
    charged: BTreeMap<Id<kind::Payment>, Option<Id<kind::PaymentMethod>>>,
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
    let invoice_ids: Vec<_> = invoices.keys().copied().collect();
    let cases = repo.open_cases_of_invoices(merchant.id, &invoice_ids).await?;
    let mut cases: BTreeMap<_, _> = cases.into_iter().map(|case| (case.invoice, case)).collect();
    let overdue =
        other_overdue(repo, merchant, &subscriptions.keys().copied().collect::<Vec<_>>()).await?;

    let chosen = |payment: &Payment| {
        let customer = &customers[&payment.customer];
        let subscription = invoices[&payment.invoice].subscription;
        match charged.get(&payment.id) {
            Some(method) => *method,
            None => payment
                .method
                .or_else(|| subscriptions.get(&subscription?)?.payment_method)
                .or(customer.default_method),
        }
    };
    let backups = customers.values().filter_map(|customer| customer.backup_method);
    let methods: BTreeSet<_> = payments.iter().filter_map(chosen).chain(backups).collect();
    let methods: Vec<_> = methods.into_iter().collect();
    let methods = by_id(repo.payment_methods(merchant.id, &methods).await?, |method| method.id);
    let on_cards = payments.iter().map(|payment| {
        let method = chosen(payment).and_then(|id| methods.get(&id));
        (payment.clone(), method.map(|m| m.card_key().to_owned()).unwrap_or_default())
    });
    let mut sent = sent::on_cards_and_invoices(repo, merchant, on_cards, now).await?;

    Ok(payments
        .into_iter()
        .map(|payment| {
            let invoice = invoices[&payment.invoice].clone();
            let customer = customers[&payment.customer].clone();
            let subscription = invoice.subscription.and_then(|id| subscriptions.get(&id));
            let plan = subscription.and_then(|subscription| plans.get(&subscription.plan));
            let policy = plan
                .and_then(|plan| plan.dunning_policy)
                .or(merchant.dunning_policy)
                .and_then(|id| policies.get(&id));
            let zone = customer.zone.unwrap_or(merchant.zone);
            let method = chosen(&payment).and_then(|id| methods.get(&id)).cloned();
            let backup = customer.backup_method.and_then(|id| methods.get(&id)).cloned();
            Owed {
                other_overdue: invoice.subscription.is_some_and(|subscription| {
                    overdue
                        .get(&subscription)
                        .is_some_and(|invoices| invoices.iter().any(|id| *id != invoice.id))
                }),
                case: cases.remove(&invoice.id),
                backup: backup.filter(|backup| {
                    backup.is_chargeable() && method.as_ref().is_none_or(|m| m.id != backup.id)
                }),
                subscription: subscription.map(|subscription| {
                    (subscription.clone(), terms[&next_terms(subscription)].clone())
                }),
                dunning: policy.map_or_else(|| Setting::standard(zone), |p| Setting::of(p, zone)),
                sent: sent.remove(&payment.id).unwrap_or_default(),
                method,
                payment,
                invoice,
                customer,
            }
        })
        .collect())
}

/// The invoices in dunning of each of these subscriptions.
async fn other_overdue(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    subscriptions: &[Id<kind::Subscription>],
) -> Result<BTreeMap<Id<kind::Subscription>, Vec<Id<kind::Invoice>>>, StoreError> {
    let open = repo.open_invoices_of_subscriptions(merchant.id, subscriptions).await?;
    let open = by_id(open, |invoice| invoice.id);
    let ids: Vec<_> = open.keys().copied().collect();
    let mut overdue: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for case in repo.open_cases_of_invoices(merchant.id, &ids).await? {
        if let Some(subscription) = case.subscription {
            overdue.entry(subscription).or_default().push(case.invoice);
        }
    }
    Ok(overdue)
}
