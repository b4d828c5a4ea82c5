//! From a notice to a letter: the facts as they were, with names, cards and links as they are.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Rondo, papers::Papers, pay};
use crate::{
    domain::{
        calendar::{Interval, Unit},
        catalog::Terms,
        customer::PaymentMethod,
        invoice::Invoice,
        merchant::Merchant,
        money::Money,
        notice::{Facts, Notice},
        payment::method::{Expiry, Shown},
        subscription::{CancellationCause, Subscription},
    },
    mail::{
        MailError, Message,
        message::{
            self, CancelledBy, CardExpiring, Charge, Cycle, CycleUnit, Instrument, Period, Price,
        },
    },
};

/// What a notice says, with everything that its template wants to know.
pub(super) fn write(
    rondo: &Rondo,
    merchant: &Merchant,
    papers: &Papers,
    notice: &Notice,
) -> Result<Message, MailError> {
    let letter = Letter::new(rondo, merchant, papers, notice)?;
    Ok(match notice.facts.clone() {
        Facts::Welcome { paid, next_charge_at, next_amount } => {
            letter.welcome(paid, next_charge_at, next_amount)
        }
        Facts::TrialEnding { ends_at, amount } => letter.trial_ending(ends_at, amount),
        Facts::UpcomingRenewal { renews_at, amount } => letter.upcoming_renewal(renews_at, amount),
        Facts::Receipt { amount, paid_at, next_charge_at, paid_with } => {
            letter.receipt(amount, paid_at, next_charge_at, paid_with.as_ref())
        }
        Facts::PaymentFailed { amount, failed_at, class, next_try_at, access_until, tried } => {
            Message::PaymentFailed(message::PaymentFailed {
                amount,
                failed_at,
                advice: class.into(),
                next_try_at,
                access_until,
                instrument: letter.shown(tried.as_ref()),
                invoice: letter.number(),
                pay_url: letter.invoice_url(),
                manage_url: letter.manage_url,
                plan: letter.plan,
            })
        }
        Facts::AuthenticationNeeded { amount, confirm_by, tried } => {
            Message::AuthenticationNeeded(message::AuthenticationNeeded {
                amount,
                confirm_by,
                instrument: letter.shown(tried.as_ref()),
                invoice: letter.number(),
                confirm_url: letter.invoice_url(),
                manage_url: letter.manage_url,
                plan: letter.plan,
            })
        }
        Facts::CardExpiring { card, expires_at: _, next_charge_at, next_amount } => {
            letter.card_expiring(card, next_charge_at, next_amount)?
        }
        Facts::Recovered { amount, paid_at, next_charge_at, paid_with } => {
            Message::Recovered(message::Recovered {
                amount,
                paid_at,
                instrument: letter.shown(paid_with.as_ref()),
                invoice: letter.number(),
                next_charge: letter.next_charge(next_charge_at),
                invoice_url: letter.invoice_url(),
                plan: letter.plan,
            })
        }
        Facts::Suspended { amount, closed_since, tries } => {
            Message::Suspended(message::Suspended {
                amount,
                tries,
                since: closed_since,
                reopen_by: None,
                invoice: letter.number(),
                pay_url: letter.invoice_url(),
                manage_url: letter.manage_url,
                plan: letter.plan,
            })
        }
        Facts::Cancelled { requested_at, ends_at, open_amount, can_undo, cause } => {
            Message::Cancelled(message::Cancelled {
                by: canceller(cause),
                received_at: requested_at,
                ends_at,
                last_charge: None,
                open: open_amount,
                refund: None,
                undo_url: can_undo.then(|| letter.manage_url.clone()),
                manage_url: letter.manage_url,
                plan: letter.plan,
            })
        }
        Facts::PlanChanging { changes_at, new_plan_name, old_amount, new_amount } => {
            Message::PlanChanging(message::PlanChanging {
                new_plan: Some(new_plan_name).filter(|name| *name != letter.plan),
                old_price: Price { amount: old_amount, ..letter.price },
                new_price: Price { amount: new_amount, ..letter.price },
                changes_at,
                manage_url: letter.manage_url,
                plan: letter.plan,
            })
        }
        Facts::Refund { amount, refunded_at, to } => Message::Refund(message::Refund {
            amount,
            sent_at: refunded_at,
            instrument: letter.shown(to.as_ref()),
            invoice: letter.number(),
            credit_note: None,
            reference: None,
            document_url: letter.invoice_url(),
            plan: letter.plan,
        }),
    })
}

