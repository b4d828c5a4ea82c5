//! Each method that changes something can be tried: with `validate_only` it answers as if it were
//! done, and not a row of the database is another. That it then refuses what it would refuse is asked
//! of every bad input (`bad_input`).

use std::collections::BTreeSet;

use prost::Message;
use rondo::{
    domain::api_key::Role,
    grpc::{
        descriptors::API,
        proto::v1::{
            self, cancel_plan_request::ExistingSubscriptions, cancel_subscription_request::When,
            create_invoice_request::Collection,
        },
    },
    store::MerchantId,
};
use rstest::rstest;

use crate::{
    bad_input::{instant, once},
    given::{self, other_academy},
    portal::{Portal, euro, key, monthly},
    support::{
        Engine::{self, Postgres, Sqlite},
        staff::{NOTE, not_charged},
    },
    wire,
};

/// A portal whose every change is first tried and then made.
struct Tried {
    portal: Portal,
    admin: String,
    paths: BTreeSet<String>,
}

impl Tried {
    async fn on(engine: Engine) -> Self {
        let portal = Portal::on(engine).await;
        let admin = key(&portal.world, Role::Admin, None).await;
        Self { portal, admin, paths: BTreeSet::new() }
    }

    /// Tries a request of the merchant's, and then makes it.
    async fn change<R: Message + Default>(&mut self, method: &str, request: &impl Message) -> R {
        let merchant = self.portal.world.merchant_id;
        self.change_for(merchant, method, request).await
    }

    /// The same, for another merchant.
    async fn change_for<R: Message + Default>(
        &mut self,
        merchant: MerchantId,
        method: &str,
        request: &impl Message,
    ) -> R {
        let path = format!("/rondo.v1.{method}");
        let request = request.encode_to_vec();
        let validate_only = wire::field(wire::request_of(&path), "validate_only").unwrap();
        let tried = [request.clone(), wire::with_number(validate_only, 1)].concat();
        let (channel, admin) = (&self.portal.channel, &self.admin);
        // The use of the key is noted with its first call.
        let list = "/rondo.v1.MerchantsService/ListMerchants";
        wire::call(channel, admin, list, vec![]).await.unwrap();

        let before = self.portal.world.database.whole().await;
        let answer = wire::call_for(channel, admin, merchant, &path, tried).await;
        let answer = answer.unwrap_or_else(|refused| panic!("{path}: {refused}"));
        assert_eq!(self.portal.world.database.whole().await, before, "{path} keeps nothing");
        // What is not kept has no secret.
        let key = v1::CreateApiKeyResponse::decode(answer.as_slice());
        assert!(!path.ends_with("/CreateApiKey") || key.unwrap().secret.is_empty());
        assert!(!String::from_utf8_lossy(&answer).contains("whsec_"), "{path}");

        let made = wire::call_for(channel, admin, merchant, &path, request).await.unwrap();
        assert_ne!(self.portal.world.database.whole().await, before, "{path} changes something");
        self.paths.insert(path);
        R::decode(made.as_slice()).unwrap()
    }
}

#[rstest]
#[tokio::test]
async fn what_is_only_validated_leaves_no_trace(#[values(Sqlite, Postgres)] engine: Engine) {
    let mut all = Tried::on(engine).await;
    administration(&mut all).await;
    catalogue(&mut all).await;
    people(&mut all).await;
    agreements(&mut all).await;
    money(&mut all).await;

    let request_of = |path: &&str| wire::field(wire::request_of(path), "validate_only").is_some();
    let expected: BTreeSet<_> = API.methods().filter(request_of).map(str::to_owned).collect();
    assert_eq!(all.paths, expected);
    assert_eq!(all.paths.len(), 41);
}

