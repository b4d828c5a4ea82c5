//! Gateways that lie, as real ones do: each debt is captured once, whatever is lost on the way.

use rondo::{
    gateway::{News, Outcome},
    grpc::proto::v1::{attempt::State::Pending, invoice::State::Paid},
    store::InboxItem,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::bare,
    cards,
    world::World,
};

/// What a card does at its first charge. A month later its invoice is paid all the same.
const CARDS: [&str; 15] = [
    "tok_visa_request_lost_x1_then_ok",
    "tok_visa_error_before_x1_then_ok",
    "tok_visa_rate_limited_x2_then_ok",
    "tok_visa_reply_lost",
    "tok_visa_error_after",
    "tok_visa_malformed",
    "tok_visa_duplicate",
    "tok_visa_key_forgotten",
    "tok_visa_reply_lost_key_forgotten",
    "tok_visa_reply_lost_lookup_stale_2",
    "tok_visa_reply_lost_lookup_down_3",
    "tok_visa_settles_after_3",
    "tok_visa_fails_after_2_x1_then_ok",
    "tok_visa_slow_20",
    "tok_visa_rc_91_x2_then_ok",
];

#[rstest]
#[tokio::test]
async fn each_debt_is_captured_once_whatever_the_gateway_does(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let mut members = Vec::new();
    for (place, token) in CARDS.into_iter().enumerate() {
        let member = world.member(&format!("Member{place}"), token).await;
        let course = world.subscribe(&member, &plan).await;
        members.push((member, course));
    }

    world.advance_to("2026-03-15").await;

    for (member, course) in members {
        course.assert().has_invoices([Paid]).await;
        world.assert_charged(&member, "20.00 EUR", 1).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_webhook_that_is_older_than_what_we_know_asks_nobody_to_act(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(7).create().await;
    let ana = world.member("Ana", cards::PAYS_AFTER_FOUR_DAYS).await;
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-02-08").await;
    course.assert().was_tried([Pending]).await;
    let attempt = course.payment().await.attempts.pop().unwrap();
    // They had been asked to confirm it, and have: the bank has accepted it since.
    let reference = attempt.gateway_reference;
    let outcome = Outcome::ActionRequired { reference: reference.clone(), url: None };
    let news = vec![News::Charge { attempt: bare(&attempt.name).parse().ok(), reference, outcome }];
    let world_now = world.rondo.clock.now();
    let item = InboxItem {
        gateway: attempt.gateway,
        event_id: "evt_old".to_owned(),
        body: Vec::new(),
        news: serde_json::to_value(&news).unwrap(),
        received_at: world_now,
        due_at: Some(world_now),
        tries: 0,
        failure: None,
    };
    let mut repo = world.rondo.store.begin().await.unwrap();
    repo.receive_webhook(&item).await.unwrap();
    repo.commit().await.unwrap();
    world.settle().await;
    course.assert().was_tried([Pending]).await;
    assert!(!world.mail_kinds("Ana").contains(&"authentication_needed".to_owned()));
    world.advance_to("2026-02-20").await;
    course.assert().is_active().has_invoices([Paid]).await;
}
