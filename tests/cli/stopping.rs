//! A stop in the middle of a charge: what is in flight finishes, and is recorded.

use std::net::SocketAddr;

use rondo::{
    domain::payment::{PaymentState, attempt::AttemptState},
    grpc::proto::{
        google::r#type::Money,
        v1::{
            self, create_payment_method_request::Source,
            customers_service_client::CustomersServiceClient,
            merchants_service_client::MerchantsServiceClient,
            payment_methods_service_client::PaymentMethodsServiceClient,
            plans_service_client::PlansServiceClient,
            subscriptions_service_client::SubscriptionsServiceClient,
        },
    },
    store::{self, MerchantId, OpenOptions, Page, PaymentFilter},
};
use tonic::{Request, Status, transport::Endpoint};

use super::program::{Room, get_with_key};

/// Its answer takes a while after the money was taken.
const SLOW_CARD: &str = "tok_visa_slow_2000.ana";

// While this thread waits for the server to end, another closes the line to it: what the server waits
// for is the charge alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_charge_that_is_in_flight_is_recorded_before_serve_ends() {
    let room = Room::new();
    let (_sandbox, gateway) = room.with_sandbox("");
    let key = room.run(&["init"]).well().out.trim().to_owned();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    let merchant = subscribe(server.address_in_out(), &key).await;
    while !get_with_key(gateway, "/ledger/charges", "sk_sandbox").1.contains(SLOW_CARD) {}

    let (code, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.trim_end().ends_with("stopped"), "{err}");

    let url = format!("sqlite:{}", room.path("rondo.db").display());
    let store = store::open(&url, OpenOptions::default()).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let page = Page { after: None, limit: 10 };
    let payments = repo.list_payments(merchant, &PaymentFilter::default(), page).await.unwrap();
    let [payment] = &payments[..] else { panic!("one payment: {payments:?}") };
    assert_eq!(payment.state, PaymentState::Succeeded);
    let attempts = repo.attempts_of_payments(merchant, &[payment.id]).await.unwrap();
    let states: Vec<_> = attempts.iter().map(|attempt| attempt.state).collect();
    assert_eq!(states, [AttemptState::Succeeded]);
}

/// A portal of one member, who subscribes with the slow card and so is charged at once.
async fn subscribe(server: SocketAddr, key: &str) -> MerchantId {
    let channel = Endpoint::from_shared(format!("http://{server}")).unwrap().connect().await;
    let channel = channel.unwrap();
    let as_admin = |merchant: Option<String>| {
        let bearer = format!("Bearer {key}");
        move |mut call: Request<()>| -> Result<Request<()>, Status> {
            call.metadata_mut().insert("authorization", bearer.parse().unwrap());
            if let Some(merchant) = &merchant {
                call.metadata_mut().insert("rondo-merchant", merchant.parse().unwrap());
            }
            Ok(call)
        }
    };
    let merchant = MerchantsServiceClient::with_interceptor(channel.clone(), as_admin(None))
        .create_merchant(v1::CreateMerchantRequest {
            merchant: Some(v1::Merchant {
                display_name: "Open Academy".into(),
                time_zone: "Europe/Lisbon".into(),
                language_code: "en".into(),
                gateway: "sandbox".into(),
                invoice_prefix: "OA".into(),
                ..v1::Merchant::default()
            }),
            request_id: once(1),
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner()
        .name;
    let as_merchant = || as_admin(Some(merchant.clone()));
    let plan = PlansServiceClient::with_interceptor(channel.clone(), as_merchant())
        .create_plan(v1::CreatePlanRequest {
            plan: Some(membership()),
            request_id: once(2),
            validate_only: false,
        })
        .await
        .unwrap()
        .into_inner()
        .name;
    let customer = CustomersServiceClient::with_interceptor(channel.clone(), as_merchant())
        .create_customer(v1::CreateCustomerRequest {
            customer: Some(v1::Customer {
                email: "ana@example.org".into(),
                display_name: "Ana Silva".into(),
                ..v1::Customer::default()
            }),
            request_id: once(3),
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner()
        .name;
    PaymentMethodsServiceClient::with_interceptor(channel.clone(), as_merchant())
        .create_payment_method(v1::CreatePaymentMethodRequest {
            payment_method: Some(v1::PaymentMethod {
                customer: customer.clone(),
                network: v1::payment_method::Network::Visa.into(),
                brand: "Visa".into(),
                last_four: "4242".into(),
                expiry_year: 2099,
                expiry_month: 12,
                ..v1::PaymentMethod::default()
            }),
            source: Some(Source::Token(v1::create_payment_method_request::Token {
                token: SLOW_CARD.into(),
                ..Default::default()
            })),
            set_default: true,
            request_id: once(4),
            ..Default::default()
        })
        .await
        .unwrap();
    SubscriptionsServiceClient::with_interceptor(channel, as_merchant())
        .create_subscription(v1::CreateSubscriptionRequest {
            subscription: Some(v1::Subscription { customer, plan, ..v1::Subscription::default() }),
            request_id: once(5),
            ..v1::CreateSubscriptionRequest::default()
        })
        .await
        .unwrap();
    merchant.trim_start_matches("merchants/").parse().unwrap()
}

fn membership() -> v1::Plan {
    let price = Money { currency_code: "EUR".into(), units: 20, nanos: 0 };
    v1::Plan {
        display_name: "Membership".into(),
        terms: Some(v1::PlanTerms {
            interval: Some(v1::BillingInterval {
                unit: v1::billing_interval::Unit::Month.into(),
                count: 1,
            }),
            components: vec![v1::PriceComponent {
                label: "Membership".into(),
                model: v1::price_component::Model::Flat.into(),
                amounts: vec![price],
            }],
            ..v1::PlanTerms::default()
        }),
        ..v1::Plan::default()
    }
}

/// The name of the n-th request.
fn once(n: u128) -> String {
    uuid::Builder::from_u128(n).into_uuid().to_string()
}
