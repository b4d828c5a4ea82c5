//! `SubscriptionsService`.

use rondo::{
    domain::{changes::Changes, merchant::TestClock},
    grpc::proto::v1::{self, cancel_subscription_request::When},
};
use rstest::rstest;

use super::{
    CUSTOMER, INSTANT, METHOD, NO_CUSTOMER, NO_INSTANT, NO_METHOD, NO_PLAN, PLAN, check, fields,
    instant, once, state, with,
};
use crate::{
    given,
    portal::{Portal, monthly},
    support::{
        Engine::{self, Postgres, Sqlite},
        cards,
    },
};

const SERVICE: &str = "SubscriptionsService";
const ACTIVE: &str = "must be one of your active plans";
const USABLE: &str = "must be one of the customer's payment methods that can still be charged";

/// A plan of so many cents of `currency` a seat and month.
async fn per_seat(portal: &Portal, currency: &str, minor: i64) -> v1::Plan {
    let mut terms = monthly(minor);
    terms.components[0].model = v1::price_component::Model::PerSeat.into();
    terms.components[0].amounts[0].currency_code = currency.into();
    let plan =
        v1::Plan { display_name: "Seats".to_owned(), terms: Some(terms), ..Default::default() };
    let request = v1::CreatePlanRequest { plan: Some(plan), ..Default::default() };
    portal.plans().create_plan(portal.ask(request)).await.unwrap().into_inner()
}

