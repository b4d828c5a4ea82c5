//! First payments that take their time. An incomplete subscription expires after 72 hours, but not
//! under a payment that is still on its way.

use rondo::grpc::proto::v1::{
    self, Access,
    attempt::State::{ActionRequired, Declined, Pending, Succeeded},
    cancel_subscription_request::When,
    invoice::State::{Open, Paid, Void},
    refund,
    subscription::State::{Canceled, Expired, Incomplete},
};
use rstest::rstest;
use serde_json::json;

use crate::{
    sorted,
    support::{
        Engine::{self, Postgres, Sqlite},
        api::bare,
        cards,
        offer::monthly,
        world::World,
    },
};

#[rstest]
#[tokio::test]
async fn a_first_payment_that_settles_after_the_72_hours_opens_the_subscription(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::PAYS_AFTER_FOUR_DAYS).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;

    world.advance_to("2026-02-03 18:00").await;
    course.assert().is(Incomplete).has_invoices([Open]).was_tried([Pending]).await;

    world.advance_to("2026-02-05").await;
    course.assert().is_active().has_invoices([Paid]).is_billed_next_on("2026-02-28").await;
    assert_eq!(sorted(world.mail_kinds("Ana")), ["receipt", "welcome"]);
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_first_payment_that_nobody_confirms_is_declined_and_told(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", "tok_visa_action_required").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().is(Incomplete).was_tried([ActionRequired]).await;

    // A day more than the bank's 72 hours, so that the second mail keeps its distance from the first.
    world.advance_to("2026-02-04 12:00").await;
    course.assert().was_tried([Declined]).await;
    assert_eq!(world.mail_kinds("Ana"), ["authentication_needed", "authentication_needed"]);
}

#[rstest]
#[tokio::test]
async fn days_that_were_closed_while_the_first_payment_was_on_its_way_are_not_billed(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // The third look-up, two days and an hour later, finds it paid.
    let ana = world.member("Ana", "tok_sepa_settles_after_3").await;
    let plan = world.plan("A day", "2.00 EUR").daily().create().await;
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-02-02").await;
    course.assert().is(Incomplete).has_invoices([Open]).await;

    world.advance_to("2026-02-03").await;
    // The day that was bought began with its payment, at one o'clock.
    course.assert().is_active().has_invoices([Paid]).is_billed_next_on("2026-02-03").await;
    world.advance_to("2026-02-03 14:00").await;
    course.assert().has_invoices([Paid, Open]).is_billed_next_on("2026-02-04").await;
}

#[rstest]
#[tokio::test]
async fn a_first_payment_that_fails_after_the_72_hours_lets_the_subscription_expire(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.member("Bo", cards::DECLINED_AFTER_FOUR_DAYS).await;
    let course = world.subscription(&bo).monthly("20.00 EUR").create().await;

    world.advance_to("2026-02-03 18:00").await;
    course.assert().is(Incomplete).was_tried([Pending]).await;

    world.advance_to("2026-02-07").await;
    course.assert().is(Expired).has_invoices([Void]).was_tried([Declined]).await;
    assert_eq!(world.mail_kinds("Bo"), ["payment_failed"]);
    world.assert_charged(&bo, "20.00 EUR", 0).await;
}

