//! What a change of a plan does to those who have it, in figures: told by a preview and by the
//! change itself, which are one operation.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::domain::{
    calendar::{Interval, Unit},
    catalog::{NoPrice, Terms},
    ids::{Id, kind},
    money::{Currency, Money, MoneyError, Rounding, round_to_minor},
    subscription::{Subscription, SubscriptionState},
};

/// How many of the affected are named.
const NAMED_MAX: usize = 20;

/// What a change of a plan does to those who have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// How many running subscriptions are changed in any way.
    pub affected: u64,
    /// The first twenty of those.
    pub first_affected: Vec<Id<kind::Subscription>>,
    /// How many are treated in which way.
    pub treatments: BTreeMap<Treatment, u64>,
    /// How many members are told by mail.
    pub mails: u64,
    /// Major units a month and currency, not rounded: before and after.
    revenue: BTreeMap<Currency, (Decimal, Decimal)>,
}

/// How a running subscription is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// It stays as it is.
    Kept,
    /// It gets the new terms at its next renewal.
    ChangesAtRenewal,
    /// It has the new terms from now on, and is billed by them from the next cycle on.
    ChangedNow,
    /// It ends with the period that was paid for.
    EndsAtPeriodEnd,
    /// It has ended.
    EndedNow,
    /// It moves to another plan at its next renewal.
    MovesAtRenewal,
    /// It was leaving the plan already. Should a planned end of it be undone, it changes at its next
    /// renewal after all.
    AlreadyLeaving,
}

impl Treatment {
    fn changes_anything(self) -> bool {
        match self {
            Self::Kept | Self::AlreadyLeaving => false,
            Self::ChangesAtRenewal
            | Self::ChangedNow
            | Self::EndsAtPeriodEnd
            | Self::EndedNow
            | Self::MovesAtRenewal => true,
        }
    }
}

/// The revenue of a month in one currency, each sum rounded once, half away from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevenueChange {
    /// Before the change.
    pub before: Money,
    /// After it, all moves having come about.
    pub after: Money,
}

impl RevenueChange {
    /// What is added, or lost.
    pub fn change(&self) -> Result<Money, MoneyError> {
        self.after.minus(self.before)
    }
}

impl Effect {
    /// Counts one subscription and how it is treated.
    pub(super) fn count(&mut self, subscription: &Subscription, treatment: Treatment) {
        *self.treatments.entry(treatment).or_default() += 1;
        if treatment.changes_anything() {
            self.affected += 1;
            if self.first_affected.len() < NAMED_MAX {
                self.first_affected.push(subscription.id);
            }
        }
    }

    /// Adds what one subscription brings in a month, by its terms before and after; none after if
    /// it ends. Only subscriptions that bring money are counted.
    pub(super) fn add_revenue(
        &mut self,
        subscription: &Subscription,
        before: &Terms,
        after: Option<(&Terms, u32)>,
    ) -> Result<(), NoPrice> {
        if !brings_money(subscription.state) {
            return Ok(());
        }
        let currency = subscription.currency;
        let old = monthly(before, currency, subscription.quantity)?;
        let new = match after {
            Some((terms, quantity)) => monthly(terms, currency, quantity)?,
            None => Decimal::ZERO,
        };
        let sums = self.revenue.entry(currency).or_default();
        *sums = (sums.0 + old, sums.1 + new);
        Ok(())
    }

    /// The change of monthly revenue in each currency.
    pub fn monthly_revenue(&self) -> Result<Vec<RevenueChange>, MoneyError> {
        let round = |sum, currency| round_to_minor(sum, currency, Rounding::HalfAwayFromZero);
        self.revenue
            .iter()
            .map(|(&currency, &(before, after))| {
                Ok(RevenueChange {
                    before: round(before, currency)?,
                    after: round(after, currency)?,
                })
            })
            .collect()
    }
}

fn brings_money(state: SubscriptionState) -> bool {
    match state {
        SubscriptionState::Trialing | SubscriptionState::Active | SubscriptionState::PastDue => {
            true
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => false,
    }
}

/// What terms bring in a month, in major units.
fn monthly(terms: &Terms, currency: Currency, quantity: u32) -> Result<Decimal, NoPrice> {
    let cycle = terms.recurring_total(currency, quantity)?.to_decimal();
    Ok(cycle * cycles_in_a_month(terms.interval))
}

/// How many cycles a month has, on average over the 400 years after which the calendar repeats:
/// 146,097 days, which are 20,871 weeks, in 4,800 months.
fn cycles_in_a_month(interval: Interval) -> Decimal {
    let count = Decimal::from(interval.count());
    match interval.unit() {
        Unit::Day => Decimal::new(30_436_875, 6) / count,
        Unit::Week => Decimal::new(4_348_125, 6) / count,
        Unit::Month => Decimal::ONE / count,
        Unit::Year => Decimal::ONE / (Decimal::from(12) * count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_as_many_cycles_as_the_calendar_says() {
        for (count, unit, cycles) in [
            (1, Unit::Month, "1"),
            (4, Unit::Month, "0.25"),
            (1, Unit::Week, "4.348125"),
            (1, Unit::Day, "30.436875"),
            (5, Unit::Day, "6.087375"),
            (1, Unit::Year, "0.0833333333333333333333333333"),
        ] {
            let interval = Interval::new(count, unit).unwrap();
            assert_eq!(cycles_in_a_month(interval).to_string(), cycles, "{interval}");
        }
    }

    #[test]
    fn sums_are_rounded_once_and_not_per_subscription() {
        let eur = Currency::from_code("EUR").unwrap();
        // A year for 100.00 EUR is 8.333… EUR a month; three of them are 25.00 EUR, not 24.99.
        let year = Decimal::from(100) / Decimal::from(12);
        let effect = Effect {
            revenue: BTreeMap::from([(eur, (year * Decimal::from(3), Decimal::ZERO))]),
            ..Effect::default()
        };
        let [change] = effect.monthly_revenue().unwrap()[..] else { panic!("one currency") };
        assert_eq!(change.before, Money::new(2_500, eur));
        assert_eq!(change.change().unwrap(), Money::new(-2_500, eur));
    }
}
