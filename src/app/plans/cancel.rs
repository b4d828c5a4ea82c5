//! Retires a plan, and says what becomes of those who have it: they run on, end, or move to another.

use super::{
    Effect, PlanWithTerms, Treatment, event,
    existing::{self, Destination, Running, Treated},
    plan, plan_with_terms, unless_deleted,
};
use crate::{
    app::{Act, AppError, Result, renew},
    domain::{
        catalog::{Plan, PlanState, Terms},
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        invoice::closing,
        money::Money,
        notice::{Facts, Notice},
        subscription::{CancellationCause, Subscription, lifecycle::EndWhen},
        version::Version,
    },
};

/// What becomes of running subscriptions when their plan is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCancel {
    /// They stay as they are.
    RunOn,
    /// They end with the period that was paid for.
    EndAtPeriodEnd,
    /// They end at once; open invoices are taken back.
    EndNow,
    /// They move to this plan at their next renewal.
    MoveTo(Id<kind::Plan>),
}

/// Retires a plan, and says what that does to those who have it. A retired plan may be cancelled
/// again, to treat those differently. `seen` is the version that the caller has read, if they told
/// it.
pub async fn cancel_plan(
    act: &mut Act<'_>,
    id: Id<kind::Plan>,
    seen: Option<Version>,
    existing: OnCancel,
) -> Result<(PlanWithTerms, Effect)> {
    let joined = match existing {
        OnCancel::MoveTo(target) => vec![id, target],
        OnCancel::RunOn | OnCancel::EndAtPeriodEnd | OnCancel::EndNow => vec![id],
    };
    act.repo.lock_plans(act.merchant_id(), &joined).await?;
    let mut plan = plan(act, id).await?;
    AppError::check_etag(id, seen, plan.version)?;
    unless_deleted(&plan)?;
    let target = match existing {
        OnCancel::MoveTo(target) => Some(target_of(act, id, target).await?),
        OnCancel::RunOn | OnCancel::EndAtPeriodEnd | OnCancel::EndNow => None,
    };
    if plan.state == PlanState::Active {
        plan.state = PlanState::Retired;
        let events = vec![event(act, &plan, EventKind::PlanRetired)];
        act.write(Changes { plans: vec![plan], events, ..Changes::default() }).await?;
    }

    let mut effect = Effect::default();
    let mut after = None;
    while let Some(running) = existing::page_after(act, id, after).await? {
        after = running.subscriptions.last().map(|last| last.id);
        match (existing, &target) {
            (OnCancel::EndAtPeriodEnd, _) => {
                end(act, &running, EndWhen::AtPeriodEnd, &mut effect).await?;
            }
            (OnCancel::EndNow, _) => end(act, &running, EndWhen::Now, &mut effect).await?,
            (OnCancel::MoveTo(_), Some(target)) => {
                move_to(act, &running, target, &mut effect).await?;
            }
            (OnCancel::RunOn | OnCancel::MoveTo(_), _) => {
                let kept = running.subscriptions.iter().map(|s| kept(s, running.terms_of(s)));
                let kept = kept.collect();
                existing::write_page(act, &running, kept, Changes::default(), &mut effect).await?;
            }
        }
    }
    Ok((plan_with_terms(act, id).await?, effect))
}

async fn target_of(
    act: &mut Act<'_>,
    from: Id<kind::Plan>,
    target: Id<kind::Plan>,
) -> Result<PlanWithTerms> {
    let field = "move_to.plan";
    if from == target {
        return Err(AppError::invalid(field, "must be another plan"));
    }
    let found = act.repo.plans(act.merchant_id(), &[target]).await?;
    if !found.iter().any(Plan::is_sold) {
        return Err(AppError::invalid(field, "must be one of your active plans"));
    }
    plan_with_terms(act, target).await
}

fn kept(subscription: &Subscription, terms: &Terms) -> Treated {
    Treated {
        treatment: Treatment::Kept,
        terms_after: Some((terms.clone(), subscription.quantity)),
        changed: None,
        notice: None,
    }
}

