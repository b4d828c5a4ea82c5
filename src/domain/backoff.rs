//! How long to wait before what met a line that was down is sent again (RULES RET-8).

use std::time::Duration;

const BASE: Duration = Duration::from_secs(5);
const CAP: Duration = Duration::from_mins(15);
/// A server that is down is not asked more often than this, whatever the jitter says.
const LEAST: Duration = Duration::from_secs(1);

/// How long to wait after the `attempt`-th failure, counted from 1: a random part ("full jitter")
/// of 5 s doubled with each attempt, at most 15 minutes and at least one second. The same `seed`
/// and attempt give the same wait.
pub fn backoff(attempt: u32, seed: u64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let ceiling = BASE.saturating_mul(1 << doublings).min(CAP);
    let millis = u64::try_from(ceiling.as_millis()).expect("15 minutes fit");
    let part = scattered(seed ^ u64::from(attempt)) % (millis + 1);
    Duration::from_millis(part).max(LEAST)
}

/// The `SplitMix64` finaliser: neighbouring seeds give unrelated waits.
const fn scattered(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_within_its_ceiling_and_repeatable(attempt: u32, seed: u64) {
            let wait = backoff(attempt, seed);
            prop_assert!(LEAST <= wait && wait <= CAP);
            prop_assert_eq!(wait, backoff(attempt, seed));
        }
    }

    #[test]
    fn the_ceiling_doubles_up_to_a_quarter_of_an_hour() {
        for (attempt, ceiling) in [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (50, 900)] {
            let longest = (0..2_000).map(|seed| backoff(attempt, seed)).max().unwrap();
            let ceiling = Duration::from_secs(ceiling);
            assert!(
                longest <= ceiling && longest > ceiling.mul_f64(0.98),
                "{attempt}: {longest:?}"
            );
        }
    }
}
