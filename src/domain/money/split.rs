//! One amount among several: parts that always sum to the whole.

use std::cmp::Reverse;

use super::Money;

impl Money {
    /// Splits the amount in proportion to `weights`, one part for each weight and in their order.
    ///
    /// Each part is first cut towards zero; the minor units left over go one by one to the parts
    /// that lost most, and to the earlier position where they lost the same: 5 JPY by `[1, 1, 1]`
    /// are 2, 2 and 1. A negative amount splits as its positive twin does. Where all weights are
    /// zero, nobody has a better claim than the others, so they share alike.
    ///
    /// # Panics
    /// If there are no weights: then no parts could sum to the whole.
    #[must_use]
    pub fn split(self, weights: &[u64]) -> Vec<Self> {
        assert!(!weights.is_empty(), "an amount is split among at least one");
        let sum: u128 = weights.iter().copied().map(u128::from).sum();
        let (claims, total): (Vec<u128>, u128) = if sum == 0 {
            (vec![1; weights.len()], weights.len() as u128)
        } else {
            (weights.iter().copied().map(u128::from).collect(), sum)
        };

        // At most 2^63 times 2^64, so it fits.
        let whole = u128::from(self.minor().unsigned_abs());
        let mut parts: Vec<u128> = claims.iter().map(|claim| whole * claim / total).collect();
        let left_over = whole - parts.iter().sum::<u128>();

        let mut by_loss: Vec<usize> = (0..parts.len()).collect();
        by_loss.sort_by_key(|&position| Reverse(whole * claims[position] % total));
        let left_over = usize::try_from(left_over).expect("each part lost less than one unit");
        for position in by_loss.into_iter().take(left_over) {
            parts[position] += 1;
        }
        parts.into_iter().map(|part| self.of_same_sign(part)).collect()
    }

    fn of_same_sign(self, part: u128) -> Self {
        let part = i128::try_from(part).expect("a part is no larger than the whole");
        let signed = if self.minor() < 0 { -part } else { part };
        let minor = i64::try_from(signed).expect("a part is no larger than the whole");
        Self::new(minor, self.currency())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(minor: i64, weights: &[u64]) -> Vec<i64> {
        let whole = Money::new(minor, "EUR".parse().unwrap());
        whole.split(weights).into_iter().map(Money::minor).collect()
    }

    #[test]
    fn left_over_units_go_to_the_largest_loss_and_then_to_the_earlier_part() {
        assert_eq!(parts(100, &[333, 333, 334]), [33, 33, 34]);
        assert_eq!(parts(5, &[1, 1, 1]), [2, 2, 1]);
        assert_eq!(parts(-5, &[1, 1, 1]), [-2, -2, -1]);
        assert_eq!(parts(10, &[0, 1, 0]), [0, 10, 0]);
        assert_eq!(parts(10, &[0, 0, 0]), [4, 3, 3]);
        assert_eq!(parts(i64::MIN, &[u64::MAX]), [i64::MIN]);
    }

    #[test]
    #[should_panic(expected = "at least one")]
    fn an_amount_cannot_be_split_among_nobody() {
        let _ = parts(1, &[]);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(minor: i64, weights in prop::collection::vec(any::<u64>(), 1..20)) {
            let sum: i128 = parts(minor, &weights).into_iter().map(i128::from).sum();
            prop_assert_eq!(sum, i128::from(minor));
        }

        #[test]
        fn no_part_is_a_whole_unit_from_its_exact_share(
            minor in -1_000_000_i64..1_000_000,
            weights in prop::collection::vec(0..1000_u64, 1..20),
        ) {
            let total: i64 = weights.iter().sum::<u64>().try_into().unwrap();
            prop_assume!(total > 0);
            for (part, &weight) in parts(minor, &weights).into_iter().zip(&weights) {
                let error = part * total - minor * i64::try_from(weight).unwrap();
                prop_assert!(error.abs() < total, "{part} for {weight} of {total}");
            }
        }

        #[test]
        fn a_credit_splits_as_its_charge_did(
            minor in 0..i64::MAX, weights in prop::collection::vec(0..9_u64, 1..9),
        ) {
            let negated: Vec<i64> = parts(minor, &weights).into_iter().map(|part| -part).collect();
            prop_assert_eq!(parts(-minor, &weights), negated);
        }
    }
}
