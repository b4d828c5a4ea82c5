//! Whatever is heard of success, refunds and reversals, in whatever order and however often: when all
//! was heard, our ledger says of each charge what the gateway's does, and nothing is kept or asked for
//! twice.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::{
    given::{START, at, attempt, balances, declined, eur, mint, renewal},
    *,
};
use crate::domain::{
    invoice::{
        InvoiceState,
        closing::{self, OpenInvoice},
    },
    ledger::{Account, Entry, Heading, Journal, Movement},
    money::Money,
    payment::{
        decline::DeclineClass,
        outcome::Paid,
        refund::{Heard, Refund, RefundOrigin, RefundState, ToldRefund},
        reversal::{Reversal, ReversalState},
    },
};

const ATTEMPTS: usize = 4;

/// Something that happens, at the gateway or here. Places are taken round the number that there are.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// The next attempt starts, if one may; the gateway takes the money, or does not.
    Starts { is_taken: bool },
    /// A charge's money is taken back: so much of what is left, in hundredths.
    TakenBack(usize, i64, DeclineClass),
    /// Money that was taken back is given again.
    GivenAgain(usize),
    /// Staff refunds at the gateway.
    RefundedThere(usize, i64),
    /// Staff orders a refund here.
    RefundOrdered(i64),
    /// A refund of ours is sent; its answer is lost or told later.
    RefundSent(usize),
    /// A piece of news arrives, and perhaps not for the last time.
    Arrives(usize, bool),
    /// The ladder's next step comes.
    Step,
    /// Staff takes the invoice back.
    Voided,
}

fn happening() -> impl Strategy<Value = Happening> {
    let class = prop::sample::select(DeclineClass::ALL.to_vec());
    prop_oneof![
        4 => prop::bool::weighted(0.8).prop_map(|is_taken| Happening::Starts { is_taken }),
        4 => (0..8_usize, 1..=100_i64, class).prop_map(|(n, part, c)| Happening::TakenBack(n, part, c)),
        3 => (0..8_usize).prop_map(Happening::GivenAgain),
        2 => (0..8_usize, 1..=100_i64).prop_map(|(n, part)| Happening::RefundedThere(n, part)),
        3 => (1..=100_i64).prop_map(Happening::RefundOrdered),
        3 => (0..8_usize).prop_map(Happening::RefundSent),
        12 => (0..16_usize, prop::bool::weighted(0.2)).prop_map(|(n, again)| Happening::Arrives(n, again)),
        2 => Just(Happening::Step),
        1 => prop::bool::weighted(0.2).prop_map(|is_voided| {
            if is_voided { Happening::Voided } else { Happening::Step }
        }),
    ]
}

/// What the gateway has of one charge: it never lets more go back than it took.
#[derive(Debug, Clone, Default)]
struct Charge {
    taken: i64,
    refunded: i64,
    reversed: i64,
}

impl Charge {
    fn left(&self) -> i64 {
        self.taken - self.refunded - self.reversed
    }
}

/// What is on its way from the gateway.
#[derive(Debug, Clone)]
enum Letter {
    Charge(usize, News),
    Refund(usize, RefundState),
    Foreign(usize, ToldRefund),
}

struct World {
    now: DateTime<Utc>,
    mint: Mint,
    owed: Owed,
    charges: Vec<Charge>,
    reversals: Vec<(usize, Reversal)>,
    foreign: usize,
    letters: Vec<Letter>,
    journals: Vec<Journal>,
}

impl World {
    fn new() -> Self {
        let Standing { attempt, mut owed } = renewal();
        let (now, mint) = (at(START), mint());
        owed.attempts = vec![attempt];
        let issued = Heading { id: mint.id(now), at: now, invoice: &owed.invoice }.issued();
        let mut world = Self {
            now,
            mint,
            owed,
            charges: Vec::new(),
            reversals: Vec::new(),
            foreign: 0,
            letters: Vec::new(),
            journals: vec![issued],
        };
        world.charge(0, true);
        world
    }

