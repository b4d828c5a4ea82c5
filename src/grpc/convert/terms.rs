//! A plan's terms: intervals, alignments and prices.

use std::collections::BTreeMap;

use super::{money, number};
use crate::{
    app::{AppError, Result},
    domain::{
        calendar::{Alignment, AnchorDay, CalendarError, Interval, Unit},
        catalog::{PriceComponent, PriceModel, Terms},
        money::{Currency, Money},
    },
    grpc::{
        faults::{Faults, required},
        proto::v1::{self, billing_interval, plan_terms, price_component},
    },
};

/// Terms as the API writes them.
pub fn to_proto(terms: &Terms) -> v1::PlanTerms {
    let (alignment, anchor_day) = match terms.alignment {
        Alignment::Anniversary => (plan_terms::Alignment::Anniversary, 0),
        Alignment::Calendar => (plan_terms::Alignment::Calendar, 0),
        Alignment::AnchorDay { day } => (plan_terms::Alignment::AnchorDay, day.get()),
    };
    v1::PlanTerms {
        interval: Some(interval_to_proto(terms.interval)),
        alignment: alignment.into(),
        trial_days: number(terms.trial_days),
        components: terms.components.iter().map(component_to_proto).collect(),
        entitlements: terms.entitlements.clone(),
        anchor_day: number(anchor_day),
    }
}

/// The terms that a field holds.
pub fn from_proto(field: &str, terms: &v1::PlanTerms) -> Result<Terms> {
    let mut faults = Faults::new();
    let interval = faults.keep(interval(field, terms));
    let alignment = faults.keep(alignment(field, terms));
    let trial_days = faults.keep(trial_days(field, terms));
    let components = faults.keep(components(field, terms));
    let entitlements = terms.entitlements.clone();
    let whole = interval.zip(alignment).zip(trial_days.zip(components)).map(
        |((interval, alignment), (trial_days, components))| Terms {
            interval,
            alignment,
            trial_days,
            components,
            entitlements,
        },
    );
    faults.finish(whole)
}

/// How long a cycle is.
pub fn interval(field: &str, terms: &v1::PlanTerms) -> Result<Interval> {
    let field = format!("{field}.interval");
    let interval = required(&field, terms.interval)?;
    let unit = match interval.unit() {
        billing_interval::Unit::Day => Unit::Day,
        billing_interval::Unit::Week => Unit::Week,
        billing_interval::Unit::Month => Unit::Month,
        billing_interval::Unit::Year => Unit::Year,
        billing_interval::Unit::Unspecified => {
            let message = "must be DAY, WEEK, MONTH or YEAR";
            return Err(AppError::invalid(format!("{field}.unit"), message));
        }
    };
    let field = format!("{field}.count");
    let count = u32::try_from(interval.count)
        .map_err(|_| AppError::invalid(&field, "must not be negative"))?;
    Interval::new(count, unit).map_err(|wrong| {
        let message = match wrong {
            CalendarError::LongInterval { most, .. } => {
                format!("must be at most {}, which is ten years", most.count())
            }
            _ => "must be at least 1".to_owned(),
        };
        AppError::invalid(field, message)
    })
}

/// Where cycles begin.
pub fn alignment(field: &str, terms: &v1::PlanTerms) -> Result<Alignment> {
    let wants_day = terms.alignment() == plan_terms::Alignment::AnchorDay;
    let field = format!("{field}.anchor_day");
    if !wants_day && terms.anchor_day != 0 {
        let message = "must be 0 unless the alignment is ANCHOR_DAY";
        return Err(AppError::invalid(field, message));
    }
    match terms.alignment() {
        plan_terms::Alignment::Unspecified | plan_terms::Alignment::Anniversary => {
            Ok(Alignment::Anniversary)
        }
        plan_terms::Alignment::Calendar => Ok(Alignment::Calendar),
        plan_terms::Alignment::AnchorDay => u32::try_from(terms.anchor_day)
            .ok()
            .and_then(|day| AnchorDay::try_from(day).ok())
            .map(|day| Alignment::AnchorDay { day })
            .ok_or_else(|| AppError::invalid(field, "must be a day of the month, 1 to 31")),
    }
}

/// Free days before the first charge.
pub fn trial_days(field: &str, terms: &v1::PlanTerms) -> Result<u32> {
    u32::try_from(terms.trial_days)
        .map_err(|_| AppError::invalid(format!("{field}.trial_days"), "must not be negative"))
}

