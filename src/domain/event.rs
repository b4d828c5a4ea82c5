//! What happened, in order per merchant, written with the fact itself (RULES WRK-4).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Id, Mint, kind},
    money::Money,
    version::Version,
};

/// Something that happened to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id; the same in every delivery.
    pub id: Id<kind::Event>,
    /// Its place among the merchant's events, without gaps; given by the store at commit.
    pub sequence: Option<i64>,
    /// When it happened, by the merchant's clock.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
    /// To what.
    pub subject: Subject,
    /// The subject's version when it had happened: ignore what is older than what you saw.
    pub subject_version: Version,
    /// Whom it concerns.
    pub customer: Option<Id<kind::Customer>>,
    /// The amount, where there is one.
    pub amount: Option<Money>,
    /// Why, in a word: a decline class, a cause of cancellation.
    pub reason: Option<String>,
}

impl Event {
    /// `kind` happened to `subject`, which was read as version `read` and is committed with this.
    pub fn new(
        kind: EventKind,
        merchant: Id<kind::Merchant>,
        subject: Subject,
        read: Version,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Self {
        Self {
            merchant,
            id: mint.id(now),
            sequence: None,
            at: now,
            kind,
            subject,
            subject_version: read.next(),
            customer: None,
            amount: None,
            reason: None,
        }
    }
}

/// The object that an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the object of its name")]
pub enum Subject {
    Customer(Id<kind::Customer>),
    PaymentMethod(Id<kind::PaymentMethod>),
    Plan(Id<kind::Plan>),
    Subscription(Id<kind::Subscription>),
    Invoice(Id<kind::Invoice>),
    Payment(Id<kind::Payment>),
    Refund(Id<kind::Refund>),
    DunningCase(Id<kind::DunningCase>),
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each says what happened to its object")]
pub enum EventKind {
    #[serde(rename = "customer.created")]
    CustomerCreated,
    #[serde(rename = "customer.updated")]
    CustomerUpdated,
    #[serde(rename = "customer.deleted")]
    CustomerDeleted,
    #[serde(rename = "payment_method.attached")]
    PaymentMethodAttached,
    #[serde(rename = "payment_method.updated")]
    PaymentMethodUpdated,
    #[serde(rename = "payment_method.detached")]
    PaymentMethodDetached,
    #[serde(rename = "plan.created")]
    PlanCreated,
    #[serde(rename = "plan.updated")]
    PlanUpdated,
    #[serde(rename = "plan.retired")]
    PlanRetired,
    #[serde(rename = "plan.deleted")]
    PlanDeleted,
    #[serde(rename = "plan.undeleted")]
    PlanUndeleted,
    #[serde(rename = "subscription.created")]
    SubscriptionCreated,
    #[serde(rename = "subscription.activated")]
    SubscriptionActivated,
    #[serde(rename = "subscription.renewed")]
    SubscriptionRenewed,
    #[serde(rename = "subscription.change_scheduled")]
    SubscriptionChangeScheduled,
    #[serde(rename = "subscription.changed")]
    SubscriptionChanged,
    #[serde(rename = "subscription.updated")]
    SubscriptionUpdated,
    #[serde(rename = "subscription.past_due")]
    SubscriptionPastDue,
    #[serde(rename = "subscription.recovered")]
    SubscriptionRecovered,
    #[serde(rename = "subscription.unpaid")]
    SubscriptionUnpaid,
    #[serde(rename = "subscription.paused")]
    SubscriptionPaused,
    #[serde(rename = "subscription.resumed")]
    SubscriptionResumed,
    #[serde(rename = "subscription.cancellation_scheduled")]
    SubscriptionCancellationScheduled,
    #[serde(rename = "subscription.cancellation_undone")]
    SubscriptionCancellationUndone,
    #[serde(rename = "subscription.canceled")]
    SubscriptionCanceled,
    #[serde(rename = "subscription.expired")]
    SubscriptionExpired,
    #[serde(rename = "invoice.issued")]
    InvoiceIssued,
    #[serde(rename = "invoice.updated")]
    InvoiceUpdated,
    #[serde(rename = "invoice.paid")]
    InvoicePaid,
    #[serde(rename = "invoice.reopened")]
    InvoiceReopened,
    #[serde(rename = "invoice.voided")]
    InvoiceVoided,
    #[serde(rename = "invoice.uncollectible")]
    InvoiceUncollectible,
    #[serde(rename = "payment.succeeded")]
    PaymentSucceeded,
    #[serde(rename = "payment.declined")]
    PaymentDeclined,
    #[serde(rename = "payment.rejected")]
    PaymentRejected,
    #[serde(rename = "payment.pending")]
    PaymentPending,
    #[serde(rename = "payment.action_required")]
    PaymentActionRequired,
    #[serde(rename = "payment.unknown")]
    PaymentUnknown,
    #[serde(rename = "payment.settled_by_staff")]
    PaymentSettledByStaff,
    #[serde(rename = "payment.late_success")]
    PaymentLateSuccess,
    #[serde(rename = "payment.reversed")]
    PaymentReversed,
    #[serde(rename = "payment.reinstated")]
    PaymentReinstated,
    #[serde(rename = "payment.abandoned")]
    PaymentAbandoned,
    #[serde(rename = "refund.created")]
    RefundCreated,
    #[serde(rename = "refund.succeeded")]
    RefundSucceeded,
    #[serde(rename = "refund.failed")]
    RefundFailed,
    #[serde(rename = "dunning.opened")]
    DunningOpened,
    #[serde(rename = "dunning.step_taken")]
    DunningStepTaken,
    #[serde(rename = "dunning.held")]
    DunningHeld,
    #[serde(rename = "dunning.released")]
    DunningReleased,
    #[serde(rename = "dunning.recovered")]
    DunningRecovered,
    #[serde(rename = "dunning.exhausted")]
    DunningExhausted,
    #[serde(rename = "dunning.closed")]
    DunningClosed,
}

/// A portal's address for signed webhooks. Events go out in order: the one after `cursor` is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::WebhookEndpoint>,
    /// Where to.
    pub url: String,
    /// What signs, newest first, each `whsec_…` (RULES WOUT-2).
    pub secrets: Vec<String>,
    /// The sequence number of the last event that was delivered.
    pub cursor: i64,
    /// When the next delivery is due; none while there is nothing to deliver.
    pub due_at: Option<DateTime<Utc>>,
    /// How often the next event was tried.
    pub tries: u32,
    /// Since when it has been failing.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was switched off.
    pub disabled_at: Option<DateTime<Utc>>,
    /// The world's time until which a worker may be busy with it.
    pub leased_until: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How often it was written.
    pub version: Version,
}