    fn happens(&mut self, happening: Happening) {
        self.now += TimeDelta::minutes(20);
        match happening {
            Happening::Starts { is_taken } => self.start(is_taken),
            Happening::TakenBack(n, part, class) => self.take_back(n, part, class),
            Happening::GivenAgain(n) => self.give_again(n),
            Happening::RefundedThere(n, part) => self.refund_there(n, part),
            Happening::RefundOrdered(part) => self.order_refund(part),
            Happening::RefundSent(n) => {
                let waiting = self.waiting_refunds();
                if !waiting.is_empty() {
                    self.send_refund(waiting[n % waiting.len()]);
                }
            }
            Happening::Arrives(n, again) => {
                if !self.letters.is_empty() {
                    let place = n % self.letters.len();
                    let letter = self.letters[place].clone();
                    if self.arrives(letter) && !again {
                        self.letters.remove(place);
                    }
                }
            }
            Happening::Step => self.step(),
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
        }
    }

    /// All that is under way comes to its end.
    fn settles(&mut self) {
        for _ in 0..50 {
            for refund in self.waiting_refunds() {
                self.send_refund(refund);
            }
            let letters = std::mem::take(&mut self.letters);
            let left: Vec<_> =
                letters.into_iter().filter(|letter| !self.arrives(letter.clone())).collect();
            self.letters.splice(0..0, left);
            if self.letters.is_empty() && self.waiting_refunds().is_empty() {
                return;
            }
        }
        panic!("something is never heard: {:?}", self.letters);
    }

    fn start(&mut self, is_taken: bool) {
        let may = match self.owed.payment.state {
            PaymentState::Scheduled | PaymentState::Waiting => true,
            PaymentState::Collecting | PaymentState::Succeeded | PaymentState::Abandoned => false,
        };
        let none_open = self.owed.attempts.iter().all(|attempt| !attempt.state.is_open());
        let open = self.owed.invoice.open_amount();
        if may && none_open && open.is_positive() && self.owed.attempts.len() < ATTEMPTS {
            let number = self.owed.attempts.len();
            let initiator =
                if number.is_multiple_of(2) { Initiator::Merchant } else { Initiator::Customer };
            let next = attempt(100 + number as u128, initiator, self.now);
            self.owed.attempts.push(Attempt { amount: open, ..next });
            self.owed.payment.state = PaymentState::Collecting;
            self.owed.payment.collect_at = None;
            self.charge(number, is_taken);
        }
    }

    fn charge(&mut self, number: usize, is_taken: bool) {
        let amount = self.owed.attempts[number].amount;
        let reference = format!("ch_{number}");
        let taken = if is_taken { amount.minor() } else { 0 };
        self.charges.push(Charge { taken, ..Charge::default() });
        let news = if is_taken {
            News::Paid(Paid::bare(reference, amount))
        } else {
            declined(DeclineClass::WaitFunds)
        };
        self.letters.push(Letter::Charge(number, News::Silence));
        self.letters.push(Letter::Charge(number, news));
    }

    fn take_back(&mut self, n: usize, part: i64, class: DeclineClass) {
        let number = n % self.charges.len();
        let amount = self.charges[number].left() * part / 100;
        if amount > 0 {
            self.charges[number].reversed += amount;
            let reference = format!("dp_{}", self.reversals.len());
            let (amount, state, why) = (eur(amount), ReversalState::TakenBack, Decline::of(class));
            let reversal = Reversal { reference, amount, state, why };
            self.letters.push(Letter::Charge(number, News::Reversed(Box::new(reversal.clone()))));
            self.reversals.push((number, reversal));
        }
    }

    fn give_again(&mut self, n: usize) {
        let is_gone = |(_, one): &&mut (usize, Reversal)| one.state == ReversalState::TakenBack;
        let mut gone: Vec<_> = self.reversals.iter_mut().filter(is_gone).collect();
        if !gone.is_empty() {
            let place = n % gone.len();
            let (number, reversal) = &mut *gone[place];
            reversal.state = ReversalState::Reinstated;
            self.charges[*number].reversed -= reversal.amount.minor();
            self.letters.push(Letter::Charge(*number, News::Reversed(Box::new(reversal.clone()))));
        }
    }

