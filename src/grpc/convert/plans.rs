//! Plans, their versions, and the effects of changing them.

use super::{labels, money, terms, time};
use crate::{
    app::{
        AppError, Result,
        plans::{Effect, NewPlan, OnCancel, OnUpdate, PlanUpdate, PlanWithTerms, Treatment},
    },
    domain::catalog::{PlanState, PlanVersion},
    grpc::{
        faults::{Faults, required},
        masks::Mask,
        names,
        proto::v1::{self, cancel_plan_request, plan, plan_effect},
    },
};

/// A plan as the API writes it.
pub fn plan(known: &PlanWithTerms) -> v1::Plan {
    let PlanWithTerms { plan, terms } = known;
    v1::Plan {
        name: names::name(plan.id),
        uid: plan.id.uuid().to_string(),
        display_name: plan.name.clone(),
        state: state(plan.state).into(),
        current_version: i32::try_from(plan.current.0).unwrap_or(i32::MAX),
        terms: Some(terms::to_proto(terms)),
        dunning_policy: names::optional_name(plan.dunning_policy),
        labels: plan.labels.words().clone(),
        etag: plan.version.to_string(),
        create_time: Some(time::timestamp(plan.created_at)),
        delete_time: plan.deleted_at.map(time::timestamp),
    }
}

fn state(state: PlanState) -> plan::State {
    match state {
        PlanState::Active => plan::State::Active,
        PlanState::Retired => plan::State::Retired,
    }
}

/// The state that a list is narrowed to.
pub fn wanted_state(state: plan::State) -> Option<PlanState> {
    match state {
        plan::State::Unspecified => None,
        plan::State::Active => Some(PlanState::Active),
        plan::State::Retired => Some(PlanState::Retired),
    }
}

/// A version as the API writes it.
pub fn version(version: &PlanVersion) -> v1::PlanVersion {
    v1::PlanVersion {
        name: names::version_name(version.plan, version.number),
        number: i32::try_from(version.number.0).unwrap_or(i32::MAX),
        terms: Some(terms::to_proto(&version.terms)),
        create_time: Some(time::timestamp(version.created_at)),
    }
}

/// The plan that a request wants to be published.
pub fn new_plan(request: &v1::CreatePlanRequest) -> Result<NewPlan> {
    let told = required("plan", request.plan.as_ref())?;
    let mut faults = Faults::new();
    let policy = faults.keep(names::optional_id("plan.dunning_policy", &told.dunning_policy));
    let terms = faults.keep(
        required("plan.terms", told.terms.as_ref())
            .and_then(|told| terms::from_proto("plan.terms", told)),
    );
    let labels = faults.keep(labels("plan.labels", &told.labels));
    let name = told.display_name.clone();
    let whole = policy.zip(terms).zip(labels);
    faults.finish(whole.map(|((dunning_policy, terms), labels)| NewPlan {
        name,
        terms,
        dunning_policy,
        labels,
    }))
}

/// What a request wants to be changed of a plan.
pub fn plan_update(told: &v1::Plan, request: &v1::UpdatePlanRequest) -> Result<PlanUpdate> {
    let terms = told.terms.clone().unwrap_or_default();
    let mask = Mask::read(
        request.update_mask.as_ref(),
        &[
            ("display_name", !told.display_name.is_empty()),
            ("terms.interval", terms.interval.is_some()),
            ("terms.alignment", terms.alignment != 0),
            ("terms.anchor_day", terms.anchor_day != 0),
            ("terms.trial_days", terms.trial_days != 0),
            ("terms.components", !terms.components.is_empty()),
            ("terms.entitlements", !terms.entitlements.is_empty()),
            ("dunning_policy", !told.dunning_policy.is_empty()),
            ("labels", !told.labels.is_empty()),
        ],
        &["name", "uid", "state", "current_version", "etag", "create_time", "delete_time"],
    )?;
    let mut faults = Faults::new();
    let field = "plan.terms";
    let mut update = PlanUpdate {
        name: mask.pick("display_name", told.display_name.clone()),
        ..PlanUpdate::default()
    };
    if mask.has("terms.interval") {
        update.interval = faults.keep(terms::interval(field, &terms));
    }
    if mask.has("terms.alignment") || mask.has("terms.anchor_day") {
        update.alignment = faults.keep(terms::alignment(field, &terms));
    }
    if mask.has("terms.trial_days") {
        update.trial_days = faults.keep(terms::trial_days(field, &terms));
    }
    if mask.has("terms.components") {
        update.components = faults.keep(terms::components(field, &terms));
    }
    if mask.has("terms.entitlements") {
        update.entitlements = Some(terms.entitlements);
    }
    if mask.has("dunning_policy") {
        let field = "plan.dunning_policy";
        update.dunning_policy = faults.keep(names::optional_id(field, &told.dunning_policy));
    }
    if mask.has("labels") {
        update.labels = faults.keep(labels("plan.labels", &told.labels));
    }
    faults.finish(Some(update))
}

