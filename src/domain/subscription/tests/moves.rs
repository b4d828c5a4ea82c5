//! What members and staff ask for.

use rstest::rstest;

use super::*;
use crate::domain::subscription::{CancellationCause, OtherDebts, lifecycle::EndWhen};

fn cancel(ana: &mut Member, when: EndWhen, now: DateTime<Utc>) -> Result<(), NotNow> {
    ana.subscription.cancel(when, CancellationCause::Requested, now)
}

#[test]
fn a_member_who_cancels_stays_until_what_they_paid_for_runs_out() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    cancel(&mut ana, EndWhen::AtPeriodEnd, at("2026-02-10T00:00:00")).unwrap();
    ana.lives_until(at("2026-02-28T09:29:59"));
    assert_eq!(ana.subscription.state, SubscriptionState::Active);

    ana.lives_until(at("2026-02-28T09:30:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Canceled);
    assert_eq!(ana.subscription.ended_at, Some(at("2026-02-28T09:30:00")));
    assert_eq!(ana.totals(), [2_000]);
    assert_eq!(ana.events.last(), Some(&EventKind::SubscriptionCanceled));
}

#[test]
fn a_cancellation_that_was_undone_never_was() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    let before = ana.subscription.clone();
    cancel(&mut ana, EndWhen::AtPeriodEnd, at("2026-02-10T00:00:00")).unwrap();
    ana.subscription.undo_cancellation().unwrap();
    assert_eq!(ana.subscription, before);
    ana.lives_until(at("2026-03-31T09:30:00"));
    assert_eq!(ana.invoices.len(), 3);
}

#[test]
fn what_was_to_change_changes_after_all_if_the_end_is_undone() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    let dearer = Terms { components: vec![price(PriceModel::Flat, 2_500)], ..monthly() };
    ana.will_have(dearer, 1).unwrap();
    cancel(&mut ana, EndWhen::AtPeriodEnd, at("2026-02-10T00:00:00")).unwrap();
    ana.subscription.undo_cancellation().unwrap();
    ana.lives_until(at("2026-02-28T09:30:00"));
    assert_eq!(ana.totals(), [2_000, 2_500]);
}

