//! Orders that the gateway refuses before it tries them: our set-up is wrong, and that is no fault of
//! the member's.

use rondo::{
    grpc::proto::v1::{
        attempt::State::{Declined, Rejected, Succeeded, Unknown},
        dunning_case::State::Retrying,
        dunning_ladder::FinalAction,
        invoice::State::{Open, Paid, Uncollectible},
        subscription::State::Canceled,
    },
    store::Work,
};
use rstest::rstest;

use crate::{
    sorted,
    support::{
        Engine::{self, Postgres, Sqlite},
        api::bare,
        cards,
        line::Call,
        offer::retry,
        world::World,
    },
};

#[rstest]
#[tokio::test]
async fn a_refused_order_waits_for_staff_and_is_charged_once_when_it_is_put_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;

    world.line.refuses(&[Call::Charge]);
    world.advance_to("2026-03-10").await;

    course.assert().is_active().has_invoices([Paid, Open]).was_tried([Rejected]).await;
    assert!(ana.cases().await.is_empty(), "dunning has nothing to do with it");
    assert_eq!(sorted(world.mail_kinds("Ana")), ["receipt", "welcome"]);
    let stuck = world.stuck().await;
    let [refused] = &stuck[..] else { panic!("one thing is set aside: {stuck:?}") };
    assert_eq!(refused.work, Work::Collect);
    assert_eq!(refused.object, bare(&course.payment().await.name));
    assert!(refused.reason.contains("refused our credentials"), "{}", refused.reason);

    world.line.refuses(&[]);
    world.put_back(&refused.object).await;
    world.settle().await;
    course.assert().has_invoices([Paid, Paid]).was_tried([Rejected, Succeeded]).await;
    assert!(world.stuck().await.is_empty());
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_refused_retry_uses_no_step_of_the_ladder(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-01").await;

    // Staff mends it before the ladder's time is over.
    world.line.refuses(&[Call::Charge]);
    world.advance_to("2026-03-03 12:45").await;
    course.assert().is_past_due().was_tried([Declined, Rejected]).await;
    assert_eq!(course.case().await.state(), Retrying, "the ladder stands still");
    assert_eq!(sorted(world.mail_kinds("Bo")), ["payment_failed", "receipt", "welcome"]);

    world.line.refuses(&[]);
    for stuck in world.stuck().await {
        world.put_back(&stuck.object).await;
    }
    world.advance_to("2026-03-30").await;
    // Both steps were still to be taken.
    course
        .assert()
        .is(Canceled)
        .has_invoices([Paid, Uncollectible])
        .was_tried([Declined, Rejected, Declined, Declined])
        .await;
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_refused_resending_leaves_open_what_became_of_the_first_sending(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // In the second month the gateway charges, its reply is lost, and so is the first look-up.
    let ana = world.member("Ana", "tok_visa_ok_x1_then_reply_lost_lookup_stale_1").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-28").await;
    course.assert().was_tried([Unknown]).await;

    world.line.refuses(&[Call::Charge]);
    world.line.calls();
    world.advance_to("2026-02-28 12:01").await;
    assert_eq!(world.line.calls()[..2], [Call::FindCharge, Call::Charge]);
    course.assert().is_active().has_invoices([Paid, Open]).was_tried([Unknown]).await;
    let stuck = world.stuck().await;
    let [told] = &stuck[..] else { panic!("staff is told once: {stuck:?}") };
    assert_eq!(told.object, bare(&course.payment().await.attempts[0].name));
    assert!(told.reason.contains("when it was sent again"), "{}", told.reason);

    world.put_back(&told.object).await;
    world.settle().await;
    assert_eq!(world.line.calls(), [Call::FindCharge]);
    course.assert().has_invoices([Paid, Paid]).was_tried([Succeeded]).await;
    assert_eq!(sorted(world.mail_kinds("Ana")), ["receipt", "receipt", "welcome"]);
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}
