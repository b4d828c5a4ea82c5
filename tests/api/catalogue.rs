//! Plans, those who have them, and what they pay with.

use rondo::grpc::proto::v1::{
    self,
    cancel_plan_request::{EndAtPeriodEnd, EndNow, ExistingSubscriptions, MoveTo, RunOn},
    plan_effect::Treatment,
};
use rstest::rstest;
use tonic::Code;

use crate::{
    bad_input::once,
    portal::{Portal, euro, monthly, reason},
    support::{
        Engine::{self, Postgres, Sqlite},
        course::Course,
    },
};

fn treated(effect: &v1::PlanEffect) -> Vec<(Treatment, i64)> {
    effect.treatments.iter().map(|row| (row.treatment(), row.subscriptions)).collect()
}

/// Two paying members of a plan of 20 euro.
async fn two_members(portal: &Portal) -> (v1::Plan, Vec<Course>) {
    let plan = portal.plan("Monthly", 2_000).await;
    let mut subscriptions = Vec::new();
    for name in ["Ana", "Ben"] {
        let member = portal.world.member(name, "tok_visa_ok").await;
        subscriptions.push(portal.world.subscribe(&member, &plan).await);
    }
    (plan, subscriptions)
}

#[rstest]
#[tokio::test]
async fn a_new_price_is_previewed_and_then_does_exactly_that(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let (plan, subscriptions) = two_members(&portal).await;
    let update = v1::UpdatePlanRequest {
        plan: Some(v1::Plan {
            name: plan.name.clone(),
            etag: plan.etag.clone(),
            terms: Some(monthly(2_500)),
            ..Default::default()
        }),
        existing_subscriptions: v1::ExistingSubscriptions::AtRenewal.into(),
        ..Default::default()
    };
    let preview = v1::PreviewPlanUpdateRequest { update: Some(update.clone()) };
    let mut plans = portal.plans();
    let foreseen = plans.preview_plan_update(portal.ask(preview)).await.unwrap().into_inner();
    assert_eq!(foreseen.affected, 2);
    let names: Vec<_> = subscriptions.iter().map(|course| course.name.clone()).collect();
    assert_eq!(foreseen.first_affected, names);
    assert_eq!(treated(&foreseen), [(Treatment::ChangesAtRenewal, 2)]);
    assert_eq!(foreseen.mails, 2);
    let revenue = &foreseen.monthly_revenue[0];
    assert_eq!(
        (revenue.before.clone(), revenue.after.clone(), revenue.change.clone()),
        (Some(euro(4_000)), Some(euro(5_000)), Some(euro(1_000)))
    );
    let get = v1::GetPlanRequest { name: plan.name.clone() };
    let unchanged = plans.get_plan(portal.ask(get)).await.unwrap().into_inner();
    assert_eq!(unchanged, plan, "a preview keeps nothing");

    let done = plans.update_plan(portal.ask(update.clone())).await.unwrap().into_inner();
    assert_eq!(done.effect, Some(foreseen));
    assert_eq!(done.plan.unwrap().current_version, 2);
    let late = plans.update_plan(portal.ask(update)).await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::Aborted, "ETAG_MISMATCH"));

    portal.world.advance_to("2026-03-01").await;
    subscriptions[0].assert().has_totals(["20.00 EUR", "25.00 EUR"]).await;
    assert!(portal.world.mail_kinds("Ana").contains(&"plan_changing".to_owned()));
}

