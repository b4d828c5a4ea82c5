//! From terms to lines: what a cycle costs.

use thiserror::Error;

use super::{PriceModel, Terms};
use crate::domain::money::{Currency, Money, MoneyError};

/// One priced line of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// What stands on the invoice.
    pub label: String,
    /// How it is priced.
    pub model: PriceModel,
    /// The price of one.
    pub unit: Money,
    /// How many.
    pub quantity: u32,
    /// `unit` times `quantity`.
    pub amount: Money,
}

/// Why terms cannot be priced.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoPrice {
    /// A component has no amount in the currency.
    #[error("`{label}` has no price in {currency}")]
    Currency {
        /// The component.
        label: String,
        /// The currency asked for.
        currency: Currency,
    },
    /// The sum is too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Why terms cannot be published.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{field}: {message}")]
pub struct BadTerms {
    /// The field's path, for example `components[1].amounts`.
    pub field: String,
    /// What would be right.
    pub message: String,
}

/// The longest free trial, in days.
const LONGEST_TRIAL_DAYS: u32 = 730;
/// The longest label of a price, in characters.
const LONGEST_LABEL: usize = 200;

impl Terms {
    /// Checks what can be checked without knowing the subscribers: every fault, not the first alone.
    pub fn faults(&self) -> Vec<BadTerms> {
        let mut faults = Vec::new();
        let mut fault = |field: String, message: &str| {
            faults.push(BadTerms { field, message: message.to_owned() });
        };
        if self.components.is_empty() {
            fault("components".into(), "must hold at least one price");
        } else if self.components.iter().all(|price| price.model == PriceModel::OneTime) {
            fault(
                "components".into(),
                "must hold a price that every cycle has, FLAT or PER_SEAT: what is sold once is an \
                 invoice of its own",
            );
        }
        if !self.alignment.fits(self.interval) {
            fault(
                "alignment".into(),
                "must not be CALENDAR for this interval: only one week, one year, and months that \
                 divide a year (1, 2, 3, 4, 6 or 12) begin with the calendar",
            );
        }
        if self.trial_days > LONGEST_TRIAL_DAYS {
            fault("trial_days".into(), "must be at most 730");
        }
        for (index, component) in self.components.iter().enumerate() {
            if !(1..=LONGEST_LABEL).contains(&component.label.trim().chars().count()) {
                let message = "must say what the price is for, in 1 to 200 characters";
                fault(format!("components[{index}].label"), message);
            }
            if component.amounts.is_empty() {
                fault(format!("components[{index}].amounts"), "must hold at least one currency");
            }
            if component.amounts.values().any(|&minor| minor < 0) {
                fault(format!("components[{index}].amounts"), "must not be negative");
            }
            let same_currencies = component.amounts.keys().eq(self.components[0].amounts.keys());
            if !same_currencies {
                fault(
                    format!("components[{index}].amounts"),
                    "must name the same currencies as the first price",
                );
            }
        }
        faults
    }

    /// The currencies that it can be bought in.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> + '_ {
        self.components.first().into_iter().flat_map(|component| component.amounts.keys().copied())
    }

    /// The lines of one cycle for `quantity` seats. One-time fees come with the first invoice alone.
    pub fn lines(
        &self,
        currency: Currency,
        quantity: u32,
        is_first: bool,
    ) -> Result<Vec<PricedLine>, NoPrice> {
        self.components
            .iter()
            .filter(|component| is_first || component.model != PriceModel::OneTime)
            .map(|component| {
                let minor = component.amounts.get(&currency).ok_or_else(|| NoPrice::Currency {
                    label: component.label.clone(),
                    currency,
                })?;
                let unit = Money::new(*minor, currency);
                let quantity = match component.model {
                    PriceModel::PerSeat => quantity,
                    PriceModel::Flat | PriceModel::OneTime => 1,
                };
                let amount = unit.times(i64::from(quantity))?;
                let (label, model) = (component.label.clone(), component.model);
                Ok(PricedLine { label, model, unit, quantity, amount })
            })
            .collect()
    }

    /// What a cycle after the first costs.
    pub fn recurring_total(&self, currency: Currency, quantity: u32) -> Result<Money, NoPrice> {
        self.lines(currency, quantity, false)?
            .iter()
            .try_fold(Money::zero(currency), |sum, line| sum.plus(line.amount))
            .map_err(NoPrice::Money)
    }
}
