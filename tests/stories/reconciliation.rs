//! The gateway's own list of what it took, held against what is recorded.

use chrono::TimeDelta;
use rondo::{
    app::reconcile::{self, ReconcileError},
    domain::payment::{reading::Readings, reconcile::Difference},
    gateway::GatewayError,
    grpc::proto::v1::{
        Attempt,
        attempt::State::{Declined, Succeeded},
        invoice::State::{Open, Paid},
    },
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::bare,
    cards,
    line::Call,
    staff::charged,
    world::World,
};

/// The differences found in the last three days, by name.
async fn differences(world: &World) -> Vec<&'static str> {
    let found = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(72)).await.unwrap();
    found.differences.iter().map(Difference::name).collect()
}

fn charge(reference: &str) -> Value {
    json!({
        "reference": reference, "invoice": "inv_1", "amount": 2000, "currency": "EUR",
        "method": "tok_visa_ok.somebody", "initiator": "merchant", "description": "by hand",
    })
}

/// Somebody gives 5.00 EUR of it back in the gateway's dashboard.
async fn is_refunded_by_hand(world: &World, attempt: &Attempt) {
    let taken = world.charge_of(attempt).await;
    let back = json!({
        "reference": "by hand", "charge": taken["id"], "amount": 500, "currency": "EUR",
    });
    world.is_ordered("/v1/refunds", "back by hand", &back).await;
}

#[rstest]
#[tokio::test]
async fn what_was_taken_and_recorded_is_no_difference(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    for (name, card) in [("Ana", cards::GOOD), ("Bo", cards::EMPTY), ("Cem", cards::LOST)] {
        let member = world.member(name, card).await;
        world.subscription(&member).monthly("20.00 EUR").create().await;
    }
    world.time_passes(TimeDelta::hours(2));
    let found = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(72)).await.unwrap();
    assert_eq!((found.listed, found.recorded, found.differences), (1, 1, Vec::new()));
}

#[rstest]
#[tokio::test]
async fn money_whose_news_was_lost_is_recorded(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    // Told to be declined, and taken all the same a moment later; no webhook comes.
    let ana = world.member("Ana", "tok_visa_late_success_after_0").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().has_invoices([Open]).was_tried([Declined]).await;
    world.charge_of(&course.payment().await.attempts.remove(0)).await;

    assert_eq!(differences(&world).await, ["not_heard"]);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert_eq!(differences(&world).await, [""; 0], "it is made up for");
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn money_that_came_weeks_late_is_heard_of_though_a_night_failed(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", "tok_visa_late_success_after_0").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().has_invoices([Open]).was_tried([Declined]).await;
    let late = world.charge_of(&course.payment().await.attempts.remove(0)).await;
    let found = async || {
        let found = reconcile::nightly(&world.rondo, "sandbox").await.unwrap();
        world.settle().await;
        found.differences.iter().map(Difference::name).collect::<Vec<_>>()
    };
    world.time_passes(TimeDelta::days(20));
    let now = world.rondo.clock.now();
    let read =
        Readings { recent_at: now - TimeDelta::days(1), late_at: Some(now - TimeDelta::days(6)) };
    let mut repo = world.rondo.store.begin().await.unwrap();
    repo.keep_readings("sandbox", read).await.unwrap();
    repo.commit().await.unwrap();
    assert_eq!(found().await, [""; 0], "this night's list begins later");
    world.time_passes(TimeDelta::days(1));
    world.line.fails_once(Call::Statement, || GatewayError::Unauthorised);
    reconcile::nightly(&world.rondo, "sandbox").await.unwrap_err();
    world.time_passes(TimeDelta::days(1));
    assert_eq!(found().await, ["not_heard"], "what one night could not read the next one does");

    // Nothing was owed any more: the membership had ended without a payment.
    let told = world.told(&format!("/v1/charges/{}", late["id"].as_str().unwrap())).await;
    assert_eq!(told["amount_refunded"], 2_000, "{told}");
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_night_that_failed_is_made_up_for_an_hour_later(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let is_overdue = async || reconcile::is_overdue(&world.rondo, "sandbox").await.unwrap();
    assert!(is_overdue().await, "nobody has read it yet");
    reconcile::nightly(&world.rondo, "sandbox").await.unwrap();
    world.time_passes(TimeDelta::hours(23));
    assert!(!is_overdue().await, "the next night is yet to come");
    let foreign = world.is_ordered("/v1/charges", "by hand", &charge("by hand")).await;

    world.time_passes(TimeDelta::hours(1));
    world.line.fails_once(Call::Statement, || GatewayError::Unauthorised);
    reconcile::nightly(&world.rondo, "sandbox").await.unwrap_err();
    world.time_passes(TimeDelta::hours(1));
    assert!(is_overdue().await);
    reconcile::nightly(&world.rondo, "sandbox").await.unwrap();
    let [task] = &world.stuck().await[..] else { panic!("staff is told once") };
    assert_eq!(task.object, foreign["id"].as_str().unwrap());
    assert!(!is_overdue().await);
}

#[rstest]
#[tokio::test]
async fn what_bears_no_name_that_we_know_is_told_to_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    let attempt = course.payment().await.attempts.remove(0);

    let foreign = world.is_ordered("/v1/charges", "by hand", &charge("by hand")).await;
    is_refunded_by_hand(&world, &attempt).await;
    assert_eq!(differences(&world).await, ["returned_otherwise", "not_ours"]);

    let told = world.stuck().await;
    let objects: Vec<_> = told.iter().map(|task| task.object.as_str()).collect();
    assert!(objects.contains(&foreign["id"].as_str().unwrap()), "{objects:?}");
    assert!(objects.contains(&bare(&attempt.name)), "{objects:?}");
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
}

#[rstest]
#[tokio::test]
async fn staff_is_not_told_of_what_could_not_be_heard_tonight(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    let attempt = course.payment().await.attempts.remove(0);
    is_refunded_by_hand(&world, &attempt).await;

    let refuses = || GatewayError::Rejected { reason: "no list tonight".to_owned() };
    world.line.fails_once(Call::Returns, refuses);
    let failed = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(72)).await;
    assert!(matches!(failed, Err(ReconcileError::InPart { .. })), "{failed:?}");
    assert_eq!(world.stuck().await, []);

    // This gateway's list of returns has no such refund, so that the next night tells of it.
    assert_eq!(differences(&world).await, ["returned_otherwise"]);
    assert_eq!(world.stuck().await[0].object, bare(&attempt.name));
}

