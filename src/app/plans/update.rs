//! Changes a plan. New terms become a new version; those who run on older ones keep them, get the
//! new ones at their next renewal, or get them now.

use super::{
    Effect, PlanWithTerms, Treatment, check_policy, current_version, event,
    existing::{self, Destination, Running, Treated},
    name_faults, plan_with_terms, terms_faults, unless_deleted,
};
use crate::{
    app::{Act, AppError, Result},
    domain::{
        calendar::{Alignment, Interval},
        catalog::{Plan, PriceComponent, Terms},
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        labels::Labels,
        notice::reminder,
        subscription::Subscription,
        version::Version,
    },
};

/// What is to be changed of a plan; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanUpdate {
    /// Its name.
    pub name: Option<String>,
    /// How long a cycle is.
    pub interval: Option<Interval>,
    /// Where cycles begin.
    pub alignment: Option<Alignment>,
    /// Free days before the first charge.
    pub trial_days: Option<u32>,
    /// What a cycle costs.
    pub components: Option<Vec<PriceComponent>>,
    /// What it opens in the portal.
    pub entitlements: Option<Vec<String>>,
    /// The dunning policy; the inner absence means the merchant's.
    pub dunning_policy: Option<Option<Id<kind::DunningPolicy>>>,
    /// The portal's own words about it.
    pub labels: Option<Labels>,
}

/// What becomes of running subscriptions when their plan gets new terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUpdate {
    /// They keep the version that they have.
    Keep,
    /// They get the new version at their next renewal.
    AtRenewal,
    /// They get the new version at once, and are billed by it from the next cycle on.
    Now,
}

/// Changes a plan, and says what that does to those who have it. `seen` is the version that the
/// caller has read, if they told it.
pub async fn update_plan(
    act: &mut Act<'_>,
    id: Id<kind::Plan>,
    seen: Option<Version>,
    update: PlanUpdate,
    existing: Option<OnUpdate>,
) -> Result<(PlanWithTerms, Effect)> {
    act.repo.lock_plans(act.merchant_id(), &[id]).await?;
    let PlanWithTerms { mut plan, terms: old } = plan_with_terms(act, id).await?;
    AppError::check_etag(id, seen, plan.version)?;
    unless_deleted(&plan)?;
    let terms = update.applied_to(old.clone());
    let mut faults = update.name.as_deref().map(name_faults).unwrap_or_default();
    faults.append(&mut terms_faults(&terms));
    if !faults.is_empty() {
        return Err(AppError::Invalid(faults));
    }
    if let Some(name) = &update.name {
        name.trim().clone_into(&mut plan.name);
    }
    if let Some(policy) = update.dunning_policy {
        check_policy(act, policy).await?;
        plan.dunning_policy = policy;
    }
    if let Some(labels) = &update.labels {
        plan.labels.clone_from(labels);
    }

    let existing = (terms != old).then(|| check_existing(existing, &old, &terms)).transpose()?;
    let mut first = Changes::default();
    if existing.is_some() {
        plan.current = plan.current.next();
        first.plan_versions.push(current_version(act, &plan, terms.clone()));
    }
    first.events.push(event(act, &plan, EventKind::PlanUpdated));
    first.plans.push(plan.clone());
    act.write(first).await?;

    let mut effect = Effect::default();
    if let Some(existing) = existing {
        treat_all(act, &plan, &terms, existing, &mut effect).await?;
    }
    Ok((plan_with_terms(act, id).await?, effect))
}

fn check_existing(existing: Option<OnUpdate>, old: &Terms, new: &Terms) -> Result<OnUpdate> {
    let field = "existing_subscriptions";
    match existing {
        None => Err(AppError::invalid(
            field,
            "must say what becomes of those who run on older terms, because the terms change",
        )),
        Some(OnUpdate::Now) if !turns_alike(old, new) => Err(AppError::invalid(
            field,
            "must not be NOW when the interval or alignment changes; take AT_RENEWAL",
        )),
        Some(existing) => Ok(existing),
    }
}

impl PlanUpdate {
    fn applied_to(&self, terms: Terms) -> Terms {
        Terms {
            interval: self.interval.unwrap_or(terms.interval),
            alignment: self.alignment.unwrap_or(terms.alignment),
            trial_days: self.trial_days.unwrap_or(terms.trial_days),
            components: self.components.clone().unwrap_or(terms.components),
            entitlements: self.entitlements.clone().unwrap_or(terms.entitlements),
        }
    }
}

fn turns_alike(old: &Terms, new: &Terms) -> bool {
    old.interval == new.interval && old.alignment == new.alignment
}

async fn treat_all(
    act: &mut Act<'_>,
    plan: &Plan,
    terms: &Terms,
    how: OnUpdate,
    effect: &mut Effect,
) -> Result<()> {
    let destination = Destination { plan, number: plan.current, terms };
    let mut after = None;
    while let Some(running) = existing::page_after(act, plan.id, after).await? {
        after = running.subscriptions.last().map(|last| last.id);
        let treated = running
            .subscriptions
            .iter()
            .map(|subscription| treat(act, &running, subscription, &destination, how))
            .collect::<Result<Vec<_>>>()?;
        existing::write_page(act, &running, treated, Changes::default(), effect).await?;
    }
    Ok(())
}

fn treat(
    act: &Act<'_>,
    running: &Running,
    subscription: &Subscription,
    destination: &Destination<'_>,
    how: OnUpdate,
) -> Result<Treated> {
    let terms_now = running.terms_of(subscription);
    // Older versions may turn at another pace than the one before this.
    let may_be_now = turns_alike(terms_now, destination.terms);
    match how {
        OnUpdate::Keep => Ok(Treated {
            treatment: Treatment::Kept,
            terms_after: Some((terms_now.clone(), subscription.quantity)),
            changed: None,
            notice: None,
        }),
        OnUpdate::Now if existing::leaves(subscription) => {
            Ok(existing::leaving(subscription, terms_now))
        }
        // One that ends with its period has the terms that it paid for until then.
        OnUpdate::Now if may_be_now && subscription.cancellation.is_none() => {
            change_now(act, running, subscription, destination)
        }
        OnUpdate::AtRenewal | OnUpdate::Now => {
            let treatment = Treatment::ChangesAtRenewal;
            existing::move_at_renewal(act, running, subscription, destination, treatment)
        }
    }
}

/// Gives a subscription the new version at once. The period that was paid for stays as it is; the
/// next cycle is billed by the new terms.
fn change_now(
    act: &Act<'_>,
    running: &Running,
    subscription: &Subscription,
    destination: &Destination<'_>,
) -> Result<Treated> {
    let quantity = subscription.at_renewal().quantity;
    let notice = existing::announcement(act, running, subscription, destination, quantity)?;
    let mut changed = subscription.clone();
    changed.plan_version = destination.number;
    if let Some(change) = &mut changed.scheduled_change {
        change.plan_version = destination.number;
    }
    reminder::plan_for(&mut changed, destination.terms, act.now());
    Ok(Treated {
        treatment: Treatment::ChangedNow,
        terms_after: Some((destination.terms.clone(), quantity)),
        changed: Some((changed, EventKind::SubscriptionChanged)),
        notice,
    })
}
