//! Plans: publishing one, changing it, retiring it, deleting it, and what becomes of those who have it.
//!
//! A change and its preview are one operation; a preview is not committed. What a cycle costs is
//! decided by [`crate::domain::catalog`], when a subscription moves by [`crate::domain::subscription`].

mod cancel;
mod delete;
mod effect;
mod existing;
mod update;

pub use cancel::{OnCancel, cancel_plan};
pub use delete::{delete_plan, undelete_plan};
pub use effect::{Effect, RevenueChange, Treatment};
pub use update::{OnUpdate, PlanUpdate, update_plan};

use super::{Act, AppError, Result, Violation, dunning, entitlements, line};
use crate::domain::{
    catalog::{Plan, PlanState, PlanVersion, Terms, VersionNumber},
    changes::Changes,
    event::{Event, EventKind, Subject},
    ids::{Id, kind},
    labels::Labels,
    version::Version,
};

/// The longest name of a plan, in characters.
const NAME_MAX_CHARS: usize = 200;
/// The most price components of a plan.
const COMPONENTS_MAX: usize = 50;

/// A plan to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// Its name, as members read it.
    pub name: String,
    /// Its terms.
    pub terms: Terms,
    /// The dunning policy; the merchant's if absent.
    pub dunning_policy: Option<Id<kind::DunningPolicy>>,
    /// The portal's own words about it.
    pub labels: Labels,
}

/// A plan with the terms of its current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanWithTerms {
    /// The plan.
    pub plan: Plan,
    /// The terms that new subscriptions get.
    pub terms: Terms,
}

/// Publishes a plan with its first version.
pub async fn create_plan(act: &mut Act<'_>, new: NewPlan) -> Result<PlanWithTerms> {
    let mut faults = name_faults(&new.name);
    faults.append(&mut terms_faults(&new.terms));
    if !faults.is_empty() {
        return Err(AppError::Invalid(faults));
    }
    check_policy(act, new.dunning_policy).await?;
    let plan = Plan {
        merchant: act.merchant_id(),
        id: act.id(),
        name: new.name.trim().to_owned(),
        state: PlanState::Active,
        current: VersionNumber::FIRST,
        dunning_policy: new.dunning_policy,
        labels: new.labels,
        created_at: act.now(),
        deleted_at: None,
        version: Version::NEW,
    };
    let version = current_version(act, &plan, new.terms);
    let id = plan.id;
    let event = event(act, &plan, EventKind::PlanCreated);
    act.write(Changes {
        plans: vec![plan],
        plan_versions: vec![version],
        events: vec![event],
        ..Changes::default()
    })
    .await?;
    plan_with_terms(act, id).await
}

/// A plan with its current terms, or that there is none.
pub async fn plan_with_terms(act: &mut Act<'_>, id: Id<kind::Plan>) -> Result<PlanWithTerms> {
    let plan = plan(act, id).await?;
    let mut all = with_terms(act, vec![plan]).await?;
    Ok(all.remove(0))
}

/// These plans with their current terms, in the order given.
pub async fn with_terms(act: &mut Act<'_>, plans: Vec<Plan>) -> Result<Vec<PlanWithTerms>> {
    let keys: Vec<_> = plans.iter().map(|plan| (plan.id, plan.current)).collect();
    let versions = act.repo.plan_versions(act.merchant.id, &keys).await?;
    Ok(plans
        .into_iter()
        .map(|plan| {
            let current = versions
                .iter()
                .find(|version| (version.plan, version.number) == (plan.id, plan.current))
                .expect("a plan is written together with its current version");
            PlanWithTerms { terms: current.terms.clone(), plan }
        })
        .collect())
}

/// A version of a plan, or that there is none.
pub async fn plan_version(
    act: &mut Act<'_>,
    plan: Id<kind::Plan>,
    number: VersionNumber,
) -> Result<PlanVersion> {
    let found = act.repo.plan_versions(act.merchant.id, &[(plan, number)]).await?;
    let id = || format!("{plan}/versions/{}", number.0);
    found.into_iter().next().ok_or_else(|| AppError::NotFound { id: id() })
}

async fn plan(act: &mut Act<'_>, id: Id<kind::Plan>) -> Result<Plan> {
    let found = act.repo.plans(act.merchant.id, &[id]).await?;
    found.into_iter().next().ok_or_else(|| AppError::not_found(id))
}

fn unless_deleted(plan: &Plan) -> Result<()> {
    if plan.deleted_at.is_some() {
        let message = "the plan is deleted; undelete it first";
        return Err(AppError::precondition("PLAN_DELETED", plan.id, message));
    }
    Ok(())
}

fn current_version(act: &Act<'_>, plan: &Plan, terms: Terms) -> PlanVersion {
    let (merchant, number) = (plan.merchant, plan.current);
    PlanVersion { merchant, plan: plan.id, number, terms, created_at: act.now() }
}

async fn check_policy(act: &mut Act<'_>, policy: Option<Id<kind::DunningPolicy>>) -> Result<()> {
    let Some(policy) = policy else { return Ok(()) };
    let (merchant, now) = (act.merchant_id(), act.now());
    dunning::check_named(act.repo, merchant, policy, "plan.dunning_policy", now).await
}

fn event(act: &Act<'_>, plan: &Plan, kind: EventKind) -> Event {
    Event::new(kind, plan.merchant, Subject::Plan(plan.id), plan.version, act.now(), act.mint)
}

fn name_faults(name: &str) -> Vec<Violation> {
    let fault = line::fault(name, NAME_MAX_CHARS);
    let field = "plan.display_name".to_owned();
    fault.map(|message| Violation { field, message }).into_iter().collect()
}

/// All that is wrong with terms, as the fields of a request name it.
fn terms_faults(terms: &Terms) -> Vec<Violation> {
    let mut faults: Vec<_> = terms
        .faults()
        .into_iter()
        .map(|fault| Violation {
            field: format!("plan.terms.{}", fault.field),
            message: fault.message,
        })
        .collect();
    let mut fault = |field: String, message: String| faults.push(Violation { field, message });
    if terms.components.len() > COMPONENTS_MAX {
        fault("plan.terms.components".into(), format!("must hold at most {COMPONENTS_MAX}"));
    }
    faults.append(&mut entitlements::faults("plan.terms.entitlements", &terms.entitlements));
    faults
}
