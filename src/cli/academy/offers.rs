//! What the academy sells: three plans, and a course that is sold once.

use super::members::Membership;
use crate::grpc::proto::{
    google::r#type::Money,
    v1::{
        self, BillingInterval, Plan, PlanTerms, PriceComponent, billing_interval::Unit,
        price_component::Model,
    },
};

/// The names of the published plans.
#[derive(Debug, Clone)]
pub struct Plans {
    monthly: String,
    yearly: String,
    team: String,
}

impl Plans {
    /// The plan of a membership, `plans/plan_…`.
    pub fn of(&self, membership: Membership) -> &str {
        match membership {
            Membership::Monthly => &self.monthly,
            Membership::Yearly => &self.yearly,
            Membership::Team => &self.team,
        }
    }
}

/// Publishes the plans: `publish` makes one, and tells its name.
pub async fn publish(
    publish: impl AsyncFn(Plan) -> anyhow::Result<String>,
) -> anyhow::Result<Plans> {
    let [monthly, yearly, team] = [monthly(), yearly(), team()];
    Ok(Plans {
        monthly: publish(monthly).await?,
        yearly: publish(yearly).await?,
        team: publish(team).await?,
    })
}

fn monthly() -> Plan {
    let components = vec![price("Membership", Model::Flat, 12, 13)];
    plan("Membership monthly", Unit::Month, 0, components)
}

fn yearly() -> Plan {
    let components = vec![price("Membership", Model::Flat, 120, 130)];
    plan("Membership yearly", Unit::Year, 0, components)
}

fn team() -> Plan {
    let components = vec![
        price("Seat", Model::PerSeat, 9, 10),
        price("Set-up of the team", Model::OneTime, 25, 27),
    ];
    plan("Team", Unit::Month, 14, components)
}

fn plan(display_name: &str, unit: Unit, trial_days: i32, components: Vec<PriceComponent>) -> Plan {
    Plan {
        display_name: display_name.to_owned(),
        terms: Some(PlanTerms {
            interval: Some(BillingInterval { unit: unit.into(), count: 1 }),
            trial_days,
            components,
            entitlements: vec!["library".to_owned()],
            ..PlanTerms::default()
        }),
        ..Plan::default()
    }
}

fn price(label: &str, model: Model, euros: i64, dollars: i64) -> PriceComponent {
    PriceComponent {
        label: label.to_owned(),
        model: model.into(),
        amounts: vec![money("EUR", euros), money("USD", dollars)],
    }
}

/// What the course that is sold once opens.
pub const COURSE: &str = "course:rust-from-scratch";

/// The course that is sold once, as the line of an invoice.
pub fn course(currency: &str) -> v1::invoice::Line {
    v1::invoice::Line {
        label: "Course: Rust from scratch".to_owned(),
        unit_price: Some(money(currency, 49)),
        quantity: 1,
        ..v1::invoice::Line::default()
    }
}

fn money(currency: &str, units: i64) -> Money {
    Money { currency_code: currency.to_owned(), units, nanos: 0 }
}

/// Half of an amount in a currency of two digits, the odd cent left out.
pub fn half(amount: &Money) -> Money {
    const NANOS_A_CENT: i64 = 10_000_000;
    let all = amount.units * 100 + i64::from(amount.nanos) / NANOS_A_CENT;
    let cents = all / 2;
    let nanos = i32::try_from(cents % 100 * NANOS_A_CENT).expect("less than a unit");
    Money { currency_code: amount.currency_code.clone(), units: cents / 100, nanos }
}
