//! Ending a subscription and resting it, and back. From then on nothing is charged (RULES CAN-4);
//! an attempt that is under way goes on to its outcome, and what it still brings goes back.

use chrono::{DateTime, Utc};

use super::{card_expiry, change::announcement, fact_key, refused, seen_as, terms, write};
use crate::{
    app::{Act, AppError, Result, renew},
    domain::{
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        invoice::closing,
        money::Money,
        notice::{Facts, Notice, reminder},
        subscription::{CancellationCause, Subscription, lifecycle::EndWhen},
        version::Version,
    },
};

/// Ends a subscription at its member's wish. At once, its open invoices are taken back; with the
/// period that was paid for, what is overdue stays owed, even if that period is over by now. `seen` is
/// the version that the caller has read, if they told it.
pub async fn cancel(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
    when: EndWhen,
) -> Result<Subscription> {
    let mut subscription = seen_as(act, id, seen).await?;
    if when == EndWhen::AtPeriodEnd
        && subscription.cancellation.is_some()
        && !subscription.state.is_over()
    {
        // It was told so before.
        return Ok(subscription);
    }
    let now = act.now();
    let is_taken_back = subscription.end_takes_back(when);
    subscription
        .cancel(when, CancellationCause::Requested, now)
        .map_err(|not_now| refused(id, &not_now))?;
    let open = renew::open_of_subscriptions(act.repo, act.merchant, &[id]).await?;
    let mut more = Changes::default();
    let open_amount = if is_taken_back {
        for invoice in open {
            more.append(closing::void(invoice, now, act.mint));
        }
        None
    } else {
        closing::still_owed(&open)
    };
    let kind = if subscription.state.is_over() {
        EventKind::SubscriptionCanceled
    } else {
        EventKind::SubscriptionCancellationScheduled
    };
    let notice = farewell(act, &subscription, open_amount);
    write(act, subscription, kind, notice, more).await
}

/// Takes back an end that has not come yet. The payer is told that it goes on, and what the next renewal
/// brings, if that differs from what they have.
pub async fn undo_cancellation(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
) -> Result<Subscription> {
    let mut subscription = seen_as(act, id, seen).await?;
    subscription.undo_cancellation().map_err(|not_now| refused(id, &not_now))?;
    let terms = terms(act, renew::next_terms(&subscription)).await?;
    let expiry = card_expiry(act, &subscription).await?;
    reminder::plan_anew(&mut subscription, terms.interval, expiry, act.now());
    let mut more = Changes::default();
    more.notices.extend(announcement(act, &subscription, subscription.as_it_is()).await?);
    let notice = goes_on(act, &subscription);
    let kind = EventKind::SubscriptionCancellationUndone;
    write(act, subscription, kind, Some(notice), more).await
}

/// Rests a subscription, until `resumes_at` if that is said. What was paid for stays open.
pub async fn pause(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
    resumes_at: Option<DateTime<Utc>>,
) -> Result<Subscription> {
    let mut subscription = seen_as(act, id, seen).await?;
    if resumes_at.is_some_and(|at| at <= act.now()) {
        let message = format!("must lie in the future; it is {} now", act.now().to_rfc3339());
        return Err(AppError::invalid("resume_time", message));
    }
    subscription.pause(resumes_at, act.now()).map_err(|not_now| refused(id, &not_now))?;
    write(act, subscription, EventKind::SubscriptionPaused, None, Changes::default()).await
}

/// Goes on after a pause. If nothing that was paid for is left, a cycle begins now, and the engine
/// bills it.
pub async fn resume(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
) -> Result<Subscription> {
    let mut subscription = seen_as(act, id, seen).await?;
    let terms = terms(act, renew::next_terms(&subscription)).await?;
    subscription.resume(&terms, act.now()).map_err(|not_now| refused(id, &not_now))?;
    let expiry = card_expiry(act, &subscription).await?;
    reminder::plan_anew(&mut subscription, terms.interval, expiry, act.now());
    write(act, subscription, EventKind::SubscriptionResumed, None, Changes::default()).await
}

/// Tells the payer that it ends, and when (RULES CAN-1).
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
        can_undo: !subscription.state.is_over(),
        cause: planned.cause,
    };
    Some(told(act, subscription, facts))
}

/// Tells the payer that the end which they were told of does not come.
fn goes_on(act: &Act<'_>, subscription: &Subscription) -> Notice {
    let next_charge_at = subscription.due_at;
    told(act, subscription, Facts::CancellationUndone { undone_at: act.now(), next_charge_at })
}

fn told(act: &Act<'_>, subscription: &Subscription, facts: Facts) -> Notice {
    let key = fact_key(facts.kind(), subscription);
    Notice::new(subscription.merchant, subscription.customer, facts, key, act.now(), act.mint)
        .about_subscription(subscription.id)
}
