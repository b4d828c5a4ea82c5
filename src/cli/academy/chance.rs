//! The academy's dice: whatever the members are and do follows from one seed.

use rand::Rng;
use rand_chacha::ChaCha20Rng;

/// One of `choices`, each as likely as its weight says.
pub fn weighted<T: Copy>(rng: &mut ChaCha20Rng, choices: &[(u32, T)]) -> T {
    let all = choices.iter().map(|(weight, _)| weight).sum();
    let mut left = rng.random_range(0..all);
    for (weight, choice) in choices {
        if left < *weight {
            return *choice;
        }
        left -= weight;
    }
    unreachable!("what is left is below the sum of all weights")
}

/// One of `choices`, each as likely.
pub fn one_of<T: Copy>(rng: &mut ChaCha20Rng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}

/// Whether something happens that does so `percent` times in a hundred.
pub fn happens(rng: &mut ChaCha20Rng, percent: u32) -> bool {
    rng.random_range(0..100) < percent
}
