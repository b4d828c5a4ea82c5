//! Members who owe more than one thing at once, or whose agreement has moved on when they pay.

use chrono::TimeDelta;
use rondo::{
    grpc::proto::v1::{
        Access,
        attempt::State::Declined,
        cancel_subscription_request::When,
        check_access_response::Reason,
        dunning_ladder::{FinalAction, Step},
        invoice::State::{Open, Paid},
        subscription::State::{Canceled, Paused},
    },
    store::Page,
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    line::{Call, Place},
    offer::retry,
    world::World,
};

fn closing(after_days: i32) -> Step {
    Step { access: Access::None.into(), ..retry(after_days) }
}

#[rstest]
#[tokio::test]
async fn the_strictest_of_two_cases_says_what_is_open(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let steps = vec![retry(3), closing(4), closing(30), closing(10)];
    let ladder = world.policy(steps, FinalAction::WriteOff).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-10").await;
    assert_eq!(bo.access().await, (Access::None, Reason::OverdueClosed));

    world.advance_to("2026-04-01").await;
    course.assert().is_past_due().has_invoices([Paid, Open, Open]).await;
    assert_eq!(bo.access().await, (Access::None, Reason::OverdueClosed), "the newer case is mild");

    // What the stricter case was about is paid; the milder one is left.
    let older = course.invoices().await.remove(1);
    let good = bo.adds_card(cards::GOOD).await;
    course.pays(&older, &good).await.unwrap();
    world.settle().await;
    course.assert().is_past_due().has_invoices([Paid, Paid, Open]).await;
    assert_eq!(bo.access().await, (Access::Grace, Reason::OverdueGrace));
}

#[rstest]
#[tokio::test]
async fn two_cases_of_one_member_write_on_different_days(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4), closing(7)], FinalAction::Cancel).await;
    let bo = world.member("Bo", "tok_visa_ok_x2_then_insufficient_funds").await;
    for name in ["Membership", "Library"] {
        let plan = world.plan(name, "20.00 EUR").dunned_by(&ladder).create().await;
        world.subscribe(&bo, &plan).await;
    }
    world.advance_to("2026-03-31").await;

    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let page = Page { after: None, limit: 100 };
    let mails = repo.list_notices(world.merchant_id, Some(bo.id), page).await.unwrap();
    let of_dunning = mails.iter().filter(|mail| mail.thread.is_some());
    let mut days: Vec<_> = of_dunning.filter_map(|mail| mail.sent_at).collect();
    days.sort_unstable();
    assert_eq!(days.len(), 8, "four of each case: {days:?}");
    for pair in days.windows(2) {
        assert!(pair[1] - pair[0] >= TimeDelta::hours(24), "two within a day: {pair:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_pause_during_a_charge_that_fails_opens_nothing_for_free(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), closing(4), closing(30)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;

    world.line.gets_stuck(Call::Charge, Place::OnTheWayBack);
    world.send_clock_to("2026-03-01").await;
    tokio::join!(world.settle(), async {
        world.line.is_stuck().await;
        course.pause(None).await;
        world.line.goes_on();
    });
    world.arrive().await;
    course.assert().is(Paused).was_tried([Declined]).await;
    assert_eq!(bo.access().await, (Access::Grace, Reason::OverdueGrace));

    world.advance_to("2026-03-10").await;
    assert_eq!(bo.access().await, (Access::None, Reason::OverdueClosed));
    course.resume().await;
    course.assert().is_past_due().await;
    assert_eq!(bo.access().await, (Access::None, Reason::OverdueClosed));
}

#[rstest]
#[tokio::test]
async fn who_pays_after_the_end_gets_a_receipt_and_no_promise(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(50)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-03-01").await;
    course.cancel(When::PeriodEnd).await;
    world.advance_to("2026-04-02").await;
    course.assert().is(Canceled).has_invoices([Paid, Open]).await;

    let good = bo.adds_card(cards::GOOD).await;
    course.pays_with(&good).await.unwrap();
    world.settle().await;
    course.assert().is(Canceled).has_invoices([Paid, Paid]).await;
    let told = world.mail_kinds("Bo");
    assert_eq!(told.last().unwrap(), "receipt", "{told:?}");
    assert!(!told.contains(&"recovered".to_owned()), "{told:?}");
}
