//! From a notice to a letter: the facts as they were, with names, cards and links as they are.

use chrono::{DateTime, Utc};

use super::{Rondo, papers::Papers, pay, renew::next_terms};
use crate::{
    domain::{
        calendar::{Interval, Unit},
        catalog::Terms,
        invoice::Invoice,
        merchant::Merchant,
        money::Money,
        notice::{CyclePrice, Facts, NextCharge, Notice},
        payment::method::{Expiry, Shown},
        subscription::{CancellationCause, Subscription, renewal::next_bill},
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
        Facts::TrialEnding { ends_at, amount, next } => letter.trial_ending(ends_at, amount, next),
        Facts::UpcomingRenewal { renews_at, amount, next } => {
            letter.upcoming_renewal(renews_at, amount, next)
        }
        Facts::Receipt { amount, paid_at, next_charge_at, paid_with } => {
            letter.receipt(amount, paid_at, next_charge_at, paid_with.as_ref())
        }
        Facts::PaymentFailed {
            amount,
            failed_at,
            class,
            next_try_at,
            access_until,
            tried,
            taken_back,
            is_final,
            lapses_at,
        } => Message::PaymentFailed(message::PaymentFailed {
            amount,
            failed_at,
            taken_back,
            is_final,
            advice: class.into(),
            next_try_at,
            access_until,
            lapses_at,
            instrument: tried.as_ref().map(instrument),
            invoice: letter.number(),
            pay_url: letter.invoice_url(),
            manage_url: letter.leave_url(),
            plan: letter.plan,
        }),
        Facts::AuthenticationNeeded { amount, confirm_by, tried } => {
            letter.authentication_needed(amount, confirm_by, tried.as_ref())
        }
        Facts::CardExpiring { card, expires_at: _, next_charge_at, next_amount } => {
            letter.card_expiring(&card, next_charge_at, next_amount)?
        }
        Facts::Recovered { amount, paid_at, next_charge_at, paid_with } => {
            Message::Recovered(message::Recovered {
                amount,
                paid_at,
                instrument: paid_with.as_ref().map(instrument),
                invoice: letter.number(),
                next_charge: letter.next_charge(next_charge_at),
                invoice_url: letter.invoice_url(),
                plan: letter.plan,
            })
        }
        Facts::Suspended { amount, closed_since, tries, next_try_at, ends_at } => {
            Message::Suspended(message::Suspended {
                amount,
                tries,
                since: closed_since,
                next_try_at,
                ends_at,
                invoice: letter.number(),
                pay_url: letter.invoice_url(),
                manage_url: letter.leave_url(),
                plan: letter.plan,
            })
        }
        Facts::Cancelled { requested_at, ends_at, open_amount, can_undo, cause } => {
            Message::Cancelled(message::Cancelled {
                by: canceller(cause),
                received_at: requested_at,
                ends_at,
                open: open_amount,
                undo_url: letter.manage_url.clone().filter(|_| can_undo),
                manage_url: letter.manage_url,
                plan: letter.plan,
            })
        }
        Facts::CancellationUndone { undone_at, next_charge_at } => {
            letter.cancellation_undone(undone_at, next_charge_at)
        }
        Facts::PlanChanging { changes_at, new_plan_name, old, new } => {
            letter.plan_changing(changes_at, new_plan_name, old, new)
        }
        Facts::Refund { amount, refunded_at, to, reference } => Message::Refund(message::Refund {
            amount,
            sent_at: refunded_at,
            instrument: to.as_ref().map(instrument),
            invoice: letter.number(),
            reference,
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
    /// The terms of the next cycle.
    coming: Option<&'a Terms>,
    /// What cycles cost from the next one on and how long they are.
    next: Option<(Money, Interval)>,
    /// What usually pays, if the customer has stored something that may be charged.
    usual: Option<Instrument>,
    /// Where the customer changes or cancels, if the merchant has a portal.
    manage_url: Option<String>,
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
        let coming = subscription.and_then(|s| papers.terms.get(&next_terms(s)));
        let next = subscription.zip(coming).and_then(|(subscription, terms)| {
            let quantity = subscription.at_renewal().quantity;
            let amount = terms.recurring_total(subscription.currency, quantity).ok()?;
            Some((amount, terms.interval))
        });
        let method = subscription
            .and_then(|subscription| subscription.payment_method)
            .or(papers.customer(notice).default_method)
            .and_then(|id| papers.methods.get(&id))
            .filter(|method| method.is_chargeable());
        Ok(Self {
            rondo,
            merchant,
            notice,
            subscription,
            invoice,
            plan: what(papers, subscription, invoice),
            price,
            coming,
            next,
            usual: method.map(|method| instrument(&method.shown())),
            manage_url: merchant.portal_url.clone(),
        })
    }

    fn welcome(
        self,
        paid: Option<Money>,
        next_charge_at: Option<DateTime<Utc>>,
        next_amount: Money,
    ) -> Message {
        let next_charge = next_charge_at
            .filter(|_| next_amount.is_positive())
            .map(|at| Charge { amount: next_amount, at });
        Message::Welcome(message::Welcome {
            plan: self.plan,
            price: self.price,
            paid,
            next_charge,
            instrument: self.usual,
            open_url: self.manage_url.clone(),
            manage_url: self.manage_url,
        })
    }

    fn trial_ending(
        self,
        ends_at: DateTime<Utc>,
        amount: Money,
        next: Option<NextCharge>,
    ) -> Message {
        Message::TrialEnding(message::TrialEnding {
            ends_at,
            amount,
            next_charge: next.map(charge),
            // Another price than today's may come with the first charge.
            price: self
                .next
                .map_or(self.price, |(amount, interval)| Price { amount, cycle: cycle(interval) }),
            card_url: self.card_url(),
            plan: self.plan,
            instrument: self.usual,
            manage_url: self.manage_url,
        })
    }

    fn upcoming_renewal(
        self,
        renews_at: DateTime<Utc>,
        amount: Money,
        next: Option<NextCharge>,
    ) -> Message {
        let until = self.subscription.zip(self.next).and_then(|(subscription, (_, interval))| {
            let anchor = subscription.anchor;
            let whole = anchor.period(interval, anchor.cycle_at(interval, renews_at)).ok()?;
            Some(whole.end())
        });
        Message::UpcomingRenewal(message::UpcomingRenewal {
            renews_at,
            amount,
            previous: Some(self.price.amount),
            period: until.map(|until| Period { from: renews_at, until }),
            next_charge: next.map(charge),
            card_url: self.card_url(),
            plan: self.plan,
            instrument: self.usual,
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
            paid_at,
            instrument: paid_with.map(instrument),
            invoice: self.number(),
            period: period.map(|period| Period { from: period.start(), until: period.end() }),
            next_charge: self.next_charge(next_charge_at),
            invoice_url: self.invoice_url(),
            plan: self.plan,
        })
    }

    fn authentication_needed(
        self,
        amount: Money,
        confirm_by: Option<DateTime<Utc>>,
        tried: Option<&Shown>,
    ) -> Message {
        Message::AuthenticationNeeded(message::AuthenticationNeeded {
            amount,
            confirm_by,
            instrument: tried.map(instrument),
            invoice: self.number(),
            confirm_url: self.invoice_url(),
            manage_url: self.leave_url(),
            plan: self.plan,
        })
    }

    fn card_expiring(
        self,
        card: &Shown,
        next_charge_at: DateTime<Utc>,
        next_amount: Money,
    ) -> Result<Message, MailError> {
        let expiry: Expiry = card
            .expiry
            .ok_or_else(|| MailError::Template("a card that expires has an expiry".into()))?;
        Ok(Message::CardExpiring(CardExpiring {
            update_url: self.card_url(),
            plan: self.plan,
            card: instrument(card),
            expiry,
            next_charge: Charge { amount: next_amount, at: next_charge_at },
        }))
    }

    fn cancellation_undone(
        self,
        undone_at: DateTime<Utc>,
        next_charge_at: Option<DateTime<Utc>>,
    ) -> Message {
        Message::CancellationUndone(message::CancellationUndone {
            undone_at,
            next_charge: self.next_charge(next_charge_at),
            manage_url: self.manage_url,
            plan: self.plan,
        })
    }

    fn plan_changing(
        self,
        changes_at: Option<DateTime<Utc>>,
        new_plan: String,
        old: CyclePrice,
        new: CyclePrice,
    ) -> Message {
        let price = |of: CyclePrice| Price { amount: of.amount, cycle: cycle(of.interval) };
        Message::PlanChanging(message::PlanChanging {
            new_plan: Some(new_plan).filter(|name| *name != self.plan),
            old_price: price(old),
            new_price: price(new),
            changes_at,
            manage_url: self.manage_url,
            plan: self.plan,
        })
    }

    /// The charge that is due then; of a cycle that is shorter than its kind, it is a part of the price.
    fn next_charge(&self, at: Option<DateTime<Utc>>) -> Option<Charge> {
        let (subscription, terms) = self.subscription.zip(self.coming)?;
        let at = at?;
        let amount = next_bill(subscription, terms, at).ok()?.total;
        amount.is_positive().then_some(Charge { amount, at })
    }

    fn number(&self) -> String {
        self.invoice.and_then(|invoice| invoice.number.clone()).unwrap_or_default()
    }

    /// The page of the invoice. What is written about one comes with it; should it be missing, the
    /// page to store a card is the next best thing to pay with.
    fn invoice_url(&self) -> String {
        self.invoice.map_or_else(
            || self.card_url(),
            |invoice| pay::invoice_url(self.rondo, invoice, self.notice.created_at),
        )
    }

    /// The page on which this customer stores a card.
    fn card_url(&self) -> String {
        let Notice { customer, created_at, .. } = *self.notice;
        pay::card_url(self.rondo, self.merchant.id, customer, created_at)
    }

    /// Where to cancel what an invoice bills; a thing bought once cannot be cancelled.
    fn leave_url(&self) -> Option<String> {
        self.manage_url.clone().filter(|_| self.subscription.is_some())
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

fn charge(next: NextCharge) -> Charge {
    Charge { amount: next.amount, at: next.at }
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

fn instrument(shown: &Shown) -> Instrument {
    let last_four = Some(shown.last_four.clone()).filter(|digits| !digits.is_empty());
    Instrument { name: shown.brand.clone(), last_four }
}
