//! Dunning policies. Open cases keep the ladder that they began with: a change is for new ones.

use chrono::{DateTime, Utc};

use crate::{
    app::{Act, AppError, Result, Violation},
    domain::{
        catalog::Plan,
        changes::Changes,
        dunning::{BadName, DunningPolicy, Ladder, LadderDraft, LadderFault},
        ids::{Id, kind},
        payment::rules::RuleBook,
        version::Version,
    },
    store::{Page, PlanFilter, Repository},
};

/// Plans that are read at once.
const PAGE: usize = 500;

/// What is changed of a policy; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Its ladder.
    pub ladder: Option<LadderDraft>,
}

/// Keeps a policy. A ladder that could break a network's limit, by today's rules or by those that are
/// announced, is refused (RULES RET-6).
pub async fn create_policy(
    act: &mut Act<'_>,
    name: &str,
    ladder: LadderDraft,
) -> Result<DunningPolicy> {
    let ladder = checked(act, ladder);
    let made = |ladder| DunningPolicy::new(act.merchant_id(), name, ladder, act.now(), act.mint);
    let policy = both(ladder, made)?;
    write(act, policy).await
}

/// A policy, deleted ones too, or that there is none.
pub async fn policy(act: &mut Act<'_>, id: Id<kind::DunningPolicy>) -> Result<DunningPolicy> {
    let found = act.repo.dunning_policies(act.merchant.id, &[id]).await?;
    found.into_iter().next().ok_or_else(|| AppError::not_found(id))
}

/// Changes a policy. `seen` is the version that the caller has read, if they told it.
pub async fn update_policy(
    act: &mut Act<'_>,
    id: Id<kind::DunningPolicy>,
    seen: Option<Version>,
    update: PolicyUpdate,
) -> Result<DunningPolicy> {
    let policy = existing(act, id, seen).await?;
    let name = update.name.unwrap_or_else(|| policy.name.clone());
    // A ladder that is not touched is not judged by newer rules.
    let ladder =
        update.ladder.map_or_else(|| Ok(policy.ladder.clone()), |draft| checked(act, draft));
    let revised = both(ladder, |ladder| policy.revised(&name, ladder))?;
    if revised == policy {
        return Ok(policy);
    }
    write(act, revised).await
}

/// Deletes a policy, softly. Refused while the merchant or a plan goes by it.
pub async fn delete_policy(
    act: &mut Act<'_>,
    id: Id<kind::DunningPolicy>,
    seen: Option<Version>,
) -> Result<DunningPolicy> {
    let mut policy = existing(act, id, seen).await?;
    if act.merchant.dunning_policy == Some(id) {
        let message = "it is the merchant's default; name another first";
        return Err(AppError::precondition("POLICY_IN_USE", id, message));
    }
    if let Some(plan) = plan_with(act, id).await? {
        let message = format!("{} goes by it; give that plan another first", plan.id);
        let refusal = AppError::precondition("POLICY_IN_USE", id, message);
        return Err(refusal.with("plan", plan.id.to_string()));
    }
    policy.deleted_at = Some(act.now());
    write(act, policy).await
}

/// A plan that names the policy, retired ones too: they may still have subscribers. A deleted one may
/// come back.
async fn plan_with(act: &mut Act<'_>, policy: Id<kind::DunningPolicy>) -> Result<Option<Plan>> {
    let all = PlanFilter { show_deleted: true, ..PlanFilter::default() };
    let mut after = None;
    loop {
        let page = Page { after, limit: PAGE };
        let plans = act.repo.list_plans(act.merchant.id, &all, page).await?;
        let Some(last) = plans.last() else { return Ok(None) };
        after = Some(last.id);
        if let Some(found) = plans.into_iter().find(|plan| plan.dunning_policy == Some(policy)) {
            return Ok(Some(found));
        }
    }
}

async fn existing(
    act: &mut Act<'_>,
    id: Id<kind::DunningPolicy>,
    seen: Option<Version>,
) -> Result<DunningPolicy> {
    let policy = policy(act, id).await?;
    AppError::check_etag(id, seen, policy.version)?;
    if policy.deleted_at.is_some() {
        return Err(AppError::precondition("POLICY_DELETED", id, "the policy is deleted"));
    }
    Ok(policy)
}

async fn write(act: &mut Act<'_>, policy: DunningPolicy) -> Result<DunningPolicy> {
    let id = policy.id;
    act.write(Changes { dunning_policies: vec![policy], ..Changes::default() }).await?;
    self::policy(act, id).await
}

/// Refuses that a plan or a merchant goes by `policy`, told as `field`, if it is none of the merchant's or
/// if its ladder could break a limit that came after it was saved (RULES RET-6).
pub async fn check_named(
    repo: &mut dyn Repository,
    merchant: Id<kind::Merchant>,
    policy: Id<kind::DunningPolicy>,
    field: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let found = repo.dunning_policies(merchant, &[policy]).await?;
    let Some(policy) = found.into_iter().find(|policy| policy.deleted_at.is_none()) else {
        let message = "must be one of the merchant's dunning policies";
        return Err(AppError::invalid(field, message));
    };
    match within_limits(policy.ladder.into(), now) {
        Ok(_) => Ok(()),
        Err(faults) => {
            let message = format!(
                "must keep the card networks' limits; change its ladder first: {}",
                faults[0]
            );
            Err(AppError::invalid(field, message))
        }
    }
}

/// A ladder that keeps the networks' limits as they are now and as they are known to become.
fn within_limits(draft: LadderDraft, now: DateTime<Utc>) -> Result<Ladder, Vec<LadderFault>> {
    let ladder = Ladder::new(draft, RuleBook::at(now.date_naive()))?;
    Ladder::new(ladder.into(), RuleBook::newest())
}

fn checked(act: &Act<'_>, draft: LadderDraft) -> Result<Ladder, Vec<Violation>> {
    within_limits(draft, act.now()).map_err(|faults| {
        faults
            .into_iter()
            .map(|fault| Violation {
                field: format!("dunning_policy.ladder.{}", fault.field),
                message: fault.message,
            })
            .collect()
    })
}

/// What is made of a ladder that was checked, under a name that is checked in the making: all that is
/// wrong with either is told at once.
fn both(
    ladder: Result<Ladder, Vec<Violation>>,
    make: impl Fn(Ladder) -> Result<DunningPolicy, BadName>,
) -> Result<DunningPolicy> {
    let (ladder, mut faults) = match ladder {
        Ok(ladder) => (ladder, Vec::new()),
        // Any ladder will do to learn whether the name is right.
        Err(faults) => (Ladder::standard(), faults),
    };
    match make(ladder) {
        Ok(policy) if faults.is_empty() => Ok(policy),
        Ok(_) => Err(AppError::Invalid(faults)),
        Err(BadName) => {
            let message = "must have 1 to 80 characters, and not only spaces".to_owned();
            let field = "dunning_policy.display_name".to_owned();
            faults.insert(0, Violation { field, message });
            Err(AppError::Invalid(faults))
        }
    }
}
