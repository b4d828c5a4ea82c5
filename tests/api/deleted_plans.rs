//! A plan that nobody has is deleted and brought back.

use std::slice::from_ref;

use rondo::grpc::proto::v1::{
    self, cancel_plan_request::ExistingSubscriptions as OnCancel,
    subscriptions_service_client::SubscriptionsServiceClient,
};
use rstest::rstest;
use tonic::Status;

use crate::{
    bad_input::{once, told},
    given,
    portal::Portal,
    support::Engine::{self, Postgres, Sqlite},
};

async fn delete(portal: &Portal, plan: &v1::Plan) -> Result<v1::Plan, Status> {
    let v1::Plan { name, etag, .. } = plan.clone();
    let request = v1::DeletePlanRequest { name, etag, ..Default::default() };
    Ok(portal.plans().delete_plan(portal.ask(request)).await?.into_inner())
}

async fn undelete(portal: &Portal, name: &str) -> Result<v1::Plan, Status> {
    let request = v1::UndeletePlanRequest { name: name.to_owned(), ..Default::default() };
    Ok(portal.plans().undelete_plan(portal.ask(request)).await?.into_inner())
}

async fn listed(portal: &Portal, show_deleted: bool) -> Vec<String> {
    let list = v1::ListPlansRequest { show_deleted, ..Default::default() };
    let listed = portal.plans().list_plans(portal.ask(list)).await.unwrap().into_inner();
    listed.plans.into_iter().map(|plan| plan.name).collect()
}

fn run_on(plan: &v1::Plan) -> v1::CancelPlanRequest {
    v1::CancelPlanRequest {
        name: plan.name.clone(),
        etag: plan.etag.clone(),
        existing_subscriptions: Some(OnCancel::RunOn(v1::cancel_plan_request::RunOn {})),
        ..Default::default()
    }
}

#[rstest]
#[tokio::test]
async fn a_deleted_plan_is_out_of_sight_until_it_is_brought_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let other = portal.plan("Yearly", 20_000).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let deleted = delete(&portal, &plan).await.unwrap();
    assert!(deleted.delete_time.is_some());
    assert_eq!(listed(&portal, false).await, from_ref(&other.name));
    assert_eq!(listed(&portal, true).await, [other.name.clone(), plan.name.clone()]);
    let get = v1::GetPlanRequest { name: plan.name.clone() };
    assert_eq!(portal.plans().get_plan(portal.ask(get)).await.unwrap().into_inner(), deleted);

    let is_deleted =
        "FailedPrecondition PLAN_DELETED: the plan is deleted; undelete it first ".to_owned();
    let again = delete(&portal, &deleted).await.unwrap_err();
    assert_eq!(told(&again), is_deleted);
    let cancel = portal.plans().cancel_plan(portal.ask(run_on(&deleted))).await.unwrap_err();
    assert_eq!(told(&cancel), is_deleted);
    let update = v1::UpdatePlanRequest {
        plan: Some(v1::Plan { display_name: "Weekly".to_owned(), terms: None, ..deleted.clone() }),
        ..Default::default()
    };
    let update = portal.plans().update_plan(portal.ask(update)).await.unwrap_err();
    assert_eq!(told(&update), is_deleted);
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let subscribe = || v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: format!("customers/{}", ana.id),
            plan: plan.name.clone(),
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let mut subscriptions = SubscriptionsServiceClient::new(portal.channel.clone());
    let refused = subscriptions.create_subscription(portal.ask(subscribe())).await.unwrap_err();
    assert_eq!(refused.message(), "subscription.plan must be one of your active plans");
    let move_there = v1::CancelPlanRequest {
        existing_subscriptions: Some(OnCancel::MoveTo(v1::cancel_plan_request::MoveTo {
            plan: plan.name.clone(),
        })),
        ..run_on(&other)
    };
    let refused = portal.plans().cancel_plan(portal.ask(move_there)).await.unwrap_err();
    assert_eq!(refused.message(), "move_to.plan must be one of your active plans");

    let back = undelete(&portal, &plan.name).await.unwrap();
    assert_eq!((back.delete_time, back.state()), (None, v1::plan::State::Active));
    assert_eq!(listed(&portal, false).await, [other.name, plan.name.clone()]);
    subscriptions.create_subscription(portal.ask(subscribe())).await.unwrap();
    let not_deleted = undelete(&portal, &plan.name).await.unwrap_err();
    let expected = "FailedPrecondition PLAN_NOT_DELETED: the plan is not deleted ";
    assert_eq!(told(&not_deleted), expected);
    let list = v1::ListEventsRequest {
        types: vec!["plan.deleted".to_owned(), "plan.undeleted".to_owned()],
        ..Default::default()
    };
    let events = portal.events().list_events(portal.ask(list)).await.unwrap().into_inner().events;
    let kinds: Vec<_> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(kinds, ["plan.deleted", "plan.undeleted"]);
}

#[rstest]
#[tokio::test]
async fn a_plan_that_somebody_has_is_not_deleted(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let get = v1::GetPlanRequest { name: names.plan.clone() };
    let plan = portal.plans().get_plan(portal.ask(get)).await.unwrap().into_inner();
    let subscription = names.subscription.trim_start_matches("subscriptions/");
    let runs = format!(
        "FailedPrecondition SUBSCRIPTION_RUNNING: {subscription} runs on it; cancel the plan to say \
         what becomes of it "
    );
    assert_eq!(told(&delete(&portal, &plan).await.unwrap_err()), runs);
    let canceled = portal.plans().cancel_plan(portal.ask(run_on(&plan))).await.unwrap();
    let retired = canceled.into_inner().plan.unwrap();
    assert_eq!(told(&delete(&portal, &retired).await.unwrap_err()), runs);

    let end_now = v1::CancelPlanRequest {
        existing_subscriptions: Some(OnCancel::EndNow(v1::cancel_plan_request::EndNow {})),
        ..run_on(&retired)
    };
    let canceled = portal.plans().cancel_plan(portal.ask(end_now)).await.unwrap();
    let deleted = delete(&portal, &canceled.into_inner().plan.unwrap()).await.unwrap();
    let back = undelete(&portal, &deleted.name).await.unwrap();
    assert_eq!(back.state(), v1::plan::State::Retired, "as it was");
}
