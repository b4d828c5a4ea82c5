//! Which message is due when, and why: the outbox of e-mails.
//!
//! A notice holds the facts as they were; names, cards and links are added when it is sent.

pub mod plan_change;
pub mod reminder;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    calendar::Interval,
    ids::{Id, Mint, kind},
    invoice::Invoice,
    money::Money,
    payment::{decline::DeclineClass, method::Shown},
    subscription::CancellationCause,
    version::Version,
};

/// One e-mail to one customer about one fact, written in the fact's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id, and the mail's Message-ID.
    pub id: Id<kind::Mail>,
    /// Who gets it.
    pub customer: Id<kind::Customer>,
    /// The subscription it is about.
    pub subscription: Option<Id<kind::Subscription>>,
    /// The invoice it is about.
    pub invoice: Option<Id<kind::Invoice>>,
    /// The dunning case whose thread it belongs to.
    pub thread: Option<Id<kind::DunningCase>>,
    /// Names the fact: unique per customer, so that no fact is told twice (RULES EML-5).
    pub fact_key: String,
    /// What it says.
    pub facts: Facts,
    /// Where it stands.
    pub state: NoticeState,
    /// When it is sent or tried next, by the merchant's clock.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub tries: u32,
    /// The world's time until which a worker may be busy with it.
    pub leased_until: Option<DateTime<Utc>>,
    /// When the mail server took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// What the mail server said, if it refused.
    pub failure: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// How often it was written.
    pub version: Version,
}

impl Notice {
    /// A notice to be sent at once. `fact_key` names the fact, so that it is told but once.
    pub fn new(
        merchant: Id<kind::Merchant>,
        customer: Id<kind::Customer>,
        facts: Facts,
        fact_key: String,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Self {
        Self {
            merchant,
            id: mint.id(now),
            customer,
            subscription: None,
            invoice: None,
            thread: None,
            fact_key,
            facts,
            state: NoticeState::Queued,
            due_at: Some(now),
            tries: 0,
            leased_until: None,
            sent_at: None,
            failure: None,
            created_at: now,
            version: Version::NEW,
        }
    }

    /// The same, as it was read back after one write.
    #[must_use]
    pub fn as_written(self) -> Self {
        Self { version: self.version.next(), ..self }
    }

    /// The same, about this subscription.
    #[must_use]
    pub fn about_subscription(self, subscription: Id<kind::Subscription>) -> Self {
        Self { subscription: Some(subscription), ..self }
    }

    /// The same, about this invoice, and the subscription that it bills.
    #[must_use]
    pub fn about_invoice(self, invoice: &Invoice) -> Self {
        Self { invoice: Some(invoice.id), subscription: invoice.subscription, ..self }
    }

    /// The same, in the thread of this dunning case.
    #[must_use]
    pub fn in_thread(self, case: Option<Id<kind::DunningCase>>) -> Self {
        Self { thread: case, ..self }
    }
}

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// To be sent.
    Queued,
    /// Taken by the mail server.
    Sent,
    /// Refused for good.
    Failed,
    /// Not true any more when its turn came: never "failed" after "paid".
    Superseded,
}

/// What one cycle costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CyclePrice {
    /// How much.
    pub amount: Money,
    /// How long it is.
    pub interval: Interval,
}

/// A charge to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCharge {
    /// When it is due.
    pub at: DateTime<Utc>,
    /// What it will be.
    pub amount: Money,
}