#[rstest]
#[tokio::test]
async fn a_retired_plan_treats_its_members_as_told(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let (plan, subscriptions) = two_members(&portal).await;
    let other = portal.plan("Premium", 3_000).await;
    let cancel = |existing| v1::CancelPlanRequest {
        name: plan.name.clone(),
        etag: plan.etag.clone(),
        existing_subscriptions: Some(existing),
        ..Default::default()
    };
    let mut plans = portal.plans();
    for (existing, treatment, change) in [
        (ExistingSubscriptions::RunOn(RunOn {}), Treatment::Kept, 0),
        (
            ExistingSubscriptions::EndAtPeriodEnd(EndAtPeriodEnd {}),
            Treatment::EndsAtPeriodEnd,
            -4_000,
        ),
        (ExistingSubscriptions::EndNow(EndNow {}), Treatment::EndedNow, -4_000),
        (
            ExistingSubscriptions::MoveTo(MoveTo { plan: other.name.clone() }),
            Treatment::MovesAtRenewal,
            2_000,
        ),
    ] {
        let preview = v1::PreviewPlanCancelRequest { cancel: Some(cancel(existing)) };
        let effect = plans.preview_plan_cancel(portal.ask(preview)).await.unwrap().into_inner();
        assert_eq!(treated(&effect), [(treatment, 2)]);
        assert_eq!(effect.monthly_revenue[0].change, Some(euro(change)), "{treatment:?}");
    }

    let nowhere = MoveTo { plan: plan.name.clone() };
    let request = cancel(ExistingSubscriptions::MoveTo(nowhere));
    let refused = plans.cancel_plan(portal.ask(request)).await.unwrap_err();
    assert_eq!(refused.message(), "move_to.plan must be another plan");

    let request = cancel(ExistingSubscriptions::MoveTo(MoveTo { plan: other.name }));
    let done = plans.cancel_plan(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!(done.plan.unwrap().state(), v1::plan::State::Retired);
    portal.world.advance_to("2026-03-01").await;
    subscriptions[1].assert().has_totals(["20.00 EUR", "30.00 EUR"]).await;
}

#[rstest]
#[tokio::test]
async fn a_customer_is_changed_deleted_and_brought_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = v1::Customer {
        email: "ana@example.org".to_owned(),
        display_name: "Ana".to_owned(),
        external_id: "user-17".to_owned(),
        ..Default::default()
    };
    let create = |customer: &v1::Customer| v1::CreateCustomerRequest {
        customer: Some(customer.clone()),
        ..Default::default()
    };
    let mut customers = portal.customers();
    let made = customers.create_customer(portal.ask(create(&ana))).await.unwrap().into_inner();
    let twice = customers.create_customer(portal.ask(create(&ana))).await.unwrap_err();
    assert_eq!(twice.code(), Code::AlreadyExists);

    let update = v1::UpdateCustomerRequest {
        customer: Some(v1::Customer {
            name: made.name.clone(),
            language_code: "de-AT".to_owned(),
            time_zone: "Europe/Vienna".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let changed = customers.update_customer(portal.ask(update)).await.unwrap().into_inner();
    assert_eq!(
        (changed.email.as_str(), changed.time_zone.as_str()),
        ("ana@example.org", "Europe/Vienna")
    );

    let delete = v1::DeleteCustomerRequest { name: made.name.clone(), ..Default::default() };
    customers.delete_customer(portal.ask(delete.clone())).await.unwrap();
    let again = customers.delete_customer(portal.ask(delete)).await.unwrap_err();
    assert_eq!(reason(&again), "CUSTOMER_DELETED");
    let back = v1::UndeleteCustomerRequest { name: made.name.clone(), ..Default::default() };
    let back = customers.undelete_customer(portal.ask(back)).await.unwrap().into_inner();
    assert_eq!(back.delete_time, None);

    let asked = v1::CheckAccessRequest { external_id: "user-17".to_owned(), ..Default::default() };
    let told = customers.check_access(portal.ask(asked)).await.unwrap().into_inner();
    assert_eq!(told.access(), v1::Access::None);
    assert_eq!(told.reason(), v1::check_access_response::Reason::NeverSubscribed);
}

#[rstest]
#[tokio::test]
async fn a_member_sees_what_they_paid_for(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    two_members(&portal).await;
    let list = v1::ListCustomersRequest { page_size: 1, ..Default::default() };
    let mut customers = portal.customers();
    let page = customers.list_customers(portal.ask(list)).await.unwrap().into_inner();
    let check = |entitlement: &str| v1::CheckAccessRequest {
        name: page.customers[0].name.clone(),
        entitlement: entitlement.to_owned(),
        ..Default::default()
    };
    let told = customers.check_access(portal.ask(check("courses"))).await.unwrap().into_inner();
    assert_eq!(
        (told.access(), told.entitlements.clone()),
        (v1::Access::Full, vec!["courses".to_owned()])
    );
    assert_eq!(told.reason(), v1::check_access_response::Reason::Paid);
    let other = customers.check_access(portal.ask(check("library"))).await.unwrap().into_inner();
    assert_eq!(other.access(), v1::Access::None);

    let token = page.next_page_token;
    let list = v1::ListCustomersRequest { page_size: 1, page_token: token, ..Default::default() };
    let last = customers.list_customers(portal.ask(list)).await.unwrap().into_inner();
    assert_eq!((last.customers.len(), last.next_page_token.as_str()), (1, ""));
}

#[rstest]
#[tokio::test]
async fn a_card_comes_by_its_token_or_by_the_gateways_page(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let request = v1::CreateCustomerRequest {
        customer: Some(v1::Customer {
            email: "ana@example.org".to_owned(),
            display_name: "Ana".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let ana = portal.customers().create_customer(portal.ask(request)).await.unwrap().into_inner();
    let card = |token: &str| v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: ana.name.clone(),
            network: v1::payment_method::Network::Visa.into(),
            brand: "Visa".to_owned(),
            last_four: "4242".to_owned(),
            expiry_year: 2030,
            expiry_month: 12,
            ..Default::default()
        }),
        source: Some(v1::create_payment_method_request::Source::Token(
            v1::create_payment_method_request::Token {
                token: token.to_owned(),
                ..Default::default()
            },
        )),
        request_id: once(),
        ..Default::default()
    };
    let mut methods = portal.methods();
    let first = methods.create_payment_method(portal.ask(card("tok_visa_ok.ana"))).await.unwrap();
    let first = first.into_inner();
    assert_eq!((first.gateway.as_str(), first.chargeable), ("sandbox", true));
    let second = methods.create_payment_method(portal.ask(card("tok_visa_ok.ana2"))).await.unwrap();
    let backup = v1::SetBackupPaymentMethodRequest {
        customer: ana.name.clone(),
        payment_method: second.into_inner().name,
        ..Default::default()
    };
    let with_backup =
        methods.set_backup_payment_method(portal.ask(backup)).await.unwrap().into_inner();
    assert_eq!(with_backup.default_payment_method, first.name, "the first is the default");

    let detach = v1::DeletePaymentMethodRequest {
        name: first.name,
        etag: first.etag,
        request_id: once(),
        ..Default::default()
    };
    methods.delete_payment_method(portal.ask(detach)).await.unwrap();
    for (show_deleted, count) in [(false, 1), (true, 2)] {
        let list = v1::ListPaymentMethodsRequest {
            customer: ana.name.clone(),
            show_deleted,
            ..Default::default()
        };
        let listed = methods.list_payment_methods(portal.ask(list)).await.unwrap().into_inner();
        assert_eq!(listed.payment_methods.len(), count);
    }
    let get = v1::GetCustomerRequest { name: ana.name.clone(), ..Default::default() };
    let left = portal.customers().get_customer(portal.ask(get)).await.unwrap().into_inner();
    assert_eq!(left.default_payment_method, with_backup.backup_payment_method);
    assert_eq!(left.backup_payment_method, "");

    let open = v1::CreateSetupSessionRequest {
        customer: ana.name.clone(),
        return_url: "https://academy.example/back".to_owned(),
        ..Default::default()
    };
    let session = methods.create_setup_session(portal.ask(open)).await.unwrap().into_inner();
    assert!(session.url.starts_with(portal.world.sandbox.base_url()), "{}", session.url);
    let early = v1::CreatePaymentMethodRequest {
        source: Some(v1::create_payment_method_request::Source::SetupSession(session.name)),
        ..card("")
    };
    let refused = methods.create_payment_method(portal.ask(early)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "SETUP_SESSION_OPEN")
    );
}

#[rstest]
#[tokio::test]
async fn a_broken_stream_of_events_goes_on_after_its_token(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    portal.plan("Monthly", 2_000).await;
    portal.plan("Yearly", 20_000).await;
    let mut events = portal.events();
    let request = v1::StreamEventsRequest::default();
    let mut stream = events.stream_events(portal.ask(request)).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.event.as_ref().unwrap().r#type, "plan.created");
    drop(stream);

    let resume_token = first.resume_token;
    let request = v1::StreamEventsRequest { resume_token, ..Default::default() };
    let mut stream = events.stream_events(portal.ask(request)).await.unwrap().into_inner();
    let second = stream.message().await.unwrap().unwrap().event.unwrap();
    assert_eq!(second.sequence, first.event.unwrap().sequence + 1);
    portal.plan("Weekly", 500).await;
    let live = stream.message().await.unwrap().unwrap().event.unwrap();
    assert_eq!(live.sequence, second.sequence + 1);

    let request = v1::ListEventsRequest {
        types: vec!["plan.created".to_owned()],
        page_size: 2,
        ..Default::default()
    };
    let page = events.list_events(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!(page.events.len(), 2);
    assert!(!page.next_page_token.is_empty());
    for event in page.events {
        let get = v1::GetEventRequest { name: event.name.clone() };
        assert_eq!(events.get_event(portal.ask(get)).await.unwrap().into_inner(), event);
    }
}
