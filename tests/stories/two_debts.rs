//! Members who owe more than one thing at once, or whose agreement has moved on when they pay.

use chrono::TimeDelta;
use rondo::{
    engine,
    grpc::proto::v1::{
        Access,
        attempt::State::{Declined, Pending, Rejected},
        cancel_subscription_request::When,
        check_access_response::Reason,
        dunning_ladder::{FinalAction, Step},
        invoice::State::{Open, Paid, Uncollectible, Void},
        subscription::State::{Canceled, Paused, Unpaid},
    },
    store::{Page, Work},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    course::Course,
    line::{Call, Place},
    member::Member,
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
    world.advance_to("2026-04-04").await;
    course.assert().is(Canceled).has_invoices([Paid, Open]).await;

    let good = bo.adds_card(cards::GOOD).await;
    course.pays_with(&good).await.unwrap();
    world.settle().await;
    course.assert().is(Canceled).has_invoices([Paid, Paid]).await;
    let told = world.mail_kinds("Bo");
    assert_eq!(told.last().unwrap(), "receipt", "{told:?}");
    assert!(!told.contains(&"recovered".to_owned()), "{told:?}");
}

/// Bo has ten courses of one price, none of which he can pay: ten first tries, and then ten more at once,
/// of which Visa lets five through. It lets fifteen of one amount through in a month.
async fn ten_courses(world: &World, steps: Vec<Step>) -> (Member, Vec<Course>) {
    let ladder = world.policy(steps, FinalAction::Cancel).await;
    let plan = world.plan("Course", "20.00 EUR").with_trial(14).dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY).await;
    let mut courses = Vec::new();
    for _ in 0..10 {
        courses.push(world.subscribe(&bo, &plan).await);
    }
    world.is_down_until("2026-02-07").await;
    world.is_down_until("2026-02-14").await;
    world.time_passes(TimeDelta::days(3));
    // The loop that orders is quicker than the one that collects.
    while engine::round(&world.rondo, Work::Dun).await.unwrap() > 0 {}
    world.settle().await;
    let mut attempts = 0;
    for course in &courses {
        attempts += course.payment().await.attempts.len();
    }
    assert_eq!(attempts, 15);
    (bo, courses)
}

#[rstest]
#[tokio::test]
async fn a_network_that_is_full_holds_no_ladder_up(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let (_, courses) = ten_courses(&world, vec![retry(3), closing(4)]).await;
    for course in &courses {
        let case = course.case().await;
        assert!(case.next_step_time.is_some(), "something comes next: {case:?}");
    }
    world.is_down_until("2026-02-21").await;
    for course in &courses {
        course.assert().is(Canceled).has_invoices([Uncollectible]).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_new_card_is_tried_where_the_old_ones_network_is_full(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let (bo, courses) = ten_courses(&world, vec![retry(3), retry(60)]).await;
    bo.replaces_card(cards::GOOD).await;
    world.settle().await;
    for course in &courses {
        course.assert().is_active().has_invoices([Paid]).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_first_charge_that_a_full_network_holds_back_is_told_and_a_new_card_pays_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let (bo, courses) = ten_courses(&world, vec![retry(3), retry(60)]).await;
    bo.buys("Book", "20.00 EUR").await;
    let begun = world.subscription(&bo).monthly("20.00 EUR").create().await;
    assert_eq!(bo.cases().await.len(), courses.len() + 1, "the book is dunned too");
    let told = bo.events().await;
    let failed = told.iter().filter(|event| event.reason == "network_limit").count();
    assert_eq!(failed, 2, "{told:?}");

    bo.replaces_card(cards::GOOD).await;
    world.settle().await;
    begun.assert().is_active().has_invoices([Paid]).await;
    let unpaid: Vec<_> = bo.invoices().await.into_iter().filter(|i| i.state() != Paid).collect();
    assert!(unpaid.is_empty(), "{unpaid:?}");
}

#[rstest]
#[tokio::test]
async fn a_debt_that_was_billed_before_another_closed_the_membership_keeps_it_closed_too(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(24)], FinalAction::MarkUnpaid).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::GOOD).await;
    let course = world.subscribe(&bo, &plan).await;
    bo.replaces_card(cards::DECLINED_AFTER_FOUR_DAYS).await;
    // February's debit is returned twice, the second time while March's is on its way.
    world.advance_to("2026-04-04").await;
    course.assert().is(Unpaid).has_invoices([Paid, Open, Open]).was_tried([Pending]).await;
    world.advance_to("2026-04-10").await;
    course.assert().is(Unpaid).was_tried([Declined]).await;
    assert_eq!(bo.cases().await.len(), 2, "dunning has come to its end for both");

    only_both_payments_open_it(&world, &bo, &course).await;
}

