//! A portal's side of the wire: a served API, and clients that bring a key.

use std::num::NonZeroU32;
use std::sync::Arc;

use rondo::{
    app::api_keys::{NewApiKey, create_api_key},
    domain::api_key::Role,
    grpc::{Services, proto::v1, routes},
    store::MerchantId,
};
use tonic::{Request, Status, transport::Channel};

use crate::support::{Engine, world::World};

/// A world that is called over gRPC.
pub struct Portal {
    /// The world.
    pub world: World,
    /// The way there.
    pub channel: Channel,
    /// A key of the merchant.
    pub key: String,
}

impl Portal {
    /// A portal in a new world on `engine`, in which it is 31 January 2026.
    pub async fn on(engine: Engine) -> Self {
        let world = World::on(engine, "2026-01-31").await;
        let plenty = NonZeroU32::new(10_000).unwrap();
        let router = routes(Services {
            rondo: Arc::new(world.rondo.clone()),
            calls_per_second: plenty,
            burst: plenty,
            reflection: true,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let channel =
            Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let merchant = world.merchant().await.id;
        let key = key(&world, Role::Merchant, Some(merchant)).await;
        Self { world, channel, key }
    }

    /// A request with the merchant's key.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        with_key(message, &self.key)
    }

    /// A plan of this price in cents of euro a month.
    pub async fn plan(&self, name: &str, minor: i64) -> v1::Plan {
        let request = v1::CreatePlanRequest {
            plan: Some(v1::Plan {
                display_name: name.to_owned(),
                terms: Some(monthly(minor)),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.plans().create_plan(self.ask(request)).await.unwrap().into_inner()
    }

    /// The plans.
    pub fn plans(&self) -> v1::plans_service_client::PlansServiceClient<Channel> {
        v1::plans_service_client::PlansServiceClient::new(self.channel.clone())
    }

    /// The customers.
    pub fn customers(&self) -> v1::customers_service_client::CustomersServiceClient<Channel> {
        v1::customers_service_client::CustomersServiceClient::new(self.channel.clone())
    }

    /// The payment methods.
    pub fn methods(
        &self,
    ) -> v1::payment_methods_service_client::PaymentMethodsServiceClient<Channel> {
        v1::payment_methods_service_client::PaymentMethodsServiceClient::new(self.channel.clone())
    }

    /// The events.
    pub fn events(&self) -> v1::events_service_client::EventsServiceClient<Channel> {
        v1::events_service_client::EventsServiceClient::new(self.channel.clone())
    }

    /// The keys.
    pub fn keys(&self) -> v1::api_keys_service_client::ApiKeysServiceClient<Channel> {
        v1::api_keys_service_client::ApiKeysServiceClient::new(self.channel.clone())
    }

    /// The merchants.
    pub fn merchants(&self) -> v1::merchants_service_client::MerchantsServiceClient<Channel> {
        v1::merchants_service_client::MerchantsServiceClient::new(self.channel.clone())
    }
}

/// A new key.
pub async fn key(world: &World, role: Role, merchant: Option<MerchantId>) -> String {
    let new = NewApiKey { name: "story".to_owned(), role, merchant, expires_at: None };
    let mut repo = world.rondo.store.begin().await.unwrap();
    let now = world.rondo.clock.now();
    let (_, secret) = create_api_key(repo.as_mut(), &world.rondo.mint, now, new).await.unwrap();
    repo.commit().await.unwrap();
    secret.expose().to_owned()
}

/// A request with this key.
pub fn with_key<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

/// Terms of this price in cents of euro a month.
pub fn monthly(minor: i64) -> v1::PlanTerms {
    v1::PlanTerms {
        interval: Some(v1::BillingInterval {
            unit: v1::billing_interval::Unit::Month.into(),
            count: 1,
        }),
        components: vec![v1::PriceComponent {
            label: "Membership".to_owned(),
            model: v1::price_component::Model::Flat.into(),
            amounts: vec![euro(minor)],
        }],
        entitlements: vec!["courses".to_owned()],
        ..Default::default()
    }
}

/// Cents of euro, as the API writes them.
pub fn euro(minor: i64) -> rondo::grpc::proto::google::r#type::Money {
    rondo::grpc::convert::money::money(World::euro(minor))
}

/// The reason that a refusal gives.
pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().unwrap().reason
}
