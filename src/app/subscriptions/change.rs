//! Another plan or number of seats from the next renewal on. What was paid for stays as it is.

use super::{quantity_fault, refused, seen_as, terms, write};
use crate::{
    app::{Act, AppError, Result},
    domain::{
        catalog::{NoPrice, Plan},
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        notice::{
            Notice,
            plan_change::{Billing, Coming, plan_changing},
            reminder,
        },
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
/// seats do not take back a new price that comes then. The payer is told what they do not expect already: another
/// price, interval or plan, or that none of these comes after all. `seen` is the version that the caller has
/// read, if they told it.
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
    let (before, expected) = (subscription.scheduled_change, subscription.at_renewal());
    let plan = destination(act, expected.plan, wanted.plan).await?;
    let plan_version = wanted.plan.map_or(expected.plan_version, |_| plan.current);
    let quantity = wanted.quantity.unwrap_or(expected.quantity);
    let new = terms(act, (plan.id, plan_version)).await?;
    if let Some(message) = quantity_fault(&new, quantity) {
        return Err(AppError::invalid("quantity", message));
    }

    let change = ScheduledChange { plan: plan.id, plan_version, quantity };
    billing(act, &subscription, change).await?;
    subscription.schedule(change).map_err(|not_now| refused(id, &not_now))?;
    if subscription.scheduled_change == before {
        return Ok(subscription);
    }
    let notice = announcement(act, &subscription, expected).await?;
    reminder::plan_for(&mut subscription, &new, act.now());
    let kind = EventKind::SubscriptionChangeScheduled;
    write(act, subscription, kind, notice, Changes::default()).await
}

/// Drops the planned change, and tells the payer if they expect it.
pub async fn undo_change(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
) -> Result<Subscription> {
    let mut subscription = seen_as(act, id, seen).await?;
    let expected = subscription.unschedule().map_err(|not_now| refused(id, &not_now))?;
    let notice = announcement(act, &subscription, expected).await?;
    // The schedule changed: readers look at the subscription for what it is now.
    let kind = EventKind::SubscriptionChangeScheduled;
    write(act, subscription, kind, notice, Changes::default()).await
}

/// The plan from the next renewal on. Whoever has a retired plan keeps it, and nobody gets it.
async fn destination(
    act: &mut Act<'_>,
    otherwise: Id<kind::Plan>,
    wanted: Option<Id<kind::Plan>>,
) -> Result<Plan> {
    let id = wanted.unwrap_or(otherwise);
    act.repo.lock_plans(act.merchant.id, &[id]).await?;
    let found = act.repo.plans(act.merchant.id, &[id]).await?.into_iter().next();
    found
        .filter(|plan| plan.is_sold() || wanted.is_none())
        .ok_or_else(|| AppError::invalid("plan", "must be one of your active plans"))
}

/// How `subscription` is billed with this plan version and so many seats.
async fn billing(
    act: &mut Act<'_>,
    subscription: &Subscription,
    by: ScheduledChange,
) -> Result<Billing> {
    let terms = terms(act, (by.plan, by.plan_version)).await?;
    Billing::by(by.plan, &terms, subscription.currency, by.quantity).map_err(|fault| match fault {
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

/// Tells the payer what the next renewal brings, if that is not what they expect.
pub(super) async fn announcement(
    act: &mut Act<'_>,
    subscription: &Subscription,
    expected: ScheduledChange,
) -> Result<Option<Notice>> {
    let comes = subscription.at_renewal();
    let plans = act.repo.plans(act.merchant.id, &[comes.plan]).await?;
    let coming = Coming {
        now: billing(act, subscription, subscription.as_it_is()).await?,
        expected: billing(act, subscription, expected).await?,
        comes: billing(act, subscription, comes).await?,
        plan_name: &plans[0].name,
    };
    Ok(plan_changing(subscription, coming, act.now(), act.mint))
}