/// What all kinds of letters want to know.
struct Letter<'a> {
    rondo: &'a Rondo,
    merchant: &'a Merchant,
    notice: &'a Notice,
    subscription: Option<&'a Subscription>,
    invoice: Option<&'a Invoice>,
    /// What was bought, in the merchant's words.
    plan: String,
    price: Price,
    /// What usually pays.
    usual: Instrument,
    /// Where the customer changes or cancels.
    manage_url: String,
}

impl<'a> Letter<'a> {
    fn new(
        rondo: &'a Rondo,
        merchant: &'a Merchant,
        papers: &'a Papers,
        notice: &'a Notice,
    ) -> Result<Self, MailError> {
        let subscription = notice.subscription.and_then(|id| papers.subscriptions.get(&id));
        let invoice = notice.invoice.and_then(|id| papers.invoices.get(&id));
        let terms = subscription.and_then(|s| papers.terms.get(&(s.plan, s.plan_version)));
        let price = price(subscription.zip(terms), invoice).ok_or_else(|| {
            MailError::Template("the notice is about neither a subscription nor an invoice".into())
        })?;
        let method = subscription
            .and_then(|subscription| subscription.payment_method)
            .or(papers.customer(notice).default_method)
            .and_then(|id| papers.methods.get(&id));
        Ok(Self {
            rondo,
            merchant,
            notice,
            subscription,
            invoice,
            plan: what(papers, subscription, invoice),
            price,
            usual: usual(method),
            manage_url: merchant.portal_url.clone().unwrap_or_else(|| rondo.public_url.clone()),
        })
    }

    fn welcome(
        self,
        paid: Option<Money>,
        next_charge_at: Option<DateTime<Utc>>,
        next_amount: Money,
    ) -> Message {
        let at = next_charge_at.unwrap_or(self.notice.created_at);
        Message::Welcome(message::Welcome {
            plan: self.plan,
            price: self.price,
            paid,
            next_charge: Charge { amount: next_amount, at },
            instrument: self.usual,
            withdraw_until: None,
            open_url: self.manage_url.clone(),
            manage_url: self.manage_url,
        })
    }

    fn trial_ending(self, ends_at: DateTime<Utc>, amount: Money) -> Message {
        Message::TrialEnding(message::TrialEnding {
            plan: self.plan,
            ends_at,
            amount,
            price: self.price,
            instrument: Some(self.usual),
            manage_url: self.manage_url,
        })
    }

    fn upcoming_renewal(self, renews_at: DateTime<Utc>, amount: Money) -> Message {
        let length = self
            .subscription
            .and_then(|subscription| subscription.current_period)
            .map_or(TimeDelta::zero(), |period| period.end() - period.start());
        Message::UpcomingRenewal(message::UpcomingRenewal {
            plan: self.plan,
            amount,
            previous: Some(self.price.amount),
            period: Period { from: renews_at, until: renews_at + length },
            instrument: self.usual,
            cancel_by: renews_at,
            manage_url: self.manage_url,
        })
    }

    fn receipt(
        self,
        amount: Money,
        paid_at: DateTime<Utc>,
        next_charge_at: Option<DateTime<Utc>>,
        paid_with: Option<&Shown>,
    ) -> Message {
        let period = self.invoice.and_then(|invoice| invoice.period);
        Message::Receipt(message::Receipt {
            amount,
            tax: None,
            paid_at,
            instrument: self.shown(paid_with),
            invoice: self.number(),
            period: period.map(|period| Period { from: period.start(), until: period.end() }),
            next_charge: self.next_charge(next_charge_at),
            invoice_url: self.invoice_url(),
            plan: self.plan,
        })
    }

