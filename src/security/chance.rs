//! The machine's dice: the one place where a seed is drawn. Everything random then follows from it.

use ring::rand::{SecureRandom, SystemRandom};

use crate::domain::ids::Mint;

/// A mint with a seed from the operating system: a cryptographic generator, fit for keys.
pub fn system_mint() -> Mint {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).expect("an operating system that runs us has randomness");
    Mint::seeded(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_mints_are_seeded_alike() {
        assert_ne!(system_mint().bytes::<32>(), system_mint().bytes::<32>());
    }
}
