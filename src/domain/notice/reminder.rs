//! Which reminder comes before a charge, and when (RULES §6, UPD-1).
//!
//! Before a first charge after a trial, before a long cycle begins, and before a charge to a card that will have
//! expired by then.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Facts, NextCharge, Notice};
use crate::domain::{
    calendar::{Interval, Period, Unit},
    catalog::Terms,
    customer::PaymentMethod,
    ids::Mint,
    payment::method::Expiry,
    subscription::{
        Subscription, SubscriptionState,
        renewal::{NextBill, RenewalError, next_bill},
    },
};

/// Exactly seven days: Visa wants at least seven, Mastercard three to seven (VISA-TRIAL, MC-TRIAL).
const TRIAL_LEAD: TimeDelta = TimeDelta::days(7);

/// Later than this Mastercard takes it for no notice of a trial's end (MC-TRIAL).
const TRIAL_LEAST: TimeDelta = TimeDelta::days(3);

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
    // What comes with a planned change is looked at when its time has come.
    let may_be_long =
        is_long(coming) || has_been_long(subscription) || subscription.scheduled_change.is_some();
    let card_at = card.and_then(|expiry| card_due(subscription, expiry)).filter(|at| *at > now);
    let charge_at = charge_due(subscription, may_be_long, now);
    subscription.remind_at = charge_at.into_iter().chain(card_at).min();
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
    // Whoever signs up for a short trial has just been told when it ends.
    let was_ahead = subscription.state != SubscriptionState::Trialing
        || subscription.started_at < charge_at - TRIAL_LEAD;
    let best = leads.iter().map(|lead| charge_at - *lead).find(|at| *at > now);
    best.or_else(|| (was_ahead && now <= charge_at - least).then_some(now))
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

/// The next charge, if there is one that nobody was told of yet.
fn untold_charge(subscription: &Subscription) -> Option<DateTime<Utc>> {
    let charge_at = subscription.due_at.filter(|_| subscription.cancellation.is_none())?;
    (subscription.reminded_for != Some(charge_at)).then_some(charge_at)
}

