//! A stored way to pay: a gateway's token and what may be shown of the card, never its number.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::decline::Network;
use crate::domain::hash::fnv1a;

/// The month in which a card stops working; it works to that month's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expiry {
    /// The year, four digits.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
}

impl Expiry {
    /// The last microsecond of its last month, in UTC.
    ///
    /// ```
    /// # use rondo::domain::payment::method::Expiry;
    /// let expiry = Expiry { year: 2026, month: 12 };
    /// assert_eq!(expiry.last_instant().to_string(), "2026-12-31 23:59:59.999999 UTC");
    /// ```
    pub fn last_instant(self) -> DateTime<Utc> {
        let first_month_after = i32::from(self.year) * 12 + i32::from(self.month);
        let (year, month0) = (first_month_after.div_euclid(12), first_month_after.rem_euclid(12));
        let month = u32::try_from(month0 + 1).expect("a month lies between 1 and 12");
        let next = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(NaiveDate::MAX);
        next.and_time(NaiveTime::MIN).and_utc() - TimeDelta::microseconds(1)
    }

    /// Whether the card no longer works at `at`.
    pub fn is_over_at(self, at: DateTime<Utc>) -> bool {
        self.last_instant() < at
    }
}

/// A method in the gateway's vault: never a card number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMethod {
    /// The gateway's token.
    pub token: String,
    /// The gateway's reference of the customer it belongs to, where it has one.
    pub customer_reference: Option<String>,
    /// The network.
    pub network: Network,
    /// The brand to show, for example `Visa`.
    pub brand: String,
    /// The last four digits to show.
    pub last_four: String,
    /// The month of expiry, if it has one.
    pub expiry: Option<Expiry>,
    /// The same card has the same fingerprint, whatever its token (RULES RET-2).
    pub fingerprint: Option<String>,
}

impl StoredMethod {
    /// What may be shown of it.
    pub fn shown(&self) -> Shown {
        Shown { brand: self.brand.clone(), last_four: self.last_four.clone(), expiry: self.expiry }
    }
}

/// What a gateway is told to charge. An attempt keeps it as it was when it was committed, so that
/// every sending of its key says the same (RULES CHG-2, CHG-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The gateway's token.
    pub token: String,
    /// The gateway's reference of the customer it belongs to, where it has one.
    pub customer_reference: Option<String>,
    /// The network's id of the payment at which the customer agreed, once known (RULES MIT-1).
    pub original_transaction: Option<String>,
    /// Which card that was, with its data as they were.
    pub card: CardMark,
}

/// Tells one card, with its data as they are, from every other card, and from itself with other data:
/// what a decline teaches holds for one mark (RULES DEC-3, UPD-3).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct CardMark(u64);

impl CardMark {
    /// The mark of the card that its network or gateway knows by `card_key`.
    pub fn new(card_key: &str, last_four: &str, expiry: Option<Expiry>) -> Self {
        let expiry = expiry.map_or([0; 3], |Expiry { year, month }| {
            let [high, low] = year.to_be_bytes();
            [high, low, month]
        });
        let parts = [card_key.as_bytes(), &[0], last_four.as_bytes(), &[0], &expiry];
        Self(fnv1a(parts.into_iter().flatten().copied()))
    }
}

/// What may be shown of a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The brand, for example `Visa`.
    pub brand: String,
    /// The last four digits.
    pub last_four: String,
    /// The last month in which it works, for cards.
    pub expiry: Option<Expiry>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.brand, self.last_four)
    }
}
