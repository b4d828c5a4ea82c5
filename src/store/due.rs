//! Due work: its kinds, the two times it goes by, and what a claim takes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::MerchantId;

/// The kinds of due work, one for each loop of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Subscriptions that need a decision.
    Renew,
    /// Payments to attempt, refunds to send.
    Collect,
    /// Attempts to ask after, and webhooks to apply.
    Resolve,
    /// Dunning steps.
    Dun,
    /// Reminders.
    Remind,
    /// Mails.
    SendMail,
    /// Webhooks out.
    DeliverEvents,
    /// Test clocks on their way.
    AdvanceClocks,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Renew,
        Self::Collect,
        Self::Resolve,
        Self::Dun,
        Self::Remind,
        Self::SendMail,
        Self::DeliverEvents,
        Self::AdvanceClocks,
    ];

    /// The name in logs, metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Collect => "collect",
            Self::Resolve => "resolve",
            Self::Dun => "dun",
            Self::Remind => "remind",
            Self::SendMail => "send_mail",
            Self::DeliverEvents => "deliver_events",
            Self::AdvanceClocks => "advance_clocks",
        }
    }
}

/// Two times: the merchant's own, by which things are due, and the world's, by which leases run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The merchant's time.
    pub now: DateTime<Utc>,
    /// The world's time.
    pub world: DateTime<Utc>,
}

/// What a claim took: locked until the transaction ends, oldest first, and those rows that could
/// not be read, which the caller sets aside so that they never block the others.
#[derive(Debug)]
pub struct Claim<T> {
    /// The readable ones.
    pub rows: Vec<T>,
    /// The others.
    pub broken: Vec<Broken>,
}

/// A row that cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The object's id as text, with its prefix.
    pub id: String,
    /// Which column, and why.
    pub reason: String,
}

/// An object that was taken out of its loop, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Whose.
    pub merchant: MerchantId,
    /// Which loop could not go on with it.
    pub work: Work,
    /// Its id as text, with its prefix.
    pub object: String,
    /// Why.
    pub reason: String,
    /// Since when, in the world's time.
    pub since: DateTime<Utc>,
}
