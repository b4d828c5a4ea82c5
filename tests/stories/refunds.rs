//! Money on its way back, and money that does not arrive there.

use std::time::Duration;

use chrono::TimeDelta;
use rondo::{
    app::reconcile,
    domain::payment::reconcile::Difference,
    gateway::GatewayError,
    grpc::proto::v1::{
        self,
        refund::State::{self, Failed, Pending, Succeeded},
    },
    store::Work,
};
use rstest::rstest;
use serde_json::json;

use crate::{
    sorted,
    support::{
        Engine::{self, Postgres, Sqlite},
        api::{bare, shown},
        cards,
        line::{Call, Place},
        member::Member,
        world::World,
    },
};

/// A course of 49.00 EUR, bought and paid: its payment's name.
async fn bought(world: &World, token: &str) -> (Member, String) {
    let ana = world.member("Ana", token).await;
    let payment = ana.buys("Rust in a week", "49.00 EUR").await.payment;
    world.settle().await;
    (ana, payment)
}

/// Asks for money back: so much, or all that is left.
async fn refund(world: &World, payment: &str, amount: Option<&str>) -> v1::Refund {
    let asked = is_asked_back(world, payment, amount).await;
    get(world, &asked.name).await
}

/// The same, as it was when it was asked for; the engine has turned since.
async fn is_asked_back(world: &World, payment: &str, amount: Option<&str>) -> v1::Refund {
    let asked = world.gives_back(payment, amount).await;
    world.settle().await;
    asked
}

/// A webhook tells how a refund stands.
async fn is_told(world: &World, refund: &v1::Refund, event: &str, status: &str) {
    let news = json!({ "id": event, "type": "refund.changed", "object": {
        "id": refund.gateway_reference,
        "reference": bare(&refund.name),
        "status": status,
        "reason": "the account is closed",
    }});
    assert_eq!(world.hook(&news.to_string(), 0).await.status(), 200);
    world.settle().await;
}

async fn get(world: &World, name: &str) -> v1::Refund {
    let request = v1::GetRefundRequest { name: name.to_owned() };
    world.api.payments().get_refund(request).await.unwrap().into_inner()
}

/// The attempt that paid.
async fn charge(world: &World, payment: &str) -> v1::Attempt {
    let request = v1::GetPaymentRequest { name: payment.to_owned() };
    let payment = world.api.payments().get_payment(request).await.unwrap().into_inner();
    payment.attempts[0].clone()
}

/// What a payment says that went back of it.
async fn gone(world: &World, payment: &str) -> String {
    let request = v1::GetPaymentRequest { name: payment.to_owned() };
    let payment = world.api.payments().get_payment(request).await.unwrap().into_inner();
    shown(payment.refunded.as_ref())
}

#[rstest]
#[tokio::test]
async fn a_part_and_then_the_rest_go_back_and_each_is_told(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, cards::GOOD).await;

    assert_eq!(refund(&world, &payment, Some("9.00 EUR")).await.state(), Succeeded);
    assert_eq!(gone(&world, &payment).await, "9.00 EUR");
    let left: Vec<_> = world.captured().await.into_values().collect();
    assert_eq!(left, [4_000]);
    world.assert_books_agree().await;

    let rest = refund(&world, &payment, None).await;
    assert_eq!((rest.state(), shown(rest.amount.as_ref())), (Succeeded, "40.00 EUR".to_owned()));
    assert_eq!(gone(&world, &payment).await, "49.00 EUR");
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
    assert_eq!(sorted(world.mail_kinds("Ana")), ["receipt", "refund", "refund"]);
}

#[rstest]
#[tokio::test]
async fn a_refund_that_takes_days_is_told_when_it_is_done(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, "tok_visa_refund_late_2").await;
    let asked = refund(&world, &payment, None).await;
    assert_eq!(asked.state(), Pending);
    assert_eq!(world.mail_kinds("Ana"), ["receipt"]);

    world.advance_to("2026-02-05").await;
    assert_eq!(get(&world, &asked.name).await.state(), Succeeded);
    assert_eq!(world.mail_kinds("Ana"), ["receipt", "refund"]);
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_refund_that_is_refused_at_once_moves_nothing(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, "tok_visa_refund_refused").await;
    let asked = refund(&world, &payment, None).await;
    assert_eq!(asked.state(), Failed);
    assert_eq!(gone(&world, &payment).await, "0.00 EUR");
    assert_eq!(world.stuck().await[0].object, bare(&asked.name));
    assert_eq!(world.mail_kinds("Ana"), ["receipt"]);
    world.assert_books_agree().await;
}

