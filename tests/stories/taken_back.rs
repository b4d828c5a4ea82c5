//! Money that had come and that somebody took back: banks, card schemes, staff at the gateway; and what
//! comes again.

use chrono::TimeDelta;
use rondo::{
    app::reconcile,
    domain::payment::reconcile::Difference,
    grpc::proto::v1::{
        self, Access,
        attempt::State::{Declined, Reversed, Succeeded},
        cancel_subscription_request::When,
        check_access_response::Reason,
        invoice::State::{Open, Paid, Uncollectible},
        refund::{Origin, State as RefundState},
    },
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    sorted,
    support::{
        Engine::{self, Postgres, Sqlite},
        api::{bare, shown},
        cards,
        course::Course,
        line::Call,
        member::Member,
        world::World,
    },
};

/// A membership of 20.00 EUR a month, its first month paid with that card.
async fn paid(world: &World, token: &str) -> (Member, Course) {
    let ana = world.member("Ana", token).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().is_active().has_invoices([Paid]).await;
    (ana, course)
}

/// The attempts at the latest invoice: their ids, which the gateway knows them by.
async fn charges(course: &Course) -> Vec<String> {
    let attempts = course.payment().await.attempts;
    attempts.iter().map(|attempt| bare(&attempt.name).to_owned()).collect()
}

/// The latest charge is taken back for this reason, and a webhook tells of it.
async fn taken_back(world: &World, course: &Course, reason: &str) -> Value {
    let charge = charges(course).await.pop().unwrap();
    let wish = json!({ "charge": charge, "reason": reason });
    let reversal = world.at_the_gateway("take-back", wish).await;
    world.hears(&reversal).await;
    reversal
}

async fn given_again(world: &World, reversal: &Value) {
    let won = json!({ "reversal": reversal["id"] });
    let won = world.at_the_gateway("reinstate", won).await;
    world.hears(&won).await;
}

#[rstest]
#[tokio::test]
async fn a_chargeback_opens_the_invoice_again_and_that_card_is_never_charged_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = paid(&world, cards::GOOD).await;
    world.advance_to("2026-02-10").await;
    let reversal = taken_back(&world, &course, "chargeback").await;
    world.hears(&reversal).await;

    course.assert().is_past_due().has_invoices([Open]).was_tried([Reversed]).await;
    let payment = course.payment().await;
    assert_eq!(payment.state(), v1::payment::State::Waiting);
    assert_eq!(shown(payment.reversed.as_ref()), "20.00 EUR");
    assert_eq!(payment.success_time, None);
    assert_eq!(ana.access().await, (Access::Grace, Reason::OverdueGrace));
    assert_eq!(sorted(world.mail_kinds("Ana")), ["payment_failed", "receipt", "welcome"]);
    let told =
        world.mails.mails().into_iter().find(|m| m.kind.as_deref() == Some("payment_failed"));
    assert!(told.unwrap().subject.contains("took back"), "it says what happened");
    let kinds: Vec<_> = ana.events().await.into_iter().map(|event| event.r#type).collect();
    let of_it = kinds.iter().filter(|kind| kind.as_str() == "payment.reversed").count();
    assert_eq!(of_it, 1, "told twice, it happened once: {kinds:?}");
    assert!(kinds.contains(&"invoice.reopened".to_owned()), "{kinds:?}");
    world.assert_books_agree().await;

    world.advance_to("2026-03-15").await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
    course.assert().is(v1::subscription::State::Canceled).await;
    let first = course.invoices().await.remove(0);
    assert_eq!(first.state(), Uncollectible);
}

#[rstest]
#[tokio::test]
async fn a_card_whose_payer_has_to_confirm_is_not_charged_again_when_other_money_went_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) =
        paid(&world, "tok_visa_ok_x1_then_authentication_required_x1_then_ok").await;
    world.advance_to("2026-03-01").await;
    course.assert().is_past_due().has_invoices([Paid, Open]).was_tried([Declined]).await;
    let other = ana.adds_card(cards::GOOD).await;
    course.pays_with(&other).await.unwrap();
    world.settle().await;
    course.assert().is_active().was_tried([Declined, Succeeded]).await;
    taken_back(&world, &course, "chargeback").await;
    world.line.calls();

    world.advance_to("2026-03-20").await;
    assert!(!world.line.calls().contains(&Call::Charge), "only its payer can confirm it");
    course.assert().has_invoices([Paid, Open]).await;
    assert!(world.mail_kinds("Ana").contains(&"authentication_needed".to_owned()));
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_debit_returned_for_want_of_funds_is_presented_again_twice(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-01").await;
    let (ana, course) = paid(&world, "tok_sepa").await;
    world.advance_to("2026-01-03").await;
    taken_back(&world, &course, "sepa_no_funds").await;
    course.assert().is_past_due().has_invoices([Open]).was_tried([Reversed]).await;

    world.advance_to("2026-01-08").await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Reversed, Succeeded]).await;
    taken_back(&world, &course, "sepa_no_funds").await;
    world.advance_to("2026-01-15").await;
    course.assert().is_active().was_tried([Reversed, Reversed, Succeeded]).await;
    taken_back(&world, &course, "sepa_no_funds").await;
    course.assert().is_past_due().was_tried([Reversed, Reversed, Reversed]).await;

    // The scheme allows no third one.
    world.advance_to("2026-01-31").await;
    course.assert().was_tried([Reversed, Reversed, Reversed]).await;
    world.assert_charged(&ana, "20.00 EUR", 3).await;
    assert!(world.captured().await.is_empty());
}

