//! Members' agreements: begun, changed, paused, ended, and what they open meanwhile.

use rondo::grpc::proto::v1::{
    self, cancel_subscription_request::When, check_access_response::Reason,
    customers_service_client::CustomersServiceClient,
    invoices_service_client::InvoicesServiceClient, subscription::State,
    subscriptions_service_client::SubscriptionsServiceClient,
};
use rstest::rstest;
use tonic::{Code, transport::Channel};

use crate::{
    bad_input::once,
    portal::{Portal, monthly, reason},
    support::{
        Engine::{self, Postgres, Sqlite},
        member::Member,
    },
};

const REQUEST_ID: &str = "8f3b1c52-6d0a-4e7f-9b21-5c4d3e2f1a00";

fn subscriptions(portal: &Portal) -> SubscriptionsServiceClient<Channel> {
    SubscriptionsServiceClient::new(portal.channel.clone())
}

async fn advance(portal: &Portal, day: &str) {
    portal.world.advance_to(day).await;
}

fn wish(member: &Member, plan: &v1::Plan) -> v1::CreateSubscriptionRequest {
    v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: format!("customers/{}", member.id),
            plan: plan.name.clone(),
            ..Default::default()
        }),
        request_id: uuid::Uuid::from_u128(u128::from(member.id.uuid().as_u64_pair().1)).to_string(),
        ..Default::default()
    }
}

async fn begin(portal: &Portal, request: v1::CreateSubscriptionRequest) -> v1::Subscription {
    subscriptions(portal).create_subscription(portal.ask(request)).await.unwrap().into_inner()
}

async fn get(portal: &Portal, name: &str) -> v1::Subscription {
    let request = v1::GetSubscriptionRequest { name: name.to_owned() };
    subscriptions(portal).get_subscription(portal.ask(request)).await.unwrap().into_inner()
}

async fn invoices(portal: &Portal, subscription: &str) -> Vec<v1::Invoice> {
    let request =
        v1::ListInvoicesRequest { subscription: subscription.to_owned(), ..Default::default() };
    let mut client = InvoicesServiceClient::new(portal.channel.clone());
    client.list_invoices(portal.ask(request)).await.unwrap().into_inner().invoices
}

async fn access(portal: &Portal, member: &Member) -> (v1::Access, Reason) {
    let request = v1::CheckAccessRequest {
        name: format!("customers/{}", member.id),
        entitlement: "courses".to_owned(),
        ..Default::default()
    };
    let mut client = CustomersServiceClient::new(portal.channel.clone());
    let told = client.check_access(portal.ask(request)).await.unwrap().into_inner();
    (told.access(), told.reason())
}

/// The kinds of a member's mails in alphabetical order: those of one instant come in any.
fn mails(portal: &Portal, name: &str) -> Vec<String> {
    let mut kinds = portal.world.mail_kinds(name);
    kinds.sort();
    kinds
}

#[rstest]
#[tokio::test]
async fn the_first_invoice_is_there_when_the_call_returns_and_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let request =
        v1::CreateSubscriptionRequest { request_id: REQUEST_ID.to_owned(), ..wish(&ana, &plan) };
    let begun = begin(&portal, request.clone()).await;
    assert_eq!(begun.state(), State::Incomplete);
    assert_eq!((begun.currency_code.as_str(), begun.quantity), ("EUR", 1));
    assert_eq!(begun.time_zone, "Europe/Lisbon");
    let issued = invoices(&portal, &begun.name).await;
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].number, "OA-000001");
    assert!(issued[0].payment.starts_with("payments/pay_"));
    assert_eq!(access(&portal, &ana).await, (v1::Access::None, Reason::AwaitingPayment));

    let again = begin(&portal, request).await;
    assert_eq!(again, begun, "the same request gets the same answer");
    assert_eq!(invoices(&portal, &begun.name).await.len(), 1);

    advance(&portal, "2026-02-28").await;
    let running = get(&portal, &begun.name).await;
    assert_eq!(running.state(), State::Active);
    let next = running.next_bill_date.unwrap();
    assert_eq!((next.year, next.month, next.day), (2026, 3, 31));
    let states: Vec<_> =
        invoices(&portal, &begun.name).await.iter().map(v1::Invoice::state).collect();
    assert_eq!(states, [v1::invoice::State::Paid; 2]);
    assert_eq!(access(&portal, &ana).await, (v1::Access::Full, Reason::Paid));
    assert_eq!(mails(&portal, "Ana"), ["receipt", "receipt", "welcome"]);
}

