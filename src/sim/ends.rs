//! Whether nobody's debt and nobody's subscription ended by itself (RULES P-2, RET-5): for what is taken back, rests or
//! is ended a person must have asked, and what dunning gives up must have been asked for until its ladder was over. The
//! product's own word that something is over excuses nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    books::Books,
    granted::{End, Granted},
    ladder::Rungs,
};
use crate::domain::{
    dunning::FinalAction,
    event::{Event, EventKind, Subject},
    ids::{Id, kind},
    invoice::InvoiceState,
    payment::attempt::AttemptState,
    subscription::SubscriptionState,
};

/// So long a first payment may come.
const FIRST_PAYMENT: TimeDelta = TimeDelta::hours(72);
/// What is of one deed is of one time.
const AT_ONCE: TimeDelta = TimeDelta::seconds(1);

/// What ends are judged by.
struct Past<'a> {
    books: &'a Books,
    granted: &'a Granted,
    rungs: &'a Rungs,
    clock_error: TimeDelta,
    /// When each debt was first asked for in vain.
    in_vain_since: BTreeMap<Id<kind::Invoice>, DateTime<Utc>>,
    debts: BTreeMap<Id<kind::Subscription>, Vec<Id<kind::Invoice>>>,
    /// What happened to each subscription.
    lives: BTreeMap<Id<kind::Subscription>, Vec<&'a Event>>,
}

/// Every end that nobody asked for and that no ladder led to.
pub(super) fn unfounded(
    books: &Books,
    granted: &Granted,
    rungs: &Rungs,
    clock_error: TimeDelta,
) -> Vec<String> {
    let past = Past::of(books, granted, rungs, clock_error);
    let mut found = Vec::new();
    for event in &books.events {
        let why = match event.subject {
            Subject::Invoice(id) => past.of_invoice(id, event),
            Subject::Subscription(id) => past.of_subscription(id, event),
            _ => None,
        };
        if let Some(why) = why {
            let (kind, subject, at) = (event.kind, event.subject, event.at);
            found.push(format!("{kind:?} of {subject:?} at {at}: {why}"));
        }
    }
    past.untold(&mut found);
    found
}

impl<'a> Past<'a> {
    fn of(
        books: &'a Books,
        granted: &'a Granted,
        rungs: &'a Rungs,
        clock_error: TimeDelta,
    ) -> Self {
        let by_payment: BTreeMap<_, _> =
            books.payments.values().map(|payment| (payment.id, payment.invoice)).collect();
        let mut in_vain_since = BTreeMap::new();
        let mut lives: BTreeMap<_, Vec<&Event>> = BTreeMap::new();
        let mut is_in_vain = |invoice, at: DateTime<Utc>| {
            let first = in_vain_since.entry(invoice).or_insert(at);
            *first = at.min(*first);
        };
        for event in &books.events {
            match event.subject {
                Subject::Subscription(id) => lives.entry(id).or_default().push(event),
                Subject::Payment(id) => {
                    use EventKind::{PaymentDeclined, PaymentReversed};
                    if matches!(event.kind, PaymentDeclined | PaymentReversed) {
                        is_in_vain(by_payment[&id], event.at);
                    }
                }
                _ => {}
            }
        }
        // Without a card that could be charged nothing is declined.
        for case in &books.cases {
            is_in_vain(case.invoice, case.opened_at);
        }
        let mut debts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for invoice in books.invoices.values() {
            if let Some(id) = invoice.subscription {
                debts.entry(id).or_default().push(invoice.id);
            }
        }
        Self { books, granted, rungs, clock_error, in_vain_since, debts, lives }
    }

