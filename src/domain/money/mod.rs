//! Money: a whole number of minor units in an ISO 4217 currency. Never a float.

mod currency;
mod parse;
mod rounding;
mod split;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use currency::{Currency, UnknownCurrency};
pub use rounding::{Rounding, round_to_minor};

/// An amount in minor units (cents, for most currencies). Negative amounts are credits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why there is no such amount: two do not combine, or one is not written as it must be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MoneyError {
    /// The amounts are in different currencies.
    #[error("{0} and {1} do not add up: they are different currencies")]
    Currencies(Currency, Currency),
    /// The result does not fit in 64 bits of minor units.
    #[error("the amount is too large")]
    Overflow,
    /// The text has no space between an amount and a currency.
    #[error("must be an amount and its currency, such as 20.00 EUR")]
    NoCurrency,
    /// The text names no currency that one can be billed in.
    #[error(transparent)]
    UnknownCurrency(#[from] UnknownCurrency),
    /// The text is not how this currency's amounts are written.
    #[error("must be written as in {example}")]
    Miswritten {
        /// An amount in the currency that was named.
        example: Money,
    },
    /// The API's nanos make a whole unit or more (RULES API-9).
    #[error("nanos must lie between -999999999 and 999999999")]
    NanosRange,
    /// The API's units and nanos pull in different directions (RULES API-9).
    #[error("units and nanos must have the same sign: -1.75 is -1 and -750000000")]
    MixedSigns,
    /// The API's nanos are finer than the currency's minor unit (RULES API-9).
    #[error("nanos must be a multiple of {step}, the smallest part of {currency}")]
    FinerThanMinor {
        /// The currency that has no such small unit.
        currency: Currency,
        /// How many nanos one minor unit has.
        step: i32,
    },
    /// The API's nanos are not zero, in a currency without minor units (RULES API-9).
    #[error("nanos must be 0, as {0} has no smaller part")]
    NoMinorUnit(Currency),
}

impl Money {
    /// `minor` minor units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether it is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The sum of two amounts in one currency.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.combined(other, i64::checked_add)
    }

    /// What is left of `self` after `other` is taken away; may be negative.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.combined(other, i64::checked_sub)
    }

    /// `count` times the amount.
    pub fn times(self, count: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(count).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The same amount in the other direction.
    ///
    /// # Panics
    /// At `i64::MIN` minor units, which has no counterpart: wrapped round, a credit would stay one.
    #[must_use]
    pub const fn negated(self) -> Self {
        let minor = self.minor.checked_neg().expect("no amount comes near the ends of 64 bits");
        Self { minor, currency: self.currency }
    }

    fn combined(
        self,
        other: Self,
        operation: fn(i64, i64) -> Option<i64>,
    ) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies(self.currency, other.currency));
        }
        let minor = operation(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

/// For logs and tests: `20.00 EUR`. What people read is formatted for their locale by `mail`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.currency.exponent());
        let sign = if self.minor < 0 { "-" } else { "" };
        let text = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (major, minor) = text.split_at(text.len() - digits);
        let point = if digits == 0 { "" } else { "." };
        write!(f, "{sign}{major}{point}{minor} {}", self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn euros(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    #[test]
    fn amounts_in_different_currencies_do_not_combine() {
        let (yen, euros) = (Money::new(500, "JPY".parse().unwrap()), euros(500));
        let refusal = euros.plus(yen).unwrap_err();
        assert_eq!(refusal.to_string(), "EUR and JPY do not add up: they are different currencies");
        assert_eq!(euros.minus(yen), Err(refusal));
    }

    #[test]
    fn an_amount_shows_as_many_digits_as_its_currency_has() {
        for (minor, code, text) in [
            (2000, "EUR", "20.00 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (500, "JPY", "500 JPY"),
            (1, "KWD", "0.001 KWD"),
            (0, "EUR", "0.00 EUR"),
            (i64::MIN, "EUR", "-92233720368547758.08 EUR"),
        ] {
            assert_eq!(Money::new(minor, code.parse().unwrap()).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn arithmetic_is_exact_or_refused(a: i64, b: i64) {
            let exact = |wide: i128| i64::try_from(wide).map(euros).map_err(|_| MoneyError::Overflow);
            let (wide_a, wide_b) = (i128::from(a), i128::from(b));
            prop_assert_eq!(euros(a).plus(euros(b)), exact(wide_a + wide_b));
            prop_assert_eq!(euros(a).minus(euros(b)), exact(wide_a - wide_b));
            prop_assert_eq!(euros(a).times(b), exact(wide_a * wide_b));
        }
    }
}