#[rstest]
#[tokio::test]
async fn a_trial_welcomes_at_once_and_charges_when_it_ends(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let request = v1::CreatePlanRequest {
        plan: Some(v1::Plan {
            display_name: "Tried".to_owned(),
            terms: Some(v1::PlanTerms { trial_days: 14, ..monthly(2_000) }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let plan = portal.plans().create_plan(portal.ask(request)).await.unwrap().into_inner();
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let tried = begin(&portal, wish(&ana, &plan)).await;
    assert_eq!(tried.state(), State::Trialing);
    assert_eq!(tried.next_bill_time, tried.trial_end_time);
    assert!(invoices(&portal, &tried.name).await.is_empty());
    assert_eq!(access(&portal, &ana).await, (v1::Access::Full, Reason::Trial));

    let ben = portal.world.member("Ben", "tok_visa_ok").await;
    let request = v1::CreateSubscriptionRequest { skip_trial: true, ..wish(&ben, &plan) };
    assert_eq!(begin(&portal, request).await.state(), State::Incomplete);

    advance(&portal, "2026-02-14").await;
    assert_eq!(get(&portal, &tried.name).await.state(), State::Active);
    assert_eq!(portal.world.mail_kinds("Ana"), ["welcome", "trial_ending", "receipt"]);
}

#[rstest]
#[tokio::test]
async fn what_is_wrong_with_a_subscription_is_told_field_by_field(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let ben = portal.world.member("Ben", "tok_visa_ok").await;
    let of_ben = v1::ListPaymentMethodsRequest {
        customer: format!("customers/{}", ben.id),
        ..Default::default()
    };
    let methods = portal.methods().list_payment_methods(portal.ask(of_ben)).await.unwrap();
    let card_of_ben = methods.into_inner().payment_methods[0].name.clone();
    let good = wish(&ana, &plan);
    let told = |change: fn(&mut v1::Subscription)| {
        let mut request = good.clone();
        change(request.subscription.as_mut().unwrap());
        request
    };
    let mut foreign_card = good.clone();
    foreign_card.subscription.as_mut().unwrap().payment_method = card_of_ben;
    for (request, sentence) in [
        (
            told(|s| s.customer = "customers/cus_06ew5kkq3hx3d1qj9w2t7m8c0g".to_owned()),
            "subscription.customer must be one of your customers, and not deleted",
        ),
        (
            told(|s| s.plan = "plans/plan_06ew5kkq3hx3d1qj9w2t7m8c0g".to_owned()),
            "subscription.plan must be one of your active plans",
        ),
        (
            told(|s| s.currency_code = "USD".to_owned()),
            "subscription.currency_code must be one that the plan is sold in: EUR",
        ),
        (
            told(|s| s.quantity = 2),
            "subscription.quantity must be 1, because the plan has no price per seat",
        ),
        (
            foreign_card,
            "subscription.payment_method must be one of the customer's payment methods that can \
             still be charged",
        ),
        (
            v1::CreateSubscriptionRequest { request_id: String::new(), ..good.clone() },
            "request_id must be set, because money is moved",
        ),
    ] {
        let refused =
            subscriptions(&portal).create_subscription(portal.ask(request)).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, sentence));
    }

    let checked = v1::CreateSubscriptionRequest { validate_only: true, ..good };
    assert_eq!(begin(&portal, checked).await.state(), State::Incomplete);
    let all = subscriptions(&portal)
        .list_subscriptions(portal.ask(v1::ListSubscriptionsRequest::default()))
        .await
        .unwrap();
    assert!(all.into_inner().subscriptions.is_empty(), "what was checked alone was not kept");
}

#[rstest]
#[tokio::test]
async fn a_change_comes_with_the_next_renewal_and_is_announced(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let (plan, premium) =
        (portal.plan("Monthly", 2_000).await, portal.plan("Premium", 3_000).await);
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let begun = begin(&portal, wish(&ana, &plan)).await;
    advance(&portal, "2026-02-10").await;
    let change = v1::ChangeSubscriptionRequest {
        name: begun.name.clone(),
        plan: premium.name.clone(),
        ..Default::default()
    };
    let mut client = subscriptions(&portal);
    let changed = client.change_subscription(portal.ask(change.clone())).await.unwrap();
    let planned = changed.into_inner().scheduled_change.unwrap();
    assert_eq!(planned.plan_version, format!("{}/versions/1", premium.name));

    let undo = v1::UndoChangeSubscriptionRequest { name: begun.name.clone(), ..Default::default() };
    let undone = client.undo_change_subscription(portal.ask(undo.clone())).await.unwrap();
    assert_eq!(undone.into_inner().scheduled_change, None);
    let twice = client.undo_change_subscription(portal.ask(undo)).await.unwrap_err();
    assert_eq!(
        (twice.code(), reason(&twice).as_str()),
        (Code::FailedPrecondition, "NO_CHANGE_PLANNED")
    );

    client.change_subscription(portal.ask(change)).await.unwrap();
    advance(&portal, "2026-03-01").await;
    let totals: Vec<_> = invoices(&portal, &begun.name)
        .await
        .iter()
        .map(|i| i.total.clone().unwrap().units)
        .collect();
    assert_eq!(totals, [20, 30]);
    assert_eq!(get(&portal, &begun.name).await.plan, premium.name);
    let mails = portal.world.mail_kinds("Ana");
    // That it comes, that it comes no more, and that it comes.
    assert_eq!(mails.iter().filter(|kind| *kind == "plan_changing").count(), 3, "{mails:?}");

    for (request, sentence) in [
        (v1::ChangeSubscriptionRequest::default(), "plan or quantity must be set"),
        (
            v1::ChangeSubscriptionRequest { quantity: 3, ..Default::default() },
            "quantity must be 1, because the plan has no price per seat",
        ),
    ] {
        let request = v1::ChangeSubscriptionRequest { name: begun.name.clone(), ..request };
        let refused = client.change_subscription(portal.ask(request)).await.unwrap_err();
        assert_eq!(refused.message(), sentence);
    }
}

#[rstest]
#[tokio::test]
async fn a_member_leaves_when_they_say_and_may_come_back_before(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let begun = begin(&portal, wish(&ana, &plan)).await;
    advance(&portal, "2026-02-10").await;
    let mut client = subscriptions(&portal);
    let cancel = |when: When| v1::CancelSubscriptionRequest {
        name: begun.name.clone(),
        when: when.into(),
        ..Default::default()
    };
    let never =
        client.cancel_subscription(portal.ask(cancel(When::Unspecified))).await.unwrap_err();
    assert_eq!(never.message(), "when must be WHEN_NOW or WHEN_PERIOD_END");
    let stale = v1::CancelSubscriptionRequest { etag: "\"1\"".to_owned(), ..cancel(When::Now) };
    let stale = client.cancel_subscription(portal.ask(stale)).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");

    let leaving = client.cancel_subscription(portal.ask(cancel(When::PeriodEnd))).await.unwrap();
    let leaving = leaving.into_inner();
    assert_eq!((leaving.state(), leaving.next_bill_time), (State::Active, None));
    assert_eq!(
        leaving.cancellation.as_ref().unwrap().end_time,
        leaving.current_period.as_ref().unwrap().end_time
    );
    let again = client.cancel_subscription(portal.ask(cancel(When::PeriodEnd))).await.unwrap();
    assert_eq!(again.into_inner(), leaving, "it was told so before");

    let undo = v1::UndoCancelSubscriptionRequest { name: begun.name.clone(), ..Default::default() };
    let back = client.undo_cancel_subscription(portal.ask(undo.clone())).await.unwrap();
    assert_eq!(back.into_inner().cancellation, None);
    let nothing = client.undo_cancel_subscription(portal.ask(undo)).await.unwrap_err();
    assert_eq!(reason(&nothing), "NO_END_PLANNED");

    client.cancel_subscription(portal.ask(cancel(When::PeriodEnd))).await.unwrap();
    advance(&portal, "2026-03-01").await;
    let gone = get(&portal, &begun.name).await;
    assert_eq!(gone.state(), State::Canceled);
    assert_eq!(invoices(&portal, &begun.name).await.len(), 1);
    assert_eq!(access(&portal, &ana).await, (v1::Access::None, Reason::Ended));
    assert_eq!(mails(&portal, "Ana"), ["cancelled", "cancelled", "receipt", "welcome"]);
    let over = client.cancel_subscription(portal.ask(cancel(When::Now))).await.unwrap_err();
    assert_eq!(reason(&over), "SUBSCRIPTION_OVER");
}

#[rstest]
#[tokio::test]
async fn ending_at_once_takes_open_invoices_back(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let eva = portal.world.member("Eva", "tok_visa_ok_x1_then_insufficient_funds").await;
    let begun = begin(&portal, wish(&eva, &plan)).await;
    advance(&portal, "2026-03-01").await;
    assert_eq!(get(&portal, &begun.name).await.state(), State::PastDue);
    let (level, why) = access(&portal, &eva).await;
    assert_eq!(why, Reason::OverdueGrace);
    assert_ne!(level, v1::Access::None);

    let request = v1::CancelSubscriptionRequest {
        name: begun.name.clone(),
        when: When::Now.into(),
        ..Default::default()
    };
    let ended = subscriptions(&portal).cancel_subscription(portal.ask(request)).await.unwrap();
    assert_eq!(ended.into_inner().state(), State::Canceled);
    let states: Vec<_> =
        invoices(&portal, &begun.name).await.iter().map(v1::Invoice::state).collect();
    assert_eq!(states, [v1::invoice::State::Paid, v1::invoice::State::Void]);
    advance(&portal, "2026-05-01").await;
    assert_eq!(invoices(&portal, &begun.name).await.len(), 2);
    assert_eq!(portal.world.captured().await, portal.world.booked().await);
}

#[rstest]
#[tokio::test]
async fn a_pause_stops_billing_and_a_resumption_begins_a_cycle(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let begun = begin(&portal, wish(&ana, &plan)).await;
    advance(&portal, "2026-02-10").await;
    let mut client = subscriptions(&portal);
    let pause = v1::PauseSubscriptionRequest { name: begun.name.clone(), ..Default::default() };
    let past = prost_types::Timestamp { seconds: 0, nanos: 0 };
    let past = v1::PauseSubscriptionRequest { resume_time: Some(past), ..pause.clone() };
    let refused = client.pause_subscription(portal.ask(past)).await.unwrap_err();
    assert!(refused.message().starts_with("resume_time must lie in the future"), "{refused}");

    let paused = client.pause_subscription(portal.ask(pause.clone())).await.unwrap().into_inner();
    assert_eq!((paused.state(), paused.next_bill_time), (State::Paused, None));
    let twice = client.pause_subscription(portal.ask(pause)).await.unwrap_err();
    assert_eq!(reason(&twice), "SUBSCRIPTION_PAUSED");
    assert_eq!(access(&portal, &ana).await, (v1::Access::Full, Reason::Paid));

    advance(&portal, "2026-04-10").await;
    assert_eq!(access(&portal, &ana).await, (v1::Access::None, Reason::Paused));
    let resume = v1::ResumeSubscriptionRequest {
        name: begun.name.clone(),
        request_id: once(),
        ..Default::default()
    };
    let resumed = client.resume_subscription(portal.ask(resume.clone())).await.unwrap();
    assert_eq!(resumed.into_inner().state(), State::Active);
    let again = v1::ResumeSubscriptionRequest { request_id: once(), ..resume };
    let twice = client.resume_subscription(portal.ask(again)).await.unwrap_err();
    assert_eq!(reason(&twice), "SUBSCRIPTION_NOT_PAUSED");
    advance(&portal, "2026-05-10").await;
    let starts: Vec<_> = invoices(&portal, &begun.name)
        .await
        .iter()
        .map(|invoice| {
            let start = invoice.period.unwrap().start_time.unwrap();
            chrono::DateTime::from_timestamp(start.seconds, 0).unwrap().format("%m-%d").to_string()
        })
        .collect();
    assert_eq!(starts, ["01-31", "04-10", "05-10"]);
}

#[rstest]
#[tokio::test]
async fn subscriptions_are_listed_by_state_and_page_by_page(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let mut names = Vec::new();
    for name in ["Ana", "Ben", "Cleo"] {
        let member = portal.world.member(name, "tok_visa_ok").await;
        names.push(begin(&portal, wish(&member, &plan)).await.name);
    }
    let mut client = subscriptions(&portal);
    let mut request = v1::ListSubscriptionsRequest {
        plan: plan.name.clone(),
        states: vec![State::Incomplete.into()],
        page_size: 2,
        ..Default::default()
    };
    let first = client.list_subscriptions(portal.ask(request.clone())).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let second = client.list_subscriptions(portal.ask(request.clone())).await.unwrap().into_inner();
    let listed: Vec<_> =
        first.subscriptions.iter().chain(&second.subscriptions).map(|s| s.name.clone()).collect();
    assert_eq!((listed, second.next_page_token.as_str()), (names, ""));

    request.page_token = String::new();
    request.states = vec![State::Active.into()];
    let active = client.list_subscriptions(portal.ask(request.clone())).await.unwrap();
    assert!(active.into_inner().subscriptions.is_empty());
    request.states = vec![0];
    let vague = client.list_subscriptions(portal.ask(request)).await.unwrap_err();
    assert_eq!(vague.message(), "states must not be unspecified");
}
