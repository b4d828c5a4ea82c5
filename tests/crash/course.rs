//! A portal with one plan and a few members on a test clock, as it calls the real server.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use rondo::grpc::proto::{
    google::r#type::Money,
    v1::{
        self, create_payment_method_request::Source,
        customers_service_client::CustomersServiceClient,
        invoices_service_client::InvoicesServiceClient,
        merchants_service_client::MerchantsServiceClient,
        payment_methods_service_client::PaymentMethodsServiceClient,
        plans_service_client::PlansServiceClient,
        subscriptions_service_client::SubscriptionsServiceClient,
        test_clocks_service_client::TestClocksServiceClient,
    },
};
use serde_json::Value;
use tokio::time::sleep;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::program::{Room, Running, get_with_key};

/// The longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// The most that the gateway and the server may take on each other's account, in seconds.
const QUICK: &str = "call_seconds = 2\nlease_seconds = 7\ntick_seconds = 1";

/// A server's settings, in a room of its own, with a gateway beside it.
pub struct Place {
    pub room: Room,
    pub gateway: SocketAddr,
    /// An administrator's key.
    pub key: String,
    _sandbox: Running,
}

impl Place {
    /// Sets an installation up on the database at `url`, or on a file in its room.
    pub fn new(url: Option<&str>) -> Self {
        let room = Room::new();
        let mut sandbox = room.start(&["sandbox", "--listen", "127.0.0.1:0"]);
        let gateway = sandbox.address_in_err();
        let url = url.unwrap_or("sqlite:rondo.db");
        room.write(
            "rondo.toml",
            &format!(
                "database_url = '{url}'\nlisten = '127.0.0.1:0'\n[engine]\n{QUICK}\n\
                 [smtp]\ntimeout_seconds = 1\n\
                 [gateways.sandbox]\nkind = 'sandbox'\nbase_url = 'http://{gateway}'\n\
                 secret_key = 'sk_sandbox'\ncalls_per_second = 1000\n"
            ),
        );
        let key = room.run(&["init"]).well().out.trim().to_owned();
        Self { room, gateway, key, _sandbox: sandbox }
    }

    /// What the gateway took of each invoice, by its own ledger, in minor units.
    pub fn captured(&self) -> Vec<(String, i64)> {
        let (_, ledger) = get_with_key(self.gateway, "/ledger/charges", "sk_sandbox");
        let charges = ledger.lines().filter(|line| line.starts_with('{'));
        let charges = charges.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let taken = charges.filter(|charge| charge["captured"] != 0);
        taken
            .map(|charge| {
                let invoice = charge["invoice"].as_str().unwrap().to_owned();
                (invoice, charge["captured"].as_i64().unwrap())
            })
            .collect()
    }

    /// Every invoice is paid, was captured once, and the books are in order.
    pub async fn assert_all_is_paid_once(&self, course: &Course, invoices: usize) {
        let mut owed: Vec<_> = course.paid_invoices().await;
        assert_eq!(owed.len(), invoices, "{owed:?}");
        let mut captured = self.captured();
        owed.sort();
        captured.sort();
        assert_eq!(captured, owed);
        self.room.run(&["audit"]).well();
        self.room.run(&["reconcile"]).well();
    }
}

/// The portal.
pub struct Course {
    line: InterceptedService<Channel, Bearer>,
    merchant: String,
    clock: String,
}

#[derive(Clone)]
struct Bearer {
    key: MetadataValue<tonic::metadata::Ascii>,
    merchant: Option<MetadataValue<tonic::metadata::Ascii>>,
}

impl Bearer {
    fn new(key: &str, merchant: Option<&str>) -> Self {
        let key = format!("Bearer {key}").parse().unwrap();
        Self { key, merchant: merchant.map(|name| name.parse().unwrap()) }
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.key.clone());
        if let Some(merchant) = &self.merchant {
            request.metadata_mut().insert("rondo-merchant", merchant.clone());
        }
        Ok(request)
    }
}

impl Course {
    /// Opens on the 31st of January 2026, with so many members on a plan over 20.00 EUR a month, whose
    /// first invoice is paid.
    pub async fn open(server: SocketAddr, key: &str, members: usize) -> Self {
        let channel = Endpoint::from_shared(format!("http://{server}")).unwrap().connect_lazy();
        let line = InterceptedService::new(channel.clone(), Bearer::new(key, None));
        let merchant = v1::Merchant {
            display_name: "Open Academy".into(),
            time_zone: "Europe/Lisbon".into(),
            language_code: "en".into(),
            gateway: "sandbox".into(),
            invoice_prefix: "OA".into(),
            ..v1::Merchant::default()
        };
        let request = v1::CreateMerchantRequest {
            merchant: Some(merchant),
            request_id: once(),
            ..Default::default()
        };
        let made = MerchantsServiceClient::new(line).create_merchant(request).await.unwrap();
        let merchant = made.into_inner().name;
        let bearer = Bearer::new(key, Some(&merchant));
        let line = InterceptedService::new(channel, bearer);
        let request = v1::CreateTestClockRequest {
            test_clock: Some(v1::TestClock {
                current_time: Some(at("2026-01-31T09:00:00Z")),
                ..v1::TestClock::default()
            }),
            request_id: once(),
            ..Default::default()
        };
        let clock = TestClocksServiceClient::new(line.clone()).create_test_clock(request).await;
        let course = Self { line, merchant, clock: clock.unwrap().into_inner().name };
        course.enrol(members).await;
        course
    }

