//! Stories of one member's subscription, told without a database.

mod access;
mod billing;
mod moves;
mod properties;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Access, ScheduledChange, Subscription, SubscriptionState,
    lifecycle::NotNow,
    renewal::{self, Due},
};
use crate::domain::{
    calendar::{Alignment, BillingAnchor, Interval, Zone},
    catalog::{PriceComponent, PriceModel, Terms, VersionNumber},
    changes::Changes,
    customer::Customer,
    event::EventKind,
    ids::Mint,
    invoice::{Invoice, closing::OpenInvoice},
    labels::Labels,
    money::Currency,
    payment::Payment,
    version::Version,
};

/// An instant by the wall clock in Berlin.
fn at(local: &str) -> DateTime<Utc> {
    berlin().instant_of(local.parse().unwrap())
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

fn price(model: PriceModel, minor: i64) -> PriceComponent {
    let amounts = BTreeMap::from([(Currency::from_code("EUR").unwrap(), minor)]);
    PriceComponent { label: format!("{model:?}"), model, amounts }
}

/// 20.00 EUR in every interval.
fn every(interval: Interval) -> Terms {
    Terms {
        interval,
        alignment: Alignment::Anniversary,
        trial_days: 0,
        components: vec![price(PriceModel::Flat, 2_000)],
        entitlements: vec!["course:rust".to_owned()],
    }
}

fn monthly() -> Terms {
    every(Interval::MONTHLY)
}

/// A member with one subscription, and all that was billed for it.
struct Member {
    subscription: Subscription,
    terms: Terms,
    customer: Customer,
    mint: Mint,
    invoices: Vec<Invoice>,
    payments: Vec<Payment>,
    events: Vec<EventKind>,
}

impl Member {
    /// Subscribes at `now`; what is due at once is billed.
    fn subscribes(terms: Terms, now: DateTime<Utc>) -> Self {
        let mint = Mint::seeded([7; 32]);
        let merchant = mint.id(now);
        let customer = Customer {
            merchant,
            id: mint.id(now),
            email: "ana@example.org".to_owned(),
            name: "Ana".to_owned(),
            locale: None,
            zone: None,
            country: None,
            default_method: None,
            backup_method: None,
            email_suppressed: false,
            external_id: None,
            labels: Labels::default(),
            created_at: now,
            deleted_at: None,
            version: Version::NEW,
        };
        let mut subscription = Subscription {
            merchant,
            id: mint.id(now),
            customer: customer.id,
            plan: mint.id(now),
            plan_version: VersionNumber::FIRST,
            currency: Currency::from_code("EUR").unwrap(),
            quantity: 1,
            state: SubscriptionState::Incomplete,
            anchor: BillingAnchor::at(now, berlin()),
            next_cycle: 0,
            current_period: None,
            due_at: None,
            remind_at: None,
            reminded_for: None,
            trial_end: None,
            cancellation: None,
            scheduled_change: None,
            pause: None,
            payment_method: None,
            access: Access::None,
            labels: Labels::default(),
            started_at: now,
            ended_at: None,
            version: Version::NEW,
        };
        subscription.begin(&terms, now).unwrap();
        let (invoices, payments, events) = (Vec::new(), Vec::new(), Vec::new());
        let mut member = Self { subscription, terms, customer, mint, invoices, payments, events };
        member.turns_at(now);
        member
    }

    /// Subscribes and pays at `now`.
    fn joins(terms: Terms, now: DateTime<Utc>) -> Self {
        let mut member = Self::subscribes(terms, now);
        if member.subscription.state == SubscriptionState::Incomplete {
            member.subscription.activate();
        }
        member
    }

    /// Decides whatever is due by `now`, as a loop does that wakes at `now`. How much it was.
    fn turns_at(&mut self, now: DateTime<Utc>) -> usize {
        let mut turns = 0;
        while self.subscription.due_at.is_some_and(|due| due <= now) {
            self.turns_once(now);
            turns += 1;
        }
        turns
    }

    /// Lives until `end`, each decision taken when it is due.
    /// Lives on, and is told of each charge in time.
    fn lives_until(&mut self, end: DateTime<Utc>) {
        while let Some(due) = self.subscription.due_at.filter(|due| *due <= end) {
            self.subscription.reminded_for = Some(due);
            self.turns_once(due);
        }
    }

    fn turns_once(&mut self, now: DateTime<Utc>) {
        let due = Due {
            subscription: self.subscription.clone(),
            customer: self.customer.clone(),
            plan_name: "Academy".to_owned(),
            terms: self.terms.clone(),
            open: self.open_invoices(),
            card_expiry: None,
        };
        let changes = renewal::renew(due, now, &self.mint).unwrap();
        self.learns(changes);
    }

    fn learns(&mut self, changes: Changes) {
        let [subscription] = changes.subscriptions.try_into().unwrap();
        self.subscription = subscription;
        self.events.extend(changes.events.iter().map(|event| event.kind));
        for invoice in changes.invoices {
            self.invoices.retain(|known| known.id != invoice.id);
            self.invoices.push(invoice);
        }
        for payment in changes.payments {
            self.payments.retain(|known| known.id != payment.id);
            self.payments.push(payment);
        }
    }

    fn open_invoices(&self) -> Vec<OpenInvoice> {
        let is_open = |invoice: &&Invoice| invoice.open_amount().is_positive();
        self.invoices
            .iter()
            .filter(is_open)
            .map(|invoice| OpenInvoice {
                invoice: invoice.clone(),
                payment: self.payments.iter().find(|p| p.invoice == invoice.id).cloned(),
                case: None,
            })
            .collect()
    }

    /// Takes other terms from the next renewal on.
    fn will_have(&mut self, terms: Terms, quantity: u32) -> Result<(), NotNow> {
        self.subscription.schedule(ScheduledChange {
            plan: self.subscription.plan,
            plan_version: self.subscription.plan_version.next(),
            quantity,
        })?;
        self.terms = terms;
        Ok(())
    }

    /// The first days of what was billed.
    fn billed_days(&self) -> Vec<String> {
        let starts = self.invoices.iter().map(|invoice| invoice.period.unwrap().start());
        starts.map(|start| berlin().local(start).to_string()).collect()
    }

    fn totals(&self) -> Vec<i64> {
        self.invoices.iter().map(|invoice| invoice.total.minor()).collect()
    }
}

const fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days)
}
