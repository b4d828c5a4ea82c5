//! Workers that die in the middle of a call: what they were at is looked up, never blindly repeated.

use chrono::TimeDelta;
use rondo::{
    gateway::GatewayError,
    grpc::proto::v1::{
        attempt::State::{InFlight, Succeeded},
        invoice::State::{Open, Paid},
    },
    store::Work,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::{bare, id_of},
    line::{
        Call,
        Place::{self, OnTheWayBack, OnTheWayThere},
    },
    world::World,
};

#[rstest]
#[case::the_charge_exists(OnTheWayBack, &[Call::FindCharge])]
#[case::the_charge_never_left(OnTheWayThere, &[Call::FindCharge, Call::Charge])]
#[tokio::test]
async fn a_charge_whose_worker_died_is_looked_up_first(
    #[case] died: Place,
    #[case] calls: &[Call],
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // The gateway forgets the key at once: an order that is sent twice is charged twice.
    let ana = world.member("Ana", "tok_visa_key_forgotten").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;

    world.line.gets_stuck(Call::Charge, died);
    world.send_clock_to("2026-03-01").await;
    world.worker_dies_on_the_line().await;
    world.line.calls();

    // As long as its lease runs, it may be alive.
    world.settle().await;
    assert_eq!(world.line.calls(), []);
    course.assert().has_invoices([Paid, Open]).was_tried([InFlight]).await;

    world.time_passes(TimeDelta::seconds(31));
    world.arrive().await;
    assert_eq!(world.line.calls(), calls);
    course.assert().is_active().has_invoices([Paid, Paid]).was_tried([Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_charge_that_staff_puts_back_is_looked_up_first(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // The gateway forgets the key at once: an order that is sent twice is charged twice.
    let ana = world.member("Ana", "tok_visa_key_forgotten").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.line.gets_stuck(Call::Charge, OnTheWayBack);
    world.send_clock_to("2026-03-01").await;
    world.worker_dies_on_the_line().await;
    let attempt = course.payment().await.attempts.pop().unwrap();
    let attempt = bare(&attempt.name);
    world.set_aside(Work::Resolve, attempt).await;
    world.line.calls();

    world.put_back(attempt).await;
    world.arrive().await;
    assert_eq!(world.line.calls(), [Call::FindCharge]);
    course.assert().is_active().has_invoices([Paid, Paid]).was_tried([Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn the_silence_of_a_worker_that_overslept_takes_nothing_from_the_next(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", "tok_visa_ok").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.line.gets_stuck(Call::Charge, OnTheWayThere);
    world.send_clock_to("2026-03-01").await;

    let first = async {
        world.settle().await;
        // It has heard nothing, and the second one still waits for an answer.
        let attempt = course.payment().await.attempts.remove(0);
        let mut repo = world.rondo.store.snapshot().await.unwrap();
        let attempt = repo.attempt_by_id(id_of(&attempt.name)).await.unwrap().unwrap();
        drop(repo);
        assert_eq!((attempt.probes, attempt.probe_at), (0, None));
        assert!(attempt.leased_until > Some(world.rondo.clock.now()), "{:?}", attempt.leased_until);
        world.line.goes_on();
    };
    let second = async {
        world.line.is_stuck().await;
        world.line.fails_once(Call::Charge, || GatewayError::Unknown("it timed out".into()));
        world.line.gets_stuck(Call::FindCharge, OnTheWayThere);
        world.time_passes(TimeDelta::seconds(31));
        tokio::join!(world.settle(), async {
            world.line.is_stuck().await;
            world.line.goes_on();
        });
    };
    tokio::join!(first, second);
    world.arrive().await;
    course.assert().is_active().has_invoices([Paid, Paid]).was_tried([Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}
