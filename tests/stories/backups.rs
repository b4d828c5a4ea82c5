//! Backup cards, tried where the ladder says so.

use rondo::grpc::proto::v1::{
    attempt::State::{Declined, Succeeded},
    dunning_ladder::{FinalAction, Step},
    invoice::State::Paid,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    course::Course,
    member::Member,
    offer::{retry, try_backup},
    world::World,
};

/// A member of two cards, who is past due since the second month.
async fn two_cards(
    world: &World,
    steps: [Step; 2],
    tokens: [&str; 2],
) -> (Member, Course, [String; 2]) {
    let ladder = world.policy(steps.to_vec(), FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let ana = world.customer("Ana").create().await;
    let cards = [ana.adds_card(tokens[0]).await, ana.is_backed_up_by(tokens[1]).await];
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;
    (ana, course, cards)
}

#[rstest]
#[tokio::test]
async fn a_backup_card_pays_where_the_first_is_empty_and_the_first_is_charged_again_next_month(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let first = cards::EMPTY_IN_THE_SECOND_MONTH;
    let (ana, course, [primary, backup]) =
        two_cards(&world, [try_backup(3), retry(4)], [first, cards::GOOD]).await;

    world.advance_to("2026-03-04").await;
    course.assert().is_active().has_invoices([Paid; 2]).was_tried([Declined, Succeeded]).await;
    assert_eq!(course.methods_tried().await, [primary.clone(), backup]);
    assert_eq!(world.mail_kinds("Ana"), ["welcome", "receipt", "payment_failed", "recovered"]);

    world.advance_to("2026-04-01").await;
    course.assert().is_active().was_tried([Succeeded]).await;
    assert_eq!(course.methods_tried().await, [primary]);
    world.assert_charged(&ana, "20.00 EUR", 3).await;
}

#[rstest]
#[tokio::test]
async fn after_a_declined_backup_card_the_ladder_goes_on_with_the_first(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let first = cards::EMPTY_IN_THE_SECOND_MONTH;
    let (ana, course, [primary, backup]) =
        two_cards(&world, [try_backup(3), retry(4)], [first, cards::EMPTY]).await;

    world.advance_to("2026-03-04").await;
    course.assert().is_past_due().was_tried([Declined, Declined]).await;
    assert_eq!(course.methods_tried().await, [primary.clone(), backup.clone()]);

    world.advance_to("2026-03-08").await;
    course.assert().is_active().was_tried([Declined, Declined, Succeeded]).await;
    assert_eq!(course.methods_tried().await, [primary.clone(), backup, primary]);
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_backup_card_is_tried_at_each_step_that_says_so(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let tokens = [cards::EMPTY_AFTER_ONE, cards::EMPTY_ONCE];
    let steps = [try_backup(3), try_backup(4)];
    let (ana, course, [primary, backup]) = two_cards(&world, steps, tokens).await;

    world.advance_to("2026-03-08").await;
    course.assert().is_active().was_tried([Declined, Declined, Succeeded]).await;
    assert_eq!(course.methods_tried().await, [primary, backup.clone(), backup]);
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn after_a_declined_backup_card_a_new_first_card_is_tried_at_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let steps = [try_backup(3), retry(4)];
    let tokens = [cards::EMPTY_AFTER_ONE, cards::EMPTY];
    let (ana, course, [primary, backup]) = two_cards(&world, steps, tokens).await;
    world.advance_to("2026-03-04").await;
    course.assert().is_past_due().was_tried([Declined, Declined]).await;

    let new = ana.replaces_card(cards::GOOD_MASTERCARD).await;
    world.settle().await;
    course.assert().is_active().was_tried([Declined, Declined, Succeeded]).await;
    assert_eq!(course.methods_tried().await, [primary, backup, new]);
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}