/// What becomes of running subscriptions when terms change, if the request says so.
pub fn on_update(existing: v1::ExistingSubscriptions) -> Option<OnUpdate> {
    match existing {
        v1::ExistingSubscriptions::Unspecified => None,
        v1::ExistingSubscriptions::Keep => Some(OnUpdate::Keep),
        v1::ExistingSubscriptions::AtRenewal => Some(OnUpdate::AtRenewal),
        v1::ExistingSubscriptions::Now => Some(OnUpdate::Now),
    }
}

/// What becomes of running subscriptions when a plan is retired.
pub fn on_cancel(request: &v1::CancelPlanRequest) -> Result<OnCancel> {
    use cancel_plan_request::ExistingSubscriptions;
    match &request.existing_subscriptions {
        Some(ExistingSubscriptions::RunOn(_)) => Ok(OnCancel::RunOn),
        Some(ExistingSubscriptions::EndAtPeriodEnd(_)) => Ok(OnCancel::EndAtPeriodEnd),
        Some(ExistingSubscriptions::EndNow(_)) => Ok(OnCancel::EndNow),
        Some(ExistingSubscriptions::MoveTo(to)) => {
            names::id("move_to.plan", &to.plan).map(OnCancel::MoveTo)
        }
        None => Err(AppError::invalid(
            "existing_subscriptions",
            "must be run_on, end_at_period_end, end_now or move_to",
        )),
    }
}

/// An effect as the API writes it.
pub fn effect(effect: &Effect) -> Result<v1::PlanEffect> {
    let revenue = || -> std::result::Result<Vec<_>, crate::domain::money::MoneyError> {
        effect
            .monthly_revenue()?
            .iter()
            .map(|revenue| {
                Ok(plan_effect::RevenueChange {
                    before: Some(money::money(revenue.before)),
                    after: Some(money::money(revenue.after)),
                    change: Some(money::money(revenue.change()?)),
                })
            })
            .collect()
    };
    let too_large = |wrong: crate::domain::money::MoneyError| {
        AppError::invalid("plan.terms.components", format!("come to a sum that fails: {wrong}"))
    };
    Ok(v1::PlanEffect {
        affected: count(effect.affected),
        first_affected: effect.first_affected.iter().map(|id| names::name(*id)).collect(),
        treatments: effect
            .treatments
            .iter()
            .map(|(&how, &many)| plan_effect::TreatmentCount {
                treatment: treatment(how).into(),
                subscriptions: count(many),
            })
            .collect(),
        monthly_revenue: revenue().map_err(too_large)?,
        mails: count(effect.mails),
    })
}

fn count(many: u64) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

fn treatment(how: Treatment) -> plan_effect::Treatment {
    match how {
        Treatment::Kept => plan_effect::Treatment::Kept,
        Treatment::ChangesAtRenewal => plan_effect::Treatment::ChangesAtRenewal,
        Treatment::ChangedNow => plan_effect::Treatment::ChangedNow,
        Treatment::EndsAtPeriodEnd => plan_effect::Treatment::EndsAtPeriodEnd,
        Treatment::EndedNow => plan_effect::Treatment::EndedNow,
        Treatment::MovesAtRenewal => plan_effect::Treatment::MovesAtRenewal,
        Treatment::AlreadyLeaving => plan_effect::Treatment::AlreadyLeaving,
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;
    use crate::domain::calendar::Alignment;

    #[test]
    fn an_update_is_about_what_its_mask_names() {
        let told = v1::Plan { display_name: "Premium".to_owned(), ..Default::default() };
        let request = |paths: &[&str]| v1::UpdatePlanRequest {
            update_mask: Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() }),
            ..Default::default()
        };
        let update = plan_update(&told, &request(&["display_name"])).unwrap();
        let renamed = PlanUpdate { name: Some("Premium".to_owned()), ..PlanUpdate::default() };
        assert_eq!(update, renamed);

        let cleared =
            plan_update(&told, &request(&["dunning_policy", "terms.trial_days"])).unwrap();
        assert_eq!(cleared.dunning_policy, Some(None));
        assert_eq!(cleared.trial_days, Some(0));

        let terms = v1::PlanTerms {
            alignment: v1::plan_terms::Alignment::AnchorDay.into(),
            anchor_day: 15,
            ..Default::default()
        };
        let told_day = v1::Plan { terms: Some(terms), ..told.clone() };
        let update = plan_update(&told_day, &request(&["terms.anchor_day"])).unwrap();
        assert!(matches!(update.alignment, Some(Alignment::AnchorDay { .. })), "{update:?}");

        let refusal = plan_update(&told, &request(&["terms"])).unwrap_err().to_string();
        assert_eq!(refusal, "plan.terms.interval must be set");
    }

    #[test]
    fn a_cancellation_must_say_what_becomes_of_those_who_have_the_plan() {
        let refusal = on_cancel(&v1::CancelPlanRequest::default()).unwrap_err().to_string();
        assert!(refusal.starts_with("existing_subscriptions must be run_on"), "{refusal}");
    }
}