/// When the reminder of a card that cannot pay the next charge is due: while it still works.
fn card_due(subscription: &Subscription, expiry: Expiry) -> Option<DateTime<Utc>> {
    let charge_at = subscription.due_at.filter(|_| subscription.cancellation.is_none())?;
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
    let Some(charge_at) = subscription.due_at.filter(|_| subscription.cancellation.is_none())
    else {
        return Ok(Vec::new());
    };
    let bill = next_bill(subscription, terms, charge_at)?;
    let amount = bill.total;
    let about = |facts: Facts, fact_key: String| {
        Notice::new(subscription.merchant, subscription.customer, facts, fact_key, now, mint)
            .about_subscription(subscription.id)
    };
    let day = charge_at.format("%F");
    // What was due before was told before.
    let is_due =
        |at: DateTime<Utc>| subscription.remind_at.is_some_and(|from| from <= at) && at <= now;
    let mut notices = Vec::new();
    // A change that comes after it is told of anew (RULES CAL-5).
    let key = |kind: &str| {
        format!("{kind}:{}:{day}:{}", subscription.id, subscription.version.next().count())
    };
    let opens_at = leads(subscription).map(|(leads, _)| charge_at - leads[0]);
    let next = next_after(subscription, terms, bill)?;
    let charge_is_due = opens_at.is_some_and(|at| at <= now)
        && untold_charge(subscription).is_some()
        && !is_early(subscription, next, now);
    if charge_is_due && subscription.state == SubscriptionState::Trialing {
        let facts = Facts::TrialEnding { ends_at: charge_at, amount, next };
        notices.push(about(facts, key("trial_ending")));
    } else if charge_is_due && (is_long(terms.interval) || has_been_long(subscription)) {
        let facts = Facts::UpcomingRenewal { renews_at: charge_at, amount, next };
        notices.push(about(facts, key("upcoming_renewal")));
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
        notices.push(about(facts, key));
    }
    if charge_is_due {
        subscription.reminded_for = Some(charge_at);
    }
    Ok(notices)
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
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{
        calendar::Alignment,
        payment::settle::given::{START, at, card, eur, mint, subscription, terms},
        subscription::{Cancellation, CancellationCause, ScheduledChange},
    };

    /// On trial until 1 March, and not billed yet.
    fn on_trial() -> Subscription {
        Subscription { state: SubscriptionState::Trialing, current_period: None, ..subscription() }
    }

    /// Billed for a cycle that ends on `end`.
    fn until(end: &str) -> Subscription {
        Subscription {
            current_period: Some(Period::new(at(START), at(end)).unwrap()),
            due_at: Some(at(end)),
            ..subscription()
        }
    }

    fn from_to(start: &str, end: &str) -> Subscription {
        let current_period = Some(Period::new(at(start), at(end)).unwrap());
        Subscription { current_period, ..until(end) }
    }

    fn cancelled(subscription: &Subscription) -> Subscription {
        let cancellation = Cancellation {
            requested_at: at(START),
            ends_at: at("2026-03-01T09:00:00Z"),
            cause: CancellationCause::Requested,
        };
        Subscription { cancellation: Some(cancellation), ..subscription.clone() }
    }

    fn in_state(state: SubscriptionState) -> Subscription {
        Subscription { state, ..subscription() }
    }

    const GOOD: Expiry = Expiry { year: 2030, month: 12 };
    /// Works in February 2026 and no longer.
    const ENDING: Expiry = Expiry { year: 2026, month: 2 };

    #[rstest]
    #[case::a_trial_seven_days_before(on_trial(), GOOD, Some("2026-02-22T09:00:00Z"))]
    #[case::a_year_four_weeks_before(
        until("2027-02-01T09:00:00Z"),
        GOOD,
        Some("2027-01-04T09:00:00Z")
    )]
    #[case::half_a_year_is_long(until("2026-07-31T09:00:00Z"), GOOD, Some("2026-07-03T09:00:00Z"))]
    #[case::a_day_less_is_not(until("2026-07-30T09:00:00Z"), GOOD, None)]
    #[case::a_month_with_a_good_card(subscription(), GOOD, None)]
    #[case::a_month_with_a_card_that_ends(subscription(), ENDING, Some("2026-02-21T09:00:00Z"))]
    #[case::a_card_that_pays_on_its_last_day(
        from_to("2026-02-28T09:00:00Z", "2026-03-31T09:00:00Z"),
        ENDING,
        Some("2026-02-28T10:00:00Z")
    )]
    #[case::past_due_too(
        in_state(SubscriptionState::PastDue),
        ENDING,
        Some("2026-02-21T09:00:00Z")
    )]
    #[case::paused(in_state(SubscriptionState::Paused), ENDING, None)]
    #[case::unpaid(in_state(SubscriptionState::Unpaid), ENDING, None)]
    #[case::it_ends_anyway(cancelled(&subscription()), ENDING, None)]
    #[case::the_trial_ends_with_no_charge(cancelled(&on_trial()), GOOD, None)]
    fn one_reminder_a_cycle_in_time_before_the_charge(
        #[case] mut subscription: Subscription,
        #[case] expiry: Expiry,
        #[case] expected: Option<&str>,
    ) {
        plan(&mut subscription, terms().interval, Some(expiry), at(START));
        assert_eq!(subscription.remind_at, expected.map(at));
    }

    #[test]
    fn a_reminder_whose_time_is_over_is_not_planned() {
        let mut subscription = on_trial();
        plan(&mut subscription, terms().interval, None, at("2026-02-26T09:00:01Z"));
        assert_eq!(subscription.remind_at, None);
    }

    #[rstest]
    #[case::a_trial(on_trial(), GOOD, GOOD, &["trial_ending"])]
    #[case::a_trial_on_a_card_that_ends_first(on_trial(), ENDING, ENDING, &["card_expiring"])]
    #[case::a_year(until("2027-02-01T09:00:00Z"), GOOD, GOOD, &["upcoming_renewal"])]
    #[case::a_month_on_a_card_that_ends(subscription(), ENDING, ENDING, &["card_expiring"])]
    #[case::the_card_was_replaced_meanwhile(subscription(), ENDING, GOOD, &[])]
    #[case::cancelled_meanwhile(cancelled(&on_trial()), ENDING, ENDING, &[])]
    fn what_is_true_when_the_time_comes_is_told(
        #[case] mut subscription: Subscription,
        #[case] planned_for: Expiry,
        #[case] expiry: Expiry,
        #[case] kinds: &[&str],
    ) {
        plan(&mut subscription, terms().interval, Some(planned_for), at(START));
        let card = card(5, expiry.year, expiry.month);
        let now = subscription.remind_at.unwrap_or(at(START));
        let notices = remind(&mut subscription, &terms(), Some(&card), now, &mint()).unwrap();
        let told: Vec<_> = notices.iter().map(|notice| notice.facts.kind()).collect();
        assert_eq!(told, kinds);
        assert!(notices.iter().all(|notice| notice.subscription == Some(subscription.id)));
    }

    /// The kinds that are told when its reminders are looked after from `now` to its charge.
    fn told_from(
        now: &str,
        mut subscription: Subscription,
        interval: Interval,
    ) -> Vec<(String, DateTime<Utc>)> {
        let terms = Terms { interval, ..terms() };
        let mut told = Vec::new();
        plan(&mut subscription, interval, None, at(now));
        while let Some(next) = subscription.remind_at {
            let notices = remind(&mut subscription, &terms, None, next, &mint()).unwrap();
            told.extend(notices.iter().map(|notice| (notice.facts.kind().to_owned(), next)));
            plan(&mut subscription, interval, None, next);
        }
        told
    }

    /// Billed first for a few weeks, until the calendar's year begins.
    fn joined_in_december() -> Subscription {
        from_to("2026-12-11T09:00:00Z", "2027-01-01T09:00:00Z")
    }

    #[rstest]
    #[case::a_year_after_a_few_weeks(
        "2026-12-11T09:00:00Z",
        joined_in_december(),
        Interval::YEARLY,
        Some("2026-12-18T09:00:00Z")
    )]
    #[case::a_month_after_a_few_weeks(
        "2026-12-11T09:00:00Z",
        joined_in_december(),
        Interval::MONTHLY,
        None
    )]
    #[case::it_rested_when_it_was_to_be_told(
        "2027-01-20T09:00:00Z",
        until("2027-02-01T09:00:00Z"),
        Interval::YEARLY,
        Some("2027-01-20T09:00:00Z")
    )]
    #[case::it_rested_until_it_is_too_late(
        "2027-01-26T09:00:00Z",
        until("2027-02-01T09:00:00Z"),
        Interval::YEARLY,
        None
    )]
    #[case::a_trial_that_has_just_begun(
        "2026-02-24T09:00:00Z",
        Subscription { started_at: at("2026-02-24T09:00:00Z"), ..on_trial() },
        Interval::MONTHLY,
        None
    )]
    fn a_charge_is_told_of_once_and_in_time(
        #[case] now: &str,
        #[case] subscription: Subscription,
        #[case] interval: Interval,
        #[case] expected: Option<&str>,
    ) {
        let told: Vec<_> =
            told_from(now, subscription, interval).into_iter().map(|told| told.1).collect();
        assert_eq!(told, expected.map(at).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn who_moves_from_months_to_years_is_told_of_the_first_year() {
        let yearly = Terms { interval: Interval::YEARLY, ..terms() };
        let mut quarterly = until("2026-05-01T09:00:00Z");
        plan(&mut quarterly, terms().interval, None, at("2026-02-02T09:00:00Z"));
        assert_eq!(quarterly.remind_at, None);
        plan_for(&mut quarterly, &yearly, at("2026-02-02T09:00:00Z"));
        assert_eq!(quarterly.remind_at, Some(at("2026-04-03T09:00:00Z")));

        // They have just been told of the change, in good time for the charge.
        let mut late = until("2026-05-01T09:00:00Z");
        plan_for(&mut late, &yearly, at("2026-04-10T09:00:00Z"));
        assert_eq!(late.remind_at, None);

        // But not of the year that begins four days after it.
        let mut late = until("2027-01-28T09:00:00Z");
        late.current_period =
            Some(Period::new(at("2027-01-01T09:00:00Z"), at("2027-01-28T09:00:00Z")).unwrap());
        plan_for(&mut late, &yearly, at("2027-01-10T09:00:00Z"));
        assert_eq!(late.remind_at, Some(at("2027-01-14T09:00:00Z")));
        late.remind_at = None;
        plan_for(&mut late, &yearly, at("2027-01-24T09:00:00Z"));
        assert_eq!(late.remind_at, Some(at("2027-01-24T09:00:00Z")));

        // Nor are those who have paid by the half-year, and were reminded of the charge before it.
        let mut half_yearly = from_to("2026-07-01T09:00:00Z", "2027-01-28T09:00:00Z");
        half_yearly.reminded_for = half_yearly.due_at;
        plan_for(&mut half_yearly, &yearly, at("2027-01-10T09:00:00Z"));
        assert_eq!(half_yearly.remind_at, Some(at("2027-01-14T09:00:00Z")));
    }

    #[test]
    fn of_a_trial_that_ends_within_a_cycle_its_part_is_told_and_the_charge_after_it() {
        let yearly = Terms {
            interval: Interval::new(1, Unit::Year).unwrap(),
            alignment: Alignment::Calendar,
            trial_days: 14,
            ..terms()
        };
        let mut trial = Subscription { next_cycle: 0, ..on_trial() };
        let ends_at = at("2026-12-28T09:00:00Z");
        trial.begin(&yearly, at("2026-12-14T09:00:00Z")).unwrap();
        plan(&mut trial, yearly.interval, None, at("2026-12-14T09:00:00Z"));
        let told = remind(&mut trial, &yearly, None, at("2026-12-21T09:00:00Z"), &mint()).unwrap();
        // 4 of 365 days of 20.00; then the whole year, for which the time to tell is over on the 28th.
        let next = Some(NextCharge { at: at("2027-01-01T00:00:00Z"), amount: eur(2_000) });
        assert_eq!(told[0].facts, Facts::TrialEnding { ends_at, amount: eur(22), next });
    }

    #[test]
    fn a_short_cycle_and_the_long_one_after_it_are_told_of_in_one_mail_in_time_for_both() {
        let yearly = Terms { interval: Interval::YEARLY, ..terms() };
        // Each 1 February, but for four days.
        let mut comes = until("2027-01-28T09:00:00Z");
        plan(&mut comes, yearly.interval, None, at("2026-02-02T09:00:00Z"));
        let first = at("2026-12-31T09:00:00Z");
        assert_eq!(comes.remind_at, Some(first));
        // More than 30 days before the long cycle begins it would count for nothing.
        assert_eq!(remind(&mut comes, &yearly, None, first, &mint()).unwrap(), []);
        plan(&mut comes, yearly.interval, None, first);
        let second = at("2027-01-14T09:00:00Z");
        assert_eq!(comes.remind_at, Some(second));
        let told = remind(&mut comes, &yearly, None, second, &mint()).unwrap();
        let next = Some(NextCharge { at: at("2027-02-01T09:00:00Z"), amount: eur(2_000) });
        let renews_at = at("2027-01-28T09:00:00Z");
        assert_eq!(told[0].facts, Facts::UpcomingRenewal { renews_at, amount: eur(22), next });
    }

    #[test]
    fn a_card_is_named_once_for_its_month_and_the_amount_is_the_next_cycles() {
        let change = ScheduledChange {
            plan: subscription().plan,
            plan_version: subscription().plan_version,
            quantity: 3,
        };
        let mut subscription = Subscription { scheduled_change: Some(change), ..subscription() };
        plan(&mut subscription, terms().interval, Some(ENDING), at(START));
        let mut terms = terms();
        terms.components[0].model = crate::domain::catalog::PriceModel::PerSeat;
        let card = card(5, ENDING.year, ENDING.month);
        let mut told =
            |now| remind(&mut subscription, &terms, Some(&card), at(now), &mint()).unwrap();
        let [notice] = &told("2026-02-21T09:00:00Z")[..] else { panic!("not one") };
        assert_eq!(
            notice.facts,
            Facts::CardExpiring {
                card: card.shown(),
                expires_at: at("2026-02-28T23:59:59.999999Z"),
                next_charge_at: at("2026-03-01T09:00:00Z"),
                next_amount: eur(6_000),
            }
        );
        assert_eq!(told("2026-02-23T09:00:00Z")[0].fact_key, notice.fact_key);
    }
}
