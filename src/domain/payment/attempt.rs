//! One call to one gateway, and what may follow from what (RULES §3).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decline::{Decline, Network};
use crate::domain::{
    ids::{Id, kind},
    money::Money,
    version::Version,
};

/// One call to one gateway. Committed before its first byte leaves (RULES CHG-2); its id is the
/// idempotency key of every sending (RULES CHG-3), its version the fence (RULES WRK-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id, and the idempotency key.
    pub id: Id<kind::Attempt>,
    /// The payment it is for.
    pub payment: Id<kind::Payment>,
    /// The invoice it is for: one open attempt per invoice (RULES CHG-1).
    pub invoice: Id<kind::Invoice>,
    /// Who pays.
    pub customer: Id<kind::Customer>,
    /// What is charged; unknown for a card that the customer chooses on the gateway's page.
    pub method: Option<Id<kind::PaymentMethod>>,
    /// The gateway account, by its name in the configuration.
    pub gateway: String,
    /// What is to be taken.
    pub amount: Money,
    /// Who set it off.
    pub initiator: Initiator,
    /// Where it stands.
    pub state: AttemptState,
    /// The gateway's reference, once told.
    pub reference: Option<String>,
    /// What was said, if it was declined.
    pub decline: Option<Decline>,
    /// The network, for its retry limits.
    pub network: Network,
    /// The card, for its network's retry limits (RULES RET-2): fingerprint, else token.
    pub card_key: String,
    /// Where the customer acts, while they must.
    pub action_url: Option<String>,
    /// Whether a card chosen on the gateway's page is to be used from then on; the customer ticked it.
    pub store_method: bool,
    /// When it was first sent.
    pub sent_at: DateTime<Utc>,
    /// The world's time until which a worker may be busy with it.
    pub leased_until: Option<DateTime<Utc>>,
    /// When the gateway is asked next how it stands.
    pub probe_at: Option<DateTime<Utc>>,
    /// How often it was asked.
    pub probes: u32,
    /// When the gateway first said that it knows of no such charge.
    pub not_found_at: Option<DateTime<Utc>>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// Who set a charge off (RULES §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// The customer, present.
    Customer,
    /// The merchant, by a stored credential: renewals and dunning retries.
    Merchant,
}

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Committed, and sent or about to be.
    InFlight,
    /// The money was taken.
    Succeeded,
    /// The answer was no.
    Declined,
    /// Refused before it was tried: our order or set-up was wrong.
    Rejected,
    /// Proven never to have been carried out.
    NotExecuted,
    /// Accepted; the answer comes later.
    Pending,
    /// The customer must act first.
    ActionRequired,
    /// No usable answer: the charge may exist (RULES CHG-6).
    Unknown,
}

impl AttemptState {
    /// Whether it may still take money, so that no other attempt may start (RULES CHG-4).
    pub fn is_open(self) -> bool {
        match self {
            Self::InFlight | Self::Pending | Self::ActionRequired | Self::Unknown => true,
            Self::Succeeded | Self::Declined | Self::Rejected | Self::NotExecuted => false,
        }
    }
}