    /// Why an invoice should not have ended like this.
    fn of_invoice(&self, id: Id<kind::Invoice>, event: &Event) -> Option<&'static str> {
        let subscription = self.books.invoices.get(&id).and_then(|invoice| invoice.subscription);
        let meanwhile = |kind, reason: Option<&str>| {
            let events = subscription.and_then(|id| self.lives.get(&id));
            events.into_iter().flatten().any(|other| {
                other.kind == kind
                    && (reason.is_none() || other.reason.as_deref() == reason)
                    && is_one(other.at, event.at)
            })
        };
        match event.kind {
            EventKind::InvoiceVoided => {
                let wanted = self.granted.voided.contains(&id)
                    || subscription.is_some_and(|id| self.ended(id, event.at))
                    || meanwhile(EventKind::SubscriptionExpired, None);
                (!wanted).then_some("nobody took it back")
            }
            EventKind::InvoiceUncollectible => {
                let is_given_up = self.rungs.at_its_end != FinalAction::MarkUnpaid
                    && self.was_dunned(id, event.at);
                let with_another = meanwhile(EventKind::SubscriptionCanceled, Some("dunning"));
                (!is_given_up && !with_another).then_some("its ladder was not over")
            }
            _ => None,
        }
    }

    /// Why a subscription should not have come to this.
    fn of_subscription(&self, id: Id<kind::Subscription>, event: &Event) -> Option<&'static str> {
        let debts = || self.debts.get(&id).into_iter().flatten();
        let was_dunned = || debts().any(|debt| self.was_dunned(*debt, event.at));
        let is_at_end = |action| self.rungs.at_its_end == action && was_dunned();
        match event.kind {
            EventKind::SubscriptionCanceled => match event.reason.as_deref() {
                Some("requested") if self.is_to_end(id, event.at) => None,
                Some("dunning") if is_at_end(FinalAction::Cancel) => None,
                Some("dunning") => Some("the ladder of none of its debts was over"),
                _ => Some("nobody wanted its end"),
            },
            EventKind::SubscriptionUnpaid if !is_at_end(FinalAction::MarkUnpaid) => {
                Some("the ladder of none of its debts was over")
            }
            EventKind::SubscriptionPaused => {
                let wishes = self.granted.paused.get(&id).into_iter().flatten();
                let is_wanted = wishes.into_iter().any(|at| is_one(*at, event.at));
                (!is_wanted).then_some("nobody wanted a rest")
            }
            EventKind::SubscriptionExpired => {
                let one = self.books.subscriptions.iter().find(|one| one.id == id)?;
                let is_early = event.at < one.started_at + FIRST_PAYMENT - self.clock_error;
                let had_paid = self.books.attempts.iter().any(|attempt| {
                    // What came when nothing was owed any more pays for nothing.
                    attempt.state == AttemptState::Succeeded
                        && attempt.applied.is_positive()
                        && debts().any(|debt| *debt == attempt.invoice)
                        && attempt.settled_at.is_some_and(|at| at < event.at - self.clock_error)
                });
                (is_early || had_paid).then_some("its first payment could come, or had")
            }
            _ => None,
        }
    }

    /// No end came without a word.
    fn untold(&self, found: &mut Vec<String>) {
        for one in &self.books.subscriptions {
            let kind = match one.state {
                SubscriptionState::Canceled => EventKind::SubscriptionCanceled,
                SubscriptionState::Expired => EventKind::SubscriptionExpired,
                SubscriptionState::Unpaid => EventKind::SubscriptionUnpaid,
                SubscriptionState::Paused => EventKind::SubscriptionPaused,
                SubscriptionState::Incomplete
                | SubscriptionState::Trialing
                | SubscriptionState::Active
                | SubscriptionState::PastDue => continue,
            };
            let life = self.lives.get(&one.id).into_iter().flatten();
            if !life.into_iter().any(|event| event.kind == kind) {
                found.push(format!("{} is {:?}, and nothing tells since when", one.id, one.state));
            }
        }
        for invoice in self.books.invoices.values() {
            let kind = match invoice.state {
                InvoiceState::Void => EventKind::InvoiceVoided,
                InvoiceState::Uncollectible => EventKind::InvoiceUncollectible,
                InvoiceState::Open | InvoiceState::Paid => continue,
            };
            let subject = Subject::Invoice(invoice.id);
            if !self.books.events.iter().any(|one| one.kind == kind && one.subject == subject) {
                let (id, state) = (invoice.id, invoice.state);
                found.push(format!("{id} is {state:?}, and nothing tells since when"));
            }
        }
    }

    /// Whether a debt had been asked for as long as its ladder is.
    fn was_dunned(&self, debt: Id<kind::Invoice>, at: DateTime<Utc>) -> bool {
        let since = self.in_vain_since.get(&debt);
        since.is_some_and(|since| at >= *since + self.rungs.whole() - self.clock_error)
    }

    /// Whether somebody ended a subscription at this time.
    fn ended(&self, id: Id<kind::Subscription>, at: DateTime<Utc>) -> bool {
        let wishes = self.granted.ends.get(&id).into_iter().flatten();
        wishes.into_iter().any(|(wished, end)| *end == End::Wanted && is_one(*wished, at))
    }

    /// Whether somebody wanted the end of a subscription that came at this time, and had not thought better of it.
    fn is_to_end(&self, id: Id<kind::Subscription>, at: DateTime<Utc>) -> bool {
        let wishes = self.granted.ends.get(&id).into_iter().flatten();
        let mut before = wishes.filter(|(wished, _)| *wished <= at + self.clock_error);
        before.next_back().is_some_and(|(_, end)| *end == End::Wanted)
    }
}

/// Whether two times are of one deed.
fn is_one(one: DateTime<Utc>, other: DateTime<Utc>) -> bool {
    (one - other).abs() <= AT_ONCE
}