#[rstest]
#[case::it_was_pending("tok_visa_refund_late_99", Pending, &["receipt"])]
#[case::it_had_succeeded(cards::GOOD, Succeeded, &["receipt", "refund"])]
#[tokio::test]
async fn a_refund_that_fails_days_later_is_for_staff_and_the_money_is_still_ours(
    #[case] card: &str,
    #[case] at_first: State,
    #[case] mails: &[&str],
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, card).await;
    let asked = refund(&world, &payment, None).await;
    assert_eq!(asked.state(), at_first);
    assert_eq!(gone(&world, &payment).await, "49.00 EUR", "it is promised");

    world.advance_to("2026-02-03").await;
    is_told(&world, &asked, "evt_1", "failed").await;

    let failed = get(&world, &asked.name).await;
    assert_eq!((failed.state(), failed.failure.as_str()), (Failed, "the account is closed"));
    assert_eq!(gone(&world, &payment).await, "0.00 EUR", "it may be asked for again");
    let stuck = world.stuck().await;
    let [told] = &stuck[..] else { panic!("staff is told once: {stuck:?}") };
    assert_eq!(told.object, bare(&asked.name));
    assert_eq!(world.mail_kinds("Ana"), mails);
    assert_eq!(world.booked().await.into_values().collect::<Vec<_>>(), [4_900]);
}

#[rstest]
#[tokio::test]
async fn a_refund_that_failed_stays_so_when_older_news_comes_after_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, "tok_visa_refund_late_99").await;
    let asked = refund(&world, &payment, None).await;
    for (event, status) in [("evt_2", "failed"), ("evt_1", "succeeded")] {
        is_told(&world, &asked, event, status).await;
    }
    assert_eq!(get(&world, &asked.name).await.state(), Failed);
    assert_eq!(world.mail_kinds("Ana"), ["receipt"]);
    assert_eq!(world.booked().await.into_values().collect::<Vec<_>>(), [4_900]);
}

#[rstest]
#[tokio::test]
async fn a_refund_that_goes_through_when_the_bank_has_taken_the_money_too_is_for_staff(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, "tok_visa_refund_late_99").await;
    let asked = refund(&world, &payment, None).await;
    // As the bank would tell of it; the sandbox itself takes back only what has not gone back.
    let (_, another) = bought(&world, cards::GOOD).await;
    let [ours, theirs] = [charge(&world, &payment).await, charge(&world, &another).await];
    let wish = json!({ "charge": bare(&theirs.name) });
    let mut reversal = world.at_the_gateway("take-back", wish).await;
    reversal["charge"] = json!(ours.gateway_reference);
    reversal["charge_reference"] = json!(bare(&ours.name));
    world.hears(&reversal).await;
    assert!(world.stuck().await.is_empty(), "the refund may still fail");

    is_told(&world, &asked, "evt_1", "succeeded").await;

    assert_eq!(get(&world, &asked.name).await.state(), Succeeded);
    let stuck = world.stuck().await;
    let [told] = &stuck[..] else { panic!("staff is told once: {stuck:?}") };
    assert!(told.reason.contains("49.00 EUR"), "{}", told.reason);
}

#[rstest]
#[case::the_refund("update refund set currency = 'QQQ'", "update refund set currency = 'EUR'")]
#[case::what_it_is_of("update invoice set currency = 'QQQ'", "update invoice set currency = 'EUR'")]
#[tokio::test]
async fn a_refund_that_cannot_be_recorded_is_told_to_staff(
    #[case] damaged: &'static str,
    #[case] mended: &'static str,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, cards::GOOD).await;
    world.line.gets_stuck(Call::Refund, Place::OnTheWayBack);
    let (asked, ()) = tokio::join!(is_asked_back(&world, &payment, None), async {
        world.line.is_stuck().await;
        world.database.damage(damaged).await;
        world.line.goes_on();
    });
    let stuck = world.stuck().await;
    let [told] = &stuck[..] else { panic!("one thing is set aside: {stuck:?}") };
    assert_eq!(told.work, Work::Collect);
    assert!(asked.name.ends_with(&told.object), "{told:?}");

    world.database.damage(mended).await;
    world.put_back(&told.object).await;
    world.settle().await;
    assert_eq!(get(&world, &asked.name).await.state(), Succeeded);
    world.assert_books_agree().await;
}

