//! From lines to an invoice that is owed: its ledger entry, its events, and the payment that will
//! collect it. What the lines cost is decided by whoever orders the invoice; the number is the
//! store's to give.

use chrono::{DateTime, Utc};

use super::{Basis, Invoice, InvoiceState, Line};
use crate::domain::{
    changes::Changes,
    event::EventKind,
    ids::{Id, Mint, kind},
    labels::Labels,
    ledger::Heading,
    money::{Money, MoneyError},
    payment::{Payment, PaymentState},
    version::Version,
};

/// How an invoice's money comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// A stored method is charged.
    Charge {
        /// When.
        at: DateTime<Utc>,
        /// Which; chosen when the charge starts if absent.
        method: Option<Id<kind::PaymentMethod>>,
    },
    /// The customer pays by link; nothing is charged by itself.
    Link,
}

impl Line {
    /// A line for `quantity` times `unit`.
    pub fn of(label: String, unit: Money, quantity: u32) -> Result<Self, MoneyError> {
        let amount = unit.times(i64::from(quantity))?;
        Ok(Self { label, unit, quantity, amount, basis: Basis::Once })
    }
}

impl Invoice {
    /// An invoice over `lines`, to be paid at once, for no subscription or time and opening nothing
    /// unless its maker says so. The lines are at least one, in one currency.
    pub fn draft(
        merchant: Id<kind::Merchant>,
        customer: Id<kind::Customer>,
        lines: Vec<Line>,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Result<Self, MoneyError> {
        let currency = lines.first().expect("an invoice has a line").amount.currency();
        let total =
            lines.iter().try_fold(Money::zero(currency), |sum, line| sum.plus(line.amount))?;
        Ok(Self {
            merchant,
            id: mint.id(now),
            number: None,
            customer,
            subscription: None,
            state: InvoiceState::Open,
            total,
            paid: Money::zero(currency),
            lines,
            entitlements: Vec::new(),
            labels: Labels::default(),
            period: None,
            issued_at: now,
            due_at: now,
            closed_at: None,
            version: Version::NEW,
        })
    }
}

/// Issues an invoice: it is owed from now on. What costs nothing is paid at once, without a payment.
pub fn issue(
    mut invoice: Invoice,
    collection: Collection,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Changes {
    let mut changes = Changes::default();
    let heading = Heading { id: mint.id(now), at: now, invoice: &invoice };
    changes.journals.push(heading.issued());
    changes.events.push(invoice.event(EventKind::InvoiceIssued, now, mint));
    if invoice.total.is_zero() {
        invoice.state = InvoiceState::Paid;
        invoice.closed_at = Some(now);
        changes.events.push(invoice.event(EventKind::InvoicePaid, now, mint));
    } else {
        let (state, collect_at, method) = match collection {
            Collection::Charge { at, method } => (PaymentState::Scheduled, Some(at), method),
            Collection::Link => (PaymentState::Waiting, None, None),
        };
        changes.payments.push(Payment {
            merchant: invoice.merchant,
            id: mint.id(now),
            invoice: invoice.id,
            customer: invoice.customer,
            amount: invoice.total,
            state,
            method,
            on_backup: false,
            collect_at,
            attempts: 0,
            refunded: Money::zero(invoice.total.currency()),
            reversed: Money::zero(invoice.total.currency()),
            succeeded_at: None,
            created_at: now,
            version: Version::NEW,
        });
    }
    changes.invoices.push(invoice);
    changes
}