/// What a cycle costs.
pub fn components(field: &str, terms: &v1::PlanTerms) -> Result<Vec<PriceComponent>> {
    let mut faults = Faults::new();
    let components: Vec<_> = terms
        .components
        .iter()
        .enumerate()
        .filter_map(|(index, told)| {
            faults.keep(component(&format!("{field}.components[{index}]"), told))
        })
        .collect();
    faults.finish(Some(components))
}

fn component(field: &str, told: &v1::PriceComponent) -> Result<PriceComponent> {
    let mut faults = Faults::new();
    let model = match told.model() {
        price_component::Model::Flat => Some(PriceModel::Flat),
        price_component::Model::PerSeat => Some(PriceModel::PerSeat),
        price_component::Model::OneTime => Some(PriceModel::OneTime),
        price_component::Model::Unspecified => {
            faults.add(format!("{field}.model"), "must be FLAT, PER_SEAT or ONE_TIME");
            None
        }
    };
    let mut amounts: BTreeMap<Currency, i64> = BTreeMap::new();
    for (index, told) in told.amounts.iter().enumerate() {
        let field = format!("{field}.amounts[{index}]");
        if let Some(amount) = faults.keep(money::amount(&field, told))
            && amounts.insert(amount.currency(), amount.minor()).is_some()
        {
            faults.add(field, format!("must be the only price in {}", amount.currency()));
        }
    }
    let label = told.label.clone();
    faults.finish(model.map(|model| PriceComponent { label, model, amounts }))
}

fn component_to_proto(component: &PriceComponent) -> v1::PriceComponent {
    let model = match component.model {
        PriceModel::Flat => price_component::Model::Flat,
        PriceModel::PerSeat => price_component::Model::PerSeat,
        PriceModel::OneTime => price_component::Model::OneTime,
    };
    let amount = |(&currency, &minor)| money::money(Money::new(minor, currency));
    v1::PriceComponent {
        label: component.label.clone(),
        model: model.into(),
        amounts: component.amounts.iter().map(amount).collect(),
    }
}

fn interval_to_proto(interval: Interval) -> v1::BillingInterval {
    let unit = match interval.unit() {
        Unit::Day => billing_interval::Unit::Day,
        Unit::Week => billing_interval::Unit::Week,
        Unit::Month => billing_interval::Unit::Month,
        Unit::Year => billing_interval::Unit::Year,
    };
    v1::BillingInterval { unit: unit.into(), count: number(interval.count()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("EUR").unwrap())
    }

    fn membership() -> Terms {
        let component = |label: &str, model, minor| PriceComponent {
            label: label.to_owned(),
            model,
            amounts: BTreeMap::from([(eur(0).currency(), minor)]),
        };
        Terms {
            interval: Interval::new(3, Unit::Month).unwrap(),
            alignment: Alignment::AnchorDay { day: AnchorDay::try_from(31).unwrap() },
            trial_days: 14,
            components: vec![
                component("Membership", PriceModel::Flat, 2_000),
                component("Seats", PriceModel::PerSeat, 500),
                component("Welcome box", PriceModel::OneTime, 990),
            ],
            entitlements: vec!["course:rust-101".to_owned()],
        }
    }

    #[test]
    fn terms_read_back_as_themselves() {
        for alignment in [
            Alignment::Anniversary,
            Alignment::Calendar,
            Alignment::AnchorDay { day: AnchorDay::try_from(15).unwrap() },
        ] {
            for unit in [Unit::Day, Unit::Week, Unit::Month, Unit::Year] {
                let interval = Interval::new(2, unit).unwrap();
                let terms = Terms { interval, alignment, ..membership() };
                assert_eq!(from_proto("plan.terms", &to_proto(&terms)).unwrap(), terms);
            }
        }
    }

    #[test]
    fn every_wrong_field_of_terms_is_named() {
        let mut told = to_proto(&membership());
        told.interval = Some(v1::BillingInterval { unit: 0, count: 0 });
        told.anchor_day = 32;
        told.trial_days = -1;
        told.components[0].model = 0;
        told.components[1].amounts = vec![money::money(eur(500)), money::money(eur(600))];
        told.components[2].amounts[0].currency_code = "EURO".to_owned();
        let AppError::Invalid(found) = from_proto("plan.terms", &told).unwrap_err() else {
            panic!("the fields are wrong");
        };
        let fields: Vec<_> = found.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "plan.terms.interval.unit",
                "plan.terms.anchor_day",
                "plan.terms.trial_days",
                "plan.terms.components[0].model",
                "plan.terms.components[1].amounts[1]",
                "plan.terms.components[2].amounts[0].currency_code",
            ]
        );
    }
}
