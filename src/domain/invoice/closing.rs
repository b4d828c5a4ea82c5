//! The ends of an invoice other than payment.

use chrono::{DateTime, Utc};

use super::{Invoice, InvoiceState};
use crate::domain::{
    changes::Changes,
    dunning::DunningCase,
    event::EventKind,
    ids::Mint,
    ledger::{Heading, Journal},
    money::Money,
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

/// What these leave to be paid, if anything. They are one subscription's, and so of one currency.
pub fn still_owed<'a>(open: impl IntoIterator<Item = &'a OpenInvoice>) -> Option<Money> {
    open.into_iter()
        .map(|open| open.invoice.open_amount())
        .reduce(|sum, amount| sum.plus(amount).expect("a subscription has one currency"))
        .filter(|owed| owed.is_positive())
}

impl OpenInvoice {
    /// Whether an attempt at its payment is open.
    pub fn is_collecting(&self) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.state == PaymentState::Collecting)
    }
}

/// Takes an open invoice back: nothing is owed, nothing is tried any more. An attempt that is under
/// way goes on to its outcome; what it still brings goes back (RULES CHG-7, CAN-4).
pub fn void(mut open: OpenInvoice, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let invoice = &mut open.invoice;
    let heading = Heading { id: mint.id(now), at: now, invoice };
    let journal = heading.voided(invoice.open_amount());
    invoice.state = InvoiceState::Void;
    invoice.closed_at = Some(now);
    ended(open, journal, EventKind::InvoiceVoided, now, mint)
}

/// Gives up what is owed for a subscription that dunning has ended by another invoice: nothing is
/// charged after the end (RULES CAN-4).
pub fn give_up(mut open: OpenInvoice, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let journal = write_off(&mut open.invoice, now, mint);
    ended(open, journal, EventKind::InvoiceUncollectible, now, mint)
}

/// What follows from the end of `open.invoice` for its payment and its case.
fn ended(
    open: OpenInvoice,
    journal: Journal,
    kind: EventKind,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Changes {
    let OpenInvoice { invoice, payment, case } = open;
    let mut changes = Changes { journals: vec![journal], ..Changes::default() };
    changes.events.push(invoice.event(kind, now, mint));
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{
        ledger::{Account, Entry},
        payment::{
            decline::DeclineClass,
            settle::{
                given::{START, at, balances, declined, eur, invoice, mint, payment, renewal},
                settle,
            },
        },
    };

    fn moved(journal: &Journal) -> Vec<(Account, i64)> {
        assert!(balances(journal));
        let postings = journal.postings().iter();
        postings.map(|posting| (posting.account.clone(), posting.amount.minor())).collect()
    }

    #[test]
    fn taking_an_invoice_back_ends_its_payment_and_its_case() {
        let renewal = renewal();
        let news = declined(DeclineClass::WaitFunds);
        let settled = settle(renewal.clone(), news, at(START), &mint()).unwrap();
        let owed = renewal.owed.after(&settled.changes);
        let open =
            OpenInvoice { invoice: owed.invoice, payment: Some(owed.payment), case: owed.case };

        let now = at("2026-02-02T09:00:00Z");
        let changes = void(open, now, &mint());
        let voided = &changes.invoices[0];
        assert_eq!((voided.state, voided.closed_at), (InvoiceState::Void, Some(now)));
        assert_eq!(voided.open_amount(), eur(0));
        assert_eq!(changes.payments[0].state, PaymentState::Abandoned);
        let closed = &changes.dunning_cases[0];
        assert!(closed.case.is_over());
        assert_eq!((closed.due_at, closed.closed_at), (None, Some(now)));
        assert_eq!(changes.journals[0].entry, Entry::Voided);
        let expected = [(Account::Revenue, 2_000), (Account::Receivable, -2_000)];
        assert_eq!(moved(&changes.journals[0]), expected);
        let events: Vec<_> = changes.events.iter().map(|event| event.kind).collect();
        let expected =
            [EventKind::InvoiceVoided, EventKind::PaymentAbandoned, EventKind::DunningClosed];
        assert_eq!(events, expected);
    }

    #[rstest]
    #[case(PaymentState::Scheduled, true)]
    #[case(PaymentState::Waiting, true)]
    // What is under way goes on to its outcome.
    #[case(PaymentState::Collecting, false)]
    #[case(PaymentState::Abandoned, false)]
    fn only_a_payment_that_rests_is_given_up(#[case] state: PaymentState, #[case] ends: bool) {
        let mut payment = payment(state);
        payment.collect_at = (state == PaymentState::Scheduled).then(|| at(START));
        let open = OpenInvoice { invoice: invoice(), payment: Some(payment), case: None };
        let changes = void(open, at(START), &mint());
        let left: Vec<_> = changes.payments.iter().map(|p| (p.state, p.collect_at)).collect();
        assert_eq!(left, if ends { vec![(PaymentState::Abandoned, None)] } else { Vec::new() });
    }

    #[test]
    fn a_part_that_was_paid_is_not_taken_back() {
        let invoice = Invoice { paid: eur(500), ..invoice() };
        let changes = void(OpenInvoice { invoice, payment: None, case: None }, at(START), &mint());
        let expected = [(Account::Revenue, 1_500), (Account::Receivable, -1_500)];
        assert_eq!(moved(&changes.journals[0]), expected);
    }

    #[test]
    fn what_is_given_up_becomes_bad_debt() {
        let mut invoice = invoice();
        let journal = write_off(&mut invoice, at(START), &mint());
        assert_eq!(invoice.state, InvoiceState::Uncollectible);
        assert_eq!(invoice.closed_at, Some(at(START)));
        assert_eq!(journal.entry, Entry::WrittenOff);
        let expected = [(Account::BadDebt, 2_000), (Account::Receivable, -2_000)];
        assert_eq!(moved(&journal), expected);
    }
}
