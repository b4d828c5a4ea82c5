//! The gateway's own list of what it took, held against what is recorded.

use chrono::TimeDelta;
use rondo::{
    app::reconcile,
    domain::payment::reconcile::Difference,
    grpc::proto::v1::{
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
async fn what_bears_no_name_that_we_know_is_told_to_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    let attempt = course.payment().await.attempts.remove(0);
    let taken = world.charge_of(&attempt).await;
    let known = taken["id"].as_str().unwrap().to_owned();

    let foreign = world.is_ordered("/v1/charges", "by hand", &charge("by hand")).await;
    let back = json!({
        "reference": "by hand", "charge": known, "amount": 500, "currency": "EUR",
    });
    world.is_ordered("/v1/refunds", "back by hand", &back).await;
    assert_eq!(differences(&world).await, ["returned_otherwise", "not_ours"]);

    let told = world.stuck().await;
    let objects: Vec<_> = told.iter().map(|task| task.object.as_str()).collect();
    assert!(objects.contains(&foreign["id"].as_str().unwrap()), "{objects:?}");
    assert!(objects.contains(&bare(&attempt.name)), "{objects:?}");
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
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