#[test]
fn what_is_closed_until_its_debt_is_paid_ends_as_it_was_planned() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    cancel(&mut ana, EndWhen::AtPeriodEnd, at("2026-02-10T00:00:00")).unwrap();
    ana.subscription.suspend();
    ana.lives_until(at("2026-02-28T09:29:59"));
    assert_eq!(ana.subscription.state, SubscriptionState::Unpaid);

    let mut stays = ana.subscription.clone();
    stays.undo_cancellation().unwrap();
    assert_eq!(stays.due_at, None);

    ana.lives_until(at("2026-02-28T09:30:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Canceled);
}

#[test]
fn a_first_payment_that_is_slow_buys_what_it_paid_for_whatever_comes_next() {
    let weekly = every(Interval::new(1, crate::domain::calendar::Unit::Week).unwrap());
    let mut ana = Member::subscribes(weekly, at("2026-01-31T09:30:00"));
    let change = ScheduledChange {
        plan: ana.subscription.plan,
        plan_version: ana.subscription.plan_version.next(),
        quantity: 1,
    };
    ana.subscription.scheduled_change = Some(change);
    ana.terms = monthly();
    let terms = ana.terms.clone();
    ana.subscription.open(&terms, at("2026-02-08T12:00:00")).unwrap();
    assert_eq!(ana.subscription.state, SubscriptionState::Active);
    ana.lives_until(at("2026-03-15T12:00:00"));
    assert_eq!(ana.billed_days()[1..], ["2026-02-15 12:00:00", "2026-03-15 12:00:00"]);
}

#[test]
fn a_trial_that_was_cancelled_costs_nothing() {
    let terms = Terms { trial_days: 14, ..monthly() };
    let mut ana = Member::subscribes(terms, at("2026-03-20T12:00:00"));
    cancel(&mut ana, EndWhen::AtPeriodEnd, at("2026-03-21T12:00:00")).unwrap();
    assert_eq!(ana.subscription.cancellation.as_ref().unwrap().ends_at, at("2026-04-03T12:00:00"));
    ana.lives_until(at("2027-01-01T00:00:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Canceled);
    assert!(ana.invoices.is_empty());
}

#[rstest]
#[case::never_paid(SubscriptionState::Incomplete)]
#[case::given_up(SubscriptionState::Unpaid)]
fn with_nothing_paid_for_the_period_ends_now(#[case] state: SubscriptionState) {
    let mut ana = Member::subscribes(monthly(), at("2026-01-31T09:30:00"));
    ana.subscription.state = state;
    cancel(&mut ana, EndWhen::AtPeriodEnd, at("2026-02-01T00:00:00")).unwrap();
    assert_eq!(ana.subscription.state, SubscriptionState::Canceled);
}

#[test]
fn a_pause_within_the_paid_period_uses_it_up_after_it() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.subscription.pause(Some(at("2026-02-20T00:00:00")), at("2026-02-10T00:00:00")).unwrap();
    ana.lives_until(at("2026-02-20T00:00:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Active);
    assert_eq!(ana.subscription.due_at, Some(at("2026-02-28T09:30:00")));
    ana.lives_until(at("2026-03-31T09:30:00"));
    assert_eq!(ana.billed_days()[1..], ["2026-02-28 09:30:00", "2026-03-31 09:30:00"]);
}

#[test]
fn a_pause_beyond_the_paid_period_bills_nothing_and_then_counts_anew() {
    let components = vec![price(PriceModel::Flat, 2_000), price(PriceModel::OneTime, 500)];
    let mut ana = Member::joins(Terms { components, ..monthly() }, at("2026-01-31T09:30:00"));
    ana.subscription.pause(None, at("2026-02-10T00:00:00")).unwrap();
    ana.lives_until(at("2026-04-15T08:00:00"));
    assert_eq!(ana.invoices.len(), 1);

    let terms = ana.terms.clone();
    ana.subscription.resume(&terms, at("2026-04-15T08:00:00")).unwrap();
    ana.lives_until(at("2026-05-15T08:00:00"));
    assert_eq!(ana.billed_days()[1..], ["2026-04-15 08:00:00", "2026-05-15 08:00:00"]);
    // The fee for joining is not asked for again.
    assert_eq!(ana.totals(), [2_500, 2_000, 2_000]);
}

#[rstest]
#[case::while_it_still_rests(
    "2026-05-01T00:00:00",
    SubscriptionState::Paused,
    "2026-06-01T00:00:00"
)]
#[case::when_that_is_over("2026-07-01T00:00:00", SubscriptionState::Active, "2026-07-01T00:00:00")]
fn a_pause_outlasts_a_debt_that_closed_it(
    #[case] paid: &str,
    #[case] state: SubscriptionState,
    #[case] due: &str,
) {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.subscription.pause(Some(at("2026-06-01T00:00:00")), at("2026-02-10T00:00:00")).unwrap();
    ana.subscription.suspend();
    assert_eq!(ana.subscription.due_at, None);
    let terms = ana.terms.clone();
    let paid = at(paid);
    ana.subscription.reopen(&terms, OtherDebts::None, paid).unwrap();
    assert_eq!(ana.subscription.state, state);
    assert_eq!(ana.subscription.due_at, Some(at(due)));
    assert_eq!(ana.subscription.access, Access::Full);
}

#[test]
fn a_trial_paused_and_resumed_is_as_long_as_it_was() {
    let terms = Terms { trial_days: 14, ..monthly() };
    let mut ana = Member::subscribes(terms.clone(), at("2026-03-20T12:00:00"));
    ana.subscription.pause(None, at("2026-03-21T12:00:00")).unwrap();
    ana.subscription.resume(&terms, at("2026-03-30T12:00:00")).unwrap();
    assert_eq!(ana.subscription.state, SubscriptionState::Trialing);
    assert_eq!(ana.subscription.due_at, Some(at("2026-04-03T12:00:00")));
}

#[test]
fn a_debt_that_was_taken_back_opens_what_it_had_closed() {
    let now = at("2026-04-15T08:00:00");
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    let terms = ana.terms.clone();
    assert_eq!(ana.subscription.reopen(&terms, OtherDebts::None, now), Ok(None));

    ana.subscription.suspend();
    let kind = ana.subscription.reopen(&terms, OtherDebts::None, now).unwrap();
    assert_eq!(kind, Some(EventKind::SubscriptionRecovered));
    assert_eq!(ana.subscription.access, Access::Full);
    ana.lives_until(at("2026-05-15T08:00:00"));
    assert_eq!(ana.billed_days()[1..], ["2026-04-15 08:00:00", "2026-05-15 08:00:00"]);
}

#[test]
fn a_cycle_that_is_due_is_billed_though_a_debt_is_settled_before() {
    let now = at("2026-06-01T00:00:00");
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    let terms = ana.terms.clone();
    ana.subscription.pause(None, at("2026-02-10T00:00:00")).unwrap();
    ana.subscription.access = Access::Grace;
    ana.subscription.resume(&terms, now).unwrap();
    assert_eq!(ana.subscription.state, SubscriptionState::PastDue);
    ana.subscription.reopen(&terms, OtherDebts::None, now).unwrap();
    assert_eq!(ana.subscription.state, SubscriptionState::Active);
    assert_eq!(ana.subscription.due_at, Some(now), "the cycle after the rest");
}

#[test]
fn a_change_back_to_what_is_drops_the_planned_one() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.will_have(every(Interval::YEARLY), 1).unwrap();
    let as_it_is = ScheduledChange {
        plan: ana.subscription.plan,
        plan_version: ana.subscription.plan_version,
        quantity: 1,
    };
    ana.subscription.schedule(as_it_is).unwrap();
    assert_eq!(ana.subscription.scheduled_change, None);
    assert_eq!(ana.subscription.unschedule(), Err(NotNow::NoChangePlanned));
}

/// What each move answers in each state: `-` where it is possible.
#[rstest]
//                                   schedule              pause                 cancel  resume
#[case(SubscriptionState::Incomplete, [Some(NotNow::NotBegun), Some(NotNow::NotBegun), None, Some(NotNow::NotPaused)])]
#[case(SubscriptionState::Trialing, [None, None, None, Some(NotNow::NotPaused)])]
#[case(SubscriptionState::Active, [None, None, None, Some(NotNow::NotPaused)])]
#[case(SubscriptionState::PastDue, [None, Some(NotNow::Overdue), None, Some(NotNow::NotPaused)])]
#[case(SubscriptionState::Unpaid, [Some(NotNow::Overdue), Some(NotNow::Overdue), None, Some(NotNow::NotPaused)])]
#[case(SubscriptionState::Paused, [Some(NotNow::Paused), Some(NotNow::Paused), None, None])]
#[case(SubscriptionState::Canceled, [Some(NotNow::Over), Some(NotNow::Over), Some(NotNow::Over), Some(NotNow::NotPaused)])]
#[case(SubscriptionState::Expired, [Some(NotNow::Over), Some(NotNow::Over), Some(NotNow::Over), Some(NotNow::NotPaused)])]
fn every_state_answers_every_move(
    #[case] state: SubscriptionState,
    #[case] answers: [Option<NotNow>; 4],
) {
    let now = at("2026-02-10T00:00:00");
    let fresh = || {
        let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
        ana.subscription.state = state;
        ana
    };
    let told = [
        fresh().will_have(every(Interval::YEARLY), 1).err(),
        fresh().subscription.pause(None, now).err(),
        cancel(&mut fresh(), EndWhen::AtPeriodEnd, now).err(),
        fresh().subscription.resume(&monthly(), now).err(),
    ];
    assert_eq!(told, answers);
}

#[test]
fn what_ends_anyway_is_neither_changed_nor_paused() {
    let now = at("2026-02-10T00:00:00");
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    assert_eq!(ana.subscription.undo_cancellation(), Err(NotNow::NoEndPlanned));
    cancel(&mut ana, EndWhen::AtPeriodEnd, now).unwrap();
    assert_eq!(ana.will_have(every(Interval::YEARLY), 1), Err(NotNow::AlreadyEnding));
    assert_eq!(ana.subscription.pause(None, now), Err(NotNow::AlreadyEnding));
}
