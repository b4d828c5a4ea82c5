//! From exact decimals to minor units and back: the one place where an amount loses digits.
//!
//! Never rounds twice: everything before this step stays a `Decimal`, everything after it is `Money`.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{Currency, Money, MoneyError};

/// What becomes of the digits that a currency's minor unit cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rounding {
    /// 10.275 EUR becomes 10.28, and -10.275 becomes -10.28. What people expect of an invoice.
    #[default]
    HalfAwayFromZero,
    /// 10.265 EUR becomes 10.26 and 10.275 becomes 10.28: halves go to the even neighbour.
    HalfEven,
    /// 10.279 EUR becomes 10.27, and -10.279 becomes -10.27: towards zero.
    Down,
}

impl Rounding {
    const fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfAwayFromZero => RoundingStrategy::MidpointAwayFromZero,
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::Down => RoundingStrategy::ToZero,
        }
    }
}

/// Rounds `amount`, in major units (euros, not cents), to whole minor units of `currency`.
pub fn round_to_minor(
    amount: Decimal,
    currency: Currency,
    rounding: Rounding,
) -> Result<Money, MoneyError> {
    let digits = u32::from(currency.exponent());
    let rounded = amount.round_dp_with_strategy(digits, rounding.strategy());
    // Shifting the mantissa is exact, where multiplying a long decimal could round once more.
    let minor = 10_i128
        .pow(digits - rounded.scale())
        .checked_mul(rounded.mantissa())
        .and_then(|minor| i64::try_from(minor).ok())
        .ok_or(MoneyError::Overflow)?;
    Ok(Money::new(minor, currency))
}

impl Money {
    /// The amount in major units, exactly: 2000 cents are 20.00.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.minor(), u32::from(self.currency().exponent()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rounded(amount: &str, currency: &str, rounding: Rounding) -> Result<i64, MoneyError> {
        let currency = currency.parse().unwrap();
        round_to_minor(amount.parse().unwrap(), currency, rounding).map(Money::minor)
    }

    #[test]
    fn each_rounding_treats_halves_in_its_own_way() {
        use Rounding::{Down, HalfAwayFromZero, HalfEven};
        for (amount, currency, away, even, down) in [
            ("10.265", "EUR", 1027, 1026, 1026),
            ("10.275", "EUR", 1028, 1028, 1027),
            ("-10.265", "EUR", -1027, -1026, -1026),
            ("-0.004", "EUR", 0, 0, 0),
            ("20", "EUR", 2000, 2000, 2000),
            ("1000.5", "JPY", 1001, 1000, 1000),
            ("0.0005", "KWD", 1, 0, 0),
            ("0.12345", "CLF", 1235, 1234, 1234),
        ] {
            for (rounding, minor) in [(HalfAwayFromZero, away), (HalfEven, even), (Down, down)] {
                assert_eq!(rounded(amount, currency, rounding), Ok(minor), "{amount} {rounding:?}");
            }
        }
    }

    #[test]
    fn an_amount_beyond_64_bits_is_refused() {
        let huge = "92233720368547758.08";
        assert_eq!(rounded(huge, "EUR", Rounding::Down), Err(MoneyError::Overflow));
        let largest = "92233720368547758.07";
        assert_eq!(rounded(largest, "EUR", Rounding::Down), Ok(i64::MAX));
        let (max, away) = (Decimal::MAX.to_string(), Rounding::HalfAwayFromZero);
        assert_eq!(rounded(&max, "KWD", away), Err(MoneyError::Overflow));
    }

    proptest! {
        #[test]
        fn what_is_already_in_minor_units_is_not_changed(minor: i64, digits in 0..4_usize) {
            let currency = ["JPY", "EUR", "KWD", "CLF"][digits].parse().unwrap();
            let money = Money::new(minor, currency);
            for rounding in [Rounding::HalfAwayFromZero, Rounding::HalfEven, Rounding::Down] {
                prop_assert_eq!(round_to_minor(money.to_decimal(), currency, rounding), Ok(money));
            }
        }
    }
}
