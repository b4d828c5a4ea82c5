//! Two mails about overdue money never come within a day, whoever writes them.

use chrono::{DateTime, TimeDelta, Utc};
use rondo::{
    engine,
    grpc::proto::v1::{
        dunning_ladder::{FinalAction, Step},
        invoice::State::Paid,
    },
    mail::catcher::Fault,
    store::{Page, Work},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    member::Member,
    offer::retry,
    world::World,
};

/// The mails about overdue money that a member got, with when, oldest first.
async fn told(world: &World, member: &Member) -> Vec<(DateTime<Utc>, &'static str)> {
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let page = Page { after: None, limit: 100 };
    let mails = repo.list_notices(world.merchant_id, Some(member.id), page).await.unwrap();
    let dunning = mails.iter().filter(|mail| mail.facts.is_dunning());
    let mut told: Vec<_> =
        dunning.filter_map(|mail| Some((mail.sent_at?, mail.facts.kind()))).collect();
    told.sort_unstable();
    told
}

/// No two of them came within a day, and there were some.
async fn spaced(world: &World, member: &Member) {
    let told = told(world, member).await;
    assert!(told.len() > 1, "{told:?}");
    for pair in told.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= TimeDelta::hours(24), "two within a day: {told:#?}");
    }
}

#[rstest]
#[tokio::test]
async fn two_debts_without_a_card_write_on_different_days(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let bo = world.customer("Bo").create().await;
    for name in ["Membership", "Library"] {
        let plan = world.plan(name, "20.00 EUR").with_trial(14).dunned_by(&ladder);
        let plan = plan.create().await;
        world.subscribe(&bo, &plan).await;
    }
    world.advance_to("2026-02-20").await;
    spaced(&world, &bo).await;
}

#[rstest]
#[tokio::test]
async fn a_challenge_writes_not_within_a_day_of_the_last_mail(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).dunned_by(&ladder);
    let plan = plan.create().await;
    let token = "tok_visa_insufficient_funds_x1_then_issuer_down_x1_then_action_required";
    let bo = world.member("Bo", token).await;
    world.subscribe(&bo, &plan).await;
    world.advance_to("2026-02-18").await;
    spaced(&world, &bo).await;
}

#[rstest]
#[tokio::test]
async fn a_mail_server_that_was_away_brings_no_two_mails_a_day(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let ladder = world.policy(vec![retry(5), retry(7)], FinalAction::Cancel).await;
    let bo = world.member("Bo", "tok_visa_insufficient_funds").await;
    for name in ["Membership", "Library"] {
        let plan = world.plan(name, "20.00 EUR").with_trial(14).dunned_by(&ladder);
        let plan = plan.create().await;
        world.subscribe(&bo, &plan).await;
    }
    world.advance_to("2026-02-14 11:00").await;
    world.mails.misbehave(Fault::HangUp);
    world.advance_to("2026-02-14 23:00").await;
    world.advance_to("2026-02-15 11:00").await;
    world.mails.misbehave(Fault::None);
    world.advance_to("2026-02-17").await;
    spaced(&world, &bo).await;
}

