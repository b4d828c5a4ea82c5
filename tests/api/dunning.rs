//! Dunning as staff see to it: policies, and moving a case.

use rondo::{
    domain::{
        changes::Changes,
        dunning::{Ladder, LadderDraft, Step},
    },
    grpc::proto::v1::{
        self, dunning_case::State, dunning_service_client::DunningServiceClient,
        invoices_service_client::InvoicesServiceClient,
    },
};
use rstest::rstest;
use tonic::{Code, transport::Channel};

use crate::{
    bad_input::{self, once},
    portal::{Portal, euro, monthly, reason},
    support::{
        Engine::{self, Postgres, Sqlite},
        member::Member,
    },
};

fn dunning(portal: &Portal) -> DunningServiceClient<Channel> {
    DunningServiceClient::new(portal.channel.clone())
}

fn step(after_days: i32) -> v1::dunning_ladder::Step {
    v1::dunning_ladder::Step {
        after_days,
        retry: true,
        mail: v1::dunning_ladder::Mail::Reminder.into(),
        access: v1::Access::Grace.into(),
        ..Default::default()
    }
}

fn courses() -> v1::DunningPolicy {
    v1::DunningPolicy {
        display_name: "Courses".to_owned(),
        ladder: Some(v1::DunningLadder {
            steps: vec![step(3), step(4)],
            final_action: v1::dunning_ladder::FinalAction::WriteOff.into(),
            jitter_percent: 10,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn wish(policy: v1::DunningPolicy) -> v1::CreateDunningPolicyRequest {
    v1::CreateDunningPolicyRequest { dunning_policy: Some(policy), ..Default::default() }
}

#[rstest]
#[tokio::test]
async fn a_policy_is_versioned_and_deleted_when_nobody_goes_by_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let mut client = dunning(&portal);
    let made = client.create_dunning_policy(portal.ask(wish(courses()))).await.unwrap();
    let made = made.into_inner();
    assert_eq!((made.version, made.display_name.as_str()), (1, "Courses"));
    let window = made.ladder.as_ref().unwrap().window.unwrap();
    assert_eq!((window.start_hour, window.end_hour), (8, 20));

    let update = v1::UpdateDunningPolicyRequest {
        dunning_policy: Some(v1::DunningPolicy {
            name: made.name.clone(),
            etag: made.etag.clone(),
            ladder: Some(v1::DunningLadder { steps: vec![step(5)], ..courses().ladder.unwrap() }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let updated = client.update_dunning_policy(portal.ask(update.clone())).await.unwrap();
    let updated = updated.into_inner();
    let steps = updated.ladder.as_ref().unwrap().steps.len();
    assert_eq!((updated.version, steps), (2, 1));
    let stale = client.update_dunning_policy(portal.ask(update)).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");

    let mut plan = v1::CreatePlanRequest {
        plan: Some(v1::Plan {
            display_name: "Monthly".to_owned(),
            terms: Some(crate::portal::monthly(2_000)),
            ..Default::default()
        }),
        ..Default::default()
    };
    plan.plan.as_mut().unwrap().dunning_policy = made.name.clone();
    portal.plans().create_plan(portal.ask(plan)).await.unwrap();
    let delete = v1::DeleteDunningPolicyRequest {
        name: made.name.clone(),
        etag: updated.etag,
        ..Default::default()
    };
    let used = client.delete_dunning_policy(portal.ask(delete)).await.unwrap_err();
    assert_eq!((used.code(), reason(&used).as_str()), (Code::FailedPrecondition, "POLICY_IN_USE"));

    let other = client.create_dunning_policy(portal.ask(wish(courses()))).await.unwrap();
    let v1::DunningPolicy { name, etag, .. } = other.into_inner();
    let delete = v1::DeleteDunningPolicyRequest { name, etag, ..Default::default() };
    let gone = client.delete_dunning_policy(portal.ask(delete)).await.unwrap().into_inner();
    assert!(gone.delete_time.is_some());
}

#[rstest]
#[tokio::test]
async fn a_ladder_that_could_break_a_limit_is_refused_when_it_is_saved(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let mut policy = courses();
    policy.display_name = " ".to_owned();
    let ladder = policy.ladder.as_mut().unwrap();
    // More retries of one invoice than the networks' default cap of eight.
    ladder.steps = vec![step(1); 15];
    let refused = dunning(&portal).create_dunning_policy(portal.ask(wish(policy))).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let told = refused.message();
    assert!(told.starts_with("dunning_policy.display_name must have 1 to 80"), "{told}");
    assert!(told.contains("dunning_policy.ladder.steps"), "{told}");
}

/// An overdue course of the member's, and its case.
async fn overdue(portal: &Portal, member: &Member) -> v1::DunningCase {
    let request = v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice {
            customer: format!("customers/{}", member.id),
            lines: vec![v1::invoice::Line {
                label: "Rust in a week".to_owned(),
                unit_price: Some(euro(4_900)),
                ..Default::default()
            }],
            ..Default::default()
        }),
        request_id: uuid::Uuid::from_u128(9).to_string(),
        ..Default::default()
    };
    let mut invoices = InvoicesServiceClient::new(portal.channel.clone());
    invoices.create_invoice(portal.ask(request)).await.unwrap();
    portal.world.advance_to("2026-02-01").await;
    let list = v1::ListDunningCasesRequest {
        customer: format!("customers/{}", member.id),
        open_only: true,
        ..Default::default()
    };
    let open = dunning(portal).list_dunning_cases(portal.ask(list)).await.unwrap().into_inner();
    let [case] = &open.dunning_cases[..] else { panic!("one is open") };
    case.clone()
}

async fn get(portal: &Portal, name: &str) -> v1::DunningCase {
    let request = v1::GetDunningCaseRequest { name: name.to_owned() };
    dunning(portal).get_dunning_case(portal.ask(request)).await.unwrap().into_inner()
}

fn retry(case: &v1::DunningCase, id: u128) -> v1::RetryDunningCaseNowRequest {
    v1::RetryDunningCaseNowRequest {
        name: case.name.clone(),
        request_id: uuid::Uuid::from_u128(id).to_string(),
        ..Default::default()
    }
}

#[rstest]
#[tokio::test]
async fn a_case_rests_as_long_as_it_is_held(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let bo = portal.world.member("Bo", "tok_visa_insufficient_funds").await;
    let case = overdue(&portal, &bo).await;
    assert_eq!((case.state(), case.decline_class()), (State::Open, v1::decline::Class::WaitFunds));
    let mut client = dunning(&portal);
    let hold = |seconds| v1::HoldDunningCaseRequest {
        name: case.name.clone(),
        hold_until_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        ..Default::default()
    };
    let past = client.hold_dunning_case(portal.ask(hold(0))).await.unwrap_err();
    assert!(past.message().starts_with("hold_until_time must lie in the future"), "{past}");
    let unsaid = v1::HoldDunningCaseRequest { hold_until_time: None, ..hold(0) };
    let unsaid = client.hold_dunning_case(portal.ask(unsaid)).await.unwrap_err();
    assert_eq!(unsaid.message(), "hold_until_time must be set");

    let until = "2026-06-01T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let held = client.hold_dunning_case(portal.ask(hold(until.timestamp()))).await.unwrap();
    assert_eq!(held.into_inner().state(), State::Held);
    portal.world.advance_to("2026-05-01").await;
    assert_eq!(portal.world.mail_kinds("Bo"), ["payment_failed"]);

    let release = || v1::ReleaseDunningCaseRequest {
        name: case.name.clone(),
        request_id: once(),
        ..Default::default()
    };
    let released = client.release_dunning_case(portal.ask(release())).await.unwrap();
    assert_eq!(released.into_inner().state(), State::Open);
    let twice = client.release_dunning_case(portal.ask(release())).await.unwrap_err();
    assert_eq!(reason(&twice), "DUNNING_NOT_HELD");
    portal.world.advance_to("2026-07-01").await;
    assert_eq!(get(&portal, &case.name).await.state(), State::Exhausted);
}

/// The networks' limits may have become narrower since the policy was saved.
#[rstest]
#[tokio::test]
async fn a_plan_whose_ladder_could_break_a_limit_is_refused_when_it_is_saved(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let policy = dunning(&portal).create_dunning_policy(portal.ask(wish(courses()))).await.unwrap();
    let policy = policy.into_inner().name;
    save_without_a_check(&portal, &policy, 9).await;

    let told = "must keep the card networks' limits; change its ladder first: steps[7].retry: must \
                not be set from this step on, only reminded: Visa allows 8 attempts for one invoice, \
                the first one included";
    let plan = v1::Plan {
        display_name: "Monthly".to_owned(),
        terms: Some(monthly(2_000)),
        dunning_policy: policy.clone(),
        ..Default::default()
    };
    let request = v1::CreatePlanRequest { plan: Some(plan), ..Default::default() };
    let refused = portal.plans().create_plan(portal.ask(request.clone())).await.unwrap_err();
    assert_eq!(
        bad_input::told(&refused),
        format!(
            "InvalidArgument FIELDS_INVALID: plan.dunning_policy {told} [plan.dunning_policy] {told}"
        )
    );
    save_without_a_check(&portal, &policy, 7).await;
    portal.plans().create_plan(portal.ask(request)).await.unwrap();
}

/// Gives a policy so many retries, eight days apart, whatever the networks say of it.
async fn save_without_a_check(portal: &Portal, policy: &str, retries: usize) {
    let id = policy.strip_prefix("dunningPolicies/").unwrap().parse().unwrap();
    let mut repo = portal.world.rondo.store.begin().await.unwrap();
    let found = repo.dunning_policies(portal.world.merchant_id, &[id]).await.unwrap().remove(0);
    let mut draft: LadderDraft = found.ladder.clone().into();
    draft.steps = vec![Step { after_days: 8, ..draft.steps[0] }; retries];
    let policy = found.revised(&found.name, Ladder::try_from(draft).unwrap()).unwrap();
    repo.write(Changes { dunning_policies: vec![policy], ..Changes::default() }).await.unwrap();
    repo.commit().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn staff_may_try_again_but_not_what_the_issuer_forbade(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let bo = portal.world.member("Bo", "tok_visa_insufficient_funds_x1_then_ok").await;
    let case = overdue(&portal, &bo).await;
    let tried = dunning(&portal).retry_dunning_case_now(portal.ask(retry(&case, 1))).await.unwrap();
    assert_eq!(tried.into_inner().state(), State::Retrying);
    portal.world.advance_to("2026-02-02").await;
    assert_eq!(get(&portal, &case.name).await.state(), State::Recovered);
    let over = dunning(&portal).retry_dunning_case_now(portal.ask(retry(&case, 2))).await;
    assert_eq!(reason(&over.unwrap_err()), "DUNNING_OVER");
}

#[rstest]
#[tokio::test]
async fn a_new_default_card_is_tried_at_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let eva = portal.world.member("Eva", "tok_visa_lost_card").await;
    let case = overdue(&portal, &eva).await;
    assert_eq!(case.state(), State::WaitingForCustomer);
    let barred = dunning(&portal).retry_dunning_case_now(portal.ask(retry(&case, 1))).await;
    assert_eq!(reason(&barred.unwrap_err()), "PAYMENT_METHOD_BLOCKED");

    let request = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: format!("customers/{}", eva.id),
            gateway: "sandbox".to_owned(),
            network: v1::payment_method::Network::Visa.into(),
            ..Default::default()
        }),
        source: Some(v1::create_payment_method_request::Source::Token(
            v1::create_payment_method_request::Token {
                token: "tok_visa_ok.new".to_owned(),
                ..Default::default()
            },
        )),
        set_default: true,
        request_id: once(),
        ..Default::default()
    };
    portal.methods().create_payment_method(portal.ask(request)).await.unwrap();
    assert_eq!(get(&portal, &case.name).await.state(), State::Retrying);
    portal.world.advance_to("2026-02-02").await;
    assert_eq!(get(&portal, &case.name).await.state(), State::Recovered);
    assert_eq!(portal.world.mail_kinds("Eva"), ["payment_failed", "recovered"]);
    assert_eq!(portal.world.captured().await, portal.world.booked().await);
}
