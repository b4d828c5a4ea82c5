//! Charges whose answer was lost at a gateway that cannot be asked: a person looks, and says what became of
//! them. What follows is what would have followed from the gateway's own word, which may come later still.

use chrono::TimeDelta;
use rondo::{
    app::{settle_attempt::settle_attempt, stuck::ask_after},
    domain::{
        changes::Changes,
        ids::{Id, kind},
        payment::{
            attempt::{Attempt, Initiator},
            verdict::Verdict,
        },
    },
    gateway::GatewayError,
    grpc::proto::v1::{
        attempt::{
            self,
            State::{Declined, NotExecuted, Pending, Reversed, Succeeded, Unknown},
        },
        invoice::State::{Open, Paid},
        payment, settle_attempt_request,
    },
};
use rstest::rstest;
use serde_json::json;
use tonic::Code;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::{bare, id_of, reason},
    course::Course,
    line::{Call, Place::OnTheWayBack},
    member::Member,
    staff::{NOTE, charged, not_charged},
    world::World,
};

/// What staff is told, by its object.
async fn listed(world: &World) -> Vec<(String, String)> {
    world.stuck().await.into_iter().map(|task| (task.object, task.reason)).collect()
}

#[rstest]
#[tokio::test]
async fn what_nobody_can_decide_waits_for_staff(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost").await;
    course.assert().is_active().has_invoices([Open]).was_tried([Unknown]).await;
    let attempt = course.payment().await.attempts.remove(0);
    let attempt = bare(&attempt.name).to_owned();
    let told = format!(
        "{attempt} was asked after 12 times and is still undecided; look for it at the gateway, then \
         settle it with `rondo stuck settle`"
    );
    assert_eq!(listed(&world).await, [(attempt, told)]);
    assert_eq!(world.flaws().await, []);
}

/// A gateway that cannot look up at all.
fn no_look_up() -> GatewayError {
    GatewayError::Unsupported("look up a charge")
}

#[rstest]
#[tokio::test]
async fn where_nothing_can_be_looked_up_another_sending_under_the_key_tells(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", "tok_visa_reply_lost").await;
    world.line.fails(Call::FindCharge, no_look_up);
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.advance_to("2026-02-01").await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
    assert_eq!(listed(&world).await, []);
}

#[rstest]
#[tokio::test]
async fn where_nothing_can_be_looked_up_staff_hears_as_soon_as_the_key_is_old(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let ana = world.member("Ana", "tok_visa_error_after").await;
    let course = world.subscribe(&ana, &plan).await;
    world.line.fails(Call::FindCharge, no_look_up);
    world.advance_to("2026-02-07 13:00").await;
    course.assert().was_tried([Unknown]).await;
    assert_eq!(listed(&world).await, []);
    world.line.calls();

    // Four fifths of a day.
    world.time_passes(TimeDelta::hours(20));
    world.advance_to("2026-02-08").await;
    let attempt = course.payment().await.attempts.remove(0);
    let attempt = bare(&attempt.name).to_owned();
    let [(object, told)] = &listed(&world).await[..] else { panic!("staff is told once") };
    assert_eq!(*object, attempt);
    assert!(told.contains(&format!("cannot be asked how {attempt} ended")), "{told}");
    assert_eq!(
        world.line.calls(),
        [Call::FindCharge],
        "it is not sent again, nor asked after twice"
    );
    course.assert().was_tried([Unknown]).await;
}

