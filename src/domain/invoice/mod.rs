//! What is owed, and how each line came about.

pub mod closing;
pub mod issuing;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    calendar::Period,
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    money::Money,
    version::Version,
};

/// What a customer owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::Invoice>,
    /// Its number, gapless per merchant; given by the store when it is first written open.
    pub number: Option<String>,
    /// Who owes it.
    pub customer: Id<kind::Customer>,
    /// The subscription that it bills, unless it stands alone.
    pub subscription: Option<Id<kind::Subscription>>,
    /// Where it stands.
    pub state: InvoiceState,
    /// The sum of its lines.
    pub total: Money,
    /// What was paid of it, in the same currency.
    pub paid: Money,
    /// The lines.
    pub lines: Vec<Line>,
    /// What it opens once it is paid, in the portal's own words: of something sold once. What a
    /// subscription opens stands in its plan's terms.
    pub entitlements: Vec<String>,
    /// What it is for, if for a time: for one subscription, each beginning is billed once (WRK-6).
    pub period: Option<Period>,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it is to be paid.
    pub due_at: DateTime<Utc>,
    /// When it was paid, voided or written off.
    pub closed_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

impl Invoice {
    /// What is still owed.
    pub fn open_amount(&self) -> Money {
        match self.state {
            InvoiceState::Open => {
                self.total.minus(self.paid).expect("an invoice has one currency and pays no more")
            }
            InvoiceState::Paid | InvoiceState::Void | InvoiceState::Uncollectible => {
                Money::zero(self.total.currency())
            }
        }
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            amount: Some(self.total),
            ..Event::new(kind, self.merchant, Subject::Invoice(self.id), self.version, now, mint)
        }
    }
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceState {
    /// Issued, not settled.
    Open,
    /// Settled.
    Paid,
    /// Taken back.
    Void,
    /// Given up.
    Uncollectible,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is for.
    pub label: String,
    /// The price of one.
    pub unit: Money,
    /// How many.
    pub quantity: u32,
    /// `unit` times `quantity`, or the part of it that `why` tells.
    pub amount: Money,
    /// How it came about, in one sentence.
    pub why: String,
}
