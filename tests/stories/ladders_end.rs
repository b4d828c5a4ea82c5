//! What a ladder's end leaves, and what it stops.

use rondo::{
    app::merchants::{MerchantUpdate, update_merchant},
    grpc::proto::v1::{
        self, Access,
        attempt::State::Declined,
        cancel_subscription_request::When,
        check_access_response::Reason,
        dunning_ladder::{FinalAction, Step},
        invoice::State::{Open, Paid, Uncollectible},
        subscription::State,
    },
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::id_of,
    cards,
    offer::{retry, try_backup},
    world::World,
};

fn closing(after_days: i32) -> Step {
    Step { access: Access::None.into(), ..retry(after_days) }
}

async fn dunned(world: &World, steps: Vec<Step>, end: FinalAction) -> v1::Plan {
    let ladder = world.policy(steps, end).await;
    world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await
}

#[rstest]
#[tokio::test]
async fn after_the_end_nothing_more_is_charged_by_itself(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3)], FinalAction::MarkUnpaid).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-10").await;
    course.assert().is(State::Unpaid).was_tried([Declined, Declined]).await;
    let other = bo.adds_card(cards::EMPTY).await;
    course.pays_with(&other).await.unwrap();
    world.settle().await;
    course.assert().was_tried([Declined; 3]).await;
    world.advance_to("2026-03-30").await;
    assert_eq!(course.payment().await.attempts.len(), 3);
}

#[rstest]
#[tokio::test]
async fn a_write_off_leaves_what_the_milder_case_leaves(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(28), closing(5), closing(5)], FinalAction::WriteOff).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-04-12").await;
    course.assert().is_past_due().has_invoices([Paid, Uncollectible, Open]).await;
    assert_eq!(bo.access().await, (Access::Grace, Reason::OverdueGrace));
}

#[rstest]
#[tokio::test]
async fn a_write_off_during_a_pause_leaves_nothing_closed(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![closing(3)], FinalAction::WriteOff).await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().dunned_by(&ladder).create().await;
    let bo = world.member("Bo", "tok_visa_ok_x1_then_action_required").await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2027-02-01").await;
    course.pause(None).await;
    world.advance_to("2027-02-20").await;
    course.assert().has_invoices([Paid, Uncollectible]).await;
    course.resume().await;
    world.settle().await;
    course.assert().is_active().await;
    assert_eq!(bo.access().await.0, Access::Full);
}

#[rstest]
#[tokio::test]
async fn an_unpaid_subscription_is_charged_no_more_for_its_other_debt(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = dunned(&world, vec![retry(28), closing(5)], FinalAction::MarkUnpaid).await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-04-04").await;
    course.assert().is(State::Unpaid).has_invoices([Paid, Open, Open]).await;
    let before = course.payment().await.attempts.len();
    world.advance_to("2026-05-20").await;
    let after = course.payment().await.attempts.len();
    assert_eq!(after, before);
}

#[rstest]
#[tokio::test]
async fn a_payment_leaves_what_the_other_case_leaves(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = dunned(&world, vec![retry(28), closing(5)], FinalAction::MarkUnpaid).await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-04-04").await;
    course.assert().is(State::Unpaid).has_invoices([Paid, Open, Open]).await;
    let older = course.invoices().await.remove(1);
    let good = bo.adds_card(cards::GOOD).await;
    course.pays(&older, &good).await.unwrap();
    world.settle().await;
    course.assert().has_invoices([Paid, Paid, Open]).await;
    assert_eq!(bo.access().await.0, Access::Grace, "{:?}", course.get().await.state());
}

#[rstest]
#[tokio::test]
async fn who_withdrew_consent_is_not_charged_on_the_backup(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let steps = vec![try_backup(3), retry(4)];
    let plan = dunned(&world, steps, FinalAction::Cancel).await;
    let bo = world
        .customer("Bo")
        .with_card("tok_visa_ok_x1_then_stop_recurring")
        .with_backup(cards::GOOD)
        .create()
        .await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-20").await;
    course.assert().was_tried([Declined]).await;
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn who_leaves_a_suspended_membership_still_owes_what_they_had(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = dunned(&world, vec![retry(3)], FinalAction::MarkUnpaid).await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-10").await;
    course.assert().is(State::Unpaid).has_invoices([Paid, Open]).await;

    course.cancel(When::PeriodEnd).await;
    course.assert().is(State::Canceled).has_invoices([Paid, Open]).await;
    let good = bo.adds_card(cards::GOOD).await;
    course.pays_with(&good).await.unwrap();
    world.settle().await;
    course.assert().is(State::Canceled).has_invoices([Paid, Paid]).await;
}

#[rstest]
#[tokio::test]
async fn an_unpaid_membership_is_charged_no_more_for_what_was_planned(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(2), retry(2)], FinalAction::MarkUnpaid).await;
    let plan = world.plan("A day", "2.00 EUR").daily().dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    // The first ladder ends at the minute of a retry of the third, and of a renewal.
    world.advance_to("2026-02-05").await;
    course.assert().is(State::Unpaid).await;
    bo.replaces_card(cards::GOOD).await;
    world.advance_to("2026-02-20").await;
    course.assert().is(State::Unpaid).await;
    let told = bo.events().await;
    let told: Vec<_> = told.iter().map(|event| event.r#type.as_str()).collect();
    let unpaid = told.iter().position(|told| *told == "subscription.unpaid").unwrap();
    let after = told[unpaid..].iter().filter(|told| told.starts_with("payment."));
    assert_eq!(after.count(), 0, "{told:#?}");
}

#[rstest]
#[tokio::test]
async fn a_course_that_was_given_up_is_dunned_no_second_time(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3)], FinalAction::MarkUnpaid).await;
    let update =
        MerchantUpdate { dunning_policy: Some(Some(id_of(&ladder))), ..MerchantUpdate::default() };
    let mut repo = world.rondo.store.begin().await.unwrap();
    update_merchant(&world.rondo, repo.as_mut(), world.merchant_id, None, update).await.unwrap();
    repo.commit().await.unwrap();
    let bo = world.member("Bo", cards::EMPTY).await;
    let course = bo.buys("Course", "49.00 EUR").await;
    world.advance_to("2026-02-10").await;
    let request = v1::PayInvoiceRequest {
        name: course.name.clone(),
        request_id: world.api.request_id(),
        ..Default::default()
    };
    world.api.invoices().pay_invoice(request).await.unwrap();
    world.advance_to("2026-03-01").await;
    let cases = bo.cases().await;
    assert_eq!(cases.len(), 1, "{cases:#?}");
}
