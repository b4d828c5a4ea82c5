//! Which reminder comes before a charge, and when (RULES §6, UPD-1).
//!
//! Before a first charge after a trial, before a long cycle begins, and before a charge to a card that will have
//! expired by then.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{Facts, NextCharge, Notice};
use crate::domain::{
    calendar::{Interval, Period, Unit},
    catalog::Terms,
    customer::PaymentMethod,
    ids::Mint,
    payment::{decline::Network, method::Expiry},
    subscription::{
        Subscription, SubscriptionState,
        renewal::{NextBill, RenewalError, next_bill},
    },
};

/// Exactly seven days: Visa wants at least seven, Mastercard three to seven (VISA-TRIAL, MC-TRIAL).
const TRIAL_LEAD: TimeDelta = TimeDelta::days(7);

/// Later than this Mastercard takes it for no notice of a trial's end (MC-TRIAL).
const TRIAL_LEAST: TimeDelta = TimeDelta::days(3);

/// The same for Visa, but for a reminder that is some hours behind (VISA-TRIAL).
const TRIAL_LEAST_ON_VISA: TimeDelta = TimeDelta::days(6);

/// Within Mastercard's 7 to 30 days and the American states' windows for yearly terms (MC-LONG,
/// US-CA-YEAR, US-NY-YEAR, US-MA): 28 days. Where those are over, 14.
const LONG_CYCLE_LEADS: [TimeDelta; 2] = [TimeDelta::days(28), TimeDelta::days(14)];

/// Later than this Mastercard takes it for no notice of a long cycle (MC-LONG).
const LONG_CYCLE_LEAST: TimeDelta = TimeDelta::days(7);

/// A cycle from this length on is a long one (MC-LONG).
const LONG_CYCLE: TimeDelta = TimeDelta::days(180);

/// How long before its end, or before the charge if that is sooner, a card is written about.
const CARD_LEAD: TimeDelta = TimeDelta::days(7);

/// How long after the last charge that a card can pay its owner is written to at the earliest.
const AFTER_A_CHARGE: TimeDelta = TimeDelta::hours(1);

/// Sets when the next reminder is due, if one is: after each change of the next charge or the card. `coming` is
/// how long the cycles are that it is billed for, but for a change that is planned.
pub fn plan(
    subscription: &mut Subscription,
    coming: Interval,
    card: Option<Expiry>,
    now: DateTime<Utc>,
) {
    let may_be_long = may_be_long(subscription, coming);
    let card_at = card.and_then(|expiry| card_due(subscription, expiry)).filter(|at| *at > now);
    let charge_at = charge_due(subscription, may_be_long, now);
    subscription.remind_at = charge_at.into_iter().chain(card_at).min();
}

/// The same, when a person decides what comes next, or has just signed up. Where that is too late for a reminder, they
/// are charged nevertheless: they know.
pub fn plan_anew(
    subscription: &mut Subscription,
    coming: Interval,
    card: Option<Expiry>,
    now: DateTime<Utc>,
) {
    let was_due = subscription.remind_at.is_some_and(|at| at <= now);
    plan(subscription, coming, card, now);
    let may_be_long = may_be_long(subscription, coming);
    let is_told_of = subscription.state == SubscriptionState::Trialing || may_be_long;
    if is_told_of && !was_due && charge_due(subscription, may_be_long, now).is_none() {
        subscription.reminded_for = subscription.due_at.or(subscription.reminded_for);
    }
}

/// Whether the next charge may be for a long cycle, or come after one. What comes with a planned change is looked at
/// when its time has come.
fn may_be_long(subscription: &Subscription, coming: Interval) -> bool {
    is_long(coming) || has_been_long(subscription) || subscription.scheduled_change.is_some()
}

