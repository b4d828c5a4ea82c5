//! Typed, prefixed, time-ordered ids: an invoice's id can never be passed for a payment's.
//!
//! Inside, an id is a `UUIDv7` (16 bytes, in both databases). At the edge it is text: the kind's prefix
//! and the UUID in lower-case Crockford base 32, for example `inv_06ew5kkq3hx3d1qj9w2t7m8c0g`.

use std::{
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::{DateTime, Utc};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use uuid::Uuid;

/// What an id is the id of. The implementing types are the kinds of object that Rondo keeps.
pub trait Kind: 'static {
    /// The text before the underscore, three or four letters.
    const PREFIX: &'static str;
}

/// Kinds of object that have an id, each an uninhabited name.
pub mod kind {
    use super::Kind;

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
            $($(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $name {}
            impl Kind for $name {
                const PREFIX: &'static str = $prefix;
            })*
        };
    }

    kinds! {
        /// A tenant: one portal.
        Merchant = "mer";
        /// A key that may call the API.
        ApiKey = "key";
        /// Someone who pays a merchant.
        Customer = "cus";
        /// A stored way to pay: a gateway's token.
        PaymentMethod = "pm";
        /// What is sold again and again.
        Plan = "plan";
        /// A customer's running agreement to a plan.
        Subscription = "sub";
        /// What is owed.
        Invoice = "inv";
        /// The goal to collect an invoice's amount.
        Payment = "pay";
        /// One call to one gateway.
        Attempt = "att";
        /// Money going back.
        Refund = "ref";
        /// A ladder of steps after a failed charge.
        DunningPolicy = "dp";
        /// One invoice's way through dunning.
        DunningCase = "dun";
        /// A balanced set of postings.
        Journal = "jrn";
        /// Something that happened.
        Event = "evt";
        /// An e-mail in the outbox.
        Mail = "mail";
        /// A merchant's own time.
        TestClock = "clk";
        /// A portal's address for signed webhooks.
        WebhookEndpoint = "we";
    }
}

/// The id of one `K`. Sorts by the time of its making.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// Takes a UUID, read back from the database, for an id.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The 16 bytes that the database keeps.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K: Kind> Id<K> {
    /// The id of the `place`th thing of its kind that follows from `source`, sorted by `at`. It is the same
    /// in every history that begins with one database: one that goes on from an older backup orders
    /// nothing a second time under another name.
    pub fn following<S: Kind>(source: Id<S>, place: i64, at: DateTime<Utc>) -> Self {
        let mut seed = [0; 32];
        let prefix = &K::PREFIX.as_bytes()[..K::PREFIX.len().min(8)];
        seed[..16].copy_from_slice(source.uuid.as_bytes());
        seed[16..24].copy_from_slice(&place.to_be_bytes());
        seed[24..24 + prefix.len()].copy_from_slice(prefix);
        let mut bytes = [0; 10];
        ChaCha20Rng::from_seed(seed).fill_bytes(&mut bytes);
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// The time that it is sorted by, to the millisecond.
    pub fn made_at(self) -> DateTime<Utc> {
        let millis = i64::try_from(self.uuid.as_u128() >> 80).expect("48 bits");
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }
}

/// The one place where ids and other chance come from. Seeded, so that a run can be repeated.
///
/// Ids of one millisecond come in the order of their making too, as on a test clock that stands: a
/// counter of 26 bits stands before the random ones (RFC 9562, section 6.2, method 1).
#[derive(Debug)]
pub struct Mint {
    rng: Mutex<ChaCha20Rng>,
    made: AtomicU32,
}

impl Mint {
    /// A mint whose every coin follows from `seed`.
    pub fn seeded(seed: [u8; 32]) -> Self {
        Self { rng: Mutex::new(ChaCha20Rng::from_seed(seed)), made: AtomicU32::new(0) }
    }

    /// A new id, ordered by `now` to the millisecond.
    pub fn id<K: Kind>(&self, now: DateTime<Utc>) -> Id<K> {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        let mut bytes = self.bytes::<10>();
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        // The version takes four bits of the first byte, the variant two of the third.
        for (byte, shift) in bytes.iter_mut().zip([22, 14, 8, 0]) {
            [.., *byte] = (made >> shift).to_be_bytes();
        }
        Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.lock().expect("no holder of the mint's lock can panic").fill_bytes(&mut bytes);
        bytes
    }
}

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be an id like {expected}_06ew5kkq3hx3d1qj9w2t7m8c0g")]
pub struct BadId {
    /// The prefix that would be right.
    pub expected: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 26 letters of 5 bits hold 130 bits; the first letter carries only three of them.
const LETTERS: usize = 26;

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.uuid.as_u128();
        write!(f, "{}_", K::PREFIX)?;
        (0..LETTERS).rev().try_for_each(|place| {
            let letter = (bits >> (5 * place)) & 31;
            write!(f, "{}", char::from(ALPHABET[usize::try_from(letter).expect("five bits")]))
        })
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { expected: K::PREFIX };
        let (prefix, letters) = text.rsplit_once('_').ok_or(BadId { expected: K::PREFIX })?;
        if prefix != K::PREFIX || letters.len() != LETTERS || letters.as_bytes()[0] > b'7' {
            return Err(bad);
        }
        letters
            .bytes()
            .try_fold(0_u128, |bits, letter| {
                let value = ALPHABET.iter().position(|&known| known == letter)?;
                Some((bits << 5) | value as u128)
            })
            .map(|bits| Self::from_uuid(Uuid::from_u128(bits)))
            .ok_or(bad)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself(bits: u128) {
            let id = Id::<kind::Invoice>::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a: u128, b: u128) {
            let [a, b] = [a, b].map(|bits| Id::<kind::Invoice>::from_uuid(Uuid::from_u128(bits)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<Id<kind::Invoice>>();
        }
    }

    #[test]
    fn ids_of_one_instant_sort_in_the_order_of_their_making() {
        let mint = Mint::seeded([1; 32]);
        let made: Vec<Id<kind::Invoice>> =
            (0..5_000).map(|_| mint.id(DateTime::UNIX_EPOCH)).collect();
        assert!(made.is_sorted());
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let payment = Id::<kind::Payment>::from_uuid(Uuid::from_u128(7)).to_string();
        assert_eq!(payment.parse::<Id<kind::Invoice>>(), Err(BadId { expected: "inv" }));
    }

    #[test]
    fn what_follows_from_one_thing_has_the_same_id_in_every_history() {
        let mint = Mint::seeded([7; 32]);
        let at = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
        let (one, other): (Id<kind::Invoice>, Id<kind::Invoice>) = (mint.id(at), mint.id(at));
        let first: Id<kind::Attempt> = Id::following(one, 1, at);
        assert_eq!(first, Id::following(one, 1, at));
        assert_ne!(first, Id::following(one, 2, at));
        assert_ne!(first, Id::following(other, 1, at));
        assert_ne!(first.uuid(), Id::<kind::Payment>::following(one, 1, at).uuid());
        assert_eq!((first.made_at(), one.made_at()), (at, at));
        assert_eq!(first.uuid().get_version_num(), 7);
    }
}
