//! API keys (RULES KEY-2): how one is made, recognised and stored.
//!
//! A key is `rk_live_` or `rk_test_`, then 160 random bits, then a checksum of six letters, so that
//! a mistyped key is refused without a look at the database and a scanner knows one when it sees it.
//! Only the SHA-256 is ever stored. Expiry and last use are the store's columns, not decided here.

use std::fmt;

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::domain::ids::Mint;

/// Lower-case Crockford base 32: no letter can be taken for another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 160 bits in letters of five.
const RANDOM_LETTERS: usize = 32;
const CHECKSUM_LETTERS: usize = 6;

/// Whether a key moves real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Real money.
    Live,
    /// The sandbox gateway and test clocks.
    Test,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Live, Self::Test];

    /// What every key of this mode begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "rk_live_",
            Self::Test => "rk_test_",
        }
    }
}

/// A whole key. Shown to its owner once, when it is made; prints as its hint alone.
#[derive(Clone)]
pub struct ApiKey {
    mode: Mode,
    text: SecretString,
}

/// A text that is no key: mistyped, cut off, or something else.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not an API key: it begins with rk_live_ or rk_test_, and 38 letters and digits follow")]
pub struct BadApiKey;

impl ApiKey {
    /// A new key.
    pub fn mint(mode: Mode, mint: &Mint) -> Self {
        let random: String = letters(&mint.bytes::<20>()).collect();
        let unchecked = format!("{}{random}", mode.prefix());
        let text = SecretString::from(format!("{unchecked}{}", checksum(&unchecked)));
        Self { mode, text }
    }

    /// Reads a key that a caller sent. That it is well formed says nothing about its being known.
    pub fn parse(text: &str) -> Result<Self, BadApiKey> {
        let mode = Mode::ALL.into_iter().find(|mode| text.starts_with(mode.prefix()));
        let mode = mode.ok_or(BadApiKey)?;
        let letters = &text.as_bytes()[mode.prefix().len()..];
        if letters.len() != RANDOM_LETTERS + CHECKSUM_LETTERS
            || !letters.iter().all(|letter| ALPHABET.contains(letter))
        {
            return Err(BadApiKey);
        }
        // All ASCII from here on, so that a byte is a letter.
        let (unchecked, told) = text.split_at(text.len() - CHECKSUM_LETTERS);
        if bool::from(checksum(unchecked).as_bytes().ct_eq(told.as_bytes())) {
            Ok(Self { mode, text: SecretString::from(text) })
        } else {
            Err(BadApiKey)
        }
    }

    /// Whether it moves real money.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The key itself: to be shown once and sent, never stored or logged.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// What is stored, and what a call's key is looked up by.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(sha256(self.expose()))
    }

    /// What lists show, so that an owner can tell keys apart: `rk_live_3f7k…`.
    pub fn hint(&self) -> String {
        let shown = self.mode.prefix().len() + 4;
        format!("{}…", &self.expose()[..shown])
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.hint())
    }
}

/// The SHA-256 of a key. 160 random bits need no slow hash.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Takes 32 bytes that were read back from the database.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes that the database keeps.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Takes the same time wherever the two differ.
impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

fn sha256(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn checksum(unchecked: &str) -> String {
    letters(&sha256(unchecked)[..5]).take(CHECKSUM_LETTERS).collect()
}

/// Five bytes give eight letters.
fn letters(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    bytes.chunks_exact(5).flat_map(|five| {
        let bits = five.iter().fold(0_u64, |bits, &byte| (bits << 8) | u64::from(byte));
        (0..8).rev().map(move |place| {
            let letter = usize::try_from((bits >> (5 * place)) & 31).expect("five bits");
            char::from(ALPHABET[letter])
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(mode: Mode, seed: [u8; 32]) -> ApiKey {
        ApiKey::mint(mode, &Mint::seeded(seed))
    }

    proptest! {
        #[test]
        fn a_key_reads_back_as_itself(seed: [u8; 32], live: bool) {
            let key = key(if live { Mode::Live } else { Mode::Test }, seed);
            let read = ApiKey::parse(key.expose()).unwrap();
            prop_assert_eq!(read.mode(), key.mode());
            prop_assert_eq!(read.digest(), key.digest());
        }

        #[test]
        fn one_wrong_letter_is_noticed(seed: [u8; 32], place in 8_usize..46, step in 1_usize..32) {
            let mut typed = key(Mode::Live, seed).expose().to_owned().into_bytes();
            let was = ALPHABET.iter().position(|&letter| letter == typed[place]).unwrap();
            typed[place] = ALPHABET[(was + step) % 32];
            // Thirty bits of checksum: a miss is one in a thousand million.
            prop_assert!(ApiKey::parse(std::str::from_utf8(&typed).unwrap()).is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = ApiKey::parse(&text);
            let _ = ApiKey::parse(&format!("rk_live_{text}"));
        }
    }

    #[test]
    fn a_key_looks_like_one() {
        let key = key(Mode::Test, [7; 32]);
        assert!(key.expose().starts_with("rk_test_"));
        assert_eq!(key.expose().len(), 8 + 32 + 6);
        assert_ne!(key.digest(), super::tests::key(Mode::Test, [8; 32]).digest());
    }

    #[test]
    fn a_key_never_prints_itself() {
        let key = key(Mode::Live, [7; 32]);
        let printed = format!("{key:?} {:?}", key.digest());
        assert!(!printed.contains(&key.expose()[13..]), "{printed}");
        assert_eq!(key.hint().chars().count(), 13);
    }

    #[test]
    fn texts_that_are_no_keys_are_refused() {
        for text in ["", "rk_live_", "sk_live_0123456789abcdefghjkmnpqrstvwxyz012345", "rk_live_é"]
        {
            assert_eq!(ApiKey::parse(text).unwrap_err(), BadApiKey, "{text}");
        }
    }
}
