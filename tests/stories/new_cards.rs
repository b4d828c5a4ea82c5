//! Members who store another card while the old one is being charged.

use rondo::grpc::proto::v1::{
    self,
    attempt::State::{Declined, Succeeded},
    dunning_case::State::Retrying,
    dunning_ladder::FinalAction,
};
use rstest::rstest;
use tonic::Code;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::reason,
    cards,
    course::Course,
    line::{Call, Place},
    member::Member,
    offer::retry,
    world::World,
};

/// A member stores another card while the old one is being charged; how that ends, says `token`.
async fn another_card_meanwhile(world: &World, token: &str) -> (Member, Course, [String; 2]) {
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let eva = world.customer("Eva").create().await;
    let old = eva.adds_card(token).await;
    let course = world.subscribe(&eva, &plan).await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;

    world.line.gets_stuck(Call::Charge, Place::OnTheWayBack);
    world.send_clock_to("2026-03-04").await;
    let ((), new) = tokio::join!(world.settle(), async {
        world.line.is_stuck().await;
        assert_eq!(course.case().await.state(), Retrying);
        let new = eva.replaces_card(cards::GOOD_MASTERCARD).await;
        world.line.goes_on();
        new
    });
    world.arrive().await;
    (eva, course, [old, new])
}

#[rstest]
#[tokio::test]
async fn a_new_card_is_tried_when_the_charge_of_the_old_one_has_failed(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let token = cards::EMPTY_AFTER_ONE;
    let (eva, course, [old, new]) = Box::pin(another_card_meanwhile(&world, token)).await;

    course.assert().is_active().was_tried([Declined, Declined, Succeeded]).await;
    assert_eq!(course.methods_tried().await, [old.clone(), old, new]);
    world.assert_charged(&eva, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_new_card_is_not_tried_when_the_old_one_has_paid(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let token = cards::EMPTY_IN_THE_SECOND_MONTH;
    let (eva, course, [old, new]) = Box::pin(another_card_meanwhile(&world, token)).await;

    course.assert().is_active().was_tried([Declined, Succeeded]).await;
    assert_eq!(course.methods_tried().await, [old.clone(), old]);
    world.assert_charged(&eva, "20.00 EUR", 2).await;

    world.advance_to("2026-04-01").await;
    assert_eq!(course.methods_tried().await, [new]);
    world.assert_charged(&eva, "20.00 EUR", 3).await;
}

#[rstest]
#[tokio::test]
async fn to_say_the_default_once_more_is_no_new_card(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let card = ana.adds_card("tok_visa_ok_x1_then_authentication_required").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;

    ana.pays_from_now_on_with(&card).await;
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined]).await;
}

#[rstest]
#[tokio::test]
async fn two_cards_charged_by_turns_pass_no_bar(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let first = ana.adds_card("tok_visa_ok_x1_then_authentication_required").await;
    let second = ana.is_backed_up_by("tok_mastercard_authentication_required").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;

    course.pays_with(&second).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined, Declined]).await;
    for card in [&first, &second] {
        let refused = course.pays_with(card).await.unwrap_err();
        assert_eq!(reason(&refused), "PAYMENT_METHOD_BLOCKED");
    }
    ana.pays_from_now_on_with(&second).await;
    ana.pays_from_now_on_with(&first).await;
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined, Declined]).await;
}

#[rstest]
#[tokio::test]
async fn a_lost_card_that_is_taken_out_and_put_in_again_is_not_charged(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let lost = ana.adds_their_card(1_000, "tok_visa_ok_x1_then_lost_card").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;

    ana.takes_out(&lost).await;
    let again = ana.adds_their_card(1_000, "tok_visa_ok_x1_then_lost_card").await;
    assert_ne!(again, lost);
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined]).await;
    assert_eq!(course.pays_with(&again).await.unwrap_err().code(), Code::InvalidArgument);
}

#[rstest]
#[tokio::test]
async fn a_number_for_one_use_is_not_billed_again(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let card = ana.adds_card("tok_mastercard_ok_mac_41").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.settle().await;
    course.assert().is_active().was_tried([Succeeded]).await;

    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([]).await;
    ana.takes_out(&card).await;
    ana.adds_card(cards::GOOD).await;
    world.settle().await;
    course.assert().is_active().was_tried([Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_subscription_whose_own_card_is_detached_is_charged_to_the_default(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let own = ana.adds_card(cards::GOOD_MASTERCARD).await;
    let plan = world.plan("Membership", "20.00 EUR").create().await;
    let subscription = v1::Subscription {
        customer: ana.name.clone(),
        plan: plan.name,
        payment_method: own.clone(),
        ..Default::default()
    };
    let request = v1::CreateSubscriptionRequest {
        subscription: Some(subscription),
        request_id: world.api.request_id(),
        ..Default::default()
    };
    let made = world.api.subscriptions().create_subscription(request).await.unwrap().into_inner();
    world.settle().await;

    ana.takes_out(&own).await;
    world.advance_to("2026-03-01").await;

    let request = v1::GetSubscriptionRequest { name: made.name };
    let course = world.api.subscriptions().get_subscription(request).await.unwrap().into_inner();
    assert_eq!(course.state(), v1::subscription::State::Active);
    assert_eq!(course.payment_method, "");
    let states: Vec<_> = ana.invoices().await.iter().map(v1::Invoice::state).collect();
    assert_eq!(states, [v1::invoice::State::Paid; 2]);
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[tokio::test]
async fn a_lost_card_whose_fingerprint_is_told_later_stays_lost(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let lost = ana.adds_unknown_card(1_000, "tok_visa_ok_x1_then_lost_card").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;

    assert_eq!(ana.adds_their_card(1_000, "tok_visa_ok_x1_then_lost_card").await, lost);
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined]).await;
    assert_eq!(course.pays_with(&lost).await.unwrap_err().code(), Code::InvalidArgument);
}

#[rstest]
#[tokio::test]
async fn tries_before_a_fingerprint_was_told_count(#[values(Sqlite, Postgres)] engine: Engine) {
    // Mastercard lets two tries of a card through in a day.
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    let empty = "tok_mastercard_insufficient_funds";
    ana.adds_unknown_card(1_000, empty).await;
    ana.buys("A", "10.00 EUR").await;
    ana.buys("B", "11.00 EUR").await;
    world.settle().await;
    ana.adds_their_card(1_000, empty).await;
    ana.buys("C", "12.00 EUR").await;
    world.settle().await;
    let told = ana.events().await;
    let declined = told.iter().filter(|event| event.r#type == "payment.declined");
    let why: Vec<_> = declined.map(|event| event.reason.as_str()).collect();
    assert_eq!(why, ["wait_funds", "wait_funds", "network_limit"]);
}
