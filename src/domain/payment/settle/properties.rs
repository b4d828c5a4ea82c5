//! Whatever is heard, in whatever order: no invoice is paid twice, no money is kept that was not
//! owed, nothing settled reopens, and the ledger balances.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::{
    given::{START, at, attempt, balances, declined, id, mint, paid, renewal},
    *,
};
use crate::domain::{
    invoice::{
        InvoiceState,
        closing::{self, OpenInvoice},
    },
    ledger::{Account, Entry, Heading, Journal},
    payment::decline::DeclineClass,
};

/// The most attempts that one story has.
const ATTEMPTS: usize = 5;

/// Something that happens to a payment.
#[derive(Debug, Clone)]
enum Happening {
    /// News of one of its attempts, open or long settled.
    Heard(usize, News),
    /// A look-up of one of its attempts finds nothing.
    NotFound(usize),
    /// The next attempt starts, if one may.
    Starts(Initiator),
    /// The ladder's next step comes.
    Step,
    /// Staff takes the invoice back.
    Voided,
    /// Nothing, for so many hours.
    Hours(i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let news = prop_oneof![
        3 => Just(paid(2_000)),
        3 => prop::sample::select(DeclineClass::ALL.to_vec()).prop_map(declined),
        1 => Just(News::Pending { reference: "ch_1".to_owned() }),
        1 => Just(News::ActionRequired { reference: "ch_1".to_owned(), url: None }),
        2 => Just(News::Silence),
        1 => Just(News::Rejected { reason: "no such key".to_owned() }),
        1 => Just(News::NeverHappened),
    ];
    let initiator = prop::sample::select(vec![Initiator::Merchant, Initiator::Customer]);
    prop_oneof![
        6 => (0..ATTEMPTS, news).prop_map(|(index, news)| Happening::Heard(index, news)),
        1 => (0..ATTEMPTS).prop_map(Happening::NotFound),
        3 => initiator.prop_map(Happening::Starts),
        2 => Just(Happening::Step),
        1 => Just(Happening::Voided),
        2 => (1..60_i64).prop_map(Happening::Hours),
    ]
}

/// A payment's world, with all that was ever committed about it.
struct World {
    now: DateTime<Utc>,
    mint: Mint,
    owed: Owed,
    attempts: Vec<Attempt>,
    journals: Vec<Journal>,
    refunded: Vec<crate::domain::payment::refund::Refund>,
}

impl World {
    fn new() -> Self {
        let Standing { attempt, owed } = renewal();
        let (now, mint) = (at(START), mint());
        let issued = Heading { id: mint.id(now), at: now, invoice: &owed.invoice }.issued();
        Self {
            now,
            mint,
            owed,
            attempts: vec![attempt],
            journals: vec![issued],
            refunded: Vec::new(),
        }
    }

    fn happens(&mut self, happening: Happening) {
        self.now += TimeDelta::minutes(20);
        match happening {
            Happening::Heard(index, news) => {
                if let Some(standing) = self.standing(index) {
                    let settled = settle(standing, news, self.now, &self.mint).unwrap();
                    self.commit(settled.changes);
                }
            }
            Happening::NotFound(index) => {
                // The engine looks up what is open, and nothing else.
                if let Some(standing) = self.standing(index)
                    && standing.attempt.state.is_open()
                {
                    self.commit(
                        not_found(standing, probe::ABSENCE_PROVES_AFTER, self.now, &self.mint)
                            .changes,
                    );
                }
            }
            Happening::Starts(initiator) => self.start(initiator),
            Happening::Step => {
                if let Some(due_at) = self.owed.case.as_ref().and_then(|file| file.due_at) {
                    self.now = self.now.max(due_at);
                    let changes = take_step(self.owed.clone(), self.now, &self.mint).unwrap();
                    self.commit(changes);
                }
            }
            Happening::Voided => {
                if self.owed.invoice.state == InvoiceState::Open {
                    let open = OpenInvoice {
                        invoice: self.owed.invoice.clone(),
                        payment: Some(self.owed.payment.clone()),
                        case: self.owed.case.clone(),
                    };
                    self.commit(closing::void(open, self.now, &self.mint));
                }
            }
            Happening::Hours(hours) => self.now += TimeDelta::hours(hours),
        }
    }

    fn standing(&self, index: usize) -> Option<Standing> {
        let attempt = self.attempts.get(index)?.clone();
        Some(Standing { attempt, owed: self.owed.clone() })
    }