/// Has the next charge told of if other terms than before come with it, and a long cycle: nobody who paid by the month
/// expects it. What tells of the change itself is enough if the time for it has come, but not where a short cycle comes
/// first: then a reminder tells of both charges.
pub fn plan_for(subscription: &mut Subscription, coming: &Terms, now: DateTime<Utc>) {
    // The end of a trial is told of by itself, whatever comes then.
    let is_on_trial = subscription.state == SubscriptionState::Trialing;
    let Some(charge_at) = subscription.due_at else { return };
    if is_on_trial || !is_long(coming.interval) {
        return;
    }
    // Terms that cannot bill it are told of where it is billed.
    let bill = next_bill(subscription, coming, charge_at).ok();
    let soon = bill.and_then(|bill| next_after(subscription, coming, bill).ok().flatten());
    let soon = soon.filter(|next| comes_right_after(charge_at, *next));
    // Whoever has paid by long cycles is reminded of each, but for the one right after a short one.
    if soon.is_none() && has_been_long(subscription) {
        return;
    }
    if soon.is_none() && charge_at - LONG_CYCLE_LEADS[0] <= now {
        subscription.reminded_for = Some(charge_at);
        return;
    }
    subscription.reminded_for = None;
    let at_least = || soon.filter(|next| now <= next.at - LONG_CYCLE_LEAST).map(|_| now);
    let told_at = charge_due(subscription, true, now).or_else(at_least);
    subscription.remind_at = subscription.remind_at.into_iter().chain(told_at).min();
}

/// When the reminder of the charge itself is due: at the best time for it that is still ahead, else at once as
/// long as that is in time. It is told of once.
fn charge_due(
    subscription: &Subscription,
    may_be_long: bool,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let (leads, least) = leads(subscription)?;
    let charge_at = untold_charge(subscription)?;
    if subscription.state != SubscriptionState::Trialing && !may_be_long {
        return None;
    }
    let was_ahead = !is_short_trial(subscription, charge_at);
    let best = leads.iter().map(|lead| charge_at - *lead).find(|at| *at > now);
    best.or_else(|| (was_ahead && now <= charge_at - least).then_some(now))
}

/// Whether it is on a trial so short that whoever signed up for it had just been told when it ends.
fn is_short_trial(subscription: &Subscription, charge_at: DateTime<Utc>) -> bool {
    subscription.state == SubscriptionState::Trialing
        && subscription.started_at >= charge_at - TRIAL_LEAD
}

