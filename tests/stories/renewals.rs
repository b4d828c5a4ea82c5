//! Members who pay, and members who do not.

use rondo::domain::{
    calendar::Interval,
    invoice::InvoiceState::{Paid, Uncollectible},
    subscription::SubscriptionState,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    world::World,
};

#[rstest]
#[tokio::test]
async fn a_good_card_pays_each_month_and_the_anchor_is_kept(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await.in_order();
    let plan = world.plan("Membership", 2_000, Interval::MONTHLY, 0).await;
    let ana = world.member("Ana", "tok_visa_ok").await;
    let membership = world.subscribe(&ana, &plan).await;

    world.advance_to("2026-04-30").await;

    assert_eq!(world.invoice_states(membership).await, [Paid; 4]);
    let days: Vec<_> = world
        .invoices(membership)
        .await
        .iter()
        .map(|invoice| invoice.period.unwrap().start().format("%m-%d").to_string())
        .collect();
    assert_eq!(days, ["01-31", "02-28", "03-31", "04-30"]);
    assert_eq!(world.mail_kinds("Ana"), ["welcome", "receipt", "receipt", "receipt", "receipt"]);
}

#[rstest]
#[tokio::test]
async fn a_card_that_is_empty_twice_is_recovered_by_the_ladder(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await.in_order();
    let plan = world.plan("Membership", 2_000, Interval::MONTHLY, 14).await;
    let bo = world.member("Bo", "tok_visa_insufficient_funds_x2_then_ok").await;
    let membership = world.subscribe(&bo, &plan).await;

    world.advance_to("2026-02-15").await;
    assert_eq!(world.subscription(membership).await.state, SubscriptionState::PastDue);

    world.advance_to("2026-03-10").await;
    assert_eq!(world.subscription(membership).await.state, SubscriptionState::Active);
    assert_eq!(world.invoice_states(membership).await, [Paid]);
    assert_eq!(
        world.mail_kinds("Bo"),
        ["trial_ending", "payment_failed", "payment_failed", "recovered"]
    );
}

#[rstest]
#[tokio::test]
async fn a_lost_card_is_never_tried_again_and_the_ladder_ends_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await.in_order();
    let plan = world.plan("Membership", 2_000, Interval::MONTHLY, 14).await;
    let eva = world.member("Eva", "tok_visa_lost_card").await;
    let membership = world.subscribe(&eva, &plan).await;

    world.advance_to("2026-04-30").await;

    assert_eq!(world.subscription(membership).await.state, SubscriptionState::Canceled);
    assert_eq!(world.invoice_states(membership).await, [Uncollectible]);
    assert_eq!(
        world.mail_kinds("Eva"),
        [
            "trial_ending",
            "payment_failed",
            "payment_failed",
            "payment_failed",
            "suspended",
            "cancelled"
        ]
    );
}
