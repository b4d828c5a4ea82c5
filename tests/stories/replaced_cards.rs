//! Cards that change while something is under way: each is judged by its own declines.

use chrono::TimeDelta;
use rondo::{
    engine,
    grpc::proto::v1::{
        self,
        attempt::State::Declined,
        dunning_ladder::{FinalAction, Step},
        subscription::State,
    },
    store::Work,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    line::{Call, Place},
    offer::retry,
    world::World,
};

async fn dunned(world: &World, steps: Vec<Step>, end: FinalAction) -> v1::Plan {
    let ladder = world.policy(steps, end).await;
    world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await
}

#[rstest]
#[tokio::test]
async fn a_lost_card_stored_beneath_a_page_is_tried_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).dunned_by(&ladder);
    let plan = plan.create().await;
    let bo = world.member("Bo", cards::EMPTY).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-02-16 18:00").await;
    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;
    world.advance_to("2026-02-17 13:00").await;
    let lost = bo.replaces_card(cards::LOST).await;
    browser.give_up(&gateway).await;
    world.settle().await;
    let tried = course.methods_tried().await;
    assert_eq!(tried.iter().filter(|card| **card == lost).count(), 1, "{tried:?}");
}

#[rstest]
#[tokio::test]
async fn a_lost_card_stored_between_two_loops_is_tried_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.is_down_until("2026-03-01").await;
    course.assert().is_past_due().was_tried([Declined]).await;
    world.time_passes(TimeDelta::days(3));
    engine::round(&world.rondo, Work::Dun).await.unwrap();
    let lost = bo.replaces_card(cards::LOST).await;
    world.settle().await;
    let tried = course.methods_tried().await;
    assert_eq!(tried.iter().filter(|card| **card == lost).count(), 1, "{tried:?}");
}

#[rstest]
#[tokio::test]
async fn a_new_default_card_is_tried_though_another_was_named_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = dunned(&world, vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-01").await;
    let lost = bo.adds_card(cards::LOST).await;
    course.pays_with(&lost).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().was_tried([Declined, Declined]).await;
    bo.replaces_card(cards::GOOD).await;
    world.settle().await;
    let at_once = course.payment().await.attempts.len();
    world.advance_to("2026-03-20").await;
    let state = course.get().await.state();
    assert_eq!((at_once, state), (3, State::Active), "{:?}", course.methods_tried().await);
}

#[rstest]
#[tokio::test]
async fn a_card_kept_on_the_page_pays_the_other_debt_too(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let reminds = Step { retry: false, ..retry(3) };
    let ladder = world.policy(vec![reminds, reminds], FinalAction::Cancel).await;
    let bo = world.member("Bo", cards::LOST).await;
    let mut courses = Vec::new();
    for name in ["Membership", "Library"] {
        let plan = world.plan(name, "20.00 EUR").with_trial(14).dunned_by(&ladder);
        let plan = plan.create().await;
        courses.push(world.subscribe(&bo, &plan).await);
    }
    world.advance_to("2026-02-15").await;
    let browser = world.browser();
    let page = browser.open(&courses[0].pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page"), ("store", "yes")]).await;
    browser.choose(&gateway, "tok_mastercard").await;
    world.settle().await;
    courses[0].assert().is_active().await;
    let at_once = courses[1].get().await.state();
    world.advance_to("2026-02-25").await;
    let later = courses[1].get().await.state();
    assert_eq!((at_once, later), (State::Active, State::Active));
}

#[rstest]
#[tokio::test]
async fn a_new_card_stored_while_the_old_one_is_challenged_is_tried(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = dunned(&world, vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let bo = world.member("Bo", "tok_visa_ok_x1_then_action_required").await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-01").await;
    let good = bo.replaces_card(cards::GOOD).await;
    world.advance_to("2026-03-30").await;
    let state = course.get().await.state();
    let tried = course.methods_tried().await;
    assert!(tried.contains(&good) && state == State::Active, "{state:?} {tried:?}");
}

#[rstest]
#[tokio::test]
async fn a_new_card_stored_while_the_old_one_is_charged_is_tried(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = dunned(&world, vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let bo = world.member("Bo", "tok_visa_ok_x1_then_slow_lost_card").await;
    let course = world.subscribe(&bo, &plan).await;
    world.line.gets_stuck(Call::Charge, Place::OnTheWayBack);
    world.send_clock_to("2026-03-01").await;
    let ((), good) = tokio::join!(world.settle(), async {
        world.line.is_stuck().await;
        let good = bo.replaces_card(cards::GOOD).await;
        world.line.goes_on();
        good
    });
    world.arrive().await;
    world.advance_to("2026-03-30").await;
    let state = course.get().await.state();
    let tried = course.methods_tried().await;
    assert!(tried.contains(&good) && state == State::Active, "{state:?} {tried:?}");
}

#[rstest]
#[tokio::test]
async fn a_backup_that_takes_the_defaults_place_pays_at_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    // A default that is taken out gives way to the backup, which the open case then tries at once.
    let world = World::on(engine, "2026-01-31").await;
    let reminds = Step { retry: false, ..retry(3) };
    let plan = dunned(&world, vec![reminds, reminds], FinalAction::Cancel).await;
    let bo = world.customer("Bo").create().await;
    let first = bo.adds_card("tok_visa_ok_x1_then_lost_card").await;
    bo.is_backed_up_by(cards::GOOD).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-01").await;
    bo.takes_out(&first).await;
    world.advance_to("2026-03-30").await;
    course.assert().is_active().await;
}
