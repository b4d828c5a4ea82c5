//! How a charge stands, by the gateway's own word: what every gateway's reply is translated into.

use serde::{Deserialize, Serialize};

use super::{decline::Decline, method::StoredMethod};
use crate::domain::money::Money;

/// How a charge stands, by the gateway's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Money was taken.
    Paid(Paid),
    /// Accepted; the answer comes later.
    Pending {
        /// The gateway's reference.
        reference: String,
    },
    /// The customer must authenticate before it can go on.
    ActionRequired {
        /// The gateway's reference.
        reference: String,
        /// Where, if the gateway has a page for it.
        url: Option<String>,
    },
    /// Refused.
    Declined {
        /// The gateway's reference: even a failed charge can leave an object behind.
        reference: Option<String>,
        /// Why, raw and understood.
        decline: Decline,
    },
}

/// A charge that took money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The gateway's reference.
    pub reference: String,
    /// What was really taken; compared with the order, never assumed.
    pub amount: Money,
    /// The network's id of the transaction, kept for later charges.
    pub network_transaction: Option<String>,
    /// The network's advice that came with the approval: a fact about the card (RULES DEC-3).
    #[serde(default)]
    pub network_advice: Option<String>,
    /// The method that paid, if the customer chose it on the gateway's page.
    pub method: Option<Box<StoredMethod>>,
    /// Whether the gateway told it in brief, without what the network said of it: a look-up tells that.
    #[serde(default)]
    pub is_brief: bool,
}

impl Paid {
    /// So much was taken, and there is no more to tell.
    pub const fn bare(reference: String, amount: Money) -> Self {
        Self {
            reference,
            amount,
            network_transaction: None,
            network_advice: None,
            method: None,
            is_brief: false,
        }
    }
}