    /// The same portal, whose server is elsewhere now.
    pub fn moves_to(self, server: SocketAddr, key: &str) -> Self {
        let channel = Endpoint::from_shared(format!("http://{server}")).unwrap().connect_lazy();
        let line = InterceptedService::new(channel, Bearer::new(key, Some(&self.merchant)));
        Self { line, ..self }
    }

    async fn enrol(&self, members: usize) {
        let request = v1::CreatePlanRequest {
            plan: Some(membership()),
            request_id: once(),
            validate_only: false,
        };
        let plan = PlansServiceClient::new(self.line.clone()).create_plan(request).await;
        let plan = plan.unwrap().into_inner().name;
        for number in 0..members {
            let request = v1::CreateCustomerRequest {
                customer: Some(v1::Customer {
                    email: format!("member.{number}@example.org"),
                    display_name: format!("Member {number}"),
                    ..v1::Customer::default()
                }),
                request_id: once(),
                ..Default::default()
            };
            let mut customers = CustomersServiceClient::new(self.line.clone());
            let made = customers.create_customer(request).await;
            let customer = made.unwrap().into_inner().name;
            let token = format!("tok_visa.member{number}");
            let request = v1::CreatePaymentMethodRequest {
                payment_method: Some(v1::PaymentMethod {
                    customer: customer.clone(),
                    network: v1::payment_method::Network::Visa.into(),
                    brand: "Visa".into(),
                    last_four: "4242".into(),
                    expiry_year: 2034,
                    expiry_month: 12,
                    ..v1::PaymentMethod::default()
                }),
                source: Some(Source::Token(v1::create_payment_method_request::Token {
                    token,
                    ..Default::default()
                })),
                set_default: true,
                request_id: once(),
                ..Default::default()
            };
            let mut methods = PaymentMethodsServiceClient::new(self.line.clone());
            methods.create_payment_method(request).await.unwrap();
            let request = v1::CreateSubscriptionRequest {
                subscription: Some(v1::Subscription {
                    customer,
                    plan: plan.clone(),
                    ..v1::Subscription::default()
                }),
                request_id: once(),
                ..v1::CreateSubscriptionRequest::default()
            };
            let mut subscriptions = SubscriptionsServiceClient::new(self.line.clone());
            subscriptions.create_subscription(request).await.unwrap();
        }
        let paid = async || self.paid_invoices().await.len() == members;
        until("the first invoices are paid", paid).await;
    }

    /// Sends the clock to `target`, once.
    pub async fn try_to_send_clock_to(&self, target: &str, request_id: &str) -> Result<(), Status> {
        let mut request = Request::new(v1::AdvanceTestClockRequest {
            name: self.clock.clone(),
            target_time: Some(at(target)),
            request_id: request_id.to_owned(),
            ..Default::default()
        });
        request.set_timeout(Duration::from_secs(20));
        let mut clocks = TestClocksServiceClient::new(self.line.clone());
        clocks.advance_test_clock(request).await.map(|_| ())
    }

    /// Sends the clock to `target`: the same request again until it is answered.
    pub async fn send_clock_to(&self, target: &str) {
        let request_id = once();
        let sent = async || match self.try_to_send_clock_to(target, &request_id).await {
            Ok(()) => true,
            // What comes from the line itself has a cause; of what the server says only this passes.
            Err(status) => {
                let is_of_line = std::error::Error::source(&status).is_some();
                assert!(is_of_line || may_pass(&status), "{status:?}");
                false
            }
        };
        until("the clock is sent", sent).await;
    }

    /// Waits until the clock is where it was sent, and all is done.
    pub async fn arrives(&self) {
        let is_there = async || {
            let request = v1::GetTestClockRequest { name: self.clock.clone() };
            let clock =
                TestClocksServiceClient::new(self.line.clone()).get_test_clock(request).await;
            clock.is_ok_and(|clock| clock.get_ref().state() == v1::test_clock::State::Ready)
        };
        until("the clock is there", is_there).await;
    }

    /// Each paid invoice and its total, in minor units.
    pub async fn paid_invoices(&self) -> Vec<(String, i64)> {
        let request = v1::ListInvoicesRequest { page_size: 1_000, ..Default::default() };
        let listed = InvoicesServiceClient::new(self.line.clone()).list_invoices(request).await;
        let Ok(listed) = listed else { return Vec::new() };
        let paid = listed.into_inner().invoices.into_iter();
        paid.filter(|invoice| invoice.state() == v1::invoice::State::Paid)
            .map(|invoice| {
                let id = invoice.name.trim_start_matches("invoices/").to_owned();
                (id, invoice.total.unwrap().units * 100)
            })
            .collect()
    }
}

/// Whether the same request, made again, may go through.
pub fn may_pass(status: &Status) -> bool {
    use tonic::Code::{Aborted, Cancelled, DeadlineExceeded, Unavailable};
    matches!(status.code(), Aborted | Cancelled | DeadlineExceeded | Unavailable)
}

/// Waits for something that must come about.
pub async fn until(what: &str, has_come: impl AsyncFn() -> bool) {
    let last = Instant::now() + PATIENCE;
    while !has_come().await {
        assert!(Instant::now() < last, "it never came about that {what}");
        sleep(POLL).await;
    }
}

/// The name of one request.
pub fn once() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    uuid::Builder::from_u128(number.into()).into_uuid().to_string()
}

fn at(text: &str) -> Timestamp {
    let at: DateTime<Utc> = text.parse().unwrap();
    Timestamp { seconds: at.timestamp(), nanos: 0 }
}

fn membership() -> v1::Plan {
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
                amounts: vec![Money { currency_code: "EUR".into(), units: 20, nanos: 0 }],
            }],
            ..v1::PlanTerms::default()
        }),
        ..v1::Plan::default()
    }
}
