//! Members on the gateway's page while the ladder stands beside it.

use rondo::grpc::proto::v1::{
    Access,
    attempt::State::{ActionRequired, Declined, Succeeded},
    dunning_case,
    dunning_ladder::{FinalAction, Mail, Step},
    invoice::State::{Paid, Uncollectible},
    payment::State::Waiting,
    subscription::State::{self, Canceled},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::instant,
    cards,
    course::Course,
    member::Member,
    offer::retry,
    world::{World, at},
};

/// A member whose card was empty on 14 February and is so no more; it is tried again three days
/// later, at noon.
async fn empty_once(world: &World) -> (Member, Course) {
    let ladder = world.policy(vec![retry(3), retry(4)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).dunned_by(&ladder);
    let plan = plan.create().await;
    let bo = world.member("Bo", "tok_visa_insufficient_funds_x1_then_ok").await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-02-15").await;
    course.assert().is_past_due().was_tried([Declined]).await;
    assert_eq!(instant(course.case().await.next_step_time), at("2026-02-17"));
    (bo, course)
}

const MAILS_OF_ONE_DECLINE: [&str; 3] = ["welcome", "trial_ending", "payment_failed"];

#[rstest]
#[tokio::test]
async fn a_page_that_the_member_closes_leaves_the_ladder_where_it_was(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (bo, course) = empty_once(&world).await;
    let before = course.case().await;

    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;
    browser.give_up(&gateway).await;

    let after = course.case().await;
    assert_eq!((after.state(), after.next_step_time), (before.state(), before.next_step_time));
    assert_eq!(course.payment().await.state(), Waiting);
    world.advance_to("2026-02-16").await;
    assert_eq!(world.mail_kinds("Bo"), MAILS_OF_ONE_DECLINE);

    world.advance_to("2026-02-17").await;
    course
        .assert()
        .is_active()
        .has_invoices([Paid])
        .was_tried([Declined, Declined, Succeeded])
        .await;
    assert_eq!(world.mail_kinds("Bo")[3..], ["recovered"]);
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_step_that_comes_while_a_page_is_open_is_taken_when_the_page_expires(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (bo, course) = empty_once(&world).await;
    world.advance_to("2026-02-16 18:00").await;

    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;
    world.advance_to("2026-02-17 13:00").await;
    // A charge beside the open page could be a second one.
    course.assert().is_past_due().was_tried([Declined, ActionRequired]).await;
    assert_eq!(course.case().await.state(), dunning_case::State::Retrying);

    world.page_expires(&gateway).await;
    world.advance_to("2026-02-17 19:00").await;
    course
        .assert()
        .is_active()
        .has_invoices([Paid])
        .was_tried([Declined, Declined, Succeeded])
        .await;
    assert_eq!(world.mail_kinds("Bo")[3..], ["recovered"]);
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_page_that_is_left_is_closed_after_a_day(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let (bo, course) = empty_once(&world).await;
    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;

    world.advance_to("2026-02-16 11:00").await;
    course.assert().was_tried([Declined, ActionRequired]).await;
    world.advance_to("2026-02-16 13:00").await;
    course.assert().was_tried([Declined, Declined]).await;
    // Nobody can pay there any more.
    browser.choose_and_leave(&gateway, "tok_visa").await;
    world.assert_charged(&bo, "20.00 EUR", 0).await;

    world.advance_to("2026-02-17 13:00").await;
    course.assert().is_active().was_tried([Declined, Declined, Succeeded]).await;
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn pages_opened_one_after_the_other_do_not_put_the_end_off(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let closing = Step { retry: false, access: Access::None.into(), ..retry(3) };
    let ladder = world.policy(vec![closing], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).dunned_by(&ladder);
    let plan = plan.create().await;
    let bo = world.member("Bo", cards::EMPTY).await;
    let course = world.subscribe(&bo, &plan).await;
    for day in ["2026-02-15", "2026-02-16 13:00"] {
        world.advance_to(day).await;
        let browser = world.browser();
        let page = browser.open(&course.pay_link().await).await;
        browser.pay(&page, &[("with", "page")]).await;
    }
    world.advance_to("2026-02-17 12:30").await;
    course.assert().is_past_due().await;
    // The end alone waits for the page, and comes with its closing.
    world.advance_to("2026-02-17 13:10").await;
    course.assert().is(Canceled).has_invoices([Uncollectible]).await;
    assert_eq!(bo.access().await.0, Access::None);
}

#[rstest]
#[tokio::test]
async fn a_challenge_that_nobody_answers_becomes_a_decline(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.member("Bo", "tok_visa_ok_x1_then_action_required").await;
    let course = world.subscription(&bo).monthly("20.00 EUR").create().await;
    world.advance_to("2026-03-02").await;
    course.assert().is_active().was_tried([ActionRequired]).await;
    assert_eq!(world.mail_kinds("Bo").last().unwrap(), "authentication_needed");

    world.advance_to("2026-03-04").await;
    course.assert().is_past_due().was_tried([Declined]).await;
    let case = course.case().await;
    assert_eq!(case.state(), dunning_case::State::WaitingForCustomer);
    // The card is not asked again without its holder.
    world.advance_to("2026-03-20").await;
    course.assert().was_tried([Declined]).await;
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_payment_by_link_takes_the_planned_retry_away_at_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let (bo, course) = empty_once(&world).await;
    let seen = bo.events().await.len();

    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;
    assert!(browser.choose(&gateway, "tok_visa").await.title().ends_with("is paid"));

    // No loop has turned: it was all said in the transaction that took the money in.
    course.assert().is_active().has_invoices([Paid]).was_tried([Declined, Succeeded]).await;
    let case = course.case().await;
    assert_eq!((case.state(), case.next_step_time), (dunning_case::State::Recovered, None));
    assert_eq!(course.payment().await.collect_time, None);
    let events = bo.events().await.split_off(seen);
    let types: Vec<_> = events.iter().map(|event| event.r#type.as_str()).collect();
    for expected in ["payment.succeeded", "invoice.paid", "dunning.recovered"] {
        assert!(types.contains(&expected), "{types:?}");
    }

    world.advance_to("2026-03-10").await;
    course.assert().was_tried([Declined, Succeeded]).await;
    assert_eq!(world.mail_kinds("Bo")[3..], ["recovered"]);
    world.assert_charged(&bo, "20.00 EUR", 1).await;
}

#[rstest]
#[tokio::test]
async fn a_page_that_is_closed_leaves_the_quick_retry_of_a_first_payment(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let bo = world.member("Bo", "tok_visa_issuer_down_x1_then_ok").await;
    let course = world.subscription(&bo).monthly("20.00 EUR").create().await;
    let before = course.payment().await.collect_time;
    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;
    browser.give_up(&gateway).await;
    assert_eq!(course.payment().await.collect_time, before);
    world.advance_to("2026-02-05").await;
    course.assert().is_active().await;
}

#[rstest]
#[tokio::test]
async fn who_has_paid_on_the_page_is_not_suspended(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let closing = |days| Step { access: Access::None.into(), ..retry(days) };
    let suspends = Step { retry: false, mail: Mail::Suspended.into(), ..closing(3) };
    let ladder = world.policy(vec![suspends, closing(20)], FinalAction::Cancel).await;
    let plan = world.plan("Membership", "20.00 EUR").with_trial(14).dunned_by(&ladder);
    let plan = plan.create().await;
    let bo = world.member("Bo", cards::EMPTY).await;
    let course = world.subscribe(&bo, &plan).await;
    world.advance_to("2026-02-17 11:00").await;
    let browser = world.browser();
    let page = browser.open(&course.pay_link().await).await;
    let gateway = browser.pay(&page, &[("with", "page")]).await;
    browser.choose_and_leave(&gateway, "tok_visa").await;
    assert_eq!(world.captured().await.len(), 1, "the gateway has the money");
    world.advance_to("2026-02-17 18:00").await;
    let kinds = world.mail_kinds("Bo");
    assert_ne!(bo.access().await.0, Access::None, "{kinds:?}");
    assert!(!kinds.contains(&"suspended".to_owned()), "{kinds:?}");
}

#[rstest]
#[tokio::test]
async fn a_retry_held_back_by_a_page_costs_none_of_the_others(
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
    // The end of a pause in dunning, a refusal and a reminder beside the page: none is lost.
    world.advance_to("2026-02-17 13:00").await;
    browser.choose_and_leave(&gateway, "tok_visa_insufficient_funds").await;
    world.advance_to("2026-03-10").await;
    let tried = course.payment().await.attempts.len();
    assert_eq!((tried, course.get().await.state()), (4, State::Canceled));
}
