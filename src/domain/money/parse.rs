//! Money as it is written: the text `20.00 EUR`, and the units and nanos of the API (RULES API-9).
//!
//! Refuses what is finer than the currency's minor unit; never rounds, never guesses.

use std::{num::IntErrorKind, str::FromStr};

use super::{Currency, Money, MoneyError};

/// How many nanos make one unit (RULES API-9).
const NANOS_PER_UNIT: i32 = 1_000_000_000;
const NANOS_DIGITS: u32 = 9;

/// Reads exactly what [`Money`]'s `Display` writes: `20.00 EUR`, `-0.05 EUR`, `500 JPY`.
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, code) = text.split_once(' ').ok_or(MoneyError::NoCurrency)?;
        let currency = Currency::from_code(code)?;
        let miswritten = || MoneyError::Miswritten { example: twenty(currency) };
        let minor = amount.replacen('.', "", 1).parse::<i64>().map_err(|bad| match bad.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => MoneyError::Overflow,
            _ => miswritten(),
        })?;
        let money = Self::new(minor, currency);
        // The digits may have stood in another form, such as 20 EUR, 020.00 EUR or +20.00 EUR.
        if money.to_string() == text { Ok(money) } else { Err(miswritten()) }
    }
}

impl Money {
    /// The amount that the API writes as whole `units` and a billionth part `nanos` of one unit:
    /// -1.75 EUR is units -1 and nanos -750000000 (RULES API-9).
    pub fn from_units_nanos(
        units: i64,
        nanos: i32,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        if nanos.unsigned_abs() >= NANOS_PER_UNIT.unsigned_abs() {
            return Err(MoneyError::NanosRange);
        }
        if (units > 0 && nanos < 0) || (units < 0 && nanos > 0) {
            return Err(MoneyError::MixedSigns);
        }
        let step = nanos_per_minor(currency);
        if nanos % step != 0 {
            return Err(if step == NANOS_PER_UNIT {
                MoneyError::NoMinorUnit(currency)
            } else {
                MoneyError::FinerThanMinor { currency, step }
            });
        }
        units
            .checked_mul(minors_per_unit(currency))
            .and_then(|minor| minor.checked_add(i64::from(nanos / step)))
            .map(|minor| Self::new(minor, currency))
            .ok_or(MoneyError::Overflow)
    }

    /// The amount as the API writes it: whole units, and nanos of the same sign.
    pub fn units_nanos(self) -> (i64, i32) {
        let per_unit = minors_per_unit(self.currency());
        let rest = i32::try_from(self.minor() % per_unit).expect("a unit has few minor units");
        (self.minor() / per_unit, rest * nanos_per_minor(self.currency()))
    }
}

fn minors_per_unit(currency: Currency) -> i64 {
    10_i64.pow(u32::from(currency.exponent()))
}

fn nanos_per_minor(currency: Currency) -> i32 {
    let digits = NANOS_DIGITS.checked_sub(u32::from(currency.exponent()));
    10_i32.pow(digits.expect("no ISO 4217 currency has more than nine digits"))
}

fn twenty(currency: Currency) -> Money {
    Money::new(20 * minors_per_unit(currency), currency)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency() -> impl Strategy<Value = Currency> {
        prop::sample::select(vec!["JPY", "EUR", "USD", "KWD", "CLF"])
            .prop_map(|code| code.parse().unwrap())
    }

    fn money() -> impl Strategy<Value = Money> {
        (any::<i64>(), currency()).prop_map(|(minor, currency)| Money::new(minor, currency))
    }

    #[test]
    fn a_text_in_another_form_is_refused_with_the_right_one() {
        for (text, sentence) in [
            ("20.00", "must be an amount and its currency, such as 20.00 EUR"),
            ("20 EUR", "must be written as in 20.00 EUR"),
            ("20.0 EUR", "must be written as in 20.00 EUR"),
            ("20,00 EUR", "must be written as in 20.00 EUR"),
            ("020.00 EUR", "must be written as in 20.00 EUR"),
            ("+20.00 EUR", "must be written as in 20.00 EUR"),
            ("-0.00 EUR", "must be written as in 20.00 EUR"),
            (".50 EUR", "must be written as in 20.00 EUR"),
            ("20.00  EUR", "must be an ISO 4217 currency code such as EUR, in capitals"),
            ("20.00 eur", "must be an ISO 4217 currency code such as EUR, in capitals"),
            ("20.00 XAU", "must be an ISO 4217 currency code such as EUR, in capitals"),
            ("20.00 JPY", "must be written as in 20 JPY"),
            ("20.00 KWD", "must be written as in 20.000 KWD"),
            ("92233720368547758.08 EUR", "the amount is too large"),
        ] {
            assert_eq!(text.parse::<Money>().unwrap_err().to_string(), sentence, "{text}");
        }
    }

    #[test]
    fn units_and_nanos_that_do_not_fit_are_refused_with_what_would_be_right() {
        for (units, nanos, code, sentence) in [
            (1, -1, "EUR", "units and nanos must have the same sign: -1.75 is -1 and -750000000"),
            (-1, 1, "EUR", "units and nanos must have the same sign: -1.75 is -1 and -750000000"),
            (0, 1_000_000_000, "EUR", "nanos must lie between -999999999 and 999999999"),
            (0, i32::MIN, "EUR", "nanos must lie between -999999999 and 999999999"),
            (0, 5_000_000, "EUR", "nanos must be a multiple of 10000000, the smallest part of EUR"),
            (0, 500_000, "KWD", "nanos must be a multiple of 1000000, the smallest part of KWD"),
            (5, 10_000_000, "JPY", "nanos must be 0, as JPY has no smaller part"),
            (i64::MAX, 0, "EUR", "the amount is too large"),
        ] {
            let refusal = Money::from_units_nanos(units, nanos, code.parse().unwrap()).unwrap_err();
            assert_eq!(refusal.to_string(), sentence, "{units} {nanos} {code}");
        }
    }

    #[test]
    fn units_and_nanos_have_one_sign() {
        let euros = |minor| Money::new(minor, "EUR".parse().unwrap()).units_nanos();
        assert_eq!(euros(-175), (-1, -750_000_000));
        assert_eq!(euros(-75), (0, -750_000_000));
        assert_eq!(euros(2000), (20, 0));
    }

    proptest! {
        #[test]
        fn a_written_amount_reads_back_as_itself(money in money()) {
            prop_assert_eq!(money.to_string().parse(), Ok(money));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String, amount in "[-+0-9.]{0,24}") {
            let _ = text.parse::<Money>();
            let _ = format!("{amount} EUR").parse::<Money>();
        }

        #[test]
        fn units_and_nanos_read_back_as_the_same_amount(money in money()) {
            let (units, nanos) = money.units_nanos();
            prop_assert_eq!(Money::from_units_nanos(units, nanos, money.currency()), Ok(money));
        }

        #[test]
        fn what_the_api_may_say_is_said_back_unchanged(
            units: i64, nanos in -2_000_000_000..2_000_000_000_i32, currency in currency(),
        ) {
            if let Ok(money) = Money::from_units_nanos(units, nanos, currency) {
                prop_assert_eq!(money.units_nanos(), (units, nanos));
            }
        }
    }
}
