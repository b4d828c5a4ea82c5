//! Gateways that lie, as real ones do: each debt is captured once, whatever is lost on the way.

use rondo::grpc::proto::v1::invoice::State::Paid;
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
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
