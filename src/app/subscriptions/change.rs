//! Another plan or number of seats from the next renewal on. What was paid for stays as it is.

use super::{fact_key, quantity_fault, refused, seen_as, terms, write};
use crate::{
    app::{Act, AppError, Result},
    domain::{
        calendar::Period,
        catalog::{NoPrice, Plan, Terms},
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        money::Money,
        notice::{CyclePrice, Facts, Notice},
        subscription::{ScheduledChange, Subscription},
        version::Version,
    },
};

/// What is to change at the next renewal; what is absent stays, or comes as it was planned before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// The plan, in its current version.
    pub plan: Option<Id<kind::Plan>>,
    /// The seats.
    pub quantity: Option<u32>,
}

/// Plans a change for the next renewal. Of one that was planned before, what is not said anew stays: more
/// seats do not take back a new price that comes then. The payer is told if the price changes. `seen` is the version that the caller has read, if they told it.
pub async fn change(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
    wanted: Change,
) -> Result<Subscription> {
    if wanted == Change::default() {
        return Err(AppError::invalid("plan", "or quantity must be set"));
    }
    let mut subscription = seen_as(act, id, seen).await?;
    let before = subscription.scheduled_change;
    let then = before.unwrap_or(ScheduledChange {
        plan: subscription.plan,
        plan_version: subscription.plan_version,
        quantity: subscription.quantity,
    });
    let plan = destination(act, then.plan, wanted.plan).await?;
    let plan_version = wanted.plan.map_or(then.plan_version, |_| plan.current);
    let quantity = wanted.quantity.unwrap_or(then.quantity);
    let new = terms(act, (plan.id, plan_version)).await?;
    if let Some(message) = quantity_fault(&new, quantity) {
        return Err(AppError::invalid("quantity", message));
    }
    let new_amount = recurring(&subscription, &new, quantity)?;

    let change = ScheduledChange { plan: plan.id, plan_version, quantity };
    subscription.schedule(change).map_err(|not_now| refused(id, &not_now))?;
    if subscription.scheduled_change == before {
        return Ok(subscription);
    }
    let old = terms(act, (subscription.plan, subscription.plan_version)).await?;
    let old_amount = recurring(&subscription, &old, subscription.quantity)?;
    let is_told = subscription.scheduled_change.is_some()
        && (old_amount != new_amount || old.interval != new.interval);
    let old = CyclePrice { amount: old_amount, interval: old.interval };
    let new = CyclePrice { amount: new_amount, interval: new.interval };
    let notice = is_told.then(|| announcement(act, &subscription, &plan, old, new));
    let kind = EventKind::SubscriptionChangeScheduled;
    write(act, subscription, kind, notice, Changes::default()).await
}

/// Drops the planned change.
pub async fn undo_change(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
) -> Result<Subscription> {
    let mut subscription = seen_as(act, id, seen).await?;
    subscription.unschedule().map_err(|not_now| refused(id, &not_now))?;
    // The schedule changed: readers look at the subscription for what it is now.
    let kind = EventKind::SubscriptionChangeScheduled;
    write(act, subscription, kind, None, Changes::default()).await
}

/// The plan from the next renewal on. Whoever has a retired plan keeps it, and nobody gets it.
async fn destination(
    act: &mut Act<'_>,
    otherwise: Id<kind::Plan>,
    wanted: Option<Id<kind::Plan>>,
) -> Result<Plan> {
    let id = wanted.unwrap_or(otherwise);
    let found = act.repo.plans(act.merchant.id, &[id]).await?.into_iter().next();
    found
        .filter(|plan| plan.is_sold() || wanted.is_none())
        .ok_or_else(|| AppError::invalid("plan", "must be one of your active plans"))
}

fn recurring(subscription: &Subscription, terms: &Terms, quantity: u32) -> Result<Money> {
    terms.recurring_total(subscription.currency, quantity).map_err(|fault| match fault {
        NoPrice::Currency { .. } => {
            let currency = subscription.currency;
            let message =
                format!("must be sold in {currency}, in which the subscription is billed");
            AppError::invalid("plan", message)
        }
        NoPrice::Money(_) => {
            AppError::invalid("quantity", "must be smaller: the price is beyond what can be billed")
        }
    })
}

fn announcement(
    act: &Act<'_>,
    subscription: &Subscription,
    plan: &Plan,
    old: CyclePrice,
    new: CyclePrice,
) -> Notice {
    let next_cycle = subscription.current_period.map(Period::end).or(subscription.trial_end);
    let changes_at = next_cycle.or(subscription.due_at).unwrap_or(act.now());
    let new_plan_name = plan.name.clone();
    let facts = Facts::PlanChanging { changes_at, new_plan_name, old, new };
    let key = fact_key("plan_changing", subscription);
    Notice::new(subscription.merchant, subscription.customer, facts, key, act.now(), act.mint)
        .about_subscription(subscription.id)
}
