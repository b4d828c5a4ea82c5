//! What was set aside for staff and comes back to its loop when the world has moved on.

use rondo::{
    grpc::proto::v1::{
        invoice::State::Paid,
        subscription::State::{Paused, Trialing},
    },
    store::Work,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::bare,
    cards,
    world::World,
};

#[rstest]
#[tokio::test]
async fn a_rest_that_was_asked_for_meanwhile_stays_one(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.set_aside(Work::Renew, bare(&course.get().await.name)).await;
    world.advance_to("2026-03-10").await;
    course.assert().is_active().has_invoices([Paid]).await;

    course.pause(None).await;
    world.put_back(bare(&course.get().await.name)).await;
    world.advance_to("2026-06-01").await;
    course.assert().is(Paused).has_invoices([Paid]).await;
}

#[rstest]
#[tokio::test]
async fn the_first_cycle_begins_when_the_trial_ended(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-02-10").await;
    assert_eq!(world.mail_kinds("Ana"), ["welcome", "trial_ending"]);
    world.set_aside(Work::Renew, bare(&course.get().await.name)).await;
    world.advance_to("2026-02-20").await;
    course.assert().is(Trialing).await;

    world.put_back(bare(&course.get().await.name)).await;
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).has_periods_from(["2026-02-14"]).await;
}
