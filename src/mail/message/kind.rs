//! The kinds of mail, and the names they go by in the database, on the command line and in headers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A subscription has started.
    Welcome,
    /// A free trial ends soon.
    TrialEnding,
    /// A long cycle renews soon.
    UpcomingRenewal,
    /// Money was taken.
    Receipt,
    /// A charge was declined.
    PaymentFailed,
    /// The customer's bank wants the customer to confirm a charge.
    AuthenticationNeeded,
    /// The card in use expires before the next charge.
    CardExpiring,
    /// A declined charge has come through after all.
    Recovered,
    /// Access is closed until something is paid.
    Suspended,
    /// A subscription ends or has ended.
    Cancelled,
    /// The end of a subscription that was planned does not come.
    CancellationUndone,
    /// The price or the plan changes.
    PlanChanging,
    /// Money goes back.
    Refund,
}

/// The text names no kind of mail.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be a kind of mail such as payment_failed or receipt")]
pub struct UnknownKind;

impl MessageKind {
    /// Every kind, in the order of a subscription's life.
    pub const ALL: [Self; 13] = [
        Self::Welcome,
        Self::TrialEnding,
        Self::UpcomingRenewal,
        Self::Receipt,
        Self::PaymentFailed,
        Self::AuthenticationNeeded,
        Self::CardExpiring,
        Self::Recovered,
        Self::Suspended,
        Self::Cancelled,
        Self::CancellationUndone,
        Self::PlanChanging,
        Self::Refund,
    ];

    /// The kind's name: `payment_failed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::TrialEnding => "trial_ending",
            Self::UpcomingRenewal => "upcoming_renewal",
            Self::Receipt => "receipt",
            Self::PaymentFailed => "payment_failed",
            Self::AuthenticationNeeded => "authentication_needed",
            Self::CardExpiring => "card_expiring",
            Self::Recovered => "recovered",
            Self::Suspended => "suspended",
            Self::Cancelled => "cancelled",
            Self::CancellationUndone => "cancellation_undone",
            Self::PlanChanging => "plan_changing",
            Self::Refund => "refund",
        }
    }

    /// Whether a mail of this kind belongs to one dunning case, and so to its thread (WEB §6).
    pub const fn is_dunning(self) -> bool {
        match self {
            Self::PaymentFailed
            | Self::AuthenticationNeeded
            | Self::Recovered
            | Self::Suspended => true,
            Self::Welcome
            | Self::TrialEnding
            | Self::UpcomingRenewal
            | Self::Receipt
            | Self::CardExpiring
            | Self::Cancelled
            | Self::CancellationUndone
            | Self::PlanChanging
            | Self::Refund => false,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MessageKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownKind)
    }
}