    fn refund_there(&mut self, n: usize, part: i64) {
        let number = n % self.charges.len();
        let amount = self.charges[number].left() * part / 100;
        if amount > 0 {
            self.charges[number].refunded += amount;
            self.foreign += 1;
            self.letters.push(Letter::Foreign(
                number,
                ToldRefund {
                    attempt: None,
                    charge: format!("ch_{number}"),
                    reference: format!("re_{}", self.foreign),
                    amount: eur(amount),
                    state: RefundState::Succeeded,
                    failure: None,
                },
            ));
        }
    }

    fn order_refund(&mut self, part: i64) {
        let left = self.owed.payment.amount.minor() - self.owed.payment.refunded.minor();
        let refunds = &self.owed.refunds;
        let of_most = self.owed.attempts.iter().max_by_key(|a| a.left_owed(refunds).minor());
        let Some(charged) = of_most.cloned() else { return };
        let amount = left.min(charged.left_owed(refunds).minor()) * part / 100;
        if self.owed.payment.state == PaymentState::Succeeded && amount > 0 {
            let (origin, reason) = (RefundOrigin::Requested, String::new());
            let refund = Refund::of(&charged, eur(amount), reason, origin, self.now, &self.mint);
            self.owed.payment.refunded = plus(self.owed.payment.refunded, amount);
            self.owed.refunds.push(refund);
        }
    }

    /// Refunds of ours that were not sent.
    fn waiting_refunds(&self) -> Vec<usize> {
        let all = self.owed.refunds.iter().enumerate();
        let waiting =
            all.filter(|(_, refund)| refund.state == RefundState::Queued && refund.tries == 0);
        waiting.map(|(place, _)| place).collect()
    }

    fn send_refund(&mut self, place: usize) {
        let refund = &mut self.owed.refunds[place];
        refund.tries = 1;
        let (of, amount) = (refund.attempt, refund.amount.minor());
        let number = self.owed.attempts.iter().position(|a| a.id == of).unwrap();
        if !self.owed.attempts[number].may_still_give_back(&self.owed.refunds) {
            self.refund_ends(place, RefundState::Failed);
        } else if self.charges[number].left() >= amount {
            self.charges[number].refunded += amount;
            self.letters.push(Letter::Refund(place, RefundState::Succeeded));
        } else {
            self.letters.push(Letter::Refund(place, RefundState::Failed));
        }
    }

    /// Whether it was taken in.
    fn arrives(&mut self, letter: Letter) -> bool {
        match letter {
            Letter::Charge(number, news) => {
                let standing = self.standing(number);
                let changes = settle(standing, news, self.now, &self.mint).unwrap().changes;
                self.commit(changes);
                true
            }
            Letter::Refund(place, state) => {
                if !self.owed.refunds[place].state.is_settled() {
                    self.refund_ends(place, state);
                }
                true
            }
            Letter::Foreign(number, told) => {
                let attempt = self.owed.attempts[number].clone();
                match told.hear(&attempt, &self.owed.refunds) {
                    Heard::Known => true,
                    Heard::NotYet(_) => false,
                    Heard::New => {
                        let known = &self.owed.refunds;
                        let refund = Refund::told(&told, &attempt, known, self.now, &self.mint);
                        let refunded = &mut self.owed.payment.refunded;
                        *refunded = plus(*refunded, refund.owed().minor());
                        self.owed.refunds.push(refund);
                        self.refund_ends(self.owed.refunds.len() - 1, RefundState::Succeeded);
                        true
                    }
                    Heard::Moved(known) => panic!("it came to its end before: {known:?}"),
                }
            }
        }
    }

