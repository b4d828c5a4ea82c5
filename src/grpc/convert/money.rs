//! Money (RULES API-9): `google.type.Money` outside, whole minor units inside. Finer than the
//! currency's minor unit is refused, never rounded.

use crate::{
    app::{AppError, Result},
    domain::money::{Currency, Money},
    grpc::proto::google::r#type,
};

/// Nanos have nine digits.
const NANO_DIGITS: u8 = 9;

/// An amount as the API writes it.
pub fn money(amount: Money) -> r#type::Money {
    let exponent = amount.currency().exponent();
    let unit = 10_i64.pow(exponent.into());
    let nanos = (amount.minor() % unit) * 10_i64.pow((NANO_DIGITS - exponent).into());
    r#type::Money {
        currency_code: amount.currency().code().to_owned(),
        units: amount.minor() / unit,
        nanos: i32::try_from(nanos).expect("a part of a unit has fewer than 10^9 nanos"),
    }
}

/// The amount that a field holds.
pub fn amount(field: &str, money: &r#type::Money) -> Result<Money> {
    let currency = currency(&format!("{field}.currency_code"), &money.currency_code)?;
    let nanos = i64::from(money.nanos);
    if nanos.abs() > 999_999_999 {
        let message = "must lie between -999,999,999 and 999,999,999";
        return Err(AppError::invalid(format!("{field}.nanos"), message));
    }
    if money.units.signum() * nanos.signum() < 0 {
        let message = "must have the same sign as the units";
        return Err(AppError::invalid(format!("{field}.nanos"), message));
    }
    let nanos_a_minor = 10_i64.pow((NANO_DIGITS - currency.exponent()).into());
    if nanos % nanos_a_minor != 0 {
        let message = format!(
            "must be a multiple of {nanos_a_minor}, because {currency} has {} digits behind the point",
            currency.exponent()
        );
        return Err(AppError::invalid(format!("{field}.nanos"), message));
    }
    money
        .units
        .checked_mul(10_i64.pow(currency.exponent().into()))
        .and_then(|minor| minor.checked_add(nanos / nanos_a_minor))
        .map(|minor| Money::new(minor, currency))
        .ok_or_else(|| AppError::invalid(format!("{field}.units"), "is too large"))
}

/// The currency that a field names.
pub fn currency(field: &str, code: &str) -> Result<Currency> {
    Currency::from_code(code).map_err(|wrong| AppError::invalid(field, wrong.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(code: &str, units: i64, nanos: i32) -> r#type::Money {
        r#type::Money { currency_code: code.to_owned(), units, nanos }
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_itself(
            minor: i64,
            code in prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF", "USD"]),
        ) {
            let known = Money::new(minor, Currency::from_code(code).unwrap());
            prop_assert_eq!(amount("amount", &money(known)).unwrap(), known);
        }

        #[test]
        fn no_amount_makes_it_panic(units: i64, nanos: i32, code in "[A-Z]{3}") {
            let _ = amount("amount", &told(&code, units, nanos));
        }
    }

    #[test]
    fn what_the_currency_cannot_hold_is_refused_with_what_it_can() {
        for (money, sentence) in [
            (told("EUR", 1, 5_000_000), "amount.nanos must be a multiple of 10000000"),
            (told("JPY", 1, 500_000_000), "amount.nanos must be a multiple of 1000000000"),
            (told("EUR", 1, -10_000_000), "amount.nanos must have the same sign"),
            (told("EUR", 0, 1_000_000_000), "amount.nanos must lie between"),
            (told("EUR", i64::MAX, 0), "amount.units is too large"),
            (told("eur", 1, 0), "amount.currency_code must be an ISO 4217"),
            (told("", 1, 0), "amount.currency_code must be an ISO 4217"),
            (told("XAU", 1, 0), "amount.currency_code must be an ISO 4217"),
        ] {
            let refusal = amount("amount", &money).unwrap_err().to_string();
            assert!(refusal.starts_with(sentence), "{refusal}");
        }
    }

    #[test]
    fn minus_half_a_euro_has_its_sign_in_the_nanos() {
        let eur = Currency::from_code("EUR").unwrap();
        assert_eq!(money(Money::new(-50, eur)), told("EUR", 0, -500_000_000));
        assert_eq!(
            amount("amount", &told("EUR", -1, -500_000_000)).unwrap(),
            Money::new(-150, eur)
        );
    }
}