#[rstest]
#[tokio::test]
async fn the_gateway_is_asked_when_staff_looks_but_not_oftener_than_once_a_minute(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = world.undecided("Ana", "tok_visa_reply_lost").await;
    world.line.calls();
    world.time_passes(TimeDelta::minutes(1));
    let looked_at = async || ask_after(&world.rondo, &world.stuck().await).await.unwrap();
    assert_eq!((looked_at().await, looked_at().await), (1, 0));
    assert_eq!(world.line.calls(), [Call::FindCharge]);
    let before = course.payment().await.attempts.remove(0);
    assert_eq!(listed(&world).await.len(), 1, "it stays staff's: {before:?}");

    world.time_passes(TimeDelta::minutes(1));
    world.look_ups_work();
    assert_eq!(looked_at().await, 1);
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert_eq!(listed(&world).await, []);
    assert_eq!(looked_at().await, 0);
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn what_would_read_otherwise_is_looked_up_and_never_sent_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let ana = world.member("Ana", "tok_visa_request_lost_x1_then_ok").await;
    let course = world.subscribe(&ana, &plan).await;
    world.line.fails(Call::FindCharge, || GatewayError::Unknown("it timed out".into()));
    world.advance_to("2026-02-07 13:00").await;
    course.assert().was_tried([Unknown]).await;

    let known = attempt_of(&world, &course).await;
    assert_eq!(known.request_hash.as_ref().map(String::len), Some(64), "committed with it");
    let otherwise = Attempt { request_hash: Some("0".repeat(64)), ..known };
    world.write(Changes { attempts: vec![otherwise], ..Changes::default() }).await;
    world.line.works();
    world.advance_to("2026-02-10").await;
    course.assert().has_invoices([Paid]).was_tried([NotExecuted, Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

/// The course's last attempt, as it is recorded.
async fn attempt_of(world: &World, course: &Course) -> Attempt {
    let attempt = course.payment().await.attempts.pop().unwrap();
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    repo.attempt_by_id(id_of(&attempt.name)).await.unwrap().unwrap()
}

#[rstest]
#[tokio::test]
async fn money_that_staff_has_found_pays_the_invoice(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = world.undecided("Ana", "tok_visa_reply_lost").await;
    let attempt = course.payment().await.attempts.remove(0);
    let reference = world.charge_of(&attempt).await["id"].as_str().unwrap().to_owned();

    let paid = world.staff_says(&attempt, charged(&reference)).await.unwrap();
    assert_eq!(paid.state(), payment::State::Succeeded);
    assert_eq!(paid.attempts[0].gateway_reference, reference);
    assert_eq!(listed(&world).await, []);
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert!(world.mail_kinds("Ana").contains(&"receipt".to_owned()));
    world.assert_charged(&ana, "20.00 EUR", 1).await;

    let events = ana.events().await;
    let said = events.iter().position(|e| e.r#type == "payment.settled_by_staff").unwrap();
    assert_eq!(events[said].reason, format!("charged: {NOTE}"));
    assert_eq!(events[said].subject, paid.name);
    assert_eq!(events[said + 1].r#type, "payment.succeeded");

    // The gateway's own news comes at last, and is no news.
    world.hears(&world.charge_of(&attempt).await).await;
    assert_eq!(listed(&world).await, []);
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn what_took_nothing_is_charged_again(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = world.undecided("Ana", "tok_visa_request_lost_x1_then_ok").await;
    let attempt = course.payment().await.attempts.remove(0);

    let due = world.staff_says(&attempt, not_charged()).await.unwrap();
    assert_eq!(due.state(), payment::State::Scheduled);
    assert_eq!(listed(&world).await, []);
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([NotExecuted, Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
    let events = ana.events().await;
    let said = events.iter().find(|e| e.r#type == "payment.settled_by_staff").unwrap();
    assert_eq!(said.reason, format!("not_charged: {NOTE}"));
}

#[rstest]
#[tokio::test]
async fn dunning_goes_on_where_an_undecided_retry_took_nothing(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let token = "tok_visa_insufficient_funds_x1_then_request_lost_x1_then_insufficient_funds";
    let (_, course) = world.undecided("Ana", token).await;
    course.assert().is_past_due().was_tried([Declined, Unknown]).await;
    let attempt = course.payment().await.attempts.remove(1);

    world.staff_says(&attempt, not_charged()).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined, NotExecuted, Declined]).await;
    assert_eq!(listed(&world).await, []);
    world.assert_books_agree().await;
}

/// A debit was accepted, and how it ended the gateway never told.
async fn accepted_and_never_told(world: &World) -> (Member, Course) {
    let (ana, course) = world.undecided("Ana", "tok_sepa_settles_after_1").await;
    course.assert().is_active().was_tried([Pending]).await;
    world.advance_to("2026-02-25").await;
    (ana, course)
}

#[rstest]
#[tokio::test]
async fn an_accepted_debit_that_staff_sees_paid_pays(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = accepted_and_never_told(&world).await;
    let attempt = course.payment().await.attempts.remove(0);
    assert_eq!(listed(&world).await.len(), 1);

    // What Stripe would call the payment's charge, no later news of it would find.
    for (other, told) in [
        ("ch_of_somebody_else", format!("must be {}, which", attempt.gateway_reference)),
        ("py_1", "must be the charge's own reference, which begins with ch_".to_owned()),
    ] {
        let refused = world.staff_says(&attempt, charged(other)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(&told), "{refused}");
    }
    world.staff_says(&attempt, charged(&attempt.gateway_reference)).await.unwrap();
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert_eq!(listed(&world).await, []);
}

/// The gateway took another amount than ordered, and says so whenever it is asked.
#[rstest]
#[tokio::test]
async fn another_amount_than_ordered_is_no_payment_and_goes_back_by_hand(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost_wrong_amount").await;
    let attempt = course.payment().await.attempts.remove(0);
    world.look_ups_work();

    let reference = world.charge_of(&attempt).await["id"].as_str().unwrap().to_owned();
    let refused = world.staff_says(&attempt, charged(&reference)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::FailedPrecondition, "GATEWAY_DISAGREES")
    );
    assert!(refused.message().contains("give that back there"), "{refused}");
    world.settle().await;
    course.assert().was_tried([Unknown]).await;
    assert_eq!(listed(&world).await.len(), 1);

    // Staff gave it back there: the payment is due again.
    world.staff_says(&attempt, not_charged()).await.unwrap();
    let tried = course.payment().await.attempts;
    assert_eq!(tried[0].state(), NotExecuted);
    world.settle().await;
    let tried = course.payment().await.attempts;
    assert_eq!((tried[0].state(), tried.len()), (NotExecuted, 2));
}

#[rstest]
#[tokio::test]
async fn an_accepted_debit_that_staff_sees_failed_is_declined(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = accepted_and_never_told(&world).await;
    let attempt = course.payment().await.attempts.remove(0);

    world.staff_says(&attempt, not_charged()).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined]).await;
    assert_eq!(listed(&world).await, []);
}

#[rstest]
#[tokio::test]
async fn money_that_staff_had_denied_pays_if_it_is_heard_of_in_time(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    // It took the money, and the next charge would be declined.
    let token = "tok_visa_reply_lost_x1_then_insufficient_funds";
    let (ana, course) = world.undecided("Ana", token).await;
    let attempt = course.payment().await.attempts.remove(0);
    world.staff_says(&attempt, not_charged()).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().was_tried([NotExecuted, Declined]).await;

    world.hears(&world.charge_of(&attempt).await).await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded, Declined]).await;
    let [(object, reason)] = &listed(&world).await[..] else { panic!("staff is told once") };
    assert_eq!(*object, bare(&attempt.name));
    assert!(reason.contains("money came after the attempt was closed"), "{reason}");
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn money_that_staff_had_denied_goes_back_if_it_was_charged_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost_x1_then_ok").await;
    let attempt = course.payment().await.attempts.remove(0);
    world.staff_says(&attempt, not_charged()).await.unwrap();
    world.settle().await;
    course.assert().has_invoices([Paid]).was_tried([NotExecuted, Succeeded]).await;

    world.hears(&world.charge_of(&attempt).await).await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded, Succeeded]).await;
    assert_eq!(world.charge_of(&attempt).await["amount_refunded"], 2_000);
    assert_eq!(listed(&world).await.len(), 1, "staff is told");
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_gateway_that_denies_what_staff_has_said_is_for_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost_insufficient_funds").await;
    let attempt = course.payment().await.attempts.remove(0);
    world.staff_says(&attempt, charged("ch_of_somebody_else")).await.unwrap();
    assert_eq!(listed(&world).await, []);

    world.hears(&world.charge_of(&attempt).await).await;
    let [(object, reason)] = &listed(&world).await[..] else { panic!("staff is told once") };
    assert_eq!(*object, bare(&attempt.name));
    assert!(reason.contains("the gateway now says that it was not"), "{reason}");
    // Nobody is charged again, nor shut out, before a person has looked.
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    world.advance_to("2026-03-20").await;
    assert_eq!(listed(&world).await.len(), 1, "it is not forgotten");
    assert_eq!(world.flaws().await, []);
}

