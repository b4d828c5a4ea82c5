//! A row that nobody thought of, on which a turn panics: its loop goes on, for all merchants.

use std::{panic::AssertUnwindSafe, time::Duration};

use chrono::TimeDelta;
use futures::FutureExt;
use rondo::{
    engine::{self, Engine as Loops},
    gateway::GatewayError,
    grpc::proto::v1::invoice::State::Paid,
    store::Work,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    line::{
        Call,
        Place::{OnTheWayBack, OnTheWayThere},
    },
    world::World,
};

fn panics() -> GatewayError {
    panic!("a row that trips an `expect`")
}

/// What an engine does by itself, it does within a tick or two.
async fn soon(event: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_mins(1), event).await.expect("it comes soon");
}

#[rstest]
#[tokio::test]
async fn a_loop_goes_on_after_a_round_that_panicked(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let first = world.subscription(&ana).monthly("20.00 EUR").create().await;
    // Less than a lease later.
    let later = TimeDelta::seconds(20);
    world.time_passes(later);
    let bo = world.member("Bo", cards::GOOD).await;
    let second = world.subscription(&bo).monthly("20.00 EUR").create().await;

    world.line.gets_stuck(Call::Charge, OnTheWayThere);
    world.line.fails_once(Call::Charge, panics);
    world.time_passes(TimeDelta::days(28) - later);
    let loops = Loops::start(world.rondo.clone(), engine::Settings::default()).await.unwrap();
    soon(world.line.is_stuck()).await;
    world.line.goes_on();

    world.line.gets_stuck(Call::Charge, OnTheWayBack);
    world.time_passes(later);
    soon(world.line.is_stuck()).await;
    world.line.goes_on();
    loops.stop().await;
    second.assert().is_active().has_invoices([Paid, Paid]).await;

    // What the round was at is looked up when its lease is over, as if its worker had died.
    world.time_passes(TimeDelta::seconds(31));
    world.settle().await;
    first.assert().is_active().has_invoices([Paid, Paid]).await;
    world.assert_charged(&ana, "20.00 EUR", 2).await;
    world.assert_charged(&bo, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_turn_that_panics_cuts_no_other_merchants_short(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let mut world = World::on(engine, "2026-01-31").without_test_clock().await;
    let mut courses = Vec::new();
    for called in ["Ana", "Bo"] {
        let member = world.member(called, cards::GOOD).await;
        courses.push(world.subscription(&member).monthly("20.00 EUR").create().await);
        world.turns_to_another_merchant().await;
    }
    world.time_passes(TimeDelta::days(28));
    while engine::round(&world.rondo, Work::Renew).await.unwrap() > 0 {}
    world.line.calls();

    world.line.fails_once(Call::Charge, panics);
    let round = AssertUnwindSafe(engine::round(&world.rondo, Work::Collect)).catch_unwind().await;
    assert!(round.is_err(), "whoever calls a round is told");
    assert_eq!(world.line.calls(), [Call::Charge, Call::Charge], "each had a turn");

    world.time_passes(TimeDelta::seconds(31));
    world.settle().await;
    for course in courses {
        course.assert().is_active().has_invoices([Paid, Paid]).await;
    }
}
