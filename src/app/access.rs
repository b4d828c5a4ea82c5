//! What a customer may see just now: reads what they subscribed to and bought, and asks the domain.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Act, Result, index::ids_of, renew};
use crate::{
    domain::{
        ids::{Id, kind},
        invoice::{Invoice, InvoiceState},
        subscription::{
            Access, Subscription, SubscriptionState,
            access::{self, Bought, Held},
        },
    },
    store::{InvoiceFilter, Page, SubscriptionFilter},
};

pub use crate::domain::subscription::access::{AccessReport, Reason, Source};

/// Subscriptions, and purchases, that are read at once.
const PAGE: usize = 500;

/// What `customer` may see of what `entitlement` names, or of anything.
pub async fn check_access(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
    entitlement: Option<&str>,
) -> Result<AccessReport> {
    let subscriptions = subscriptions_of(act, customer).await?;
    let keys = subscriptions.iter().map(|s| (s.plan, s.plan_version)).collect();
    let terms = renew::terms_of(act.repo, act.merchant, keys).await?;
    let steps = next_steps(act, &subscriptions).await?;
    let held: Vec<_> = subscriptions
        .iter()
        .map(|subscription| Held {
            subscription,
            entitlements: &terms[&(subscription.plan, subscription.plan_version)].entitlements,
            next_step_at: steps.get(&subscription.id).copied(),
        })
        .collect();

    let purchases = purchases_of(act, customer).await?;
    let ids = ids_of(&purchases, |invoice| invoice.id);
    let payments = act.repo.payments_of_invoices(act.merchant.id, &ids).await?;
    let payments: BTreeMap<_, _> = payments.iter().map(|p| (p.invoice, p)).collect();
    let bought: Vec<_> = purchases
        .iter()
        .map(|invoice| Bought { invoice, payment: payments.get(&invoice.id).copied() })
        .collect();
    Ok(access::check(&held, &bought, entitlement, act.now()))
}

/// All that they subscribe or subscribed to.
async fn subscriptions_of(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
) -> Result<Vec<Subscription>> {
    let filter = SubscriptionFilter { customer: Some(customer), ..SubscriptionFilter::default() };
    let mut all = Vec::new();
    loop {
        let page = Page { after: all.last().map(|last: &Subscription| last.id), limit: PAGE };
        let mut rows = act.repo.list_subscriptions(act.merchant.id, &filter, page).await?;
        let is_end = rows.len() < PAGE;
        all.append(&mut rows);
        if is_end {
            return Ok(all);
        }
    }
}

/// The invoices that open something by themselves, paid or still owed.
async fn purchases_of(act: &mut Act<'_>, customer: Id<kind::Customer>) -> Result<Vec<Invoice>> {
    let filter = InvoiceFilter {
        customer: Some(customer),
        states: vec![InvoiceState::Open, InvoiceState::Paid],
        entitling_only: true,
        ..InvoiceFilter::default()
    };
    let mut all = Vec::new();
    loop {
        let page = Page { after: all.last().map(|last: &Invoice| last.id), limit: PAGE };
        let mut rows = act.repo.list_invoices(act.merchant.id, &filter, page).await?;
        let is_end = rows.len() < PAGE;
        all.append(&mut rows);
        if is_end {
            return Ok(all);
        }
    }
}

/// When dunning next decides about each of these that is overdue, the earliest of several.
async fn next_steps(
    act: &mut Act<'_>,
    subscriptions: &[Subscription],
) -> Result<BTreeMap<Id<kind::Subscription>, DateTime<Utc>>> {
    let overdue: Vec<_> = subscriptions
        .iter()
        .filter(|subscription| match subscription.state {
            SubscriptionState::PastDue => true,
            SubscriptionState::Paused => subscription.access != Access::Full,
            SubscriptionState::Incomplete
            | SubscriptionState::Trialing
            | SubscriptionState::Active
            | SubscriptionState::Unpaid
            | SubscriptionState::Canceled
            | SubscriptionState::Expired => false,
        })
        .map(|subscription| subscription.id)
        .collect();
    let mut steps = BTreeMap::new();
    for open in renew::open_of_subscriptions(act.repo, act.merchant, &overdue).await? {
        let Some(file) = open.case else { continue };
        if let Some(subscription) = file.subscription {
            let at = file.due_at.unwrap_or(file.case.ends_at());
            let earliest = steps.entry(subscription).or_insert(at);
            *earliest = at.min(*earliest);
        }
    }
    Ok(steps)
}