/// Bo pays the older of the two debts first.
async fn only_both_payments_open_it(world: &World, bo: &Member, course: &Course) {
    let [_, older, newer] = &course.invoices().await[..] else { panic!("three were issued") };
    let empty = bo.adds_card(cards::EMPTY).await;
    course.pays(older, &empty).await.unwrap();
    world.settle().await;
    assert_eq!(bo.cases().await.len(), 2, "dunning comes to its end once");
    let good = bo.adds_card(cards::GOOD).await;
    course.pays(older, &good).await.unwrap();
    world.settle().await;
    course.assert().is(Unpaid).has_invoices([Paid, Paid, Open]).await;
    course.pays(newer, &good).await.unwrap();
    world.settle().await;
    course.assert().is_active().await;
    world.assert_books_agree().await;
}

/// Bo owes February, and March is billed when the last word about February is due.
async fn two_at_once(engine: Engine) -> (World, Member, Course) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let reminder = Step { retry: false, ..retry(24) };
    let ladder = world.policy(vec![reminder], FinalAction::MarkUnpaid).await;
    let plan = world.plan("Membership", "20.00 EUR").dunned_by(&ladder).create().await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.is_down_until("2026-03-01").await;
    world.time_passes(TimeDelta::days(31));
    (world, bo, course)
}

async fn turns(world: &World, loops: impl IntoIterator<Item = Work>) {
    for work in loops {
        while engine::round(&world.rondo, work).await.unwrap() > 0 {}
    }
}

#[rstest]
#[tokio::test]
async fn a_debt_that_was_planned_when_another_closed_the_membership_keeps_it_closed_too(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let (world, bo, course) = two_at_once(engine).await;
    turns(&world, [Work::Renew, Work::Dun]).await;
    course.assert().is(Unpaid).has_invoices([Paid, Open, Open]).was_tried([]).await;
    world.settle().await;
    course.assert().was_tried([]).await;
    assert_eq!(bo.cases().await.len(), 2, "dunning has come to its end for both");
    world.time_passes(TimeDelta::days(1));
    world.settle().await;
    assert_eq!(world.mail_kinds("Bo")[2..], ["payment_failed", "suspended", "suspended"]);
    only_both_payments_open_it(&world, &bo, &course).await;
}

#[rstest]
#[tokio::test]
async fn what_staff_has_to_put_back_is_theirs_when_another_debt_closes_the_membership(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let (world, bo, course) = two_at_once(engine).await;
    world.line.refuses(&[Call::Charge]);
    turns(&world, [Work::Renew, Work::Collect, Work::Dun]).await;
    course.assert().is(Unpaid).has_invoices([Paid, Open, Open]).was_tried([Rejected]).await;
    assert_eq!(bo.cases().await.len(), 1);

    world.line.refuses(&[]);
    let [refused] = &world.stuck().await[..] else { panic!("the charge waits for staff") };
    world.put_back(&refused.object).await;
    world.settle().await;
    course.assert().is(Unpaid).was_tried([Rejected, Declined]).await;
    assert_eq!(bo.cases().await.len(), 2, "it keeps the membership closed like the other");
    only_both_payments_open_it(&world, &bo, &course).await;
}

/// Each of two who look at once would see the other's debt, and nobody would open the membership.
#[rstest]
#[tokio::test]
async fn two_debts_that_are_forgiven_at_once_open_the_membership(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let (world, _, course) = two_at_once(engine).await;
    turns(&world, [Work::Renew, Work::Dun]).await;
    let [_, older, newer] = &course.invoices().await[..] else { panic!("three were issued") };
    tokio::join!(course.is_forgiven(older), course.is_forgiven(newer));
    course.assert().is_active().has_invoices([Paid, Void, Void]).await;
}
