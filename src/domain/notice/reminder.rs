//! Which reminder comes before a charge, and when (RULES §6, UPD-1).
//!
//! One instant per cycle at most: before a first charge after a trial, before a long cycle renews,
//! or before a charge to a card that will have expired by then.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Facts, Notice};
use crate::domain::{
    catalog::{NoPrice, Terms},
    customer::PaymentMethod,
    ids::Mint,
    money::Money,
    payment::method::Expiry,
    subscription::{Subscription, SubscriptionState},
};

/// Exactly seven days: Visa wants at least seven, Mastercard three to seven (VISA-TRIAL, MC-TRIAL).
const TRIAL_LEAD: TimeDelta = TimeDelta::days(7);

/// Within Mastercard's 7 to 30 days and the American states' windows for yearly terms (MC-LONG,
/// US-CA-YEAR, US-NY-YEAR, US-MA): 28 days.
const LONG_CYCLE_LEAD: TimeDelta = TimeDelta::days(28);

/// A cycle from this length on is a long one (MC-LONG).
const LONG_CYCLE: TimeDelta = TimeDelta::days(180);

/// How long before the charge a customer hears that their card will have expired.
const CARD_LEAD: TimeDelta = TimeDelta::days(7);

/// Sets when the next reminder is due, if one is: after each change of the next charge or the card.
pub fn plan(subscription: &mut Subscription, card: Option<Expiry>, now: DateTime<Utc>) {
    subscription.remind_at = next(subscription, card).filter(|at| *at > now);
}

fn next(subscription: &Subscription, card: Option<Expiry>) -> Option<DateTime<Utc>> {
    if subscription.cancellation.is_some() {
        return None;
    }
    let charge_at = subscription.due_at?;
    match subscription.state {
        SubscriptionState::Trialing => Some(charge_at - TRIAL_LEAD),
        SubscriptionState::Active | SubscriptionState::PastDue if is_long(subscription) => {
            Some(charge_at - LONG_CYCLE_LEAD)
        }
        SubscriptionState::Active | SubscriptionState::PastDue => {
            card.filter(|expiry| expiry.is_over_at(charge_at)).map(|_| charge_at - CARD_LEAD)
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => None,
    }
}

fn is_long(subscription: &Subscription) -> bool {
    subscription.current_period.is_some_and(|period| period.end() - period.start() >= LONG_CYCLE)
}

/// The notices that are due for a subscription whose `remind_at` has come. `terms` are those of the
/// cycle to come, `method` is what it will be charged to.
pub fn remind(
    subscription: &Subscription,
    terms: &Terms,
    method: Option<&PaymentMethod>,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Vec<Notice>, NoPrice> {
    let Some(charge_at) = subscription.due_at.filter(|_| subscription.cancellation.is_none())
    else {
        return Ok(Vec::new());
    };
    let amount = next_amount(subscription, terms)?;
    let about = |facts: Facts, fact_key: String| {
        Notice::new(subscription.merchant, subscription.customer, facts, fact_key, now, mint)
            .about_subscription(subscription.id)
    };
    let day = charge_at.format("%F");
    let mut notices = Vec::new();
    if subscription.state == SubscriptionState::Trialing {
        let facts = Facts::TrialEnding { ends_at: charge_at, amount };
        notices.push(about(facts, format!("trial_ending:{}:{day}", subscription.id)));
    } else if is_long(subscription) {
        let facts = Facts::UpcomingRenewal { renews_at: charge_at, amount };
        notices.push(about(facts, format!("upcoming_renewal:{}:{day}", subscription.id)));
    }
    let expiring = method.and_then(|method| Some((method, method.expiry?)));
    if let Some((method, expiry)) = expiring.filter(|(_, e)| e.is_over_at(charge_at)) {
        let facts = Facts::CardExpiring {
            card: method.shown(),
            expires_at: expiry.last_instant(),
            next_charge_at: charge_at,
            next_amount: amount,
        };
        let key = format!("card_expiring:{}:{}-{:02}", method.id, expiry.year, expiry.month);
        notices.push(about(facts, key));
    }
    Ok(notices)
}

fn next_amount(subscription: &Subscription, terms: &Terms) -> Result<Money, NoPrice> {
    let quantity = subscription.scheduled_change.map_or(subscription.quantity, |c| c.quantity);
    let is_first = subscription.current_period.is_none();
    terms
        .lines(subscription.currency, quantity, is_first)?
        .iter()
        .try_fold(Money::zero(subscription.currency), |sum, line| sum.plus(line.amount))
        .map_err(NoPrice::Money)
}
