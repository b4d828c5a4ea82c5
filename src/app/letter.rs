//! From a notice to a letter: the facts as they were, with names, cards and links as they are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::{Rondo, index::by_id, pay, renew::terms_of};
use crate::{
    domain::{
        calendar::Unit,
        catalog::{Plan, Terms, VersionNumber},
        customer::{Customer, PaymentMethod},
        ids::{Id, kind},
        invoice::{Invoice, InvoiceState},
        merchant::Merchant,
        notice::{Facts, Notice},
        payment::method::{Expiry, Shown},
        subscription::{CancellationCause, Subscription},
    },
    mail::{
        Address, Envelope, Locale, MailError, Message, Recipient, Sender,
        format::Symbols,
        message::{self, CancelledBy, Charge, Cycle, CycleUnit, Instrument, Period, Price},
    },
    store::{Repository, StoreError},
};

/// What a batch of notices refers to.
pub(super) struct Papers {
    customers: BTreeMap<Id<kind::Customer>, Customer>,
    subscriptions: BTreeMap<Id<kind::Subscription>, Subscription>,
    plans: BTreeMap<Id<kind::Plan>, Plan>,
    terms: BTreeMap<(Id<kind::Plan>, VersionNumber), Terms>,
    invoices: BTreeMap<Id<kind::Invoice>, Invoice>,
    methods: BTreeMap<Id<kind::PaymentMethod>, PaymentMethod>,
    threads: BTreeMap<Id<kind::DunningCase>, Id<kind::Mail>>,
}

impl Papers {
    /// Reads what `notices` refer to.
    pub(super) async fn load(
        repo: &mut dyn Repository,
        merchant: &Merchant,
        notices: &[Notice],
    ) -> Result<Self, StoreError> {
        let customers: BTreeSet<_> = notices.iter().map(|notice| notice.customer).collect();
        let subscriptions: BTreeSet<_> = notices.iter().filter_map(|n| n.subscription).collect();
        let invoices: BTreeSet<_> = notices.iter().filter_map(|notice| notice.invoice).collect();
        let cases: BTreeSet<_> = notices.iter().filter_map(|notice| notice.thread).collect();
        let id = merchant.id;
        let customers = repo.customers(id, &Vec::from_iter(customers)).await?;
        let subscriptions = repo.subscriptions(id, &Vec::from_iter(subscriptions)).await?;
        let plans: BTreeSet<_> = subscriptions.iter().map(|s| s.plan).collect();
        let plans = repo.plans(id, &Vec::from_iter(plans)).await?;
        let keys = subscriptions.iter().map(|s| (s.plan, s.plan_version)).collect();
        let methods: BTreeSet<_> = customers
            .iter()
            .filter_map(|customer| customer.default_method)
            .chain(subscriptions.iter().filter_map(|subscription| subscription.payment_method))
            .collect();
        Ok(Self {
            terms: terms_of(repo, merchant, keys).await?,
            invoices: by_id(repo.invoices(id, &Vec::from_iter(invoices)).await?, |i| i.id),
            methods: by_id(repo.payment_methods(id, &Vec::from_iter(methods)).await?, |m| m.id),
            threads: repo.thread_starts(id, &Vec::from_iter(cases)).await?.into_iter().collect(),
            customers: by_id(customers, |customer| customer.id),
            subscriptions: by_id(subscriptions, |subscription| subscription.id),
            plans: by_id(plans, |plan| plan.id),
        })
    }

    /// Whether a notice is still true. What asks for money is not, once nothing is owed; "failed"
    /// never comes after "paid".
    pub(super) fn is_true(&self, notice: &Notice) -> bool {
        let is_open =
            |id| self.invoices.get(&id).is_some_and(|invoice| invoice.state == InvoiceState::Open);
        let is_ending = || {
            let subscription = notice.subscription.and_then(|id| self.subscriptions.get(&id));
            subscription.is_some_and(|s| s.cancellation.is_some() || s.state.is_over())
        };
        match &notice.facts {
            Facts::PaymentFailed { .. }
            | Facts::AuthenticationNeeded { .. }
            | Facts::Suspended { .. } => notice.invoice.is_none_or(is_open),
            Facts::TrialEnding { .. }
            | Facts::UpcomingRenewal { .. }
            | Facts::CardExpiring { .. }
            | Facts::PlanChanging { .. } => !is_ending(),
            Facts::Cancelled { .. } => is_ending(),
            Facts::Welcome { .. }
            | Facts::Receipt { .. }
            | Facts::Recovered { .. }
            | Facts::Refund { .. } => true,
        }
    }

    /// Whether the customer's address takes no mail any more.
    pub(super) fn is_suppressed(&self, notice: &Notice) -> bool {
        self.customers[&notice.customer].email_suppressed
    }