#[rstest]
#[tokio::test]
async fn two_challenges_write_on_different_days(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let bo = world.member("Bo", "tok_visa_ok_x2_then_action_required").await;
    for name in ["Membership", "Library"] {
        let plan = world.plan(name, "20.00 EUR").dunned_by(&ladder).create().await;
        world.subscribe(&bo, &plan).await;
    }
    world.advance_to("2026-03-01").await;
    spaced(&world, &bo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_loops_at_once_write_on_different_days(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let reminds = Step { retry: false, ..retry(3) };
    let ladder = world.policy(vec![reminds, reminds], FinalAction::Cancel).await;
    let a = world.plan("A", "20.00 EUR").with_trial(14).dunned_by(&ladder).create().await;
    let b = world.plan("B", "20.00 EUR").with_trial(17).dunned_by(&ladder).create().await;
    let mut members = Vec::new();
    for n in 0..30 {
        let bo = world.customer(&format!("Bo{n}")).create().await;
        world.subscription(&bo).to(&a).begin().await;
        world.subscription(&bo).to(&b).begin().await;
        members.push(bo);
    }
    for day in ["2026-02-07", "2026-02-10", "2026-02-14", "2026-02-15"] {
        world.is_down_until(day).await;
    }
    world.time_passes(TimeDelta::days(2));
    engine::round(&world.rondo, Work::Renew).await.unwrap();
    let (one, other) = (world.rondo.clone(), world.rondo.clone());
    let dun = tokio::spawn(async move { engine::round(&one, Work::Dun).await });
    let collect = tokio::spawn(async move { engine::round(&other, Work::Collect).await });
    dun.await.unwrap().unwrap();
    collect.await.unwrap().unwrap();
    world.settle().await;
    for bo in &members {
        spaced(&world, bo).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_replicas_at_once_send_on_different_days(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").without_test_clock().in_order().await;
    let reminds = Step { retry: false, ..retry(10) };
    let ladder = world.policy(vec![reminds, reminds], FinalAction::Cancel).await;
    let mut members = Vec::new();
    for n in 0..8 {
        let bo = world.customer(&format!("Bo{n}")).create().await;
        for name in ["A", "B"] {
            let plan = world.plan(&format!("{name}{n}"), "20.00 EUR").with_trial(14);
            let plan = plan.dunned_by(&ladder).create().await;
            world.subscription(&bo).to(&plan).begin().await;
        }
        members.push(bo);
    }
    world.settle().await;
    world.is_down_until("2026-02-07").await;
    // The mail server is away for a day, in which two mails to each become due.
    world.time_passes(TimeDelta::days(7));
    let mut done = 1;
    while done > 0 {
        done = engine::round(&world.rondo, Work::Renew).await.unwrap();
        done += engine::round(&world.rondo, Work::Collect).await.unwrap();
    }
    world.time_passes(TimeDelta::hours(25));
    let (one, other) = (world.rondo.clone(), world.rondo.clone());
    let one = tokio::spawn(async move { engine::round(&one, Work::SendMail).await });
    let other = tokio::spawn(async move { engine::round(&other, Work::SendMail).await });
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    for _ in 0..2 {
        world.settle().await;
        world.time_passes(TimeDelta::hours(25));
    }
    for bo in &members {
        spaced(&world, bo).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_mail_that_was_set_aside_holds_no_payment_up(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).dunned_by(&ladder);
    let plan = plan.create().await;
    let bo = world.member("Bo", cards::EMPTY_ONCE).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-02-14 11:00").await;
    world.mails.misbehave(Fault::HangUp);
    world.advance_to("2026-02-14 23:00").await;
    let mut repo = world.rondo.store.snapshot().await.unwrap();
    let page = Page { after: None, limit: 100 };
    let mails = repo.list_notices(world.merchant_id, Some(bo.id), page).await.unwrap();
    drop(repo);
    let failed = mails.iter().find(|mail| mail.facts.is_dunning()).unwrap();
    world.set_aside(Work::SendMail, &failed.id.to_string()).await;
    world.mails.misbehave(Fault::None);
    world.advance_to("2026-02-20").await;
    course.assert().is_active().has_invoices([Paid]).await;
}

#[rstest]
#[tokio::test]
async fn a_mail_that_is_not_true_any_more_puts_no_other_off(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").without_test_clock().in_order().await;
    let ladder = world.policy(vec![retry(5), retry(7)], FinalAction::Cancel).await;
    let bo = world.member("Bo", cards::EMPTY).await;
    let mut courses = Vec::new();
    for name in ["Membership", "Library"] {
        let plan = world.plan(name, "20.00 EUR").with_trial(14).dunned_by(&ladder);
        let plan = plan.create().await;
        courses.push(world.subscribe(&bo, &plan).await);
    }
    world.mails.misbehave(Fault::HangUp);
    world.is_down_until("2026-02-07").await;
    world.is_down_until("2026-02-14").await;
    world.time_passes(TimeDelta::hours(25));
    // Before the mail server is back, what the first mail asks for is paid.
    let good = bo.adds_card(cards::GOOD).await;
    courses[0].pays_with(&good).await.unwrap();
    while engine::round(&world.rondo, Work::Collect).await.unwrap() > 0 {}
    courses[0].assert().is_active().has_invoices([Paid]).await;
    world.mails.misbehave(Fault::None);
    engine::round(&world.rondo, Work::SendMail).await.unwrap();
    assert_eq!(told(&world, &bo).await, [(world.now().await, "payment_failed")]);
}
