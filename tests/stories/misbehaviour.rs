//! Gateways that lie, as real ones do: each debt is captured once, whatever is lost on the way.

use rondo::domain::{
    calendar::Interval,
    invoice::InvoiceState::{self, Paid},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    world::World,
};

/// What a card does at its first charge, and how its invoice stands a month later.
const CARDS: [(&str, InvoiceState); 15] = [
    ("tok_visa_request_lost_x1_then_ok", Paid),
    ("tok_visa_error_before_x1_then_ok", Paid),
    ("tok_visa_rate_limited_x2_then_ok", Paid),
    ("tok_visa_reply_lost", Paid),
    ("tok_visa_error_after", Paid),
    ("tok_visa_malformed", Paid),
    ("tok_visa_duplicate", Paid),
    ("tok_visa_key_forgotten", Paid),
    ("tok_visa_reply_lost_key_forgotten", Paid),
    ("tok_visa_reply_lost_lookup_stale_2", Paid),
    ("tok_visa_reply_lost_lookup_down_3", Paid),
    ("tok_visa_settles_after_3", Paid),
    ("tok_visa_fails_after_2_x1_then_ok", Paid),
    ("tok_visa_slow_20", Paid),
    ("tok_visa_rc_91_x2_then_ok", Paid),
];

#[rstest]
#[tokio::test]
async fn each_debt_is_captured_once_whatever_the_gateway_does(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", 2_000, Interval::YEARLY, 7).await;
    let mut memberships = Vec::new();
    for (place, (token, expected)) in CARDS.into_iter().enumerate() {
        let member = world.member(&format!("Member{place}"), token).await;
        memberships.push((token, world.subscribe(&member, &plan).await, expected));
    }

    world.advance_to("2026-03-15").await;

    for (token, membership, expected) in memberships {
        assert_eq!(world.invoice_states(membership).await, [expected], "{token}");
    }
    assert_eq!(world.booked().await, world.captured().await);
    assert_eq!(world.captured().await.values().sum::<i64>(), 15 * 2_000);
}
