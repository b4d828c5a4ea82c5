//! What time brings a subscription: a renewal, the end of a trial, a planned end, a resumption.
//!
//! One decision settles one cycle. After downtime a subscription is due again at once, so missed
//! cycles are billed one by one, in order, each at most once (RULES WRK-6).

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rust_decimal::Decimal;
use thiserror::Error;

use super::lifecycle::NotNow;
use super::{Access, ScheduledChange, Subscription, SubscriptionState};
use crate::domain::{
    calendar::{Alignment, CalendarError, Period, StubReference},
    catalog::{NoPrice, PriceModel, PricedLine, Terms},
    changes::Changes,
    customer::Customer,
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    invoice::{
        Basis, Invoice, Line, Part,
        closing::{self, OpenInvoice},
        issuing::{self, Collection},
    },
    money::{Money, MoneyError, Rounding, round_to_minor},
    notice::reminder,
    payment::method::Expiry,
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
            // As planned, and not when an engine came to it: the cycle is the same in every history.
            let planned = subscription.due_at.map_or(now, |at| at.min(now));
            match subscription.resume(&due.terms, planned) {
                Ok(()) => {}
                Err(NotNow::BeyondCalendar(error)) => return Err(error.into()),
                Err(error) => unreachable!("a paused subscription can be resumed: {error}"),
            }
            reminder::plan_anew(&mut subscription, due.terms.interval, due.card_expiry, now);
            Ok(single(subscription, EventKind::SubscriptionResumed, now, mint))
        }
        // The first payment is under way, or nobody knows: only its outcome decides (RULES CHG-6).
        SubscriptionState::Incomplete if due.open.iter().any(OpenInvoice::is_collecting) => {
            let mut subscription = due.subscription;
            subscription.due_at = Some(now + chrono::TimeDelta::days(1));
            Ok(Changes { subscriptions: vec![subscription], ..Changes::default() })
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
    if let Some(notice) = reminder::put_off(&mut subscription, &terms, now, mint)? {
        reminder::plan(&mut subscription, terms.interval, card_expiry, now);
        let (subscriptions, notices) = (vec![subscription], vec![notice]);
        return Ok(Changes { subscriptions, notices, ..Changes::default() });
    }
    let was_told = reminder::is_told(&subscription, now);
    let is_first = subscription.state == SubscriptionState::Incomplete;
    let mut events = Vec::new();
    if let Some(change) = subscription.scheduled_change.take() {
        change_terms(&mut subscription, change, &terms, now)?;
        events.push(subscription.event(EventKind::SubscriptionChanged, now, mint));
    }
    let cycle = Cycle::next(&subscription, &plan_name, &terms, now)?;
    let (period, lines, is_part) = (cycle.period, cycle.lines(&terms)?, cycle.stub_of.is_some());
    let mut invoice = Invoice::draft(subscription.merchant, customer.id, lines, now, mint)?;
    invoice.id = id_of_cycle(subscription.id, period.start());
    invoice.subscription = Some(subscription.id);
    invoice.period = Some(period);

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
            subscription.due_at = Some(now + TimeDelta::hours(FIRST_PAYMENT_HOURS));
        }
    }
    if is_first || is_part && was_told {
        // Whoever was told of a part of a cycle was told of the one that comes right after it, too.
        reminder::plan_anew(&mut subscription, terms.interval, card_expiry, now);
    } else {
        reminder::plan(&mut subscription, terms.interval, card_expiry, now);
    }
    events.push(subscription.event(EventKind::SubscriptionRenewed, now, mint));

    let collection = Collection::Charge { at: now, method: None };
    let mut changes = issuing::issue(invoice, collection, now, mint);
    changes.subscriptions.push(subscription);
    changes.events.append(&mut events);
    Ok(changes)
}

/// What the next cycle will be billed for, as things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextBill {
    /// The cycle.
    pub period: Period,
    /// The sum of its lines.
    pub total: Money,
    /// Whether it is shorter than its kind, and its price cut to that.
    pub is_part: bool,
}

/// What the cycle that is due at `due_at` will be billed for by `terms`, which are those of a planned change if
/// there is one.
pub fn next_bill(
    subscription: &Subscription,
    terms: &Terms,
    due_at: DateTime<Utc>,
) -> Result<NextBill, RenewalError> {
    let mut coming = subscription.clone();
    if let Some(change) = coming.scheduled_change.take() {
        change_terms(&mut coming, change, terms, due_at)?;
    }
    let cycle = Cycle::next(&coming, "", terms, due_at)?;
    let zero = Money::zero(coming.currency);
    let total = cycle.lines(terms)?.iter().try_fold(zero, |sum, line| sum.plus(line.amount))?;
    Ok(NextBill { period: cycle.period, total, is_part: cycle.stub_of.is_some() })
}

/// The id of the invoice of the cycle that begins then: the same in every history of one database.
pub fn id_of_cycle(
    subscription: Id<kind::Subscription>,
    begins: DateTime<Utc>,
) -> Id<kind::Invoice> {
    Id::following(subscription, begins.timestamp_micros(), begins)
}

