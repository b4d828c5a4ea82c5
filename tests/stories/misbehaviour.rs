//! Gateways that lie, as real ones do: each debt is captured once, whatever is lost on the way.

use std::time::Duration;

use chrono::TimeDelta;
use rondo::{
    domain::money::{Currency, Money},
    gateway::{News, Outcome, Paid as Taken},
    grpc::proto::v1::{
        attempt::{
            self,
            State::{Pending, Succeeded, Unknown},
        },
        invoice::State::{Open, Paid},
    },
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::bare,
    cards,
    line::Call,
    world::World,
};

/// What a card does at its first charge. A month later its invoice is paid all the same.
const CARDS: [&str; 15] = [
    "tok_visa_request_lost_x1_then_ok",
    "tok_visa_error_before_x1_then_ok",
    "tok_visa_rate_limited_x2_then_ok",
    "tok_visa_reply_lost",
    "tok_visa_error_after",
    "tok_visa_malformed",
    "tok_visa_duplicate",
    "tok_visa_key_forgotten",
    "tok_visa_reply_lost_key_forgotten",
    "tok_visa_reply_lost_lookup_stale_2",
    "tok_visa_reply_lost_lookup_down_3",
    "tok_visa_settles_after_3",
    "tok_visa_fails_after_2_x1_then_ok",
    "tok_visa_slow_20",
    "tok_visa_rc_91_x2_then_ok",
];

/// The answer is lost, and the first look-up sees no charge.
const STALE: &str = "tok_visa_reply_lost_lookup_stale_1";

/// And sent again it is charged again.
const STALE_AND_FORGOTTEN: &str = "tok_visa_reply_lost_key_forgotten_lookup_stale_1";

#[rstest]
#[tokio::test]
async fn each_debt_is_captured_once_whatever_the_gateway_does(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let mut members = Vec::new();
    for (place, token) in CARDS.into_iter().enumerate() {
        let member = world.member(&format!("Member{place}"), token).await;
        let course = world.subscribe(&member, &plan).await;
        members.push((member, course));
    }

    world.advance_to("2026-03-15").await;

    for (member, course) in members {
        course.assert().has_invoices([Paid]).await;
        world.assert_charged(&member, "20.00 EUR", 1).await;
    }
}

/// The answer is lost, the server is down for most of the six hours that a key lives, and a look-up lags.
/// Once four fifths are over nothing is sent again: this gateway would have forgotten the key, and charge
/// it twice (RULES PRB-2).
#[rstest]
#[case::the_key_is_young(STALE, 287, &[Call::FindCharge, Call::Charge], Succeeded)]
#[case::four_fifths_are_over(STALE_AND_FORGOTTEN, 288, &[Call::FindCharge], Unknown)]
#[case::the_key_is_dead(STALE_AND_FORGOTTEN, 361, &[Call::FindCharge], Unknown)]
#[tokio::test]
async fn a_charge_is_sent_again_only_while_its_key_is_surely_remembered(
    #[case] token: &str,
    #[case] minutes_down: i64,
    #[case] calls: &[Call],
    #[case] is_then: attempt::State,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    world.line.keeps_keys_for(Duration::from_hours(6));
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let ana = world.member("Ana", token).await;
    let course = world.subscribe(&ana, &plan).await;
    world.is_down_until("2026-02-08").await;
    course.assert().has_invoices([Open]).was_tried([Unknown]).await;
    world.line.calls();

    world.time_passes(TimeDelta::minutes(minutes_down));
    world.settle().await;
    assert_eq!(world.line.calls(), calls);
    course.assert().was_tried([is_then]).await;

    world.time_passes(TimeDelta::days(2));
    world.settle().await;
    course.assert().is_active().has_invoices([Paid]).was_tried([Succeeded]).await;
    world.assert_charged(&ana, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_webhook_that_is_older_than_what_we_know_asks_nobody_to_act(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(7).create().await;
    let ana = world.member("Ana", cards::PAYS_AFTER_FOUR_DAYS).await;
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-02-08").await;
    course.assert().was_tried([Pending]).await;
    let attempt = course.payment().await.attempts.pop().unwrap();
    // They had been asked to confirm it, and have: the bank has accepted it since.
    let reference = attempt.gateway_reference;
    let outcome = Outcome::ActionRequired { reference: reference.clone(), url: None };
    let attempt = bare(&attempt.name).parse().ok();
    world.is_told(News::Charge { attempt, reference, outcome }).await;
    course.assert().was_tried([Pending]).await;
    assert!(!world.mail_kinds("Ana").contains(&"authentication_needed".to_owned()));
    world.advance_to("2026-02-20").await;
    course.assert().is_active().has_invoices([Paid]).await;
}

/// A number for one use is charged, and the answer is lost. A webhook tells that it was paid, and no more
/// than that: the rest must be asked for.
#[rstest]
#[case::who_is_asked_answers(&[], 0)]
#[case::nobody_answers(&[Call::FindCharge], 1)]
#[tokio::test]
async fn what_a_webhook_leaves_out_is_asked_for_and_the_money_counts_in_any_case(
    #[values(Sqlite, Postgres)] engine: Engine,
    #[case] refused: &[Call],
    #[case] tries_next_month: usize,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.customer("Ana").create().await;
    ana.adds_card("tok_mastercard_reply_lost_ok_mac_41").await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    course.assert().was_tried([Unknown]).await;
    let attempt = course.payment().await.attempts.remove(0);
    let charge = world.charge_of(&attempt).await;

    world.line.refuses(refused);
    let reference = charge["id"].as_str().unwrap().to_owned();
    let amount = Money::new(2_000, Currency::from_code("EUR").unwrap());
    let taken = Taken { is_brief: true, ..Taken::bare(reference.clone(), amount) };
    let attempt = bare(&attempt.name).parse().ok();
    world.is_told(News::Charge { attempt, reference, outcome: Outcome::Paid(taken) }).await;
    course.assert().is_active().was_tried([Succeeded]).await;

    world.advance_to("2026-03-01").await;
    assert_eq!(course.payment().await.attempts.len(), tries_next_month);
}
