//! When which reminder comes, and what is put off for want of one.

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
#[case::a_year_four_weeks_before(until("2027-02-01T09:00:00Z"), GOOD, Some("2027-01-04T09:00:00Z"))]
#[case::half_a_year_is_long(until("2026-07-31T09:00:00Z"), GOOD, Some("2026-07-03T09:00:00Z"))]
#[case::a_day_less_is_not(until("2026-07-30T09:00:00Z"), GOOD, None)]
#[case::a_month_with_a_good_card(subscription(), GOOD, None)]
#[case::a_month_with_a_card_that_ends(subscription(), ENDING, Some("2026-02-21T09:00:00Z"))]
#[case::a_card_that_pays_on_its_last_day(
    from_to("2026-02-28T09:00:00Z", "2026-03-31T09:00:00Z"),
    ENDING,
    Some("2026-02-28T10:00:00Z")
)]
#[case::past_due_too(in_state(SubscriptionState::PastDue), ENDING, Some("2026-02-21T09:00:00Z"))]
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
    let mut told = |now| remind(&mut subscription, &terms, Some(&card), at(now), &mint()).unwrap();
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

/// Since 1 February 2026 by the year, and nobody was told of the next one.
fn untold_year() -> Subscription {
    until("2027-02-01T09:00:00Z")
}

/// A month's trial from 29 January, of whose end nobody was told.
fn untold_trial() -> Subscription {
    let (started_at, ends_at) = (at("2026-01-29T09:00:00Z"), at("2026-03-01T09:00:00Z"));
    Subscription { started_at, trial_end: Some(ends_at), due_at: Some(ends_at), ..on_trial() }
}

fn free() -> Terms {
    let mut terms = Terms { interval: Interval::YEARLY, ..terms() };
    terms.components.clear();
    terms
}

#[rstest]
#[case::a_year(untold_year(), Interval::YEARLY, "2027-02-10T09:00:00Z", "upcoming_renewal")]
#[case::the_end_of_a_trial(
    untold_trial(),
    Interval::MONTHLY,
    "2026-03-10T09:00:00Z",
    "trial_ending"
)]
fn a_charge_that_nobody_was_told_of_comes_a_week_after_it_was_told(
    #[case] mut subscription: Subscription,
    #[case] interval: Interval,
    #[case] now: &str,
    #[case] kind: &str,
) {
    let terms = Terms { interval, ..terms() };
    let begins = next_bill(&subscription, &terms, at(now)).unwrap().period;
    let notice = put_off(&mut subscription, &terms, at(now), &mint()).unwrap().unwrap();
    let charge_at = at(now) + TimeDelta::days(7);
    assert_eq!((notice.facts.kind(), subscription.due_at), (kind, Some(charge_at)));
    match notice.facts {
        Facts::TrialEnding { ends_at: told, .. }
        | Facts::UpcomingRenewal { renews_at: told, .. } => {
            assert_eq!(told, charge_at);
        }
        other => panic!("{other:?}"),
    }
    // Then it is charged, for the cycle that it would have been charged for.
    assert_eq!(put_off(&mut subscription, &terms, charge_at, &mint()), Ok(None));
    assert_eq!(next_bill(&subscription, &terms, charge_at).unwrap().period, begins);
}

#[rstest]
#[case::a_month_is_no_long_cycle(subscription(), terms())]
#[case::there_is_nothing_to_pay(untold_year(), free())]
#[case::they_were_told(
    Subscription { reminded_for: untold_year().due_at, ..untold_year() },
    Terms { interval: Interval::YEARLY, ..terms() }
)]
#[case::it_ends(cancelled(&untold_trial()), terms())]
#[case::a_short_trial_is_told_of_when_it_begins(
    Subscription { started_at: at("2026-02-22T09:00:00Z"), ..untold_trial() },
    terms()
)]
fn nothing_else_is_put_off(#[case] mut subscription: Subscription, #[case] terms: Terms) {
    let due_at = subscription.due_at.unwrap();
    assert_eq!(put_off(&mut subscription, &terms, due_at, &mint()), Ok(None));
    assert_eq!(subscription.due_at, Some(due_at));
}

#[rstest]
#[case::by_who_goes_on_after_a_rest(untold_year(), Interval::YEARLY, "2027-01-28T09:00:00Z", true)]
#[case::by_who_comes_in_time(untold_year(), Interval::YEARLY, "2027-01-20T09:00:00Z", false)]
#[case::when_it_was_to_be_told_before(
    Subscription { remind_at: Some(at("2027-01-04T09:00:00Z")), ..untold_year() },
    Interval::YEARLY,
    "2027-01-28T09:00:00Z",
    false
)]
#[case::for_a_month(subscription(), Interval::MONTHLY, "2026-02-28T09:00:00Z", false)]
fn what_is_decided_too_late_to_be_told_is_charged_all_the_same(
    #[case] mut subscription: Subscription,
    #[case] interval: Interval,
    #[case] now: &str,
    #[case] knows: bool,
) {
    plan_anew(&mut subscription, interval, None, at(now));
    assert_eq!(subscription.reminded_for == subscription.due_at, knows);
}

#[rstest]
#[case::on_visa(Network::Visa, "2026-02-24T09:00:00Z", false)]
#[case::on_visa_some_hours_late(Network::Visa, "2026-02-22T15:00:00Z", true)]
#[case::on_mastercard(Network::Mastercard, "2026-02-24T09:00:00Z", true)]
#[case::on_mastercard_too_late(Network::Mastercard, "2026-02-27T09:00:00Z", false)]
fn a_trials_end_is_told_in_its_networks_window_or_not_at_all(
    #[case] network: Network,
    #[case] now: &str,
    #[case] is_told: bool,
) {
    let mut trial = Subscription { remind_at: Some(at(START)), ..untold_trial() };
    let card = PaymentMethod { network, ..card(5, GOOD.year, GOOD.month) };
    let told = remind(&mut trial, &terms(), Some(&card), at(now), &mint()).unwrap();
    assert_eq!(!told.is_empty(), is_told);
    assert_eq!(trial.reminded_for == trial.due_at, is_told);
}
