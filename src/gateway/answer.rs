//! What a gateway may answer. A decline is an answer; why there is none is [`GatewayError`].

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{News, Outcome, RefundState, StoredMethod, Taking};

/// A page of the gateway's to send the customer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPage {
    /// The gateway's reference of what happens there.
    pub reference: String,
    /// The address.
    pub url: String,
}

/// What a look-up saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// The charge is there and stands so.
    Found(Outcome),
    /// No such charge, as far as the gateway's index reaches.
    NotFound,
}

/// One page of a gateway's own list of what it took (RULES REC-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it took, in its own order.
    pub takings: Vec<Taking>,
    /// Gets the next page; none at the end.
    pub next: Option<String>,
}

/// One page of a gateway's own list of what went back of charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returns {
    /// What is told of each: the same as a webhook would have told.
    pub news: Vec<News>,
    /// Gets the next page; none at the end.
    pub next: Option<String>,
}

/// How a refund stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundOutcome {
    /// On its way back.
    Refunded {
        /// The gateway's reference.
        reference: String,
    },
    /// Accepted; the answer comes later.
    Pending {
        /// The gateway's reference.
        reference: String,
    },
    /// Refused, in the gateway's words.
    Failed {
        /// Why.
        reason: String,
    },
}

impl RefundOutcome {
    /// The state of a refund that stands so.
    pub const fn state(&self) -> RefundState {
        match self {
            Self::Refunded { .. } => RefundState::Succeeded,
            Self::Pending { .. } => RefundState::Pending,
            Self::Failed { .. } => RefundState::Failed,
        }
    }
}

/// What a look-up of a refund saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundSighting {
    /// The refund is there and stands so.
    Found(RefundOutcome),
    /// No such refund.
    NotFound,
}

/// What became of a set-up page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupState {
    /// The customer is not done.
    Open,
    /// A method was stored.
    Stored(StoredMethod),
    /// The page expired, or the bank refused.
    Failed,
}

/// Why there is no answer. By what the caller can do about it.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// No byte left: name, connect or TLS failed. The same key may be sent again.
    #[error("the call never left")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gateway asks to slow down and did nothing. The same key may be sent again.
    #[error("the gateway asks to slow down")]
    RateLimited {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Refused before execution: our order was wrong. Sending it again is no use.
    #[error("the gateway refused the order before trying it: {reason}")]
    Rejected {
        /// The gateway's words, free of secrets.
        reason: String,
    },
    /// Our credentials were refused.
    #[error("the gateway refused our credentials")]
    Unauthorised,
    /// Timed out after sending, reset, 5xx, or unreadable: the charge may exist.
    #[error("no usable answer; the charge may exist")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This gateway cannot do that at all; see its [`Capabilities`](super::Capabilities).
    #[error("this gateway cannot {0}")]
    Unsupported(&'static str),
}

/// What to do about a [`GatewayError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing happened: send the same key again, later.
    SendSameKeyAgain,
    /// Something may have happened: look it up.
    ResolveFirst,
    /// Nothing happened and nothing will until staff acts.
    TellStaff,
}

impl GatewayError {
    /// What to do next.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotSent(_) | Self::RateLimited { .. } => Remedy::SendSameKeyAgain,
            Self::Unknown(_) => Remedy::ResolveFirst,
            Self::Rejected { .. } | Self::Unauthorised | Self::Unsupported(_) => Remedy::TellStaff,
        }
    }
}