/// What a notice says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Facts {
    /// The subscription has begun.
    Welcome {
        /// What was taken at once.
        paid: Option<Money>,
        /// When the first or next charge is due.
        next_charge_at: Option<DateTime<Utc>>,
        /// What it will be.
        next_amount: Money,
    },
    /// The free trial ends soon (RULES VISA-TRIAL, MC-TRIAL).
    TrialEnding {
        /// When it ends and the first charge is due.
        ends_at: DateTime<Utc>,
        /// What that charge will be.
        amount: Money,
        /// The charge after it, where the first cycle is so much shorter than its kind that the next one has
        /// to be told of now.
        #[serde(default)]
        next: Option<NextCharge>,
    },
    /// A long cycle renews soon (RULES MC-LONG).
    UpcomingRenewal {
        /// When.
        renews_at: DateTime<Utc>,
        /// For how much.
        amount: Money,
        /// The charge after it, as where a trial ends.
        #[serde(default)]
        next: Option<NextCharge>,
    },
    /// A charge was taken (RULES MC-RECEIPT).
    Receipt {
        /// How much.
        amount: Money,
        /// When.
        paid_at: DateTime<Utc>,
        /// When the next charge is due, if one is.
        next_charge_at: Option<DateTime<Utc>>,
        /// The method that paid, as shown: brand and last four.
        paid_with: Option<Shown>,
    },
    /// A charge was refused.
    PaymentFailed {
        /// How much.
        amount: Money,
        /// When.
        failed_at: DateTime<Utc>,
        /// What we understood of why.
        class: DeclineClass,
        /// When we try again by ourselves, if we do.
        next_try_at: Option<DateTime<Utc>>,
        /// Until when what was bought stays open.
        access_until: Option<DateTime<Utc>>,
        /// The method that failed, as shown.
        tried: Option<Shown>,
        /// Whether the money had come and the payer's bank took it back.
        #[serde(default)]
        taken_back: bool,
        /// Whether it is the last word before access ends.
        #[serde(default)]
        is_final: bool,
        /// When what was to begin with this payment ends without having begun, if it was a first one.
        #[serde(default)]
        lapses_at: Option<DateTime<Utc>>,
    },
    /// The customer must authenticate.
    AuthenticationNeeded {
        /// How much.
        amount: Money,
        /// By when.
        confirm_by: Option<DateTime<Utc>>,
        /// The method, as shown.
        tried: Option<Shown>,
    },
    /// The card stops working before the next charge.
    CardExpiring {
        /// The card, as shown.
        card: Shown,
        /// The last instant of its last month.
        expires_at: DateTime<Utc>,
        /// When the next charge is due.
        next_charge_at: DateTime<Utc>,
        /// What it will be.
        next_amount: Money,
    },
    /// An overdue payment came.
    Recovered {
        /// How much.
        amount: Money,
        /// When.
        paid_at: DateTime<Utc>,
        /// When the next charge is due, if one is.
        next_charge_at: Option<DateTime<Utc>>,
        /// The method that paid, as shown.
        paid_with: Option<Shown>,
    },
    /// Access is closed until what is open is paid.
    Suspended {
        /// What is open.
        amount: Money,
        /// Since when access is closed.
        closed_since: DateTime<Utc>,
        /// How often we tried to take it.
        tries: u32,
        /// When we try again by ourselves, if we do.
        #[serde(default)]
        next_try_at: Option<DateTime<Utc>>,
        /// When the subscription ends if it is not paid, if it does.
        #[serde(default)]
        ends_at: Option<DateTime<Utc>>,
    },
    /// The subscription ends or has ended.
    Cancelled {
        /// When it was asked for.
        requested_at: DateTime<Utc>,
        /// When it ends.
        ends_at: DateTime<Utc>,
        /// What stays open, if anything.
        open_amount: Option<Money>,
        /// Whether it can still be undone.
        can_undo: bool,
        /// Who wanted it.
        cause: CancellationCause,
    },
    /// The end that was planned does not come; the subscription goes on.
    CancellationUndone {
        /// When it was taken back.
        undone_at: DateTime<Utc>,
        /// When the next charge is due, if that is known.
        next_charge_at: Option<DateTime<Utc>>,
    },
    /// The price or the plan will change, or will not after all (RULES MC, CAL).
    PlanChanging {
        /// When, if that is known.
        changes_at: Option<DateTime<Utc>>,
        /// What it is called from then on.
        new_plan_name: String,
        /// What a cycle costs now.
        old: CyclePrice,
        /// What a cycle costs from then on.
        new: CyclePrice,
    },
    /// Money is on its way back.
    Refund {
        /// How much.
        amount: Money,
        /// When it was sent.
        refunded_at: DateTime<Utc>,
        /// The method it goes back to, as shown.
        to: Option<Shown>,
        /// The gateway's reference of it, once told.
        #[serde(default)]
        reference: Option<String>,
    },
}

impl Facts {
    /// The kind, as tables and templates name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Welcome { .. } => "welcome",
            Self::TrialEnding { .. } => "trial_ending",
            Self::UpcomingRenewal { .. } => "upcoming_renewal",
            Self::Receipt { .. } => "receipt",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::AuthenticationNeeded { .. } => "authentication_needed",
            Self::CardExpiring { .. } => "card_expiring",
            Self::Recovered { .. } => "recovered",
            Self::Suspended { .. } => "suspended",
            Self::Cancelled { .. } => "cancelled",
            Self::CancellationUndone { .. } => "cancellation_undone",
            Self::PlanChanging { .. } => "plan_changing",
            Self::Refund { .. } => "refund",
        }
    }

    /// Whether it asks for money that is overdue, or ends what was not paid: of these a customer gets one a day (RULES EML-5).
    pub fn is_dunning(&self) -> bool {
        match self {
            Self::PaymentFailed { .. }
            | Self::AuthenticationNeeded { .. }
            | Self::Suspended { .. }
            | Self::Cancelled { cause: CancellationCause::Dunning, .. } => true,
            Self::Welcome { .. }
            | Self::TrialEnding { .. }
            | Self::UpcomingRenewal { .. }
            | Self::Receipt { .. }
            | Self::CardExpiring { .. }
            | Self::Recovered { .. }
            | Self::Cancelled { .. }
            | Self::CancellationUndone { .. }
            | Self::PlanChanging { .. }
            | Self::Refund { .. } => false,
        }
    }

    /// The amount that it is about, if there is one.
    pub fn amount(&self) -> Option<Money> {
        match self {
            Self::Welcome { next_amount: amount, .. }
            | Self::TrialEnding { amount, .. }
            | Self::UpcomingRenewal { amount, .. }
            | Self::Receipt { amount, .. }
            | Self::PaymentFailed { amount, .. }
            | Self::AuthenticationNeeded { amount, .. }
            | Self::CardExpiring { next_amount: amount, .. }
            | Self::Recovered { amount, .. }
            | Self::Suspended { amount, .. }
            | Self::PlanChanging { new: CyclePrice { amount, .. }, .. }
            | Self::Refund { amount, .. } => Some(*amount),
            Self::Cancelled { open_amount, .. } => *open_amount,
            Self::CancellationUndone { .. } => None,
        }
    }
}