#[rstest]
#[tokio::test]
async fn each_bad_subscription_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let retired = portal.plan("Retired", 2_000).await;
    let request = v1::CancelPlanRequest {
        name: retired.name.clone(),
        etag: retired.etag.clone(),
        existing_subscriptions: Some(v1::cancel_plan_request::ExistingSubscriptions::RunOn(
            v1::cancel_plan_request::RunOn {},
        )),
        ..Default::default()
    };
    portal.plans().cancel_plan(portal.ask(request)).await.unwrap();
    let dear = per_seat(&portal, "EUR", i64::MAX / 2).await;
    let good = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: names.customer.clone(),
            plan: names.plan.clone(),
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let bad = |spoil: &dyn Fn(&mut v1::Subscription)| {
        with(&good, |r| spoil(r.subscription.as_mut().unwrap()))
    };
    let method = "CreateSubscription";
    let theirs = "must be one of your customers, and not deleted";
    let rows = vec![
        fields(method, &with(&good, |r| r.subscription = None), &[("subscription", "must be set")]),
        fields(
            method,
            &bad(&|s| s.customer = names.plan.clone()),
            &[("subscription.customer", CUSTOMER)],
        ),
        fields(
            method,
            &bad(&|s| s.customer = NO_CUSTOMER.to_owned()),
            &[("subscription.customer", theirs)],
        ),
        fields(method, &bad(&|s| s.plan.clear()), &[("subscription.plan", PLAN)]),
        fields(
            method,
            &bad(&|s| s.plan = format!("{}/versions/1", names.plan)),
            &[("subscription.plan", PLAN)],
        ),
        fields(method, &bad(&|s| s.plan = NO_PLAN.to_owned()), &[("subscription.plan", ACTIVE)]),
        fields(method, &bad(&|s| s.plan = retired.name.clone()), &[("subscription.plan", ACTIVE)]),
        fields(
            method,
            &bad(&|s| s.quantity = -1),
            &[("subscription.quantity", "must not be negative")],
        ),
        fields(
            method,
            &bad(&|s| s.quantity = 2),
            &[("subscription.quantity", "must be 1, because the plan has no price per seat")],
        ),
        fields(
            method,
            &bad(&|s| (s.plan, s.quantity) = (dear.name.clone(), 3)),
            &[(
                "subscription.quantity",
                "must be such that it can be billed: the amount is too large",
            )],
        ),
        fields(
            method,
            &bad(&|s| s.currency_code = "euro".to_owned()),
            &[(
                "subscription.currency_code",
                "must be an ISO 4217 currency code such as EUR, in capitals",
            )],
        ),
        fields(
            method,
            &bad(&|s| s.currency_code = "USD".to_owned()),
            &[("subscription.currency_code", "must be one that the plan is sold in: EUR")],
        ),
        fields(
            method,
            &bad(&|s| s.payment_method = "visa".to_owned()),
            &[("subscription.payment_method", METHOD)],
        ),
        fields(
            method,
            &bad(&|s| s.payment_method = NO_METHOD.to_owned()),
            &[("subscription.payment_method", USABLE)],
        ),
        fields(
            method,
            &bad(&|s| s.payment_method = names.other_method.clone()),
            &[("subscription.payment_method", USABLE)],
        ),
        fields(
            method,
            &bad(&|s| {
                s.customer = NO_CUSTOMER.to_owned();
                s.plan = NO_PLAN.to_owned();
                s.payment_method = NO_METHOD.to_owned();
            }),
            &[
                ("subscription.customer", theirs),
                ("subscription.plan", ACTIVE),
                ("subscription.payment_method", USABLE),
            ],
        ),
    ];
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn each_bad_move_of_a_subscription_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let dollars = per_seat(&portal, "USD", 100).await;
    let dear = per_seat(&portal, "EUR", i64::MAX / 2).await;
    let name = names.subscription.clone();
    let change = v1::ChangeSubscriptionRequest { name: name.clone(), ..Default::default() };
    let to = |plan: &str, quantity: i32| {
        with(&change, |r| (r.plan, r.quantity) = (plan.to_owned(), quantity))
    };
    let undo_change =
        v1::UndoChangeSubscriptionRequest { name: name.clone(), ..Default::default() };
    let cancel = |when: When| v1::CancelSubscriptionRequest {
        name: name.clone(),
        when: when.into(),
        ..Default::default()
    };
    let undo_cancel =
        v1::UndoCancelSubscriptionRequest { name: name.clone(), ..Default::default() };
    let pause = |resume_time| v1::PauseSubscriptionRequest {
        name: name.clone(),
        resume_time,
        ..Default::default()
    };
    let resume = || v1::ResumeSubscriptionRequest {
        name: name.clone(),
        request_id: once(),
        ..Default::default()
    };
    let list = v1::ListSubscriptionsRequest::default();
    let rows = vec![
        fields("ChangeSubscription", &change, &[("plan", "or quantity must be set")]),
        fields("ChangeSubscription", &to("premium", 0), &[("plan", PLAN)]),
        fields("ChangeSubscription", &to(NO_PLAN, 0), &[("plan", ACTIVE)]),
        fields("ChangeSubscription", &to("", -1), &[("quantity", "must not be negative")]),
        fields(
            "ChangeSubscription",
            &to("", 2),
            &[("quantity", "must be 1, because the plan has no price per seat")],
        ),
        fields(
            "ChangeSubscription",
            &to(&dollars.name, 0),
            &[("plan", "must be sold in EUR, in which the subscription is billed")],
        ),
        fields(
            "ChangeSubscription",
            &to(&dear.name, 3),
            &[("quantity", "must be smaller: the price is beyond what can be billed")],
        ),
        fields(
            "ChangeSubscription",
            &to("premium", -1),
            &[("plan", PLAN), ("quantity", "must not be negative")],
        ),
        state(
            "UndoChangeSubscription",
            &undo_change,
            "NO_CHANGE_PLANNED",
            "no change is planned that could be undone",
        ),
        fields(
            "CancelSubscription",
            &cancel(When::Unspecified),
            &[("when", "must be WHEN_NOW or WHEN_PERIOD_END")],
        ),
        state(
            "UndoCancelSubscription",
            &undo_cancel,
            "NO_END_PLANNED",
            "no end is planned that could be undone",
        ),
        fields("PauseSubscription", &pause(NO_INSTANT), &[("resume_time", INSTANT)]),
        fields(
            "PauseSubscription",
            &pause(instant("2026-02-02T12:00:00Z")),
            &[("resume_time", "must lie in the future; it is 2026-02-02T12:00:00+00:00 now")],
        ),
        state(
            "ResumeSubscription",
            &resume(),
            "SUBSCRIPTION_NOT_PAUSED",
            "the subscription is not paused",
        ),
        fields(
            "ListSubscriptions",
            &v1::ListSubscriptionsRequest { customer: "ana".to_owned(), ..list.clone() },
            &[("customer", CUSTOMER)],
        ),
        fields(
            "ListSubscriptions",
            &v1::ListSubscriptionsRequest { plan: "monthly".to_owned(), ..list.clone() },
            &[("plan", PLAN)],
        ),
        fields(
            "ListSubscriptions",
            &v1::ListSubscriptionsRequest { states: vec![0], ..list },
            &[("states", "must not be unspecified")],
        ),
    ];
    check(&portal, SERVICE, rows).await;

    let mut subscriptions =
        v1::subscriptions_service_client::SubscriptionsServiceClient::new(portal.channel.clone());
    subscriptions.pause_subscription(portal.ask(pause(None))).await.unwrap();
    let paused = ["SUBSCRIPTION_PAUSED", "the subscription is paused; resume it first"];
    let rows = vec![
        state("PauseSubscription", &pause(None), paused[0], paused[1]),
        state("ChangeSubscription", &to(&names.plan, 1), paused[0], paused[1]),
    ];
    check(&portal, SERVICE, rows).await;

    subscriptions.resume_subscription(portal.ask(resume())).await.unwrap();
    subscriptions.cancel_subscription(portal.ask(cancel(When::PeriodEnd))).await.unwrap();
    let ending = ["ALREADY_ENDING", "the subscription already ends on its own; undo that first"];
    let rows = vec![
        state("ChangeSubscription", &to(&names.plan, 1), ending[0], ending[1]),
        state("PauseSubscription", &pause(None), ending[0], ending[1]),
    ];
    check(&portal, SERVICE, rows).await;

    subscriptions.cancel_subscription(portal.ask(cancel(When::Now))).await.unwrap();
    let over = ["SUBSCRIPTION_OVER", "the subscription is over"];
    let rows = vec![
        state("CancelSubscription", &cancel(When::Now), over[0], over[1]),
        state("CancelSubscription", &cancel(When::PeriodEnd), over[0], over[1]),
        state("ChangeSubscription", &to(&names.plan, 1), over[0], over[1]),
        state("PauseSubscription", &pause(None), over[0], over[1]),
        state(
            "ResumeSubscription",
            &resume(),
            "SUBSCRIPTION_NOT_PAUSED",
            "the subscription is not paused",
        ),
        state("UndoCancelSubscription", &undo_cancel, over[0], over[1]),
    ];
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn each_move_that_debts_forbid_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", cards::EMPTY_AFTER_ONE).await;
    let late = portal.world.subscription(&ana).monthly("20.00 EUR").create().await.name;
    let bo = portal.world.member("Bo", cards::EMPTY).await;
    let unpaid = portal.world.subscription(&bo).monthly("20.00 EUR").create().await.name;
    let pause =
        |name: &str| v1::PauseSubscriptionRequest { name: name.to_owned(), ..Default::default() };
    let begin = "the subscription has not begun: its first payment is still open";
    let rows = vec![state("PauseSubscription", &pause(&unpaid), "SUBSCRIPTION_NOT_BEGUN", begin)];
    check(&portal, SERVICE, rows).await;

    portal.world.advance_to("2026-03-01").await;
    let owes = "an overdue invoice must be paid first";
    let rows = vec![state("PauseSubscription", &pause(&late), "SUBSCRIPTION_OVERDUE", owes)];
    check(&portal, SERVICE, rows).await;
}