    fn refund_ends(&mut self, place: usize, state: RefundState) {
        self.owed.refunds[place].state = state;
        let refund = self.owed.refunds[place].clone();
        if state == RefundState::Succeeded {
            let heading =
                Heading { id: self.mint.id(self.now), at: self.now, invoice: &self.owed.invoice };
            self.journals.push(heading.went_back(&refund, "main"));
            return;
        }
        let refunded = &mut self.owed.payment.refunded;
        *refunded = plus(*refunded, -refund.owed().minor());
        let number = self.owed.attempts.iter().position(|a| a.id == refund.attempt).unwrap();
        let changes = catch_up(self.standing(number), self.now, &self.mint).changes;
        self.commit(changes);
    }

    fn step(&mut self) {
        if let Some(due_at) = self.owed.case.as_ref().and_then(|file| file.due_at) {
            self.now = self.now.max(due_at);
            let changes = take_step(self.owed.clone(), self.now, &self.mint).unwrap();
            self.commit(changes);
        }
    }

    fn standing(&self, number: usize) -> Standing {
        Standing { attempt: self.owed.attempts[number].clone(), owed: self.owed.clone() }
    }

    fn commit(&mut self, changes: Changes) {
        let keys: Vec<_> = changes.notices.iter().map(|notice| notice.fact_key.clone()).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "a fact twice");
        let mut ids: Vec<_> = changes.attempts.iter().map(|attempt| attempt.id.uuid()).collect();
        ids.extend(changes.payments.iter().map(|payment| payment.id.uuid()));
        ids.extend(changes.invoices.iter().map(|invoice| invoice.id.uuid()));
        ids.extend(changes.dunning_cases.iter().map(|file| file.id.uuid()));
        ids.extend(changes.subscriptions.iter().map(|one| one.id.uuid()));
        ids.extend(changes.payment_methods.iter().map(|method| method.id.uuid()));
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an object twice");
        let open: Vec<_> =
            changes.dunning_cases.iter().filter(|file| file.closed_at.is_none()).collect();
        assert!(open.len() <= 1, "one open case for an invoice");
        self.owed = self.owed.clone().after(&changes);
        self.journals.extend(changes.journals);
    }

    fn assert_books(&self) {
        assert!(self.journals.iter().all(balances));
        let (invoice, payment) = (&self.owed.invoice, &self.owed.payment);
        assert_eq!(self.balance(&Account::Receivable), invoice.open_amount().minor());
        let is_paid = invoice.state == InvoiceState::Paid;
        assert_eq!(is_paid, payment.state == PaymentState::Succeeded, "{payment:?}");
        assert_eq!(is_paid, invoice.paid == invoice.total);
        assert!((0..=invoice.total.minor()).contains(&invoice.paid.minor()));
        assert!((0..=payment.amount.minor()).contains(&payment.refunded.minor()));
        let sum = |of: fn(&Attempt) -> Money| -> i64 {
            self.owed.attempts.iter().map(|attempt| of(attempt).minor()).sum()
        };
        assert_eq!(sum(|attempt| attempt.applied), invoice.paid.minor());
        assert_eq!(sum(|attempt| attempt.reversed), payment.reversed.minor());
        assert_eq!(payment.collect_at.is_some(), payment.state == PaymentState::Scheduled);
        for attempt in &self.owed.attempts {
            assert!(attempt.applied.minor() >= 0 && attempt.reversed.minor() >= 0);
            assert!(attempt.applied.minor() + attempt.reversed.minor() <= attempt.amount.minor());
            let is_reversed = attempt.state == AttemptState::Reversed;
            assert_eq!(is_reversed, attempt.reversed.is_positive(), "{attempt:?}");
            assert_eq!(self.booked(attempt, false), attempt.held().minor(), "{attempt:?}");
        }
        assert!(self.balance(&Account::CustomerCredit) <= 0, "nobody owes us for what we hold");
        let is_open = self.owed.case.is_some();
        assert!(!is_open || invoice.state == InvoiceState::Open, "a case of what is not owed");
    }

    /// When all was heard.
    fn assert_as_the_gateway(&self) {
        for (number, charge) in self.charges.iter().enumerate() {
            let attempt = &self.owed.attempts[number];
            assert_eq!(self.booked(attempt, true), charge.left(), "{attempt:?} {charge:?}");
        }
        let is_failed = |one: &&Refund| {
            one.origin == RefundOrigin::LateSuccess && one.state == RefundState::Failed
        };
        if self.owed.refunds.iter().any(|one| is_failed(&one)) {
            return; // Staff's turn.
        }
        let kept: i64 = self.charges.iter().map(Charge::left).sum();
        let paid = self.owed.invoice.paid.minor() - self.owed.payment.refunded.minor();
        assert_eq!(kept, paid, "what is kept was owed");
    }

    /// What the ledger has of an attempt; with its refunds, or without.
    fn booked(&self, attempt: &Attempt, with_refunds: bool) -> i64 {
        let is_its = |movement: Movement| match movement {
            Movement::Attempt(id) => id == attempt.id,
            Movement::Refund(id) => {
                with_refunds
                    && self.owed.refunds.iter().any(|r| r.id == id && r.attempt == attempt.id)
            }
        };
        let its = self.journals.iter().filter(|journal| journal.movement.is_some_and(is_its));
        let clearing = Account::Clearing("main".to_owned());
        let postings =
            its.flat_map(Journal::postings).filter(|posting| posting.account == clearing);
        postings.map(|posting| posting.amount.minor()).sum()
    }

    fn balance(&self, account: &Account) -> i64 {
        let postings = self.journals.iter().flat_map(Journal::postings);
        postings.filter(|p| p.account == *account).map(|p| p.amount.minor()).sum()
    }
}

