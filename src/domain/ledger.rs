//! Double entry: every movement of money is a balanced, immutable journal (RULES LED-1).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Id, kind},
    invoice::{Invoice, InvoiceState},
    money::Money,
    payment::refund::{Refund, RefundOrigin},
};

/// A balanced set of postings: debits are positive, credits negative, the sum is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::Journal>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub entry: Entry,
    /// The invoice that it is about.
    pub invoice: Id<kind::Invoice>,
    /// The attempt or refund that moved the money, if money moved.
    pub movement: Option<Movement>,
    /// The postings.
    postings: Vec<Posting>,
}

/// What moved the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// A charge.
    Attempt(Id<kind::Attempt>),
    /// A refund.
    Refund(Id<kind::Refund>),
}

/// What a journal records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An invoice was issued.
    Issued,
    /// A charge settled an invoice.
    Paid,
    /// An open invoice was taken back.
    Voided,
    /// An open invoice was given up.
    WrittenOff,
    /// Money came for an invoice that was no longer open (RULES CHG-7).
    Overpaid,
    /// The payer's bank or the card's scheme took back what a charge had taken.
    Reversed,
    /// What had been taken back came again.
    Reinstated,
    /// Money of a payment went back.
    Refunded,
    /// Money that nobody owed went back.
    OverpaymentReturned,
    /// Money that was on its way back did not arrive, and is with the gateway again.
    RefundBounced,
}

/// One side of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Debit if positive, credit if negative.
    pub amount: Money,
}

/// An account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// What customers owe.
    Receivable,
    /// What a gateway account holds for the merchant, by its name in the configuration.
    Clearing(String),
    /// What was earned.
    Revenue,
    /// What was given back of it.
    Refunds,
    /// What was given up of it.
    BadDebt,
    /// What the merchant owes customers.
    CustomerCredit,
}

impl Journal {
    /// Reads a journal back. It must balance, or something wrote past this module.
    pub fn from_postings(
        merchant: Id<kind::Merchant>,
        id: Id<kind::Journal>,
        at: DateTime<Utc>,
        entry: Entry,
        invoice: Id<kind::Invoice>,
        movement: Option<Movement>,
        postings: Vec<Posting>,
    ) -> Option<Self> {
        let journal = Self { merchant, id, at, entry, invoice, movement, postings };
        journal.is_balanced().then_some(journal)
    }

    /// The postings.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    fn is_balanced(&self) -> bool {
        let Some(first) = self.postings.first() else { return false };
        self.postings
            .iter()
            .try_fold(Money::zero(first.amount.currency()), |sum, posting| sum.plus(posting.amount))
            .is_ok_and(Money::is_zero)
    }
}

/// What a journal is about: the id is the caller's, because chance is.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// The journal's id.
    pub id: Id<kind::Journal>,
    /// When it happens.
    pub at: DateTime<Utc>,
    /// The invoice that it is about.
    pub invoice: &'a Invoice,
}