/// A test clock may have been sent on, ten years at a time, to where the calendar ends.
#[rstest]
#[tokio::test]
async fn no_cycle_begins_that_the_calendar_does_not_hold(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", cards::GOOD).await;
    let course = portal.world.subscription(&ana).monthly("20.00 EUR").create().await;
    let pause = v1::PauseSubscriptionRequest { name: course.name.clone(), ..Default::default() };
    let mut subscriptions =
        v1::subscriptions_service_client::SubscriptionsServiceClient::new(portal.channel.clone());
    subscriptions.pause_subscription(portal.ask(pause)).await.unwrap();

    let mut repo = portal.world.rondo.store.begin().await.unwrap();
    let mut merchant = repo.merchant(portal.world.merchant_id).await.unwrap().unwrap();
    let end = "9999-12-15T12:00:00Z".parse().unwrap();
    merchant.test_clock =
        merchant.test_clock.map(|clock| TestClock { now: end, target: end, ..clock });
    repo.write(Changes { merchants: vec![merchant], ..Changes::default() }).await.unwrap();
    repo.commit().await.unwrap();

    let resume = v1::ResumeSubscriptionRequest {
        name: course.name,
        request_id: once(),
        ..Default::default()
    };
    let beyond = "its next cycle lies beyond the calendar";
    let rows = vec![state("ResumeSubscription", &resume, "BEYOND_CALENDAR", beyond)];
    check(&portal, SERVICE, rows).await;
}
