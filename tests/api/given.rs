//! A portal in which there is one object of each kind, and the names of them.

use rondo::{
    domain::api_key::Role,
    grpc::proto::v1::{
        self,
        create_payment_method_request::{Source, Token},
        dunning_service_client::DunningServiceClient,
        invoices_service_client::InvoicesServiceClient,
        payments_service_client::PaymentsServiceClient,
        subscriptions_service_client::SubscriptionsServiceClient,
        webhook_endpoints_service_client::WebhookEndpointsServiceClient,
    },
};

use crate::{
    bad_input::once,
    portal::{Portal, euro, key, with_key},
    support::member::Member,
};

/// The names of what there is: all of Ana's, but for the case, which is Bo's.
#[derive(Debug, Clone)]
pub struct Names {
    pub customer: String,
    pub payment_method: String,
    pub plan: String,
    pub subscription: String,
    /// Paid.
    pub invoice: String,
    /// Succeeded; 5.00 of 20.00 EUR went back.
    pub payment: String,
    /// The payment's, which succeeded.
    pub attempt: String,
    pub refund: String,
    pub dunning_policy: String,
    /// Open, after a decline for want of funds.
    pub dunning_case: String,
    /// Bo's, open and overdue.
    pub open_invoice: String,
    /// Bo's.
    pub other_customer: String,
    /// Bo's.
    pub other_method: String,
    pub api_key: String,
    pub webhook_endpoint: String,
    pub test_clock: String,
    /// The first of all.
    pub event: String,
}

impl Names {
    /// All of them.
    pub fn all(&self) -> [&str; 17] {
        [
            &self.customer,
            &self.payment_method,
            &self.plan,
            &self.subscription,
            &self.invoice,
            &self.payment,
            &self.attempt,
            &self.refund,
            &self.dunning_policy,
            &self.dunning_case,
            &self.open_invoice,
            &self.other_customer,
            &self.other_method,
            &self.api_key,
            &self.webhook_endpoint,
            &self.test_clock,
            &self.event,
        ]
    }

    /// Of the object that a method names in `name`.
    pub fn of_method(&self, method: &str) -> &str {
        let kinds: [(&str, &str); 16] = [
            ("Attempt", &self.attempt),
            ("PaymentMethod", &self.payment_method),
            ("PlanVersion", &self.plan),
            ("Plan", &self.plan),
            ("Subscription", &self.subscription),
            ("Invoice", &self.invoice),
            ("PayLink", &self.open_invoice),
            ("Payment", &self.payment),
            ("Refund", &self.refund),
            ("DunningPolicy", &self.dunning_policy),
            ("DunningCase", &self.dunning_case),
            ("ApiKey", &self.api_key),
            ("WebhookEndpoint", &self.webhook_endpoint),
            ("TestClock", &self.test_clock),
            ("Event", &self.event),
            ("Customer", &self.customer),
        ];
        let name = kinds.iter().find(|(kind, _)| method.contains(kind)).map(|(_, name)| *name);
        name.unwrap_or(&self.customer)
    }
}

/// The name of an object of the same kind that is nowhere.
pub fn nowhere(name: &str) -> String {
    let (collection, id) = name.split_once('/').unwrap();
    format!("{collection}/{}_06ew5kkq3hx3d1qj9w2t7m8c0g", id.rsplit_once('_').unwrap().0)
}

/// A card of a member's, by this token of the sandbox's.
pub async fn card(portal: &Portal, customer: &str, token: &str) -> v1::PaymentMethod {
    let request = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: customer.to_owned(),
            network: v1::payment_method::Network::Visa.into(),
            brand: "Visa".to_owned(),
            last_four: "1881".to_owned(),
            ..Default::default()
        }),
        source: Some(Source::Token(Token { token: token.to_owned(), ..Default::default() })),
        request_id: once(),
        ..Default::default()
    };
    portal.methods().create_payment_method(portal.ask(request)).await.unwrap().into_inner()
}

