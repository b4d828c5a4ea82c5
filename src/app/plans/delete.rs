//! Deletes a plan that nobody has, softly, and brings it back (RULES API-8). Those who once had it and
//! their invoices refer to its versions, so that nothing of it is ever purged.

use super::{PlanWithTerms, event, existing, plan, plan_with_terms, unless_deleted};
use crate::{
    app::{Act, AppError, Result},
    domain::{
        catalog::Plan,
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        version::Version,
    },
};

/// Deletes a plan. Refused while a subscription runs on it. One that is to move there at its renewal
/// still does, as it would to a plan that was retired meanwhile. `seen` is the version that the caller
/// has read, if they told it; so too in [`undelete_plan`].
pub async fn delete_plan(
    act: &mut Act<'_>,
    id: Id<kind::Plan>,
    seen: Option<Version>,
) -> Result<PlanWithTerms> {
    let mut plan = plan(act, id).await?;
    AppError::check_etag(id, seen, plan.version)?;
    unless_deleted(&plan)?;
    let running = existing::page_after(act, id, None).await?;
    if let Some(first) = running.as_ref().and_then(|page| page.subscriptions.first()) {
        let message = format!("{} runs on it; cancel the plan to say what becomes of it", first.id);
        let refusal = AppError::precondition("SUBSCRIPTION_RUNNING", id, message);
        return Err(refusal.with("subscription", first.id.to_string()));
    }
    plan.deleted_at = Some(act.now());
    write(act, plan, EventKind::PlanDeleted).await
}

/// Brings a deleted plan back, in the state in which it was.
pub async fn undelete_plan(
    act: &mut Act<'_>,
    id: Id<kind::Plan>,
    seen: Option<Version>,
) -> Result<PlanWithTerms> {
    let mut plan = plan(act, id).await?;
    AppError::check_etag(id, seen, plan.version)?;
    if plan.deleted_at.take().is_none() {
        return Err(AppError::precondition("PLAN_NOT_DELETED", id, "the plan is not deleted"));
    }
    write(act, plan, EventKind::PlanUndeleted).await
}

async fn write(act: &mut Act<'_>, plan: Plan, kind: EventKind) -> Result<PlanWithTerms> {
    let id = plan.id;
    let events = vec![event(act, &plan, kind)];
    act.write(Changes { plans: vec![plan], events, ..Changes::default() }).await?;
    plan_with_terms(act, id).await
}
