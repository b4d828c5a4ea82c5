//! What the networks' limits count, and what becomes of a charge that they hold back.

use rondo::{
    engine,
    grpc::proto::v1::{dunning_ladder::FinalAction, invoice::State::Paid},
    store::Work,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    line::Call,
    offer::retry,
    world::World,
};

#[rstest]
#[tokio::test]
async fn a_daily_price_is_paid_every_day(
    #[values(cards::GOOD, cards::GOOD_MASTERCARD)] card: &str,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("A day", "2.00 EUR").daily().create().await;
    let ana = world.member("Ana", card).await;
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-02-20").await;
    course.assert().is_active().has_invoices([Paid; 21]).await;
}

#[rstest]
#[tokio::test]
async fn pages_that_were_left_unpaid_cost_no_attempt(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(20), retry(20)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-01").await;
    let browser = world.browser();
    for _ in 0..8 {
        let page = browser.open(&course.pay_link().await).await;
        let gateway = browser.pay(&page, &[("with", "page")]).await;
        browser.give_up(&gateway).await;
        world.settle().await;
    }
    let good = bo.adds_card(cards::GOOD).await;
    course.pays_with(&good).await.unwrap();
    world.settle().await;
    course.assert().is_active().has_invoices([Paid, Paid]).await;
}

/// Mastercard lets two tries that bring no money through in any 24 hours.
#[tokio::test]
async fn two_replicas_at_once_do_not_both_take_the_last_try() {
    let world = World::on(Postgres, "2026-01-31").in_order().await;
    let bo = world.member("Bo", "tok_mastercard_insufficient_funds").await;
    bo.buys("Course", "49.00 EUR").await;
    world.settle().await;
    assert_eq!(charges(&world), 1);

    bo.buys("Book", "12.00 EUR").await;
    bo.buys("Film", "8.00 EUR").await;
    // Each takes one of the two, and gets as far as it may before either is recorded.
    let mut barrier = world.database.holds_up_attempts().await;
    let (one, other) = (world.rondo.clone(), world.rondo.clone());
    let mut one = tokio::spawn(async move { engine::round(&one, Work::Collect).await });
    let mut other = tokio::spawn(async move { engine::round(&other, Work::Collect).await });
    tokio::select! {
        ended = &mut one => panic!("it was not held up: {ended:?}"),
        ended = &mut other => panic!("it was not held up: {ended:?}"),
        () = barrier.is_met_by(2) => barrier.lift().await,
    }
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(charges(&world), 1);
    // The one that was held back is dunned as if its charge had been declined.
    assert_eq!(bo.cases().await.len(), 3);
}

/// How many charges left since this was asked last.
fn charges(world: &World) -> usize {
    world.line.calls().into_iter().filter(|call| *call == Call::Charge).count()
}
