//! Payments: the goal to collect an amount, the attempts at it, and what gateways say of them.

pub mod attempt;
pub mod decline;
pub mod method;
pub mod network;
pub mod outcome;
pub mod probe;
pub mod reading;
pub mod reconcile;
pub mod refund;
pub mod reversal;
pub mod rules;
pub mod settle;
pub mod verdict;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Id, kind},
    money::Money,
    version::Version,
};

/// The goal to collect what an invoice says. One per invoice; it may take many attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::Payment>,
    /// The invoice.
    pub invoice: Id<kind::Invoice>,
    /// Who pays.
    pub customer: Id<kind::Customer>,
    /// What is to be collected.
    pub amount: Money,
    /// Where it stands.
    pub state: PaymentState,
    /// What is charged for this invoice, if not what its subscription or its customer has chosen.
    pub method: Option<Id<kind::PaymentMethod>>,
    /// Whether the attempt that is planned or open charges the customer's backup method instead.
    pub on_backup: bool,
    /// When the next attempt is due, in state `Scheduled` alone.
    pub collect_at: Option<DateTime<Utc>>,
    /// How many attempts were started.
    pub attempts: u32,
    /// What went back of it.
    pub refunded: Money,
    /// What banks or card schemes have taken back of it, and not given again.
    pub reversed: Money,
    /// When it succeeded.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How often it was written.
    pub version: Version,
}

impl Payment {
    /// The id of its newest attempt.
    pub fn attempt_id(&self) -> Id<kind::Attempt> {
        attempt::id_of_try(self.invoice, self.attempts)
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// An attempt is planned for `collect_at`.
    Scheduled,
    /// An attempt is open: nothing else may start (RULES CHG-1, CHG-4).
    Collecting,
    /// Waits for the customer or for staff; no attempt is planned.
    Waiting,
    /// The money came.
    Succeeded,
    /// Given up, or no longer owed.
    Abandoned,
}
