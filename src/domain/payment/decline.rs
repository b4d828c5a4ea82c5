//! What we understand by a decline (RULES §1). A decline is an answer, not an error.

use serde::{Deserialize, Serialize};

/// What a decline means for the next step. Ordered from the least to the most restrictive, so that
/// the strictest of several signals is their maximum (RULES DEC-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// No particular reason; follow the schedule.
    Generic,
    /// The issuer or a network is down; retry within hours.
    WaitIssuer,
    /// Not enough money; follow the schedule.
    WaitFunds,
    /// The issuer suspects risk; at most one retry, 72 hours later.
    HoldRisk,
    /// Our set-up is wrong; staff mends it, the customer's ladder does not move.
    Config,
    /// The card's data must change first.
    FixData,
    /// Only the customer can authenticate it.
    NeedsSca,
    /// The payer withdrew consent.
    StopMandate,
    /// Never again on this credential.
    Never,
}

/// A card network, whose codes mean what the others' need not (RULES DEC-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is a company's name")]
pub enum Network {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Jcb,
    UnionPay,
    Ach,
    Sepa,
    Bacs,
    /// A wallet, or a network that we have no rules for.
    Other,
}

/// Everything that was said with a decline, raw, and what we understood (RULES DEC-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// What we understood.
    pub class: DeclineClass,
    /// The gateway's own code, for example `insufficient_funds`.
    pub gateway_code: Option<String>,
    /// The gateway's own advice, for example `do_not_try_again`.
    pub gateway_advice: Option<String>,
    /// The ISO 8583 response code, for example `51`.
    pub response_code: Option<String>,
    /// The network's advice code (Mastercard's MAC), for example `03`.
    pub network_advice: Option<String>,
    /// The gateway's sentence, for staff.
    pub message: Option<String>,
    /// The network asks not to come back sooner than this many hours after the attempt.
    pub wait_hours: Option<u32>,
}