#[rstest]
#[tokio::test]
async fn a_worker_that_is_taken_for_dead_sends_no_refund(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (_, payment) = bought(&world, cards::GOOD).await;
    world.line.gets_stuck(Call::Refund, Place::OnTheWayThere);
    world.gives_back(&payment, Some("9.00 EUR")).await;
    world.worker_dies_on_the_line().await;
    world.line.calls();

    // The next one hears that nothing was sent only when its own lease is over too.
    world.time_passes(TimeDelta::seconds(31));
    world.line.gets_stuck(Call::FindRefund, Place::OnTheWayThere);
    let is_late = async {
        world.line.is_stuck().await;
        world.time_passes(TimeDelta::seconds(31));
        world.line.goes_on();
    };
    tokio::join!(world.arrive(), is_late);
    assert_eq!(world.line.calls(), [Call::FindRefund, Call::FindRefund, Call::Refund]);
    let left: Vec<_> = world.captured().await.into_values().collect();
    assert_eq!(left, [4_000]);
    world.assert_books_agree().await;
}

/// Nobody knows whether it arrived, and the gateway keeps its key for six hours. Later it would give the money back
/// twice, were a look-up behind: a day has to prove first that there is nothing (RULES PRB-2).
#[rstest]
#[tokio::test]
async fn a_refund_is_sent_again_only_while_its_key_is_surely_remembered_or_an_absence_is_proved(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    world.line.keeps_keys_for(Duration::from_hours(6));
    let (_, payment) = bought(&world, cards::GOOD).await;
    world.line.fails(Call::Refund, || GatewayError::Unknown("no answer".into()));
    let asked = refund(&world, &payment, None).await;
    world.line.works();
    world.line.calls();

    world.time_passes(TimeDelta::minutes(288));
    world.settle().await;
    assert_eq!(world.line.calls(), [Call::FindRefund]);
    world.time_passes(TimeDelta::hours(24));
    world.settle().await;
    assert_eq!(world.line.calls(), [Call::FindRefund, Call::Refund]);
    assert_eq!(get(&world, &asked.name).await.state(), Succeeded);
    world.assert_books_agree().await;
}

/// The differences found in the last three days, by name.
async fn differences(world: &World) -> Vec<&'static str> {
    let found = reconcile::account(&world.rondo, "sandbox", TimeDelta::hours(72)).await.unwrap();
    world.settle().await;
    found.differences.iter().map(Difference::name).collect()
}

#[rstest]
#[tokio::test]
async fn a_refund_that_came_back_without_a_word_is_found_at_night(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let (_, payment) = bought(&world, cards::GOOD).await;
    let asked = refund(&world, &payment, Some("9.00 EUR")).await;
    assert_eq!(asked.state(), Succeeded);
    world.time_passes(TimeDelta::hours(2));
    assert_eq!(differences(&world).await, [""; 0], "what is known is no difference");

    // So long after the charge that the list of what was taken shows it no more; no webhook comes.
    world.time_passes(TimeDelta::days(12));
    let turn = json!({ "refund": bare(&asked.name), "fails": "the account is closed" });
    world.at_the_gateway("turn-refund", turn).await;
    assert_eq!(differences(&world).await, ["refund_not_heard"]);
    let failed = get(&world, &asked.name).await;
    assert_eq!((failed.state(), &*failed.failure), (Failed, "the account is closed"));
    assert_eq!(gone(&world, &payment).await, "0.00 EUR", "it can be promised again");
    let [task] = &world.stuck().await[..] else { panic!("staff is told once") };
    assert!(task.reason.contains("came back"), "{}", task.reason);
    world.assert_books_agree().await;

    assert_eq!(differences(&world).await, [""; 0], "it is made up for");
    assert_eq!(world.stuck().await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_refund_that_went_through_after_all_without_a_word_is_found_at_night(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let (_, payment) = bought(&world, "tok_visa_refund_refused").await;
    let asked = refund(&world, &payment, None).await;
    assert_eq!(asked.state(), Failed);

    world.time_passes(TimeDelta::days(12));
    world.at_the_gateway("turn-refund", json!({ "refund": bare(&asked.name) })).await;
    assert_eq!(differences(&world).await, ["refund_not_heard"]);
    assert_eq!(get(&world, &asked.name).await.state(), Succeeded);
    assert_eq!(gone(&world, &payment).await, "49.00 EUR");
    assert_eq!(sorted(world.mail_kinds("Ana")), ["receipt", "refund"]);
    assert!(world.captured().await.is_empty());
    world.assert_books_agree().await;
    assert_eq!(differences(&world).await, [""; 0], "it is made up for");
}
