//! What a mail tells: one struct of facts per kind, kept as JSON in the outbox and put into words
//! when it is sent.
//!
//! Facts only: amounts, instants, names and links to our own pages. Never a gateway's token, a card
//! number or a sentence. Instants are UTC here and become days in the reader's zone. Every link is
//! an `http(s)` URL that is fit to be clicked; opening it changes nothing.

mod facts;
mod kind;
mod samples;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use facts::{Advice, CancelledBy, Charge, Cycle, CycleUnit, Instrument, Period, Price};
pub use kind::{MessageKind, UnknownKind};

use crate::domain::{money::Money, payment::method::Expiry};

/// A mail that is due, as the outbox keeps it: `{"kind": "receipt", "plan": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`MessageKind` says what each is about")]
pub enum Message {
    Welcome(Welcome),
    TrialEnding(TrialEnding),
    UpcomingRenewal(UpcomingRenewal),
    Receipt(Receipt),
    PaymentFailed(PaymentFailed),
    AuthenticationNeeded(AuthenticationNeeded),
    CardExpiring(CardExpiring),
    Recovered(Recovered),
    Suspended(Suspended),
    Cancelled(Cancelled),
    /// The end of a subscription that was planned does not come.
    CancellationUndone(CancellationUndone),
    PlanChanging(PlanChanging),
    Refund(Refund),
}

impl Message {
    /// What it is about.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Welcome(_) => MessageKind::Welcome,
            Self::TrialEnding(_) => MessageKind::TrialEnding,
            Self::UpcomingRenewal(_) => MessageKind::UpcomingRenewal,
            Self::Receipt(_) => MessageKind::Receipt,
            Self::PaymentFailed(_) => MessageKind::PaymentFailed,
            Self::AuthenticationNeeded(_) => MessageKind::AuthenticationNeeded,
            Self::CardExpiring(_) => MessageKind::CardExpiring,
            Self::Recovered(_) => MessageKind::Recovered,
            Self::Suspended(_) => MessageKind::Suspended,
            Self::Cancelled(_) => MessageKind::Cancelled,
            Self::CancellationUndone(_) => MessageKind::CancellationUndone,
            Self::PlanChanging(_) => MessageKind::PlanChanging,
            Self::Refund(_) => MessageKind::Refund,
        }
    }
}

/// A subscription has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// What the customer bought.
    pub plan: String,
    /// What it costs, and how often.
    pub price: Price,
    /// What was taken today; `None` while a trial is free.
    pub paid: Option<Money>,
    /// When and how much is taken next; `None` if nothing is.
    pub next_charge: Option<Charge>,
    /// What pays it, if the customer has stored something.
    pub instrument: Option<Instrument>,
    /// Where the bought thing is, if the merchant has a portal.
    pub open_url: Option<String>,
    /// Where to change or cancel, if the merchant has a portal.
    pub manage_url: Option<String>,
}

/// A free trial ends soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialEnding {
    /// What is on trial.
    pub plan: String,
    /// The end of the trial; the first charge follows at once.
    pub ends_at: DateTime<Utc>,
    /// The first charge.
    pub amount: Money,
    /// The one after it, where the first is for a part of a cycle.
    pub next_charge: Option<Charge>,
    /// What it costs from then on.
    pub price: Price,
    /// What will pay; `None` if the customer has yet to store something.
    pub instrument: Option<Instrument>,
    /// Where to store a card: one task, no log-in.
    pub card_url: String,
    /// Where to cancel or keep, if the merchant has a portal.
    pub manage_url: Option<String>,
}

/// A long cycle renews soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpcomingRenewal {
    /// What renews.
    pub plan: String,
    /// When, and until when cancelling avoids it.
    pub renews_at: DateTime<Utc>,
    /// What is taken then.
    pub amount: Money,
    /// What the cycle before cost, if there was one.
    pub previous: Option<Money>,
    /// The cycle to come, where the calendar has it.
    pub period: Option<Period>,
    /// The charge after it, where this one is for a part of a cycle.
    pub next_charge: Option<Charge>,
    /// What will pay; `None` if the customer has yet to store something.
    pub instrument: Option<Instrument>,
    /// Where to store a card: one task, no log-in.
    pub card_url: String,
    /// Where to change or cancel, if the merchant has a portal.
    pub manage_url: Option<String>,
}

/// Money was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was paid for.
    pub plan: String,
    /// What was taken, taxes included.
    pub amount: Money,
    /// When it was taken.
    pub paid_at: DateTime<Utc>,
    /// What paid, if the gateway told.
    pub instrument: Option<Instrument>,
    /// The number of the invoice.
    pub invoice: String,
    /// The time that was paid for; `None` for a thing bought once.
    pub period: Option<Period>,
    /// When and how much is taken next; `None` if nothing is.
    pub next_charge: Option<Charge>,
    /// Where the invoice is.
    pub invoice_url: String,
}