    /// The customer of a notice.
    pub(super) fn customer(&self, notice: &Notice) -> &Customer {
        &self.customers[&notice.customer]
    }

    /// Who writes to whom.
    pub(super) fn envelope(
        &self,
        rondo: &Rondo,
        merchant: &Merchant,
        notice: &Notice,
    ) -> Result<Envelope, MailError> {
        let customer = self.customer(notice);
        let wishes = customer.locale.as_deref().into_iter().chain([merchant.locale.as_str()]);
        let thread = notice.thread.and_then(|case| self.threads.get(&case));
        let domain = rondo.mail_from.domain();
        Ok(Envelope {
            from: Sender {
                name: merchant.name.clone(),
                address: rondo.mail_from.clone(),
                reply_to: merchant.reply_to.as_deref().map(str::parse::<Address>).transpose()?,
                contact: None,
                legal_lines: merchant.legal_lines.lines().map(str::to_owned).collect(),
                symbols: Symbols::Short,
            },
            to: Recipient {
                name: Some(customer.name.clone()).filter(|name| !name.is_empty()),
                address: customer.email.parse::<Address>()?,
                locale: Locale::negotiate(wishes),
                zone: customer.zone.unwrap_or(merchant.zone).tz(),
            },
            test_clock: merchant.test_clock.map(|clock| clock.now),
            thread: thread.filter(|id| **id != notice.id).map(|id| format!("<{id}@{domain}>")),
        })
    }

    /// What a notice says, with everything that its template wants to know.
    pub(super) fn message(
        &self,
        rondo: &Rondo,
        merchant: &Merchant,
        notice: &Notice,
    ) -> Result<Message, MailError> {
        let subscription = notice.subscription.and_then(|id| self.subscriptions.get(&id));
        let invoice = notice.invoice.and_then(|id| self.invoices.get(&id));
        let plan = self.what(subscription, invoice);
        let price = self.price(subscription, invoice).ok_or_else(|| {
            MailError::Template("the notice is about neither a subscription nor an invoice".into())
        })?;
        let usual = self.usual_method(notice, subscription);
        let shown =
            |shown: &Option<Shown>| shown.as_ref().map_or_else(|| usual.clone(), instrument);
        let next = |at: Option<chrono::DateTime<chrono::Utc>>| {
            at.map(|at| Charge { amount: price.amount, at })
        };
        let number = invoice.and_then(|i| i.number.clone()).unwrap_or_default();
        let manage_url = merchant.portal_url.clone().unwrap_or_else(|| rondo.public_url.clone());
        let invoice_url = invoice.map_or_else(
            || manage_url.clone(),
            |invoice| pay::invoice_url(rondo, invoice, notice.created_at),
        );
        let card_url = || pay::card_url(rondo, merchant.id, notice.customer, notice.created_at);
        Ok(match notice.facts.clone() {
            Facts::Welcome { paid, next_charge_at, next_amount } => {
                Message::Welcome(message::Welcome {
                    plan,
                    price,
                    paid,
                    next_charge: Charge {
                        amount: next_amount,
                        at: next_charge_at.unwrap_or(notice.created_at),
                    },
                    instrument: usual,
                    withdraw_until: None,
                    open_url: manage_url.clone(),
                    manage_url,
                })
            }
            Facts::TrialEnding { ends_at, amount } => Message::TrialEnding(message::TrialEnding {
                plan,
                ends_at,
                amount,
                price,
                instrument: Some(usual),
                manage_url,
            }),
            Facts::UpcomingRenewal { renews_at, amount } => {
                let length = subscription
                    .and_then(|s| s.current_period)
                    .map_or(TimeDelta::zero(), |period| period.end() - period.start());
                Message::UpcomingRenewal(message::UpcomingRenewal {
                    plan,
                    amount,
                    previous: Some(price.amount),
                    period: Period { from: renews_at, until: renews_at + length },
                    instrument: usual,
                    cancel_by: renews_at,
                    manage_url,
                })
            }
            Facts::Receipt { amount, paid_at, next_charge_at, paid_with } => {
                Message::Receipt(message::Receipt {
                    plan,
                    amount,
                    tax: None,
                    paid_at,
                    instrument: shown(&paid_with),
                    invoice: number,
                    period: invoice
                        .and_then(|i| i.period)
                        .map(|p| Period { from: p.start(), until: p.end() }),
                    next_charge: next(next_charge_at),
                    invoice_url,
                })
            }
            Facts::PaymentFailed { amount, failed_at, class, next_try_at, access_until, tried } => {
                Message::PaymentFailed(message::PaymentFailed {
                    plan,
                    amount,
                    instrument: shown(&tried),
                    failed_at,
                    advice: class.into(),
                    next_try_at,
                    access_until,
                    invoice: number,
                    pay_url: invoice_url,
                    manage_url,
                })
            }
            Facts::AuthenticationNeeded { amount, confirm_by, tried } => {
                Message::AuthenticationNeeded(message::AuthenticationNeeded {
                    plan,
                    amount,
                    instrument: shown(&tried),
                    confirm_by,
                    invoice: number,
                    confirm_url: invoice_url,
                    manage_url,
                })
            }
            Facts::CardExpiring { card, expires_at: _, next_charge_at, next_amount } => {
                Message::CardExpiring(message::CardExpiring {
                    plan,
                    brand: card.brand,
                    last_four: card.last_four,
                    expiry: card.expiry.unwrap_or(Expiry { year: 0, month: 1 }),
                    next_charge: Charge { amount: next_amount, at: next_charge_at },
                    update_url: card_url(),
                })
            }
            Facts::Recovered { amount, paid_at, next_charge_at, paid_with } => {
                Message::Recovered(message::Recovered {
                    plan,
                    amount,
                    paid_at,
                    instrument: shown(&paid_with),
                    invoice: number,
                    next_charge: next(next_charge_at),
                    invoice_url,
                })
            }
            Facts::Suspended { amount, overdue_since, tries } => {
                Message::Suspended(message::Suspended {
                    plan,
                    amount,
                    tries,
                    since: overdue_since,
                    reopen_by: None,
                    invoice: number,
                    pay_url: invoice_url,
                    manage_url,
                })
            }
            Facts::Cancelled { requested_at, ends_at, open_amount, can_undo, cause } => {
                Message::Cancelled(message::Cancelled {
                    plan,
                    by: match cause {
                        CancellationCause::Requested | CancellationCause::MandateStopped => {
                            CancelledBy::Customer
                        }
                        CancellationCause::Dunning => CancelledBy::Dunning,
                        CancellationCause::PlanRetired => CancelledBy::Merchant,
                    },
                    received_at: requested_at,
                    ends_at,
                    last_charge: None,
                    open: open_amount,
                    refund: None,
                    undo_url: can_undo.then(|| manage_url.clone()),
                    manage_url,
                })
            }
            Facts::PlanChanging { changes_at, new_plan_name, old_amount, new_amount } => {
                Message::PlanChanging(message::PlanChanging {
                    new_plan: Some(new_plan_name).filter(|name| *name != plan),
                    plan,
                    old_price: Price { amount: old_amount, ..price },
                    new_price: Price { amount: new_amount, ..price },
                    changes_at,
                    manage_url,
                })
            }
            Facts::Refund { amount, refunded_at, to } => Message::Refund(message::Refund {
                plan,
                amount,
                sent_at: refunded_at,
                instrument: shown(&to),
                invoice: number,
                credit_note: None,
                reference: None,
                document_url: invoice_url,
            }),
        })
    }

