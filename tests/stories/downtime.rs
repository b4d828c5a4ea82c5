//! Months in which nothing ran: what was missed is caught up with, in order and once.

use rondo::grpc::proto::v1::{
    attempt::State::{Declined, Succeeded},
    cancel_subscription_request::When,
    invoice::State::{Open, Paid},
    subscription::State::Canceled,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    world::World,
};

const MISSED: [&str; 5] = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"];

#[rstest]
#[tokio::test]
async fn missed_cycles_are_billed_in_order_and_each_is_charged_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;

    world.is_down_until("2026-06-15").await;

    let claims = course.assert().is_active().has_invoices([Paid; 5]).has_periods_from(MISSED);
    claims.is_billed_next_on("2026-06-30").await;
    let invoices = course.invoices().await;
    let numbers: Vec<_> = invoices.iter().map(|invoice| invoice.number.as_str()).collect();
    assert_eq!(numbers, ["OA-000001", "OA-000002", "OA-000003", "OA-000004", "OA-000005"]);
    for invoice in &invoices {
        assert_eq!(course.attempts_at(invoice).await, [Succeeded], "{}", invoice.number);
    }
    world.assert_charged(&ana, "20.00 EUR", 5).await;

    // Another turn finds nothing more to do.
    world.settle().await;
    world.assert_charged(&ana, "20.00 EUR", 5).await;
}

#[rstest]
#[tokio::test]
async fn missed_cycles_that_are_declined_are_each_tried_once_for_now(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscription(&bo).monthly("20.00 EUR").create().await;

    world.is_down_until("2026-06-15").await;

    let states = [Paid, Open, Open, Open, Open];
    course.assert().is_past_due().has_invoices(states).has_periods_from(MISSED).await;
    for invoice in &course.invoices().await[1..] {
        assert_eq!(course.attempts_at(invoice).await, [Declined], "{}", invoice.number);
    }
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_year_that_nobody_was_told_of_is_charged_a_week_after_it_was_told(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let plan = world.plan("Membership", "200.00 EUR").yearly().create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscribe(&ana, &plan).await;
    world.settle().await;

    world.is_down_until("2027-02-10").await;

    course.assert().is_active().has_invoices([Paid]).is_billed_next_on("2027-02-17").await;
    assert_eq!(world.mail_kinds("Ana").last().unwrap(), "upcoming_renewal");
    world.assert_charged(&ana, "200.00 EUR", 1).await;

    world.is_down_until("2027-02-17").await;

    let claims = course.assert().is_active().has_invoices([Paid; 2]);
    claims.has_periods_from(["2026-01-31", "2027-01-31"]).is_billed_next_on("2028-01-31").await;
    world.assert_charged(&ana, "200.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn whoever_ends_it_when_they_are_told_late_is_not_charged(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).create().await;
    let bo = world.member("Bo", cards::GOOD).await;
    let course = world.subscribe(&bo, &plan).await;
    world.settle().await;

    world.is_down_until("2026-03-01").await;
    assert_eq!(world.mail_kinds("Bo"), ["welcome", "trial_ending"]);
    course.cancel(When::PeriodEnd).await;
    world.is_down_until("2026-03-31").await;

    course.assert().is(Canceled).has_invoices([]).await;
    world.assert_charged(&bo, "20.00 EUR", 0).await;
}