#[rstest]
#[case::mandate_withdrawn("sepa_no_mandate")]
#[case::refunded_at_the_payers_wish("rc_md06")]
#[case::account_closed("sepa_closed")]
#[case::no_reason_that_we_know("rc_zz99")]
#[tokio::test]
async fn a_debit_returned_for_another_reason_is_not_presented_again(
    #[case] reason: &str,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-01").await;
    let (ana, course) = paid(&world, "tok_sepa").await;
    taken_back(&world, &course, reason).await;
    world.advance_to("2026-01-20").await;
    course.assert().has_invoices([Open]).was_tried([Reversed]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;

    // Another card of theirs pays what is open.
    ana.replaces_card(cards::GOOD).await;
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Reversed, Succeeded]).await;
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_dispute_that_is_won_pays_the_open_invoice(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = paid(&world, cards::GOOD).await;
    let reversal = taken_back(&world, &course, "chargeback").await;
    world.advance_to("2026-02-10").await;
    given_again(&world, &reversal).await;
    // Late, the first news comes once more.
    world.hears(&reversal).await;

    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    let payment = course.payment().await;
    assert_eq!(shown(payment.reversed.as_ref()), "0.00 EUR");
    assert!(course.refunds().await.is_empty());
    assert!(world.mail_kinds("Ana").contains(&"recovered".to_owned()));
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_dispute_that_is_won_after_the_invoice_was_paid_otherwise_is_given_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = paid(&world, cards::GOOD).await;
    let reversal = taken_back(&world, &course, "chargeback").await;
    world.advance_to("2026-02-03").await;
    ana.replaces_card(cards::GOOD).await;
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Reversed, Succeeded]).await;

    given_again(&world, &reversal).await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded, Succeeded]).await;
    let [back] = &course.refunds().await[..] else { panic!("one refund") };
    assert_eq!((back.origin(), back.state()), (Origin::LateSuccess, RefundState::Succeeded));
    assert_eq!(world.captured().await.into_values().collect::<Vec<_>>(), [2_000]);
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_dispute_that_is_won_after_the_debt_was_given_up_pays_it_after_all(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = paid(&world, cards::GOOD).await;
    let reversal = taken_back(&world, &course, "chargeback").await;
    world.advance_to("2026-03-15").await;
    assert_eq!(course.invoices().await[0].state(), Uncollectible);

    given_again(&world, &reversal).await;
    world.settle().await;

    course.assert().is(v1::subscription::State::Canceled).await;
    assert_eq!(course.invoices().await[0].state(), Paid);
    assert!(course.refunds().await.is_empty(), "they have had what it was for");
    assert_eq!(world.captured().await.into_values().collect::<Vec<_>>(), [2_000]);
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn what_was_bought_once_is_closed_until_it_is_paid_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = ana.buys("Rust in a week", "49.00 EUR").await;
    world.settle().await;
    let get = v1::GetPaymentRequest { name: course.payment.clone() };
    let payment = world.api.payments().get_payment(get).await.unwrap().into_inner();
    let wish = json!({ "charge": bare(&payment.attempts[0].name) });
    let reversal = world.at_the_gateway("take-back", wish).await;
    world.hears(&reversal).await;

    let [open] = &ana.invoices().await[..] else { panic!("one invoice") };
    assert_eq!((open.state(), shown(open.paid.as_ref())), (Open, "0.00 EUR".to_owned()));
    assert_eq!(ana.cases().await.len(), 1, "dunning asks for it");
    assert_eq!(sorted(world.mail_kinds("Ana")), ["payment_failed", "receipt"]);
    world.assert_books_agree().await;

    given_again(&world, &reversal).await;
    assert_eq!(ana.invoices().await[0].state(), Paid);
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn after_the_end_of_a_subscription_nothing_is_asked_for_by_itself(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = paid(&world, cards::GOOD).await;
    course.cancel(When::Now).await;
    world.settle().await;
    let mails = world.mail_kinds("Ana");
    taken_back(&world, &course, "chargeback").await;
    world.advance_to("2026-03-15").await;

    course.assert().is(v1::subscription::State::Canceled).has_invoices([Open]).await;
    assert_eq!(world.mail_kinds("Ana"), mails, "nobody writes to them");
    assert!(ana.cases().await.is_empty());
    let [task] = &world.stuck().await[..] else { panic!("staff is told") };
    assert_eq!(task.object, charges(&course).await[0]);
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn of_a_payment_refunded_in_part_only_the_rest_is_taken_back_and_owed_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = paid(&world, cards::GOOD).await;
    order_refund(&world, &course, "5.00 EUR").await;
    world.settle().await;
    taken_back(&world, &course, "chargeback").await;

    let payment = course.payment().await;
    let amounts = [payment.refunded, payment.reversed].map(|amount| shown(amount.as_ref()));
    assert_eq!(amounts, ["5.00 EUR", "15.00 EUR"]);
    world.assert_books_agree().await;
    ana.replaces_card(cards::GOOD).await;
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Reversed, Succeeded]).await;
    assert_eq!(world.captured().await.into_values().collect::<Vec<_>>(), [1_500]);
    world.assert_books_agree().await;

    // All that is left goes back of the charge that still holds it.
    order_refund(&world, &course, "15.00 EUR").await;
    world.settle().await;
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
}