#[rstest]
#[case::staff_denies_it(not_charged())]
#[case::staff_names_another(charged("ch_of_somebody_else"))]
#[tokio::test]
async fn the_gateways_word_counts_more_than_staffs(
    #[case] verdict: settle_attempt_request::Verdict,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = world.undecided("Ana", "tok_visa_reply_lost").await;
    let attempt = course.payment().await.attempts.remove(0);
    let reference = world.charge_of(&attempt).await["id"].as_str().unwrap().to_owned();
    world.look_ups_work();
    world.line.calls();

    let refused = world.staff_says(&attempt, verdict).await.unwrap_err();
    assert_eq!(world.line.calls(), [Call::FindCharge], "it is asked once");
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::FailedPrecondition, "DECIDED_BY_GATEWAY")
    );
    assert_eq!(
        refused.message(),
        "the gateway was asked just now, and its word counts: the attempt took the money; there is \
         nothing left to say"
    );
    assert_eq!(listed(&world).await, [], "the list is up to date too");
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    assert_eq!(course.payment().await.attempts[0].gateway_reference, reference);
    let events = ana.events().await;
    assert!(events.iter().all(|event| event.r#type != "payment.settled_by_staff"));
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn one_look_up_that_sees_nothing_leaves_it_to_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (ana, course) = world.undecided("Ana", "tok_visa_request_lost_x1_then_ok").await;
    let attempt = course.payment().await.attempts.remove(0);
    world.look_ups_work();
    world.staff_says(&attempt, not_charged()).await.unwrap();
    world.settle().await;
    course.assert().has_invoices([Paid]).was_tried([NotExecuted, Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn what_the_gateway_may_still_decide_is_not_staffs(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let ana = world.member("Ana", "tok_visa_reply_lost").await;
    let course = world.subscribe(&ana, &plan).await;
    world.line.refuses(&[Call::FindCharge]);
    world.advance_to("2026-02-08").await;
    let attempt = course.payment().await.attempts.remove(0);
    world.line.calls();

    let early = world.staff_says(&attempt, not_charged()).await.unwrap_err();
    assert_eq!((early.code(), &*reason(&early)), (Code::FailedPrecondition, "ATTEMPT_STILL_ASKED"));
    assert!(
        early.message().starts_with("the gateway may still tell, and is asked again at 2026-02-")
    );
    assert_eq!(world.line.calls(), [], "nothing is asked for what is refused");
    course.assert().was_tried([Unknown]).await;
}

#[rstest]
#[tokio::test]
async fn what_a_worker_has_in_hand_is_not_staffs(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", "tok_visa_ok").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.line.gets_stuck(Call::Charge, OnTheWayBack);
    world.send_clock_to("2026-03-01").await;
    world.worker_dies_on_the_line().await;
    let attempt = course.payment().await.attempts.remove(0);

    // While it may be alive, and when the next one is about to take it up.
    for seconds in [0, 31] {
        world.time_passes(TimeDelta::seconds(seconds));
        let held = world.staff_says(&attempt, not_charged()).await.unwrap_err();
        assert_eq!((held.code(), &*reason(&held)), (Code::FailedPrecondition, "ATTEMPT_IN_USE"));
    }
    world.arrive().await;
    course.assert().is_active().has_invoices([Paid, Paid]).was_tried([Succeeded]).await;
    let over = world.staff_says(&attempt, not_charged()).await.unwrap_err();
    assert_eq!((over.code(), &*reason(&over)), (Code::FailedPrecondition, "ATTEMPT_SETTLED"));
    assert_eq!(over.message(), "the attempt took the money; there is nothing left to say");
    world.assert_charged(&ana, "20.00 EUR", 2).await;
}

#[rstest]
#[case::it_was_paid("tok_visa_reply_lost", Succeeded)]
#[case::it_was_accepted_and_is_asked_after_again("tok_sepa_reply_lost_settles_after_20", Pending)]
#[tokio::test]
async fn a_webhook_takes_what_goes_on_by_itself_off_the_list(
    #[case] token: &str,
    #[case] state: attempt::State,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", token).await;
    let attempt = course.payment().await.attempts.remove(0);
    assert_eq!(listed(&world).await.len(), 1);
    world.hears(&world.charge_of(&attempt).await).await;
    assert_eq!(listed(&world).await, []);
    course.assert().was_tried([state]).await;
}

#[rstest]
#[tokio::test]
async fn a_page_that_staff_says_was_paid_on_and_was_not_is_for_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost_insufficient_funds").await;
    let attempt = course.payment().await.attempts.remove(0);
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let known = repo.attempt_by_id(id_of(&attempt.name)).await.unwrap().unwrap();
    drop(repo);
    let page = Attempt { method: None, initiator: Initiator::Customer, ..known };
    world.write(Changes { attempts: vec![page], ..Changes::default() }).await;
    world.staff_says(&attempt, charged("ch_of_somebody_else")).await.unwrap();

    // One card was refused there, and another may have paid: the gateway is asked.
    world.look_ups_work();
    world.hears(&world.charge_of(&attempt).await).await;
    let [(object, _)] = &listed(&world).await[..] else { panic!("staff is told once") };
    assert_eq!(*object, bare(&attempt.name));
}

#[rstest]
#[tokio::test]
async fn what_a_bank_took_back_had_been_taken(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost").await;
    let attempt = course.payment().await.attempts.remove(0);
    let reference = world.charge_of(&attempt).await["id"].as_str().unwrap().to_owned();
    let wish = json!({ "charge": bare(&attempt.name), "reason": "chargeback" });
    let reversal = world.at_the_gateway("take-back", wish).await;
    world.hears(&reversal).await;

    let refused = world.staff_says(&attempt, not_charged()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::FailedPrecondition, "ATTEMPT_TOOK_MONEY")
    );
    assert!(refused.message().ends_with("settle it as charged"), "{refused}");

    world.staff_says(&attempt, charged(&reference)).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().has_invoices([Open]).was_tried([Reversed]).await;
    assert!(!world.mail_kinds("Ana").contains(&"receipt".to_owned()), "it is gone again");
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn one_charge_of_the_gateways_is_one_attempt(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.member("Bo", "tok_visa_ok").await;
    let other = world.subscription(&bo).monthly("20.00 EUR").create().await;
    let taken = other.payment().await.attempts.remove(0).gateway_reference;
    let (_, course) = world.undecided("Ana", "tok_visa_reply_lost").await;
    let attempt = course.payment().await.attempts.remove(0);

    let refused = world.staff_says(&attempt, charged(&taken)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        refused.message(),
        "charged.gateway_reference must be the reference of this charge; it is that of another one"
    );
    course.assert().was_tried([Unknown]).await;
}

#[rstest]
#[tokio::test]
async fn whoever_plays_staff_settles_without_the_api(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, course) = world.undecided("Ana", "tok_visa_request_lost_x1_then_ok").await;
    let attempt = course.payment().await.attempts.remove(0);
    let id: Id<kind::Attempt> = id_of(&attempt.name);
    let (merchant, note) = (world.merchant().await, NOTE.parse().unwrap());
    let settled = settle_attempt(&world.rondo, &merchant, id, &Verdict::NotCharged, &note).await;
    assert_eq!(settled.unwrap().attempts[0].id, id);
    let again = settle_attempt(&world.rondo, &merchant, id, &Verdict::NotCharged, &note).await;
    let told = "the attempt was never carried out; there is nothing left to say";
    assert_eq!(again.unwrap_err().to_string(), told);
    assert_eq!(listed(&world).await, []);
}