async fn administration(all: &mut Tried) {
    let request =
        v1::CreateMerchantRequest { merchant: Some(other_academy()), ..Default::default() };
    let other: v1::Merchant = all.change("MerchantsService/CreateMerchant", &request).await;
    let request = v1::UpdateMerchantRequest {
        merchant: Some(v1::Merchant { display_name: "Academy".to_owned(), ..other.clone() }),
        ..Default::default()
    };
    let _: v1::Merchant = all.change("MerchantsService/UpdateMerchant", &request).await;

    let other: MerchantId = other.name.strip_prefix("merchants/").unwrap().parse().unwrap();
    let request = v1::CreateTestClockRequest {
        test_clock: Some(v1::TestClock {
            current_time: instant("2026-01-31T00:00:00Z"),
            ..Default::default()
        }),
        ..Default::default()
    };
    let clock: v1::TestClock =
        all.change_for(other, "TestClocksService/CreateTestClock", &request).await;
    let request = v1::AdvanceTestClockRequest {
        name: clock.name,
        target_time: instant("2026-03-01T00:00:00Z"),
        ..Default::default()
    };
    let _: v1::TestClock =
        all.change_for(other, "TestClocksService/AdvanceTestClock", &request).await;

    let request = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            display_name: "second".to_owned(),
            role: v1::api_key::Role::Merchant.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made: v1::CreateApiKeyResponse = all.change("ApiKeysService/CreateApiKey", &request).await;
    let name = made.api_key.unwrap().name;
    let request = v1::RevokeApiKeyRequest { name, ..Default::default() };
    let _: v1::ApiKey = all.change("ApiKeysService/RevokeApiKey", &request).await;

    let request = v1::CreateWebhookEndpointRequest {
        webhook_endpoint: Some(v1::WebhookEndpoint {
            url: "https://portal.example/rondo".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let service = "WebhookEndpointsService";
    let made: v1::CreateWebhookEndpointResponse =
        all.change(&format!("{service}/CreateWebhookEndpoint"), &request).await;
    let name = made.webhook_endpoint.unwrap().name;
    let request = v1::DeleteWebhookEndpointRequest { name, ..Default::default() };
    let () = all.change(&format!("{service}/DeleteWebhookEndpoint"), &request).await;
}

async fn catalogue(all: &mut Tried) {
    let step = v1::dunning_ladder::Step {
        after_days: 3,
        access: v1::Access::Grace.into(),
        ..Default::default()
    };
    let request = v1::CreateDunningPolicyRequest {
        dunning_policy: Some(v1::DunningPolicy {
            display_name: "Patient".to_owned(),
            ladder: Some(v1::DunningLadder {
                steps: vec![step],
                final_action: v1::dunning_ladder::FinalAction::Cancel.into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let policy: v1::DunningPolicy =
        all.change("DunningService/CreateDunningPolicy", &request).await;
    let request = v1::UpdateDunningPolicyRequest {
        dunning_policy: Some(v1::DunningPolicy {
            display_name: "Very patient".to_owned(),
            ..policy
        }),
        ..Default::default()
    };
    let updated: v1::DunningPolicy =
        all.change("DunningService/UpdateDunningPolicy", &request).await;
    let v1::DunningPolicy { name, etag, .. } = updated;
    let request = v1::DeleteDunningPolicyRequest { name, etag, ..Default::default() };
    let _: v1::DunningPolicy = all.change("DunningService/DeleteDunningPolicy", &request).await;

    let request = v1::CreatePlanRequest {
        plan: Some(v1::Plan {
            display_name: "Monthly".to_owned(),
            terms: Some(monthly(2_000)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let plan: v1::Plan = all.change("PlansService/CreatePlan", &request).await;
    let request = v1::UpdatePlanRequest {
        plan: Some(v1::Plan { terms: Some(monthly(2_500)), ..plan }),
        existing_subscriptions: v1::ExistingSubscriptions::Keep.into(),
        ..Default::default()
    };
    let updated: v1::UpdatePlanResponse = all.change("PlansService/UpdatePlan", &request).await;
    let plan = updated.plan.unwrap();
    let request = v1::CancelPlanRequest {
        name: plan.name,
        etag: plan.etag,
        existing_subscriptions: Some(ExistingSubscriptions::RunOn(
            v1::cancel_plan_request::RunOn {},
        )),
        ..Default::default()
    };
    let canceled: v1::CancelPlanResponse = all.change("PlansService/CancelPlan", &request).await;
    let v1::Plan { name, etag, .. } = canceled.plan.unwrap();
    let request = v1::DeletePlanRequest { name, etag, ..Default::default() };
    let deleted: v1::Plan = all.change("PlansService/DeletePlan", &request).await;
    let request = v1::UndeletePlanRequest { name: deleted.name, ..Default::default() };
    let _: v1::Plan = all.change("PlansService/UndeletePlan", &request).await;
}

async fn people(all: &mut Tried) {
    let request = v1::CreateCustomerRequest {
        customer: Some(v1::Customer {
            email: "carla@example.org".to_owned(),
            display_name: "Carla".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let carla: v1::Customer = all.change("CustomersService/CreateCustomer", &request).await;
    let request = v1::UpdateCustomerRequest {
        customer: Some(v1::Customer { display_name: "Carla Braun".to_owned(), ..carla.clone() }),
        ..Default::default()
    };
    let _: v1::Customer = all.change("CustomersService/UpdateCustomer", &request).await;
    let name = carla.name;
    let request = v1::DeleteCustomerRequest { name: name.clone(), ..Default::default() };
    let _: v1::Customer = all.change("CustomersService/DeleteCustomer", &request).await;
    let request = v1::UndeleteCustomerRequest { name: name.clone(), ..Default::default() };
    let _: v1::Customer = all.change("CustomersService/UndeleteCustomer", &request).await;

    let card = |token: &str| v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod { customer: name.clone(), ..Default::default() }),
        source: Some(v1::create_payment_method_request::Source::Token(
            v1::create_payment_method_request::Token {
                token: token.to_owned(),
                ..Default::default()
            },
        )),
        request_id: once(),
        ..Default::default()
    };
    let service = "PaymentMethodsService";
    let create = format!("{service}/CreatePaymentMethod");
    let _: v1::PaymentMethod = all.change(&create, &card("tok_visa_ok.carla")).await;
    let second: v1::PaymentMethod = all.change(&create, &card("tok_visa_ok.carla2")).await;
    let request = v1::SetBackupPaymentMethodRequest {
        customer: name.clone(),
        payment_method: second.name.clone(),
        ..Default::default()
    };
    let _: v1::Customer = all.change(&format!("{service}/SetBackupPaymentMethod"), &request).await;
    let request = v1::SetDefaultPaymentMethodRequest {
        customer: name.clone(),
        payment_method: second.name.clone(),
        request_id: once(),
        ..Default::default()
    };
    let _: v1::Customer = all.change(&format!("{service}/SetDefaultPaymentMethod"), &request).await;
    let v1::PaymentMethod { name, etag, .. } = second;
    let request =
        v1::DeletePaymentMethodRequest { name, etag, request_id: once(), ..Default::default() };
    let _: v1::PaymentMethod =
        all.change(&format!("{service}/DeletePaymentMethod"), &request).await;
}

async fn agreements(all: &mut Tried) {
    let plan = all.portal.plan("Monthly", 2_000).await;
    let premium = all.portal.plan("Premium", 3_000).await;
    let ana = all.portal.world.member("Ana", "tok_visa_ok").await;
    let request = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: format!("customers/{}", ana.id),
            plan: plan.name,
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let begun: v1::Subscription =
        all.change("SubscriptionsService/CreateSubscription", &request).await;
    all.portal.world.advance_to("2026-02-01").await;
    let name = || begun.name.clone();
    let service = "SubscriptionsService";
    let get = v1::GetSubscriptionRequest { name: name() };
    let mut subscriptions = v1::subscriptions_service_client::SubscriptionsServiceClient::new(
        all.portal.channel.clone(),
    );
    let known = subscriptions.get_subscription(all.portal.ask(get)).await.unwrap().into_inner();
    let request = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            labels: [("cohort".to_owned(), "spring".to_owned())].into(),
            ..known
        }),
        ..Default::default()
    };
    let _: v1::Subscription = all.change(&format!("{service}/UpdateSubscription"), &request).await;

    let request =
        v1::ChangeSubscriptionRequest { name: name(), plan: premium.name, ..Default::default() };
    let _: v1::Subscription = all.change(&format!("{service}/ChangeSubscription"), &request).await;
    let request = v1::UndoChangeSubscriptionRequest { name: name(), ..Default::default() };
    let _: v1::Subscription =
        all.change(&format!("{service}/UndoChangeSubscription"), &request).await;
    let request = v1::PauseSubscriptionRequest { name: name(), ..Default::default() };
    let _: v1::Subscription = all.change(&format!("{service}/PauseSubscription"), &request).await;
    let request =
        v1::ResumeSubscriptionRequest { name: name(), request_id: once(), ..Default::default() };
    let _: v1::Subscription = all.change(&format!("{service}/ResumeSubscription"), &request).await;
    let request = v1::CancelSubscriptionRequest {
        name: name(),
        when: When::PeriodEnd.into(),
        ..Default::default()
    };
    let _: v1::Subscription = all.change(&format!("{service}/CancelSubscription"), &request).await;
    let request = v1::UndoCancelSubscriptionRequest { name: name(), ..Default::default() };
    let _: v1::Subscription =
        all.change(&format!("{service}/UndoCancelSubscription"), &request).await;
}

async fn money(all: &mut Tried) {
    let eva = all.portal.world.member("Eva", "tok_visa_ok").await;
    let by_link = || v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice {
            customer: format!("customers/{}", eva.id),
            lines: vec![v1::invoice::Line {
                label: "Rust in a week".to_owned(),
                unit_price: Some(euro(4_900)),
                ..Default::default()
            }],
            ..Default::default()
        }),
        collection: Collection::Link.into(),
        request_id: once(),
        ..Default::default()
    };
    let paid: v1::Invoice = all.change("InvoicesService/CreateInvoice", &by_link()).await;
    let request =
        v1::PayInvoiceRequest { name: paid.name, request_id: once(), ..Default::default() };
    let paid: v1::Invoice = all.change("InvoicesService/PayInvoice", &request).await;
    let request = v1::UpdateInvoiceRequest {
        invoice: Some(v1::Invoice {
            labels: [("order".to_owned(), "1017".to_owned())].into(),
            ..paid.clone()
        }),
        ..Default::default()
    };
    let paid: v1::Invoice = all.change("InvoicesService/UpdateInvoice", &request).await;
    let voided: v1::Invoice = all.change("InvoicesService/CreateInvoice", &by_link()).await;
    let request = v1::VoidInvoiceRequest { name: voided.name, ..Default::default() };
    let _: v1::Invoice = all.change("InvoicesService/VoidInvoice", &request).await;

    let bo = all.portal.world.member("Bo", "tok_visa_insufficient_funds").await;
    given::course(&all.portal, &bo).await;
    all.portal.world.advance_to("2026-02-03").await;
    let request =
        v1::RefundPaymentRequest { name: paid.payment, request_id: once(), ..Default::default() };
    let _: v1::Refund = all.change("PaymentsService/RefundPayment", &request).await;

    let mut dunning =
        v1::dunning_service_client::DunningServiceClient::new(all.portal.channel.clone());
    let list = v1::ListDunningCasesRequest { open_only: true, ..Default::default() };
    let cases = dunning.list_dunning_cases(all.portal.ask(list)).await.unwrap().into_inner();
    let name = cases.dunning_cases[0].name.clone();
    let request = v1::HoldDunningCaseRequest {
        name: name.clone(),
        hold_until_time: instant("2026-05-01T00:00:00Z"),
        ..Default::default()
    };
    let _: v1::DunningCase = all.change("DunningService/HoldDunningCase", &request).await;
    let request = v1::ReleaseDunningCaseRequest {
        name: name.clone(),
        request_id: once(),
        ..Default::default()
    };
    let _: v1::DunningCase = all.change("DunningService/ReleaseDunningCase", &request).await;
    let request = v1::RetryDunningCaseNowRequest { name, request_id: once(), ..Default::default() };
    let _: v1::DunningCase = all.change("DunningService/RetryDunningCaseNow", &request).await;

    let (_, course) = all.portal.world.undecided("Cem", "tok_visa_request_lost_x1_then_ok").await;
    let request = v1::SettleAttemptRequest {
        name: course.payment().await.attempts[0].name.clone(),
        verdict: Some(not_charged()),
        note: NOTE.to_owned(),
        request_id: once(),
        ..Default::default()
    };
    let due: v1::Payment = all.change("PaymentsService/SettleAttempt", &request).await;
    assert_eq!(due.attempts[0].state(), v1::attempt::State::NotExecuted);
}
