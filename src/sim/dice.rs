//! The one source of chance in a simulated world: whatever is drawn follows from the seed.

use std::sync::{Mutex, MutexGuard};

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeded dice.
#[derive(Debug)]
pub(super) struct Dice(Mutex<ChaCha8Rng>);

/// A thousandth.
pub(super) type PerMille = u32;

impl Dice {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    fn rng(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.0.lock().expect("no holder of the dice can panic")
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&self, bound: u64) -> u64 {
        self.rng().next_u64() % bound
    }

    /// A number from `low` to `high`, both of them possible.
    pub(super) fn between(&self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high - low + 1).expect("low is not above high");
        low + i64::try_from(self.below(width)).expect("the width is a difference of two i64")
    }

    /// Whether something of this likelihood happens.
    pub(super) fn says(&self, per_mille: PerMille) -> bool {
        self.below(1_000) < u64::from(per_mille)
    }

    /// One of these, all alike.
    pub(super) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(of.len() as u64)).expect("an index is a usize");
        &of[index]
    }

    /// `N` bytes.
    pub(super) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng().fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let throw = |seed| {
            let dice = Dice::seeded(seed);
            (0..20).map(|_| dice.between(-3, 3)).collect::<Vec<_>>()
        };
        assert_eq!(throw(1), throw(1));
        assert_ne!(throw(1), throw(2));
        assert!(throw(3).iter().all(|number| (-3..=3).contains(number)));
    }
}