    /// What was bought, in the merchant's words: the plan, or the lines of a single invoice.
    fn what(&self, subscription: Option<&Subscription>, invoice: Option<&Invoice>) -> String {
        let plan = subscription.and_then(|s| self.plans.get(&s.plan)).map(|p| p.name.clone());
        let lines = || {
            let labels = invoice?.lines.iter().map(|line| line.label.as_str());
            Some(labels.collect::<Vec<_>>().join(", "))
        };
        plan.or_else(lines).unwrap_or_default()
    }

    /// What a cycle costs; of a thing bought once, its amount.
    fn price(
        &self,
        subscription: Option<&Subscription>,
        invoice: Option<&Invoice>,
    ) -> Option<Price> {
        let terms =
            subscription.and_then(|s| Some((s, self.terms.get(&(s.plan, s.plan_version))?)));
        match terms {
            Some((subscription, terms)) => Some(Price {
                amount: terms.recurring_total(subscription.currency, subscription.quantity).ok()?,
                cycle: Cycle {
                    count: terms.interval.count(),
                    unit: match terms.interval.unit() {
                        Unit::Day => CycleUnit::Day,
                        Unit::Week => CycleUnit::Week,
                        Unit::Month => CycleUnit::Month,
                        Unit::Year => CycleUnit::Year,
                    },
                },
            }),
            None => invoice.map(|invoice| Price {
                amount: invoice.total,
                cycle: Cycle { count: 1, unit: CycleUnit::Month },
            }),
        }
    }

    fn usual_method(&self, notice: &Notice, subscription: Option<&Subscription>) -> Instrument {
        let id = subscription
            .and_then(|subscription| subscription.payment_method)
            .or(self.customers[&notice.customer].default_method);
        id.and_then(|id| self.methods.get(&id))
            .map_or_else(no_card, |method| instrument(&method.shown()))
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

fn no_card() -> Instrument {
    Instrument::Account { name: "–".to_owned() }
}