fn plus(amount: Money, minor: i64) -> Money {
    Money::new(amount.minor() + minor, amount.currency())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_what_went_back_parts_the_books(
        story in prop::collection::vec(happening(), 1..60),
    ) {
        let mut world = World::new();
        for happening in story {
            world.happens(happening);
            world.assert_books();
        }
        world.settles();
        world.assert_books();
        world.assert_as_the_gateway();
    }
}

/// What becomes of the first charge when these letters come in this order.
fn after(letters: &[News]) -> World {
    let mut world = World::new();
    world.letters.clear();
    for news in letters {
        let standing = world.standing(0);
        let changes = settle(standing, news.clone(), world.now, &world.mint).unwrap().changes;
        world.commit(changes);
        world.assert_books();
    }
    world
}

fn entries(world: &World) -> Vec<Entry> {
    world.journals.iter().skip(1).map(|journal| journal.entry).collect()
}

#[test]
fn a_reversal_before_its_success_ends_like_one_after_it() {
    let reversal = |state| {
        News::Reversed(Box::new(Reversal {
            reference: "dp_1".to_owned(),
            amount: eur(2_000),
            state,
            why: Decline::of(DeclineClass::Never),
        }))
    };
    let (gone, again) = (reversal(ReversalState::TakenBack), reversal(ReversalState::Reinstated));
    let paid = super::given::paid(2_000);
    for order in [[&paid, &gone, &gone], [&gone, &paid, &gone], [&gone, &gone, &paid]] {
        let world = after(&order.map(Clone::clone));
        assert_eq!(world.owed.attempts[0].state, AttemptState::Reversed);
        assert_eq!(world.owed.invoice.state, InvoiceState::Open);
        assert_eq!(world.owed.payment.state, PaymentState::Waiting);
        assert!(world.owed.case.is_some(), "dunning is about it");
        assert_eq!(entries(&world), [Entry::Paid, Entry::Reversed], "each once");
    }
    for order in [[&paid, &gone, &again], [&again, &paid, &gone], [&again, &gone, &paid]] {
        let world = after(&order.map(Clone::clone));
        assert_eq!(world.owed.attempts[0].state, AttemptState::Succeeded);
        assert_eq!(world.owed.invoice.state, InvoiceState::Paid);
        assert!(world.owed.case.is_none());
    }
}
