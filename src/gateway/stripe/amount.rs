//! How Stripe writes an amount: whole units, hundredths or thousandths, by Stripe's own table.
//!
//! The table is Stripe's and not ISO 4217's: the ariary has two digits by ISO and none at Stripe,
//! the króna none by ISO and two at Stripe. An amount that cannot be written exactly, or whose
//! currency Stripe and ISO may read differently, is refused: a wrong guess is wrong by a hundredfold.

use crate::{
    domain::money::{Currency, Money},
    gateway::GatewayError,
};

/// Charged in whole units.
const WHOLE: [&str; 15] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Charged in thousandths whose last digit must be 0.
const THOUSANDTHS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Charged in hundredths that must end in 00, for the sake of old integrations.
const HUNDREDTHS_OF_WHOLE: [&str; 2] = ["ISK", "UGX"];

/// One currency as Stripe writes it.
struct Encoding {
    /// How many digits Stripe puts behind the point.
    digits: u32,
    /// What the number sent must be a multiple of.
    step: i64,
}

fn encoding(currency: Currency) -> Option<Encoding> {
    let code = &currency.code();
    if WHOLE.contains(code) {
        Some(Encoding { digits: 0, step: 1 })
    } else if THOUSANDTHS.contains(code) {
        Some(Encoding { digits: 3, step: 10 })
    } else if HUNDREDTHS_OF_WHOLE.contains(code) {
        Some(Encoding { digits: 2, step: 100 })
    } else if currency.exponent() == 2 {
        Some(Encoding { digits: 2, step: 1 })
    } else {
        None
    }
}

/// The number to send for `money`.
pub fn encode(money: Money) -> Result<i64, GatewayError> {
    let refused = |why: &str| GatewayError::Rejected { reason: format!("{money} {why}") };
    let currency = money.currency();
    let encoding = encoding(currency).ok_or_else(|| refused("is in no currency of Stripe's"))?;
    let amount = shift(money.minor(), u32::from(currency.exponent()), encoding.digits)
        .filter(|amount| amount % encoding.step == 0)
        .ok_or_else(|| refused("is finer than Stripe can charge"))?;
    if amount <= 0 {
        return Err(refused("is nothing to move"));
    }
    Ok(amount)
}

/// The currency as Stripe wants it written.
pub fn currency_code(money: Money) -> String {
    money.currency().code().to_lowercase()
}

/// The money that Stripe means by `amount` of `currency`, if it is money that we can hold.
pub fn decode(amount: i64, currency: &str) -> Option<Money> {
    let currency = Currency::from_code(&currency.to_uppercase()).ok()?;
    let encoding = encoding(currency)?;
    let minor = shift(amount, encoding.digits, u32::from(currency.exponent()))?;
    Some(Money::new(minor, currency))
}

/// `amount` with `to` digits behind the point instead of `from`, if that is exact.
fn shift(amount: i64, from: u32, to: u32) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to))?;
    if to >= from {
        amount.checked_mul(factor)
    } else {
        (amount % factor == 0).then(|| amount / factor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::from_code(code).unwrap())
    }

    #[rstest]
    #[case::two_digits(money(1999, "USD"), 1999)]
    #[case::two_digits_though_paid_out_whole(money(1999, "HUF"), 1999)]
    #[case::whole_units(money(1999, "JPY"), 1999)]
    #[case::whole_units_though_iso_has_two(money(1900, "MGA"), 19)]
    #[case::thousandths_ending_in_naught(money(1990, "KWD"), 1990)]
    #[case::hundredths_though_iso_has_none(money(1999, "ISK"), 199_900)]
    #[case::hundredths_though_iso_has_none(money(5, "UGX"), 500)]
    fn an_amount_is_written_stripes_way_and_read_back(#[case] money: Money, #[case] sent: i64) {
        assert_eq!(encode(money).unwrap(), sent);
        assert_eq!(decode(sent, &currency_code(money)), Some(money));
    }

    #[rstest]
    #[case::a_fraction_of_a_whole_unit(money(1999, "MGA"))]
    #[case::a_fourth_digit(money(1999, "KWD"))]
    #[case::a_currency_that_stripe_does_not_list(money(1000, "LYD"))]
    #[case::a_unit_of_account(money(10_000, "CLF"))]
    #[case::nothing(money(0, "EUR"))]
    #[case::a_credit(money(-100, "EUR"))]
    #[case::more_than_fits(money(i64::MAX, "ISK"))]
    fn an_amount_that_stripe_cannot_charge_is_refused(#[case] money: Money) {
        assert!(matches!(encode(money), Err(GatewayError::Rejected { .. })));
    }

    proptest! {
        #[test]
        fn what_can_be_sent_is_read_back_as_itself(
            minor in 1_i64..1_000_000_000_000,
            code in prop::sample::select(vec!["EUR", "JPY", "MGA", "KWD", "ISK", "UGX", "TWD"]),
        ) {
            let money = money(minor, code);
            if let Ok(sent) = encode(money) {
                prop_assert_eq!(decode(sent, code), Some(money));
            }
        }
    }
}