#[rstest]
#[tokio::test]
async fn a_look_up_that_fails_hides_no_other_difference(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let mut courses = Vec::new();
    for called in ["Ana", "Bo"] {
        let member = world.member(called, "tok_visa_reply_lost_insufficient_funds").await;
        courses.push(world.subscribe(&member, &plan).await);
    }
    world.line.refuses(&[Call::FindCharge]);
    world.advance_to("2026-02-20").await;
    for course in &courses {
        let attempt = course.payment().await.attempts.remove(0);
        let reference = format!("ch_mistyped_of_{}", bare(&attempt.name));
        world.staff_says(&attempt, charged(&reference)).await.unwrap();
        course.assert().has_invoices([Paid]).await;
    }
    assert_eq!(world.stuck().await, []);
    world.look_ups_work();
    world.time_passes(TimeDelta::hours(2));

    let refuses = || GatewayError::Rejected { reason: "no such charge".to_owned() };
    world.line.fails_once(Call::FindCharge, refuses);
    let failed = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(72)).await;
    let told = failed.unwrap_err();
    let ReconcileError::InPart { found, source } = &told else { panic!("{told}") };
    assert!(source.to_string().ends_with(" could not be looked up"), "{source}");
    let [Difference::NotThere { attempt }] = found.differences[..] else { panic!("{found:?}") };
    let [task] = &world.stuck().await[..] else { panic!("staff is told of the other") };
    assert_eq!(task.object, attempt.to_string());

    assert_eq!(differences(&world).await, ["not_there"; 2]);
}

#[rstest]
#[tokio::test]
async fn what_was_taken_a_second_time_for_one_attempt_goes_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    let attempt = course.payment().await.attempts.remove(0);
    let attempt = bare(&attempt.name);

    let second = world.is_ordered("/v1/charges", "another key", &charge(attempt)).await;
    let id = second["id"].as_str().unwrap();
    // Its webhook alone might speak of the first charge by another name.
    world.hears(&second).await;
    let [task] = &world.stuck().await[..] else { panic!("staff is told once") };
    assert_eq!(task.object, attempt);
    assert!(task.reason.contains(id), "{}", task.reason);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;

    // Longer than a list may lag behind, so that what it lacks is missed.
    world.time_passes(TimeDelta::hours(2));
    assert_eq!(differences(&world).await, ["taken_twice"]);
    world.settle().await;
    let told = world.told(&format!("/v1/charges/{id}")).await;
    assert_eq!(told["amount_refunded"], 2_000, "{told}");
    assert_eq!(differences(&world).await, [""; 0]);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded, Succeeded]).await;

    world.assert_books_agree().await;
}