/// A charge was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFailed {
    /// What it was for.
    pub plan: String,
    /// What is still owed.
    pub amount: Money,
    /// What did not pay, if it is known.
    pub instrument: Option<Instrument>,
    /// When it was declined, or taken back.
    pub failed_at: DateTime<Utc>,
    /// Whether it had been paid and the customer's bank took it back.
    pub taken_back: bool,
    /// Whether it is the last word before access ends.
    pub is_final: bool,
    /// What helps.
    pub advice: Advice,
    /// When we try again by ourselves, if we may.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Until when everything stays open, if something is going to close.
    pub access_until: Option<DateTime<Utc>>,
    /// When the sign-up ends, if this was to be its first payment.
    pub lapses_at: Option<DateTime<Utc>>,
    /// The number of the open invoice.
    pub invoice: String,
    /// Where to pay or change the card: one task, no log-in.
    pub pay_url: String,
    /// Where to cancel, if there is something to cancel and the merchant has a portal.
    pub manage_url: Option<String>,
}

/// The customer's bank wants the customer to confirm a charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationNeeded {
    /// What it is for.
    pub plan: String,
    /// What is owed.
    pub amount: Money,
    /// What shall pay, if it is known.
    pub instrument: Option<Instrument>,
    /// Until when everything stays open, if something is going to close.
    pub confirm_by: Option<DateTime<Utc>>,
    /// The number of the open invoice.
    pub invoice: String,
    /// Where to confirm.
    pub confirm_url: String,
    /// Where to cancel, if there is something to cancel and the merchant has a portal.
    pub manage_url: Option<String>,
}

/// The card in use expires before the next charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardExpiring {
    /// What it pays.
    pub plan: String,
    /// The card.
    pub card: Instrument,
    /// The last month in which it works.
    pub expiry: Expiry,
    /// The first charge that it can no longer pay.
    pub next_charge: Charge,
    /// Where to add the new card.
    pub update_url: String,
}

/// A declined charge has come through after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// What was paid for.
    pub plan: String,
    /// What was taken.
    pub amount: Money,
    /// When.
    pub paid_at: DateTime<Utc>,
    /// What paid, if the gateway told.
    pub instrument: Option<Instrument>,
    /// The number of the invoice.
    pub invoice: String,
    /// When and how much is taken next; `None` if nothing is.
    pub next_charge: Option<Charge>,
    /// Where the invoice is.
    pub invoice_url: String,
}

/// Access is closed until something is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// What is closed.
    pub plan: String,
    /// What is owed.
    pub amount: Money,
    /// How often we tried to take it.
    pub tries: u32,
    /// Since when it is closed.
    pub since: DateTime<Utc>,
    /// When we try again by ourselves, if we do.
    pub next_try_at: Option<DateTime<Utc>>,
    /// When it ends if it is not paid, if it does.
    pub ends_at: Option<DateTime<Utc>>,
    /// The number of the open invoice.
    pub invoice: String,
    /// Where to pay.
    pub pay_url: String,
    /// Where to cancel, if there is something to cancel and the merchant has a portal.
    pub manage_url: Option<String>,
}

/// A subscription ends or has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// What ends.
    pub plan: String,
    /// Who ended it.
    pub by: CancelledBy,
    /// When the cancellation reached us, or was decided.
    pub received_at: DateTime<Utc>,
    /// When access ends; not after `received_at` if it ended at once.
    pub ends_at: DateTime<Utc>,
    /// What is still owed, if anything.
    pub open: Option<Money>,
    /// Where to undo it, while that works.
    pub undo_url: Option<String>,
    /// Where invoices stay reachable, if the merchant has a portal.
    pub manage_url: Option<String>,
}

/// The end of a subscription that was planned does not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancellationUndone {
    /// What goes on.
    pub plan: String,
    /// When the end was taken back.
    pub undone_at: DateTime<Utc>,
    /// When and how much is taken next; `None` if that is not known, or nothing is.
    pub next_charge: Option<Charge>,
    /// Where to change or cancel, if the merchant has a portal.
    pub manage_url: Option<String>,
}

/// The price or the plan changes; or neither does after all, if nothing differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChanging {
    /// What the customer has now.
    pub plan: String,
    /// What the customer has then; `None` if only the price changes.
    pub new_plan: Option<String>,
    /// What it costs now.
    pub old_price: Price,
    /// What it costs then.
    pub new_price: Price,
    /// When the change takes effect, which is when the new price is first taken; if that is known.
    pub changes_at: Option<DateTime<Utc>>,
    /// Where to keep, change or cancel, if the merchant has a portal.
    pub manage_url: Option<String>,
}

/// Money goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// What it was paid for.
    pub plan: String,
    /// What goes back.
    pub amount: Money,
    /// When we sent it.
    pub sent_at: DateTime<Utc>,
    /// Where it goes, if it is known.
    pub instrument: Option<Instrument>,
    /// The number of the invoice that it was paid on.
    pub invoice: String,
    /// What the gateway finds it by, once it told.
    pub reference: Option<String>,
    /// Where the invoice is.
    pub document_url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_of_the_outbox_as_it_went_in() {
        for kind in MessageKind::ALL {
            assert!(!Message::samples(kind).is_empty());
            for message in Message::samples(kind) {
                assert_eq!(message.kind(), kind);
                let kept = serde_json::to_value(&message).unwrap();
                assert_eq!(kept["kind"], kind.name());
                assert_eq!(serde_json::from_value::<Message>(kept).unwrap(), message);
            }
        }
    }

    #[test]
    fn a_kind_is_read_by_its_name() {
        for kind in MessageKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!("PaymentFailed".parse::<MessageKind>(), Err(UnknownKind));
    }
}
