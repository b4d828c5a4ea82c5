//! What a gateway tells without being asked, and why it may not be believed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{GatewayError, Outcome, RefundOutcome, StoredMethod};
use crate::domain::{
    ids::{Id, kind},
    payment::{refund::ToldRefund, reversal::Reversal},
};

/// A webhook as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Delivery {
    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a verified webhook says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookNews {
    /// The gateway's id of the event, or the body's SHA-256 where it has none (RULES WIN-3).
    pub event_id: String,
    /// What happened. Empty: nothing that concerns us, stored all the same.
    pub news: Vec<News>,
    /// What the gateway wants to read in the reply; most want nothing.
    pub reply_body: Option<String>,
}

/// One piece of news from a webhook. It is a hint: what moves money is checked by a look-up where
/// the webhook cannot be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A charge stands so.
    Charge {
        /// The attempt, if the gateway echoes our reference.
        attempt: Option<Id<kind::Attempt>>,
        /// The gateway's reference.
        reference: String,
        /// How it stands.
        outcome: Outcome,
    },
    /// A refund stands so.
    Refund {
        /// Our refund, if the gateway echoes our reference.
        refund: Option<Id<kind::Refund>>,
        /// How it stands.
        outcome: RefundOutcome,
    },
    /// A refund that bears no reference of ours stands so.
    ForeignRefund(ToldRefund),
    /// Money of a charge was taken back by the payer's bank or card scheme, or came again.
    Reversal {
        /// The attempt, if the gateway echoes our reference.
        attempt: Option<Id<kind::Attempt>>,
        /// The gateway's reference of the charge.
        charge: String,
        /// What is told of it.
        reversal: Reversal,
    },
    /// A set-up page was finished.
    Setup {
        /// The gateway's reference.
        reference: String,
    },
    /// The card behind a token changed (new expiry or number).
    MethodUpdated(StoredMethod),
}

/// Why a webhook is not believed.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The signature is missing, wrong or too old: answer 401, keep nothing.
    #[error("the webhook's signature does not verify")]
    Signature,
    /// Signed, but not readable as this gateway's event.
    #[error("the webhook cannot be read: {0}")]
    Unreadable(String),
    /// The gateway could not be asked whether it is genuine.
    #[error("the webhook could not be verified just now")]
    Unverifiable(#[source] GatewayError),
}
