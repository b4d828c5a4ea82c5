//! What its payer has ended is charged no more, though an order of it had been written down.

use rondo::grpc::proto::v1::{
    cancel_subscription_request::When,
    dunning_ladder::FinalAction,
    invoice::State::{Open, Paid, Void},
    subscription::State::Canceled,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    offer::retry,
    world::World,
};

/// A second charge that does not reach the gateway at first, and would pay if it were sent again.
const NEVER_LEFT: &str = "tok_visa_ok_x1_then_rate_limited_x1_then_ok";
/// The same, but nobody knows that it did not get there.
const LOST: &str = "tok_visa_ok_x1_then_request_lost_x1_then_ok";

#[rstest]
#[tokio::test]
async fn who_leaves_before_the_order_got_there_is_not_charged(
    #[values(NEVER_LEFT, LOST)] token: &str,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", token).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-28").await;
    course.assert().is_active().has_invoices([Paid, Open]).await;

    course.cancel(When::Now).await;
    world.advance_to("2026-03-20").await;
    course.assert().is(Canceled).has_invoices([Paid, Void]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
    assert!(!world.mail_kinds("Ana").contains(&"refund".to_owned()));
    assert_eq!(world.stuck().await, []);
}

#[rstest]
#[tokio::test]
async fn a_card_that_was_taken_out_before_the_order_got_there_is_not_charged(
    #[values(NEVER_LEFT, LOST)] token: &str,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let card = ana.adds_card(token).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-28").await;
    course.assert().is_active().has_invoices([Paid, Open]).await;

    ana.takes_out(&card).await;
    world.advance_to("2026-03-03").await;
    course.assert().is_past_due().has_invoices([Paid, Open]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
    let good = ana.adds_card(cards::GOOD).await;
    world.settle().await;
    course.assert().is_active().has_invoices([Paid, Paid]).await;
    assert_eq!(course.methods_tried().await.last(), Some(&good));
}

#[rstest]
#[tokio::test]
async fn who_withdrew_consent_is_not_charged_on_another_card(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3)], FinalAction::WriteOff).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::GOOD).await;
    let own = bo.adds_card("tok_visa_ok_x1_then_stop_recurring").await;
    let course = world.subscription(&bo).to(&plan).charged_to(&own).create().await;
    world.advance_to("2026-04-10").await;
    assert_eq!(course.methods_tried().await, [""; 0], "April's was not tried at all");
    world.assert_charged(&bo, "20.00 EUR", 1).await;

    // Whoever stores a card agrees anew.
    bo.replaces_card(cards::GOOD_MASTERCARD).await;
    world.advance_to("2026-05-10").await;
    course.assert().is_active().await;
}