/// How long before a charge it is best told of, and how long at least.
fn leads(subscription: &Subscription) -> Option<(&'static [TimeDelta], TimeDelta)> {
    match subscription.state {
        SubscriptionState::Trialing => Some((&[TRIAL_LEAD], TRIAL_LEAST)),
        SubscriptionState::Active | SubscriptionState::PastDue => {
            Some((&LONG_CYCLE_LEADS, LONG_CYCLE_LEAST))
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => None,
    }
}

/// When the next charge comes, if one does.
fn next_charge(subscription: &Subscription) -> Option<DateTime<Utc>> {
    subscription.due_at.filter(|_| subscription.cancellation.is_none())
}

/// The next charge, if there is one that nobody was told of yet.
fn untold_charge(subscription: &Subscription) -> Option<DateTime<Utc>> {
    let charge_at = next_charge(subscription)?;
    (subscription.reminded_for != Some(charge_at)).then_some(charge_at)
}

/// When the reminder of a card that cannot pay the next charge is due: while it still works.
fn card_due(subscription: &Subscription, expiry: Expiry) -> Option<DateTime<Utc>> {
    let charge_at = next_charge(subscription)?;
    let is_running = match subscription.state {
        SubscriptionState::Trialing | SubscriptionState::Active | SubscriptionState::PastDue => {
            true
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => false,
    };
    let is_its_last = is_running && ends_before(expiry, subscription, charge_at);
    // At the charge's hour of the day, whole days before it.
    let ahead = charge_at - (charge_at.min(expiry.last_instant()) - CARD_LEAD);
    let days = (ahead + TimeDelta::days(1) - TimeDelta::microseconds(1)).num_days();
    // A card that still paid in its last days is written about right after that.
    let began = subscription.current_period.map_or(subscription.started_at, Period::start);
    is_its_last.then(|| (charge_at - TimeDelta::days(days)).max(began + AFTER_A_CHARGE))
}

/// Whether the charge to come is the first that the card can no longer pay. One that goes on paying
/// past its date is not written about again.
fn ends_before(expiry: Expiry, subscription: &Subscription, charge_at: DateTime<Utc>) -> bool {
    let worked_last =
        subscription.current_period.is_none_or(|period| !expiry.is_over_at(period.start()));
    worked_last && expiry.is_over_at(charge_at)
}

/// Whether each cycle of this interval is a long one, however short its months are.
fn is_long(cycle: Interval) -> bool {
    match cycle.unit() {
        Unit::Day => cycle.count() >= 180,
        Unit::Week => cycle.count() >= 26,
        Unit::Month => cycle.count() >= 6,
        Unit::Year => true,
    }
}

/// Whether the cycle that ends is a long one.
fn has_been_long(subscription: &Subscription) -> bool {
    subscription.current_period.is_some_and(|period| period.end() - period.start() >= LONG_CYCLE)
}

/// The notices that are due for a subscription whose `remind_at` has come, which then knows of what it was
/// told. `terms` are those of the cycle to come, `method` is what it will be charged to.
pub fn remind(
    subscription: &mut Subscription,
    terms: &Terms,
    method: Option<&PaymentMethod>,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Vec<Notice>, RenewalError> {
    let Some(charge_at) = next_charge(subscription) else { return Ok(Vec::new()) };
    let bill = next_bill(subscription, terms, charge_at)?;
    let amount = bill.total;
    // What was due before was told before.
    let is_due =
        |at: DateTime<Utc>| subscription.remind_at.is_some_and(|from| from <= at) && at <= now;
    let mut notices = Vec::new();
    let opens_at = leads(subscription).map(|(leads, _)| charge_at - leads[0]);
    let next = next_after(subscription, terms, bill)?;
    // Where there is no time left for it, the charge itself is put off when it is due.
    let is_on_visa = method.is_some_and(|method| method.network == Network::Visa);
    let told_by = match subscription.state {
        SubscriptionState::Trialing if is_on_visa => charge_at - TRIAL_LEAST_ON_VISA,
        SubscriptionState::Trialing => charge_at - TRIAL_LEAST,
        _ => next.map_or(charge_at, |next| next.at) - LONG_CYCLE_LEAST,
    };
    let charge_is_due = opens_at.is_some_and(|at| at <= now)
        && now <= told_by
        && untold_charge(subscription).is_some()
        && !is_early(subscription, next, now);
    if charge_is_due && subscription.state == SubscriptionState::Trialing {
        let facts = Facts::TrialEnding { ends_at: charge_at, amount, next };
        notices.push(told(subscription, facts, charge_at, now, mint));
    } else if charge_is_due && (is_long(terms.interval) || has_been_long(subscription)) {
        let facts = Facts::UpcomingRenewal { renews_at: charge_at, amount, next };
        notices.push(told(subscription, facts, charge_at, now, mint));
    }
    let expiring = method.and_then(|method| Some((method, method.expiry?)));
    let expiring =
        expiring.filter(|(_, expiry)| card_due(subscription, *expiry).is_some_and(is_due));
    if let Some((method, expiry)) = expiring {
        let facts = Facts::CardExpiring {
            card: method.shown(),
            expires_at: expiry.last_instant(),
            next_charge_at: charge_at,
            next_amount: amount,
        };
        let key = format!(
            "card_expiring:{}:{}:{}-{:02}",
            subscription.id, method.id, expiry.year, expiry.month
        );
        notices.push(about(subscription, facts, key, now, mint));
    }
    if charge_is_due {
        subscription.reminded_for = Some(charge_at);
    }
    Ok(notices)
}

/// Whether its member was told of the charge that is due now. Whoever was set aside for staff is due later than they
/// were told.
pub fn is_told(subscription: &Subscription, now: DateTime<Utc>) -> bool {
    let begins = subscription.next_start(now);
    let Some(told) = subscription.reminded_for else { return false };
    subscription.due_at == Some(told) || told.trunc_subsecs(0) == begins.trunc_subsecs(0)
}

/// A notice of the charge that comes `at` this time.
fn told(
    subscription: &Subscription,
    facts: Facts,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Notice {
    // A change that comes after it is told of anew (RULES CAL-5).
    let (kind, day, version) = (facts.kind(), at.format("%F"), subscription.version.next());
    let key = format!("{kind}:{}:{day}:{}", subscription.id, version.count());
    about(subscription, facts, key, now, mint)
}

fn about(
    subscription: &Subscription,
    facts: Facts,
    fact_key: String,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Notice {
    Notice::new(subscription.merchant, subscription.customer, facts, fact_key, now, mint)
        .about_subscription(subscription.id)
}

/// Puts off a charge that is due and that nobody was told of in time, as nothing ran meanwhile: it is told of now, and
/// comes when that is long enough ago (RULES WRK-6, CAL-3). Its cycle begins where it would have.
pub fn put_off(
    subscription: &mut Subscription,
    terms: &Terms,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Option<Notice>, RenewalError> {
    let untold = next_charge(subscription).filter(|_| !is_told(subscription, now));
    let Some(charge_at) = untold else { return Ok(None) };
    let is_on_trial = subscription.state == SubscriptionState::Trialing;
    let lead = match subscription.state {
        SubscriptionState::Trialing if !is_short_trial(subscription, charge_at) => TRIAL_LEAD,
        SubscriptionState::Active | SubscriptionState::PastDue if is_long(terms.interval) => {
            LONG_CYCLE_LEAST
        }
        SubscriptionState::Trialing
        | SubscriptionState::Active
        | SubscriptionState::PastDue
        | SubscriptionState::Incomplete
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => return Ok(None),
    };
    let bill = next_bill(subscription, terms, now)?;
    if bill.total.is_zero() || bill.is_part && !is_on_trial {
        return Ok(None);
    }
    let (at, amount) = (now + lead, bill.total);
    let next = next_after(subscription, terms, bill)?;
    let facts = if is_on_trial {
        Facts::TrialEnding { ends_at: at, amount, next }
    } else {
        Facts::UpcomingRenewal { renews_at: at, amount, next }
    };
    let notice = told(subscription, facts, at, now, mint);
    subscription.due_at = Some(at);
    subscription.reminded_for = Some(at);
    Ok(Some(notice))
}

/// Whether one mail is to tell of two charges, of which the second is too far away yet: when the first is over, the
/// time to tell of that one will be over too. It is told at the next best time.
fn is_early(subscription: &Subscription, next: Option<NextCharge>, now: DateTime<Utc>) -> bool {
    let Some((next, charge_at)) = next.zip(subscription.due_at) else { return false };
    let [best, second_best] = LONG_CYCLE_LEADS;
    comes_right_after(charge_at, next) && next.at - now > best && charge_at - now > second_best
}

/// Whether there is no time to tell of it once the charge before it was taken.
fn comes_right_after(charge_at: DateTime<Utc>, next: NextCharge) -> bool {
    next.at - charge_at < LONG_CYCLE_LEAST
}

/// The charge after the first, where that one is for a part of a cycle. When it is over, the time to tell of a long
/// one may be over too (MC-LONG).
fn next_after(
    subscription: &Subscription,
    terms: &Terms,
    first: NextBill,
) -> Result<Option<NextCharge>, RenewalError> {
    if !first.is_part {
        return Ok(None);
    }
    let quantity = subscription.at_renewal().quantity;
    let amount = terms.recurring_total(subscription.currency, quantity)?;
    Ok(Some(NextCharge { at: first.period.end(), amount }))
}

#[cfg(test)]
mod tests;
