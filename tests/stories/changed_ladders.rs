//! A policy that staff changes: who is being dunned already goes by what it was.

use rondo::{
    domain::calendar::Zone,
    grpc::proto::v1::{dunning_ladder::FinalAction, subscription::State},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::instant,
    cards,
    course::Course,
    offer::retry,
    world::World,
};

/// The days on which the latest invoice was tried, in Lisbon.
async fn days_tried(course: &Course) -> Vec<String> {
    let lisbon: Zone = "Europe/Lisbon".parse().unwrap();
    let attempts = course.payment().await.attempts;
    let day = |sent| lisbon.local_date(instant(sent)).to_string();
    attempts.into_iter().map(|attempt| day(attempt.send_time)).collect()
}

#[rstest]
#[tokio::test]
async fn a_case_goes_by_the_ladder_that_it_was_opened_with(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let policy = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&policy).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let his = world.subscribe(&bo, &plan).await;
    let ana = world.member("Ana", "tok_visa_ok_x2_then_insufficient_funds").await;
    let hers = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-03-01").await;
    his.assert().is_past_due().await;
    hers.assert().is_active().await;

    world.policy_becomes(&policy, vec![retry(1)], FinalAction::MarkUnpaid).await;
    world.advance_to("2026-04-10").await;
    assert_eq!(days_tried(&his).await, ["2026-02-28", "2026-03-03", "2026-03-07"]);
    his.assert().is(State::Canceled).await;
    assert_eq!(days_tried(&hers).await, ["2026-03-31", "2026-04-01"]);
    hers.assert().is(State::Unpaid).await;
}