/// A course of 20.00 EUR, invoiced to be charged at once.
pub async fn course(portal: &Portal, member: &Member) -> v1::Invoice {
    let request = v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice {
            customer: format!("customers/{}", member.id),
            lines: vec![v1::invoice::Line {
                label: "Rust in a week".to_owned(),
                unit_price: Some(euro(2_000)),
                ..Default::default()
            }],
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let mut invoices = InvoicesServiceClient::new(portal.channel.clone());
    invoices.create_invoice(portal.ask(request)).await.unwrap().into_inner()
}

/// Makes one object of each kind; it is 2 February 2026 afterwards.
pub async fn one_of_each(portal: &Portal) -> Names {
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let bo = portal.world.member("Bo", "tok_visa_insufficient_funds").await;
    let customer = format!("customers/{}", ana.id);
    let other_customer = format!("customers/{}", bo.id);

    let request = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: customer.clone(),
            plan: plan.name.clone(),
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let mut subscriptions = SubscriptionsServiceClient::new(portal.channel.clone());
    let begun = subscriptions.create_subscription(portal.ask(request)).await.unwrap().into_inner();
    let open_invoice = course(portal, &bo).await.name;
    portal.world.advance_to("2026-02-01").await;

    let mut invoices = InvoicesServiceClient::new(portal.channel.clone());
    let list = v1::ListInvoicesRequest { customer: customer.clone(), ..Default::default() };
    let paid = invoices.list_invoices(portal.ask(list)).await.unwrap().into_inner();
    let paid = paid.invoices.into_iter().next().unwrap();
    let request = v1::RefundPaymentRequest {
        name: paid.payment.clone(),
        amount: Some(euro(500)),
        request_id: once(),
        ..Default::default()
    };
    let mut payments = PaymentsServiceClient::new(portal.channel.clone());
    let refund = payments.refund_payment(portal.ask(request)).await.unwrap().into_inner();
    portal.world.advance_to("2026-02-02").await;
    let get = v1::GetPaymentRequest { name: paid.payment.clone() };
    let collected = payments.get_payment(portal.ask(get)).await.unwrap().into_inner();

    let mut dunning = DunningServiceClient::new(portal.channel.clone());
    let list = v1::ListDunningCasesRequest { open_only: true, ..Default::default() };
    let cases = dunning.list_dunning_cases(portal.ask(list)).await.unwrap().into_inner();
    let request = v1::CreateDunningPolicyRequest {
        dunning_policy: Some(v1::DunningPolicy {
            display_name: "Patient".to_owned(),
            ladder: cases.dunning_cases[0].ladder.clone(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let policy = dunning.create_dunning_policy(portal.ask(request)).await.unwrap().into_inner();

    let request = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            display_name: "second".to_owned(),
            role: v1::api_key::Role::ReadOnly.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = portal.keys().create_api_key(portal.ask(request)).await.unwrap().into_inner();
    let request = v1::CreateWebhookEndpointRequest {
        webhook_endpoint: Some(v1::WebhookEndpoint {
            url: "https://portal.example/rondo".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut endpoints = WebhookEndpointsServiceClient::new(portal.channel.clone());
    let endpoint = endpoints.create_webhook_endpoint(portal.ask(request)).await.unwrap();

    let method_of = async |customer: &str| {
        let list =
            v1::ListPaymentMethodsRequest { customer: customer.to_owned(), ..Default::default() };
        let found = portal.methods().list_payment_methods(portal.ask(list)).await.unwrap();
        found.into_inner().payment_methods[0].name.clone()
    };
    let events = portal.events().list_events(portal.ask(v1::ListEventsRequest::default())).await;
    let events = events.unwrap();
    Names {
        payment_method: method_of(&customer).await,
        other_method: method_of(&other_customer).await,
        customer,
        other_customer,
        plan: plan.name,
        subscription: begun.name,
        invoice: paid.name,
        payment: paid.payment,
        attempt: collected.attempts[0].name.clone(),
        refund: refund.name,
        dunning_policy: policy.name,
        dunning_case: cases.dunning_cases[0].name.clone(),
        open_invoice,
        api_key: made.api_key.unwrap().name,
        webhook_endpoint: endpoint.into_inner().webhook_endpoint.unwrap().name,
        test_clock: merchant(portal).await.test_clock,
        event: events.into_inner().events[0].name.clone(),
    }
}

/// The portal's merchant, as it is now.
pub async fn merchant(portal: &Portal) -> v1::Merchant {
    let request =
        v1::GetMerchantRequest { name: format!("merchants/{}", portal.world.merchant_id) };
    portal.merchants().get_merchant(portal.ask(request)).await.unwrap().into_inner()
}

/// A merchant beside the portal's, as it might be created.
pub fn other_academy() -> v1::Merchant {
    v1::Merchant {
        display_name: "Other Academy".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        gateway: "sandbox".to_owned(),
        invoice_prefix: "OTHER".to_owned(),
        ..Default::default()
    }
}

/// A key of another merchant's.
pub async fn another_merchant(portal: &Portal) -> String {
    let admin = key(&portal.world, Role::Admin, None).await;
    let request =
        v1::CreateMerchantRequest { merchant: Some(other_academy()), ..Default::default() };
    let made = portal.merchants().create_merchant(with_key(request, &admin)).await.unwrap();
    let id = made.into_inner().name.strip_prefix("merchants/").unwrap().parse().unwrap();
    key(&portal.world, Role::Merchant, Some(id)).await
}