impl Heading<'_> {
    /// The customer owes the invoice's total.
    pub fn issued(self) -> Journal {
        self.between(Entry::Issued, None, self.invoice.total, Account::Receivable, Account::Revenue)
    }

    /// A charge at `gateway` settled `amount` of it.
    pub fn paid(self, attempt: Id<kind::Attempt>, gateway: &str, amount: Money) -> Journal {
        let clearing = Account::Clearing(gateway.to_owned());
        let movement = Some(Movement::Attempt(attempt));
        self.between(Entry::Paid, movement, amount, clearing, Account::Receivable)
    }

    /// A charge at `gateway` took `amount` that was not owed.
    pub fn overpaid(self, attempt: Id<kind::Attempt>, gateway: &str, amount: Money) -> Journal {
        let clearing = Account::Clearing(gateway.to_owned());
        let movement = Some(Movement::Attempt(attempt));
        self.between(Entry::Overpaid, movement, amount, clearing, Account::CustomerCredit)
    }

    /// `owed` that a charge at `gateway` had brought for the invoice was taken back, and `unowed` that
    /// it had brought beyond that: the reversing journal (RULES LED-1).
    pub fn reversed(
        self,
        attempt: Id<kind::Attempt>,
        gateway: &str,
        owed: Money,
        unowed: Money,
    ) -> Journal {
        // Where nothing is asked for any more, what is missing is missing for good.
        let missing = match self.invoice.state {
            InvoiceState::Open | InvoiceState::Paid => Account::Receivable,
            InvoiceState::Uncollectible => Account::BadDebt,
            InvoiceState::Void => Account::Revenue,
        };
        let gone = owed.plus(unowed).expect("a charge has one currency");
        let clearing = Account::Clearing(gateway.to_owned());
        let sides =
            [(missing, owed), (Account::CustomerCredit, unowed), (clearing, gone.negated())];
        self.of(Entry::Reversed, Some(Movement::Attempt(attempt)), not_nothing(sides))
    }

    /// What had been taken back of a charge at `gateway` came again: `owed` of it is owed again, `unowed`
    /// is not.
    pub fn reinstated(
        self,
        attempt: Id<kind::Attempt>,
        gateway: &str,
        owed: Money,
        unowed: Money,
    ) -> Journal {
        let come = owed.plus(unowed).expect("a charge has one currency");
        let clearing = Account::Clearing(gateway.to_owned());
        let sides = [
            (clearing, come),
            (Account::Receivable, owed.negated()),
            (Account::CustomerCredit, unowed.negated()),
        ];
        self.of(Entry::Reinstated, Some(Movement::Attempt(attempt)), not_nothing(sides))
    }

    /// What was still open is owed no more.
    pub fn voided(self, open: Money) -> Journal {
        self.between(Entry::Voided, None, open, Account::Revenue, Account::Receivable)
    }

    /// What was still open will not come.
    pub fn written_off(self, open: Money) -> Journal {
        self.between(Entry::WrittenOff, None, open, Account::BadDebt, Account::Receivable)
    }

    /// What had been written off is owed again: that journal turned round.
    pub fn owed_again(self, open: Money) -> Journal {
        self.between(Entry::WrittenOff, None, open, Account::Receivable, Account::BadDebt)
    }

    /// `refund` went back through `gateway`.
    pub fn went_back(self, refund: &Refund, gateway: &str) -> Journal {
        let entry = match refund.origin {
            RefundOrigin::Requested | RefundOrigin::AtGateway => Entry::Refunded,
            RefundOrigin::LateSuccess => Entry::OverpaymentReturned,
        };
        let clearing = Account::Clearing(gateway.to_owned());
        let sides = [
            (Account::Refunds, refund.owed()),
            (Account::CustomerCredit, refund.unowed),
            (clearing, refund.amount.negated()),
        ];
        self.of(entry, Some(Movement::Refund(refund.id)), not_nothing(sides))
    }

    /// What `sent` had sent back did not arrive: the reversing journal (RULES LED-1).
    pub fn bounced(self, sent: &Refund, gateway: &str) -> Journal {
        let clearing = Account::Clearing(gateway.to_owned());
        let sides = [
            (clearing, sent.amount),
            (Account::Refunds, sent.owed().negated()),
            (Account::CustomerCredit, sent.unowed.negated()),
        ];
        self.of(Entry::RefundBounced, Some(Movement::Refund(sent.id)), not_nothing(sides))
    }

    fn between(
        self,
        entry: Entry,
        movement: Option<Movement>,
        amount: Money,
        debit: Account,
        credit: Account,
    ) -> Journal {
        self.of(entry, movement, [(debit, amount), (credit, amount.negated())])
    }

    fn of(
        self,
        entry: Entry,
        movement: Option<Movement>,
        sides: impl IntoIterator<Item = (Account, Money)>,
    ) -> Journal {
        let posting = |(account, amount)| Posting { account, amount };
        let postings = sides.into_iter().map(posting).collect();
        Journal {
            merchant: self.invoice.merchant,
            id: self.id,
            at: self.at,
            entry,
            invoice: self.invoice.id,
            movement,
            postings,
        }
    }
}

/// Those sides that move something.
fn not_nothing(
    sides: impl IntoIterator<Item = (Account, Money)>,
) -> impl Iterator<Item = (Account, Money)> {
    sides.into_iter().filter(|(_, amount)| !amount.is_zero())
}
