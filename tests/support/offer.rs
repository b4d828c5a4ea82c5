//! Plans that the portal sells, and the ladders that follow a failed charge.

use rondo::grpc::proto::v1::{
    self,
    billing_interval::Unit,
    dunning_ladder::{FinalAction, Mail, Step},
    price_component::Model,
};

use super::{api::money, world::World};

/// A plan to be: a flat price a month, unless something else is said.
#[must_use = "it is made by `create`"]
pub struct NewPlan<'a> {
    world: &'a World,
    plan: v1::Plan,
}

impl World {
    /// A plan of this name and price, for example `20.00 EUR`.
    pub fn plan(&self, name: &str, price: &str) -> NewPlan<'_> {
        let plan = v1::Plan {
            display_name: name.to_owned(),
            terms: Some(monthly(price)),
            ..Default::default()
        };
        NewPlan { world: self, plan }
    }

    /// A ladder of these steps, and what comes at its end: `dunningPolicies/dp_…`. It turns without
    /// jitter and at any hour, so that a story can say the minute.
    pub async fn policy(&self, steps: Vec<Step>, final_action: FinalAction) -> String {
        let request = v1::CreateDunningPolicyRequest {
            dunning_policy: Some(v1::DunningPolicy {
                display_name: "Ladder".to_owned(),
                ladder: Some(ladder(steps, final_action)),
                ..Default::default()
            }),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.dunning().create_dunning_policy(request).await.unwrap().into_inner().name
    }

    /// From now on a policy has these steps, and this at its end.
    pub async fn policy_becomes(&self, name: &str, steps: Vec<Step>, final_action: FinalAction) {
        let request = v1::GetDunningPolicyRequest { name: name.to_owned() };
        let known = self.api.dunning().get_dunning_policy(request).await.unwrap().into_inner();
        let request = v1::UpdateDunningPolicyRequest {
            dunning_policy: Some(v1::DunningPolicy {
                ladder: Some(ladder(steps, final_action)),
                ..known
            }),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.dunning().update_dunning_policy(request).await.unwrap();
    }
}

fn ladder(steps: Vec<Step>, final_action: FinalAction) -> v1::DunningLadder {
    v1::DunningLadder {
        backup_method: steps.iter().any(|step| step.try_backup),
        steps,
        final_action: final_action.into(),
        window: Some(v1::dunning_ladder::Window { start_hour: 0, end_hour: 24 }),
        ..Default::default()
    }
}

/// Terms of this price a month.
pub fn monthly(price: &str) -> v1::PlanTerms {
    v1::PlanTerms {
        interval: Some(v1::BillingInterval { unit: Unit::Month.into(), count: 1 }),
        components: vec![v1::PriceComponent {
            label: "Membership".to_owned(),
            model: Model::Flat.into(),
            amounts: vec![money(price)],
        }],
        entitlements: vec!["courses".to_owned()],
        ..Default::default()
    }
}

/// A step that tries the first card again, so many days after the one before, and writes of it.
pub fn retry(after_days: i32) -> Step {
    Step {
        after_days,
        retry: true,
        mail: Mail::Reminder.into(),
        access: v1::Access::Grace.into(),
        ..Default::default()
    }
}

/// A step that tries the backup card in the place of the first.
pub fn try_backup(after_days: i32) -> Step {
    Step { try_backup: true, ..retry(after_days) }
}

impl NewPlan<'_> {
    fn with_terms(mut self, change: impl FnOnce(&mut v1::PlanTerms)) -> Self {
        change(self.plan.terms.as_mut().unwrap());
        self
    }

    /// Billed once a day.
    pub fn daily(self) -> Self {
        self.with_terms(|terms| terms.interval.as_mut().unwrap().unit = Unit::Day.into())
    }

    /// Billed once a year.
    pub fn yearly(self) -> Self {
        self.with_terms(|terms| terms.interval.as_mut().unwrap().unit = Unit::Year.into())
    }

    /// Billed from the first day of the calendar's year or month on.
    pub fn by_the_calendar(self) -> Self {
        self.with_terms(|terms| terms.alignment = v1::plan_terms::Alignment::Calendar.into())
    }

    /// The price is for each seat.
    pub fn per_seat(self) -> Self {
        self.with_terms(|terms| terms.components[0].model = Model::PerSeat.into())
    }

    /// Free for so many days at first.
    pub fn with_trial(self, days: i32) -> Self {
        self.with_terms(|terms| terms.trial_days = days)
    }

    /// Opens this.
    pub fn opening(self, entitlement: &str) -> Self {
        self.with_terms(|terms| terms.entitlements = vec![entitlement.to_owned()])
    }

    /// What follows a failed charge.
    pub fn dunned_by(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.plan.dunning_policy);
        self
    }

    /// Makes it.
    pub async fn create(self) -> v1::Plan {
        let api = &self.world.api;
        let request = v1::CreatePlanRequest {
            plan: Some(self.plan),
            request_id: api.request_id(),
            ..Default::default()
        };
        api.plans().create_plan(request).await.unwrap().into_inner()
    }
}