async fn move_to(
    act: &mut Act<'_>,
    running: &Running,
    target: &PlanWithTerms,
    effect: &mut Effect,
) -> Result<()> {
    let number = target.plan.current;
    let destination = Destination { plan: &target.plan, number, terms: &target.terms };
    let treated = running
        .subscriptions
        .iter()
        .map(|subscription| {
            let treatment = Treatment::MovesAtRenewal;
            existing::move_at_renewal(act, running, subscription, &destination, treatment)
        })
        .collect::<Result<Vec<_>>>()?;
    existing::write_page(act, running, treated, Changes::default(), effect).await
}

async fn end(
    act: &mut Act<'_>,
    running: &Running,
    when: EndWhen,
    effect: &mut Effect,
) -> Result<()> {
    let now = act.now();
    let mut treated = Vec::new();
    let mut over = Vec::new();
    let mut owing = Vec::new();
    for subscription in &running.subscriptions {
        let is_leaving = subscription.cancellation.is_some() && when == EndWhen::AtPeriodEnd;
        let is_taken_back = subscription.end_takes_back(when);
        let mut subscription = subscription.clone();
        let treatment = if is_leaving {
            Treatment::AlreadyLeaving
        } else {
            subscription.cancel(when, CancellationCause::PlanRetired, now).map_err(|refusal| {
                AppError::precondition(refusal.reason(), subscription.id, refusal.to_string())
            })?;
            if subscription.state.is_over() {
                Treatment::EndedNow
            } else {
                Treatment::EndsAtPeriodEnd
            }
        };
        if treatment == Treatment::EndedNow && is_taken_back {
            over.push(subscription.id);
        } else if treatment != Treatment::AlreadyLeaving {
            owing.push(subscription.id);
        }
        treated.push((treatment, subscription));
    }

    // Nothing is charged any more once it is over (RULES CAN-4).
    let mut voided = Changes::default();
    for open in renew::open_of_subscriptions(act.repo, act.merchant, &over).await? {
        voided.append(closing::void(open, now, act.mint));
    }
    // What is overdue stays owed, and the farewell says so.
    let owed = renew::open_of_subscriptions(act.repo, act.merchant, &owing).await?;
    let owed_by =
        |id| closing::still_owed(owed.iter().filter(|open| open.invoice.subscription == Some(id)));
    let treated = treated
        .into_iter()
        .map(|(treatment, subscription)| match treatment {
            Treatment::EndedNow => {
                let owed = owed_by(subscription.id);
                ended(act, treatment, subscription, owed, EventKind::SubscriptionCanceled)
            }
            Treatment::EndsAtPeriodEnd => {
                let owed = owed_by(subscription.id);
                let kind = EventKind::SubscriptionCancellationScheduled;
                ended(act, treatment, subscription, owed, kind)
            }
            Treatment::AlreadyLeaving
            | Treatment::Kept
            | Treatment::ChangesAtRenewal
            | Treatment::ChangedNow
            | Treatment::MovesAtRenewal => {
                Treated { treatment, ..kept(&subscription, running.terms_of(&subscription)) }
            }
        })
        .collect();
    existing::write_page(act, running, treated, voided, effect).await
}

fn ended(
    act: &Act<'_>,
    treatment: Treatment,
    subscription: Subscription,
    owed: Option<Money>,
    kind: EventKind,
) -> Treated {
    Treated {
        treatment,
        terms_after: None,
        notice: farewell(act, &subscription, owed),
        changed: Some((subscription, kind)),
    }
}

/// Tells the payer that it ends, when, and what stays owed.
fn farewell(
    act: &Act<'_>,
    subscription: &Subscription,
    open_amount: Option<Money>,
) -> Option<Notice> {
    let planned = subscription.cancellation.as_ref()?;
    let facts = Facts::Cancelled {
        requested_at: planned.requested_at,
        ends_at: planned.ends_at,
        open_amount,
        can_undo: false,
        cause: planned.cause,
    };
    let key = format!("cancelled:{}:{}", subscription.id, subscription.version.next().count());
    let notice =
        Notice::new(subscription.merchant, subscription.customer, facts, key, act.now(), act.mint);
    Some(notice.about_subscription(subscription.id))
}
