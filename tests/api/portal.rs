//! A portal's side of the wire, call by call: bare clients, to which each request brings its key.

use rondo::{domain::api_key::Role, grpc::proto::v1, store::MerchantId};
use tonic::{Request, transport::Channel};

pub use crate::support::api::reason;
use crate::support::{
    Engine, given,
    world::{World, new_key},
};

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
        Self { channel: world.channel.clone(), key: world.key.clone(), world }
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
    new_key(&world.rondo, role, merchant).await
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
    rondo::grpc::convert::money::money(given::euro(minor))
}
