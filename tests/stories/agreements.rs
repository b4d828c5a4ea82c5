//! What members change of their agreements, across billing dates.

use rondo::grpc::proto::v1::{
    self,
    cancel_subscription_request::When,
    check_access_response::Reason,
    invoice::State::Paid,
    subscription::State::{Canceled, Paused},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    world::World,
};

#[rstest]
#[tokio::test]
async fn a_pause_across_a_billing_date_begins_a_new_cycle_when_it_ends(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-10").await;
    course.pause(Some("2026-03-20")).await;
    assert_eq!(ana.access().await, (v1::Access::Full, Reason::Paid), "it is paid for");

    world.advance_to("2026-03-10").await;
    course.assert().is(Paused).has_invoices([Paid]).await;
    assert_eq!(ana.access().await, (v1::Access::None, Reason::Paused));

    world.advance_to("2026-04-25").await;
    let days = ["2026-01-31", "2026-03-20", "2026-04-20"];
    course.assert().is_active().has_invoices([Paid; 3]).has_periods_from(days).await;
    world.assert_charged(&ana, "20.00 EUR", 3).await;
}

#[rstest]
#[tokio::test]
async fn a_pause_within_a_period_changes_no_billing_date(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-10").await;
    course.pause(None).await;
    world.advance_to("2026-02-20").await;
    course.resume().await;

    world.advance_to("2026-04-01").await;
    let days = ["2026-01-31", "2026-02-28", "2026-03-31"];
    course.assert().is_active().has_invoices([Paid; 3]).has_periods_from(days).await;
}

#[rstest]
#[tokio::test]
async fn a_member_who_leaves_and_comes_back_in_time_is_billed_as_ever(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-10").await;
    course.cancel(When::PeriodEnd).await;
    course.assert().is_active().is_billed_next_on("").await;
    course.undo_cancel().await;
    course.assert().is_active().is_billed_next_on("2026-02-28").await;

    world.advance_to("2026-03-10").await;
    course.assert().has_invoices([Paid, Paid]).await;
    course.cancel(When::PeriodEnd).await;
    world.advance_to("2026-03-30").await;
    assert_eq!(ana.access().await, (v1::Access::Full, Reason::Paid), "up to the last day");

    world.advance_to("2026-05-10").await;
    course.assert().is(Canceled).has_invoices([Paid, Paid]).await;
    assert_eq!(ana.access().await, (v1::Access::None, Reason::Ended));
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn another_number_of_seats_is_billed_from_the_next_period_on(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Team", "10.00 EUR").per_seat().create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).to(&plan).seats(2).create().await;
    world.advance_to("2026-02-10").await;
    let changed = course.takes_seats(5).await;
    assert_eq!((changed.quantity, changed.scheduled_change.unwrap().quantity), (2, 5));

    world.advance_to("2026-04-10").await;
    course.assert().has_totals(["20.00 EUR", "50.00 EUR", "50.00 EUR"]).await;
    let after = course.get().await;
    assert_eq!((after.quantity, after.scheduled_change), (5, None));
}

#[rstest]
#[tokio::test]
async fn another_plan_begins_with_the_next_period_at_its_own_pace(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let monthly = world.plan("Monthly", "20.00 EUR").opening("courses").create().await;
    let yearly = world.plan("Yearly", "180.00 EUR").yearly().opening("library").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscribe(&ana, &monthly).await;
    world.advance_to("2026-02-10").await;
    course.changes_to(&yearly).await;
    assert_eq!(ana.opens().await, ["courses"], "until then it is as it was");

    world.advance_to("2026-03-01").await;
    assert_eq!(ana.opens().await, ["library"]);
    world.advance_to("2027-02-10").await;
    let (totals, days) = (["20.00 EUR", "180.00 EUR"], ["2026-01-31", "2026-02-28"]);
    course.assert().has_totals(totals).has_periods_from(days).is_billed_next_on("2027-02-28").await;
}

#[rstest]
#[tokio::test]
async fn a_paused_trial_that_is_cancelled_runs_to_its_end(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).create().await;
    let bo = world.member("Bo", cards::GOOD).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-02-02").await;
    course.pause(None).await;
    assert_eq!(bo.access().await, (v1::Access::Full, Reason::Trial));
    course.cancel(When::PeriodEnd).await;
    assert_eq!(bo.access().await, (v1::Access::Full, Reason::Trial));
}
