//! What is owed, and how each line came about.

pub mod closing;
pub mod issuing;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    calendar::Period,
    catalog::VersionNumber,
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    labels::Labels,
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
    /// The portal's own words about it.
    pub labels: Labels,
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
    /// `unit` times `quantity`, or the part of it that `basis` tells.
    pub amount: Money,
    /// How it came about: facts, which each page words in its reader's language.
    pub basis: Basis,
}

/// How a line came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Basis {
    /// Bought once.
    Once,
    /// One cycle of a subscription.
    Cycle {
        /// The version of the plan that it is priced by.
        plan_version: VersionNumber,
        /// Its first day, where the subscription's calendar is.
        first_day: NaiveDate,
        /// Its last day.
        last_day: NaiveDate,
        /// The part of a whole cycle that it is, if it is not whole.
        part: Option<Part>,
    },
}

/// A part of a whole cycle, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// So many are billed.
    pub days: u32,
    /// So many the whole has.
    pub of: u32,
}

impl Line {
    /// How it came about, in one English sentence: for developers and staff.
    ///
    /// `1 × 31.00 EUR for 17 of 31 days, plan version 1, 2026-01-15 to 2026-01-31`.
    pub fn why(&self) -> String {
        let price = format!("{} × {}", self.quantity, self.unit);
        match &self.basis {
            Basis::Once => price,
            Basis::Cycle { plan_version, first_day, last_day, part } => {
                let share = part.map(|Part { days, of }| format!(" for {days} of {of} days"));
                let share = share.unwrap_or_default();
                let version = plan_version.0;
                format!("{price}{share}, plan version {version}, {first_day} to {last_day}")
            }
        }
    }
}