#[rstest]
#[tokio::test]
async fn a_first_payment_that_settles_after_its_member_has_left_is_given_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::PAYS_AFTER_FOUR_DAYS).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-01").await;
    course.cancel(When::Now).await;

    world.advance_to("2026-02-07").await;
    course.assert().is(Canceled).has_invoices([Void]).was_tried([Succeeded]).await;
    let [back] = &course.refunds().await[..] else { panic!("it goes back once") };
    assert_eq!(back.origin(), refund::Origin::LateSuccess);
    assert_eq!(back.state(), refund::State::Succeeded);
    assert_eq!(world.captured().await.len(), 0, "nothing is kept");
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_first_payment_whose_success_is_told_after_the_end_is_given_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // Told to be declined, and taken all the same a moment later.
    let bo = world.member("Bo", "tok_visa_late_success_after_0").await;
    let course = world.subscription(&bo).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-07").await;
    course.assert().is(Expired).has_invoices([Void]).was_tried([Declined]).await;

    let attempt = course.payment().await.attempts.remove(0).name;
    let found = world.told(&format!("/v1/lookup?reference={}", bare(&attempt))).await;
    let charge = &found["charges"][0];
    let news = json!({ "id": "evt_1", "type": "charge.changed", "object": charge });
    assert_eq!(world.hook(&news.to_string(), 0).await.status(), 200);
    world.settle().await;

    course.assert().is(Expired).has_invoices([Void]).was_tried([Succeeded]).await;
    let [back] = &course.refunds().await[..] else { panic!("it goes back once") };
    assert_eq!(back.state(), refund::State::Succeeded);
    assert_eq!(world.captured().await.len(), 0, "nothing is kept");
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_short_first_cycle_paid_late_buys_no_whole_month(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-30").await;
    let terms = v1::PlanTerms {
        alignment: v1::plan_terms::Alignment::Calendar.into(),
        ..monthly("31.00 EUR")
    };
    let plan =
        v1::Plan { display_name: "Calendar".to_owned(), terms: Some(terms), ..Default::default() };
    let request = v1::CreatePlanRequest {
        plan: Some(plan),
        request_id: world.api.request_id(),
        ..Default::default()
    };
    let plan = world.api.plans().create_plan(request).await.unwrap().into_inner();
    let ana = world.member("Ana", "tok_sepa_settles_after_3").await;
    let course = world.subscribe(&ana, &plan).await;
    course.assert().has_totals(["2.00 EUR"]).await;
    world.advance_to("2026-02-27").await;
    // Two days were bought.
    let totals: Vec<_> = course.invoices().await.iter().map(|i| i.total.clone()).collect();
    assert!(
        totals.len() > 1 || ana.access().await.0 != Access::Full,
        "full access on the 26th day, for {totals:?}; billed next {:?}",
        course.get().await.next_bill_time
    );
}

#[rstest]
#[tokio::test]
async fn a_good_card_pays_what_the_first_one_did_not(
    #[values(
        cards::LOST,
        "tok_visa_insufficient_funds",
        "tok_visa_invalid_merchant",
        "tok_vsia",
        ""
    )]
    first: &str,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    if !first.is_empty() {
        ana.adds_card(first).await;
    }
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().is(Incomplete).has_invoices([Open]).await;
    let told = ana.events().await;
    let told: Vec<_> = told.iter().map(|event| event.r#type.as_str()).collect();
    assert!(told.contains(&"payment.declined") || told.contains(&"payment.rejected"), "{told:?}");

    ana.replaces_card(cards::GOOD).await;
    for task in world.stuck().await {
        world.put_back(&task.object).await;
    }
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).await;
    assert_eq!(world.stuck().await.len(), 0, "what went on is not stuck");
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn what_was_paid_in_another_way_is_not_stuck_any_more(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", "tok_vsia").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    let [task] = &world.stuck().await[..] else { panic!("the order was refused") };
    assert!(task.reason.contains("rondo stuck retry"), "{}", task.reason);
    let payment = course.payment().await;
    let decline = payment.attempts[0].decline.clone().unwrap();
    assert!(decline.message.contains("no such card"), "{decline:?}");

    let good = ana.adds_card(cards::GOOD).await;
    course.pays_with(&good).await.unwrap();
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).await;
    assert_eq!(world.stuck().await.len(), 0);
}

#[rstest]
#[tokio::test]
async fn a_card_whose_owner_stopped_one_first_payment_pays_for_others(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", "tok_visa_stop_payment_x1_then_ok").await;
    let stopped = world.subscription(&ana).monthly("20.00 EUR").create().await;
    stopped.assert().is(Incomplete).was_tried([Declined]).await;
    let other = world.subscription(&ana).monthly("10.00 EUR").create().await;
    other.assert().is_active().has_invoices([Paid]).await;
    assert_eq!(stopped.payment().await.attempts.len(), 1);
}
