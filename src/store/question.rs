//! What is asked for and what comes back, where it is no aggregate: pages, filters, kept replies and
//! webhooks, sums.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::domain::{
    catalog::PlanState,
    event::EventKind,
    ids::{Id, Kind, kind},
    invoice::InvoiceState,
    labels::Labels,
    money::{Currency, Money},
    payment::{PaymentState, attempt::Initiator},
    subscription::SubscriptionState,
};

/// When a customer was written to because of dunning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dunned {
    /// The customer.
    pub customer: Id<kind::Customer>,
    /// When the last of those mails left, or is to leave.
    pub told_at: DateTime<Utc>,
    /// When the last one left.
    pub sent_at: Option<DateTime<Utc>>,
    /// The world's time until which a worker may be sending one.
    pub leased_until: Option<DateTime<Utc>>,
}

/// A page of a list in the order of ids, which is the order of making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<K: Kind> {
    /// What was last seen; from the beginning if absent.
    pub after: Option<Id<K>>,
    /// How many at most.
    pub limit: usize,
}

/// That a database was restored from a backup: it may have forgotten charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made, in the world's time: what came later is forgotten.
    pub backed_up_at: DateTime<Utc>,
    /// When an engine first took it up; none, while it lies there as a backup.
    pub resumed_at: Option<DateTime<Utc>>,
}

impl Restored {
    /// How long a restored database looks before it charges: what was forgotten is due again within the
    /// longest ladder of dunning.
    pub const LOOKS_FIRST: TimeDelta = TimeDelta::days(90);

    /// A backup of `now`, of a database that may itself have been restored: what that one had forgotten
    /// and was still looking for, its backup has forgotten too.
    pub fn from_backup(of: Option<Self>, now: DateTime<Utc>) -> Self {
        let still = of.filter(|of| of.resumed_at.is_none_or(|at| now < at + Self::LOOKS_FIRST));
        let backed_up_at = still.map_or(now, |of| of.backed_up_at.min(now));
        Self { backed_up_at, resumed_at: None }
    }
}

/// A webhook from a gateway, verified, as it waits to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// The gateway account.
    pub gateway: String,
    /// The gateway's id of the event: kept for good, so that it is applied once (RULES WIN-3).
    pub event_id: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// What it says, as JSON of the gateway port's news.
    pub news: serde_json::Value,
    /// When it came, in the world's time.
    pub received_at: DateTime<Utc>,
    /// When it is applied or tried again, in the world's time; none once applied or given up.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub tries: u32,
    /// How often it had been tried when it was read: if it was since, another worker has it (RULES WRK-1).
    pub tries_read: u32,
    /// Why it could not be applied.
    pub failure: Option<String>,
}

/// The reply to a mutating request, kept so that the same `request_id` gets the same reply (RULES
/// API-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// Caller and method.
    pub scope: String,
    /// The caller's id of the request.
    pub request_id: uuid::Uuid,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// The reply, encoded.
    pub reply: Vec<u8>,
    /// When it was made, in the world's time.
    pub at: DateTime<Utc>,
}

/// Which customers to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct CustomerFilter {
    /// Deleted ones too.
    pub show_deleted: bool,
    pub labels: Labels,
}

/// Which plans to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct PlanFilter {
    pub state: Option<PlanState>,
    /// Deleted ones too.
    pub show_deleted: bool,
    pub labels: Labels,
}

/// Which subscriptions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct SubscriptionFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub plan: Option<Id<kind::Plan>>,
    pub states: Vec<SubscriptionState>,
    pub labels: Labels,
}

/// Which invoices to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct InvoiceFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub subscription: Option<Id<kind::Subscription>>,
    pub states: Vec<InvoiceState>,
    /// Those that open something by themselves.
    pub entitling_only: bool,
    pub labels: Labels,
}

/// Which payments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct PaymentFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub invoice: Option<Id<kind::Invoice>>,
    pub states: Vec<PaymentState>,
}

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct EventFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub kinds: Vec<EventKind>,
}

/// An earlier try on the same card, for the networks' limits (RULES RET-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBefore {
    /// The card that was asked for, whichever of its tokens this try was on.
    pub card_key: String,
    /// The attempt.
    pub attempt: Id<kind::Attempt>,
    /// The invoice it was for.
    pub invoice: Id<kind::Invoice>,
    /// How much.
    pub amount: Money,
    /// Who set it off.
    pub initiator: Initiator,
    /// When it left.
    pub sent_at: DateTime<Utc>,
}

/// One line of the month-by-month report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthFigures {
    /// The first day of the month, UTC.
    pub month: chrono::NaiveDate,
    /// In what.
    pub currency: Currency,
    /// Invoices issued.
    pub invoices: i64,
    /// Of these, settled by now.
    pub paid: i64,
    /// Of these, those whose first attempt came to nothing, or that had nothing to be charged to.
    pub failed: i64,
    /// Of the failed, settled by now.
    pub recovered: i64,
    /// Given up: uncollectible, or void after dunning.
    pub given_up: i64,
    /// Still open now.
    pub open: i64,
    /// Money taken in the month less money sent back in it, minor units.
    pub revenue_minor: i64,
}

/// A sum of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The account, as text.
    pub account: String,
    /// In what.
    pub currency: Currency,
    /// Debits less credits, minor units.
    pub minor: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backup_of_a_restored_database_has_forgotten_what_that_one_had() {
        let day = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        let from = |of, now| Restored::from_backup(of, now).backed_up_at;
        assert_eq!(from(None, day(12)), day(12));
        let restored = Restored { backed_up_at: day(0), resumed_at: Some(day(10)) };
        assert_eq!(from(Some(restored), day(12)), day(0));
        assert_eq!(from(Some(restored), day(99)), day(0));
        assert_eq!(from(Some(restored), day(100)), day(100), "it has looked long enough");
        let lying = Restored { resumed_at: None, ..restored };
        assert_eq!(from(Some(lying), day(500)), day(0));
    }
}
