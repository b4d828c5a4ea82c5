//! Money on its way back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use crate::domain::{
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    money::Money,
    version::Version,
};

/// A refund of a payment, in full or in part. Its id is the idempotency key of every sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id, and the idempotency key.
    pub id: Id<kind::Refund>,
    /// What is refunded.
    pub payment: Id<kind::Payment>,
    /// The invoice that was paid.
    pub invoice: Id<kind::Invoice>,
    /// Who gets it.
    pub customer: Id<kind::Customer>,
    /// The attempt that took the money, and so the charge that gives it back.
    pub attempt: Id<kind::Attempt>,
    /// How much.
    pub amount: Money,
    /// Why, in staff's words or ours.
    pub reason: String,
    /// What it gives back.
    pub origin: RefundOrigin,
    /// Where it stands.
    pub state: RefundState,
    /// The gateway's reference, once told.
    pub reference: Option<String>,
    /// Why it failed, in the gateway's words.
    pub failure: Option<String>,
    /// When it is sent or asked after next.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was sent or asked after.
    pub tries: u32,
    /// The world's time until which a worker may be busy with it.
    pub leased_until: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// What a refund gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOrigin {
    /// A payment that was owed.
    Requested,
    /// Money that came although nothing was owed any more (RULES CHG-7).
    LateSuccess,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// To be sent, or sent without a usable answer: the same key is sent again or looked up.
    Queued,
    /// Accepted; the answer comes later.
    Pending,
    /// On its way back.
    Succeeded,
    /// Refused; staff decides.
    Failed,
}

impl Refund {
    /// A refund of `amount` that `attempt` took, to be sent at once.
    pub fn of(
        attempt: &Attempt,
        amount: Money,
        reason: String,
        origin: RefundOrigin,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Self {
        Self {
            merchant: attempt.merchant,
            id: mint.id(now),
            payment: attempt.payment,
            invoice: attempt.invoice,
            customer: attempt.customer,
            attempt: attempt.id,
            amount,
            reason,
            origin,
            state: RefundState::Queued,
            reference: None,
            failure: None,
            due_at: Some(now),
            tries: 0,
            leased_until: None,
            created_at: now,
            settled_at: None,
            version: Version::NEW,
        }
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            amount: Some(self.amount),
            ..Event::new(kind, self.merchant, Subject::Refund(self.id), self.version, now, mint)
        }
    }
}
