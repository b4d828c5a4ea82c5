//! What is billed when.

use super::*;
use crate::domain::{
    calendar::Unit,
    catalog::PriceModel,
    invoice::{InvoiceState, Line},
    payment::PaymentState,
};

#[test]
fn a_membership_of_31_january_comes_back_to_the_31st() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.lives_until(at("2026-05-31T09:30:00"));
    assert_eq!(
        ana.billed_days(),
        [
            "2026-01-31 09:30:00",
            "2026-02-28 09:30:00",
            "2026-03-31 09:30:00",
            "2026-04-30 09:30:00",
            "2026-05-31 09:30:00",
        ]
    );
    assert_eq!(ana.subscription.due_at, Some(at("2026-06-30T09:30:00")));
}

#[test]
fn the_first_invoice_and_its_payment_are_there_when_the_subscription_is() {
    let ana = Member::subscribes(monthly(), at("2026-01-31T09:30:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Incomplete);
    assert_eq!(ana.subscription.access, Access::None);
    assert_eq!(ana.totals(), [2_000]);
    assert_eq!(ana.payments[0].state, PaymentState::Scheduled);
    assert_eq!(ana.payments[0].collect_at, Some(at("2026-01-31T09:30:00")));
}

#[test]
fn what_costs_nothing_is_open_at_once() {
    let free = Terms { components: vec![price(PriceModel::Flat, 0)], ..monthly() };
    let ana = Member::subscribes(free, at("2026-01-31T09:30:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Active);
    assert_eq!(ana.subscription.access, Access::Full);
    assert_eq!(ana.invoices[0].state, InvoiceState::Paid);
    assert!(ana.payments.is_empty());
}

#[test]
fn a_trial_is_billed_when_it_ends_and_a_one_time_fee_but_once() {
    let components = vec![price(PriceModel::Flat, 2_000), price(PriceModel::OneTime, 500)];
    let terms = Terms { trial_days: 14, components, ..monthly() };
    let mut ana = Member::subscribes(terms, at("2026-03-20T12:00:00"));
    assert_eq!(ana.subscription.state, SubscriptionState::Trialing);
    assert_eq!(ana.subscription.access, Access::Full);
    assert!(ana.invoices.is_empty());

    ana.lives_until(at("2026-05-03T12:00:00"));
    // The same reading of the clock, although summer time began in between.
    assert_eq!(ana.billed_days(), ["2026-04-03 12:00:00", "2026-05-03 12:00:00"]);
    assert_eq!(ana.totals(), [2_500, 2_000]);
    assert_eq!(ana.subscription.state, SubscriptionState::Active);
    assert_eq!(
        ana.events[..4],
        [
            EventKind::InvoiceIssued,
            EventKind::SubscriptionActivated,
            EventKind::SubscriptionRenewed,
            EventKind::InvoiceIssued,
        ]
    );
}

#[test]
fn missed_cycles_are_billed_one_by_one_and_in_order() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    assert_eq!(ana.turns_at(at("2026-05-05T00:00:00")), 3);
    assert_eq!(
        ana.billed_days()[1..],
        ["2026-02-28 09:30:00", "2026-03-31 09:30:00", "2026-04-30 09:30:00"]
    );
    assert_eq!(ana.subscription.due_at, Some(at("2026-05-31T09:30:00")));
}

#[test]
fn a_first_payment_that_never_comes_ends_the_subscription_and_its_debt() {
    let start = at("2026-01-31T09:30:00");
    let mut ana = Member::subscribes(monthly(), start);
    ana.turns_at(start + TimeDelta::hours(72) - TimeDelta::seconds(1));
    assert_eq!(ana.subscription.state, SubscriptionState::Incomplete);

    ana.turns_at(start + TimeDelta::hours(72));
    assert_eq!(ana.subscription.state, SubscriptionState::Expired);
    assert_eq!(ana.subscription.due_at, None);
    assert_eq!(ana.invoices[0].state, InvoiceState::Void);
    assert_eq!(ana.payments[0].state, PaymentState::Abandoned);
}

#[test]
fn a_first_period_up_to_the_calendar_is_prorated_by_its_days() {
    let components = vec![price(PriceModel::Flat, 3_100), price(PriceModel::OneTime, 500)];
    let terms = Terms { alignment: Alignment::Calendar, components, ..monthly() };
    let mut ana = Member::joins(terms, at("2026-01-15T18:00:00"));
    ana.lives_until(at("2026-02-01T00:00:00"));
    // 15 January to 31 January are 17 of 31 days; what comes but once is whole.
    assert_eq!(ana.totals(), [1_700 + 500, 3_100]);
    assert_eq!(ana.billed_days(), ["2026-01-15 18:00:00", "2026-02-01 00:00:00"]);
    let whys: Vec<_> = ana.invoices[0].lines.iter().map(Line::why).collect();
    assert_eq!(
        whys,
        [
            "1 × 31.00 EUR for 17 of 31 days, plan version 1, 2026-01-15 to 2026-01-31",
            "1 × 5.00 EUR, plan version 1, 2026-01-15 to 2026-01-31",
        ]
    );
}

#[test]
fn a_planned_change_of_seats_comes_with_the_next_cycle() {
    let terms = Terms { components: vec![price(PriceModel::PerSeat, 1_000)], ..monthly() };
    let mut ana = Member::joins(terms.clone(), at("2026-01-31T09:30:00"));
    ana.will_have(terms, 3).unwrap();
    assert_eq!(ana.subscription.quantity, 1);

    ana.lives_until(at("2026-02-28T09:30:00"));
    assert_eq!(ana.totals(), [1_000, 3_000]);
    assert_eq!(ana.subscription.quantity, 3);
    assert_eq!(ana.subscription.scheduled_change, None);
    // The anchor was kept.
    assert_eq!(ana.subscription.due_at, Some(at("2026-03-31T09:30:00")));
}

#[test]
fn a_change_to_another_interval_counts_from_the_boundary_between_them() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.lives_until(at("2026-03-31T09:30:00"));
    ana.will_have(every(Interval::YEARLY), 1).unwrap();
    ana.lives_until(at("2027-04-30T09:30:00"));
    assert_eq!(ana.billed_days()[3..], ["2026-04-30 09:30:00", "2027-04-30 09:30:00"]);
}

#[test]
fn a_longer_interval_that_begins_on_its_own_boundary_keeps_the_day() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.lives_until(at("2026-03-31T09:30:00"));
    ana.will_have(every(Interval::new(3, Unit::Month).unwrap()), 1).unwrap();
    ana.lives_until(at("2026-07-31T09:30:00"));
    assert_eq!(ana.billed_days()[3..], ["2026-04-30 09:30:00", "2026-07-31 09:30:00"]);
}

#[test]
fn a_change_to_calendar_months_bills_the_rest_of_the_month_first() {
    let mut ana = Member::joins(monthly(), at("2026-01-21T09:30:00"));
    ana.will_have(Terms { alignment: Alignment::Calendar, ..monthly() }, 1).unwrap();
    ana.lives_until(at("2026-03-01T00:00:00"));
    assert_eq!(ana.billed_days()[1..], ["2026-02-21 09:30:00", "2026-03-01 00:00:00"]);
    // 8 of 28 days.
    assert_eq!(ana.totals()[1..], [571, 2_000]);
}

#[test]
fn a_change_during_the_trial_is_placed_by_the_new_terms() {
    let terms = Terms { trial_days: 14, ..monthly() };
    let mut ana = Member::subscribes(terms, at("2026-03-20T12:00:00"));
    ana.will_have(Terms { alignment: Alignment::Calendar, ..monthly() }, 1).unwrap();
    ana.lives_until(at("2026-05-01T00:00:00"));
    assert_eq!(ana.billed_days(), ["2026-04-03 12:00:00", "2026-05-01 00:00:00"]);
}

#[test]
fn an_overdue_membership_goes_on_being_billed_and_an_unpaid_one_does_not() {
    let mut ana = Member::joins(monthly(), at("2026-01-31T09:30:00"));
    ana.subscription.state = SubscriptionState::PastDue;
    ana.lives_until(at("2026-02-28T09:30:00"));
    assert_eq!(ana.invoices.len(), 2);

    ana.subscription.suspend();
    ana.lives_until(at("2027-01-31T09:30:00"));
    assert_eq!(ana.invoices.len(), 2);
    assert_eq!(ana.subscription.access, Access::None);
}
