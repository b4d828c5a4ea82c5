//! Renews a batch of due subscriptions: one read of all that is needed, one decision each, one write.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    Rondo,
    index::{by_id, ids_of},
    standing,
    turn::{self, TurnError},
};
use crate::{
    domain::{
        catalog::{Terms, VersionNumber},
        changes::Changes,
        event::{EventKind, Subject},
        ids::{Id, Mint, kind},
        invoice::closing::{self, OpenInvoice},
        merchant::Merchant,
        payment::settle,
        subscription::{
            CancellationCause, Subscription, SubscriptionState,
            renewal::{self, Due},
        },
    },
    store::{Repository, StoreError, Work},
};

/// Renews up to `limit` subscriptions of `merchant`. How many were due: a full batch means, turn
/// again before you sleep.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_due_subscriptions(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::Renew, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|one| one.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());

    let mut changes = Changes::default();
    for due in load(repo.as_mut(), merchant, claim.rows).await.map_err(poisoned)? {
        let id = due.subscription.id;
        match renewal::renew(due, times.now, &rondo.mint) {
            Ok(renewed) => changes.append(renewed),
            Err(error) => {
                let (object, reason) = (id.to_string(), error.to_string());
                turn::set_aside(repo.as_mut(), merchant, Work::Renew, times, &object, &reason)
                    .await?;
            }
        }
    }
    metrics::counter!("rondo_renewals_total").increment(changes.invoices.len() as u64);
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    Ok(count)
}

/// The open invoices of those subscriptions that have none paid yet: they are taken back if the
/// first payment never comes.
async fn open_invoices(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    subscriptions: &[Subscription],
) -> Result<BTreeMap<Id<kind::Subscription>, Vec<OpenInvoice>>, StoreError> {
    let incomplete: Vec<_> = subscriptions
        .iter()
        .filter(|subscription| subscription.state == SubscriptionState::Incomplete)
        .map(|subscription| subscription.id)
        .collect();
    let mut open: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for found in open_of_subscriptions(repo, merchant, &incomplete).await? {
        if let Some(subscription) = found.invoice.subscription {
            open.entry(subscription).or_default().push(found);
        }
    }
    Ok(open)
}

/// The open invoices of these subscriptions, each with its payment and case.
pub(super) async fn open_of_subscriptions(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    subscriptions: &[Id<kind::Subscription>],
) -> Result<Vec<OpenInvoice>, StoreError> {
    let invoices = repo.open_invoices_of_subscriptions(merchant.id, subscriptions).await?;
    let ids: Vec<_> = invoices.iter().map(|invoice| invoice.id).collect();
    let payments = repo.payments_of_invoices(merchant.id, &ids).await?;
    let mut payments: BTreeMap<_, _> = payments.into_iter().map(|p| (p.invoice, p)).collect();
    let cases = repo.open_cases_of_invoices(merchant.id, &ids).await?;
    let mut cases: BTreeMap<_, _> = cases.into_iter().map(|case| (case.invoice, case)).collect();
    Ok(invoices
        .into_iter()
        .map(|invoice| OpenInvoice {
            payment: payments.remove(&invoice.id),
            case: cases.remove(&invoice.id),
            invoice,
        })
        .collect())
}

/// What else is owed for the subscriptions with which dunning came to its end by `changes`, in the same
/// transaction: it is given up with those that it ended, and what was planned for those that it left
/// unpaid is taken back.
pub(super) async fn given_up_with(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    changes: &Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Changes, StoreError> {
    let by_dunning = |subscription: &&Subscription| {
        let cause = subscription.cancellation.as_ref().map(|planned| planned.cause);
        subscription.state.is_over() && cause == Some(CancellationCause::Dunning)
    };
    let ended: Vec<_> = changes.subscriptions.iter().filter(by_dunning).map(|s| s.id).collect();
    let became_unpaid = |subscription: &&Subscription| {
        let subject = Subject::Subscription(subscription.id);
        let mut told = changes.events.iter().filter(|event| event.subject == subject);
        told.any(|event| event.kind == EventKind::SubscriptionUnpaid)
    };
    let unpaid: Vec<_> = changes.subscriptions.iter().filter(became_unpaid).map(|s| s.id).collect();
    let mut more = Changes::default();
    if !ended.is_empty() {
        for open in open_of_subscriptions(repo, merchant, &ended).await? {
            if changes.invoices.iter().all(|changed| changed.id != open.invoice.id) {
                more.append(closing::give_up(open, now, mint));
            }
        }
    }
    if !unpaid.is_empty() {
        let open = open_of_subscriptions(repo, merchant, &unpaid).await?;
        let untouched = |id: &Id<kind::Payment>| changes.payments.iter().all(|p| p.id != *id);
        let planned: Vec<_> = open
            .iter()
            .filter_map(|open| Some(open.payment.as_ref()?.id))
            .filter(untouched)
            .collect();
        for owed in standing::load_owed(repo, merchant, &planned, now).await? {
            more.append(settle::unplan(owed, now, mint));
        }
    }
    Ok(more)
}

/// The terms by which a subscription's next cycle is billed: those of its planned change, if any.
pub(super) fn next_terms(subscription: &Subscription) -> (Id<kind::Plan>, VersionNumber) {
    let coming = subscription.at_renewal();
    (coming.plan, coming.plan_version)
}

/// Reads the terms of these versions of plans.
pub(super) async fn terms_of(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    mut keys: Vec<(Id<kind::Plan>, VersionNumber)>,
) -> Result<BTreeMap<(Id<kind::Plan>, VersionNumber), Terms>, StoreError> {
    keys.sort_unstable();
    keys.dedup();
    let versions = repo.plan_versions(merchant.id, &keys).await?;
    Ok(versions.into_iter().map(|v| ((v.plan, v.number), v.terms)).collect())
}

async fn load(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    subscriptions: Vec<Subscription>,
) -> Result<Vec<Due>, StoreError> {
    let customers = repo.customers(merchant.id, &ids_of(&subscriptions, |s| s.customer)).await?;
    let customers = by_id(customers, |customer| customer.id);
    let keys: Vec<_> = subscriptions.iter().map(next_terms).collect();
    let plans = repo.plans(merchant.id, &ids_of(&keys, |(plan, _)| *plan)).await?;
    let plans = by_id(plans, |plan| plan.id);
    let terms = terms_of(repo, merchant, keys).await?;
    let paying = |s: &Subscription| s.payment_method.or(customers[&s.customer].default_method);
    let methods: Vec<_> = subscriptions.iter().filter_map(paying).collect();
    let methods = repo.payment_methods(merchant.id, &ids_of(&methods, |id| *id)).await?;
    let methods = by_id(methods, |method| method.id);
    let open = open_invoices(repo, merchant, &subscriptions).await?;

    Ok(subscriptions
        .into_iter()
        .map(|subscription| {
            let key = next_terms(&subscription);
            let method = paying(&subscription).and_then(|id| methods.get(&id));
            Due {
                customer: customers[&subscription.customer].clone(),
                plan_name: plans[&key.0].name.clone(),
                terms: terms[&key].clone(),
                card_expiry: method.and_then(|method| method.expiry),
                open: open.get(&subscription.id).cloned().unwrap_or_default(),
                subscription,
            }
        })
        .collect())
}
