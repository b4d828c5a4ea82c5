//! What the page about one invoice shows: what is owed and why, what went wrong, what comes next,
//! and what the member can do. Reading it changes nothing, however often it is done.

use chrono::{DateTime, Utc};

use crate::{
    app::{Act, AppError, Result, Rondo, dunning},
    domain::{
        calendar::Interval,
        customer::{Customer, PaymentMethod},
        dunning::Case,
        ids::{Id, Mint, kind},
        invoice::{Invoice, InvoiceState},
        merchant::Merchant,
        money::Money,
        payment::{
            PaymentState,
            attempt::{Attempt, AttemptState, Initiator},
            decline::DeclineClass,
            method::Shown,
            settle::{self, Owed},
        },
        subscription::ScheduledChange,
    },
    gateway::Capabilities,
    store::Times,
};

/// An invoice, for the one who owes it.
#[derive(Debug, Clone)]
pub struct View {
    /// The invoice.
    pub invoice: Invoice,
    /// Who owes it: for language and zone; the page shows neither name nor address.
    pub customer: Customer,
    /// The subscription that it bills, if it bills one.
    pub agreement: Option<Agreement>,
    /// What went wrong last, while it is open.
    pub trouble: Option<Trouble>,
    /// When we try again by ourselves.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Until when what was bought stays open without a payment.
    pub access_until: Option<DateTime<Utc>>,
    /// What can be done.
    pub stage: Stage,
}

/// What later payments would be for: what the member agrees to who lets us keep the card.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// The name of the plan that they have.
    pub has: String,
    /// The name of the plan that they would pay for: another one, if a change is planned.
    pub name: String,
    /// What a cycle costs.
    pub price: Money,
    /// How long a cycle is.
    pub interval: Interval,
}

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What we understood of why.
    pub class: DeclineClass,
    /// When.
    pub at: DateTime<Utc>,
    /// What was tried, if it was a stored method.
    pub tried: Option<Shown>,
}

/// Where the invoice stands for its payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It is paid.
    Paid {
        /// Since when.
        at: Option<DateTime<Utc>>,
    },
    /// It was taken back.
    TakenBack,
    /// It was given up.
    WrittenOff,
    /// We take it by ourselves; there is nothing to do.
    Planned {
        /// When.
        at: DateTime<Utc>,
        /// From what.
        from: Option<Shown>,
    },
    /// A payment is under way and must not be made twice (RULES CHG-4).
    UnderWay(Delay),
    /// The payer goes on at this address of the gateway's or the bank's.
    GoOn {
        /// Where.
        url: String,
    },
    /// It can be paid now.
    Payable {
        /// On the gateway's page, with any card.
        by_page: bool,
        /// With the stored method, which the rules let us try again.
        again: Option<Shown>,
        /// By storing another card, which is then charged.
        by_new_card: bool,
    },
}

/// Why a payment has no outcome yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// The order is on its way, or its answer was lost.
    NoAnswer,
    /// The bank has accepted it and settles later.
    WithTheBank,
}

/// What an invoice's payer sees at this moment.
pub async fn view(rondo: &Rondo, merchant: &Merchant, invoice: Id<kind::Invoice>) -> Result<View> {
    let mut repo = rondo.store.snapshot().await?;
    let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
    let invoice = act.invoice(invoice).await?;
    let Some(bill) = Bill::read(&mut act, &invoice).await? else {
        let customer = act.customer(invoice.customer).await?;
        let stage = closed(&invoice).unwrap_or(Stage::UnderWay(Delay::NoAnswer));
        return Ok(View {
            stage,
            customer,
            agreement: None,
            trouble: None,
            next_try_at: None,
            access_until: None,
            invoice,
        });
    };
    let is_open = invoice.state == InvoiceState::Open;
    let trouble = if is_open { bill.trouble(&mut act).await? } else { None };
    let agreement = bill.agreement(&mut act).await?;
    let stage = bill.stage(rondo, merchant, act.times);
    let case = bill.owed.case.as_ref().filter(|_| is_open).map(|file| &file.case);
    Ok(View {
        agreement,
        trouble,
        next_try_at: match case {
            Some(case) => case.next_retry().map(|(at, _)| at),
            None => bill.owed.payment.collect_at.filter(|_| is_open),
        },
        access_until: case.and_then(|case| bill.owed.open_until(case)),
        stage,
        customer: bill.owed.customer,
        invoice: bill.owed.invoice,
    })
}

/// An invoice with its payment, and every attempt at it, oldest first.
#[derive(Debug)]
pub(super) struct Bill {
    pub(super) owed: Owed,
    pub(super) attempts: Vec<Attempt>,
}

impl Bill {
    /// Reads it; nothing, for an invoice that never needed a payment.
    pub(super) async fn read(act: &mut Act<'_>, invoice: &Invoice) -> Result<Option<Self>> {
        let payments = act.repo.payments_of_invoices(act.merchant_id(), &[invoice.id]).await?;
        let Some(payment) = payments.first().map(|payment| payment.id) else { return Ok(None) };
        let attempts = act.repo.attempts_of_payments(act.merchant_id(), &[payment]).await?;
        let owed = dunning::owed(act, payment).await?;
        let owed = owed.ok_or_else(|| AppError::not_found(payment))?;
        Ok(Some(Self { owed, attempts }))
    }

