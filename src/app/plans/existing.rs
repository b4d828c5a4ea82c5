//! Walks over all running subscriptions of a plan, in pages, treats each, and writes what became of
//! them.

use std::collections::BTreeMap;

use super::{Effect, Treatment};
use crate::{
    app::{Act, AppError, Result},
    domain::{
        catalog::{NoPrice, Plan, Terms, VersionNumber},
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        notice::{
            Notice,
            plan_change::{Billing, Coming, plan_changing},
            reminder,
        },
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
        self.terms(subscription.plan_version)
    }

    /// The terms and seats that the next renewal of a subscription of this page brings, as long as it does
    /// not leave the plan.
    fn expected(&self, subscription: &Subscription) -> (&Terms, u32) {
        let coming = subscription.at_renewal();
        (self.terms(coming.plan_version), coming.quantity)
    }

    fn terms(&self, number: VersionNumber) -> &Terms {
        self.terms.get(&number).expect("a subscription's version of its plan is never deleted")
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
    let mut keys: Vec<_> = subscriptions
        .iter()
        .flat_map(|s| [s.as_it_is(), s.at_renewal()])
        .filter(|billed| billed.plan == plan)
        .map(|billed| (plan, billed.plan_version))
        .collect();
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

/// One that moves to another plan already keeps the terms that it has until then.
pub(super) fn leaves(subscription: &Subscription) -> bool {
    subscription.scheduled_change.is_some_and(|change| change.plan != subscription.plan)
}

/// What becomes of a subscription that leaves the plan anyhow: nothing.
pub(super) fn leaving(subscription: &Subscription, terms_now: &Terms) -> Treated {
    Treated {
        treatment: Treatment::AlreadyLeaving,
        terms_after: Some((terms_now.clone(), subscription.quantity)),
        changed: None,
        notice: None,
    }
}

/// Moves a subscription to `destination` at its next renewal, and tells its payer if the price or the
/// plan's name changes by that. For one whose end is planned it is kept for the case that the end is
/// undone; its payer is told then.
pub(super) fn move_at_renewal(
    act: &Act<'_>,
    running: &Running,
    subscription: &Subscription,
    destination: &Destination<'_>,
    treatment: Treatment,
) -> Result<Treated> {
    let terms_now = running.terms_of(subscription);
    if leaves(subscription) {
        return Ok(leaving(subscription, terms_now));
    }
    let quantity = subscription.at_renewal().quantity;
    let change = Some(ScheduledChange {
        plan: destination.plan.id,
        plan_version: destination.number,
        quantity,
    });
    let is_new = subscription.scheduled_change != change;
    let notice = announcement(act, running, subscription, destination, quantity)?;
    let mut changed = Subscription { scheduled_change: change, ..subscription.clone() };
    reminder::plan_for(&mut changed, destination.terms, act.now());
    let changed = is_new.then_some((changed, EventKind::SubscriptionChangeScheduled));
    if subscription.cancellation.is_some() {
        return Ok(Treated { changed, ..leaving(subscription, terms_now) });
    }
    let terms_after = Some((destination.terms.clone(), quantity));
    Ok(Treated { treatment, terms_after, changed, notice })
}

/// What the payer is told if the next renewal brings `destination`.
pub(super) fn announcement(
    act: &Act<'_>,
    running: &Running,
    subscription: &Subscription,
    destination: &Destination<'_>,
    quantity: u32,
) -> Result<Option<Notice>> {
    let by = |plan, terms: &Terms, quantity| {
        Billing::by(plan, terms, subscription.currency, quantity)
            .map_err(|fault| no_price(subscription, &fault))
    };
    let (expected, seats) = running.expected(subscription);
    let coming = Coming {
        now: by(subscription.plan, running.terms_of(subscription), subscription.quantity)?,
        expected: by(subscription.plan, expected, seats)?,
        comes: by(destination.plan.id, destination.terms, quantity)?,
        plan_name: &destination.plan.name,
    };
    Ok(plan_changing(subscription, coming, act.now(), act.mint))
}

/// Nobody is moved to terms that have no price in their currency.
fn no_price(subscription: &Subscription, fault: &NoPrice) -> AppError {
    AppError::precondition(
        "NO_PRICE_IN_CURRENCY",
        subscription.id,
        format!("{} is billed in {}, but {fault}", subscription.id, subscription.currency),
    )
}