/// Applies a planned change at the boundary between two cycles. If the new terms turn at another
/// pace, or at other places of the calendar, cycles count anew from there.
fn change_terms(
    subscription: &mut Subscription,
    change: ScheduledChange,
    terms: &Terms,
    now: DateTime<Utc>,
) -> Result<(), CalendarError> {
    subscription.plan = change.plan;
    subscription.plan_version = change.plan_version;
    subscription.quantity = change.quantity;
    if keeps_pace(subscription, terms)? {
        return Ok(());
    }
    let from = subscription.next_start(now);
    subscription.count_anew(terms, from)
}

/// Whether cycles of `terms` go on where those before ended, by the same anchor. It is worth keeping:
/// it remembers the 31st that a short month has hidden.
fn keeps_pace(subscription: &Subscription, terms: &Terms) -> Result<bool, CalendarError> {
    let Some(last) = subscription.current_period else { return Ok(false) };
    let (anchor, interval) = (subscription.anchor, terms.interval);
    let by_anchor = anchor.period(interval, anchor.cycle_at(interval, last.end()))?;
    let continues = by_anchor.start() == last.end();
    match terms.alignment {
        Alignment::Anniversary => Ok(continues),
        Alignment::AnchorDay { .. } | Alignment::Calendar => {
            let (zone, reference) = (anchor.zone(), StubReference::default());
            let anew = terms.alignment.begin(last.end(), interval, zone, reference)?;
            Ok(continues && anew.first == by_anchor)
        }
    }
}

/// The period of the next cycle, from where the last one ended up to the anchor's next boundary;
/// for one that is shorter than its kind, also the whole period that it is a part of.
fn next_period(
    subscription: &Subscription,
    terms: &Terms,
    now: DateTime<Utc>,
) -> Result<(Period, Option<Period>), CalendarError> {
    let (anchor, interval) = (subscription.anchor, terms.interval);
    let start = subscription.next_start(now);
    let whole = anchor.period(interval, anchor.cycle_at(interval, start))?;
    let period = Period::new(start, whole.end())?;
    let is_whole = period.first_day(anchor.zone()) == whole.first_day(anchor.zone());
    Ok((period, (!is_whole).then_some(whole)))
}

/// The part of `amount` for `days` of `whole_days`, rounded once, half away from zero.
fn prorated(amount: Money, days: u32, whole_days: u32) -> Result<Money, MoneyError> {
    let part = amount.to_decimal() * Decimal::from(days) / Decimal::from(whole_days);
    round_to_minor(part, amount.currency(), Rounding::HalfAwayFromZero)
}

/// One cycle of a subscription, on its way to an invoice.
struct Cycle<'a> {
    subscription: &'a Subscription,
    plan_name: &'a str,
    period: Period,
    /// The whole period that `period` is a part of, if it is not whole itself.
    stub_of: Option<Period>,
}

impl<'a> Cycle<'a> {
    /// The one that comes next.
    fn next(
        subscription: &'a Subscription,
        plan_name: &'a str,
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, CalendarError> {
        let (period, stub_of) = next_period(subscription, terms, now)?;
        Ok(Self { subscription, plan_name, period, stub_of })
    }

    /// The invoice's lines.
    fn lines(&self, terms: &Terms) -> Result<Vec<Line>, RenewalError> {
        let is_first = self.subscription.next_cycle == 0;
        let (currency, quantity) = (self.subscription.currency, self.subscription.quantity);
        let priced = terms.lines(currency, quantity, is_first)?;
        Ok(priced.iter().map(|line| self.line(line)).collect::<Result<_, _>>()?)
    }

    /// The invoice's line for one price, and how it came about. Fees that come but once are never
    /// cut to a part.
    fn line(&self, priced: &PricedLine) -> Result<Line, MoneyError> {
        let zone = self.subscription.anchor.zone();
        let part = self
            .stub_of
            .filter(|_| priced.model != PriceModel::OneTime)
            .map(|whole| Part { days: self.period.days(zone), of: whole.days(zone) });
        let amount = match part {
            Some(Part { days, of }) => prorated(priced.amount, days, of)?,
            None => priced.amount,
        };
        let basis = Basis::Cycle {
            plan_version: self.subscription.plan_version,
            first_day: self.period.first_day(zone),
            last_day: self.period.last_day(zone),
            part,
        };
        let label = format!("{}: {}", self.plan_name, priced.label);
        Ok(Line { label, unit: priced.unit, quantity: priced.quantity, amount, basis })
    }
}

impl Subscription {
    /// Where its next cycle begins: where the last one or the trial ended, if that is what runs; else when
    /// it was due, to the second. Whoever was set aside for staff is due later than that.
    pub(crate) fn next_start(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let trial_end = self.trial_end.filter(|_| self.state == SubscriptionState::Trialing);
        let due_at = || trial_end.or(self.due_at).unwrap_or(now).trunc_subsecs(0);
        self.current_period.map_or_else(due_at, Period::end)
    }

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
