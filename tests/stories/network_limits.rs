//! What the networks' limits count, and what becomes of a charge that they hold back.

use rondo::grpc::proto::v1::{dunning_ladder::FinalAction, invoice::State::Paid};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
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
