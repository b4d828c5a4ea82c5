//! Members who pay, and members who do not.

use rondo::grpc::proto::v1::{
    dunning_ladder::FinalAction,
    invoice::State::{Paid, Uncollectible},
    subscription::State::Canceled,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    offer::retry,
    world::World,
};

#[rstest]
#[tokio::test]
async fn a_good_card_pays_each_month_and_the_anchor_is_kept(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;

    world.advance_to("2026-04-30").await;

    let days = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"];
    course.assert().is_active().has_invoices([Paid; 4]).has_periods_from(days).await;
    assert_eq!(world.mail_kinds("Ana"), ["welcome", "receipt", "receipt", "receipt", "receipt"]);
    world.assert_charged(&ana, "20.00 EUR", 4).await;
}

#[rstest]
#[tokio::test]
async fn a_card_that_is_empty_twice_is_recovered_by_the_ladder(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).create().await;
    let bo = world.member("Bo", "tok_visa_insufficient_funds_x2_then_ok").await;
    let course = world.subscribe(&bo, &plan).await;

    world.advance_to("2026-02-15").await;
    course.assert().is_past_due().await;

    world.advance_to("2026-03-10").await;
    course.assert().is_active().has_invoices([Paid]).await;
    let mails = ["welcome", "trial_ending", "payment_failed", "payment_failed", "recovered"];
    assert_eq!(world.mail_kinds("Bo"), mails);
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_lost_card_is_never_tried_again_and_the_ladder_ends_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).create().await;
    let eva = world.member("Eva", cards::LOST).await;
    let course = world.subscribe(&eva, &plan).await;

    world.advance_to("2026-04-30").await;

    course.assert().is(Canceled).has_invoices([Uncollectible]).await;
    assert_eq!(course.payment().await.attempt_count, 1);
    let mails = [
        "welcome",
        "trial_ending",
        "payment_failed",
        "payment_failed",
        "payment_failed",
        "suspended",
        "cancelled",
    ];
    assert_eq!(world.mail_kinds("Eva"), mails);
}

#[rstest]
#[tokio::test]
async fn nothing_is_charged_once_dunning_has_ended_the_membership(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(20), retry(20)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    // Money comes again only after February's ladder has come to its end, while March's runs.
    let bo = world.member("Bo", "tok_visa_ok_x1_then_insufficient_funds_x4_then_ok").await;
    let course = world.subscribe(&bo, &plan).await;

    world.advance_to("2026-06-30").await;

    course.assert().is(Canceled).has_invoices([Paid, Uncollectible, Uncollectible]).await;
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}