    /// One open attempt per invoice, and the merchant's own only when one is planned (RULES CHG-1).
    fn start(&mut self, initiator: Initiator) {
        let may = match self.owed.payment.state {
            PaymentState::Scheduled => true,
            PaymentState::Waiting => initiator == Initiator::Customer,
            PaymentState::Collecting | PaymentState::Succeeded | PaymentState::Abandoned => false,
        };
        let none_open = self.attempts.iter().all(|attempt| !attempt.state.is_open());
        let is_owed = self.owed.invoice.open_amount().is_positive();
        if may && none_open && is_owed && self.attempts.len() < ATTEMPTS {
            let number = 100 + self.attempts.len() as u128;
            self.attempts.push(attempt(number, initiator, self.now));
            self.owed.payment.state = PaymentState::Collecting;
            self.owed.payment.collect_at = None;
        }
    }

    fn commit(&mut self, changes: Changes) {
        assert_each_once(&changes);
        let was = self.owed.clone();
        self.owed = was.clone().after(&changes);
        for changed in changes.attempts {
            let kept = self.attempts.iter_mut().find(|a| a.id == changed.id).unwrap();
            assert!(kept.state.is_open() || !changed.state.is_open(), "reopened: {kept:?}");
            assert!(
                kept.state != AttemptState::Succeeded || changed.state == kept.state,
                "money was forgotten: {changed:?}"
            );
            *kept = changed;
        }
        assert!(
            was.payment.state != PaymentState::Succeeded || self.owed.payment == was.payment,
            "a payment that succeeded changed: {:?}",
            self.owed.payment
        );
        assert!(
            was.invoice.state == InvoiceState::Open || self.owed.invoice == was.invoice,
            "a closed invoice changed: {:?}",
            self.owed.invoice
        );
        let is_planned = self.owed.payment.state == PaymentState::Scheduled;
        assert_eq!(self.owed.payment.collect_at.is_some(), is_planned, "{:?}", self.owed.payment);
        self.journals.extend(changes.journals);
        self.refunded.extend(changes.refunds);
    }

    fn assert_books(&self) {
        assert!(self.journals.iter().all(balances));
        let entries = |entry| self.journals.iter().filter(move |j| j.entry == entry).count();
        let is_paid = self.owed.invoice.state == InvoiceState::Paid;
        assert_eq!(entries(Entry::Paid), usize::from(is_paid), "an invoice is paid once");

        let took: Vec<_> =
            self.attempts.iter().filter(|a| a.state == AttemptState::Succeeded).collect();
        assert_eq!(entries(Entry::Paid) + entries(Entry::Overpaid), took.len());
        assert_eq!(entries(Entry::Overpaid), self.refunded.len());
        let given_back: BTreeSet<_> = self.refunded.iter().map(|r| r.attempt.uuid()).collect();
        assert_eq!(given_back.len(), self.refunded.len(), "one refund for one late success");

        let owed = self.owed.invoice.open_amount().minor();
        assert_eq!(self.balance(&Account::Receivable), owed);
        let cash: i64 = took.iter().map(|attempt| attempt.amount.minor()).sum();
        assert_eq!(self.balance(&Account::Clearing("main".to_owned())), cash);
        let credit: i64 = self.refunded.iter().map(|refund| refund.amount.minor()).sum();
        assert_eq!(self.balance(&Account::CustomerCredit), -credit);
    }

    fn balance(&self, account: &Account) -> i64 {
        let postings = self.journals.iter().flat_map(Journal::postings);
        postings.filter(|p| p.account == *account).map(|p| p.amount.minor()).sum()
    }
}

/// No object stands in one set of changes twice, and no fact is told twice.
fn assert_each_once(changes: &Changes) {
    fn once<T: Ord>(what: &str, ids: impl Iterator<Item = T>) {
        let ids: Vec<T> = ids.collect();
        let count = ids.len();
        assert_eq!(ids.into_iter().collect::<BTreeSet<T>>().len(), count, "{what} twice");
    }
    once("a payment", changes.payments.iter().map(|p| p.id.uuid()));
    once("an invoice", changes.invoices.iter().map(|i| i.id.uuid()));
    once("an attempt", changes.attempts.iter().map(|a| a.id.uuid()));
    once("a subscription", changes.subscriptions.iter().map(|s| s.id.uuid()));
    once("a case", changes.dunning_cases.iter().map(|c| c.id.uuid()));
    once("a method", changes.payment_methods.iter().map(|m| m.id.uuid()));
    once("a fact", changes.notices.iter().map(|n| n.fact_key.clone()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_news_breaks_the_books(story in prop::collection::vec(happening(), 1..40)) {
        let mut world = World::new();
        assert_eq!(world.attempts[0].id, id(8));
        for happening in story {
            world.happens(happening);
            world.assert_books();
        }
    }
}
