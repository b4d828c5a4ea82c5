//! The ends of an invoice other than payment.

use chrono::{DateTime, Utc};

use super::{Invoice, InvoiceState};
use crate::domain::{
    changes::Changes,
    dunning::DunningCase,
    event::EventKind,
    ids::Mint,
    ledger::{Heading, Journal},
    payment::{Payment, PaymentState},
};

/// An open invoice with its payment and dunning case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvoice {
    /// The invoice.
    pub invoice: Invoice,
    /// Its payment.
    pub payment: Option<Payment>,
    /// Its dunning case, while one is open.
    pub case: Option<DunningCase>,
}

/// Takes an open invoice back: nothing is owed, nothing is tried any more. An attempt that is under
/// way goes on to its outcome; what it still brings goes back (RULES CHG-7, CAN-4).
pub fn void(open: OpenInvoice, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let OpenInvoice { mut invoice, payment, case } = open;
    let mut changes = Changes::default();
    let heading = Heading { id: mint.id(now), at: now, invoice: &invoice };
    changes.journals.push(heading.voided(invoice.open_amount()));
    invoice.state = InvoiceState::Void;
    invoice.closed_at = Some(now);
    changes.events.push(invoice.event(EventKind::InvoiceVoided, now, mint));
    if let Some(mut payment) = payment {
        match payment.state {
            PaymentState::Scheduled | PaymentState::Waiting => {
                payment.state = PaymentState::Abandoned;
                payment.collect_at = None;
                let kind = EventKind::PaymentAbandoned;
                changes.events.push(payment.event(kind, None, now, mint));
                changes.payments.push(payment);
            }
            PaymentState::Collecting | PaymentState::Succeeded | PaymentState::Abandoned => {}
        }
    }
    if let Some(file) = case
        && let Ok(decision) = file.case.clone().close(now)
    {
        let closed = file.moved(decision.case, now);
        changes.events.push(closed.event(EventKind::DunningClosed, now, mint));
        changes.dunning_cases.push(closed);
    }
    changes.invoices.push(invoice);
    changes
}

/// Gives an open invoice up, as the ledger sees it.
pub fn write_off(invoice: &mut Invoice, now: DateTime<Utc>, mint: &Mint) -> Journal {
    let heading = Heading { id: mint.id(now), at: now, invoice };
    let journal = heading.written_off(invoice.open_amount());
    invoice.state = InvoiceState::Uncollectible;
    invoice.closed_at = Some(now);
    journal
}