async fn order_refund(world: &World, course: &Course, amount: &str) {
    world.gives_back(&course.payment().await.name, Some(amount)).await;
}

#[rstest]
#[tokio::test]
async fn a_refund_that_was_not_sent_yet_is_not_sent_once_the_bank_has_the_money(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = paid(&world, cards::GOOD).await;
    order_refund(&world, &course, "20.00 EUR").await;
    let charge = charges(&course).await.pop().unwrap();
    let reversal = world.at_the_gateway("take-back", json!({ "charge": charge })).await;
    let event = json!({ "id": "evt_1", "type": "reversal.taken_back", "object": reversal });
    assert_eq!(world.hook(&event.to_string(), 0).await.status(), 200);
    world.line.calls();
    rondo::app::inbox::turn(&world.rondo, 10).await.unwrap();
    world.settle().await;

    assert!(!world.line.calls().contains(&Call::Refund), "it is never sent");
    let [refund] = &course.refunds().await[..] else { panic!("one refund") };
    assert_eq!(refund.state(), RefundState::Failed);
    let payment = course.payment().await;
    let amounts = [payment.refunded, payment.reversed].map(|amount| shown(amount.as_ref()));
    assert_eq!(amounts, ["0.00 EUR", "20.00 EUR"]);
    course.assert().has_invoices([Open]).was_tried([Reversed]).await;
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_reversal_of_what_was_never_known_to_be_paid_ends_the_same(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // Told to be declined, and taken all the same a moment later; no webhook comes.
    let ana = world.member("Ana", "tok_visa_late_success_after_0").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().has_invoices([Open]).was_tried([Declined]).await;
    taken_back(&world, &course, "chargeback").await;
    course.assert().is_past_due().has_invoices([Open]).was_tried([Reversed]).await;
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_debit_that_fails_after_it_had_succeeded_is_taken_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = paid(&world, "tok_sepa").await;
    let charge = charges(&course).await.pop().unwrap();
    let seen = world.told(&format!("/v1/lookup?reference={charge}")).await["charges"][0].clone();
    let mut old = seen.clone();
    old["status"] = json!("declined");
    old["decline"] = json!({ "code": "try_later", "response_code": "AM04", "message": "old" });
    world.hears(&old).await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;

    let wish = json!({ "charge": charge, "reason": "sepa_no_funds" });
    let failed = world.at_the_gateway("fail", wish).await;
    let event = json!({ "id": "evt_late", "type": "charge.declined", "object": failed });
    assert_eq!(world.hook(&event.to_string(), 0).await.status(), 200);
    world.settle().await;
    course.assert().is_past_due().has_invoices([Open]).was_tried([Reversed]).await;
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_refund_made_at_the_gateway_is_recorded_told_once_and_never_sent(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = paid(&world, cards::GOOD).await;
    let charge = charges(&course).await.pop().unwrap();
    world.line.calls();
    for (amount, gone) in [(500, "5.00 EUR"), (700, "12.00 EUR")] {
        let wish = json!({ "charge": charge, "amount": amount });
        let refund = world.at_the_gateway("refund", wish).await;
        world.hears(&refund).await;
        world.hears(&refund).await;
        assert_eq!(shown(course.payment().await.refunded.as_ref()), gone);
        world.assert_books_agree().await;
    }
    let recorded = course.refunds().await;
    let origins: Vec<_> = recorded.iter().map(|one| (one.origin(), one.state())).collect();
    assert_eq!(origins, [(Origin::AtGateway, RefundState::Succeeded); 2]);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert!(!world.line.calls().contains(&Call::Refund));
    assert_eq!(sorted(world.mail_kinds("Ana")), ["receipt", "refund", "refund", "welcome"]);

    // What is left can be refunded here.
    order_refund(&world, &course, "8.00 EUR").await;
    world.settle().await;
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn what_is_left_of_unowed_money_goes_back_when_staff_has_refunded_a_part_of_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // Told to be declined, and taken all the same a moment later; no webhook comes. Another card pays.
    let ana = world.member("Ana", "tok_visa_late_success_after_0").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().was_tried([Declined]).await;
    world.charge_of(&course.payment().await.attempts[0]).await;
    let good = ana.adds_card(cards::GOOD).await;
    course.pays_with(&good).await.unwrap();
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Declined, Succeeded]).await;

    let late = charges(&course).await.remove(0);
    let refund = world.at_the_gateway("refund", json!({ "charge": late, "amount": 500 })).await;
    world.hears(&refund).await;
    world.time_passes(TimeDelta::minutes(30));
    world.settle().await;

    assert_eq!(world.captured().await.into_values().collect::<Vec<_>>(), [2_000]);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded, Succeeded]).await;
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_refund_of_ours_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = paid(&world, "tok_visa_refund_lost").await;
    order_refund(&world, &course, "5.00 EUR").await;
    let charge = charges(&course).await.pop().unwrap();
    // Staff refunds the same amount at the gateway; its news comes while ours has no answer.
    let theirs = world.at_the_gateway("refund", json!({ "charge": charge, "amount": 500 })).await;
    world.hears(&theirs).await;
    assert_eq!(course.refunds().await.len(), 1, "it may be ours");
    world.advance_to("2026-02-02").await;
    world.time_passes(TimeDelta::hours(1));
    world.settle().await;

    let recorded = course.refunds().await;
    let mut origins: Vec<_> = recorded.iter().map(|one| (one.origin(), one.state())).collect();
    origins.sort_by_key(|(origin, _)| *origin as i32);
    let done = RefundState::Succeeded;
    assert_eq!(origins, [(Origin::Requested, done), (Origin::AtGateway, done)]);
    assert_eq!(shown(course.payment().await.refunded.as_ref()), "10.00 EUR");
    assert_eq!(world.captured().await.into_values().collect::<Vec<_>>(), [1_000]);
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn what_no_webhook_told_is_found_at_night(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let (ana, course) = paid(&world, cards::GOOD).await;
    let bo = world.member("Bo", cards::GOOD).await;
    let other = world.subscription(&bo).monthly("20.00 EUR").create().await;
    // Long after they were charged.
    world.time_passes(TimeDelta::days(20));
    world.settle().await;
    let wish = json!({ "charge": charges(&course).await.pop().unwrap() });
    let reversal = world.at_the_gateway("take-back", wish).await;
    let wish = json!({ "charge": charges(&other).await.pop().unwrap(), "amount": 300 });
    world.at_the_gateway("refund", wish).await;

    assert_eq!(differences(&world).await, ["reversal_not_heard", "refund_not_heard"]);
    world.settle().await;
    course.assert().is_past_due().has_invoices([Open]).was_tried([Reversed]).await;
    assert_eq!(shown(other.payment().await.refunded.as_ref()), "3.00 EUR");
    assert_eq!(differences(&world).await, [""; 0], "it is made up for");
    world.assert_books_agree().await;

    world.time_passes(TimeDelta::days(1));
    world.at_the_gateway("reinstate", json!({ "reversal": reversal["id"] })).await;
    assert_eq!(differences(&world).await, ["reversal_not_heard"]);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert!(ana.cases().await.iter().all(|case| case.close_time.is_some()));
    world.assert_books_agree().await;
}

/// The differences found in the last three days, by name.
async fn differences(world: &World) -> Vec<&'static str> {
    let found = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(72)).await.unwrap();
    found.differences.iter().map(Difference::name).collect()
}
