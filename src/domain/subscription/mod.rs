//! A customer's running agreement to a plan.

pub mod access;
pub mod lifecycle;
pub mod renewal;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    calendar::{BillingAnchor, Period},
    catalog::VersionNumber,
    ids::{Id, kind},
    labels::Labels,
    money::Currency,
    version::Version,
};

/// A customer's running agreement to a version of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::Subscription>,
    /// Who pays.
    pub customer: Id<kind::Customer>,
    /// The plan agreed to.
    pub plan: Id<kind::Plan>,
    /// Its version agreed to.
    pub plan_version: VersionNumber,
    /// What it is billed in.
    pub currency: Currency,
    /// How many seats.
    pub quantity: u32,
    /// Where it stands.
    pub state: SubscriptionState,
    /// What all cycles count from; it outlives short months.
    pub anchor: BillingAnchor,
    /// The number of the cycle that is billed next, from 0. It goes on when the anchor moves; one-time
    /// fees come with cycle 0 alone.
    pub next_cycle: u32,
    /// The period that was billed last; absent before the first, and when cycles count anew after a
    /// time for which nothing was billed.
    pub current_period: Option<Period>,
    /// When it next needs a decision: a renewal, the end of a trial, a planned end or resumption.
    /// Nothing is due in a state that only the customer can leave.
    pub due_at: Option<DateTime<Utc>>,
    /// When the reminder before the next charge is due (RULES §6), if one is.
    pub remind_at: Option<DateTime<Utc>>,
    /// The charge of which its reminder has told, by its time; also one that was too short to be told of.
    pub reminded_for: Option<DateTime<Utc>>,
    /// The end of the free trial, if it had one.
    pub trial_end: Option<DateTime<Utc>>,
    /// Its planned or past end, if one was asked for.
    pub cancellation: Option<Cancellation>,
    /// What changes at the next renewal.
    pub scheduled_change: Option<ScheduledChange>,
    /// Set while paused.
    pub pause: Option<Pause>,
    /// What is charged; the customer's default if absent.
    pub payment_method: Option<Id<kind::PaymentMethod>>,
    /// The access that dunning leaves; full unless an invoice is overdue.
    pub access: Access,
    /// The portal's own words about it.
    pub labels: Labels,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// Waits for its first payment.
    Incomplete,
    /// In its free trial.
    Trialing,
    /// Runs, all paid.
    Active,
    /// Runs, with an invoice in dunning.
    PastDue,
    /// Dunning gave up; nothing more is billed until the debt is paid.
    Unpaid,
    /// Paused by the customer or staff.
    Paused,
    /// Ended because someone said so.
    Canceled,
    /// Ended because its first payment never came.
    Expired,
}

impl SubscriptionState {
    /// Whether it is over for good.
    pub fn is_over(self) -> bool {
        match self {
            Self::Canceled | Self::Expired => true,
            Self::Incomplete
            | Self::Trialing
            | Self::Active
            | Self::PastDue
            | Self::Unpaid
            | Self::Paused => false,
        }
    }
}

/// An end that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When the subscription ends or ended.
    pub ends_at: DateTime<Utc>,
    /// Who wanted it.
    pub cause: CancellationCause,
}

/// Who wanted an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancellationCause {
    /// The customer, or the portal for them.
    Requested,
    /// Dunning's final action.
    Dunning,
    /// The plan was retired.
    PlanRetired,
    /// The payer withdrew consent at the bank.
    MandateStopped,
}

impl CancellationCause {
    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Dunning => "dunning",
            Self::PlanRetired => "plan_retired",
            Self::MandateStopped => "mandate_stopped",
        }
    }
}

/// What changes at the next renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledChange {
    /// The plan from then on.
    pub plan: Id<kind::Plan>,
    /// Its version.
    pub plan_version: VersionNumber,
    /// Seats from then on.
    pub quantity: u32,
}

impl Access {
    /// The one of the two that leaves less open.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Grace, _) | (_, Self::Grace) => Self::Grace,
            (Self::Full, Self::Full) => Self::Full,
        }
    }
}

/// What else of a subscription is overdue, besides the invoice that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherDebts {
    /// Nothing.
    None,
    /// Invoices that dunning is still about, the strictest of which leaves this open.
    Dunned(Access),
    /// Also one with which dunning has come to its end.
    GivenUp,
}

/// A pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it resumes by itself, if it does.
    pub resumes_at: Option<DateTime<Utc>>,
}

/// What a member may see of what they subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// All of it.
    Full,
    /// All of it, though an invoice is overdue.
    Grace,
    /// Nothing.
    None,
}