    fn card_expiring(
        self,
        card: Shown,
        next_charge_at: DateTime<Utc>,
        next_amount: Money,
    ) -> Result<Message, MailError> {
        let expiry: Expiry = card
            .expiry
            .ok_or_else(|| MailError::Template("a card that expires has an expiry".into()))?;
        let Notice { customer, created_at, .. } = *self.notice;
        Ok(Message::CardExpiring(CardExpiring {
            plan: self.plan,
            brand: card.brand,
            last_four: card.last_four,
            expiry,
            next_charge: Charge { amount: next_amount, at: next_charge_at },
            update_url: pay::card_url(self.rondo, self.merchant.id, customer, created_at),
        }))
    }

    fn shown(&self, shown: Option<&Shown>) -> Instrument {
        shown.map_or_else(|| self.usual.clone(), instrument)
    }

    fn next_charge(&self, at: Option<DateTime<Utc>>) -> Option<Charge> {
        at.map(|at| Charge { amount: self.price.amount, at })
    }

    fn number(&self) -> String {
        self.invoice.and_then(|invoice| invoice.number.clone()).unwrap_or_default()
    }

    fn invoice_url(&self) -> String {
        self.invoice.map_or_else(
            || self.manage_url.clone(),
            |invoice| pay::invoice_url(self.rondo, invoice, self.notice.created_at),
        )
    }
}

/// What was bought: the plan, or the lines of an invoice that stands alone.
fn what(papers: &Papers, subscription: Option<&Subscription>, invoice: Option<&Invoice>) -> String {
    let plan = subscription.and_then(|subscription| papers.plans.get(&subscription.plan));
    let lines = || {
        let labels = invoice?.lines.iter().map(|line| line.label.as_str());
        Some(labels.collect::<Vec<_>>().join(", "))
    };
    plan.map(|plan| plan.name.clone()).or_else(lines).unwrap_or_default()
}

/// What a cycle costs; of a thing bought once, its amount.
fn price(
    subscription: Option<(&Subscription, &Terms)>,
    invoice: Option<&Invoice>,
) -> Option<Price> {
    match subscription {
        Some((subscription, terms)) => Some(Price {
            amount: terms.recurring_total(subscription.currency, subscription.quantity).ok()?,
            cycle: cycle(terms.interval),
        }),
        None => {
            invoice.map(|invoice| Price { amount: invoice.total, cycle: cycle(Interval::MONTHLY) })
        }
    }
}

fn cycle(interval: Interval) -> Cycle {
    let unit = match interval.unit() {
        Unit::Day => CycleUnit::Day,
        Unit::Week => CycleUnit::Week,
        Unit::Month => CycleUnit::Month,
        Unit::Year => CycleUnit::Year,
    };
    Cycle { count: interval.count(), unit }
}

fn canceller(cause: CancellationCause) -> CancelledBy {
    match cause {
        CancellationCause::Requested | CancellationCause::MandateStopped => CancelledBy::Customer,
        CancellationCause::Dunning => CancelledBy::Dunning,
        CancellationCause::PlanRetired => CancelledBy::Merchant,
    }
}

fn usual(method: Option<&PaymentMethod>) -> Instrument {
    match method {
        Some(method) => instrument(&method.shown()),
        None => Instrument::Account { name: "–".to_owned() },
    }
}

fn instrument(shown: &Shown) -> Instrument {
    match shown.expiry {
        Some(expiry) => Instrument::Card {
            brand: shown.brand.clone(),
            last_four: shown.last_four.clone(),
            expiry,
        },
        None => Instrument::Account { name: shown.to_string() },
    }
}
