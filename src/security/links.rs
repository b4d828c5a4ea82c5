//! Signed, expiring tokens: for the links in mails (RULES AUT-4) and for page tokens (RULES API-6).
//!
//! A token proves that we wrote it, for one purpose, and until when it holds; it hides nothing, so
//! a payload must not be secret. What a genuine token allows is decided by whoever verifies it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ring::{hkdf, hmac};
use thiserror::Error;

const SIGNATURE_BYTES: usize = 32;
const EXPIRY_BYTES: usize = 8;
/// Longer than any token of ours; what is longer is not even decoded.
const TOKEN_MAX_LEN: usize = 4096;

/// What a token is for. A token for one purpose never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The link in a mail that opens one invoice's pay page.
    Pay,
    /// Where the next page of a list begins.
    PageToken,
    /// Where a stream of events goes on.
    EventPosition,
    /// A page of a gateway's on which one customer stores a card.
    SetupSession,
}

impl Purpose {
    /// Part of what is signed: changing one breaks every token out there.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Pay => b"rondo/pay/1",
            Self::PageToken => b"rondo/page-token/1",
            Self::EventPosition => b"rondo/event-position/1",
            Self::SetupSession => b"rondo/setup-session/1",
        }
    }
}

/// The keys that sign, one per purpose, all derived from the configured secret.
pub struct LinkKey {
    root: hkdf::Prk,
}

/// Why a token does not hold.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadLink {
    /// We wrote it, but its time is over. The payload tells which page can offer a new one.
    #[error("the link expired at {at}")]
    Expired {
        /// When.
        at: DateTime<Utc>,
        /// What it was about.
        payload: Vec<u8>,
    },
    /// We did not write it, or not for this purpose.
    #[error("the link is not genuine")]
    Forged,
}

impl LinkKey {
    /// The keys that follow from the configured secret.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self { root: hkdf::Salt::new(hkdf::HKDF_SHA256, b"rondo links").extract(secret) }
    }

    /// A token that proves `payload` for `purpose` until `expires` (cut to seconds), fit for a URL.
    pub fn sign(&self, purpose: Purpose, payload: &[u8], expires: DateTime<Utc>) -> String {
        let expiry = expires.timestamp().to_be_bytes();
        let signature = hmac::sign(&self.subkey(purpose), &signed(purpose, expiry, payload));
        BASE64_URL_SAFE_NO_PAD.encode([signature.as_ref(), &expiry, payload].concat())
    }

    /// The payload of a token that we wrote for `purpose` and that still holds at `now`.
    pub fn verify(
        &self,
        purpose: Purpose,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, BadLink> {
        if token.len() > TOKEN_MAX_LEN {
            return Err(BadLink::Forged);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| BadLink::Forged)?;
        let (signature, rest) =
            bytes.split_first_chunk::<SIGNATURE_BYTES>().ok_or(BadLink::Forged)?;
        let (expiry, payload) = rest.split_first_chunk::<EXPIRY_BYTES>().ok_or(BadLink::Forged)?;
        // Compares in constant time.
        hmac::verify(&self.subkey(purpose), &signed(purpose, *expiry, payload), signature)
            .map_err(|_| BadLink::Forged)?;
        let at = DateTime::from_timestamp(i64::from_be_bytes(*expiry), 0).ok_or(BadLink::Forged)?;
        if now < at {
            Ok(payload.to_vec())
        } else {
            Err(BadLink::Expired { at, payload: payload.to_vec() })
        }
    }

    fn subkey(&self, purpose: Purpose) -> hmac::Key {
        self.root
            .expand(&[purpose.label()], hmac::HMAC_SHA256)
            .map(hmac::Key::from)
            .expect("a key of 32 bytes is within what HKDF can give")
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

/// The purpose's label has no zero byte, so no two triples are written alike.
fn signed(purpose: Purpose, expiry: [u8; EXPIRY_BYTES], payload: &[u8]) -> Vec<u8> {
    [purpose.label(), &[0], &expiry, payload].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn link_key() -> LinkKey {
        LinkKey::from_secret(&[7; 32])
    }

    #[test]
    fn a_link_holds_until_its_last_second() {
        let (key, expires) = (link_key(), at("2026-03-31T00:00:00Z"));
        let token = key.sign(Purpose::Pay, b"inv_1", expires);
        assert_eq!(
            key.verify(Purpose::Pay, &token, at("2026-03-30T23:59:59Z")),
            Ok(b"inv_1".to_vec())
        );
        assert_eq!(
            key.verify(Purpose::Pay, &token, expires),
            Err(BadLink::Expired { at: expires, payload: b"inv_1".to_vec() })
        );
    }

    #[test]
    fn a_token_for_one_purpose_or_secret_is_forged_for_another() {
        let (key, expires, now) =
            (link_key(), at("2026-03-31T00:00:00Z"), at("2026-03-01T00:00:00Z"));
        let token = key.sign(Purpose::PageToken, b"inv_1", expires);
        assert_eq!(key.verify(Purpose::Pay, &token, now), Err(BadLink::Forged));
        let other = LinkKey::from_secret(&[8; 32]);
        assert_eq!(other.verify(Purpose::PageToken, &token, now), Err(BadLink::Forged));
    }

    #[test]
    fn a_token_is_fit_for_a_url() {
        let token = link_key().sign(Purpose::Pay, &[255; 64], at("2026-03-31T00:00:00Z"));
        assert!(
            token.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-_".contains(&letter))
        );
    }

    proptest! {
        #[test]
        fn what_was_signed_verifies(payload: Vec<u8>, seconds in 0_i64..4_000_000_000) {
            let (key, now) = (link_key(), DateTime::from_timestamp(seconds, 0).unwrap());
            let token = key.sign(Purpose::Pay, &payload, now + chrono::TimeDelta::seconds(1));
            prop_assert_eq!(key.verify(Purpose::Pay, &token, now), Ok(payload));
        }

        #[test]
        fn a_flipped_bit_is_forged(payload: [u8; 16], bit in 0_usize..56 * 8) {
            let (key, now) = (link_key(), DateTime::UNIX_EPOCH);
            let token = key.sign(Purpose::Pay, &payload, DateTime::<Utc>::MAX_UTC);
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(token).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(key.verify(Purpose::Pay, &token, now), Err(BadLink::Forged));
        }

        #[test]
        fn no_text_makes_the_verifier_panic(text: String) {
            let verdict = link_key().verify(Purpose::Pay, &text, DateTime::UNIX_EPOCH);
            prop_assert_eq!(verdict, Err(BadLink::Forged));
        }
    }
}