    /// The attempt that may still take money.
    pub(super) fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.state.is_open())
    }

    /// What can be done about it now.
    pub(super) fn stage(&self, rondo: &Rondo, merchant: &Merchant, times: Times) -> Stage {
        if let Some(closed) = closed(&self.owed.invoice) {
            return closed;
        }
        if let Some(attempt) = self.open_attempt().filter(|a| !is_unreached(a, times)) {
            return under_way(attempt);
        }
        match (self.owed.payment.state, self.owed.payment.collect_at) {
            // Due now, or nothing has failed yet: it is not the payer's turn.
            (PaymentState::Scheduled, Some(at))
                if at <= times.now || (self.owed.case.is_none() && self.attempts.is_empty()) =>
            {
                let from = self.owed.charged.as_ref().map(PaymentMethod::shown);
                Stage::Planned { at, from }
            }
            (PaymentState::Succeeded | PaymentState::Abandoned, _) => {
                Stage::UnderWay(Delay::NoAnswer)
            }
            (PaymentState::Scheduled | PaymentState::Waiting | PaymentState::Collecting, _) => {
                let can = rondo.gateways.get(&merchant.gateway).map(|g| g.capabilities());
                Stage::Payable {
                    by_page: can.is_some_and(|can| can.hosted_checkout),
                    again: self.again(times.now),
                    by_new_card: can.is_some_and(only_stores_cards),
                }
            }
        }
    }

    /// The stored method, if the rules let us try it again because its owner asks (RULES §2).
    fn again(&self, now: DateTime<Utc>) -> Option<Shown> {
        let method = self.owed.primary.as_ref().filter(|method| method.is_chargeable())?;
        if self.owed.payment.state != PaymentState::Waiting {
            return None;
        }
        // Tried out and thrown away: its ids are written nowhere.
        let mint = Mint::seeded([0; 32]);
        settle::move_case(self.owed.clone(), None, now, &mint, Case::retry_now).ok()?;
        Some(method.shown())
    }

    async fn trouble(&self, act: &mut Act<'_>) -> Result<Option<Trouble>> {
        let last = self.attempts.iter().rev().find(|attempt| !attempt.state.is_open());
        if let Some((attempt, decline)) = last.and_then(|a| Some((a, a.decline.as_ref()?))) {
            let tried: Vec<_> = attempt.method.into_iter().collect();
            let tried = act.repo.payment_methods(act.merchant_id(), &tried).await?;
            return Ok(Some(Trouble {
                class: decline.class,
                at: attempt.settled_at.unwrap_or(attempt.sent_at),
                tried: tried.first().map(PaymentMethod::shown),
            }));
        }
        Ok(self.owed.case.as_ref().map(|file| Trouble {
            class: file.case.class(),
            at: file.opened_at,
            tried: self.owed.charged.as_ref().map(PaymentMethod::shown),
        }))
    }

    async fn agreement(&self, act: &mut Act<'_>) -> Result<Option<Agreement>> {
        let Some((subscription, terms)) = &self.owed.subscription else { return Ok(None) };
        let ScheduledChange { plan, quantity, .. } = subscription.at_renewal();
        let mut wanted = vec![subscription.plan, plan];
        wanted.dedup();
        let plans = act.repo.plans(act.merchant_id(), &wanted).await?;
        let named = |id| plans.iter().find(|plan| plan.id == id).map(|plan| plan.name.clone());
        let price = terms.recurring_total(subscription.currency, quantity).ok();
        Ok(named(subscription.plan)
            .zip(named(plan))
            .zip(price)
            .map(|((has, name), price)| Agreement { has, name, price, interval: terms.interval }))
    }
}

fn closed(invoice: &Invoice) -> Option<Stage> {
    match invoice.state {
        InvoiceState::Open => None,
        InvoiceState::Paid => Some(Stage::Paid { at: invoice.closed_at }),
        InvoiceState::Void => Some(Stage::TakenBack),
        InvoiceState::Uncollectible => Some(Stage::WrittenOff),
    }
}

fn under_way(attempt: &Attempt) -> Stage {
    match (attempt.state, &attempt.action_url) {
        (AttemptState::ActionRequired, Some(url)) => Stage::GoOn { url: url.clone() },
        (AttemptState::Pending, _) => Stage::UnderWay(Delay::WithTheBank),
        (
            AttemptState::InFlight
            | AttemptState::Unknown
            | AttemptState::ActionRequired
            | AttemptState::Succeeded
            | AttemptState::Reversed
            | AttemptState::Declined
            | AttemptState::Rejected
            | AttemptState::NotExecuted,
            _,
        ) => Stage::UnderWay(Delay::NoAnswer),
    }
}

/// Whether an attempt is for a page of the gateway's whose address nobody was told: its worker died
/// or its answer was lost before the address was kept. Nobody can pay there, so it stands in
/// nobody's way.
pub(super) fn is_unreached(attempt: &Attempt, times: Times) -> bool {
    let is_page = attempt.initiator == Initiator::Customer && attempt.method.is_none();
    let nobody_is_at_it = attempt.leased_until.is_none_or(|until| until <= times.world);
    let has_no_address = attempt.reference.is_none() && attempt.action_url.is_none();
    let is_undecided = matches!(attempt.state, AttemptState::InFlight | AttemptState::Unknown);
    is_page && nobody_is_at_it && has_no_address && is_undecided
}

/// Whether a gateway has no page to pay on, but one to store a card.
fn only_stores_cards(can: &Capabilities) -> bool {
    can.hosted_setup && !can.hosted_checkout
}
