//! A gap, a little longer or shorter, so that a merchant's failed renewals do not come back all in
//! one second (RULES RET-5). No dice: the same seed and step always give the same gap.

use chrono::TimeDelta;

/// `gap` moved by up to `percent` per cent either way, in whole seconds.
pub(super) fn jittered(gap: TimeDelta, percent: u8, seed: u64, step: usize) -> TimeDelta {
    let spread = (gap * i32::from(percent) / 100).num_seconds();
    let Ok(span) = u64::try_from(2 * spread + 1) else { return gap };
    let place = mixed(seed, step) % span;
    gap + TimeDelta::seconds(i64::try_from(place).unwrap_or_default() - spread)
}

/// The least that [`jittered`] may make of `gap`.
pub(super) fn shortest(gap: TimeDelta, percent: u8) -> TimeDelta {
    gap - TimeDelta::seconds((gap * i32::from(percent) / 100).num_seconds())
}

/// The most that [`jittered`] may make of `gap`.
pub(super) fn longest(gap: TimeDelta, percent: u8) -> TimeDelta {
    gap + TimeDelta::seconds((gap * i32::from(percent) / 100).num_seconds())
}

/// `SplitMix64`: the `step`-th number of the stream that `seed` begins.
fn mixed(seed: u64, step: usize) -> u64 {
    let turn = u64::try_from(step).unwrap_or(u64::MAX).wrapping_add(1);
    let z = seed.wrapping_add(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn jitter_stays_in_its_bounds_and_repeats(
            days in 1_i64..100, percent in 0_u8..=25, seed: u64, step in 0_usize..20,
        ) {
            let gap = TimeDelta::days(days);
            let moved = jittered(gap, percent, seed, step);
            prop_assert!((shortest(gap, percent)..=longest(gap, percent)).contains(&moved));
            prop_assert_eq!(moved, jittered(gap, percent, seed, step));
        }
    }

    #[test]
    fn steps_and_cases_move_differently() {
        let week = TimeDelta::days(7);
        assert_ne!(jittered(week, 10, 1, 0), jittered(week, 10, 1, 1));
        assert_ne!(jittered(week, 10, 1, 0), jittered(week, 10, 2, 0));
    }
}
