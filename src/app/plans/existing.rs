//! Walks over all running subscriptions of a plan, in pages, treats each, and writes what became of
//! them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Effect, Treatment};
use crate::{
    app::{Act, AppError, Result},
    domain::{
        calendar::Period,
        catalog::{NoPrice, Plan, Terms, VersionNumber},
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        notice::{CyclePrice, Facts, Notice},
        subscription::{ScheduledChange, Subscription, SubscriptionState},
    },
    store::{Page, SubscriptionFilter},
};

/// Subscriptions that are read and written at once.
const PAGE: usize = 500;

/// The states of a subscription that is not over.
const RUNNING: [SubscriptionState; 6] = [
    SubscriptionState::Incomplete,
    SubscriptionState::Trialing,
    SubscriptionState::Active,
    SubscriptionState::PastDue,
    SubscriptionState::Unpaid,
    SubscriptionState::Paused,
];

/// What becomes of one subscription.
pub(super) struct Treated {
    /// How it is treated.
    pub treatment: Treatment,
    /// Terms and seats by which it is billed in the end; none if it ends.
    pub terms_after: Option<(Terms, u32)>,
    /// The subscription as it shall be, with what happened to it; none if it stays.
    pub changed: Option<(Subscription, EventKind)>,
    /// What its payer is told.
    pub notice: Option<Notice>,
}

/// Terms that a subscription moves to, and what they are called.
pub(super) struct Destination<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The version of it.
    pub number: VersionNumber,
    /// Its terms.
    pub terms: &'a Terms,
}

/// A page of a plan's running subscriptions, with the terms that each has now.
pub(super) struct Running {
    /// The subscriptions, oldest first.
    pub subscriptions: Vec<Subscription>,
    terms: BTreeMap<VersionNumber, Terms>,
}

impl Running {
    /// The terms that a subscription of this page has now.
    pub fn terms_of(&self, subscription: &Subscription) -> &Terms {
        self.terms
            .get(&subscription.plan_version)
            .expect("a subscription's version of its plan is never deleted")
    }
}

/// The page of running subscriptions of `plan` after `after`; none at the end.
pub(super) async fn page_after(
    act: &mut Act<'_>,
    plan: Id<kind::Plan>,
    after: Option<Id<kind::Subscription>>,
) -> Result<Option<Running>> {
    let filter = SubscriptionFilter {
        plan: Some(plan),
        states: RUNNING.to_vec(),
        ..SubscriptionFilter::default()
    };
    let page = Page { after, limit: PAGE };
    let merchant = act.merchant_id();
    let subscriptions = act.repo.list_subscriptions(merchant, &filter, page).await?;
    if subscriptions.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<_> = subscriptions.iter().map(|s| (plan, s.plan_version)).collect();
    keys.sort_unstable();
    keys.dedup();
    let versions = act.repo.plan_versions(merchant, &keys).await?;
    let terms = versions.into_iter().map(|version| (version.number, version.terms)).collect();
    Ok(Some(Running { subscriptions, terms }))
}

/// Counts what became of a page and writes it, together with `more`.
pub(super) async fn write_page(
    act: &mut Act<'_>,
    running: &Running,
    treated: Vec<Treated>,
    more: Changes,
    effect: &mut Effect,
) -> Result<()> {
    let mut changes = more;
    for (before, treated) in running.subscriptions.iter().zip(treated) {
        effect.count(before, treated.treatment);
        let after = treated.terms_after.as_ref().map(|(terms, quantity)| (terms, *quantity));
        effect
            .add_revenue(before, running.terms_of(before), after)
            .map_err(|fault| no_price(before, &fault))?;
        if let Some((subscription, kind)) = treated.changed {
            changes.events.push(subscription.event(kind, act.now(), act.mint));
            changes.subscriptions.push(subscription);
        }
        if let Some(notice) = treated.notice {
            effect.mails += 1;
            changes.notices.push(notice);
        }
    }
    act.write(changes).await
}

/// Moves a subscription to `destination` at its next renewal, and tells its payer if the price or
/// the plan's name changes.
pub(super) fn move_at_renewal(
    act: &Act<'_>,
    mut subscription: Subscription,
    terms_now: &Terms,
    destination: &Destination<'_>,
    treatment: Treatment,
) -> Result<Treated> {
    let leaves =
        subscription.scheduled_change.is_some_and(|change| change.plan != subscription.plan);
    if leaves || subscription.cancellation.is_some() {
        return Ok(Treated {
            treatment: Treatment::AlreadyLeaving,
            terms_after: Some((terms_now.clone(), subscription.quantity)),
            changed: None,
            notice: None,
        });
    }
    let quantity =
        subscription.scheduled_change.map_or(subscription.quantity, |change| change.quantity);
    let terms_after = Some((destination.terms.clone(), quantity));
    let change = Some(ScheduledChange {
        plan: destination.plan.id,
        plan_version: destination.number,
        quantity,
    });
    if subscription.scheduled_change == change {
        // It was told so before.
        return Ok(Treated { treatment, terms_after, changed: None, notice: None });
    }
    let notice = announcement(act, &subscription, terms_now, destination, quantity)?;
    subscription.scheduled_change = change;
    let changed = Some((subscription, EventKind::SubscriptionChangeScheduled));
    Ok(Treated { treatment, terms_after, changed, notice })
}

/// What the payer is told of a move, if there is anything to tell.
pub(super) fn announcement(
    act: &Act<'_>,
    subscription: &Subscription,
    terms_now: &Terms,
    destination: &Destination<'_>,
    quantity: u32,
) -> Result<Option<Notice>> {
    let currency = subscription.currency;
    let old_amount = terms_now
        .recurring_total(currency, subscription.quantity)
        .map_err(|fault| no_price(subscription, &fault))?;
    let new_amount = destination
        .terms
        .recurring_total(currency, quantity)
        .map_err(|fault| no_price(subscription, &fault))?;
    let is_other_plan = destination.plan.id != subscription.plan;
    if old_amount == new_amount && !is_other_plan {
        return Ok(None);
    }
    let facts = Facts::PlanChanging {
        changes_at: next_cycle_at(subscription).unwrap_or(act.now()),
        new_plan_name: destination.plan.name.clone(),
        old: CyclePrice { amount: old_amount, interval: terms_now.interval },
        new: CyclePrice { amount: new_amount, interval: destination.terms.interval },
    };
    // The subscription's own version tells this announcement from one that was taken back.
    let key = format!("plan_changing:{}:{}", subscription.id, subscription.version.next().count());
    let notice =
        Notice::new(subscription.merchant, subscription.customer, facts, key, act.now(), act.mint);
    Ok(Some(notice.about_subscription(subscription.id)))
}

/// When a subscription's next cycle begins, as far as it is known.
fn next_cycle_at(subscription: &Subscription) -> Option<DateTime<Utc>> {
    subscription.current_period.map(Period::end).or(subscription.trial_end).or(subscription.due_at)
}

/// Nobody is moved to terms that have no price in their currency.
fn no_price(subscription: &Subscription, fault: &NoPrice) -> AppError {
    AppError::precondition(
        "NO_PRICE_IN_CURRENCY",
        subscription.id,
        format!("{} is billed in {}, but {fault}", subscription.id, subscription.currency),
    )
}
