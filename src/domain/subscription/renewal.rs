//! What time brings a subscription: a renewal, the end of a trial, a planned end, a resumption.
//!
//! One decision settles one cycle. After downtime a subscription is due again at once, so missed
//! cycles are billed one by one, in order, each at most once (RULES WRK-6).

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use thiserror::Error;

use super::lifecycle::NotNow;
use super::{Access, ScheduledChange, Subscription, SubscriptionState};
use crate::domain::{
    calendar::{CalendarError, Period, StubReference},
    catalog::{NoPrice, PriceModel, PricedLine, Terms},
    changes::Changes,
    customer::Customer,
    event::{Event, EventKind, Subject},
    ids::{Mint, kind},
    invoice::{
        Invoice, InvoiceState, Line,
        closing::{self, OpenInvoice},
    },
    ledger::Heading,
    money::{Money, MoneyError, Rounding, round_to_minor},
    notice::reminder,
    payment::{Payment, PaymentState, method::Expiry},
    version::Version,
};

/// A subscription that is due, with what its next cycle needs to be known.
#[derive(Debug, Clone)]
pub struct Due {
    /// The subscription.
    pub subscription: Subscription,
    /// Who pays.
    pub customer: Customer,
    /// What the plan is called from this cycle on.
    pub plan_name: String,
    /// The terms from this cycle on: of the planned change, if there is one.
    pub terms: Terms,
    /// The open invoices of one whose first payment has not come.
    pub open: Vec<OpenInvoice>,
    /// When the card that pays expires, if it does.
    pub card_expiry: Option<Expiry>,
}

