//! A portal's side of the wire: clients of the served API, on a line on which every call bears a key.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use rondo::{
    domain::{
        ids::{Id, Kind},
        money::Money,
    },
    grpc::{
        convert,
        proto::{
            google::r#type,
            v1::{
                api_keys_service_client::ApiKeysServiceClient,
                customers_service_client::CustomersServiceClient,
                dunning_service_client::DunningServiceClient,
                events_service_client::EventsServiceClient,
                invoices_service_client::InvoicesServiceClient,
                merchants_service_client::MerchantsServiceClient,
                payment_methods_service_client::PaymentMethodsServiceClient,
                payments_service_client::PaymentsServiceClient,
                plans_service_client::PlansServiceClient,
                subscriptions_service_client::SubscriptionsServiceClient,
                test_clocks_service_client::TestClocksServiceClient,
            },
        },
    },
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

/// A line on which every call bears the key.
type Line = InterceptedService<Channel, Bearer>;

/// What a call proves itself with.
#[derive(Debug, Clone)]
pub struct Bearer {
    key: MetadataValue<Ascii>,
    merchant: Option<MetadataValue<Ascii>>,
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

/// The API, as one key sees it.
#[derive(Debug, Clone)]
pub struct Api {
    line: Line,
    requests: Arc<AtomicU64>,
}

impl Api {
    /// The API over `channel` for a merchant's key, or for an administrator's who names a merchant.
    pub fn new(channel: &Channel, key: &str, merchant: Option<&str>) -> Self {
        let bearer = Bearer {
            key: format!("Bearer {key}").parse().unwrap(),
            merchant: merchant.map(|name| name.parse().unwrap()),
        };
        let line = InterceptedService::new(channel.clone(), bearer);
        Self { line, requests: Arc::default() }
    }

    /// The name of one request, never used before; above what stories count by hand.
    pub fn request_id(&self) -> String {
        uuid::Uuid::from_u64_pair(1, self.next_number()).to_string()
    }

    /// A number that was not told before.
    pub fn next_number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// The keys.
    pub fn keys(&self) -> ApiKeysServiceClient<Line> {
        ApiKeysServiceClient::new(self.line.clone())
    }

    /// The merchants.
    pub fn merchants(&self) -> MerchantsServiceClient<Line> {
        MerchantsServiceClient::new(self.line.clone())
    }

    /// The test clocks.
    pub fn clocks(&self) -> TestClocksServiceClient<Line> {
        TestClocksServiceClient::new(self.line.clone())
    }

    /// The plans.
    pub fn plans(&self) -> PlansServiceClient<Line> {
        PlansServiceClient::new(self.line.clone())
    }

    /// The customers.
    pub fn customers(&self) -> CustomersServiceClient<Line> {
        CustomersServiceClient::new(self.line.clone())
    }

    /// The payment methods.
    pub fn methods(&self) -> PaymentMethodsServiceClient<Line> {
        PaymentMethodsServiceClient::new(self.line.clone())
    }

    /// The subscriptions.
    pub fn subscriptions(&self) -> SubscriptionsServiceClient<Line> {
        SubscriptionsServiceClient::new(self.line.clone())
    }

    /// The invoices.
    pub fn invoices(&self) -> InvoicesServiceClient<Line> {
        InvoicesServiceClient::new(self.line.clone())
    }

    /// The payments.
    pub fn payments(&self) -> PaymentsServiceClient<Line> {
        PaymentsServiceClient::new(self.line.clone())
    }

    /// Dunning.
    pub fn dunning(&self) -> DunningServiceClient<Line> {
        DunningServiceClient::new(self.line.clone())
    }

    /// The events.
    pub fn events(&self) -> EventsServiceClient<Line> {
        EventsServiceClient::new(self.line.clone())
    }
}

/// An amount such as `20.00 EUR`, as the API writes it.
pub fn money(text: &str) -> r#type::Money {
    convert::money::money(text.parse().unwrap())
}

/// An amount of the API's, as people write it: `20.00 EUR`.
pub fn shown(amount: Option<&r#type::Money>) -> String {
    minor(amount).to_string()
}

/// An amount of the API's, to reckon with.
pub fn minor(amount: Option<&r#type::Money>) -> Money {
    convert::money::amount("amount", amount.unwrap()).unwrap()
}

/// An instant of the API's.
pub fn instant(told: Option<prost_types::Timestamp>) -> DateTime<Utc> {
    convert::time::instant("time", told.unwrap()).unwrap()
}

/// The id in a resource's name, as text: of `customers/cus_…`, `cus_…`.
pub fn bare(name: &str) -> &str {
    name.rsplit_once('/').unwrap().1
}

/// The id in a resource's name.
pub fn id_of<K: Kind>(name: &str) -> Id<K> {
    bare(name).parse().unwrap()
}

/// The reason that a refusal gives.
pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().unwrap().reason
}