/// Why a cycle cannot be billed. The subscription is set aside for staff, never skipped.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RenewalError {
    /// The terms have no price for it.
    #[error(transparent)]
    NoPrice(#[from] NoPrice),
    /// The sum is too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The calendar ends before the cycle does.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

/// How long the first payment may stay open before the subscription expires, in hours.
const FIRST_PAYMENT_HOURS: i64 = 72;

/// Decides what becomes of a subscription whose time has come.
pub fn renew(due: Due, now: DateTime<Utc>, mint: &Mint) -> Result<Changes, RenewalError> {
    let ends_at = due.subscription.cancellation.as_ref().map(|planned| planned.ends_at);
    if ends_at.is_some_and(|at| at <= now) {
        return Ok(end(due.subscription, now, mint));
    }
    match due.subscription.state {
        SubscriptionState::Paused => {
            let mut subscription = due.subscription;
            match subscription.resume(&due.terms, now) {
                Ok(()) => {}
                Err(NotNow::BeyondCalendar(error)) => return Err(error.into()),
                Err(error) => unreachable!("a paused subscription can be resumed: {error}"),
            }
            reminder::plan(&mut subscription, due.card_expiry, now);
            Ok(single(subscription, EventKind::SubscriptionResumed, now, mint))
        }
        // The first payment never came.
        SubscriptionState::Incomplete if due.subscription.current_period.is_some() => {
            let mut subscription = due.subscription;
            subscription.end(SubscriptionState::Expired, now);
            let mut changes = single(subscription, EventKind::SubscriptionExpired, now, mint);
            for open in due.open {
                changes.append(closing::void(open, now, mint));
            }
            Ok(changes)
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Trialing
        | SubscriptionState::Active
        | SubscriptionState::PastDue => bill_cycle(due, now, mint),
        // Only a payment or nobody leads on from here.
        SubscriptionState::Unpaid | SubscriptionState::Canceled | SubscriptionState::Expired => {
            let mut subscription = due.subscription;
            subscription.due_at = None;
            Ok(Changes { subscriptions: vec![subscription], ..Changes::default() })
        }
    }
}

fn end(mut subscription: Subscription, now: DateTime<Utc>, mint: &Mint) -> Changes {
    subscription.end(SubscriptionState::Canceled, now);
    single(subscription, EventKind::SubscriptionCanceled, now, mint)
}

fn single(subscription: Subscription, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let event = subscription.event(kind, now, mint);
    Changes { subscriptions: vec![subscription], events: vec![event], ..Changes::default() }
}

fn bill_cycle(due: Due, now: DateTime<Utc>, mint: &Mint) -> Result<Changes, RenewalError> {
    let Due { mut subscription, customer, plan_name, terms, card_expiry, open: _ } = due;
    let is_first = subscription.current_period.is_none();
    let mut events = Vec::new();
    if let Some(change) = subscription.scheduled_change.take() {
        change_terms(&mut subscription, change, &terms)?;
        events.push(subscription.event(EventKind::SubscriptionChanged, now, mint));
    }
    let (period, stub_of) = next_period(&subscription, &terms)?;
    let mut lines = terms.lines(subscription.currency, subscription.quantity, is_first)?;
    if let Some(whole) = stub_of {
        let zone = subscription.anchor.zone();
        for line in lines.iter_mut().filter(|line| line.model != PriceModel::OneTime) {
            line.amount = prorated(line.amount, period.days(zone), whole.days(zone))?;
        }
    }
    let invoice = issue(&subscription, &customer, &plan_name, period, &lines, now, mint)?;

    subscription.current_period = Some(period);
    subscription.next_cycle += 1;
    subscription.due_at = Some(period.end());
    if subscription.state == SubscriptionState::Trialing {
        subscription.state = SubscriptionState::Active;
        events.push(subscription.event(EventKind::SubscriptionActivated, now, mint));
    }
    if subscription.state == SubscriptionState::Incomplete {
        if invoice.total.is_zero() {
            subscription.activate();
            events.push(subscription.event(EventKind::SubscriptionActivated, now, mint));
        } else {
            subscription.due_at = Some(now + chrono::TimeDelta::hours(FIRST_PAYMENT_HOURS));
        }
    }
    reminder::plan(&mut subscription, card_expiry, now);
    events.push(subscription.event(EventKind::SubscriptionRenewed, now, mint));

    let mut changes = bill(invoice, &customer, now, mint);
    changes.subscriptions.push(subscription);
    changes.events.append(&mut events);
    Ok(changes)
}

/// Applies a planned change at the boundary between two cycles. If the new terms turn at another
/// pace, cycles count anew from there.
fn change_terms(
    subscription: &mut Subscription,
    change: ScheduledChange,
    terms: &Terms,
) -> Result<(), CalendarError> {
    subscription.plan = change.plan;
    subscription.plan_version = change.plan_version;
    subscription.quantity = change.quantity;
    let Some(last) = subscription.current_period else { return Ok(()) };
    let next = subscription.anchor.period(terms.interval, subscription.next_cycle);
    let keeps_pace = next.is_ok_and(|next| next.start() == last.end());
    if keeps_pace { Ok(()) } else { subscription.count_anew(terms, last.end()) }
}

/// The period of the next cycle; for a first one that is shorter than its kind, also the whole
/// period that it is a part of.
fn next_period(
    subscription: &Subscription,
    terms: &Terms,
) -> Result<(Period, Option<Period>), CalendarError> {
    match (subscription.next_cycle, subscription.due_at) {
        (0, Some(start)) => {
            let zone = subscription.anchor.zone();
            let reference = StubReference::default();
            let beginning = terms.alignment.begin(start, terms.interval, zone, reference)?;
            Ok((beginning.first, beginning.stub_of))
        }
        (cycle, _) => Ok((subscription.anchor.period(terms.interval, cycle)?, None)),
    }
}

/// The part of `amount` for `days` of `whole_days`, rounded once, half away from zero.
fn prorated(amount: Money, days: u32, whole_days: u32) -> Result<Money, MoneyError> {
    let part = amount.to_decimal() * Decimal::from(days) / Decimal::from(whole_days);
    round_to_minor(part, amount.currency(), Rounding::HalfAwayFromZero)
}

/// An issued invoice, its ledger entry, and the payment that will collect it. What costs nothing is
/// paid at once.
pub fn bill(mut invoice: Invoice, customer: &Customer, now: DateTime<Utc>, mint: &Mint) -> Changes {
    let mut changes = Changes::default();
    let heading = Heading { id: mint.id(now), at: now, invoice: &invoice };
    changes.journals.push(heading.issued());
    changes.events.push(invoice.event(EventKind::InvoiceIssued, now, mint));
    if invoice.total.is_zero() {
        invoice.state = InvoiceState::Paid;
        invoice.closed_at = Some(now);
        changes.events.push(invoice.event(EventKind::InvoicePaid, now, mint));
    } else {
        changes.payments.push(Payment {
            merchant: invoice.merchant,
            id: mint.id::<kind::Payment>(now),
            invoice: invoice.id,
            customer: customer.id,
            amount: invoice.total,
            state: PaymentState::Scheduled,
            method: None,
            collect_at: Some(now),
            attempts: 0,
            refunded: Money::zero(invoice.total.currency()),
            succeeded_at: None,
            created_at: now,
            version: Version::NEW,
        });
    }
    changes.invoices.push(invoice);
    changes
}

fn issue(
    subscription: &Subscription,
    customer: &Customer,
    plan_name: &str,
    period: Period,
    priced: &[PricedLine],
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Invoice, RenewalError> {
    let zone = subscription.anchor.zone();
    let lines = priced.iter().map(|line| Line {
        label: format!("{plan_name}: {}", line.label),
        unit: line.unit,
        quantity: line.quantity,
        amount: line.amount,
        why: format!(
            "{} × {}, plan version {}, {} to {}",
            line.quantity,
            line.unit,
            subscription.plan_version.0,
            zone.local_date(period.start()),
            period.last_day(zone),
        ),
    });
    let total = priced
        .iter()
        .try_fold(Money::zero(subscription.currency), |sum, line| sum.plus(line.amount))?;
    Ok(Invoice {
        merchant: subscription.merchant,
        id: mint.id(now),
        number: None,
        customer: customer.id,
        subscription: Some(subscription.id),
        state: InvoiceState::Open,
        total,
        paid: Money::zero(subscription.currency),
        lines: lines.collect(),
        period: Some(period),
        issued_at: now,
        due_at: now,
        closed_at: None,
        version: Version::NEW,
    })
}

impl Subscription {
    /// Opens what was bought: all that was due is paid.
    pub(crate) fn activate(&mut self) {
        self.state = SubscriptionState::Active;
        self.access = Access::Full;
        self.due_at = match &self.cancellation {
            Some(planned) => Some(planned.ends_at),
            None => self.current_period.map(Period::end),
        };
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            reason: self.cancellation.as_ref().map(|c| c.cause.name().to_owned()),
            ..Event::new(
                kind,
                self.merchant,
                Subject::Subscription(self.id),
                self.version,
                now,
                mint,
            )
        }
    }
}

impl Invoice {
    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            amount: Some(self.total),
            ..Event::new(kind, self.merchant, Subject::Invoice(self.id), self.version, now, mint)
        }
    }
}
